"""``greenstream providers``: ask every provider once without AWS, and show what it answered.

Each provider is made as its Lambda function makes it, but with an empty table and with the secrets
of this environment. It asks a simulator, or the real API with ``--upstream live``, and stores
nothing.
"""

import argparse
import importlib
import json
import os
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import attrgetter
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Self

from greenstream.domain.clock import utc_now
from greenstream.domain.errors import GreenStreamError, TransientError, UnfitKeyError
from greenstream.domain.freshness import age_s
from greenstream.domain.reading import Reading
from greenstream.domain.zones import zones_of
from greenstream.ports.provider import Batch, ConfigurableProvider, Provider, ProviderConfig
from infra.local import starting
from infra.local.deploying import Upstream
from infra.local.ports import HOST
from infra.local.stack import LocalStack
from infra.local.view import table
from infra.registry import COLLECTORS, Function

UNIT = "g/kWh"
LATE_BY_HABIT = {"eia": timedelta(days=4)}
"""Providers whose newest figure is never live, and how old it may be without a fault."""

SHOWN = 3
"""How many zones, and how many different errors, a row's reason names."""

COLUMNS = (
    "provider", "configured", "reached", "zones", "zone", "newest", "unit", "kind", "scope",
    "factors", "age s", "quality", "verdict", "reason",
)  # fmt: skip


