"""The store fails in every way, for minutes, under 200 requests a second and new readings.

A proxy in front of DynamoDB's stand-in injects the faults. Collectors run the real pipeline,
adapter and client; the router runs under AWS's runtime interface, which ends it after the
template's timeout. Every request must be answered, and no reading may be lost. The router may
refuse a report of round trips with ``Retry-After``, since it cannot store the report.

No reading is lost if each interval that ended during the test is in the history, in its last
version, after the next undisturbed run, provided that the upstream still serves it then. The
upstream of this test serves the last ten minutes, longer than any fault lasts. Its provider asks
again from the last reading that is known to be stored, as those of ENTSO-E and the US grids do.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from greenstream.api.decision_log import FLUSH_EVERY
from greenstream.api.snapshot_cache import RETRY_AFTER
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone, zones_of
from tests.chaos.scheduled import SERVED, SLOT, Schedule, Upstream, served, slots
from tests.chaos.store_proxy import NAMES, WELL, Spoil, StoreProxy, error
from tests.integration import engines
from tests.integration.conftest import make_table
from tests.integration.runtime_interface import INVOKE, LAYER, Runtime, event, runtime
from tests.measure import quantile
from tests.table_client import TableClient

SUITE = "store faults"

SEED = 20261122
TABLE = "readings"
OVERLOADED = "Try again later."
SPOILS: Final = (
    Spoil(
        "throttled", answer=error(400, f"{NAMES}ProvisionedThroughputExceededException", OVERLOADED)
    ),
    Spoil("throttled, half", 0.5, answer=error(400, f"{NAMES}ThrottlingException", OVERLOADED)),
    Spoil("refused", refuses=True),
    Spoil("500", 0.7, answer=error(500, f"{NAMES}InternalServerError", "Internal")),
    Spoil("cut before", 0.5, cut="before"),
    Spoil("cut after", 0.5, cut="after"),
    Spoil("cut in the middle", 0.5, cut="middle"),
    Spoil("slow, 150 ms", wait_s=0.15),
    Spoil("late, 1 s", 0.5, wait_s=1.0),
    Spoil("pages of 20", page=20),
)
LONGER: Final = (
    Spoil("request limit", answer=error(400, f"{NAMES}RequestLimitExceeded", OVERLOADED)),
    Spoil("503", answer=error(503, f"{NAMES}ServiceUnavailable", "")),
    Spoil("HTML", answer=(502, "<html><body>502 Bad Gateway</body></html>")),
    Spoil("slow, 50 ms", wait_s=0.05),
    Spoil("slow, 250 ms", wait_s=0.25),
    Spoil("answers late, 1 s", 0.5, answer_wait_s=1.0),
    Spoil("late, 10 s", 0.3, wait_s=10.0),
    Spoil("answers late, 10 s", 0.3, answer_wait_s=10.0),
    Spoil("drips", drips=True),
)

REPORTED: Final = "/v1/latency"
ASKED: Final = (
    *[("/v1/route", query) for query in ("", "colo=AMS&lat=52.3&lon=4.9", "colo=EWR&split=true")]
    * 4,
    ("/v1/route", "colo=SJC&lat=37.4&lon=-121.9&current=sfo"),
    ("/v1/zones", ""),
    ("/v1/zones/NYISO", "history_h=48"),
    ("/v1/zones/GBR-13", ""),
    ("/v1/window", "zones=GBR-1,GBR-2,GBR-3,GBR-4,GBR-5,GBR-6,GBR-7,GBR-8,GBR-9,GBR-10"),
    ("/v1/providers", ""),
    ("/v1/health", ""),
    (REPORTED, ""),
)


@dataclass(slots=True)
class Load:
    """Sends requests at a constant rate even if a router is slow, one at a time to each router."""

    rate: float
    forward_s: float
    answers: list[tuple[str, float, dict[str, Any] | None]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    turned_away: int = 0
    meanwhile: str = WELL.name
    _turn: Iterator[int] = field(default_factory=count)

    def until(self, stopped: threading.Event, router: Runtime, begun_at: float) -> None:
        """Send requests to one router, each once the router is free and the request is due."""
        connection = HTTPConnection(router.address.removeprefix("http://"), timeout=60)
        while not stopped.is_set():
            number = next(self._turn)
            time.sleep(max(0.0, begun_at + number / self.rate - time.monotonic()))
            path, query = ASKED[number % len(ASKED)]
            self.ask(connection, path, query, self.forward_s)
        connection.close()

    def ask(
        self, connection: HTTPConnection, path: str, query: str, forward_s: float = 0.0
    ) -> dict[str, Any] | None:
        """Send one request to a router; return the body of its answer, or ``None`` if it failed."""
        asked = (
            event("latency")
            if path == REPORTED
            else event("route")
            | {
                "rawPath": path,
                "rawQueryString": query,
            }
        )
        sent_at = time.monotonic()
        connection.request("POST", INVOKE, json.dumps(asked | {"forward_s": forward_s}))
        text = connection.getresponse().read()
        took_ms = (time.monotonic() - sent_at) * 1e3
        body: dict[str, Any] | None
        try:
            answer = json.loads(text)
            answered = answer["statusCode"] == (202 if path == REPORTED else 200)
            body = json.loads(answer["body"]) if answered else None
        except (ValueError, KeyError):
            answer, body = {}, None  # the runtime's own error: a timeout, or the handler raised
        if path == REPORTED and "Retry-After" in answer.get("headers", {}):
            self.turned_away += 1
        elif body is None:
            self.faults.append(f"{self.meanwhile}: {path}?{query}: {text[:300]!r}")
        self.answers.append((path, took_ms, body))
        return body


FED: Final = {
    "eso": ("GBR-1", "GBR-6", "GBR-13", "GBR"),
    "gridstatus": ("NYISO", "PJM"),
    "entsoe": ("ENTSOE_NL", "ENTSOE_FR"),
}
"""The collected zones: few enough that two processors can serve the requests as well."""


def fed(provider: str) -> list[tuple[Zone, Source]]:
    """Return the provider's zones in `FED`, each with its first source."""
    by_zone: dict[str, tuple[Zone, Source]] = {}
    for zone, source in zones_of(provider):
        by_zone.setdefault(zone.zone, (zone, source))
    return [by_zone[name] for name in FED[provider]]


