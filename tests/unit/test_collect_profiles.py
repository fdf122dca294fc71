"""The hour profiles that a run stores: of the history, or of the window that was fetched."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from greenstream.domain.profile import HourMean
from greenstream.domain.reading import Reading
from greenstream.ingest.collect import collect
from greenstream.ports.provider import Batch
from infra.local.memory_store import SourceKey
from tests.builders import AVERAGE_DIRECT, AVERAGE_LIFECYCLE, NOW, a_reading, an_hour_profile
from tests.fakes.memory_store import MemoryStore
from tests.fakes.scripted_provider import RecordedTelemetry, Scripted, batch
from tests.storing import profiles_of, put_profile, put_reading


def test_the_hour_that_has_ended_gets_its_mean_of_the_last_week(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    """Readings cover 16:00-17:00 on three days; the first one after 17:00 completes the hour."""

    def collect_reading(at: datetime, gco2_kwh: float) -> None:
        reading = a_reading(valid_to=at, fetched_at=at, gco2_kwh=gco2_kwh)
        collect(Scripted(Batch(readings=(reading,))), store, clock=lambda: at, telemetry=telemetry)

    for days_ago, values in ((8, (900.0, 900.0)), (1, (100.0, 200.0)), (0, (300.0, 400.0))):
        day = NOW - timedelta(days=days_ago)
        collect_reading(day + timedelta(minutes=5), values[0])
        collect_reading(day + timedelta(minutes=60), values[1])
    collect_reading(NOW + timedelta(minutes=65), 50.0)

    [profile] = profiles_of(store)
    assert profile.kind == AVERAGE_DIRECT
    assert profile.hours[16].gco2_kwh == 250  # The readings of eight days ago do not count.
    assert profile.hours[16].computed_at == NOW + timedelta(minutes=65)


def test_an_hour_whose_profile_was_lost_or_whose_reading_came_late_gets_its_mean_an_hour_later(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    def collect_reading(minutes: int, gco2_kwh: float) -> None:
        end = NOW + timedelta(minutes=minutes)
        reading = a_reading(valid_to=end, fetched_at=end, gco2_kwh=gco2_kwh)
        collect(Scripted(Batch(readings=(reading,))), store, clock=lambda: end, telemetry=telemetry)

    collect_reading(5, 100)
    # This run stored its reading, and died before it stored a profile.
    put_reading(store, a_reading(valid_to=NOW + timedelta(minutes=65), gco2_kwh=50.0))
    collect_reading(10, 200)
    assert profiles_of(store) == ()
    collect_reading(125, 70)

    [profile] = profiles_of(store)
    assert {hour: mean.gco2_kwh for hour, mean in profile.hours.items()} == {16: 150, 17: 50}


def test_a_reading_that_ends_on_the_hour_is_of_the_hour_it_ends(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    for minutes, gco2_kwh in ((0, 100.0), (30, 300.0), (65, 50.0)):
        end = NOW + timedelta(minutes=minutes)
        reading = a_reading(valid_to=end, gco2_kwh=gco2_kwh)
        collect(Scripted(Batch(readings=(reading,))), store, clock=lambda: NOW, telemetry=telemetry)

    [profile] = profiles_of(store)
    assert {hour: mean.gco2_kwh for hour, mean in profile.hours.items()} == {15: 100, 16: 300}


def a_window(gco2_kwh: float = 100.0, **changes: object) -> tuple[Reading, ...]:
    """Return two days of hourly readings up to an hour ago; the second day is 200 g/kWh higher."""
    ends = [NOW - timedelta(hours=hours) for hours in range(48, 0, -1)]
    return tuple(
        a_reading(
            valid_from=end - timedelta(hours=1),
            valid_to=end,
            gco2_kwh=gco2_kwh + (0 if NOW - end > timedelta(days=1) else 200),
            **changes,  # type: ignore[arg-type]
        )
        for end in ends
    )


def test_a_source_without_earlier_readings_gets_the_profile_of_the_window_that_was_fetched(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    batch = Batch(readings=(a_reading(),), window=a_window)
    collect(Scripted(batch), store, clock=lambda: NOW, telemetry=telemetry)

    [profile] = profiles_of(store)
    assert (profile.zone, profile.provider, profile.kind) == ("Z", "p", AVERAGE_DIRECT)
    assert sorted(profile.hours) == list(range(24))
    assert {mean.computed_at for mean in profile.hours.values()} == {NOW}
    assert {mean.days for mean in profile.hours.values()} == {2}
    assert profile.hours[14].gco2_kwh == 200
    since = NOW - timedelta(days=7)
    history = store.history("Z", "p", AVERAGE_DIRECT, since=since, until=NOW)
    assert history == (a_reading(),), "the window itself is not stored"


def test_each_zone_and_kind_gets_its_own_part_of_the_window_which_is_asked_for_once(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    asked: list[str] = []
    sources = [("Y", AVERAGE_DIRECT), ("Z", AVERAGE_DIRECT), ("Z", AVERAGE_LIFECYCLE)]

    def window() -> Iterator[Reading]:
        asked.append("window")
        for number, (zone, kind) in enumerate(sources):
            yield from a_window(float(number), zone=zone, kind=kind)
        yield from a_window(900.0, provider="q")

    batch = Batch(
        readings=tuple(a_reading(zone=zone, kind=kind) for zone, kind in sources), window=window
    )
    collect(Scripted(batch), store, clock=lambda: NOW, telemetry=telemetry)

    means = {
        (profile.zone, profile.kind): profile.hours[3].gco2_kwh for profile in profiles_of(store)
    }
    assert means == {source: 100.0 + number for number, source in enumerate(sources)}
    assert asked == ["window"]


@pytest.mark.parametrize("earlier", [timedelta(0), timedelta(minutes=5), -timedelta(minutes=5)])
def test_a_source_with_readings_is_not_asked_for_its_window(
    store: MemoryStore, telemetry: RecordedTelemetry, earlier: timedelta
) -> None:
    def window() -> Iterator[Reading]:
        raise AssertionError("the window costs time")

    put_reading(store, a_reading(valid_to=NOW - earlier))
    batch = Batch(readings=(a_reading(),), window=window)
    collect(Scripted(batch), store, clock=lambda: NOW, telemetry=telemetry)
    assert profiles_of(store) == ()


def test_a_mean_of_the_history_takes_the_place_of_the_windows(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    def run(minutes: int, gco2_kwh: float) -> None:
        at = NOW + timedelta(minutes=minutes)
        reading = a_reading(valid_to=at, fetched_at=at, gco2_kwh=gco2_kwh)
        batch = Batch(readings=(reading,), window=a_window)
        collect(Scripted(batch), store, clock=lambda: at, telemetry=telemetry)

    for minutes, gco2_kwh in ((5, 10.0), (10, 20.0), (65, 30.0)):
        run(minutes, gco2_kwh)
    [profile] = profiles_of(store)
    means = {hour: mean.gco2_kwh for hour, mean in profile.hours.items()}
    assert means == {**dict.fromkeys(range(24), 200.0), 16: 15.0}


def test_a_window_of_a_week_makes_the_profile_in_each_run_that_stores_a_reading(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    """The history of a new table has fewer days than the week that the upstream publishes."""

    def run(minutes: int, *ends_min: int, gco2_kwh: float) -> None:
        at = NOW + timedelta(minutes=minutes)
        ends = [NOW + timedelta(minutes=end) for end in ends_min]
        batch = Batch(
            readings=tuple(a_reading(valid_to=end, fetched_at=at) for end in ends),
            window=lambda: a_window(gco2_kwh),
            window_is_a_week=True,
        )
        collect(Scripted(batch), store, clock=lambda: at, telemetry=telemetry)

    run(0, 0, gco2_kwh=100.0)
    run(130, 0, 65, 120, gco2_kwh=500.0)
    run(140, 120, gco2_kwh=900.0)

    [profile] = profiles_of(store)
    assert {mean.gco2_kwh for mean in profile.hours.values()} == {600.0}
    computed_at = {mean.computed_at for mean in profile.hours.values()}
    assert computed_at == {NOW + timedelta(minutes=120)}, "the week ends with the newest reading"


def run_hourly(
    store: MemoryStore,
    telemetry: RecordedTelemetry,
    since: datetime,
    until: datetime,
    gco2_kwh: float,
) -> None:
    """Collect a reading of each hour, with the window that was fetched with it."""
    end = since
    while end <= until:
        reading = a_reading(
            valid_from=end - timedelta(minutes=30), valid_to=end, fetched_at=end, gco2_kwh=gco2_kwh
        )
        batch = Batch(readings=(reading,), window=a_window)
        collect(Scripted(batch), store, clock=lambda end=end: end, telemetry=telemetry)  # type: ignore[misc]
        end += timedelta(hours=1)


def test_after_an_outage_the_hours_of_before_it_are_not_the_last_weeks(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    """The hour before an outage of eight days used to count as a mean of the last seven days."""
    away = NOW - timedelta(days=8)
    run_hourly(store, telemetry, away - timedelta(days=8), away, 900.0)
    run_hourly(store, telemetry, NOW, NOW, 100.0)

    [profile] = profiles_of(store)
    assert {mean.computed_at for mean in profile.hours.values()} == {NOW}
    assert {mean.gco2_kwh for mean in profile.hours.values()} == {200.0}, "the window's hours"


@pytest.mark.parametrize("days", [1, 4])
def test_after_an_outage_of_some_days_the_profile_of_before_stands(
    store: MemoryStore, telemetry: RecordedTelemetry, days: int
) -> None:
    """The last week has few days left, of which the spread and the usual course say little."""
    away = NOW - timedelta(days=days)
    run_hourly(store, telemetry, away - timedelta(days=8), away, 900.0)
    run_hourly(store, telemetry, NOW, NOW + timedelta(hours=3), 100.0)

    [profile] = profiles_of(store)
    assert sorted(profile.hours) == list(range(24))
    assert all(mean.is_usual for mean in profile.hours.values())
    assert all(mean.stands_until > NOW for mean in profile.hours.values())


@pytest.mark.parametrize("days", [1, 4, 6, 7, 9])
def test_after_an_outage_of_any_length_no_hour_of_the_profile_goes_missing(
    store: MemoryStore, telemetry: RecordedTelemetry, days: int
) -> None:
    away = NOW - timedelta(days=days, hours=5)
    run_hourly(store, telemetry, away - timedelta(days=3), away, 900.0)
    for hours in range(0, 9 * 24, 4):
        at = NOW + timedelta(hours=hours)
        run_hourly(store, telemetry, at, at + timedelta(hours=3), 100.0)
        now = at + timedelta(hours=3)
        [profile] = profiles_of(store)
        lost = [hour for hour, mean in profile.hours.items() if mean.stands_until < now]
        assert lost == []
        assert len(profile.hours) == 24


def test_a_mean_of_the_history_that_was_computed_later_stays(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    """Two runs may overlap, and the later one may be the first to store its means."""
    later = NOW + timedelta(minutes=1)
    of_history = an_hour_profile(
        hours={15: HourMean(50.0, later)},
    )
    put_profile(store, of_history)
    batch = Batch(readings=(a_reading(),), window=a_window)
    collect(Scripted(batch), store, clock=lambda: NOW, telemetry=telemetry)

    [profile] = profiles_of(store)
    assert (profile.hours[15].gco2_kwh, profile.hours[16].gco2_kwh) == (50.0, 200.0)


class Damaged(MemoryStore):
    """A store that cannot decode the newest reading of any source."""

    def current(self, key: SourceKey) -> Reading | None:
        super().current(key)
        return None


def test_a_source_whose_newest_reading_was_damaged_keeps_the_profile_of_its_history(
    telemetry: RecordedTelemetry,
) -> None:
    store = Damaged()
    yesterday = NOW - timedelta(days=1)
    for at in (yesterday, NOW):
        reading = a_reading(valid_to=at, fetched_at=at)
        batch = Batch(readings=(reading,), window=a_window if at == NOW else tuple)
        collect(Scripted(batch), store, clock=lambda: NOW, telemetry=telemetry)
    assert profiles_of(store) == ()


def test_an_empty_window_leaves_a_source_without_a_profile(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    collect(Scripted(batch()), store, clock=lambda: NOW, telemetry=telemetry)
    assert profiles_of(store) == ()
    assert batch() == replace(batch(), window=a_window), "batches are compared by what they store"
