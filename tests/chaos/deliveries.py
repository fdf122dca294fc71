"""Deliveries of one source to one table, and the laws that hold of what they leave."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from greenstream.aws.current_items import decode_current
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.errors import GreenStreamError
from greenstream.domain.reading import Reading
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ports.provider import Batch
from greenstream.ports.store import ProviderState, ProviderStatus, StoreError
from tests.builders import AVERAGE_DIRECT, NOW, a_reading
from tests.chaos.table_model import TableModel
from tests.chaos.turns import Client, Fate, Request, Turns, undisturbed

SLOT = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """A reading as the upstream showed it: which slot, in which version, with what figure."""

    slot: int
    published: int | None
    gco2_kwh: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """One run: what its upstream showed it, by a clock of its own, and how it fared beside that.

    ``offset_s`` sets the run's clock apart from the others': who is late by it may run early.
    """

    seen: tuple[Seen, ...]
    offset_s: int
    errors: tuple[GreenStreamError, ...] = ()

    @property
    def at(self) -> datetime:
        """The run's instant."""
        return NOW + 6 * SLOT + self.offset_s * SECOND

    @property
    def readings(self) -> tuple[Reading, ...]:
        """What it delivers."""
        return tuple(
            a_reading(
                valid_to=NOW + (interval.slot + 1) * SLOT,
                gco2_kwh=interval.gco2_kwh,
                published_at=None
                if interval.published is None
                else NOW + interval.published * SECOND,
                fetched_at=self.at,
            )
            for interval in self.seen
        )

    @property
    def succeeds(self) -> bool:
        return bool(self.seen)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider that yields zone after zone, here reading after reading."""

    delivery: Delivery
    name: str = "p"
    simulated: bool = False

    def fetch(self, now: datetime) -> Iterator[Batch]:
        for reading in self.delivery.readings:
            yield Batch(readings=(reading,))
        yield Batch(errors=self.delivery.errors)


class Untold:
    """Telemetry that nobody reads."""

    def event(self, level: str, message: str, **fields: object) -> None:
        pass

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        pass


def store_on(client: object, clock: Callable[[], datetime] = lambda: NOW) -> DynamoStore:
    return DynamoStore(cast("Any", client), "readings", clock=clock)


def collector(delivery: Delivery) -> Callable[[Client], None]:
    """Return a run of the pipeline; what fails in it fails the run and nothing else."""

    def run(client: Client) -> None:
        with suppress(CollectionFailedError, StoreError):
            collect(
                Upstream(delivery),
                store_on(client),
                clock=lambda: delivery.at,
                telemetry=Untold(),
            )

    return run


def order_of(reading: Reading) -> tuple[datetime, datetime, datetime]:
    """Return what decides which of two readings of a source is the newer."""
    return reading.valid_to, reading.published_at or reading.fetched_at, reading.fetched_at


@dataclass
class Scene:
    """Deliveries on a table, watched request by request."""

    deliveries: Sequence[Delivery]
    threads: ThreadPoolExecutor
    table: TableModel = field(default_factory=TableModel)
    log: list[Request] = field(default_factory=list)
    turns: int = 0
    _before: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)

    def play(
        self,
        choose: Callable[[Sequence[int]], int],
        fate: Callable[[int], Fate] = undisturbed,
        *,
        deliveries: Sequence[Delivery] | None = None,
    ) -> None:
        """Run the deliveries at once."""
        turns = Turns(self.table, self.threads, self.watch, self.log)
        playing = self.deliveries if deliveries is None else deliveries
        self.turns += turns.play([collector(delivery) for delivery in playing], choose, fate)

    def after(self, delivery: Delivery) -> None:
        """Run one more delivery, alone."""
        self.play(lambda ready: ready[0], deliveries=[delivery])

    def watch(self) -> None:
        """Hold the laws that hold at every moment."""
        for key, item in self.table.items.items():
            was = self._before.get(key)
            if was == item:
                continue
            if key[1].startswith("READING#") or key[0].startswith("HISTORY#"):
                assert was is None or _precedes(was, item), f"{key} went back: {was} to {item}"
            if key[1] == "PROVIDER#p":
                self._believe(decode_current(item))
        assert self._before.keys() <= self.table.items.keys(), "an item has gone"
        self._before = dict(self.table.items)

    def _believe(self, status: object) -> None:
        assert isinstance(status, ProviderStatus)
        by_instant = {delivery.at: delivery for delivery in self.deliveries}
        run = by_instant[status.last_run_at]
        told_well = status.state in (ProviderState.OK, ProviderState.PARTIAL)
        assert told_well == run.succeeds, f"{status.state} of {run}"
        if status.last_success_at is not None:
            success = by_instant[status.last_success_at]
            assert success.succeeds, f"no success: {success}"
            assert status.newest_valid_to == max(reading.valid_to for reading in success.readings)
            [current] = store_on(self.table).snapshot().readings
            kept = {reading.valid_to: reading for reading in self.history()}
            for reading in success.readings:
                assert order_of(reading)[:2] <= order_of(current)[:2], "told before it was current"
                assert order_of(reading)[:2] <= order_of(kept[reading.valid_to])[:2]
        if status.last_error_at is not None:
            assert by_instant[status.last_error_at].errors

    def read(self) -> None:
        """Read everything, in the log as well."""
        turns = Turns(self.table, self.threads, log=self.log)
        turns.play([lambda client: store_on(client).snapshot()], lambda ready: ready[0])

    def history(self) -> tuple[Reading, ...]:
        """Return what the table keeps of the source."""
        far = timedelta(days=20)
        return store_on(self.table).history(
            "Z", "p", AVERAGE_DIRECT, since=NOW - far, until=NOW + far
        )

    def hold_the_end(self, delivered: Sequence[Delivery] | None = None) -> None:
        """Hold the laws that hold once all runs have ended."""
        deliveries = self.deliveries if delivered is None else delivered
        latest: dict[datetime, Reading] = {}
        for reading in sorted(
            (r for delivery in deliveries for r in delivery.readings), key=order_of
        ):
            latest[reading.valid_to] = reading
        newest = [latest[valid_to] for valid_to in sorted(latest)]
        snapshot = store_on(self.table).snapshot()
        assert list(self.history()) == newest
        assert list(snapshot.readings) == newest[-1:]
        assert snapshot.damaged == ()

    def hold_repaired(self, last: Delivery) -> None:
        """Hold what holds after a run that saw all that any run saw, each fetched later."""
        self.hold_the_end([last])
        [status] = store_on(self.table).snapshot().providers
        assert status.last_run_at == last.at
        assert not last.succeeds or status.last_success_at == last.at

    def hold_the_status(self) -> None:
        """Hold what is told of the runs, all of which have ended undisturbed."""
        [status] = store_on(self.table).snapshot().providers
        ran = {delivery.at: delivery for delivery in self.deliveries}
        assert status.last_run_at == max(ran)
        successes = [at for at, delivery in ran.items() if delivery.succeeds]
        assert status.last_success_at == max(successes, default=None)
        errors = [at for at, delivery in ran.items() if delivery.errors]
        assert status.last_error_at == max(errors, default=None)


def _precedes(was: dict[str, Any], now: dict[str, Any]) -> bool:
    def key(item: dict[str, Any]) -> tuple[Decimal, ...]:
        fetched = item.get("fetched_at", item["revision"])
        return tuple(Decimal(one["N"]) for one in (item["valid_to"], item["revision"], fetched))

    return key(was) < key(now)
