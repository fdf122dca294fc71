"""ENTSO-E's silences, parts, repeats and contradictions: what is stored, and what is refused.

The first half builds each kind of fault in the platform's own format. The second half reads the
answers of ``shared/cases``, which follow public bug reports. Each goes through the whole pipeline.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import pytest

from functions.entsoe.provider import WINDOW, Entsoe
from greenstream.domain.reading import Basis, Kind, Reading, Signal
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ingest.http import HttpClient
from tests.bench.recorded_cuts import Recording
from tests.bench.refusals import MOST_REFUSED, count, entsoe
from tests.contract.entsoe_wire import believable_mw, document, period, series
from tests.contract.provider_wire import Silent
from tests.fakes.memory_store import MemoryStore

ZONES: Final = {zone.zone: (zone, source) for zone, source in zones_of("entsoe")}
DIRECT: Final = Kind(Signal.AVERAGE, Basis.DIRECT)
HOURS: Final = WINDOW // timedelta(hours=1)
END: Final = datetime(2026, 5, 6, 14, tzinfo=UTC)
"""The end of the built documents. The sun is up then in every zone."""

START: Final = END - WINDOW
Fuel = Callable[[int], float | str | None]
"""The MW of a fuel by the hour since `START`; ``None`` where it is not reported."""


class Result(NamedTuple):
    """What a run left behind for one zone."""

    newest: Reading | None
    """The newest reading on the direct basis."""

    rejected: Mapping[str, int]
    """The refusals of the provider's status, by reason."""

    window: Mapping[datetime, float]
    """g/kWh on the direct basis by the start of each slot that is believed."""


def run(body: bytes, zone: str, now: datetime) -> Result:
    """Collect one answer for one zone into an empty store."""
    pair = ZONES[zone]
    store = MemoryStore()
    collector = provider(body, pair)
    try:
        collect(collector, store, clock=lambda: now, telemetry=Silent())
    except CollectionFailedError:
        assert not store.snapshot().readings, "a failed run stored something"
    stored = store.history(zone, "entsoe", DIRECT, since=now - 2 * WINDOW, until=now)
    [status] = store.snapshot().providers
    [batch] = provider(body, pair).fetch(now)
    return Result(
        newest=max(stored, key=lambda reading: reading.valid_to, default=None),
        rejected=status.rejected,
        window={
            reading.valid_from: reading.gco2_kwh
            for reading in batch.window()
            if reading.basis is Basis.DIRECT
        },
    )


def provider(body: bytes, pair: tuple[Zone, Source]) -> Entsoe:
    return Entsoe(
        http=HttpClient(
            provider="entsoe",
            base_url="https://tp.test",
            attempts=1,
            transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)),
        ),
        token=lambda: "token",
        wanted=(pair,),
    )


def hourly(zone: str, fuels: Mapping[str, Fuel], *others: str) -> bytes:
    """Return a document of hourly series, each with a Period for each run of reported hours."""
    domain = ZONES[zone][1].provider_zone
    rows = []
    for fuel, at in fuels.items():
        periods, points = [], dict[int, float | str]()
        for hour in range(HOURS + 1):
            mw = at(hour) if hour < HOURS else None
            if mw is not None:
                points[hour] = mw
            elif points:
                first = min(points)
                periods.append(
                    period(
                        {hour_ - first + 1: mw_ for hour_, mw_ in points.items()},
                        start=START + first * timedelta(hours=1),
                        slots=len(points),
                        minutes=60,
                    )
                )
                points = {}
        rows.append(series(fuel, *periods, domain=domain))
    return document(*rows, *others)


def built(zone: str, fuels: Mapping[str, Fuel], *others: str) -> Result:
    return run(hourly(zone, fuels, *others), zone, END + timedelta(minutes=20))


def always(mw: float) -> Fuel:
    return lambda _: mw


def sun(hour: int) -> float:
    """Return 9,000 MW at noon and nothing from 20:00 to 04:00."""
    of_day = (START + timedelta(hours=hour)).hour
    return 9000.0 * max(0.0, 1 - abs(of_day - 12) / 8)


def ended(result: Result) -> datetime | None:
    return result.newest.valid_to if result.newest else None


SPAIN: Final[dict[str, Fuel]] = {
    "B04": lambda hour: 6000.0 + 70 * (hour % 7),
    "B14": lambda hour: 6900.0 + 3 * (hour % 5),
    "B16": sun,
    "B19": lambda hour: 5000.0 + 90 * (hour % 11),
}
"""A day and a half of which every hour is believed."""

