"""Measures one build from inside: a process of that build's own environment runs this script.

It is started as ``python driver.py MEASURE ARGUMENTS``, where the arguments are a JSON object, and
prints one JSON object. The build's checkout is on PYTHONPATH, so this script runs with builds whose
modules have other names: `NAMES` lists where each build has what is needed here.
"""

import heapq
import importlib
import json
import os
import statistics
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NAMES = {
    "DynamoStore": ("greenstream.aws.dynamo_store", "greenstream.dynamodb"),
    "Entsoe": ("functions.entsoe.provider", "functions.entsoe.app"),
    "HourMean": ("greenstream.domain.profile", "greenstream.ladder"),
    "HourProfile": ("greenstream.domain.profile", "greenstream.ladder"),
    "HttpClient": ("greenstream.ingest.http", "greenstream.http"),
    "PowertoolsTelemetry": ("greenstream.aws.powertools", "greenstream.telemetry"),
    "Router": ("greenstream.api.router", "functions.router.app"),
    "SnapshotCache": ("greenstream.api.snapshot_cache", "greenstream.snapshot_cache"),
    "collect": ("greenstream.ingest.collect", "greenstream.collect"),
    "dynamodb_client": ("greenstream.aws.client", "greenstream.dynamodb"),
    "pops": ("greenstream.domain.places", "greenstream.zones"),
    "zones": ("greenstream.domain.zones", "greenstream.zones"),
    "zones_of": ("greenstream.domain.zones", "greenstream.zones"),
}
"""The modules that may define a name; a build has exactly one of them."""

BATCH = (("greenstream.ports.provider", "Batch"), ("greenstream.collect", "Harvest"))
DEADLINE = (
    ("greenstream.api.snapshot_cache", "RequestDeadline"),
    ("greenstream.snapshot_cache", "Patience"),
)
PUT = (("greenstream.ports.store", "Put"), ("greenstream.store", "Put"))
PUT_OUTCOME = (("greenstream.ports.store", "PutOutcome"), ("greenstream.store", "PutOutcome"))
GRIDS = "NYISO,CAISO,PJM"
"""The grids of gridstatus that both builds know."""

QUERY = "lat=40.7&lon=-74.0&colo=EWR"
FAST, SLOW = timedelta(seconds=6), timedelta(minutes=6)
"""Time that passes between two reads of the table, without and with its profiles."""

COLLECTORS = ("eso", "gridstatus", "watttime", "entsoe", "electricitymaps")
Result = dict[str, Any]


def of_build(*places: tuple[str, str]) -> Any:
    """Return the first of these objects that the build has."""
    for module, name in places:
        try:
            return getattr(importlib.import_module(module), name)
        except (ModuleNotFoundError, AttributeError):
            continue
    raise RuntimeError(f"this build has none of {places}")


def named(name: str) -> Any:
    """Return the build's object of this name."""
    return of_build(*((module, name) for module in NAMES[name]))


@dataclass(slots=True)
class Clock:
    """A clock that stands still until it is put forward."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


class Silent:
    """Telemetry that discards everything."""

    def event(self, level: str, message: str, **fields: object) -> None:
        """Discard a log line."""

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Discard a metric."""

    def flush(self) -> None:
        """Flush nothing."""


@dataclass(frozen=True, slots=True)
class Given:
    """A provider that yields given batches."""

    name: str
    batches: tuple[Any, ...]
    simulated: bool = False

    def fetch(self, now: datetime) -> Iterator[Any]:
        """Yield the batches."""
        del now
        yield from self.batches


def newest_readings(valid_to: datetime, *, first_only: bool = False) -> dict[str, list[Any]]:
    """Return by provider a reading of each zone's sources and their kinds.

    With ``first_only``, only the first source of each zone is used.
    """
    a_reading = of_build(("tests.builders", "a_reading"))
    readings: defaultdict[str, list[Any]] = defaultdict(list)
    for nth, zone in enumerate(named("zones")().values()):
        for source in zone.sources[: 1 if first_only else None]:
            readings[source.provider] += [
                a_reading(
                    zone=zone.zone,
                    provider=source.provider,
                    provider_zone=source.provider_zone,
                    kind=kind,
                    scope=source.scope,
                    gco2_kwh=100.123 + nth,
                    valid_to=valid_to,
                    fetched_at=valid_to + timedelta(seconds=20),
                )
                for kind in source.kinds
            ]
    return readings


def profile_of(reading: Any, computed_at: datetime) -> Any:
    """Return a profile that has a mean of each hour of day."""
    means = {hour: 100.123 + 7.7 * hour for hour in range(24)}
    mean, every = named("HourMean"), named("HourProfile")
    known = {"days": 7} if "days" in mean.__dataclass_fields__ else {}
    of_profile = every.__dataclass_fields__
    factor_set = {"factor_set": reading.factor_set} if "factor_set" in of_profile else {}
    return every(
        zone=reading.zone,
        kind=reading.kind,
        scope=reading.scope,
        provider=reading.provider,
        hours={hour: mean(value, computed_at, 12.345, **known) for hour, value in means.items()},
        **factor_set,
    )


