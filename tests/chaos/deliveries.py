"""Collector runs that deliver one source to one table, and checks of the items that they leave."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, cast

from greenstream.aws.dynamo_boards import decode_board
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.errors import GreenStreamError
from greenstream.domain.reading import Reading
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ports.provider import Batch
from greenstream.ports.store import ProviderState, ProviderStatus, StoreError
from tests.builders import AVERAGE_DIRECT, NOW, a_reading
from tests.chaos.table_model import TableModel
from tests.chaos.turns import Client, Fate, Request, Turns, undisturbed
from tests.store_contract import last_figures

SLOT = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Seen:
    """A reading as the upstream served it: its slot, its version and its intensity."""

    slot: int
    published: int | None
    gco2_kwh: float


@dataclass(frozen=True, slots=True)
class Delivery:
    """One run of a collector: the readings that its upstream served, its clock and its errors.

    ``offset_s`` is the offset of this run's clock from the time six slots after `NOW`. A run whose
    clock is ahead of the others' may still be executed before them.
    """

    seen: tuple[Seen, ...]
    offset_s: int
    errors: tuple[GreenStreamError, ...] = ()

    @property
    def at(self) -> datetime:
        """Return the time of the run by its own clock."""
        return NOW + 6 * SLOT + self.offset_s * SECOND

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Return the readings that the run delivers."""
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
    """A provider that yields one batch for each reading, as the real ones do for each zone."""

    delivery: Delivery
    name: str = "p"
    simulated: bool = False

    def fetch(self, now: datetime) -> Iterator[Batch]:
        for reading in self.delivery.readings:
            yield Batch(readings=(reading,))
        yield Batch(errors=self.delivery.errors)


class Untold:
    """Telemetry that discards everything."""

    def event(self, level: str, message: str, **fields: object) -> None:
        pass

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        pass


def store_on(client: object, clock: Callable[[], datetime] = lambda: NOW) -> DynamoStore:
    return DynamoStore(cast("Any", client), "readings", clock=clock, sleep=lambda _: None)


def collector(delivery: Delivery) -> Callable[[Client], None]:
    """Return a function that runs the pipeline once and ignores a run that fails."""

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
    """Return the sort key by which the newer of two readings of a source is the greater."""
    return reading.valid_to, reading.published_at or reading.fetched_at, reading.fetched_at


