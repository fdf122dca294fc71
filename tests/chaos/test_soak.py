"""A simulated day in minutes: every schedule of the template, random faults and constant load.

The tests check memory, the table's size and every zone's age, and that every decision can be
replayed from the stored history. The seed is printed; ``SOAK_SEED`` repeats a run.
"""

import json
import os
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest

from greenstream.api.router import Router
from greenstream.aws.attributes import number, sortable, source_key, to_instant
from greenstream.aws.dynamo_history import HISTORY_LIFE
from greenstream.aws.reading_items import FORECAST_LIFE
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.profile import HourMean, HourProfile, hour_mean, spread_of
from greenstream.domain.reading import Reading
from greenstream.domain.roundtrips import LIFE as LATENCY_LIFE
from greenstream.ports.store import Snapshot, Store
from infra.local.memory_store import MemoryBoard, MemoryProfiles
from infra.ops import cost
from tests.chaos.simulated_day import Day, Footprint, Sink, SourceKey
from tests.integration import engines
from tests.integration.conftest import make_table
from tests.item_size import item_bytes
from tests.router_client import SetClock
from tests.table_client import TableClient

SUITE = "soak"
SEED = int(os.environ.get("SOAK_SEED", "20261122"))
HOUR = timedelta(hours=1)
CAPPED, DRIFT = Policy(), Policy(version="soak", freshness_model=FreshnessModel.DRIFT)
WARM_H = 12
"""By this hour the cache holds the texts of 512 readings, and each new text evicts an old one."""

GROWN_OBJECTS = 0.05
GROWN_MB = 48.0
"""The limit includes the simulator's caches, since the simulator runs in this process."""

MOST_DEGRADED = 0.05
"""The share of answers that may come from memory. The router waits 0.6 s of real time for the
table. An answer during which the machine itself stood still is counted apart (`Day.stalled`)."""

STORED_GB = 0.3
"""The most that 30 days of history may take. An hour of all feeds comes to 0.27 GB: Elexon's and
the national feeds' mixes of every five minutes are in it, NESO's shares of every half hour, and
the hours of EIA's 50 workbooks."""


@dataclass(frozen=True)
class Span:
    """A simulated span of time: its start, its length and the policy in force."""

    start: datetime
    hours: int
    policy: Policy
    why: str


# The spans are in order of time, since the simulator's quotas assume that time moves forward.
DAYS = [
    Span(datetime(2026, 11, 1, 6, 30, tzinfo=UTC), 4, DRIFT, "clocks go back in America"),
    Span(datetime(2026, 12, 31, 6, tzinfo=UTC), 24, CAPPED, "the year ends"),
    Span(datetime(2027, 3, 28, 0, tzinfo=UTC), 3, CAPPED, "clocks go forward in Europe"),
]
SHORT = Span(datetime(2026, 12, 31, 23, 25, tzinfo=UTC), 1, CAPPED, "the year ends")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TableClient]:
    with (
        engines.dynoxide(tmp_path_factory.mktemp("dynoxide")) as address,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        yield TableClient()


@contextmanager
def written(client: TableClient) -> Iterator[list[float]]:
    """Record the write units of every request; a refused write is billed like any other."""
    units: list[float] = []

    def ask(_: str, request: dict[str, Any]) -> None:
        request["ReturnConsumedCapacity"] = "TOTAL"

    def count(operation: str, answer: Mapping[str, Any]) -> None:
        if operation in ("PutItem", "UpdateItem"):
            units.append(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 1.0))

    client.before.append(ask)
    client.after.append(count)
    yield units
    client.before.remove(ask)
    client.after.remove(count)


