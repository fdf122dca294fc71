"""The US operators' files with known faults, read by the real library through the pipeline."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from greenstream.domain.intensity import factor_tables, mix_intensity
from greenstream.domain.reading import Basis
from infra.local.upstream.wire import Answer
from infra.reading.answers import FileAnswer
from infra.reading.pipeline import Outcome, Step, run_steps
from infra.registry import COLLECTORS
from tests.bench.recorded_cuts import Recording
from tests.bench.refusals import FOLDERS, MOST_REFUSED, PROVIDERS, count

LAST = datetime(2026, 3, 5, 18, 0, tzinfo=UTC)
"""13:00 in New York, 10:00 in California."""

Mix = dict[str, float]
NYISO: Mix = {
    "Dual Fuel": 4100,
    "Natural Gas": 3000,
    "Nuclear": 3265,
    "Other Fossil Fuels": 1,
    "Other Renewables": 250,
    "Wind": 580,
    "Hydro": 2000,
}
CAISO: Mix = {
    "Solar": 9120,
    "Wind": 1210,
    "Geothermal": 775,
    "Biomass": 188,
    "Biogas": 150,
    "Small hydro": 240,
    "Coal": 2,
    "Nuclear": 2240,
    "Natural Gas": 2980,
    "Large Hydro": 1510,
    "Batteries": -2210,
    "Imports": 1340,
    "Other": 0,
}
PJM: Mix = {
    "Coal": 17000,
    "Gas": 45000,
    "Hydro": 1900,
    "Multiple Fuels": 700,
    "Nuclear": 33000,
    "Oil": 400,
    "Other Renewables": 650,
    "Solar": 2500,
    "Storage": 0,
    "Wind": 1800,
}


def nyiso_csv(mixes: Sequence[Mix], end: datetime = LAST) -> bytes:
    """Return NYISO's file, whose stamps end a period of five minutes."""
    lines = ["Time Stamp,Time Zone,Fuel Category,Gen MW"]
    for back, mix in enumerate(reversed(mixes)):
        local = (end - back * timedelta(minutes=5)).astimezone(ZoneInfo("America/New_York"))
        rows = [f"{local:%m/%d/%Y %H:%M:%S},EST,{fuel},{mw}" for fuel, mw in mix.items()]
        lines[1:1] = rows
    return "\n".join([*lines, ""]).encode()


def caiso_csv(mixes: Sequence[Mix]) -> bytes:
    """Return California ISO's file, whose stamps begin five minutes and name no day."""
    lines = ["Time," + ",".join(CAISO)]
    for back in reversed(range(len(mixes))):
        mix = mixes[-1 - back]
        local = LAST - (back + 1) * timedelta(minutes=5) - timedelta(hours=8)
        lines.append(f"{local:%H:%M}," + ",".join(str(mix.get(fuel, "")) for fuel in CAISO))
    return "\r\n".join([*lines, ""]).encode()


def pjm_json(mixes: Sequence[Mix], end: datetime = LAST) -> bytes:
    """Return PJM's answer of Data Miner, by hours up to ``end``."""
    items = [
        {
            "datetime_beginning_utc": f"{end - back * timedelta(hours=1):%Y-%m-%dT%H:%M:%S}",
            "fuel_type": fuel,
            "is_renewable": False,
            "mw": mw,
        }
        for back in reversed(range(1, len(mixes) + 1))
        for fuel, mw in mixes[-back].items()
    ]
    return json.dumps({"links": [], "items": items, "totalRows": len(items)}).encode()


@dataclass(frozen=True)
class Grid:
    """A grid: its zone, a good mix of it, and its wire format."""

    market: str
    zone: str
    mix: Mix
    wire: Callable[[Sequence[Mix]], bytes]
    kind: str
    step: timedelta

    def read(self, *mixes: Mix, body: bytes | None = None, now: datetime | None = None) -> Outcome:
        answer = Answer(body or self.wire(mixes), self.kind, 200)
        step = Step(now or LAST + timedelta(minutes=3), (FileAnswer("*", answer),))
        return run_steps(COLLECTORS["gridstatus"], [step], zone=self.zone, cold=True)

    def read_often(self, bodies: Sequence[tuple[datetime, bytes]], *, cold: bool) -> Outcome:
        """Read these files, each three minutes after its last row has ended."""
        steps = [
            Step(end + timedelta(minutes=3), (FileAnswer("*", Answer(body, self.kind, 200)),))
            for end, body in bodies
        ]
        return run_steps(COLLECTORS["gridstatus"], steps, zone=self.zone, cold=cold)

    def moved(self, count: int, seed: int = 1) -> list[Mix]:
        """Return mixes that move a little from step to step, as true ones do."""
        chance = random.Random(seed)
        return [
            {fuel: round(mw * chance.uniform(0.98, 1.02), 1) for fuel, mw in self.mix.items()}
            for _ in range(count)
        ]

    def gco2_kwh(self, mix: Mix) -> float:
        named = {fuel.replace("Small hydro", "Small Hydro"): mw for fuel, mw in mix.items()}
        table = factor_tables()[self.market, Basis.DIRECT]
        return mix_intensity(named, table, provider="gridstatus", zone=self.zone).gco2_kwh


