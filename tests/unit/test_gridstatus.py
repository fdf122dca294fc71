"""How the gridstatus provider chooses rows, makes readings of them, and reports failures."""

import http.client
import logging
import os
import re
import resource
import subprocess
import sys
import urllib.error
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from email.message import Message
from pathlib import Path
from threading import Event
from typing import Any

import pandas as pd
import pytest
import requests
from gridstatus.base import NoDataFoundException, NotSupported
from gridstatus.pjm import DataMinerSnapshotMismatch

from functions.gridstatus.believed import OLDEST_ROW
from functions.gridstatus.faults import NAME
from functions.gridstatus.feed import FuelMixFeed, keep_within
from functions.gridstatus.provider import DEADLINE_S, Gridstatus, wanted
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    TransientError,
)
from greenstream.domain.intensity import factor_tables, mix_intensity
from greenstream.domain.reading import Basis, Kind, Quality, Reading, Scope, Signal
from greenstream.ingest.collect import collect
from greenstream.ingest.stored_slots import StoredSlots
from greenstream.ports.provider import Batch
from greenstream.ports.secrets import SecretsError
from greenstream.ports.settings import SettingsError
from greenstream.ports.store import StoreError
from tests.builders import stored
from tests.contract.provider_cases import Silent
from tests.fakes.memory_store import MemoryStore

NOW = datetime(2026, 3, 5, 18, 3, tzinfo=UTC)  # 13:03 in New York, 10:03 in California
LAST = NOW.replace(minute=0)
NYISO_MW = {
    "Dual Fuel": 4000.0,
    "Hydro": 2000.0,
    "Natural Gas": 3000.0,
    "Nuclear": 3200.0,
    "Other Fossil Fuels": 1.0,
    "Other Renewables": 250.0,
    "Wind": 500.0,
}
CAISO_MW = {
    "Solar": 9000.0,
    "Wind": 1000.0,
    "Geothermal": 800.0,
    "Nuclear": 2200.0,
    "Natural Gas": 3000.0,
    "Large Hydro": 1500.0,
    "Batteries": -2500.0,
    "Imports": 1500.0,
}
PJM_MW = {
    "Coal": 17000.0,
    "Gas": 45000.0,
    "Hydro": 2000.0,
    "Nuclear": 32000.0,
    "Oil": 300.0,
    "Other Renewables": 700.0,
    "Solar": 100.0,
    "Storage": 0.0,
    "Wind": 2500.0,
}

Mw = Mapping[str, float | str]


def nyiso(*mixes: Mw, end: datetime = LAST) -> pd.DataFrame:
    """Return rows five minutes apart, the last at ``end``, in the library's format for NYISO."""
    stamps = [end - timedelta(minutes=5 * back) for back in reversed(range(len(mixes)))]
    records = [
        {"Time": pd.Timestamp(stamp).tz_convert("US/Eastern"), **mix}
        for stamp, mix in zip(stamps, mixes, strict=True)
    ]
    return pd.DataFrame(records)


def intervals(*mixes: Mw, start: datetime, step: timedelta, tz: str = "US/Pacific") -> pd.DataFrame:
    """Return consecutive intervals from ``start``, in the library's format for CAISO and PJM."""
    frame = pd.DataFrame([dict(mix) for mix in mixes])
    begins = [pd.Timestamp(start + step * index).tz_convert(tz) for index in range(len(mixes))]
    frame.insert(0, "Time", begins)
    frame.insert(1, "Interval Start", begins)
    frame.insert(2, "Interval End", [begin + step for begin in begins])
    return frame


class Feed:
    """Returns frames or raises errors by market and local day, and stores the requests."""

    def __init__(self, **by_market: pd.DataFrame | Exception | dict[str, Any]) -> None:
        self.by_market = by_market
        self.asked: list[tuple[str, date, str | None]] = []

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        self.asked.append((market, day, api_key))
        answer = self.by_market[market]
        if isinstance(answer, dict):
            answer = answer[day.isoformat()]
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, pd.DataFrame)
        return answer


