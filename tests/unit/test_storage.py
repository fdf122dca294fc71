"""What storage gives back counts by the zone's own mean of the last week, with what is lost."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from functions.energycharts.grid import CountryGrid
from functions.entsoe.mix import Known, batch_of, memory_of
from functions.gridstatus.mix import readings_of
from functions.gridstatus.rows import Row
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.intensity import (
    Factor,
    FactorTable,
    Storage,
    factor_tables,
    mix_intensity,
)
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.profile import HOURS_A_DAY, HourMean, HourProfile
from greenstream.domain.reading import Basis, Kind, Reading, Scope, Signal
from greenstream.domain.storage import week_mean_gco2_kwh, with_storage
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.mixes import MixSlot
from greenstream.ingest.stored_slots import ZoneSlots
from greenstream.ingest.week_means import WeekMeans
from greenstream.ports.store import Profiles, StoreError
from infra.local.memory_store import MemoryProfiles
from tests.builders import NOW
from tests.contract.pipeline import Heard

DIRECT = Kind(Signal.AVERAGE, Basis.DIRECT)
HOUR = timedelta(hours=1)


def a_profile(gco2_kwh: Callable[[int], float] = lambda _: 200.0, **changes: Any) -> HourProfile:
    """Return a profile whose hours are computed an hour ago, of seven days."""
    profile = HourProfile(
        zone="CAISO_NORTH",
        kind=DIRECT,
        scope=Scope.PRODUCTION,
        factor_set=GREENSTREAM,
        provider="gridstatus",
        hours={hour: HourMean(gco2_kwh(hour), NOW - HOUR, days=7) for hour in range(HOURS_A_DAY)},
    )
    return replace(profile, **changes)


def with_hour(profile: HourProfile, hour: int, mean: HourMean | None) -> HourProfile:
    hours = {at: known for at, known in profile.hours.items() if at != hour}
    return replace(profile, hours=hours if mean is None else {**hours, hour: mean})


class TestTheMeanOfTheWeek:
    def test_is_the_mean_of_all_hours_of_day(self) -> None:
        assert week_mean_gco2_kwh(a_profile(float), NOW) == pytest.approx(11.5)

    @pytest.mark.parametrize(
        "mean",
        [
            None,
            HourMean(200.0, NOW - timedelta(days=7, seconds=1), days=7),
            HourMean(200.0, NOW - HOUR, days=3),
        ],
        ids=["missing", "older than a week", "of three days"],
    )
    def test_is_unknown_where_one_hour_is(self, mean: HourMean | None) -> None:
        """The mean of the other hours would lean to the sun or to the night."""
        assert week_mean_gco2_kwh(with_hour(a_profile(), 3, mean), NOW) is None

    def test_stands_on_hours_that_do_not_say_their_days(self) -> None:
        """They are of an older table, whose means were made of a whole week."""
        profile = with_hour(a_profile(), 3, HourMean(200.0, NOW - HOUR))

        assert week_mean_gco2_kwh(profile, NOW) == 200


class TestAKilowattHourOutOfStorage:
    BATTERY = Factor(None, 45.9, 712.6, storage=Storage(0.85, 33))
    TABLE = FactorTable("T", Basis.LIFECYCLE, "v", {"battery": BATTERY}, Factor(None, 0, 1200))

    def test_counts_the_mean_with_what_is_lost_and_the_making(self) -> None:
        counted = with_storage(self.TABLE, 170.0).factors["battery"]

        assert counted.gco2_kwh == pytest.approx(170 / 0.85 + 33)

    @pytest.mark.parametrize(("mean", "value"), [(0.0, 45.9), (900.0, 712.6)])
    def test_stays_within_its_bounds(self, mean: float, value: float) -> None:
        """The bounds say what it may have been charged with, so that they hold the truth."""
        counted = with_storage(self.TABLE, mean).factors["battery"]

        assert (counted.gco2_kwh, counted.low_gco2_kwh, counted.high_gco2_kwh) == (
            value,
            45.9,
            712.6,
        )

    @pytest.mark.parametrize("basis", list(Basis))
    def test_is_dearer_than_the_mean_in_every_table(self, basis: Basis) -> None:
        """Storage loses power, so that it never gives back less carbon than it took."""
        stores = {
            (table.table, fuel): factor
            for table in factor_tables().values()
            if table.basis is basis
            for fuel, factor in with_storage(table, 300.0).factors.items()
            if factor.storage is not None
        }

        assert len(stores) > 20
        assert all(300 < (factor.gco2_kwh or 0) < 500 for factor in stores.values())


class Reads:
    """Profiles that count how often they are read."""

    def __init__(self, *profiles: HourProfile, fails: bool = False) -> None:
        self.profiles, self.fails, self.times = profiles, fails, 0

    def __call__(self, hours: Collection[int]) -> Profiles:
        assert len(hours) == HOURS_A_DAY
        self.times += 1
        if self.fails:
            raise StoreError("the table is away")
        return MemoryProfiles(self.profiles)


CAISO = factor_tables()["CAISO", Basis.DIRECT]
EVENING = {"Natural Gas": 9000.0, "Batteries": 6000.0, "Nuclear": 2200.0}


class TestTheMeansOfAProvidersZones:
    @staticmethod
    def battery(week: WeekMeans, now: object = NOW) -> float | None:
        assert now is NOW
        return week.factors("CAISO_NORTH", CAISO, EVENING, NOW).table.factors["Batteries"].gco2_kwh

    def test_are_of_its_own_profile(self) -> None:
        assert self.battery(
            WeekMeans(provider="gridstatus", profiles=Reads(a_profile()))
        ) == pytest.approx(200 / 0.85)

    @pytest.mark.parametrize(
        "other",
        [
            a_profile(zone="NYISO"),
            a_profile(provider="eia"),
            a_profile(kind=Kind(Signal.MARGINAL, Basis.DIRECT)),
            a_profile(kind=Kind(Signal.AVERAGE, Basis.LIFECYCLE)),
            a_profile(simulated=True),
        ],
        ids=["zone", "provider", "signal", "basis", "simulated"],
    )
    def test_are_of_no_other(self, other: HourProfile) -> None:
        assert self.battery(WeekMeans(provider="gridstatus", profiles=Reads(other))) is None

    def test_are_read_once_a_day(self) -> None:
        reads = Reads(a_profile())
        week = WeekMeans(provider="gridstatus", profiles=reads)
        for hours in (0, 1, 2):
            week.factors("CAISO_NORTH", CAISO, EVENING, NOW + hours * timedelta(minutes=5))
        assert reads.times == 1

        week.factors("CAISO_NORTH", CAISO, EVENING, NOW + timedelta(days=1))
        assert reads.times == 2

    def test_are_not_read_while_no_storage_gives_back_power(self) -> None:
        reads = Reads(a_profile())
        week = WeekMeans(provider="gridstatus", profiles=reads)
        factors = week.factors("CAISO_NORTH", CAISO, {**EVENING, "Batteries": -3000.0}, NOW)

        assert (reads.times, factors.table, factors.detail) == (0, CAISO, {})

    def test_are_read_again_by_the_next_run_where_the_store_failed(self) -> None:
        heard, reads = Heard(), Reads(a_profile(), fails=True)
        week = WeekMeans(provider="gridstatus", profiles=reads, telemetry=heard)
        assert (self.battery(week), self.battery(week), reads.times) == (None, None, 1)
        assert [line["message"] for line in heard.lines] == ["profiles not read"]

        reads.fails = False
        later = week.factors("CAISO_NORTH", CAISO, EVENING, NOW + timedelta(minutes=5))
        assert later.detail == {"week_mean_gco2_kwh": 200.0}


def served(provider: str, zone: str) -> tuple[Zone, Source]:
    return next(pair for pair in zones_of(provider) if pair[0].zone == zone)


def of_row(week: WeekMeans) -> list[Reading]:
    zone, source = served("gridstatus", "CAISO_NORTH")
    row = Row(NOW - timedelta(minutes=5), NOW, EVENING)
    made = readings_of(row, zone, source, fetched_at=NOW, week=week, simulated=False)
    return [reading for reading in made if isinstance(reading, Reading)]


def of_slot(provider: str, week: WeekMeans) -> list[Reading]:
    zone, source = served(provider, "ENTSOE_AT")
    mix = Mix(NOW - HOUR, NOW, {"B04": 3000.0, "B10": 2000.0, "B12": 1000.0, "B11": 3000.0}, {})
    if provider == "entsoe":
        known = Known(ZoneSlots(source.kinds, timedelta(0), ()), memory_of(zone), week)
        return list(batch_of([mix], zone, source, fetched_at=NOW, known=known).readings)
    grid = CountryGrid(
        provider=provider,
        zone=zone,
        source=source,
        rules=rules_of_source("entsoe", zone.zone),
        table="ENTSOE",
        fetched_at=NOW,
        simulated=False,
        week=week,
    )
    return [made for made in grid.readings_of(MixSlot(mix)) if isinstance(made, Reading)]


@pytest.mark.parametrize(
    ("provider", "zone", "make"),
    [
        ("gridstatus", "CAISO_NORTH", of_row),
        ("entsoe", "ENTSOE_AT", lambda week: of_slot("entsoe", week)),
        ("energycharts", "ENTSOE_AT", lambda week: of_slot("energycharts", week)),
    ],
)
def test_a_readings_storage_counts_by_the_week_within_the_bounds_of_before(
    provider: str, zone: str, make: Callable[[WeekMeans], list[Reading]]
) -> None:
    """Without the mean of a week it counts as the mix of its moment."""
    clean = a_profile(lambda _: 50.0, zone=zone, provider=provider)
    without = next(made for made in make(WeekMeans(provider=provider)) if made.kind == DIRECT)
    week = WeekMeans(provider=provider, profiles=Reads(clean))
    reading = next(made for made in make(week) if made.kind == DIRECT)

    assert reading.gco2_kwh < without.gco2_kwh
    assert (reading.gco2_low, reading.gco2_high) == (without.gco2_low, without.gco2_high)
    assert reading.coverage == 1 > without.coverage
    assert reading.detail["week_mean_gco2_kwh"] == 50
    assert "week_mean_gco2_kwh" not in without.detail


def test_californias_evening_by_hand() -> None:
    """2,200 MW of nuclear power, 9,000 of gas at 396.2 and 6,000 out of batteries at 200 / 0.85."""
    counted = WeekMeans(provider="gridstatus", profiles=Reads(a_profile())).factors(
        "CAISO_NORTH", CAISO, EVENING, NOW
    )
    answer = mix_intensity(EVENING, counted.table, provider="p", zone="Z")

    gas = CAISO.factors["Natural Gas"].gco2_kwh
    assert gas is not None
    assert answer.gco2_kwh == pytest.approx((9000 * gas + 6000 * 200 / 0.85) / 17200)
