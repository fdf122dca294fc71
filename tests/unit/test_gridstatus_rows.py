"""Which rows of a file the gridstatus provider chooses, for which days it asks, and corrections."""

import urllib.error
from datetime import UTC, datetime, timedelta
from email.message import Message

import pandas as pd
import pytest
from gridstatus.base import NoDataFoundException

from functions.gridstatus.believed import OLDEST_ROW
from functions.gridstatus.faults import NAME
from functions.gridstatus.provider import Gridstatus
from greenstream.domain.errors import (
    InvalidError,
    NoDataError,
)
from greenstream.domain.reading import Basis, Kind, Signal
from greenstream.ingest.collect import collect
from greenstream.ingest.stored_slots import StoredSlots
from greenstream.ports.store import StoreError
from tests.builders import stored
from tests.contract.provider_wire import Silent
from tests.fakes.memory_store import MemoryStore
from tests.unit.gridstatus_tables import (
    CAISO_MW,
    LAST,
    NOW,
    NYISO_MW,
    PJM_MW,
    Feed,
    batch,
    ends,
    intervals,
    nyiso,
    provider,
    readings,
    reasons,
    the_error,
    without,
)

# --- The choice of a row ---------------------------------------------------------------------


def test_a_half_written_last_row_is_replaced_by_the_row_before() -> None:
    half = without(NYISO_MW, "Hydro", "Nuclear", "Wind")
    reading = readings("NYISO", nyiso(NYISO_MW, NYISO_MW, half))[Basis.DIRECT]
    assert reading.valid_to == datetime(2026, 3, 5, 17, 55, tzinfo=UTC)
    assert reading.detail["fuel_mw"] == NYISO_MW


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
        (fetched,) = stored(warm.fetch(after[count - 1] + timedelta(minutes=1)))
        assert ends(fetched) == [LAST], "the last good row stays"
        assert reasons(fetched) == ["missing_fuel"]
    feed.by_market["NYISO"] = nyiso(*[NYISO_MW] * 11, end=after[-1])
    (fetched,) = stored(warm.fetch(after[-1] + timedelta(minutes=1)))
    assert ends(fetched) == after
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
    (fetched,) = stored(warm.fetch(midnight + timedelta(hours=2, minutes=1)))
    assert fetched.readings == ()
    assert reasons(fetched) == ["missing_fuel"]
    assert readings("NYISO", nyiso(gone, gone))[Basis.DIRECT].coverage < 1, "unknown to a new one"


def test_the_window_has_each_complete_row_up_to_the_newest_accepted_row() -> None:
    impossible = NYISO_MW | {"Wind": 900_000.0}
    cut = NYISO_MW | {"Hydro": 20.0}
    mixes = [NYISO_MW, without(NYISO_MW, "Nuclear"), NYISO_MW, impossible, NYISO_MW, cut]
    fetched = batch("NYISO", nyiso(*mixes))
    window = list(fetched.window())
    for basis in Basis:
        assert [reading.valid_to for reading in window if reading.basis is basis] == [
            LAST - timedelta(minutes=minutes) for minutes in (25, 15, 5)
        ]
    assert list(fetched.readings) == window[-2:]
    assert fetched.errors == (), "what is only in the window was counted when it was new"


def test_a_row_that_may_be_of_another_day_is_not_in_the_window() -> None:
    fetched = batch("NYISO", nyiso(*[NYISO_MW] * 300))
    window = list(fetched.window())
    assert min(reading.valid_to for reading in window) == LAST - timedelta(hours=22, minutes=55)
    assert max(reading.valid_to for reading in window) == LAST


def test_a_missed_row_that_is_refused_does_not_drop_the_others() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    warm = provider(feed)
    stored(warm.fetch(NOW))
    later = LAST + timedelta(minutes=15)
    impossible = NYISO_MW | {"Wind": 900_000.0}
    feed.by_market["NYISO"] = nyiso(NYISO_MW, impossible, NYISO_MW, NYISO_MW, end=later)
    (fetched,) = stored(warm.fetch(later + timedelta(minutes=1)))
    assert ends(fetched) == [LAST + timedelta(minutes=10), later]
    (error,) = fetched.errors
    assert isinstance(error, InvalidError)
    assert error.reason == "implausible_mw"