PORTUGAL: Final[dict[str, Fuel]] = {
    "B04": lambda hour: 2400.0 + 30 * (hour % 7),
    "B11": lambda hour: 1800.0 + 9 * (hour % 5),
    "B16": lambda hour: 0.3 * sun(hour),
    "B19": lambda hour: 2000.0 + 40 * (hour % 11),
}
"""The same for a zone that need not report sun and wind."""


@pytest.mark.parametrize(("zone", "fuels"), [("ENTSOE_ES", SPAIN), ("ENTSOE_PT", PORTUGAL)])
def test_a_whole_day_is_believed(zone: str, fuels: Mapping[str, Fuel]) -> None:
    result = built(zone, fuels)
    assert ended(result) == END
    assert not result.rejected
    assert len(result.window) == HOURS


class TestSilence:
    @pytest.mark.parametrize("zone", ZONES)
    def test_where_only_sun_and_wind_are_left_nothing_is_stored(self, zone: str) -> None:
        whole_mw = sum(believable_mw(zone).values())
        result = built(zone, {"B16": always(whole_mw / 2), "B19": always(whole_mw / 2)})
        assert result.newest is None
        assert result.rejected

    @pytest.mark.parametrize("zone", ZONES)
    def test_the_fuels_that_a_zone_needs_are_enough(self, zone: str) -> None:
        mix = {fuel: always(mw) for fuel, mw in believable_mw(zone).items()}
        by_day = believable_mw(zone).get("B16", 0.0)
        if by_day:
            mix["B16"] = lambda hour: by_day if sun(hour) else by_day / 4
        result = built(zone, mix)
        assert ended(result) == END
        assert not result.rejected

    def test_sun_that_comes_a_day_late_is_missed_by_day_and_not_at_night(self) -> None:
        late = {"B16": lambda hour: sun(hour) / 3 if hour < 20 else None}
        result = built("ENTSOE_PT", PORTUGAL | late)
        assert ended(result) == END.replace(hour=5)
        assert result.rejected == {"missing_fuel": 1}

    def test_a_lost_fuel_is_not_excused_by_what_its_stations_draw(self) -> None:
        lost = {"B19": lambda hour: 5000.0 if hour < 30 else None}
        domain = ZONES["ENTSOE_ES"][1].provider_zone
        drawn = series(
            "B19", period({1: 3}, start=START, slots=HOURS, minutes=60), domain=domain, out=True
        )
        result = built("ENTSOE_ES", SPAIN | lost, drawn)
        assert ended(result) == START + timedelta(hours=30)
        assert result.rejected == {"missing_fuel": 1}

    @pytest.mark.parametrize("storage", ["B10", "B25"])
    def test_storage_that_is_left_out_is_idle(self, storage: str) -> None:
        result = built("ENTSOE_ES", SPAIN | {storage: lambda hour: 700.0 if hour % 9 < 4 else None})
        assert ended(result) == END
        assert not result.rejected

    def test_gas_at_zero_is_unreported(self) -> None:
        result = built("ENTSOE_ES", SPAIN | {"B04": lambda hour: 6000.0 if hour < 33 else 0.0})
        assert ended(result) == START + timedelta(hours=33)
        assert result.rejected == {"false_zero": 1}

    def test_wind_at_zero_is_unreported_where_it_blew_a_day_earlier(self) -> None:
        calm = {"B19": lambda hour: 2000.0 if hour < 33 else 0.0}
        result = built("ENTSOE_PT", PORTUGAL | calm)
        assert ended(result) == START + timedelta(hours=33)
        assert result.rejected == {"false_zero": 1}


class TestAPartOfTheZone:
    def test_less_than_the_zone_ever_makes_is_refused(self) -> None:
        part = {
            fuel: lambda hour, mw=mw: 0.2 * float(mw(hour) or 0) if hour > 32 else mw(hour)
            for fuel, mw in SPAIN.items()
        }
        result = built("ENTSOE_ES", part)
        assert ended(result) == START + timedelta(hours=33)
        assert result.rejected == {"implausible_total": 1}

    def test_less_than_half_of_the_least_of_a_day_is_refused(self) -> None:
        part = {
            fuel: lambda hour, mw=mw: 0.3 * float(mw(hour) or 0) if hour > 32 else mw(hour)
            for fuel, mw in PORTUGAL.items()
        }
        result = built("ENTSOE_PT", part)
        assert ended(result) == START + timedelta(hours=33)
        assert result.rejected == {"implausible_total": 1}