def provider(feed: FuelMixFeed, markets: str = "NYISO", **changes: Any) -> Gridstatus:
    settings: dict[str, Any] = {"pjm_api_key": lambda: "key", "deadline_s": 30.0} | changes
    return Gridstatus(feed=feed, wanted=wanted(markets), **settings)


def batch(market: str, answer: Any, now: datetime = NOW) -> Batch:
    (found,) = provider(Feed(**{market: answer}), market).fetch(now)
    return found


def readings(market: str, answer: Any, now: datetime = NOW) -> dict[Basis, Reading]:
    found = batch(market, answer, now)
    assert found.errors == ()
    return {reading.basis: reading for reading in found.readings}


def the_error(market: str, answer: Any, now: datetime = NOW) -> GreenStreamError:
    found = batch(market, answer, now)
    assert found.readings == ()
    return found.errors[-1]


# --- The contents of a reading ---------------------------------------------------------------


def test_a_mix_becomes_one_reading_for_each_basis_by_the_grids_own_factor_tables() -> None:
    found = readings("NYISO", nyiso(NYISO_MW, NYISO_MW))
    assert list(found) == [Basis.DIRECT, Basis.LIFECYCLE]
    for basis, reading in found.items():
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
        (found,) = provider(Feed(CAISO=table), "CAISO").fetch(NOW)
        assert bool(found.readings) is believed
        assert bool(found.errors) is not believed


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
    (found,) = provider(feed, simulated=True).fetch(NOW)
    assert {reading.simulated for reading in found.readings} == {True}


# --- The choice of a row ---------------------------------------------------------------------


def without(mix: Mapping[str, float], *fuels: str) -> dict[str, float]:
    return {fuel: mw for fuel, mw in mix.items() if fuel not in fuels}


def test_a_half_written_last_row_is_replaced_by_the_row_before() -> None:
    half = without(NYISO_MW, "Hydro", "Nuclear", "Wind")
    reading = readings("NYISO", nyiso(NYISO_MW, NYISO_MW, half))[Basis.DIRECT]
    assert reading.valid_to == datetime(2026, 3, 5, 17, 55, tzinfo=UTC)
    assert reading.detail["fuel_mw"] == NYISO_MW


def reasons(found: Batch) -> list[str]:
    return [error.reason for error in found.errors if isinstance(error, InvalidError)]


def ends(found: Batch) -> list[datetime]:
    return [one.valid_to for one in found.readings if one.basis is Basis.DIRECT]


def test_rows_missed_since_the_last_stored_row_are_fetched_oldest_first() -> None:
    half = without(NYISO_MW, "Hydro", "Nuclear", "Wind")
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    warm = provider(feed)
    stored(warm.fetch(NOW))
    later = LAST + timedelta(minutes=20)
    feed.by_market["NYISO"] = nyiso(NYISO_MW, NYISO_MW, NYISO_MW, half, NYISO_MW, end=later)

    missed = [LAST + timedelta(minutes=minutes) for minutes in (5, 10, 20)]
    (unstored,) = warm.fetch(later + timedelta(minutes=1))
    assert ends(unstored) == missed
    (again,) = stored(warm.within(60_000).fetch(later + timedelta(minutes=6)))
    assert ends(again) == missed, "a batch that was not acknowledged may not be stored"
    (steady,) = stored(warm.fetch(later + timedelta(minutes=11)))
    assert ends(steady) == [later]


def test_a_store_failure_leaves_the_progress_marker_where_it_was() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    warm = provider(feed)
    stored(warm.fetch(NOW))
    later = LAST + timedelta(minutes=10)
    feed.by_market["NYISO"] = nyiso(*[NYISO_MW] * 4, end=later)

    with pytest.raises(StoreError):
        collect(warm, MemoryStore(unreachable=True), clock=lambda: later, telemetry=Silent())
    store = MemoryStore()
    collect(warm, store, clock=lambda: later, telemetry=Silent())

    kind = Kind(Signal.AVERAGE, Basis.DIRECT)
    kept = store.history("NYISO", "gridstatus", kind, since=LAST, until=later)
    assert [reading.valid_to for reading in kept] == [later - timedelta(minutes=5), later]


