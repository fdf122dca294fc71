"""Every provider under every fault: the run ends in time, and no wrong figure is ever stored.

Each cell runs the function's real handler as a cold start in its own process with Lambda's
environment, on a real DynamoDB-compatible server, against the simulated upstreams over real HTTP.
Both clocks stand still, so that a run can be compared with a good one: every item after a faulty
run must equal, byte for byte, the item before it or the item that a good run stores. A cell first
makes the answers for one zone faulty, then (in the whole run) all answers.

`test_faults_deployed` also tries one fault of each provider on the deployed function of a local
stack.

The rows silence, partial, frozen, spike and sandbox hold well-written answers with false figures.
There a cell makes one zone faulty and then runs again without the fault on the same table: each new
figure is true, the reason is in the log and in the status, and the zone recovers. A provider whose
wire format cannot hold the fault has no cell, and the reason is printed below the table.

In the calendar rows the library under gridstatus reads the machine's own clock for CAISO, and so
asks for an archive that does not exist yet: CAISO is missing, the other US grids are not.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from greenstream.domain.reading import FUTURE_TOLERANCE, Reading
from greenstream.domain.zones import zones_of
from infra.local.upstream.providers import simulators_of
from infra.registry import COLLECTORS
from tests.chaos.conftest import WHOLE
from tests.chaos.fault_rows import (
    BY_NAME,
    BY_TURNS,
    CALENDAR,
    CHANGES_OF_CLOCKS,
    CHEAP,
    CLOCKS,
    FALSE_SERIES,
    HOME,
    HOUR,
    NOWHERE,
    OF_A_NETWORK,
    REASONS,
    ROWS,
    SLOW,
    Fault,
    Posted,
    cannot_be,
    hits_every_zone,
    is_expressible,
    place_of,
)
from tests.chaos.faulty import Bench, Items, Strike, bench_of, of_zones, zone_of
from tests.chaos.upstream_truth import is_foretold, is_true
from tests.integration.engines import dynoxide
from tests.integration.test_upstream import running
from tests.table_client import TableClient

SUITE = "fault matrix"
LONG_DAY_H = 3
"""From this hour of the local day on, the day's file has enough stamps before those that repeat."""

OF_THE_DAY = {"gridstatus", "kpx"}
"""The providers whose answer begins with the local day."""

LEAST_RECENT_ZONES = 20
"""So many zones have a recent reading after any run of a provider that reads a share of them."""

EARLIER = 2 * HOUR
SIMULATORS = 5
CHEAP_AT_A_TIME = 3 if WHOLE else 5
ONE = "watttime"
STRUCK = tuple(provider for provider in COLLECTORS if provider not in OF_A_NETWORK | BY_TURNS)
CELLS = (
    [(row, provider) for row in ROWS for provider in STRUCK if cannot_be(row, provider) is None]
    if WHOLE
    else [(row, ONE) for row in CHEAP]
    + [("NaN", provider) for provider in STRUCK if provider != ONE]
    + [("spike", ONE), ("sandbox", "electricitymaps")]
    + [(row, "elexon") for row in FALSE_SERIES if is_expressible(row, "elexon")]
)


# --- trying -----------------------------------------------------------------------------------


def tried(bench: Bench, row: str) -> list[Strike]:
    """Run a cell: with the fault in one zone, then in all; or once if the row has no zones."""
    with bench.simulator() as simulator:
        if row in CALENDAR:
            table = bench.table({})
            return [
                bench.strike(table, simulator, now=instant, upstream_now=instant)
                for instant in CALENDAR[row](HOME[bench.provider], bench.now)
            ]

        def strike(faults: Sequence[Posted] = (), **changes: Any) -> Strike:
            return bench.strike(bench.table(bench.seed_items), simulator, faults, **changes)

        if row in NOWHERE:
            return [strike(address=NOWHERE[row]())]
        place = place_of(bench.provider, row).posted
        if row in FALSE_SERIES:
            target = {} if row == "sandbox" else place  # a key is a sandbox's for every zone
            fault = target | {"fault": FALSE_SERIES[row][bench.provider]}
            table = bench.table(bench.seed_items)
            return [
                bench.strike(table, simulator, [fault]),
                bench.strike(table, simulator),
            ]
        if row in CLOCKS:
            ours, theirs = CLOCKS[row]
            moved = {"fault": "future", "offset_s": theirs.total_seconds()}
            strikes = [[moved | place], [moved]] if theirs else [[]]
            return [strike(faults, now=bench.now + ours) for faults in strikes]
        everywhere = BY_NAME[row].posted
        one_zone = [target | place for target in everywhere]
        return [strike(faults) for faults in ((one_zone, everywhere) if WHOLE else (one_zone,))]


