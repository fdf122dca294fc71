"""The pipeline of every provider stores each valid reading and counts each refused one."""

import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from greenstream.domain.errors import GreenStreamError, InvalidError, NoDataError, TransientError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Forecast, ForecastPoint, Reading, Scope
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ports.provider import Batch
from greenstream.ports.store import ProviderState, ProviderStatus, PutOutcome, StoreError
from infra.local.memory_store import SourceKey
from tests.builders import AVERAGE_DIRECT, AVERAGE_LIFECYCLE, NOW, a_reading
from tests.fakes.memory_store import MemoryStore
from tests.storing import profiles_of, put_profile, put_reading


class RecordedTelemetry:
    """Remembers log events and metrics."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, object]]] = []
        self.metrics: dict[str, float] = {}

    def event(self, level: str, message: str, **fields: object) -> None:
        self.events.append((level, message, fields))

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        self.metrics[metric] = self.metrics.get(metric, 0) + value


class Scripted:
    """A provider that yields the given batches and raises the given exceptions, in order."""

    name = "p"

    def __init__(self, *steps: Batch | Exception, simulated: bool = False) -> None:
        self.steps = steps
        self.simulated = simulated

    def fetch(self, now: datetime) -> Iterator[Batch]:
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            yield step


def batch(*errors: GreenStreamError, zones: str = "Z", **changes: object) -> Batch:
    return Batch(
        readings=tuple(a_reading(zone=zone, **changes) for zone in zones),  # type: ignore[arg-type]
        errors=errors,
    )


REFUSED = InvalidError("0 beside 185", reason="false_zero", provider="p", zone="Y")
DOWN = TransientError("refused", provider="p")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def telemetry() -> RecordedTelemetry:
    return RecordedTelemetry()


def status(store: MemoryStore) -> ProviderStatus:
    [found] = store.snapshot().providers
    return found


def test_a_good_run_stores_its_readings_and_logs_it(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    run = collect(Scripted(batch(zones="YZ")), store, clock=lambda: NOW, telemetry=telemetry)

    assert run.state is ProviderState.OK
    assert {reading.zone for reading in store.snapshot().readings} == {"Y", "Z"}
    assert status(store).last_success_at == NOW
    assert status(store).newest_valid_to == NOW
    assert run.as_dict()["outcomes"] == {"stored": 2}
    assert telemetry.metrics["RunSucceeded"] == 1


def test_the_reported_age_is_that_of_the_zone_longest_without_a_reading(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    steps = (batch(zones="Y", age_s=5 * 60), batch(zones="Z", age_s=90 * 60))
    collect(Scripted(*steps), store, clock=lambda: NOW, telemetry=telemetry)

    assert telemetry.metrics["ReadingAgeSeconds"] == 5400


def test_readings_that_come_newest_first_make_their_zone_no_older(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    steps = (batch(), batch(age_s=300))
    collect(Scripted(*steps), store, clock=lambda: NOW, telemetry=telemetry)

    assert status(store).newest_valid_to == NOW
    assert telemetry.metrics["ReadingAgeSeconds"] == 0


def test_a_later_failure_removes_no_reading_that_was_already_stored(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    run = collect(Scripted(batch(), DOWN), store, clock=lambda: NOW, telemetry=telemetry)

    assert run.state is ProviderState.PARTIAL
    assert len(store.snapshot().readings) == 1
    assert status(store).last_error == "p: refused"
    assert status(store).last_error_kind == "transient"


def test_a_refused_value_is_counted_by_its_reason_logged_and_the_last_good_one_stays(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    before = NOW - timedelta(seconds=300)
    good = batch(zones="YZ", age_s=300)
    collect(Scripted(good), store, clock=lambda: before, telemetry=telemetry)
    run = collect(
        Scripted(batch(REFUSED, zones="Z")), store, clock=lambda: NOW, telemetry=telemetry
    )

    assert run.as_dict()["rejected"] == {"false_zero": 1}
    assert status(store).rejected == {"false_zero": 1}
    kept = {reading.zone: reading.valid_to for reading in store.snapshot().readings}
    assert kept == {"Y": before, "Z": NOW}
    [(level, message, fields)] = [event for event in telemetry.events if event[0] == "warning"]
    assert (level, message) == ("warning", "rejected")
    assert (fields["zone"], fields["reason"]) == ("Y", "false_zero")
    assert telemetry.metrics["ZoneErrors"] == 1
    assert telemetry.metrics["RefusedFalseZero"] == 1


@pytest.mark.parametrize("steps", [(DOWN,), (Batch(errors=(REFUSED,)),), ()])
def test_a_run_without_any_reading_raises_after_it_stored_its_status(
    store: MemoryStore, telemetry: RecordedTelemetry, steps: tuple[Batch | Exception, ...]
) -> None:
    with pytest.raises(CollectionFailedError):
        collect(Scripted(*steps), store, clock=lambda: NOW, telemetry=telemetry)

    assert status(store).state is ProviderState.FAILED
    assert telemetry.metrics["RunSucceeded"] == 0


def test_a_failed_run_leaves_the_time_of_the_last_success(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    collect(Scripted(batch()), store, clock=lambda: NOW, telemetry=telemetry)
    later = NOW + timedelta(minutes=5)
    with pytest.raises(CollectionFailedError):
        collect(Scripted(DOWN), store, clock=lambda: later, telemetry=telemetry)

    found = status(store)
    assert (found.state, found.last_success_at, found.last_error_at) == (
        ProviderState.FAILED,
        NOW,
        later,
    )


def test_without_its_secret_a_provider_is_unconfigured_which_is_no_failure(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    run = collect(
        Scripted(Batch(unconfigured=("PJM",))), store, clock=lambda: NOW, telemetry=telemetry
    )

    assert run.state is ProviderState.UNCONFIGURED
    assert status(store).unconfigured_zones == ("PJM",)
    assert "RunSucceeded" not in telemetry.metrics


def test_a_configured_zone_beside_an_unconfigured_one_is_ok(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    run = collect(
        Scripted(batch(), Batch(unconfigured=("PJM",))),
        store,
        clock=lambda: NOW,
        telemetry=telemetry,
    )
    assert run.state is ProviderState.OK


def test_a_run_with_nothing_to_ask_for_is_a_success(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    run = collect(
        Scripted(Batch(skipped=("Z",)), Batch(unconfigured=("Y",))),
        store,
        clock=lambda: NOW,
        telemetry=telemetry,
    )

    assert run.state is ProviderState.OK
    assert run.as_dict()["skipped"] == ["Z"]
    assert status(store).last_success_at == NOW
    assert telemetry.metrics["RunSucceeded"] == 1


def test_a_run_that_skips_zones_and_fails_in_those_it_asked_has_failed(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    steps = (Batch(skipped=("Z",)), Batch(errors=(REFUSED,)))
    with pytest.raises(CollectionFailedError):
        collect(Scripted(*steps), store, clock=lambda: NOW, telemetry=telemetry)

    assert telemetry.metrics["RunSucceeded"] == 0


@pytest.mark.parametrize("brings", [Batch(skipped=("Z",)), Batch(unconfigured=("Z",)), DOWN])
def test_a_simulated_provider_is_marked_as_simulated_whatever_its_run_brings(
    store: MemoryStore, telemetry: RecordedTelemetry, brings: Batch | Exception
) -> None:
    with suppress(CollectionFailedError):
        collect(Scripted(brings, simulated=True), store, clock=lambda: NOW, telemetry=telemetry)

    assert status(store).simulated


def test_a_repeated_delivery_changes_nothing(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    for _ in range(2):
        run = collect(Scripted(batch()), store, clock=lambda: NOW, telemetry=telemetry)

    assert run.as_dict()["outcomes"] == {"duplicate": 1}
    since = NOW - timedelta(days=1)
    assert len(store.history("Z", "p", AVERAGE_DIRECT, since=since, until=NOW)) == 1


def test_an_unreachable_store_is_not_swallowed(telemetry: RecordedTelemetry) -> None:
    with pytest.raises(StoreError):
        collect(
            Scripted(batch()),
            MemoryStore(unreachable=True),
            clock=lambda: NOW,
            telemetry=telemetry,
        )


class OddStore(MemoryStore):
    """A store whose ``put_forecast`` raises an error that no store should raise."""

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        raise OverflowError("date value out of range")


class Leaking(Scripted):
    """A provider that raises an unexpected error, whose long message contains a secret."""

    def fetch(self, now: datetime) -> Iterator[Batch]:
        yield batch()
        raise ZeroDivisionError("key-MARKED " * 100_000)


def test_a_fault_of_our_own_ends_the_run_after_its_status_is_stored(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    with pytest.raises(ZeroDivisionError):
        collect(Leaking(), store, clock=lambda: NOW, telemetry=telemetry)

    assert len(store.snapshot().readings) == 1
    kept = status(store)
    assert (kept.state, kept.stored, kept.newest_valid_to) == (ProviderState.FAILED, 1, NOW)
    assert (kept.last_success_at, kept.last_error_at) == (None, NOW)
    assert (kept.last_error, kept.last_error_kind) == (
        "p: the run ended with an unexpected ZeroDivisionError",
        "error",
    )
    assert telemetry.metrics["RunSucceeded"] == 0
    assert [(level, message) for level, message, _ in telemetry.events if level == "error"] == [
        ("error", "unexpected error")
    ]
    assert "MARKED" not in repr((kept, telemetry.events))


def test_a_fault_of_our_own_while_storing_is_recorded_in_the_status_too(
    telemetry: RecordedTelemetry,
) -> None:
    store, point = OddStore(), ForecastPoint(NOW, NOW + timedelta(hours=1), 100.0)
    reading = a_reading()
    forecast = Forecast(
        zone="Z",
        provider="p",
        provider_zone="z",
        signal=reading.signal,
        basis=reading.basis,
        scope=reading.scope,
        factor_set=GREENSTREAM,
        issued_at=NOW,
        points=(point,),
    )
    with pytest.raises(OverflowError):
        collect(
            Scripted(Batch(readings=(reading,), forecasts=(forecast,))),
            store,
            clock=lambda: NOW,
            telemetry=telemetry,
        )
    assert status(store).state is ProviderState.FAILED
    assert status(store).last_error == "p: the run ended with an unexpected OverflowError"


def test_a_store_that_fails_in_the_middle_is_no_fault_of_the_provider(
    telemetry: RecordedTelemetry,
) -> None:
    store = MemoryStore()

    class Failing(Scripted):
        def fetch(self, now: datetime) -> Iterator[Batch]:
            yield batch()
            store.unreachable = True
            yield batch(zones="Y")

    with pytest.raises(StoreError):
        collect(Failing(), store, clock=lambda: NOW, telemetry=telemetry)
    store.unreachable = False
    assert store.snapshot().providers == ()
    assert not [event for event in telemetry.events if event[1] in ("run", "unexpected error")]


def test_a_batch_is_acknowledged_once_all_of_it_is_stored_and_before_the_next_is_asked_for(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    happened: list[str] = []

    def stored_by_then() -> None:
        ever = {"since": NOW - timedelta(days=1), "until": NOW}
        counts = [len(store.history(zone, "p", AVERAGE_DIRECT, **ever)) for zone in "YZ"]
        happened.append(f"{sum(counts)} stored")

    class Marked(Scripted):
        def fetch(self, now: datetime) -> Iterator[Batch]:
            yield replace(batch(zones="YZ"), acknowledge=stored_by_then)
            happened.append("next")
            yield Batch(errors=(REFUSED,), acknowledge=stored_by_then)

    collect(Marked(), store, clock=lambda: NOW, telemetry=telemetry)
    assert happened == ["2 stored", "next", "2 stored"]


class FullStore(MemoryStore):
    """A store that stores one reading and refuses the next."""

    def put_history(self, reading: Reading) -> None:
        if len(self.delivered) > 1:
            raise StoreError("the store is full")
        super().put_history(reading)


def test_a_batch_of_which_a_part_could_not_be_stored_is_not_acknowledged(
    telemetry: RecordedTelemetry,
) -> None:
    acknowledged: list[datetime] = []
    marked = replace(batch(zones="YZ"), acknowledge=lambda: acknowledged.append(NOW))

    with pytest.raises(StoreError):
        collect(Scripted(marked), FullStore(), clock=lambda: NOW, telemetry=telemetry)
    assert acknowledged == []


def test_what_was_stored_before_the_store_failed_is_published(
    telemetry: RecordedTelemetry,
) -> None:
    store = FullStore()
    with pytest.raises(StoreError):
        collect(
            Scripted(batch(zones="Y"), batch(zones="Z")),
            store,
            clock=lambda: NOW,
            telemetry=telemetry,
        )
    assert [reading.zone for reading in store.snapshot().readings] == ["Y"]
    assert store.snapshot().providers == ()


def test_a_batch_without_a_progress_marker_needs_no_acknowledgement_of_its_own() -> None:
    batch().acknowledge()
    assert batch() == replace(batch(), acknowledge=lambda: None)


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
    run(130, 0, 65, 130, gco2_kwh=500.0)
    run(140, 130, gco2_kwh=900.0)

    [profile] = profiles_of(store)
    assert {mean.gco2_kwh for mean in profile.hours.values()} == {600.0}
    assert {mean.computed_at for mean in profile.hours.values()} == {NOW + timedelta(minutes=130)}


def test_a_mean_of_the_history_that_was_computed_later_stays(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    """Two runs may overlap, and the later one may be the first to store its means."""
    later = NOW + timedelta(minutes=1)
    of_history = HourProfile(
        zone="Z",
        kind=AVERAGE_DIRECT,
        scope=Scope.PRODUCTION,
        factor_set=GREENSTREAM,
        provider="p",
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


def test_no_data_is_an_error_with_its_own_name(
    store: MemoryStore, telemetry: RecordedTelemetry
) -> None:
    run = collect(
        Scripted(batch(NoDataError("nothing yet", provider="p", zone="Y"))),
        store,
        clock=lambda: NOW,
        telemetry=telemetry,
    )
    assert run.as_dict()["rejected"] == {}
    assert run.as_dict()["errors"] == ["p/Y: nothing yet"]


def test_a_failure_does_not_hold_its_input_in_memory(store: MemoryStore) -> None:
    class Body(bytearray):
        """A large answer, which is a local variable of the function that refuses it."""

    kept: list[weakref.ref[Body]] = []

    class Refusing(Scripted):
        def fetch(self, now: datetime) -> Iterator[Batch]:
            for zone in "YZ":
                try:
                    refuse(zone)
                except GreenStreamError as error:
                    yield Batch(errors=(error,))

    def refuse(zone: str) -> None:
        body = Body()
        kept.append(weakref.ref(body))
        try:
            int(body)
        except ValueError as error:
            raise InvalidError("no", reason="malformed", provider="p", zone=zone) from error

    alive: list[int] = []

    class Counting(RecordedTelemetry):
        def event(self, level: str, message: str, **fields: object) -> None:
            if message == "run":
                alive.append(sum(body() is not None for body in kept))

    with suppress(CollectionFailedError):
        collect(Refusing(), store, clock=lambda: NOW, telemetry=Counting())
    assert (len(kept), alive) == (2, [0])