def test_rows_without_a_fuel_come_as_soon_as_the_file_completes_them() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    warm = provider(feed)
    stored(warm.fetch(NOW))
    gone = without(NYISO_MW, "Nuclear")
    after = [LAST + timedelta(minutes=5 * step) for step in range(1, 10)]
    for count in (7, 8):
        feed.by_market["NYISO"] = nyiso(NYISO_MW, NYISO_MW, *[gone] * count, end=after[count - 1])
        (found,) = stored(warm.fetch(after[count - 1] + timedelta(minutes=1)))
        assert ends(found) == [LAST], "the last good row stays"
        assert reasons(found) == ["missing_fuel"]
    feed.by_market["NYISO"] = nyiso(*[NYISO_MW] * 11, end=after[-1])
    (found,) = stored(warm.fetch(after[-1] + timedelta(minutes=1)))
    assert ends(found) == after
    (steady,) = stored(warm.fetch(after[-1] + timedelta(minutes=2)))
    assert (ends(steady), steady.errors) == ([after[-1]], ())


def test_a_fuel_that_the_new_days_file_never_had_is_missed_from_the_day_before() -> None:
    """No rule needs this fuel, so only the memory of earlier rows can show that it is missing."""
    midnight = datetime(2026, 3, 5, 5, 0, tzinfo=UTC)
    oily = NYISO_MW | {"Other Fossil Fuels": 900.0}
    gone = without(oily, "Other Fossil Fuels")
    feed = Feed()
    warm = provider(feed)
    feed.by_market["NYISO"] = {
        "2026-03-04": nyiso(*[oily] * 12, end=midnight),
        "2026-03-05": NoDataFoundException("not yet"),
    }
    stored(warm.fetch(midnight + timedelta(minutes=1)))
    feed.by_market["NYISO"] = nyiso(*[gone] * 12, end=midnight + timedelta(hours=2))
    (found,) = stored(warm.fetch(midnight + timedelta(hours=2, minutes=1)))
    assert found.readings == ()
    assert reasons(found) == ["missing_fuel"]
    assert readings("NYISO", nyiso(gone, gone))[Basis.DIRECT].coverage < 1, "unknown to a new one"


def test_the_window_has_each_complete_row_up_to_the_newest_accepted_row() -> None:
    impossible = NYISO_MW | {"Wind": 900_000.0}
    cut = NYISO_MW | {"Hydro": 20.0}
    mixes = [NYISO_MW, without(NYISO_MW, "Nuclear"), NYISO_MW, impossible, NYISO_MW, cut]
    found = batch("NYISO", nyiso(*mixes))
    window = list(found.window())
    for basis in Basis:
        assert [one.valid_to for one in window if one.basis is basis] == [
            LAST - timedelta(minutes=minutes) for minutes in (25, 15, 5)
        ]
    assert list(found.readings) == window[-2:]
    assert found.errors == (), "what is only in the window was counted when it was new"


def test_a_row_that_may_be_of_another_day_is_not_in_the_window() -> None:
    found = batch("NYISO", nyiso(*[NYISO_MW] * 300))
    window = list(found.window())
    assert min(reading.valid_to for reading in window) == LAST - timedelta(hours=22, minutes=55)
    assert max(reading.valid_to for reading in window) == LAST


def test_a_missed_row_that_is_refused_does_not_drop_the_others() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    warm = provider(feed)
    stored(warm.fetch(NOW))
    later = LAST + timedelta(minutes=15)
    impossible = NYISO_MW | {"Wind": 900_000.0}
    feed.by_market["NYISO"] = nyiso(NYISO_MW, impossible, NYISO_MW, NYISO_MW, end=later)
    (found,) = stored(warm.fetch(later + timedelta(minutes=1)))
    assert ends(found) == [LAST + timedelta(minutes=10), later]
    (error,) = found.errors
    assert isinstance(error, InvalidError)
    assert error.reason == "implausible_mw"


