"""How the gridstatus provider makes readings of rows, and which figures it refuses."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from greenstream.domain.errors import (
    InvalidError,
)
from greenstream.domain.intensity import factor_tables, mix_intensity
from greenstream.domain.reading import Basis, Quality, Reading, Scope, Signal
from tests.unit.gridstatus_tables import (
    CAISO_MW,
    LAST,
    NOW,
    NYISO_MW,
    PJM_MW,
    Feed,
    Mw,
    intervals,
    nyiso,
    provider,
    readings,
    the_error,
    without,
)

# --- The contents of a reading ---------------------------------------------------------------


def test_a_mix_becomes_one_reading_for_each_basis_by_the_grids_own_factor_tables() -> None:
    fetched = readings("NYISO", nyiso(NYISO_MW, NYISO_MW))
    assert list(fetched) == [Basis.DIRECT, Basis.LIFECYCLE]
    for basis, reading in fetched.items():
        table = factor_tables()["NYISO", basis]
        expected = mix_intensity(NYISO_MW, table, provider="gridstatus", zone="NYISO")
        assert reading.gco2_kwh == expected.gco2_kwh
        assert (reading.gco2_low, reading.gco2_high) == (expected.gco2_low, expected.gco2_high)
        assert reading.coverage == expected.coverage < 1
        assert reading.detail == {
            "fuel_mw": NYISO_MW,
            "factors": table.version,
            "unlisted": [],
        }
        assert (reading.zone, reading.provider, reading.provider_zone) == (
            "NYISO",
            "gridstatus",
            "NYISO",
        )
        assert (reading.signal, reading.scope, reading.quality) == (
            Signal.AVERAGE,
            Scope.PRODUCTION,
            Quality.MEASURED,
        )
        assert reading.fetched_at == NOW
        assert reading.published_at is None
        assert not reading.simulated


def test_nyiso_stamps_the_end_of_five_minutes() -> None:
    reading = readings("NYISO", nyiso(NYISO_MW, NYISO_MW))[Basis.DIRECT]
    assert reading.valid_from == datetime(2026, 3, 5, 17, 55, tzinfo=UTC)
    assert reading.valid_to == datetime(2026, 3, 5, 18, 0, tzinfo=UTC)


def test_caiso_stamps_the_start_and_pjm_gives_both_ends() -> None:
    five, hour = timedelta(minutes=5), timedelta(hours=1)
    caiso = intervals(CAISO_MW, CAISO_MW, start=datetime(2026, 3, 5, 17, 50, tzinfo=UTC), step=five)
    pjm = intervals(PJM_MW, PJM_MW, start=datetime(2026, 3, 5, 14, tzinfo=UTC), step=hour)
    for market, frame, ends in (("CAISO", caiso, (17, 55, 18, 0)), ("PJM", pjm, (15, 0, 16, 0))):
        reading = readings(market, frame)[Basis.DIRECT]
        from_hour, from_minute, to_hour, to_minute = ends
        assert reading.valid_from == datetime(2026, 3, 5, from_hour, from_minute, tzinfo=UTC)
        assert reading.valid_to == datetime(2026, 3, 5, to_hour, to_minute, tzinfo=UTC)


def caiso_direct(**mw: float) -> Reading:
    mix = CAISO_MW | mw
    start, step = datetime(2026, 3, 5, 17, 50, tzinfo=UTC), timedelta(minutes=5)
    return readings("CAISO", intervals(mix, mix, start=start, step=step))[Basis.DIRECT]


def test_a_table_filed_under_another_day_is_accepted_only_while_it_is_live() -> None:
    """CAISO's reader dates a table that is six hours ahead of our clock to 18 hours ago."""
    step = timedelta(minutes=5)
    for ahead_h, believed in ((6, False), (23.9, True)):
        start = NOW - timedelta(hours=24 - ahead_h) - 2 * step
        table = intervals(CAISO_MW, CAISO_MW, start=start, step=step)
        (fetched,) = provider(Feed(CAISO=table), "CAISO").fetch(NOW)
        assert bool(fetched.readings) is believed
        assert bool(fetched.errors) is not believed


