"""The pipeline of every provider stores each valid reading and counts each refused one."""

import weakref
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from greenstream.domain.errors import GreenStreamError, InvalidError, NoDataError, TransientError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.reading import Forecast, ForecastPoint, Reading
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ports.provider import Batch
from greenstream.ports.store import ProviderState, ProviderStatus, PutOutcome, StoreError
from tests.builders import AVERAGE_DIRECT, NOW, a_reading
from tests.fakes.memory_store import MemoryStore
from tests.fakes.scripted_provider import RecordedTelemetry, Scripted, batch

REFUSED = InvalidError("0 beside 185", reason="false_zero", provider="p", zone="Y")
DOWN = TransientError("refused", provider="p")


def status(store: MemoryStore) -> ProviderStatus:
    [stored] = store.snapshot().providers
    return stored


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
    stored = {reading.zone: reading.valid_to for reading in store.snapshot().readings}
    assert stored == {"Y": before, "Z": NOW}
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

    written = status(store)
    assert (written.state, written.last_success_at, written.last_error_at) == (
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
    written = status(store)
    assert (written.state, written.stored, written.newest_valid_to) == (
        ProviderState.FAILED,
        1,
        NOW,
    )
    assert (written.last_success_at, written.last_error_at) == (None, NOW)
    assert (written.last_error, written.last_error_kind) == (
        "p: the run ended with an unexpected ZeroDivisionError",
        "error",
    )
    assert telemetry.metrics["RunSucceeded"] == 0
    assert [(level, message) for level, message, _ in telemetry.events if level == "error"] == [
        ("error", "unexpected error")
    ]
    assert "MARKED" not in repr((written, telemetry.events))


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

    bodies: list[weakref.ref[Body]] = []

    class Refusing(Scripted):
        def fetch(self, now: datetime) -> Iterator[Batch]:
            for zone in "YZ":
                try:
                    refuse(zone)
                except GreenStreamError as error:
                    yield Batch(errors=(error,))

    def refuse(zone: str) -> None:
        body = Body()
        bodies.append(weakref.ref(body))
        try:
            int(body)
        except ValueError as error:
            raise InvalidError("no", reason="malformed", provider="p", zone=zone) from error

    alive: list[int] = []

    class Counting(RecordedTelemetry):
        def event(self, level: str, message: str, **fields: object) -> None:
            if message == "run":
                alive.append(sum(body() is not None for body in bodies))

    with suppress(CollectionFailedError):
        collect(Refusing(), store, clock=lambda: NOW, telemetry=Counting())
    assert (len(bodies), alive) == (2, [0])