def test_rows_refused_one_after_another_are_reported_once_and_not_in_every_run() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    warm = provider(feed)
    stored(warm.fetch(NOW))
    later = LAST + timedelta(minutes=15)
    impossible = NYISO_MW | {"Wind": 900_000.0}
    feed.by_market["NYISO"] = nyiso(NYISO_MW, *[impossible] * 3, end=later)
    (found,) = stored(warm.fetch(later + timedelta(minutes=1)))
    assert reasons(found) == ["implausible_mw"]
    assert ends(found) == [LAST], "the last good row stays"


def test_a_fuel_never_reported_that_day_makes_no_row_incomplete() -> None:
    mix = without(NYISO_MW, "Other Fossil Fuels")
    frame = nyiso(mix, mix).assign(**{"Other Fossil Fuels": float("nan")})
    assert readings("NYISO", frame)[Basis.DIRECT].valid_to == LAST


def test_a_row_that_lacks_a_negligible_fuel_is_preferred_to_an_older_row() -> None:
    frame = nyiso(NYISO_MW, without(NYISO_MW, "Other Fossil Fuels"))
    reading = readings("NYISO", frame)[Basis.DIRECT]
    assert reading.valid_to == LAST
    assert reading.detail["unlisted"] == ["Other Fossil Fuels (not reported)"]


def test_a_fuel_missing_for_longer_than_data_live_is_still_missed() -> None:
    gone = without(NYISO_MW, "Nuclear")
    found = batch("NYISO", nyiso(NYISO_MW, NYISO_MW, *[gone] * 9))
    assert ends(found) == [LAST - timedelta(minutes=45)]
    assert reasons(found) == ["missing_fuel"]


def test_pjm_falls_back_to_the_newest_complete_hour_while_it_is_live() -> None:
    start, hour = datetime(2026, 3, 5, 13, tzinfo=UTC), timedelta(hours=1)
    frame = intervals(PJM_MW, PJM_MW, without(PJM_MW, "Coal"), start=start, step=hour)
    assert readings("PJM", frame)[Basis.DIRECT].valid_to == start + 2 * hour
    late = batch("PJM", frame, NOW + 2 * hour)  # The complete hour is 5 h old.
    assert ends(late) == [start + 2 * hour]
    assert reasons(late) == ["missing_fuel"], "the last hour is not half written any more"


def test_a_row_with_a_truncated_number_is_replaced_by_the_row_before() -> None:
    cut = NYISO_MW | {"Hydro": 20.0}  # The number was "2000.0".
    reading = readings("NYISO", nyiso(NYISO_MW, NYISO_MW, cut))[Basis.DIRECT]
    assert reading.valid_to == datetime(2026, 3, 5, 17, 55, tzinfo=UTC)


def test_a_real_fall_of_a_fuel_is_accepted_one_row_later() -> None:
    tripped = NYISO_MW | {"Hydro": 20.0}
    reading = readings("NYISO", nyiso(NYISO_MW, tripped, tripped))[Basis.DIRECT]
    assert reading.valid_to == LAST
    assert reading.detail["fuel_mw"] == tripped


def test_a_fall_between_hourly_rows_is_not_taken_for_a_truncated_number() -> None:
    start, hour = datetime(2026, 3, 5, 14, tzinfo=UTC), timedelta(hours=1)
    frame = intervals(PJM_MW, PJM_MW | {"Wind": 100.0}, start=start, step=hour)
    assert readings("PJM", frame)[Basis.DIRECT].valid_to == start + 2 * hour


def test_a_single_row_is_not_accepted() -> None:
    error = the_error("NYISO", nyiso(NYISO_MW))
    assert isinstance(error, NoDataError)
    assert "1 usable row" in str(error)