class TestMotion:
    def test_the_last_hour_that_moved_is_the_newest(self) -> None:
        still = {fuel: lambda hour, mw=mw: mw(min(hour, 30)) for fuel, mw in SPAIN.items()}
        result = built("ENTSOE_ES", still)
        assert ended(result) == START + timedelta(hours=31)
        assert result.rejected == {"frozen": 1}

    def test_sun_at_night_is_refused(self) -> None:
        bright = {"B16": lambda hour: 3000.0 if hour == 24 else sun(hour)}
        result = built("ENTSOE_ES", SPAIN | bright)
        assert (START + timedelta(hours=24)).hour == 2
        assert START + timedelta(hours=24) not in result.window
        assert ended(result) == END
        assert result.rejected == {"sun_at_night": 1}


class TestFigures:
    @pytest.mark.parametrize(
        ("figure", "reason"),
        [(160_000.0, "implausible_mw"), (50_000.0, "implausible_mw"), ("n/e", "not_a_number")],
    )
    @pytest.mark.parametrize("hour", [3, 20, HOURS - 1])
    def test_one_bad_figure_costs_its_slot(
        self, hour: int, figure: float | str, reason: str
    ) -> None:
        spoilt = {"B04": lambda at: figure if at == hour else 6000.0 + 70 * (at % 7)}
        result = built("ENTSOE_ES", SPAIN | spoilt)
        assert result.rejected == {reason: 1}
        assert len(result.window) == HOURS - 1
        assert START + timedelta(hours=hour) not in result.window
        assert ended(result) == (END - timedelta(hours=1) if hour == HOURS - 1 else END)

    @pytest.mark.parametrize("hour", [3, HOURS - 1])
    def test_two_figures_for_one_hour_cost_that_hour(self, hour: int) -> None:
        domain = ZONES["ENTSOE_ES"][1].provider_zone
        again = period({1: 9999}, start=START + hour * timedelta(hours=1), slots=1, minutes=60)
        result = built("ENTSOE_ES", SPAIN, series("B04", again, domain=domain))
        assert result.rejected == {"contradiction": 1}
        assert START + timedelta(hours=hour) not in result.window
        assert len(result.window) == HOURS - 1

    @pytest.mark.parametrize(("surplus_mw", "rejected"), [(0, {}), (9, {"contradiction": 1})])
    def test_an_hour_beside_its_quarters_must_be_their_mean(
        self, surplus_mw: float, rejected: dict[str, int]
    ) -> None:
        domain = ZONES["ENTSOE_ES"][1].provider_zone
        quarters = {
            4 * hour + part + 1: 6000.0 + 70 * (hour % 7) + step
            for hour in range(HOURS)
            for part, step in enumerate((-30, -10, 10, 30 + 4 * surplus_mw))
        }
        finer = series("B04", period(quarters, start=START, slots=4 * HOURS), domain=domain)
        result = built("ENTSOE_ES", SPAIN, finer)
        assert result.rejected == rejected
        assert len(result.window) == (0 if rejected else 4 * HOURS)

    def test_idle_plants_may_draw_their_station_power(self) -> None:
        """In a clean hour this may exceed 2 % of all that the zone makes."""
        idle: dict[str, Fuel] = {
            "B04": lambda _: -160.0,
            "B14": lambda hour: 2900.0 + hour,
            "B19": lambda hour: 4000.0 + hour,
        }
        result = built("ENTSOE_BE", idle)
        assert ended(result) == END
        assert not result.rejected

    def test_a_wrong_sign_is_refused(self) -> None:
        turned = {"B04": lambda hour: -6000.0 if hour == 33 else 6000.0 + 70 * (hour % 7)}
        result = built("ENTSOE_ES", SPAIN | turned)
        assert result.rejected == {"negative": 1}


class Case(NamedTuple):
    """A file of ``shared/cases``: when it is asked for, and what is right."""

    name: str
    now: datetime
    gco2_kwh: float | None
    """The intensity of the newest slot that is true; ``None`` where no slot is."""

    ended: tuple[datetime, datetime]
    """The earliest and the latest end of that slot. It may be any of a night without sun."""

    refused: tuple[str, ...] = ()


def when(text: str) -> datetime:
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def case(
    name: str, now: str, gco2_kwh: float | None, ended: str, *refused: str, until: str = ""
) -> Case:
    return Case(name, when(now), gco2_kwh, (when(ended), when(until or ended)), refused)