def test_imports_count_as_a_source_and_exports_charging_and_night_solar_do_not() -> None:
    importing, exporting = caiso_direct(), caiso_direct(Imports=-1500.0)
    assert importing.scope is Scope.CONSUMPTION
    factors = factor_tables()["CAISO", Basis.DIRECT].factors
    gas, imports, geothermal = (
        factors[fuel].gco2_kwh or 0.0 for fuel in ("Natural Gas", "Imports", "Geothermal")
    )
    assert min(gas, imports) > 0
    burnt = 3000 * gas + 800 * geothermal
    assert importing.gco2_kwh == pytest.approx((burnt + 1500 * imports) / 19000)
    assert exporting.gco2_kwh == pytest.approx(burnt / 17500)
    night = caiso_direct(Solar=-48.0)
    assert night.gco2_kwh == pytest.approx((burnt + 1500 * imports) / 10000)


def test_simulated_upstreams_make_simulated_readings() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    (fetched,) = provider(feed, simulated=True).fetch(NOW)
    assert {reading.simulated for reading in fetched.readings} == {True}


# --- Refused values --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Nuclear": -3200.0}, "negative"),
        ({"Wind": 1e12}, "implausible_mw"),
        ({"Wind": float("inf")}, "implausible_mw"),
        ({"Wind": "many"}, "malformed"),
        (dict.fromkeys(NYISO_MW, 0.0), "no_generation"),
    ],
)
def test_impossible_output_is_refused_by_name(change: dict[str, Any], reason: str) -> None:
    mix: Mw = {**NYISO_MW, **change}
    error = the_error("NYISO", nyiso(mix, mix))
    assert isinstance(error, InvalidError)
    assert error.reason == reason
    assert (error.provider, error.zone) == ("gridstatus", "NYISO")


def test_a_row_of_the_future_is_refused() -> None:
    error = the_error("NYISO", nyiso(NYISO_MW, NYISO_MW, end=NOW + timedelta(minutes=30)))
    assert isinstance(error, InvalidError)
    assert error.reason == "future"


def test_a_mix_of_unknown_fuels_is_refused_for_its_coverage() -> None:
    renamed: Mw = {f"{fuel} (gross)": mw for fuel, mw in NYISO_MW.items()}
    error = the_error("NYISO", nyiso(renamed, renamed))
    assert isinstance(error, InvalidError)
    assert error.reason == "low_coverage"


@pytest.mark.parametrize(
    ("market", "mix", "fuel"),
    [
        ("NYISO", NYISO_MW, "Natural Gas"),
        ("CAISO", CAISO_MW, "Natural Gas"),
        ("CAISO", CAISO_MW, "Imports"),
        ("PJM", PJM_MW, "Coal"),
    ],
)
def test_a_table_that_lost_an_emitting_fuel_is_refused_not_read_as_a_clean_grid(
    market: str, mix: Mapping[str, float], fuel: str
) -> None:
    lost = without(mix, fuel)
    step = timedelta(hours=1) if market == "PJM" else timedelta(minutes=5)
    frame = (
        nyiso(lost, lost)
        if market == "NYISO"
        else intervals(lost, lost, start=LAST - 2 * step, step=step)
    )
    error = the_error(market, frame)
    assert isinstance(error, InvalidError)
    assert error.reason == "missing_fuel"
    assert f"the mix has no {fuel}" in str(error)


def test_a_stamp_without_a_time_zone_is_malformed() -> None:
    frame = nyiso(NYISO_MW, NYISO_MW)
    error = the_error("NYISO", frame.assign(Time=frame["Time"].dt.tz_localize(None)))
    assert isinstance(error, InvalidError)
    assert error.reason == "malformed"