def test_rows_a_day_old_are_never_accepted() -> None:
    """CAISO's reader dates a table to yesterday if its times are ahead of the clock."""
    ahead = NOW + timedelta(minutes=2) - timedelta(days=1)
    assert isinstance(the_error("NYISO", nyiso(NYISO_MW, NYISO_MW, end=ahead)), NoDataError)


@pytest.mark.parametrize("first", [0, 1])
def test_two_rows_with_one_stamp_and_different_figures_are_a_contradiction(first: int) -> None:
    table, other = nyiso(NYISO_MW, NYISO_MW), nyiso(NYISO_MW | {"Wind": 900.0})
    found = batch("NYISO", pd.concat([other, table] if first else [table, other]))
    assert ends(found) == [LAST - timedelta(minutes=5)]
    assert reasons(found) == ["contradiction"]


def test_two_rows_with_one_stamp_and_the_same_figures_are_one() -> None:
    frame = pd.concat([nyiso(NYISO_MW, NYISO_MW), nyiso(NYISO_MW)])
    assert readings("NYISO", frame)[Basis.DIRECT].valid_to == LAST


def test_of_two_days_tables_with_one_stamp_the_first_counts() -> None:
    midnight = datetime(2026, 3, 5, 5, 0, tzinfo=UTC)
    feed = Feed(
        NYISO={
            "2026-03-04": nyiso(NYISO_MW, NYISO_MW, end=midnight),
            "2026-03-05": nyiso(NYISO_MW | {"Wind": 900.0}, end=midnight),
        }
    )
    (found,) = provider(feed).fetch(midnight + timedelta(minutes=2))
    assert found.errors == ()
    assert found.readings[0].detail["fuel_mw"] == NYISO_MW


def test_rows_in_any_order_are_read_by_their_stamps() -> None:
    frame = nyiso(NYISO_MW | {"Wind": 100.0}, NYISO_MW)
    shuffled = frame.iloc[::-1].reset_index(drop=True)
    assert readings("NYISO", shuffled)[Basis.DIRECT].detail["fuel_mw"] == NYISO_MW


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


# --- The days that are requested -------------------------------------------------------------


@pytest.mark.parametrize(
    ("market", "now", "days"),
    [
        ("NYISO", "2026-03-05T18:00", ["2026-03-05"]),
        ("NYISO", "2026-03-05T05:02", ["2026-03-04", "2026-03-05"]),
        ("NYISO", "2026-03-05T05:45", ["2026-03-05"]),
        ("NYISO", "2026-03-05T04:59", ["2026-03-04"]),
        ("CAISO", "2026-03-05T05:02", ["2026-03-04"]),
        ("CAISO", "2026-03-05T08:10", ["2026-03-04", "2026-03-05"]),
        ("PJM", "2026-03-05T10:30", ["2026-03-04", "2026-03-05"]),
        ("PJM", "2026-03-05T11:30", ["2026-03-05"]),
    ],
)
def test_the_day_before_is_requested_too_while_it_may_hold_the_newest_row(
    market: str, now: str, days: list[str]
) -> None:
    feed = Feed(**{market: NoDataFoundException("none")})
    list(provider(feed, market).fetch(datetime.fromisoformat(now).replace(tzinfo=UTC)))
    assert [day.isoformat() for _, day, _ in feed.asked] == days


def test_before_todays_first_row_yesterdays_last_row_is_the_newest_without_an_error() -> None:
    midnight = datetime(2026, 3, 5, 5, 0, tzinfo=UTC)
    missing = urllib.error.HTTPError("http://x", 404, "Not Found", Message(), None)
    days = {"2026-03-04": nyiso(NYISO_MW, NYISO_MW, end=midnight), "2026-03-05": missing}
    reading = readings("NYISO", days, midnight + timedelta(minutes=3))[Basis.DIRECT]
    assert reading.valid_to == midnight