@dataclass
class Scene:
    """Deliveries to one table, which is checked after every request."""

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
        """Run the deliveries concurrently."""
        turns = Turns(self.table, self.threads, self.watch, self.log)
        playing = self.deliveries if deliveries is None else deliveries
        self.turns += turns.play([collector(delivery) for delivery in playing], choose, fate)

    def after(self, delivery: Delivery) -> None:
        """Run one more delivery after the others have ended."""
        self.play(lambda ready: ready[0], deliveries=[delivery])

    def watch(self) -> None:
        """Assert what must be true of the table after every single request."""
        for key, item in self.table.items.items():
            was = self._before.get(key)
            if was == item:
                continue
            if key[0].startswith("HISTORY#"):
                assert was is None or _precedes(was, item), (
                    f"{key} was replaced by an older item: {was} by {item}"
                )
            if key[1] == "BOARD#p":
                self._compare(was, item)
        assert self._before.keys() <= self.table.items.keys(), "an item was deleted"
        self._before = dict(self.table.items)

    def _compare(self, was: dict[str, Any] | None, item: dict[str, Any]) -> None:
        """Assert that a board got no older by a write, and that its status is true."""
        board = decode_board(item)
        if was is not None:
            before = decode_board(was)
            for old in before:
                [new] = [reading for reading in board if reading.zone == old.zone]
                assert order_of(old) <= order_of(new), f"{old} was replaced by {new}"
            version, older = (int(one["version"]["N"]) for one in (item, was))
            assert version > older or item["pk"] != {"S": "CURRENT"}
        if board.status is not None:
            self._believe(board.status)

    def _believe(self, status: ProviderStatus) -> None:
        by_instant = {delivery.at: delivery for delivery in self.deliveries}
        run = by_instant[status.last_run_at]
        told_well = status.state in (ProviderState.OK, ProviderState.PARTIAL)
        assert told_well == run.succeeds, f"{status.state} of {run}"
        if status.last_success_at is not None:
            success = by_instant[status.last_success_at]
            assert success.succeeds, f"last_success_at names a run that failed: {success}"
            assert status.newest_valid_to == max(reading.valid_to for reading in success.readings)
            [current] = store_on(self.table).snapshot().readings
            kept = {reading.valid_to: reading for reading in self.history()}
            for reading in success.readings:
                assert order_of(reading)[:2] <= order_of(current)[:2], (
                    "the success was stored before its readings"
                )
                stored = kept[reading.valid_to]
                assert (
                    reading.gco2_kwh == stored.gco2_kwh
                    or order_of(reading)[:2] <= order_of(stored)[:2]
                    or self._repeats(reading, stored)
                ), "the success was stored before the history"
        if status.last_error_at is not None:
            assert by_instant[status.last_error_at].errors

    def _repeats(self, reading: Reading, stored: Reading) -> bool:
        """Return whether a reading says what was known before the stored version came.

        Such a reading is not written again, although the run of the stored version broke off.
        """
        return any(
            (version.gco2_kwh, version.published_at) == (reading.gco2_kwh, reading.published_at)
            and order_of(version) < order_of(stored)
            for version in _by_end(self.deliveries)[reading.valid_to]
        )

    def read(self) -> None:
        """Read a snapshot, so that the log has its requests too."""
        turns = Turns(self.table, self.threads, log=self.log)
        turns.play([lambda client: store_on(client).snapshot()], lambda ready: ready[0])

    def history(self) -> tuple[Reading, ...]:
        """Return the history that the table holds of the source."""
        far = timedelta(days=20)
        return store_on(self.table).history(
            "Z", "p", AVERAGE_DIRECT, since=NOW - far, until=NOW + far
        )

    def hold_the_end(self, delivered: Sequence[Delivery] | None = None) -> None:
        """Assert what must be true of the table once all runs have ended."""
        deliveries = self.deliveries if delivered is None else delivered
        latest = _by_end(deliveries)
        newest = max(latest, default=None)
        snapshot = store_on(self.table).snapshot()
        stored = {reading.valid_to: reading for reading in self.history()}
        assert list(stored) == sorted(latest)
        versions = _by_end(self.deliveries)
        for valid_to, reading in stored.items():
            # A run that broke off may have left another figure, as a late one does.
            late = valid_to != newest or delivered is not None
            assert reading.gco2_kwh in last_figures(versions[valid_to], overtaken=late)
            assert order_of(reading) <= order_of(latest[valid_to][-1])
        assert list(snapshot.readings) == ([latest[newest][-1]] if newest else [])
        assert snapshot.damaged == ()

    def hold_repaired(self, last: Delivery) -> None:
        """Assert that the last run repaired the table.

        It was served all that any run was served, and fetched every reading later.
        """
        self.hold_the_end([last])
        [status] = store_on(self.table).snapshot().providers
        assert status.last_run_at == last.at
        assert not last.succeeds or status.last_success_at == last.at

    def hold_the_status(self) -> None:
        """Assert that the stored status describes the runs, all of which ended undisturbed."""
        [status] = store_on(self.table).snapshot().providers
        ran = {delivery.at: delivery for delivery in self.deliveries}
        assert status.last_run_at == max(ran)
        successes = [at for at, delivery in ran.items() if delivery.succeeds]
        assert status.last_success_at == max(successes, default=None)
        errors = [at for at, delivery in ran.items() if delivery.errors]
        assert status.last_error_at == max(errors, default=None)


def _by_end(deliveries: Sequence[Delivery]) -> dict[datetime, list[Reading]]:
    """Return the delivered readings of each interval in the order of their versions."""
    by_end: dict[datetime, list[Reading]] = {}
    readings = (reading for delivery in deliveries for reading in delivery.readings)
    for reading in sorted(readings, key=order_of):
        by_end.setdefault(reading.valid_to, []).append(reading)
    return by_end


def _precedes(was: dict[str, Any], now: dict[str, Any]) -> bool:
    def key(item: dict[str, Any]) -> tuple[Decimal, ...]:
        fetched = item.get("fetched_at", item["revision"])
        return tuple(Decimal(one["N"]) for one in (item["valid_to"], item["revision"], fetched))

    return key(was) < key(now)