def fill(*, table: str, profiles: bool) -> Result:
    """Write readings through the build's pipeline and store, and profiles if they are asked for.

    Every source and kind has a reading, and those of each zone's first source have a profile.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    store = named("DynamoStore")(named("dynamodb_client")(), table, clock=lambda: now)
    batch, ended = of_build(*BATCH), now - timedelta(minutes=1)
    written = 0
    for provider, readings in newest_readings(ended).items():
        given = Given(provider, (batch(readings=tuple(readings)),))
        named("collect")(given, store, clock=lambda: now, telemetry=Silent())
        written += len(readings)
    if profiles:
        for provider, readings in newest_readings(ended, first_only=True).items():
            put_profiles(store, provider, [profile_of(reading, now) for reading in readings])
    return {"readings": written}


def put_profiles(store: Any, provider: str, profiles: list[Any]) -> None:
    """Write profiles of one provider."""
    if hasattr(store, "put_profile_hours"):
        for profile in profiles:
            store.put_profile_hours(profile)
        return
    recording = store.recording(provider)
    for profile in profiles:
        recording.put_profile(profile)
    recording.publish()


def reads(*, table: str, times: int, meter: bool) -> Result:
    """Refresh the router's snapshot over and over, without and with the profiles.

    The result has the medians of the processor time of all threads, ms, or, with ``meter``, the
    read units of one refresh.
    """
    clock = Clock(datetime.now(UTC))
    store = named("DynamoStore")(named("dynamodb_client")(), table, clock=clock)
    cache = named("SnapshotCache")(store, clock)
    deadline = of_build(*DEADLINE)

    def refresh(later: timedelta) -> float:
        clock.now += later
        before = metered()["read_units"] if meter else time.process_time() * 1e3
        view = cache.view(deadline(10.0))
        after = metered()["read_units"] if meter else time.process_time() * 1e3
        if view.degraded_reason is not None:
            raise RuntimeError(view.degraded_reason)
        return float(after - before)

    for _ in range(3):
        refresh(SLOW)
    return {
        "fast": statistics.median(refresh(FAST) for _ in range(times)),
        "slow": statistics.median(refresh(SLOW) for _ in range(max(3, times // 3))),
    }


def import_settings() -> None:
    """Add to the environment what all functions read, as the build's tests do."""
    given = dict(os.environ)
    importlib.import_module("tests.conftest")
    os.environ.update(given)


def metered() -> Mapping[str, float]:
    """Return what the meter before the table has counted."""
    with urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL_DYNAMODB"], timeout=5) as answer:
        counted: Mapping[str, float] = json.load(answer)
    return counted


def first_answer(*, event: Mapping[str, Any]) -> Result:
    """Return the processor time of the first answer after the start, ms, and its faults."""
    app = importlib.import_module("functions.router.app")
    started = time.process_time()
    answer = app.handler(dict(event), None)
    processor_ms = (time.process_time() - started) * 1e3
    body = json.loads(answer["body"])
    if answer["statusCode"] != 200:
        raise RuntimeError(answer["body"])
    return {"processor_ms": processor_ms, "degraded": bool(body["degraded"])}


def few_pops(*, table: str, event: Mapping[str, Any], times: int) -> Result:
    """Ask about the usual POPs: `answers`."""
    return answers(table, {**event, "rawQueryString": QUERY}, times)


def many_pops(*, table: str, event: Mapping[str, Any], times: int) -> Result:
    """Ask about every POP: `answers`."""
    query = f"lat=40.7&lon=-74.0&max_latency_ms=200&pops={','.join(named('pops')())}"
    return answers(table, {**event, "rawQueryString": query}, times)


def answers(table: str, asked: Mapping[str, Any], times: int) -> Result:
    """Ask the router; return medians of processor time, ms, warm and in each new second.

    A read of the table has its own thread, whose time is not counted.
    """
    clock = Clock(datetime.now(UTC))
    store = named("DynamoStore")(named("dynamodb_client")(), table, clock=clock)
    router = named("Router")(store, clock=clock, telemetry=Silent())

    def answer(later: timedelta) -> float:
        clock.now += later
        started = time.thread_time()
        answered = router.respond(asked)
        took_ms = (time.thread_time() - started) * 1e3
        if answered["statusCode"] != 200:
            raise RuntimeError(answered["body"])
        return took_ms

    second, none = timedelta(seconds=1), timedelta()
    for _ in range(10):
        answer(second)
    new_second = statistics.median(answer(second) for _ in range(times))
    return {"new_second": new_second, "warm": statistics.median(answer(none) for _ in range(times))}


def entsoe_domains() -> Result:
    """Return the domains that a run of ENTSO-E asks for, by zone."""
    import_settings()
    return {zone.zone: source.provider_zone for zone, source in named("zones_of")("entsoe")}


