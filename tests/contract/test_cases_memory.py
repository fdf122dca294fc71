"""What a source used to report is missed for longer than its provider looks back."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

import pytest

from functions.entsoe.provider import WINDOW, Entsoe
from greenstream.domain.fuel_memory import LIFE
from greenstream.domain.reading import Basis, Kind, Reading, Signal
from greenstream.domain.zones import zones_of
from greenstream.ingest.stored_slots import StoredSlots
from tests.contract.entsoe_wire import document, period, series
from tests.contract.pipeline import Heard, Ran, http, ran
from tests.fakes.memory_store import MemoryStore

DIRECT = Kind(Signal.AVERAGE, Basis.DIRECT)
ZONE = next(pair for pair in zones_of("entsoe") if pair[0].zone == "ENTSOE_PT")
LOST = datetime(2026, 5, 6, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
WARM_AND_COLD = pytest.mark.parametrize("cold", [False, True])

Mw = Callable[[datetime], float]


def sun(at: datetime) -> float:
    return 2700.0 * max(0.0, 1 - abs(at.hour - 12) / 8)


FUELS: dict[str, Mw] = {
    "B04": lambda at: 2400.0 + 30 * (at.hour % 7),
    "B11": lambda at: 1800.0 + 9 * (at.hour % 5),
    "B16": sun,
    "B19": lambda at: 1500.0 + 20 * (at.hour % 11),
}


def answer(now: datetime, lost: Iterable[str]) -> bytes:
    """Return the window that ends now, in which some fuels end at `LOST`."""
    start = (now - WINDOW).replace(minute=0)
    rows = []
    for fuel, mw in FUELS.items():
        ends = min(LOST, now) if fuel in lost else now
        starts = [start + n * HOUR for n in range((ends - start) // HOUR)]
        if starts:
            points = {n: mw(at) for n, at in enumerate(starts, start=1)}
            whole = period(points, start=start, slots=len(starts), minutes=60)
            rows.append(series(fuel, whole, domain=ZONE[1].provider_zone))
    return document(*rows)


def run(hours: Iterable[int], lost: Iterable[str], *, cold: bool) -> tuple[list[Reading], Ran]:
    """Run at these hours after `LOST`, over a store in memory; return its history and last run."""
    store = MemoryStore()
    provider = None
    last = None
    for hour in hours:
        now = LOST + hour * HOUR
        if provider is None or cold:
            provider = Entsoe(
                http=http("entsoe", {}),
                token=lambda: "token",
                wanted=(ZONE,),
                stored=StoredSlots("entsoe", WINDOW, store.history, Heard()),
            )
        asked = Entsoe(
            http=http("entsoe", {"/api": answer(now, lost)}),
            token=provider.token,
            wanted=provider.wanted,
            memory=provider.memory,
            stored=provider.stored,
        )
        last = ran(asked, store, now)
    assert last is not None
    ever = {"since": LOST - 30 * WINDOW, "until": LOST + 30 * WINDOW}
    return list(store.history("ENTSOE_PT", "entsoe", DIRECT, **ever)), last


@WARM_AND_COLD
def test_wind_that_is_lost_for_two_days_is_missed_all_the_time(*, cold: bool) -> None:
    history, last = run(range(-30, 73, 3), ["B19"], cold=cold)

    assert max(reading.valid_to for reading in history) == LOST
    assert last.reasons("ENTSOE_PT") == {"missing_fuel"}


@WARM_AND_COLD
def test_sun_that_is_lost_for_days_is_missed_by_day_and_not_at_night(*, cold: bool) -> None:
    history, last = run(range(-30, 79, 3), ["B16"], cold=cold)

    after = [reading.valid_from for reading in history if reading.valid_from >= LOST]
    assert after, "nights are true without any sun"
    assert all(sun(at) < 400 for at in after)
    assert last.reasons("ENTSOE_PT") == {"missing_fuel"}


@WARM_AND_COLD
def test_a_source_that_loses_nothing_is_believed_all_the_time(*, cold: bool) -> None:
    history, last = run(range(-30, 79, 3), [], cold=cold)

    assert last.refused == ()
    assert history[-1].valid_to == LOST + 78 * HOUR


def test_a_new_sandbox_knows_a_fuel_that_was_lost_before_its_window() -> None:
    history, last = run([*range(-30, 1, 3), 100], ["B19"], cold=True)

    assert max(reading.valid_to for reading in history) == LOST
    assert last.reasons("ENTSOE_PT") == {"missing_fuel"}


@WARM_AND_COLD
def test_after_two_weeks_a_fuel_is_missed_no_more(*, cold: bool) -> None:
    weeks = (LIFE + WINDOW) // HOUR + 1
    history, last = run([*range(-30, 1, 3), weeks], ["B19"], cold=cold)

    assert history[-1].valid_to == LOST + weeks * HOUR
    assert last.refused == ()