@dataclass(frozen=True)
class Matrix:
    """The selected cells, which run in the background."""

    benches: Mapping[str, Bench]
    cells: Mapping[tuple[str, str], "Future[list[Strike]]"]


@pytest.fixture(scope="module")
def matrix(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Matrix]:
    asked = [
        (str(item.callspec.params["row"]), str(item.callspec.params["provider"]))
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and item.originalname == "test_a_fault_leaves_no_wrong_figure_in_the_store"
    ]
    now = datetime.now(UTC).replace(microsecond=0)
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        engine = stack.enter_context(dynoxide(tmp_path_factory.mktemp("dynoxide")))
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", engine)
        client = TableClient(read_timeout_s=30.0)
        frozen = ("--start", now.isoformat(), "--speed", "0")
        simulators = [
            stack.enter_context(running(tmp_path_factory.mktemp("upstream"), *frozen))
            for _ in range(SIMULATORS)
        ]
        benches: dict[str, Bench] = {}
        for provider in dict.fromkeys(provider for _, provider in asked):
            folder = tmp_path_factory.mktemp(provider)
            benches[provider] = stack.enter_context(bench_of(provider, engine, client, folder, now))
            for simulator in simulators:
                benches[provider].simulators.put(simulator)
        slow = [cell for cell in asked if cell[0] in SLOW]
        cheap_at_a_time = stack.enter_context(ThreadPoolExecutor(CHEAP_AT_A_TIME))
        all_at_once = stack.enter_context(ThreadPoolExecutor(max(1, len(slow))))
        list(cheap_at_a_time.map(lambda bench: bench.prepare(EARLIER), benches.values()))
        cells = {
            (row, provider): (all_at_once if (row, provider) in slow else cheap_at_a_time).submit(
                tried, benches[provider], row
            )
            for row, provider in asked
        }
        yield Matrix(benches, cells)
        for cell in cells.values():
            cell.cancel()


# --- judging ----------------------------------------------------------------------------------


def in_zone(items: Items, zone: str) -> Items:
    return {key: item for key, item in items.items() if zone_of(key) == zone}


def assert_sound(strike: Strike, bench: Bench) -> None:
    """The run ended within its time and memory limits, and every stored item can be read."""
    run = strike.run
    assert run.seconds < bench.limits.timeout_s
    assert run.peak_mb < bench.limits.memory_mb
    assert run.error in {None, "CollectionFailedError"}, run.log
    assert strike.snapshot.damaged == ()
    for read, kind in ((strike.history, "HISTORY#"), (strike.forecasts, "FORECAST#")):
        assert len(read) == sum(pk.startswith(kind) for pk, _ in strike.after), "unreadable items"


def assert_named(strike: Strike, provider: str, zone: str | None = None) -> None:
    """Failures are in log lines with provider and zone, in a metric and in the status."""
    lines = strike.run.lines
    failures = [line for line in lines if line.get("message") in {"rejected", "upstream failed"}]
    assert {line["provider"] for line in failures} == {provider}
    # A line has no zone where it is not known, as when the upstream refuses the key.
    assert zone is None or {line.get("zone") for line in failures} <= {zone, None}, strike.run.log
    for line in failures:
        assert line["level"] == "WARNING"
        assert line["error_kind"] in {"transient", "permanent", "no_data", "invalid"}
        assert line["error"]
        assert line.get("reason") or line["error_kind"] != "invalid"
    [metrics] = [line for line in lines if "ZoneErrors" in line]
    assert metrics["service"] == COLLECTORS[provider].function
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert sum(metrics["ZoneErrors"]) >= 1
    failed = strike.run.error is not None
    assert metrics["RunSucceeded"] == [0.0 if failed else 1.0]
    [state] = [status for status in strike.snapshot.providers if status.provider == provider]
    assert state.state == ("failed" if failed else "partial")
    assert state.last_error
    assert state.last_error_kind in {line["error_kind"] for line in failures}


def assert_each_is_one_of(items: Items, *allowed: Items) -> None:
    for key, item in items.items():
        assert item in [wanted.get(key) for wanted in allowed], f"{key} is {item}"