@dataclass(slots=True)
class Nowhere:
    """A store that discards everything, and answers as if it had every reading but the newest."""

    def put_reading(self, reading: Any) -> Any:
        """Return what a store answers that has the source's reading before this one."""
        put, outcome = of_build(*PUT), of_build(*PUT_OUTCOME)
        return put(outcome.STORED, reading.valid_from - (reading.valid_to - reading.valid_from))

    def put_readings(self, readings: Any) -> Any:
        """Answer for each reading."""
        return tuple(map(self.put_reading, readings))

    def put_status(self, status: Any) -> None:
        """Discard the status of a run."""

    def recording(self, provider: str) -> "Nowhere":
        """Return this store, which is also what a run is recorded with."""
        del provider
        return self

    def publish(self, status: Any = None) -> None:
        """Discard the status of a run."""

    def history(self, *source: Any, **span: Any) -> tuple[Any, ...]:
        """Return nothing, so that no profile is computed."""
        del source, span
        return ()


def entsoe_runs(*, folder: str, times: list[str]) -> Result:
    """Run ENTSO-E at each time on the documents of its folder, in a process that stays warm.

    The result has the processor time of the first run and the mean of the others, ms. The store
    discards everything.
    """
    import httpx

    import_settings()
    bodies: dict[str, bytes] = {}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, content=bodies[request.url.params["in_Domain"]])
    )
    first = {path.stem for path in (Path(folder) / times[0]).iterdir()}
    provider = named("Entsoe")(
        http=named("HttpClient")(
            provider="entsoe", base_url="https://tp.test", transport=transport
        ),
        token=lambda: "token",
        wanted=tuple(
            (zone, source)
            for zone, source in named("zones_of")("entsoe")
            if source.provider_zone in first
        ),
    )
    store, collect, took_ms = Nowhere(), named("collect"), []
    for time_of_run in times:
        bodies |= {path.stem: path.read_bytes() for path in (Path(folder) / time_of_run).iterdir()}
        clock = Clock(datetime.fromisoformat(time_of_run))
        started = time.process_time()
        done = collect(provider, store, clock=clock, telemetry=Silent())
        took_ms.append((time.process_time() - started) * 1e3)
        if done.errors or (len(done.zones) < len(first) and time_of_run == times[0]):
            raise RuntimeError(f"{len(done.zones)} of {len(first)} zones: {done.errors[:3]}")
    return {"cold": took_ms[0], "warm": statistics.mean(took_ms[1:])}


def schedules(*, table: str, start: str, warm_hours: int, hours: int) -> Result:
    """Let all collectors run on their schedules, with simulated upstreams and a simulated clock.

    The first hours, in which an empty table is filled, are not counted. The result has the write
    units of an hour, and the mean number of requests to the table of a run of ENTSO-E, with those
    that only profiles need counted apart too.
    """
    import_settings()
    simulated_day: Any = importlib.import_module("tests.chaos.simulated_day")
    if hasattr(simulated_day, "COLLECTORS"):  # Later builds have collectors of other zones too.
        simulated_day.COLLECTORS = {name: simulated_day.COLLECTORS[name] for name in COLLECTORS}
    day_of = simulated_day.Day
    default = day_of._default
    day_of._default = lambda day, parameter: (
        GRIDS if parameter == "GridstatusZones" else default(day, parameter)
    )
    day = day_of(named("dynamodb_client")(), table, datetime.fromisoformat(start), 20261122)
    counted_from = day.start + timedelta(hours=warm_hours)
    until = counted_from + timedelta(hours=hours)
    collect, units, requests, of_profiles = day._collect, 0.0, [], []

    def counting(name: str, retries: int) -> None:
        nonlocal units
        before = metered()
        collect(name, retries)
        after = metered()
        if day.clock() >= counted_from:
            units += after["write_units"] - before["write_units"]
            if name == "entsoe":
                requests.append(after["requests"] - before["requests"])
                of_profiles.append(after["profile_requests"] - before["profile_requests"])

    day._collect = counting
    for name in COLLECTORS:
        day._schedule(name, until)
    while day._due:
        due, _, action = heapq.heappop(day._due)
        day.clock.now = max(day.clock.now, due)
        action()
    return {
        "write_units_an_hour": units / hours,
        "entsoe_requests": statistics.mean(requests),
        "entsoe_profile_requests": statistics.mean(of_profiles),
    }


MEASURES: dict[str, Callable[..., Result]] = {
    measure.__name__: measure
    for measure in (
        fill,
        reads,
        first_answer,
        few_pops,
        many_pops,
        entsoe_domains,
        entsoe_runs,
        schedules,
    )
}

if __name__ == "__main__":
    # Powertools writes its metrics to standard output, where only the result belongs.
    with Path(os.devnull).open("w") as log, redirect_stdout(log):
        result = MEASURES[sys.argv[1]](**json.loads(sys.argv[2]))
    print(json.dumps(result))