FIVE = timedelta(minutes=5)
GRIDS = {
    grid.market: grid
    for grid in (
        Grid("NYISO", "NYISO", NYISO, nyiso_csv, "text/csv", FIVE),
        Grid("CAISO", "CAISO_NORTH", CAISO, caiso_csv, "text/csv", FIVE),
        Grid("PJM", "PJM", PJM, pjm_json, "application/json", timedelta(hours=1)),
    )
}
EVERY_GRID = pytest.mark.parametrize("grid", GRIDS.values(), ids=GRIDS)


def reasons(outcome: Outcome) -> list[str]:
    return [refusal.reason for step in outcome.steps for refusal in step.refused]


def assert_newest(outcome: Outcome, grid: Grid, mix: Mix | None, ended: timedelta) -> None:
    """Assert that the newest reading is the mix's, and ended so long before the last row."""
    [direct] = [one for one in outcome.current if one.basis is Basis.DIRECT]
    assert direct.valid_to == LAST - ended
    if mix is not None:
        assert direct.gco2_kwh == pytest.approx(grid.gco2_kwh(mix))


# --- the cases of public bug reports ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "at", "reason", "ended"),
    [
        ("g9_2", "2026-03-05T18:03", "false_zero", "2026-03-05T17:50"),
        ("g8_x100", "2026-03-05T18:03", "implausible_mw", "2026-03-05T17:50"),
        ("g2_live", "2026-11-27T21:00", "contradiction", "2026-11-27T20:50"),
    ],
)
def test_a_case_is_refused_by_name_and_the_last_good_row_stays(
    cases: Path, name: str, at: str, reason: str, ended: str
) -> None:
    now, good = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (at, ended))
    body = (cases / f"gridstatus/{name}.csv").read_bytes()

    outcome = GRIDS["NYISO"].read(body=body, now=now)

    assert reasons(outcome) == [reason]
    assert {reading.valid_to for reading in outcome.history} == {good}
    [direct] = [one for one in outcome.current if one.basis is Basis.DIRECT]
    assert direct.gco2_kwh == pytest.approx(GRIDS["NYISO"].gco2_kwh(NYISO))


@EVERY_GRID
def test_good_rows_are_read(grid: Grid) -> None:
    mixes = grid.moved(10)

    outcome = grid.read(*mixes)

    assert reasons(outcome) == []
    assert_newest(outcome, grid, mixes[-1], timedelta(0))


# --- false zeros ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5])
@pytest.mark.parametrize(
    ("market", "fuels"),
    [
        ("NYISO", ("Dual Fuel", "Natural Gas")),
        ("NYISO", ("Natural Gas",)),
        ("NYISO", ("Nuclear",)),
        ("CAISO", ("Natural Gas",)),
        ("CAISO", ("Nuclear", "Geothermal")),
        ("PJM", ("Gas",)),
        ("PJM", ("Coal", "Gas")),
    ],
)
def test_a_plant_that_never_stands_still_is_not_at_zero(
    market: str, fuels: tuple[str, ...], count: int
) -> None:
    grid = GRIDS[market]
    zero = grid.mix | dict.fromkeys(fuels, 0.0)

    outcome = grid.read(grid.mix, grid.mix, *[zero] * count)

    assert reasons(outcome) == ["false_zero"]
    assert_newest(outcome, grid, grid.mix, count * grid.step)


@pytest.mark.parametrize("share", [0.01, 0.001])
@pytest.mark.parametrize(
    ("market", "fuel"),
    [("NYISO", "Natural Gas"), ("CAISO", "Natural Gas"), ("CAISO", "Nuclear"), ("PJM", "Coal")],
)
def test_a_plant_that_never_stands_still_is_not_in_another_unit(
    market: str, fuel: str, share: float
) -> None:
    grid = GRIDS[market]
    small = grid.mix | {fuel: share * grid.mix[fuel]}

    outcome = grid.read(grid.mix, grid.mix, small, small)

    assert reasons(outcome) == ["false_zero"]
    assert_newest(outcome, grid, grid.mix, 2 * grid.step)