def test_todays_first_and_half_written_stamp_is_compared_with_yesterdays() -> None:
    midnight = datetime(2026, 3, 5, 5, 0, tzinfo=UTC)
    days = {
        "2026-03-04": nyiso(NYISO_MW, NYISO_MW, end=midnight),
        "2026-03-05": nyiso(without(NYISO_MW, "Hydro"), end=midnight + timedelta(minutes=5)),
    }
    reading = readings("NYISO", days, midnight + timedelta(minutes=7))[Basis.DIRECT]
    assert reading.valid_to == midnight


def test_a_fault_of_one_day_is_reported_even_when_the_other_day_answers() -> None:
    midnight = datetime(2026, 3, 5, 5, 0, tzinfo=UTC)
    days = {"2026-03-04": nyiso(NYISO_MW, NYISO_MW, end=midnight), "2026-03-05": TimeoutError()}
    found = batch("NYISO", days, midnight + timedelta(minutes=3))
    assert len(found.readings) == 2
    assert [error.kind for error in found.errors] == ["transient"]


# --- The types of errors ---------------------------------------------------------------------


def of_status(status: int) -> Exception:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(f"{status} for url", response=response)


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (NoDataFoundException("No data found for gen_by_fuel"), NoDataError),
        (urllib.error.HTTPError("http://x", 404, "Not Found", Message(), None), NoDataError),
        (of_status(404), NoDataError),
        (of_status(401), PermanentError),
        (of_status(403), PermanentError),
        (of_status(400), PermanentError),
        (NotSupported("PJM does not support 'latest'"), PermanentError),
        (of_status(429), TransientError),
        (of_status(503), TransientError),
        (urllib.error.HTTPError("http://x", 500, "Oops", Message(), None), TransientError),
        (urllib.error.URLError("no route"), TransientError),
        (TimeoutError(), TransientError),
        (ConnectionResetError(), TransientError),
        (requests.ConnectTimeout(), TransientError),
        (http.client.IncompleteRead(b""), TransientError),
        (RuntimeError("Error: Failed after 1 retries"), TransientError),
        (DataMinerSnapshotMismatch("rows"), TransientError),
        (SecretsError("no Parameter Store"), TransientError),
        (requests.exceptions.JSONDecodeError("no JSON", "<html>", 0), InvalidError),
        (pd.errors.EmptyDataError("No columns"), InvalidError),
        (pd.errors.ParserError("tokenizing"), InvalidError),
        (KeyError("Gen MW"), InvalidError),
        (IndexError(), InvalidError),
        (UnboundLocalError(), InvalidError),
        (ValueError("No objects to concatenate"), InvalidError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else repr(value)[:40],
)
def test_every_exception_of_the_library_becomes_one_of_our_errors(
    raised: Exception, kind: type[GreenStreamError]
) -> None:
    error = the_error("NYISO", raised)
    assert type(error) is kind
    assert (error.provider, error.zone) == ("gridstatus", "NYISO")
    assert error.message.startswith(type(raised).__name__)
    assert ".py:" not in error.message  # The message names no source line.
    assert (error.__cause__, error.__context__, error.__traceback__) == (None, None, None)
    assert not isinstance(error, InvalidError) or error.reason == "malformed"


def test_the_key_is_removed_from_the_message() -> None:
    feed = Feed(PJM=RuntimeError("bad header Ocp-Apim-Subscription-Key: MARKED"))
    (found,) = provider(feed, "PJM", pjm_api_key=lambda: "MARKED").fetch(NOW)
    (error,) = found.errors
    assert "[secret]" in str(error)
    assert "MARKED" not in str(error)


def in_a_process_of_its_own(steps: Callable[[], None]) -> None:
    """Run a function of this module in a process that may limit its memory, for at most 60 s."""
    code = f"from {steps.__module__} import {steps.__name__}; {steps.__name__}()"
    env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stderr


def test_an_answer_beyond_the_functions_memory_fails_without_the_other_zones() -> None:
    in_a_process_of_its_own(ask_for_an_answer_beyond_the_memory)