def judge_one_zone(strike: Strike, fault: Fault, bench: Bench, zone: str) -> None:
    """The faulty zone keeps its earlier items; the other zones have those of a good run."""
    provider, before, after = bench.provider, strike.before, of_zones(strike.after)
    assert in_zone(bench.seed, zone), "the seed has no good reading of the zone"
    assert in_zone(bench.seed, zone) != in_zone(bench.usual, zone)
    others = {key: item for key, item in after.items() if zone_of(key) != zone}
    usual = {key: item for key, item in of_zones(bench.usual).items() if zone_of(key) != zone}
    if provider in fault.ends_run:
        assert_each_is_one_of(others, before, bench.usual)
    else:
        assert others == usual
        assert (strike.run.error is None) is bool(usual) or fault.may_be_true
    if fault.may_be_true:
        assert_each_is_one_of(in_zone(after, zone), before, bench.usual)
    else:
        assert in_zone(after, zone) == in_zone(before, zone)
    if in_zone(after, zone) == in_zone(before, zone):
        assert_named(strike, provider, zone)


def judge_all(strike: Strike, fault: Fault, bench: Bench) -> None:
    """Nothing in the table changes, and the run reports that it failed.

    Zero is right in every unit: a zone at 0 g may be stored, truly, and the run succeeds by it.
    """
    if fault.may_be_true:
        assert_each_is_one_of(of_zones(strike.after), strike.before, bench.usual)
        return
    zeros = zones_at_zero(bench) if fault.name == "wrong unit" else set()
    before, after = (
        {key: item for key, item in of_zones(items).items() if zone_of(key) not in zeros}
        for items in (strike.before, strike.after)
    )
    assert after == before
    stored = assert_true(strike, bench.now, bench.now) if zeros else []
    assert strike.run.error == (None if stored else "CollectionFailedError")
    assert_named(strike, bench.provider)


def zones_at_zero(bench: Bench) -> set[str | None]:
    """Return the zones for which the upstream itself states 0 g/kWh now."""
    return {
        zone_of(key)
        for key, row in bench.usual.items()
        if key[1].startswith("READING#") and row.get("a", row["g"]) == 0
    }


def judge_zones(strikes: Sequence[Strike], row: str, bench: Bench) -> None:
    """Judge a run with the fault in one zone, where that can be, and a run with it in all."""
    in_one = 0 if hits_every_zone(bench.provider, row) else 1
    for strike in strikes[:in_one]:
        judge_one_zone(strike, BY_NAME[row], bench, place_of(bench.provider, row).zone)
    for strike in strikes[in_one:]:
        judge_all(strike, BY_NAME[row], bench)


def assert_true(strike: Strike, now: datetime, upstream_now: datetime) -> list[Reading]:
    """New readings equal the upstream's truth of their interval; no item got older."""
    by_end = {
        (reading.zone, reading.provider, reading.kind, reading.valid_to): reading
        for reading in strike.history
    }
    fresh = [reading for reading in strike.history if reading.fetched_at == now]
    for reading in strike.snapshot.readings:
        kept = by_end[reading.zone, reading.provider, reading.kind, reading.valid_to]
        if reading.fetched_at == now != kept.fetched_at:
            fresh.append(kept)  # only the history has the mix of the figures that came again
        assert reading.gco2_kwh == kept.gco2_kwh
        assert reading.fetched_at >= kept.fetched_at, "the same figures may have come again"
    for reading in fresh:
        assert is_true(reading, upstream_now), reading
        assert reading.valid_from <= now + FUTURE_TOLERANCE, reading
    for forecast in strike.forecasts:
        assert all(is_foretold(forecast, point) for point in forecast.points), forecast
    for key, item in strike.before.items():
        if key[1].startswith("READING#"):
            newer = strike.after[key]
            assert newer["t"] >= item["t"]
    return fresh


def judge_calendar(strike: Strike, bench: Bench, now: datetime) -> None:
    """Every zone has a true reading that is recent at the given time."""
    provider, run = bench.provider, strike.run
    assert run.error is None, run.log
    absent = {"CAISO_NORTH"} if provider == "gridstatus" else set()
    assert {error.partition(":")[0] for error in run.answer["errors"]} == {
        f"{provider}/{zone}" for zone in absent
    }
    fresh = assert_true(strike, now, now)
    assert {reading.zone for reading in fresh} == set(run.answer["zones"])
    max_age_s = {
        (zone.zone, source.provider_zone): source.max_age_s for zone, source in zones_of(provider)
    }
    recent = [
        reading
        for reading in strike.snapshot.readings
        if (now - reading.valid_to).total_seconds()
        <= max_age_s[reading.zone, reading.provider_zone]
    ]
    for reading in strike.snapshot.readings:
        assert reading in recent or reading.fetched_at != now, reading
    if provider in {"entsoe", "electricitymaps"}:  # A run reads a share of the zones.
        assert len({reading.zone for reading in recent}) >= LEAST_RECENT_ZONES
    else:
        wanted = {zone_of(key) for key in bench.usual if key[1].startswith("READING#")} - absent
        assert set(run.answer["zones"]) == wanted