CASES: Final = [
    case(
        "E01_BE_solar_day_late",
        "06-12 14:30",
        129.2,
        "06-11 21:00",
        "missing_fuel",
        until="06-12 04:00",
    ),
    case(
        "E01b_PL_solar_lost",
        "06-14 13:20",
        819.9,
        "06-13 20:15",
        "missing_fuel",
        until="06-14 04:00",
    ),
    case("E03_IE_wind_in_lost_out_present", "03-03 12:20", 206.7, "03-03 06:00", "missing_fuel"),
    case("E03_control_no_out_series", "03-03 12:20", 206.7, "03-03 06:00", "missing_fuel"),
    case("E05_ES_frozen_feed", "09-02 00:20", 130.8, "09-01 20:00", "frozen", "sun_at_night"),
    case("E06_BE_idle_storage_absent", "05-12 14:30", 67.4, "05-12 14:00"),
    case("E07_CH_only_sun_and_wind", "01-03 14:10", None, "01-03 14:00", "missing_fuel"),
    case("E13_FR_first", "01-06 14:10", 23.6, "01-06 12:00"),
    case("E13_FR_corrected", "01-06 16:10", 23.6, "01-06 14:00"),
    case("E14_BE_gas_station_use", "07-16 14:10", 0.0, "07-16 14:00"),
    case("E14_FR_small_negative", "07-16 14:10", 26.4, "07-16 14:00"),
    case("E16_FR_two_resolutions", "01-06 14:10", 28.8, "01-06 14:00"),
    case("E20_DE_quarter_of_itself_32", "02-05 14:10", 425.7, "02-05 06:00", "implausible_total"),
    case("E22_EE_idle_oil_shale", "10-04 04:10", 0.0, "10-04 04:00"),
    case("E25_FR_old_contradiction", "01-06 14:10", 23.6, "01-06 14:00", "contradiction"),
    case("E25_FR_old_spike", "01-06 14:10", 23.6, "01-06 14:00", "implausible_mw"),
]


class TestPublicReports:
    @pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
    def test_the_newest_true_slot_is_stored_and_the_rest_is_refused_by_name(
        self, cases: Path, case: Case
    ) -> None:
        body = (cases / f"entsoe/{case.name}.xml").read_bytes()
        result = run(body, zone_of(body), case.now)
        assert set(case.refused) <= result.rejected.keys()
        assert bool(case.refused) or result.rejected.keys() <= {"frozen"}
        if case.gco2_kwh is None:
            assert result.newest is None
        else:
            assert result.newest is not None
            assert result.newest.gco2_kwh == pytest.approx(case.gco2_kwh, abs=0.05)
            earliest, latest = case.ended
            assert earliest <= result.newest.valid_to <= latest

    @pytest.mark.parametrize("zone", ZONES)
    def test_only_sun_and_wind_is_refused_by_name_in_every_zone(
        self, cases: Path, zone: str
    ) -> None:
        lithuanian = (cases / "entsoe/E07b_LT_only_sun_and_wind.xml").read_bytes()
        domain = ZONES[zone][1].provider_zone.encode()
        body = lithuanian.replace(b"10YLT-1001A0008Q", domain)
        result = run(body, zone, when("01-03 14:10"))
        assert result.newest is None
        assert result.rejected

    def test_a_corrected_hour_has_its_new_figure_in_the_window(self, cases: Path) -> None:
        first, corrected = (
            run((cases / f"entsoe/E13_FR_{name}.xml").read_bytes(), "ENTSOE_FR", at)
            for name, at in (("first", when("01-06 14:10")), ("corrected", when("01-06 16:10")))
        )
        eleven = when("01-06 11:00")
        assert first.window[eleven] == pytest.approx(23.6, abs=0.05)
        assert corrected.window[eleven] == pytest.approx(44.5, abs=0.05)


def zone_of(body: bytes) -> str:
    found = re.search(rb"BiddingZone_Domain\.mRID[^>]*>([^<]+)<", body)
    assert found is not None
    domain = found[1].decode()
    [zone] = [zone for zone, (_, source) in ZONES.items() if source.provider_zone == domain]
    return zone


def test_no_true_slot_of_a_recording_is_refused(recordings: Path) -> None:
    whole = [made for made in entsoe([recordings / "entsoe"]) if isinstance(made, Recording)]
    tally = count(whole)
    assert {recording.zone for recording in whole} >= {"ENTSOE_NL", "ENTSOE_FR", "ENTSOE_FI"}
    assert tally.slots > 500
    assert tally.lost == 0
    assert tally.share <= MOST_REFUSED