class Verdict(StrEnum):
    """The result of asking a provider; only `FAILED` makes the command fail."""

    OK = "ok"
    PARTIAL = "partial"
    UNCONFIGURED = "unconfigured"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The row of one provider, with the figure of the zone whose reading is newest.

    ``reached`` is whether the upstream answered anything, an error included.
    """

    provider: str
    verdict: Verdict
    reason: str
    configured: bool
    reached: bool
    zones_read: int
    zones_wanted: int
    took_s: float
    zone: str | None = None
    gco2_kwh: float | None = None
    unit: str = UNIT
    kind: str | None = None
    scope: str | None = None
    factor_set: str | None = None
    age_s: float | None = None
    quality: str | None = None
    simulated: bool = False

    @classmethod
    def of(cls, provider: str, batches: Sequence[Batch], now: datetime, *, took_s: float) -> Self:
        """Judge the batches of a run; a failure of the whole run is an error in the last batch.

        A run has failed when it brought no live reading, which is one not older than its source's
        limit, unless its only reason is a missing key. A reading is for all zones that share its
        feed.
        """
        late_s = LATE_BY_HABIT.get(provider, timedelta(0)).total_seconds()
        limit_s = {zone.zone: max(source.max_age_s, late_s) for zone, source in zones_of(provider)}
        readings = [reading for batch in batches for reading in batch.readings]
        errors = [error for batch in batches for error in batch.errors]
        failures = [error for error in errors if not isinstance(error, UnfitKeyError)]
        unfit = len(failures) < len(errors)
        closed = {zone for batch in batches for zone in batch.unconfigured}
        newest = max(readings, key=attrgetter("valid_to"), default=None)
        live = [r for r in readings if age_s(r.valid_to, now) <= limit_s[r.zone]]
        reasons = [*_shortened(errors)]
        keys = COLLECTORS[provider].secrets
        if closed == set(limit_s) and keys and not unfit:
            reasons.append(f"no key is set: set {' and '.join(keys)}")
        elif closed and not unfit:
            reasons.append(
                f"no key, a key whose plan excludes it, or no setting that names it: "
                f"{_named(sorted(closed))}"
            )
        if readings and not live:
            reasons.insert(0, "every reading is older than its source's limit")
        read = _sharing(provider, {reading.zone for reading in readings})
        answered = closed | read | {error.zone for error in errors}
        left = len(set(limit_s) - answered)
        if readings and left and None not in answered:  # None: the whole run failed before its end
            reasons.append(f"{left} of {len(limit_s)} zones come in other runs, by turns")
        skipped = {zone for batch in batches for zone in batch.skipped}
        rests_on = COLLECTORS[provider].secrets_of
        waiting = bool(rests_on) and skipped == set(limit_s) and not (readings or errors)
        if waiting:
            reasons.append(f"it rests on readings that {rests_on} has to store first")
        elif not (readings or errors or closed):
            reasons.append("the answer held no zone")
        if live:
            verdict = Verdict.PARTIAL if errors else Verdict.OK
        elif waiting:
            verdict = Verdict.WAITING
        else:
            failed = readings or failures or not closed
            verdict = Verdict.FAILED if failed else Verdict.UNCONFIGURED
        return cls(
            provider=provider,
            verdict=verdict,
            reason="; ".join(reasons),
            configured=closed != set(limit_s),
            reached=bool(readings) or any(not isinstance(e, TransientError) for e in errors),
            zones_read=len(read),
            zones_wanted=len(limit_s),
            took_s=round(took_s, 1),
            **_shown(newest, now),
        )

    def cells(self) -> list[str]:
        """Return the cells of the row in the order of `COLUMNS`."""
        value = "" if self.gco2_kwh is None else f"{self.gco2_kwh:.0f}"
        shown = [self.zone or "", value, self.unit if value else "", self.kind or ""]
        shown += [self.scope or "", self.factor_set or ""]
        shown.append("" if self.age_s is None else f"{self.age_s:.0f}")
        states = ["yes" if self.configured else "no", "yes" if self.reached else "no"]
        counts = f"{self.zones_read}/{self.zones_wanted}"
        return [
            self.provider,
            *states,
            counts,
            *shown,
            self.quality or "",
            self.verdict,
            self.reason,
        ]


def check(providers: Iterable[Provider], now: datetime) -> list[Finding]:
    """Ask all providers at the same time, and return their rows in the order of the providers.

    Progress goes to stderr.

    Raises
    ------
    Exception
        Any error of a provider that is not a `GreenStreamError`, since it is a defect of our code.
    """
    every = list(providers)
    answers: SimpleQueue[Finding | Exception] = SimpleQueue()
    for provider in every:  # daemons, so that Ctrl-C does not wait for a hanging upstream
        Thread(target=_work, args=(provider, now, answers), daemon=True).start()
    _progress(f"asking {len(every)} providers…")
    findings: dict[str, Finding] = {}
    for _ in every:
        answer = answers.get()
        if isinstance(answer, Exception):
            raise answer
        _progress(f"{answer.provider}: {answer.verdict} after {answer.took_s:.1f} s")
        findings[answer.provider] = answer
    return [findings[provider.name] for provider in every]


def _work(provider: Provider, now: datetime, answers: "SimpleQueue[Finding | Exception]") -> None:
    try:
        answers.put(ask(provider, now))
    except Exception as error:  # noqa: BLE001 - `check` raises it again
        answers.put(error)


def ask(provider: Provider, now: datetime) -> Finding:
    """Run the fetch of one provider to its end, and judge what it brought."""
    began = time.monotonic()
    batches: list[Batch] = []
    try:
        for batch in provider.fetch(now):
            batches.append(batch)  # noqa: PERF402 - batches before a failure count
    except GreenStreamError as error:
        batches.append(Batch(errors=(error,)))
    return Finding.of(provider.name, batches, now, took_s=time.monotonic() - began)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    providers = commands.add_parser("providers", parents=[starting.upstream()])
    providers.add_argument(
        "--json", action="store_true", help="print the rows as JSON instead of a table"
    )
    providers.set_defaults(do=_run)


def _run(arguments: argparse.Namespace) -> int:
    with _environment(arguments.upstream) as environment:
        os.environ.update(environment)
        _progress(f"loading {len(COLLECTORS)} providers…")
        simulated = arguments.upstream == "simulated"
        providers = [provider_of(row, simulated=simulated) for row in COLLECTORS.values()]
        findings = check(providers, datetime.now(UTC))
    if arguments.json:
        rows = {
            "upstream": arguments.upstream,
            "providers": [asdict(finding) for finding in findings],
        }
        print(json.dumps(rows, indent=2))
    else:
        if arguments.upstream == "simulated":
            print("SIMULATED upstreams: no figure here is real")
        print("\n".join(table([COLUMNS, *(finding.cells() for finding in findings)])))
    return int(any(finding.verdict is Verdict.FAILED for finding in findings))


class _NoTelemetry:
    """A `greenstream.ports.telemetry.Telemetry` that drops everything: the table says it all."""

    def event(self, level: str, message: str, **fields: object) -> None:
        """Drop a log line."""

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Drop a count."""