def test_a_number_that_is_cut_in_the_last_row_is_no_fault() -> None:
    cut = NYISO | {"Natural Gas": 3.0}  # The number was "3000".

    outcome = GRIDS["NYISO"].read(NYISO, NYISO, cut)

    assert reasons(outcome) == []
    assert_newest(outcome, GRIDS["NYISO"], NYISO, FIVE)


def test_zeros_in_the_whole_file_store_nothing() -> None:
    zero = NYISO | {"Dual Fuel": 0, "Natural Gas": 0}

    outcome = GRIDS["NYISO"].read(zero, zero, zero)

    assert reasons(outcome) == ["false_zero"]
    assert outcome.current == ()
    assert outcome.steps[0].state == "failed"


@pytest.mark.parametrize(
    ("market", "change"),
    [
        ("NYISO", {"Other Fossil Fuels": 0}),
        ("CAISO", {"Solar": 0}),
        ("CAISO", {"Imports": -900, "Batteries": 3100, "Coal": 0}),
        ("PJM", {"Storage": 0, "Multiple Fuels": 0}),
    ],
)
def test_what_may_stand_still_is_believed_at_zero(market: str, change: Mix) -> None:
    grid = GRIDS[market]

    assert reasons(grid.read(grid.mix | change, grid.mix | change)) == []


# --- a digit too many -------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("times", [10, 100])
@pytest.mark.parametrize(
    ("market", "fuel"),
    [
        ("NYISO", "Hydro"),
        ("NYISO", "Nuclear"),
        ("NYISO", "Wind"),
        ("NYISO", "Natural Gas"),
        ("CAISO", "Solar"),
        ("CAISO", "Geothermal"),
        ("CAISO", "Nuclear"),
        ("PJM", "Nuclear"),
        ("PJM", "Gas"),
        ("PJM", "Wind"),
    ],
)
def test_a_digit_too_many_is_beyond_what_was_ever_installed(
    market: str, fuel: str, times: int, count: int
) -> None:
    grid = GRIDS[market]
    wrong = grid.mix | {fuel: grid.mix[fuel] * times}

    outcome = grid.read(grid.mix, grid.mix, *[wrong] * count)

    assert reasons(outcome) == ["implausible_mw"]
    assert_newest(outcome, grid, grid.mix, count * grid.step)


def test_a_bad_row_in_the_middle_costs_itself_alone() -> None:
    wrong = NYISO | {"Hydro": 200_000}

    outcome = GRIDS["NYISO"].read(NYISO, wrong, NYISO, NYISO)

    assert_newest(outcome, GRIDS["NYISO"], NYISO, timedelta(0))
    assert LAST - 2 * FIVE not in {reading.valid_to for reading in outcome.history}


# --- one stamp twice --------------------------------------------------------------------------


def doubled(grid: Grid, other: Mix, seed: int) -> bytes:
    """Return a file whose last stamp has two snapshots, line by line in any order."""
    first, second = grid.wire([grid.mix, grid.mix]), grid.wire([grid.mix, other])
    chance = random.Random(seed)
    if grid.kind == "application/json":
        good, more = json.loads(first)["items"], json.loads(second)["items"]
        items = good + more[len(good) // 2 :]
        chance.shuffle(items)
        return json.dumps({"links": [], "items": items, "totalRows": len(items)}).encode()
    head, *lines = first.decode().splitlines()
    half = len(lines) // 2
    lines += second.decode().splitlines()[1 + half :]
    if grid.market == "NYISO":
        chance.shuffle(lines)
    elif seed % 2:
        lines[-2:] = reversed(lines[-2:])
    return "\r\n".join([head, *lines, ""]).encode()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("market", "change"),
    [
        ("NYISO", {"Natural Gas": 3400, "Wind": 480}),
        ("NYISO", {"Nuclear": 3266}),
        ("CAISO", {"Natural Gas": 3400, "Wind": 480}),
        ("PJM", {"Coal": 12000, "Solar": 7500}),
    ],
)
def test_two_snapshots_of_one_stamp_are_a_contradiction(
    market: str, change: Mix, seed: int
) -> None:
    grid = GRIDS[market]

    outcome = grid.read(body=doubled(grid, grid.mix | change, seed))

    assert reasons(outcome) == ["contradiction"]
    assert_newest(outcome, grid, grid.mix, grid.step)