def judge_false_series(fault: Strike, recovery: Strike, row: str, bench: Bench) -> None:
    """No false figure is stored, its reason is named, and the next good run makes it good."""
    provider, zone = bench.provider, place_of(bench.provider, row).zone
    assert_true(fault, bench.now, bench.now)
    [status] = [status for status in fault.snapshot.providers if status.provider == provider]
    lines = [line for line in fault.run.lines if line.get("message") == "rejected"]
    named = {line["reason"] for line in lines if row == "sandbox" or line["zone"] == zone}
    assert named & REASONS[row], f"{row} was not named: {named}\n{fault.run.log}"
    assert set(status.rejected) & REASONS[row], f"{row} is not in the status: {status}"
    stands = {reading.zone for reading in fault.snapshot.readings}
    assert zone in stands, f"the last good reading of {zone} is gone"
    if row == "sandbox":
        assert of_zones(fault.after) == of_zones(fault.before)
        assert status.state == "unconfigured"
    else:
        assert_named(fault, provider)
        spared = {key: item for key, item in of_zones(fault.after).items() if zone_of(key) != zone}
        usual = {key: item for key, item in of_zones(bench.usual).items() if zone_of(key) != zone}
        assert spared == usual, "another zone was touched"
    assert recovery.run.error is None, recovery.run.log
    assert not recovery.run.answer["errors"], recovery.run.answer
    assert_true(recovery, bench.now, bench.now)
    recovered = of_zones(recovery.after)
    for key, item in in_zone(of_zones(bench.usual), zone).items():
        if key[1].startswith("READING#"):
            # A forecast that stood in for the refused figure may be newer than the good one.
            again = recovered[key]
            assert again == item or again["t"] > item["t"], f"{zone} did not recover: {again}"
        elif key[0].startswith("HISTORY#"):
            assert key in recovered, f"{key} was not read after the fault"


def local_hour(bench: Bench) -> int:
    return bench.now.astimezone(HOME[bench.provider]).hour


def figures_of(strikes: Iterable[Strike]) -> tuple[float, float]:
    return max(strike.run.seconds for strike in strikes), max(
        strike.run.peak_mb for strike in strikes
    )


def test_a_provider_without_a_cell_cannot_have_the_fault(
    record_property: Callable[[str, object], None],
) -> None:
    """The reasons are printed below the table of the matrix."""
    notes = []
    for row, by_provider in FALSE_SERIES.items():
        assert by_provider.keys() == set(STRUCK), f"{row} says nothing of a provider"
        faults = {fault for provider, fault in by_provider.items() if is_expressible(row, provider)}
        for provider, why in by_provider.items():
            posted = {
                name for simulator in simulators_of(provider) for name in simulator.payload_faults
            }
            if is_expressible(row, provider):
                assert why in posted, f"the simulator of {provider} has no fault {why}"
            else:
                assert not faults & posted, f"{provider} can have the fault of {row}"
    for row in (*FALSE_SERIES, *CHANGES_OF_CLOCKS):
        reasons = {provider: cannot_be(row, provider) for provider in STRUCK}
        notes += [f"{row}, {provider}: {why}" for provider, why in reasons.items() if why]
    record_property("notes", notes)


@pytest.mark.parametrize(("row", "provider"), CELLS)
def test_a_fault_leaves_no_wrong_figure_in_the_store(
    row: str, provider: str, matrix: Matrix, record_property: Callable[[str, object], None]
) -> None:
    bench, strikes = matrix.benches[provider], matrix.cells[row, provider].result()
    record_property("cell", (row, provider, *figures_of(strikes)))
    for strike in strikes:
        assert_sound(strike, bench)
    if row in CALENDAR:
        instants = CALENDAR[row](HOME[provider], bench.now)
        for strike, instant in zip(strikes, instants, strict=True):
            judge_calendar(strike, bench, instant)
    elif row in CLOCKS:
        ours, theirs = CLOCKS[row]
        for strike in strikes:
            assert_true(strike, bench.now + ours, bench.now + theirs)
    elif row in FALSE_SERIES:
        if row == "frozen" and provider in OF_THE_DAY and local_hour(bench) < LONG_DAY_H:
            pytest.skip("the answer of the day is too short to show that it stands still")
        judge_false_series(strikes[0], strikes[1], row, bench)
    elif row in NOWHERE:
        judge_all(strikes[0], Fault(name=row), bench)
    else:
        judge_zones(strikes, row, bench)