@dataclass(frozen=True, slots=True)
class Stage:
    """The proxy, the schedules, the routers, and a store that bypasses the proxy."""

    proxy: StoreProxy
    schedules: Sequence[Schedule]
    routers: Sequence[Runtime]
    direct: DynamoStore
    first: datetime


@pytest.fixture
def stage(tmp_path: Path, *, whole: bool) -> Iterator[Stage]:
    """Start a table behind a proxy, a schedule for each provider (two for ESO), and routers."""
    first = utc_now() - 2 * SLOT  # so that the first run finds a slot
    with ExitStack() as stack:
        address = stack.enter_context(engines.dynoxide(tmp_path))
        proxy = stack.enter_context(StoreProxy(address, SEED).running())
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        straight = TableClient()
        make_table(straight, TABLE)
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", proxy.address)
        schedules = [
            Schedule(
                Upstream(name, fed(name), first),
                DynamoStore(dynamodb_client(), TABLE, clock=utc_now),
            )
            for name in (*FED, "eso")
        ]
        environment = {
            "TABLE_NAME": TABLE,
            "AWS_ENDPOINT_URL_DYNAMODB": proxy.address,
            "PYTHONPATH": f"{engines.ROOT}:{LAYER}",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(function_timeout_s()),
        }
        routers = []
        for number in range(8 if whole else 3):
            folder = tmp_path / f"router-{number}"
            folder.mkdir()
            served = runtime(
                engines.ROOT / "functions" / "router",
                environment,
                folder=folder,
                handler="tests.chaos.router_ahead.handler",
            )
            routers.append(stack.enter_context(served))
        yield Stage(proxy, schedules, routers, DynamoStore(straight, TABLE, clock=utc_now), first)


def function_timeout_s() -> int:
    """Return the router's timeout in the template, s."""
    text = (engines.ROOT / "template.yaml").read_text()
    [seconds] = re.findall(
        r"^  RouterFunction:.*?^      Timeout: (\d+)$", text, re.MULTILINE | re.DOTALL
    )[:1]
    return int(seconds)


def told(routers: Sequence[Runtime]) -> Counter[str]:
    """Return the sums of the routers' metrics."""
    found: Counter[str] = Counter()
    for router in routers:
        for line in router.lines():
            for name in ("Decisions", "DegradedAnswers"):
                if "_aws" in line and name in line:
                    values = line[name]
                    found[name] += sum(values if isinstance(values, list) else [values])
    return found