@EVERY_GRID
def test_one_snapshot_twice_is_one(grid: Grid) -> None:
    outcome = grid.read(body=doubled(grid, grid.mix, 0))

    assert reasons(outcome) == []
    assert_newest(outcome, grid, grid.mix, timedelta(0))


# --- a part of the grid, and fuels that are gone ----------------------------------------------


@EVERY_GRID
@pytest.mark.parametrize("share", [0.25, 0.1])
def test_a_part_of_the_grid_is_refused(grid: Grid, share: float) -> None:
    part = {fuel: mw * share for fuel, mw in grid.mix.items()}

    outcome = grid.read(grid.mix, grid.mix, part, part)

    assert set(reasons(outcome)) == {"implausible_total"}
    assert_newest(outcome, grid, grid.mix, 2 * grid.step)


@pytest.mark.parametrize(
    ("market", "fuel"),
    [
        (market, fuel)
        for market, fuels in {
            "NYISO": ("Dual Fuel", "Natural Gas", "Nuclear", "Hydro", "Wind", "Other Renewables"),
            "CAISO": ("Natural Gas", "Imports", "Nuclear", "Solar", "Large Hydro", "Geothermal"),
            "PJM": ("Coal", "Gas", "Nuclear", "Oil", "Wind", "Hydro"),
        }.items()
        for fuel in fuels
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_a_mix_without_a_fuel_that_is_always_there_is_refused(
    market: str, fuel: str, *, whole: bool
) -> None:
    grid = GRIDS[market]
    gone = {name: mw for name, mw in grid.mix.items() if name != fuel}

    outcome = grid.read(*[gone if whole else grid.mix] * 2, gone, gone)

    assert reasons(outcome) == ["missing_fuel"]
    if whole:
        assert outcome.current == ()
    else:
        assert_newest(outcome, grid, grid.mix, 2 * grid.step)


@EVERY_GRID
def test_idle_storage_that_is_left_out_is_idle(grid: Grid) -> None:
    storage = {"Batteries", "Storage"}
    idle = {fuel: mw for fuel, mw in grid.mix.items() if fuel not in storage}

    outcome = grid.read(grid.mix, grid.mix, idle, idle)

    assert reasons(outcome) == []
    assert_newest(outcome, grid, None, timedelta(0))


def test_a_new_fuel_makes_no_row_before_it_incomplete() -> None:
    more = NYISO | {"Energy Storage": 700}

    outcome = GRIDS["NYISO"].read(NYISO, NYISO, NYISO, more, more)

    assert reasons(outcome) == []
    [direct] = [one for one in outcome.current if one.basis is Basis.DIRECT]
    assert direct.valid_to == LAST
    assert direct.detail == {}
    assert direct.coverage < 1


def test_a_fuel_with_a_new_name_is_unknown_and_not_missing() -> None:
    renamed = {fuel.replace("Natural Gas", "Gas (CC)"): mw for fuel, mw in NYISO.items()}

    outcome = GRIDS["NYISO"].read(NYISO, NYISO, renamed, renamed)

    assert reasons(outcome) == []
    [direct] = [one for one in outcome.current if one.basis is Basis.DIRECT]
    assert direct.valid_to == LAST
    assert direct.coverage < 0.8
    assert direct.gco2_low <= GRIDS["NYISO"].gco2_kwh(NYISO) <= direct.gco2_high


def test_a_small_new_fuel_does_not_stand_for_a_large_one_that_is_gone() -> None:
    other = {fuel: mw for fuel, mw in NYISO.items() if fuel != "Natural Gas"} | {"Fusion": 40}

    for mixes in ([NYISO, NYISO, other, other], [other, other]):
        assert reasons(GRIDS["NYISO"].read(*mixes)) == ["missing_fuel"]


# --- frozen -----------------------------------------------------------------------------------


@pytest.mark.parametrize("market", ["NYISO", "CAISO"])
@pytest.mark.parametrize("repeats", [4, 12])
def test_a_frozen_feed_is_refused_since_it_last_moved(market: str, repeats: int) -> None:
    grid = GRIDS[market]
    mixes = grid.moved(19)

    outcome = grid.read(*mixes, *[mixes[-1]] * repeats)

    assert reasons(outcome) == ["frozen"]
    assert_newest(outcome, grid, mixes[-1], repeats * grid.step)


WARM_AND_COLD = pytest.mark.parametrize("cold", [False, True])
"""A new sandbox knows the past from the store."""


@WARM_AND_COLD
def test_a_frozen_feed_of_hours_is_known_by_the_day_before(*, cold: bool) -> None:
    """The file of a day has too few hours, so that the day before is remembered."""
    grid, midnight = GRIDS["PJM"], datetime(2026, 3, 5, 5, 0, tzinfo=UTC)
    # So little sun that it may shine at night.
    yesterday, today = (
        [mix | {"Solar": 100.0 + nth} for nth, mix in enumerate(mixes)]
        for mixes in (grid.moved(20), grid.moved(7, seed=2))
    )
    frozen = [*today, *[today[-1]] * 6]
    ends = [midnight - back * timedelta(hours=1) for back in reversed(range(1, 21))]
    bodies = [
        *((end, pjm_json(yesterday[: n + 1], end)) for n, end in enumerate(ends) if n),
        (LAST, pjm_json(frozen)),
    ]

    outcome = grid.read_often(bodies, cold=cold)

    assert reasons(outcome) == ["frozen"]
    assert_newest(outcome, grid, today[-1], 6 * grid.step)


@EVERY_GRID
def test_a_few_repeated_rows_are_not_frozen(grid: Grid) -> None:
    mixes = grid.moved(18)

    outcome = grid.read(*mixes, *[mixes[-1]] * 2)

    assert reasons(outcome) == []
    assert_newest(outcome, grid, mixes[-1], timedelta(0))


# --- corrections and the past -----------------------------------------------------------------


@WARM_AND_COLD
def test_a_corrected_row_reaches_the_history_and_no_other_is_written_again(*, cold: bool) -> None:
    grid = GRIDS["NYISO"]
    first = grid.moved(6)
    corrected = [*first[:5], first[5] | {"Natural Gas": 3600.0}, *grid.moved(2, seed=3)]
    before = LAST - 2 * FIVE

    outcome = grid.read_often(
        [(before, nyiso_csv(first, before)), (LAST, nyiso_csv(corrected))], cold=cold
    )

    assert reasons(outcome) == []
    ends = [one.valid_to for one in outcome.steps[1].stored if one.basis is Basis.DIRECT]
    assert ends == [LAST - 2 * FIVE, LAST - FIVE, LAST]
    [revised] = [
        one
        for one in outcome.history
        if one.valid_to == LAST - 2 * FIVE and one.basis is Basis.DIRECT
    ]
    assert revised.gco2_kwh == pytest.approx(grid.gco2_kwh(corrected[5]))


@WARM_AND_COLD
def test_a_fuel_that_no_rule_needs_is_missed_from_the_day_before(*, cold: bool) -> None:
    """The new day's file never had it, so that only the past can miss it."""
    grid, midnight = GRIDS["NYISO"], datetime(2026, 3, 5, 5, 0, tzinfo=UTC)
    oily = [mix | {"Other Fossil Fuels": 900.0} for mix in grid.moved(6)]
    gone = [
        {fuel: mw for fuel, mw in mix.items() if fuel != "Other Fossil Fuels"}
        for mix in grid.moved(20)
    ]
    last = midnight + timedelta(hours=3)

    outcome = grid.read_often(
        [
            (midnight - timedelta(minutes=5), nyiso_csv(oily, midnight - timedelta(minutes=5))),
            (last, nyiso_csv(gone, last)),
        ],
        cold=cold,
    )

    assert reasons(outcome) == ["missing_fuel"]
    assert max(one.valid_to for one in outcome.history) < midnight


@WARM_AND_COLD
def test_a_fuel_without_a_factor_is_not_missed_when_it_goes(*, cold: bool) -> None:
    grid = GRIDS["NYISO"]
    more = [mix | {"Energy Storage": 700.0} for mix in grid.moved(6)]

    outcome = grid.read_often(
        [(LAST - 6 * FIVE, nyiso_csv(more, LAST - 6 * FIVE)), (LAST, nyiso_csv(grid.moved(6)))],
        cold=cold,
    )

    assert reasons(outcome) == []
    assert max(one.valid_to for one in outcome.history) == LAST


# --- no good row is lost ----------------------------------------------------------------------


@pytest.mark.parametrize("provider", ["gridstatus", "eso", "watttime", "electricitymaps"])
def test_nearly_no_recorded_row_is_refused_however_the_recording_is_cut(
    recordings: Path, provider: str
) -> None:
    folders = [recordings / name for name in FOLDERS.get(provider, (provider,))]
    read = [found for found in PROVIDERS[provider](folders) if isinstance(found, Recording)]

    tally = count(read)

    assert tally.slots > 20
    assert tally.lost == 0
    assert tally.share <= MOST_REFUSED