def test_rows_refused_one_after_another_are_reported_once_and_not_in_every_run() -> None:
    feed = Feed(NYISO=nyiso(NYISO_MW, NYISO_MW))
    warm = provider(feed)
    stored(warm.fetch(NOW))
    later = LAST + timedelta(minutes=15)
    impossible = NYISO_MW | {"Wind": 900_000.0}
    feed.by_market["NYISO"] = nyiso(NYISO_MW, *[impossible] * 3, end=later)
    (fetched,) = stored(warm.fetch(later + timedelta(minutes=1)))
    assert reasons(fetched) == ["implausible_mw"]
    assert ends(fetched) == [LAST], "the last good row stays"


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
    fetched = batch("NYISO", nyiso(NYISO_MW, NYISO_MW, *[gone] * 9))
    assert ends(fetched) == [LAST - timedelta(minutes=45)]
    assert reasons(fetched) == ["missing_fuel"]


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


def caiso(*, ends_before_now: timedelta, now: datetime) -> pd.DataFrame:
    step = timedelta(minutes=5)
    return intervals(*[CAISO_MW] * 4, start=now - ends_before_now - 4 * step, step=step)


@pytest.mark.parametrize("hour", range(24))
@pytest.mark.parametrize("hours_ahead", [1, 6, 11])
def test_rows_of_tomorrow_are_not_read_as_those_of_last_night(hour: int, hours_ahead: int) -> None:
    """CAISO's rows name no day. With a clock that is ahead, its file of the evening is tomorrow's.

    The library then reads the rows as today's, so that they seem to be most of a day old.
    """
    now = datetime(2026, 3, 5, 8, 3, tzinfo=UTC) + timedelta(hours=hour)
    seeming = timedelta(days=1) - timedelta(hours=hours_ahead)
    days = dict.fromkeys(
        ("2026-03-04", "2026-03-05", "2026-03-06"), caiso(ends_before_now=seeming, now=now)
    )
    fetched = batch("CAISO", days, now)
    assert fetched.readings == ()
    assert set(reasons(fetched)) == {"future"}


def test_a_file_of_caiso_that_is_some_hours_late_is_still_todays() -> None:
    frame = caiso(ends_before_now=timedelta(hours=9), now=NOW)
    assert readings("CAISO", frame)[Basis.DIRECT].valid_to == NOW - timedelta(hours=9)


@pytest.mark.parametrize("first", [0, 1])
def test_two_rows_with_one_stamp_and_different_figures_are_a_contradiction(first: int) -> None:
    table, other = nyiso(NYISO_MW, NYISO_MW), nyiso(NYISO_MW | {"Wind": 900.0})
    fetched = batch("NYISO", pd.concat([other, table] if first else [table, other]))
    assert ends(fetched) == [LAST - timedelta(minutes=5)]
    assert reasons(fetched) == ["contradiction"]


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
    (fetched,) = provider(feed).fetch(midnight + timedelta(minutes=2))
    assert fetched.errors == ()
    assert fetched.readings[0].detail["fuel_mw"] == NYISO_MW


def test_rows_in_any_order_are_read_by_their_stamps() -> None:
    frame = nyiso(NYISO_MW | {"Wind": 100.0}, NYISO_MW)
    shuffled = frame.iloc[::-1].reset_index(drop=True)
    assert readings("NYISO", shuffled)[Basis.DIRECT].detail["fuel_mw"] == NYISO_MW


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
    fetched = batch("NYISO", days, midnight + timedelta(minutes=3))
    assert len(fetched.readings) == 2
    assert [error.kind for error in fetched.errors] == ["transient"]


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