def ask_for_an_answer_beyond_the_memory() -> None:
    keep_within(memory_mb=1024)
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))

    def huge(market: str, day: date, api_key: str | None) -> pd.DataFrame:
        if market == "CAISO":
            bytearray(600 * 2**20)
        return feed(market, day, api_key)

    found = list(provider(huge, "CAISO,NYISO").fetch(NOW))
    [error] = [error for batch in found for error in batch.errors]
    assert isinstance(error, InvalidError)
    assert error.reason == "too_large"
    assert {one.zone for batch in found for one in batch.readings} == {"NYISO"}


def test_a_run_that_begins_with_its_memory_used_up_ends_in_time() -> None:
    """A thread that has no memory to start must not make the run wait for ever."""
    in_a_process_of_its_own(run_with_the_memory_used_up)


def run_with_the_memory_used_up() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    stack = 8 * 2**20  # A thread needs this much, unless it reuses an earlier stack.
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    for free in (0, 0, 0, 4096, 32768, stack, stack + 4096, stack + 32768):
        resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + free, hard))
        found = list(provider(feed, deadline_s=2.0).fetch(NOW))
        resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
        assert len(found) == 1, free


def data_bytes() -> int:
    """Return the bytes that this process uses of the memory that `keep_within` limits."""
    [kilobytes] = re.findall(
        r"^VmData:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE
    )
    return int(kilobytes) * 1024


def test_the_librarys_logger_writes_nothing_at_any_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for level in (logging.INFO, logging.ERROR):
        logging.getLogger("gridstatus").log(level, "Requesting with MARKED")
    assert caplog.records == []


# --- Zones and runs --------------------------------------------------------------------------


def test_pjm_without_a_key_is_unconfigured_and_is_not_requested() -> None:
    feed = Feed()
    (found,) = provider(feed, "PJM", pjm_api_key=lambda: None).fetch(NOW)
    assert found == Batch(unconfigured=("PJM",))
    assert feed.asked == []


def test_only_pjm_receives_the_key() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW), PJM=NoDataFoundException())
    list(provider(feed, "NYISO,PJM").fetch(NOW))
    assert {(market, key) for market, _, key in feed.asked} == {("NYISO", None), ("PJM", "key")}


def test_a_failing_secret_store_affects_only_pjm() -> None:
    def refuse() -> str:
        raise SecretsError("denied")

    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    found = list(provider(feed, "PJM,NYISO", pjm_api_key=refuse).fetch(NOW))
    assert sorted(len(each.readings) for each in found) == [0, 2]
    assert [error.zone for each in found for error in each.errors] == ["PJM"]


class Stuck:
    """A feed that answers for NYISO at once, and for CAISO only after ``release`` is set."""

    def __init__(self) -> None:
        self.release = Event()

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        if market == "CAISO":
            self.release.wait()
            raise NoDataFoundException
        return nyiso(NYISO_MW, NYISO_MW)


def kinds(found: Batch) -> list[str]:
    return [error.kind for error in found.errors]


def test_a_zone_that_hangs_affects_no_other_and_is_not_requested_again_until_it_ends() -> None:
    feed = Stuck()
    stuck = provider(feed, "CAISO,NYISO", deadline_s=0.2)
    first = list(stuck.fetch(NOW))
    assert [(len(each.readings), kinds(each)) for each in first] == [(2, []), (0, ["transient"])]
    assert "no answer within" in str(first[1].errors[0])

    second = [error for each in stuck.fetch(NOW) for error in each.errors]
    assert [error.zone for error in second] == ["CAISO_NORTH"]
    assert "still hangs" in str(second[0])

    hanging = stuck.busy["CAISO_NORTH"]
    feed.release.set()
    hanging.join()
    third = [error for each in stuck.fetch(NOW) for error in each.errors]
    assert [error.kind for error in third] == ["no_data"]


def test_a_zone_that_has_answered_is_requested_again_by_the_next_run() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    warm = provider(feed)
    for _ in range(50):
        (found,) = warm.fetch(NOW)
        assert found.errors == ()
        assert warm.busy == {}