def provider_of(row: Function, *, simulated: bool) -> Provider:
    """Return the provider that a collector runs, made from the environment and without a table."""
    module, _, name = str(row.provider).partition(":")
    provider_class: type[ConfigurableProvider] = getattr(importlib.import_module(module), name)
    return provider_class.from_config(
        ProviderConfig(
            environ=os.environ,
            clock=utc_now,
            telemetry=_NoTelemetry(),
            secret=lambda variable: os.environ.get(variable, "").strip() or None,
            simulated=simulated,
        )
    )


@contextmanager
def _environment(upstream: Upstream) -> Iterator[Mapping[str, str]]:
    """Yield the settings of all providers, and serve a simulator meanwhile if one is asked for."""
    live = {
        name: os.environ.get(name) or value
        for row in COLLECTORS.values()
        for name, value in row.settings.items()
    }
    if upstream == "live":
        yield live
        return
    secrets = [secret for row in COLLECTORS.values() for secret in row.secrets]
    with TemporaryDirectory() as folder:
        local = LocalStack(Path(folder))
        try:
            simulator = local.simulator()
            proxied = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
            yield {
                **live,
                **{
                    row.base_url: f"{simulator['base_url']}/{row.api}"
                    for row in COLLECTORS.values()
                    if row.base_url
                },
                **{name: os.environ.get(name) or "simulated" for name in secrets},
                **dict.fromkeys(proxied, simulator["proxy_url"]),
                **dict.fromkeys(("NO_PROXY", "no_proxy"), HOST),
                "REQUESTS_CA_BUNDLE": simulator["ca_bundle"],
                "SSL_CERT_FILE": simulator["ca_bundle"],
            }
        finally:
            local.down()


def _sharing(provider: str, read: Collection[str]) -> set[str]:
    """Return the zones whose first feed of the provider is that of a zone that was read."""
    feeds: dict[str, str] = {}
    for zone, source in zones_of(provider):
        feeds.setdefault(zone.zone, source.provider_zone)
    feeds_read = {feeds[zone] for zone in read}
    return {zone for zone, feed in feeds.items() if feed in feeds_read}


def _shown(newest: Reading | None, now: datetime) -> dict[str, Any]:
    if newest is None:
        return {}
    return {
        "zone": newest.zone,
        "gco2_kwh": round(newest.gco2_kwh, 1),
        "kind": str(newest.kind),
        "scope": str(newest.scope),
        "factor_set": newest.factor_set,
        "age_s": round(age_s(newest.valid_to, now)),
        "quality": str(newest.quality),
        "simulated": newest.simulated,
    }


def _shortened(errors: Sequence[GreenStreamError]) -> list[str]:
    """Return each different error once, with the zones that it concerns."""
    zones_by_text: dict[str, list[str]] = {}
    for error in errors:
        zones_by_text.setdefault(error.message, []).append(error.zone or "")
    texts = [
        f"{_named([zone for zone in zones if zone])}: {text}" if any(zones) else text
        for text, zones in zones_by_text.items()
    ]
    left = len(texts) - SHOWN
    return texts[:SHOWN] + ([f"and {left} more"] if left > 0 else [])


def _named(names: Sequence[str]) -> str:
    left = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {left} more" if left > 0 else "")


def _progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