def test_every_request_is_answered_and_every_reading_is_stored_whatever_the_store_does(
    stage: Stage, record_property: Callable[[str, object], None], *, whole: bool
) -> None:
    spoils = (*SPOILS, *LONGER) if whole else SPOILS
    # The whole run waits until memories expire; the short one puts the routers' clocks forward.
    load = Load(rate=200.0, forward_s=0.0 if whole else 0.2)
    for router in stage.routers:
        started(router)
    for router in stage.routers[::2]:  # the others first read the store while it fails
        load.ask(connected(router), "/v1/route", "")
    for schedule in stage.schedules:
        schedule.run()
    seconds = under_load(stage, load, spoils, each_s=8.0 if whole else 0.5)
    during = list(load.answers)

    for router in stage.routers:
        body = load.ask(connected(router), "/v1/route", "", RETRY_AFTER.total_seconds())
        assert body is not None, load.faults
        assert not body["degraded"], f"still degraded: {body['degraded_reason']}"
        load.ask(connected(router), "/v1/route", "", FLUSH_EVERY.total_seconds())
    assert load.faults == []

    decided = [body for path, _, body in load.answers if path == "/v1/route" and body]
    degraded = sum(body["degraded"] for body in decided)
    assert degraded > 0, "the faults never reached a router"
    assert told(stage.routers) == {"Decisions": len(decided), "DegradedAnswers": degraded}

    proxy = stage.proxy
    assert proxy.spoilt.keys() >= {spoil.name for spoil in spoils if not spoil.refuses}
    assert proxy.operations.keys() <= {"PutItem", "UpdateItem", "Query"}, (
        "batch operations can fail in part: the proxy has no fault for that yet"
    )
    now = utc_now()
    for schedule in stage.schedules:
        schedule.run(now)
    delivered, lost = missing(stage, now)
    assert lost == []

    took_ms = sorted(took for _, took, _ in during)
    for name, figure in {
        "cases": len(during),
        "minutes": round(seconds / 60, 1),
        "requests/s": round(len(during) / seconds),
        "failed": len(load.faults),
        "reports turned away": load.turned_away,
        "degraded decisions": degraded,
        "p50 ms": round(quantile(took_ms, 0.5), 1),
        "p99 ms": round(quantile(took_ms, 0.99)),
        "slowest ms": round(took_ms[-1]),
        "requests spoilt": proxy.spoilt.total() - proxy.spoilt[WELL.name],
        "runs": sum(schedule.runs for schedule in stage.schedules),
        "runs failed": sum(schedule.failed for schedule in stage.schedules),
        "readings delivered": delivered,
        "readings lost": len(lost),
    }.items():
        record_property(name, figure)


def under_load(stage: Stage, load: Load, spoils: Sequence[Spoil], *, each_s: float) -> float:
    """Run everything while the store fails in one way after another; return the duration, s."""
    stopped, begun_at = threading.Event(), time.monotonic()
    with ThreadPoolExecutor(len(stage.schedules) + len(stage.routers)) as threads:
        stage.proxy.spoil(spoils[0])
        running = [threads.submit(schedule.until, stopped) for schedule in stage.schedules]
        running += [
            threads.submit(load.until, stopped, router, begun_at) for router in stage.routers
        ]
        try:
            for spoil in spoils:
                load.meanwhile = spoil.name
                stage.proxy.spoil(spoil)
                time.sleep(each_s)
                stage.proxy.spoil(WELL)  # so that each fault meets a healthy store
                time.sleep(each_s / 4)
        finally:
            stage.proxy.spoil(WELL)
            seconds = time.monotonic() - begun_at
            stopped.set()
        for future in running:
            future.result()
    return seconds


def missing(stage: Stage, now: datetime) -> tuple[int, list[tuple[Reading, object]]]:
    """Return how many readings were served until now, and those that are not in the history."""
    delivered = 0
    lost: list[tuple[Reading, object]] = []
    for zone, source in (each for name in FED for each in fed(name)):
        every = [one for end in slots(stage.first, now) for one in served(zone, source, end, now)]
        there = {
            (reading.kind, reading.valid_to): reading
            for kind in source.kinds
            for reading in stage.direct.history(
                zone.zone, source.provider, kind, since=stage.first, until=now
            )
        }
        delivered += len(every)
        for reading in every:
            kept = there.pop((reading.kind, reading.valid_to), None)
            if kept is None or said(kept) != said(reading):
                lost.append((reading, kept))
        assert there == {}, "the history has readings that the upstream did not serve"
    current = {
        (reading.zone, reading.kind): reading for reading in stage.direct.snapshot().readings
    }
    for (zone_name, kind), newest in current.items():
        history = stage.direct.history(
            zone_name, newest.provider, kind, since=now - SERVED, until=now
        )
        assert said(history[-1]) == said(newest), "the board has not the newest"
    return delivered, lost


def started(router: Runtime) -> None:
    """Wait for a router's start, which the emulator includes in the time of the first answers."""
    asked = event("route") | {"rawPath": "/", "rawQueryString": ""}
    for _ in range(5):
        try:
            if router.invoke(asked)["statusCode"] == 200:
                return
        except (ValueError, KeyError, httpx.HTTPError):
            continue  # the runtime's own error: the start took longer than the timeout
    raise RuntimeError("the router did not start")


def connected(router: Runtime) -> HTTPConnection:
    """Return a new connection to a router."""
    return HTTPConnection(router.address.removeprefix("http://"), timeout=60)


def said(reading: Reading) -> tuple[object, ...]:
    """Return the fields of a reading that the upstream determines, whichever run fetched it."""
    return reading.valid_to, reading.published_at, reading.gco2_kwh, reading.quality