def test_zones_are_named_by_the_librarys_classes_and_default_to_all() -> None:
    def names(markets: str) -> list[str]:
        return [zone.zone for zone, _ in wanted(markets)]

    assert names("CAISO, NYISO,CAISO") == ["CAISO_NORTH", "NYISO"]
    assert {"CAISO_NORTH", "NYISO", "PJM"} <= set(names(""))
    with pytest.raises(SettingsError, match="ERCOOT"):
        names("NYISO,ERCOOT")


def test_a_run_reserves_time_for_storing() -> None:
    asked = provider(Feed())
    limits = [asked.within(left_ms).deadline_s for left_ms in (60_000, 14_000, 3_000)]
    assert limits == [DEADLINE_S, 4.0, 0.0]
    assert asked.within(60_000).busy is asked.busy


class TestCorrections:
    """If the file corrects a stored row, that row is stored again, and no other row is."""

    KIND = Kind(Signal.AVERAGE, Basis.DIRECT)
    STEP = timedelta(minutes=5)

    def ran(self, warm: Gridstatus, store: MemoryStore, now: datetime) -> list[datetime]:
        """Collect, and return the ends of the rows that were yielded."""
        store.delivered.clear()
        collect(warm, store, clock=lambda: now, telemetry=Silent())
        return [reading.valid_to for reading in store.delivered if reading.kind == self.KIND]

    @pytest.mark.parametrize("cold", [False, True])
    def test_a_corrected_row_corrects_the_history(self, *, cold: bool) -> None:
        store = MemoryStore()
        feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW, end=LAST))
        slots = StoredSlots(NAME, OLDEST_ROW, store.history)
        warm = provider(feed, stored=slots)
        self.ran(warm, store, NOW)
        corrected = {**NYISO_MW, "Natural Gas": 1.1 * NYISO_MW["Natural Gas"]}
        later = LAST + 2 * self.STEP
        feed.by_market["NYISO"] = nyiso(NYISO_MW, corrected, NYISO_MW, NYISO_MW, end=later)
        if cold:
            warm = provider(feed, stored=StoredSlots(NAME, OLDEST_ROW, store.history))

        assert self.ran(warm, store, NOW + 2 * self.STEP) == [LAST, LAST + self.STEP, later]

        kept = store.history("NYISO", NAME, self.KIND, since=LAST - self.STEP, until=later)
        assert kept[0].gco2_kwh > kept[1].gco2_kwh
        assert kept[1].gco2_kwh == kept[2].gco2_kwh
        versions = store.versions("NYISO", NAME, self.KIND, since=LAST - self.STEP, until=LAST)
        assert [version.gco2_kwh for version in versions] == [kept[1].gco2_kwh, kept[0].gco2_kwh]
        assert self.ran(warm, store, NOW + 3 * self.STEP) == [later]

    def test_a_new_sandbox_writes_nothing_that_is_stored(self) -> None:
        store = MemoryStore()
        feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW, end=LAST))
        for minutes in (0, 1):
            cold = provider(feed, stored=StoredSlots(NAME, OLDEST_ROW, store.history))
            assert self.ran(cold, store, NOW + timedelta(minutes=minutes)) == [LAST]

    def test_a_new_sandbox_misses_wind_that_the_file_of_the_day_does_not_name(self) -> None:
        store = MemoryStore()
        feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW, end=LAST))
        collect(provider(feed), store, clock=lambda: NOW, telemetry=Silent())
        calm, later = without(NYISO_MW, "Wind"), LAST + timedelta(days=3)
        feed.by_market["NYISO"] = nyiso(calm, calm, calm, end=later)
        cold = provider(feed, stored=StoredSlots(NAME, OLDEST_ROW, store.history))

        (batch,) = stored(cold.fetch(later + timedelta(minutes=1)))

        assert batch.readings == ()
        assert "missing_fuel" in reasons(batch)