@pytest.mark.parametrize("span", DAYS, ids=lambda span: span.why)
def test_a_simulated_day_with_faults_ends_without_failures_or_growth(
    client: TableClient,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
    span: Span,
    *,
    whole: bool,
) -> None:
    if not whole:
        if span.policy is DRIFT or span.hours < 24:
            pytest.skip("left to the whole run: make chaos")
        span = SHORT
    name = uuid4().hex
    make_table(client, name)
    day = Day(client, name, span.start, SEED)
    day.priced = span.policy is CAPPED
    if span.policy is DRIFT:
        day.policies.write(span.policy, {}, span.start)
        day.policies.enforce(span.policy.version)
    decisions = tmp_path / "decisions"
    with decisions.open("w") as lines, written(client) as units:
        day.pass_hours(span.hours, lines)

    rows = [
        row
        for page in client.get_paginator("scan").paginate(TableName=name)
        for row in page["Items"]
    ]
    replayed = _replayed(day, decisions, span.policy)
    size = _size(rows, span.hours)
    reckoned = sum(each.writes for each in cost.functions()) * span.hours / 720 + day.reports
    reckoned += len(day.store.of_windows)  # one write for each hour, once, on a fresh table
    with capsys.disabled():
        print(
            f"\n{span.hours} h from {span.start:%Y-%m-%d %H:%M}Z ({span.why}), seed {SEED}:"
            f" runs {dict(day.runs)}, of these failed {dict(day.failed)}; {day.faults} faults;"
            f" put {dict(day.store.outcomes)}; {day.answers} answers, of these"
            f" {day.degraded} from memory for a slow table and {day.stalled} for a machine that"
            f" stood still; {day.ages} ages,"
            f" {replayed} decisions replayed"
            f"\n  write units {sum(units):.0f}, by the table of costs {reckoned:.0f};"
            f" items {size['items']}; 30 days of history {size['stored_gb']:.3f} GB;"
            f" memory {[f'{one.objects} / {one.rss_mb:.0f} MB' for one in day.footprints]}"
        )
    record_property("cases", replayed + day.ages)
    record_property(
        f"span: {span.why}",
        {
            "hours": span.hours,
            "runs": day.runs.total(),
            "failed": day.failed.total(),
            "faults": day.faults,
            "answers": day.answers,
            "from memory": day.degraded,
            "readings": day.store.outcomes.total(),
            "ages checked": day.ages,
            "decisions replayed": replayed,
            "peak MB": round(max(one.rss_mb for one in day.footprints)),
        },
    )

    assert not day.failures, day.failures[:5]
    assert day.degraded <= MOST_DEGRADED * day.answers
    assert replayed > 100 * span.hours
    assert day.ages > 1000 * span.hours
    _hold_memory(day.footprints)
    _hold_rows(day, rows)
    assert size["stored_gb"] <= STORED_GB
    assert sum(units) <= reckoned


def _hold_memory(footprints: list[Footprint]) -> None:
    """Assert that memory does not grow once every cache is full."""
    if len(footprints) <= WARM_H:
        return
    warm, last = footprints[WARM_H - 1], footprints[-1]
    assert last.objects <= warm.objects * (1 + GROWN_OBJECTS)
    assert last.rss_mb <= warm.rss_mb + GROWN_MB


def _size(rows: Sequence[Mapping[str, Any]], hours: int) -> dict[str, Any]:
    kinds = Counter(f"{row['pk']['S']} {row['sk']['S']}".split("#")[0] for row in rows)
    history = sum(item_bytes(row) for row in rows if row["pk"]["S"].startswith("HISTORY"))
    return {"items": dict(kinds), "stored_gb": history * 720 / hours / 1e9}


def _hold_rows(day: Day, rows: Sequence[Mapping[str, Any]]) -> None:
    """Assert that each interval is stored once with its expiry, and each source once on a board."""
    book = day.store
    expected = {
        (f"HISTORY#{source_key(*source)}", sortable(valid_to))
        for source, intervals in book.intervals.items()
        for valid_to in intervals
    }
    found = [(row["pk"]["S"], row["sk"]["S"]) for row in rows if "HISTORY" in row["pk"]["S"]]
    assert sorted(found) == sorted(expected)
    snapshot = day.store.snapshot()
    assert snapshot.damaged == ()
    assert sorted((r.zone, r.provider, r.kind) for r in snapshot.readings) == sorted(book.intervals)
    assert {status.provider for status in snapshot.providers} == set(day.runs)
    boards = {f"BOARD#{name}" for name in day.runs}
    for pk in ("CURRENT", "SPARE"):
        keys = {row["sk"]["S"] for row in rows if row["pk"]["S"] == pk}
        assert {sk for sk in keys if sk.startswith("BOARD")} == boards
    assert sum(row["pk"]["S"].startswith("FORECAST") for row in rows) == len(book.forecast)
    assert sum(row["pk"]["S"] == "LATENCY" for row in rows) == len(day.colos)
    for row in rows:
        expires_at = to_instant(row["expires_at"]) if "expires_at" in row else None
        match row["pk"]["S"].split("#")[0]:
            case "HISTORY":
                assert expires_at == to_instant(row["valid_to"]) + HISTORY_LIFE
            case "FORECAST":
                [*_, (_, last, _)] = [point["L"] for point in row["points"]["L"]]
                assert expires_at == to_instant(last) + FORECAST_LIFE
            case "LATENCY":
                updated_at = to_instant(row["updated_at"]).replace(microsecond=0)
                assert expires_at is not None
                assert abs(expires_at - updated_at - LATENCY_LIFE) <= timedelta(seconds=1)
            case _:
                assert expires_at is None


# --- replay of every decision ------------------------------------------------------------------


@dataclass
class Remembered:
    """A store that returns only the snapshot and the profiles of one instant."""

    snapshot_then: Snapshot
    profiles_then: MemoryProfiles

    def snapshot(self) -> Snapshot:
        return self.snapshot_then

    def profiles(self, hours: Collection[int]) -> MemoryProfiles:
        del hours
        return self.profiles_then


