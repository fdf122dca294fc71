"""Runs a provider's real code through the whole pipeline, on files and into memory."""

import importlib
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from greenstream.domain.reading import Forecast, Reading
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ports.provider import ConfigurableProvider, Provider, ProviderConfig
from infra.local.memory_store import MemoryStore
from infra.local.upstream.providers import simulators_of
from infra.local.upstream.wire import Answer, Request
from infra.reading.answers import FileAnswer, answer_to
from infra.reading.transport import answered_by
from infra.registry import Function

NOT_FOUND: Final = Answer(b"Not Found", "text/plain", 404)
"""What answers a request that no pattern matches."""

UNEXPECTED: Final = "unexpected"
"""The reason of a run that an exception of another type than ours has ended."""

EVER: Final = {
    "since": datetime.min.replace(tzinfo=UTC),
    "until": datetime.max.replace(tzinfo=UTC),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One run of the provider: when it takes place (UTC), and the files that are new to it."""

    at: datetime
    answers: tuple[FileAnswer, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A value that was refused, or a request that failed.

    ``reason`` is that of a refused value, such as ``false_zero``, and otherwise the kind of the
    error, such as ``no_data``. ``zone`` is ``None`` when the whole provider is concerned.
    """

    zone: str | None
    reason: str
    message: str


@dataclass(slots=True)
class StepResult:
    """What a step has done.

    Parameters
    ----------
    at
        When the step took place, UTC.
    state
        How the run went: ``ok``, ``partial``, ``failed`` or ``unconfigured``.
    stored
        The readings that the step has added to the history or has changed in it.
    refused
        What was refused or failed, in the order of the run.
    skipped, unconfigured
        The zones that rightly were not asked, and those that the secrets do not open.
    unmatched
        The URLs that no pattern matched, which were answered with 404.
    traceback
        Where the run ended with an unexpected exception, else empty.
    """

    at: datetime
    state: str = "failed"
    stored: list[Reading] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unconfigured: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The steps, and what the store holds after the last of them.

    ``current`` holds the newest reading of each source and kind, as the router sees it, which is
    without its detail. ``history`` holds every interval in its latest version.
    """

    steps: tuple[StepResult, ...]
    current: tuple[Reading, ...]
    history: tuple[Reading, ...]
    forecasts: tuple[Forecast, ...]


def run_steps(row: Function, steps: Sequence[Step], *, zone: str | None, cold: bool) -> Outcome:
    """Run a provider once for each step, and return what it stored and refused.

    Parameters
    ----------
    row
        The provider's row of the registry.
    steps
        The runs in their order. The answers of a later step come before those of earlier steps.
    zone
        The only zone to read, or ``None`` for all zones of the provider.
    cold
        Whether each step has a new provider that remembers nothing, as in a new sandbox. The store
        remembers in either case.
    """
    world = _World(row)
    provider: Provider | None = None
    with answered_by(world.answer):
        for step in steps:
            world.begin(step)
            if provider is None or cold:
                provider = _provider(row, zone, world)
            _run(provider, world)
    store = world.store
    current = tuple(sorted(store.snapshot().readings, key=_order))
    history = tuple(
        reading
        for newest in current
        for reading in store.history(newest.zone, newest.provider, newest.kind, **EVER)
    )
    zones = dict.fromkeys(served.zone for served, _ in zones_of(row.name))
    forecasts = tuple(forecast for name in zones for forecast in store.forecasts(name))
    return Outcome(tuple(world.results), current, history, forecasts)


class _RecordingStore(MemoryStore):
    """Also lists the readings that have changed the history, in ``changed``."""

    def __init__(self) -> None:
        super().__init__()
        self.changed: list[Reading] = []

    def put_history(self, reading: Reading) -> None:
        """Store a reading, and list it unless its interval had the same figures already."""
        before = self._figures(reading)
        super().put_history(reading)
        if before != self._figures(reading):
            self.changed.append(reading)

    def _figures(self, reading: Reading) -> Reading | None:
        """Return what the history has of a reading's interval, without when it was fetched."""
        until = reading.valid_to
        since = until - timedelta.resolution
        for stored in self.history(
            reading.zone, reading.provider, reading.kind, since=since, until=until
        ):
            return replace(stored, fetched_at=until, published_at=None, detail={})
        return None


class _World:
    """What the provider sees of the world: its clock, telemetry, secrets, store and upstream."""

    def __init__(self, row: Function) -> None:
        self.store = _RecordingStore()
        self.results: list[StepResult] = []
        self._answers: list[FileAnswer] = []
        self._account = {
            path: respond
            for simulator in simulators_of(row.name)
            for path, respond in simulator.account.items()
        }

    @property
    def result(self) -> StepResult:
        """The result of the present step."""
        return self.results[-1]

    def begin(self, step: Step) -> None:
        """Begin a step."""
        self.results.append(StepResult(step.at))
        self.store.changed = self.result.stored
        self._answers[:0] = step.answers

    def clock(self) -> datetime:
        """Return the time of the present step."""
        return self.result.at

    def secret(self, name: str) -> str:
        """Return an invented secret."""
        return f"invented-{name.lower()}"

    def event(self, level: str, message: str, **fields: Any) -> None:  # noqa: ANN401, ARG002
        """Note what the pipeline logs of a refusal, and of the run as a whole."""
        if message == "run":
            self.result.state = str(fields["state"])
            self.result.skipped = list(fields["skipped"])
            self.result.unconfigured = list(fields["unconfigured"])
        elif "error_kind" in fields:
            reason = fields.get("reason") or fields["error_kind"]
            refusal = Refusal(fields["zone"], str(reason), str(fields["error"]))
            self.result.refused.append(refusal)

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Drop a count, which the log has too."""

    def answer(self, url: str, headers: Mapping[str, str]) -> Answer:
        """Answer a request: by the first pattern that matches, else with 404.

        A request about the account is answered as for a good account, unless a pattern that spells
        out its path matches.
        """
        parts, answers = urlsplit(url), self._answers
        account = self._account.get(parts.path)
        if account is not None:
            answers = [answer for answer in answers if answer.names(parts.path)]
        if (answer := answer_to(answers, url)) is not None:
            return answer
        if account is not None:
            query = dict(parse_qsl(parts.query))
            return account(Request("GET", parts.path, query, headers), self.result.at)
        self.result.unmatched.append(url)
        return NOT_FOUND


def _provider(row: Function, zone: str | None, world: _World) -> Provider:
    """Return the provider that the collector runs, with the settings of the template."""
    module, _, name = str(row.provider).partition(":")
    provider_class: type[ConfigurableProvider] = getattr(importlib.import_module(module), name)
    provider = provider_class.from_config(
        ProviderConfig(
            environ=row.settings,
            clock=world.clock,
            telemetry=world,
            secret=world.secret,
            newest=lambda: world.store.snapshot().readings,
            history=world.store.history,
            profiles=world.store.profiles,
        )
    )
    return provider if zone is None else replace(provider, wanted=_feed_of(row.name, zone))


def _feed_of(provider: str, zone: str) -> tuple[tuple[Zone, Source], ...]:
    """Return a zone's first source of the provider, with all zones that share it.

    Electricity Maps stores a feed that several zones share under one of them only.
    """
    pairs = zones_of(provider)
    first = next(source.provider_zone for served, source in pairs if served.zone == zone)
    return tuple(pair for pair in pairs if pair[1].provider_zone == first)


def _run(provider: Provider, world: _World) -> None:
    try:
        collect(provider, world.store, clock=world.clock, telemetry=world)
    except CollectionFailedError:
        pass  # the state and the refusals have been logged
    except Exception as error:  # noqa: BLE001 - a defect of the provider, which is shown
        what = f"{type(error).__name__}: {error}"
        world.result.refused.append(Refusal(None, UNEXPECTED, what))
        world.result.traceback = traceback.format_exc()


def _order(reading: Reading) -> tuple[str, str, str]:
    return reading.zone, reading.provider, str(reading.kind)