class Past:
    """What was known at an instant, from the history and the first fetched windows.

    The methods must be called with instants in ascending order.
    """

    def __init__(self, day: Day) -> None:
        since, until = day.start - 72 * HOUR, day.clock() + 24 * HOUR
        self._versions = {
            source: day.store.versions(*source, since=since, until=until)
            for source in day.store.intervals
        }
        to_come = [
            (source, version) for source, versions in self._versions.items() for version in versions
        ]
        to_come.sort(key=lambda entry: (entry[1].fetched_at, entry[1].valid_to), reverse=True)
        self._to_come = to_come
        self._current: dict[SourceKey, Reading] = {}
        self._of_windows = day.store.of_windows
        self._profiled = deque(day.store.profiled)
        self._hours: defaultdict[SourceKey, dict[int, HourMean]] = defaultdict(dict)

    def readings(self, at: datetime) -> tuple[Reading, ...]:
        """Return the newest reading of each source."""
        while self._to_come and self._to_come[-1][1].fetched_at <= at:
            source, version = self._to_come.pop()
            there = self._current.get(source)
            if there is None or there.valid_to <= version.valid_to:
                self._current[source] = version
        return tuple(self._current.values())

    def boards(self, at: datetime) -> tuple[MemoryBoard, ...]:
        """Return the newest reading of each source, by provider."""
        by_provider: defaultdict[str, list[Reading]] = defaultdict(list)
        for reading in self.readings(at):
            by_provider[reading.provider].append(reading)
        return tuple(MemoryBoard(name, tuple(newest)) for name, newest in by_provider.items())

    def profiles(self, at: datetime, read: Collection[int]) -> tuple[HourProfile, ...]:
        """Return each source's means of the hours of day that were read."""
        while self._profiled and self._profiled[0][0] <= at:
            _, key = self._profiled.popleft()
            source, computed_at, hour = key
            mean = self._of_windows.get(key) or self._mean(source, hour, computed_at)
            known = self._hours[source].get(hour)
            if known is None or mean.replaces(known):
                self._hours[source][hour] = _as_stored(mean)
        found = []
        for source, hours in self._hours.items():
            zone, provider, kind = source
            first = self._versions[source][0]
            found.append(
                HourProfile(
                    zone=zone,
                    kind=kind,
                    scope=first.scope,
                    factor_set=first.factor_set,
                    provider=provider,
                    hours={hour: mean for hour, mean in hours.items() if hour in read},
                    simulated=True,
                    day_spread_gco2_kwh=_day_spread_gco2_kwh(hours),
                )
            )
        return tuple(found)

    def _mean(self, source: SourceKey, hour: int, at: datetime) -> HourMean:
        by_interval = {
            one.valid_to: one.gco2_kwh
            for one in self._versions[source]
            if one.fetched_at <= at and (one.valid_to - timedelta(microseconds=1)).hour == hour
        }
        dates = [(valid_to - timedelta(microseconds=1)).date() for valid_to in by_interval]
        return hour_mean(zip(dates, by_interval.values(), strict=True), at)


def _day_spread_gco2_kwh(hours: Mapping[int, HourMean]) -> float | None:
    """Return the spread of the whole day, rounded as the table's items hold it."""
    spread = spread_of([hours[hour] for hour in sorted(hours)])
    return None if spread is None else float(number(spread)["N"])


def _as_stored(mean: HourMean) -> HourMean:
    """Return a mean with its figures rounded as the table's items hold them."""
    gco2_kwh, spread = (
        float(number(figure)["N"]) for figure in (mean.gco2_kwh, mean.spread_gco2_kwh or 0.0)
    )
    return replace(mean, gco2_kwh=gco2_kwh, spread_gco2_kwh=spread)


def _replayed(day: Day, decisions: Path, policy: Policy) -> int:
    """Replay every decision from the history; return how many decisions there were."""
    past = Past(day)
    count = 0
    with decisions.open() as lines:
        for line in lines:
            record = json.loads(line)
            at, read_at, profiles_at = (
                datetime.fromisoformat(record[name]) for name in ("at", "read_at", "profiles_at")
            )
            then = Snapshot(
                boards=past.boards(read_at), policy=None if policy is CAPPED else policy
            )
            profiles = MemoryProfiles(past.profiles(profiles_at, record["hours"]))
            # These two fields depend on how fast the store answered, so they are not compared.
            memory = {"degraded": None, "degraded_reason": None}
            again = _decided(then, profiles, at, record["query"]) | memory
            given = record["body"] | memory
            assert again == given, f"{record['at']}: {record['query']}"
            count += 1
    return count


def _decided(then: Snapshot, profiles: MemoryProfiles, at: datetime, query: str) -> dict[str, Any]:
    router = Router(cast("Store", Remembered(then, profiles)), clock=SetClock(at), telemetry=Sink())
    answer = router.respond(
        {
            "rawPath": "/v1/route",
            "rawQueryString": query,
            "headers": {},
            "requestContext": {"http": {"method": "GET"}},
        }
    )
    found: dict[str, Any] = json.loads(answer["body"])
    return found
