"""Boards on each engine: damage and repair, races, what is read again, and how large they are."""

import itertools
import math
import zlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Lock
from typing import Any, cast

import pytest

from greenstream.aws.dynamo_boards import SPARE_EVERY
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.item_schema import SCHEMA
from greenstream.aws.packed_items import TRIES, pack, unpack
from greenstream.aws.packed_rows import Document
from greenstream.domain.profile import HourMean
from greenstream.domain.reading import Basis, Kind, Reading, Signal
from greenstream.ports.store import ProviderState, Put, PutOutcome, StoreError
from infra.registry import COLLECTORS
from tests.integration.watched import Watched
from tests.item_size import item_bytes
from tests.store_contract import (
    HOUR,
    T0,
    a_profile,
    a_reading,
    failed,
    succeeded,
    whole_history,
)
from tests.storing import profiles_of, put_profile, put_reading, put_readings, put_status
from tests.table_client import MotoClient, TableClient

SK = "BOARD#gridstatus"
PROFILE_SK = "PROFILE#07#gridstatus"
SECOND = timedelta(seconds=1)


class Clock:
    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        return self.now


class Table:
    """A table with a store on it, whose items a test can read and set."""

    def __init__(self, client: TableClient, name: str) -> None:
        self.client = client
        self.name = name
        self.clock = Clock()
        self.store = self.a_store()

    def a_store(self, client: object = None) -> DynamoStore:
        """Return a new store, which remembers nothing."""
        return DynamoStore(cast("TableClient", client or self.client), self.name, clock=self.clock)

    def item(self, sk: str = SK, pk: str = "CURRENT") -> dict[str, Any]:
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        answer = self.client.get_item(TableName=self.name, Key=cast("Any", key))
        return dict(answer.get("Item", {}))

    def put(self, item: Mapping[str, Any]) -> None:
        self.client.put_item(TableName=self.name, Item=cast("Any", item))

    def change(self, sk: str = SK, **attributes: Any) -> None:
        """Set attributes of an item in CURRENT; ``None`` removes one."""
        item = self.item(sk) | attributes
        self.put({name: value for name, value in item.items() if value is not None})

    def delete(self, sk: str = SK, pk: str = "CURRENT") -> None:
        key = {"pk": {"S": pk}, "sk": {"S": sk}}
        self.client.delete_item(TableName=self.name, Key=cast("Any", key))

    def rewrite(self, change: Callable[[Document], object], sk: str = SK) -> None:
        """Change the document of an item in CURRENT, as other code may write it."""
        item = self.item(sk)
        document = unpack(item)
        change(document)
        key = {"pk": item["pk"], "sk": item["sk"]}
        self.put(pack(key, document, int(item["version"]["N"]) + 1))


@pytest.fixture
def table(client: TableClient, table_name: str) -> Table:
    return Table(client, table_name)


def broken(data: bytes) -> bytes:
    """Return data with one bit of its middle changed."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 4]) + data[middle + 1 :]


def wrong_checksum(table: Table, sk: str, **attributes: Any) -> None:
    table.change(sk, data={"B": broken(table.item(sk)["data"]["B"])}, **attributes)


def no_zlib(table: Table, sk: str) -> None:
    data = b"these bytes are not compressed"
    table.change(sk, data={"B": data}, checksum={"N": str(zlib.crc32(data))})


def cut_off(table: Table, sk: str) -> None:
    data = table.item(sk)["data"]["B"][:-9]
    table.change(sk, data={"B": data}, checksum={"N": str(zlib.crc32(data))})


def no_json(table: Table, sk: str) -> None:
    data = zlib.compress(b'{"provider":')
    table.change(sk, data={"B": data}, checksum={"N": str(zlib.crc32(data))})


def a_list(table: Table, sk: str) -> None:
    data = zlib.compress(b"[1, 2]")
    table.change(sk, data={"B": data}, checksum={"N": str(zlib.crc32(data))})


def too_large(table: Table, sk: str) -> None:
    data = zlib.compress(b" " * 10_000_000)
    table.change(sk, data={"B": data}, checksum={"N": str(zlib.crc32(data))})


DAMAGES: Mapping[str, Callable[[Table, str], None]] = {
    "a changed bit": wrong_checksum,
    "no zlib": no_zlib,
    "cut off": cut_off,
    "no JSON": no_json,
    "a list": a_list,
    "too large": too_large,
    "no data": lambda table, sk: table.change(sk, data=None),
    "data of text": lambda table, sk: table.change(sk, data={"S": "text"}),
    "no checksum": lambda table, sk: table.change(sk, checksum=None),
    "no schema": lambda table, sk: table.change(sk, schema=None),
    "an older schema": lambda table, sk: table.change(sk, schema={"N": "1"}),
    "a schema of text": lambda table, sk: table.change(sk, schema={"S": "2"}),
    "nothing but a key": lambda table, sk: table.put({"pk": {"S": "CURRENT"}, "sk": {"S": sk}}),
    "a version of text": lambda table, sk: wrong_checksum(table, sk, version={"S": "x"}),
    "a huge version": lambda table, sk: wrong_checksum(table, sk, version={"N": "1E+30"}),
    "another provider's": lambda table, sk: table.rewrite(
        lambda document: document.update(provider="eso"), sk
    ),
    "a short column": lambda table, sk: table.rewrite(
        lambda document: document["columns"]["t"].pop(), sk
    ),
    "no columns": lambda table, sk: table.rewrite(lambda document: document.pop("columns"), sk),
}


def names(damaged: tuple[str, ...]) -> list[str]:
    return [name.split(" ")[0] for name in damaged]


@pytest.mark.parametrize("damage", DAMAGES)
def test_for_a_damaged_board_the_last_good_one_stands_and_is_named(
    table: Table, damage: str
) -> None:
    put_status(table.store, succeeded(T0))
    put_readings(table.store, a_reading(), a_reading(zone="PJM"))
    warm = table.a_store()
    good = warm.snapshot()
    table.clock.now += HOUR / 2
    newer = a_reading(end=T0 + HOUR)
    put_reading(table.store, newer)
    DAMAGES[damage](table, SK)

    seen = warm.snapshot()
    assert seen.readings == good.readings, "the board in memory stands"
    assert names(seen.damaged) == [SK]
    cold = table.a_store().snapshot()
    assert sorted(reading.zone for reading in cold.readings) == ["NYISO", "PJM"]
    assert names(cold.damaged) == [SK], "a cold reader has the spare copy"
    assert [status.provider for status in cold.providers] == ["eso"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_writer_makes_a_damaged_board_anew_from_its_copy_and_the_history(
    table: Table, damage: str
) -> None:
    put_readings(table.store, a_reading(), a_reading(zone="PJM"), a_reading(zone="Z"))
    table.clock.now += HOUR / 2
    put_reading(table.store, a_reading(zone="PJM", end=T0 + HOUR))  # is not in the copy
    DAMAGES[damage](table, SK)

    newer = a_reading(end=T0 + HOUR)
    assert put_reading(table.store, newer) == Put(PutOutcome.STORED, T0 - HOUR)
    seen = table.a_store().snapshot()
    assert seen.damaged == ()
    assert {reading.zone: reading.valid_to for reading in seen.readings} == {
        "NYISO": T0 + HOUR,
        "PJM": T0 + HOUR,
        "Z": T0,
    }


def test_a_damaged_board_without_a_good_copy_is_made_of_the_history(table: Table) -> None:
    put_readings(table.store, a_reading(), a_reading(zone="PJM", end=T0 - HOUR))
    wrong_checksum(table, SK)
    table.delete(pk="SPARE")
    assert table.a_store().snapshot().readings == ()

    put_status(table.store, replace(succeeded(T0), provider="gridstatus"))
    seen = table.a_store().snapshot()
    assert seen.damaged == ()
    assert {reading.zone: reading.valid_to for reading in seen.readings} == {
        "NYISO": T0,
        "PJM": T0 - HOUR,
    }


def test_a_reading_that_a_damaged_board_had_is_known_to_be_stored(table: Table) -> None:
    put_reading(table.store, a_reading())
    wrong_checksum(table, SK)
    watched = Watched(table.client)
    assert put_reading(table.a_store(watched), a_reading()).outcome is PutOutcome.DUPLICATE
    assert watched.calls["update_item"] == 0
    assert table.a_store().snapshot().readings == (a_reading(),)


def test_the_copy_is_read_once_for_each_state_of_a_damaged_board(table: Table) -> None:
    put_reading(table.store, a_reading())
    wrong_checksum(table, SK)
    watched = Watched(table.client)
    reader = table.a_store(watched)
    for _ in range(5):
        assert names(reader.snapshot().damaged) == [SK]
    assert watched.calls == {"query": 5 + 1}
    no_zlib(table, SK)
    for _ in range(5):
        assert reader.snapshot().readings == (a_reading(),)
    assert watched.calls == {"query": 10 + 1}, "the last good board is in memory"


def test_a_board_is_copied_at_most_hourly(table: Table) -> None:
    copies = []
    for minutes in range(0, 130, 10):
        table.clock.now = T0 + timedelta(minutes=minutes)
        put_status(table.store, replace(succeeded(table.clock.now), provider="gridstatus"))
        copies.append(table.item(pk="SPARE")["copied_at"]["N"])
    assert len(set(copies)) == 3
    assert timedelta(hours=1) == SPARE_EVERY


def test_an_older_copy_never_replaces_a_later_one(table: Table) -> None:
    put_reading(table.store, a_reading())
    later = table.item(pk="SPARE")
    table.delete()
    table.clock.now -= HOUR
    put_reading(table.store, a_reading(zone="PJM"))
    assert table.item(pk="SPARE") == later


def test_a_run_succeeds_when_the_copy_cannot_be_written(
    table: Table, caplog: pytest.LogCaptureFixture
) -> None:
    # The requests are the board's query, the history, the board and its copy.
    store = table.a_store(Watched(table.client, breaks_at=4))
    put_reading(store, a_reading())
    assert "the board of gridstatus was not copied" in caplog.text
    assert table.a_store().snapshot().readings == (a_reading(),)


@pytest.mark.parametrize("sk", ["BOARD", "BOARD#", "BOARD#eso#x", "BARD#eso", "A"])
def test_an_item_with_an_unknown_sort_key_is_named_as_damaged(table: Table, sk: str) -> None:
    table.put({"pk": {"S": "CURRENT"}, "sk": {"S": sk}, **SCHEMA, "hours": {"M": {}}})
    put_reading(table.store, a_reading())
    assert table.store.snapshot().damaged == (sk,)
    assert table.store.snapshot().readings == (a_reading(),)


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_hour_of_profiles_is_named_replaced_and_affects_no_other_hour(
    table: Table, damage: str
) -> None:
    put_profile(table.store, a_profile({7: (300.0, T0), 8: (310.0, T0)}))
    warm = table.a_store()
    good = profiles_of(warm)
    DAMAGES[damage](table, PROFILE_SK)

    assert tuple(warm.profiles(range(24))) == good, "the hour in memory stands"
    assert names(warm.profiles(range(24)).damaged) == [PROFILE_SK]
    cold = table.a_store().profiles(range(24))
    assert [sorted(profile.hours) for profile in cold] == [[8]]
    assert names(cold.damaged) == [PROFILE_SK]
    put_profile(table.store, a_profile({7: (290.0, T0 + HOUR)}))
    seen = table.a_store().profiles(range(24))
    assert tuple(seen) == (a_profile({7: (290.0, T0 + HOUR), 8: (310.0, T0)}),)
    assert seen.damaged == ()


# --- what is read and written again ------------------------------------------------------------


def test_a_snapshot_is_one_query_and_a_board_is_decoded_once_for_each_version(
    table: Table,
) -> None:
    watched = Watched(table.client)
    reader = table.a_store(watched)
    put_readings(table.store, a_reading(), a_reading(zone="PJM"))
    first = reader.snapshot()
    assert first.boards[0] is reader.snapshot().boards[0]
    put_reading(table.store, a_reading(end=T0 + HOUR))
    assert first.boards[0] is not reader.snapshot().boards[0]
    assert watched.calls == {"query": 3}


def test_a_run_reads_the_board_once_and_writes_it_once(table: Table) -> None:
    watched = Watched(table.client)
    store = table.a_store(watched)
    for minutes in (0, 5):
        recording = store.recording("gridstatus")
        for zone in ("NYISO", "PJM", "CAISO_NORTH"):
            recording.put_readings([a_reading(zone=zone, fetched_at=T0 + minutes * 60 * SECOND)])
        recording.publish(replace(succeeded(T0 + minutes * 60 * SECOND), provider="gridstatus"))
    # The first run also writes three intervals and the copy; the second run finds all stored.
    assert watched.calls == {"query": 2, "update_item": 3, "put_item": 2 + 1}
    [fetched_at] = {reading.fetched_at for reading in store.snapshot().readings}
    assert fetched_at == T0 + 300 * SECOND


def test_a_run_that_changes_nothing_writes_nothing(table: Table) -> None:
    put_reading(table.store, a_reading())
    watched = Watched(table.client)
    assert put_reading(table.a_store(watched), a_reading()).outcome is PutOutcome.DUPLICATE
    assert watched.calls == {"query": 1}


def test_profiles_of_some_hours_are_read_alone_and_by_few_queries(table: Table) -> None:
    days = {hour: HourMean(100.0 + hour, T0, 10.0 + hour, 7) for hour in range(24)}
    put_profile(table.store, replace(a_profile({}), hours=days))
    watched = Watched(table.client)
    reader = table.a_store(watched)
    [whole] = reader.profiles(range(24))
    for hours, queries in (
        ([7, 8, 9], 1),
        ([23, 0], 2),
        ([4, 5, 9], 1),
        ([0, 5, 10, 15], 1),
        ([0, 5, 10], 3),
    ):
        before = watched.calls["query"]
        [profile] = reader.profiles(hours)
        assert watched.calls["query"] - before == queries
        assert sorted(profile.hours) == sorted(hours)
        assert profile.spread_gco2_kwh() == whole.spread_gco2_kwh()
    expected = math.sqrt(sum((10 + hour) ** 2 for hour in range(24)) / 24)
    assert whole.spread_gco2_kwh() == pytest.approx(expected, abs=0.0005)


def test_profiles_that_are_as_they_were_are_the_same_object(table: Table) -> None:
    put_profile(table.store, a_profile({7: (300.0, T0), 8: (310.0, T0)}))
    reader = table.a_store()
    first = reader.profiles([7, 8])

    assert reader.profiles([8, 7]) is first
    assert reader.profiles([7]) is not first
    put_profile(table.store, a_profile({7: (290.0, T0 + HOUR)}))
    later = reader.profiles([7, 8])
    assert later is not first
    assert tuple(later) == (a_profile({7: (290.0, T0 + HOUR), 8: (310.0, T0)}),)
    DAMAGES[next(iter(DAMAGES))](table, PROFILE_SK)
    damaged = reader.profiles([7, 8])
    assert damaged is not later
    assert names(damaged.damaged) == [PROFILE_SK]


# --- several writers ---------------------------------------------------------------------------


class OneAtATime:
    """A client of moto, which lives in this process and does not expect several threads."""

    def __init__(self, client: TableClient) -> None:
        self._client = client
        self._turn = Lock()

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def ask(**arguments: Any) -> Any:
            with self._turn:
                return method(**arguments)

        return ask


@pytest.mark.parametrize("writers", [2, 3, 4])
def test_writers_that_race_leave_the_newest_of_every_source_and_lose_no_status(
    table: Table, writers: int
) -> None:
    """Each writer has a source of its own, and all share one, whose newest is the last writer's."""
    runs = 3
    assert (writers - 1) * runs < TRIES, "the others may not write as often as a writer tries"
    client = OneAtATime(table.client) if isinstance(table.client, MotoClient) else table.client

    def write(writer: int) -> None:
        store = table.a_store(client)
        for run in range(runs):
            at = T0 + (run * writers + writer) * SECOND
            recording = store.recording("gridstatus")
            shared = a_reading(zone="shared", gco2_kwh=float(run), end=at, fetched_at=at)
            own = a_reading(zone=f"own{writer}", end=T0 + run * HOUR)
            recording.put_readings([own, shared])
            recording.publish(replace(succeeded(at), provider="gridstatus", state=ProviderState.OK))

    with ThreadPoolExecutor(writers) as threads:
        for done in [threads.submit(write, writer) for writer in range(writers)]:
            done.result()
    seen = table.a_store().snapshot()
    last = T0 + (runs * writers - 1) * SECOND
    ends = {reading.zone: reading.valid_to for reading in seen.readings}
    assert ends == {
        "shared": last,
        **{f"own{writer}": T0 + (runs - 1) * HOUR for writer in range(writers)},
    }
    [status] = seen.providers
    assert (status.last_run_at, status.last_success_at) == (last, last)
    versions = int(table.item()["version"]["N"])
    assert versions == runs * writers, "no write replaced another unseen"


def test_a_board_that_others_change_before_each_try_is_an_error(table: Table) -> None:
    ends = itertools.count(1)
    waits: list[float] = []

    class Busy:
        """A client before whose every write another writer changes the board."""

        def __getattr__(self, name: str) -> Any:
            return getattr(table.client, name)

        def put_item(self, **arguments: Any) -> Any:
            put_reading(table.store, a_reading(zone="PJM", end=T0 + next(ends) * HOUR))
            return table.client.put_item(**arguments)

    store = DynamoStore(cast("Any", Busy()), table.name, clock=table.clock, sleep=waits.append)
    with pytest.raises(StoreError, match=f"changed BOARD#gridstatus before each of {TRIES} tries"):
        put_reading(store, a_reading())
    assert whole_history(store, a_reading()) == [a_reading()], "the reading itself is durable"
    assert len(waits) == TRIES
    assert all(0 <= wait <= 0.5 for wait in waits)


def test_of_two_versions_in_two_runs_at_once_the_last_fetched_is_everywhere(
    table: Table,
) -> None:
    """The later run finds its figure on the board and need not write it, until the other comes."""
    put_reading(table.store, a_reading(gco2_kwh=100.0))
    earlier, later = (table.a_store().recording("gridstatus") for _ in range(2))
    again = a_reading(gco2_kwh=100.0, fetched_at=T0 + 2 * HOUR)
    other = a_reading(gco2_kwh=200.0, fetched_at=T0 + HOUR)
    for first, second in itertools.permutations([(earlier, other), (later, again)]):
        for recording, reading in (first, second):
            recording.put_readings([reading])
        for recording, _ in (first, second):
            recording.publish()
    assert table.store.snapshot().readings == (again,)
    [kept] = whole_history(table.store, again)
    assert (kept.gco2_kwh, kept.fetched_at) == (100.0, T0 + 2 * HOUR)


# --- size --------------------------------------------------------------------------------------


def zones_of_a_world(count: int) -> Iterator[Reading]:
    """Yield readings as different as real ones: two kinds, bounds and partial coverage."""
    kinds = [Kind(Signal.AVERAGE, basis) for basis in Basis]
    for number, kind in itertools.product(range(count), kinds):
        gco2_kwh = 50 + (number * 7919 + 13 * len(kind.basis)) % 900_000 / 1000
        at = T0 - timedelta(minutes=15 * (number % 16))
        yield replace(
            a_reading(zone=f"ENTSOE_{number:03d}", kind=kind, gco2_kwh=gco2_kwh, end=at),
            provider_zone=f"10Y{number:03d}---------{number % 10}",
            gco2_low=gco2_kwh * 0.81,
            gco2_high=gco2_kwh * 1.17,
            coverage=0.6 + (number * 31 % 4000) / 10_000,
            fetched_at=T0 + timedelta(seconds=number % 7, microseconds=123_456),
        )


@pytest.mark.parametrize("count", [61, 350, 1000])
def test_boards_and_hours_of_profiles_stay_far_below_400_kb(
    table: Table, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    readings = list(zones_of_a_world(count))
    recording = table.store.recording("gridstatus")
    for number, reading in enumerate(readings):
        mean = HourMean(reading.gco2_kwh, T0 + number % 7 * SECOND, reading.gco2_low / 7, 7)
        profile = replace(a_profile({}, zone=reading.zone), kind=reading.kind, hours={7: mean})
        recording.put_profile(profile)
    put_board(table, readings)
    for name in COLLECTORS:
        put_status(table.store, replace(failed(T0, "x" * 300), provider=name))
    recording.publish()
    sizes = {sk: item_bytes(table.item(sk)) for sk in (SK, PROFILE_SK)}
    with capsys.disabled():
        units = math.ceil(sizes[SK] / 4096) / 2
        print(f"\n{count} zones x 2 kinds: {sizes} B, the board {units} RRU")
    assert sizes[SK] <= 50 * count + 4000
    assert sizes[PROFILE_SK] <= 50 * count + 4000
    assert max(sizes.values()) < 100_000
    seen = table.a_store().snapshot()
    assert len(seen.readings) == 2 * count


def put_board(table: Table, readings: list[Reading]) -> None:
    """Publish readings whose history is not written."""

    class WithoutHistory:
        def __getattr__(self, name: str) -> Any:
            return getattr(table.client, name)

        def update_item(self, **arguments: Any) -> dict[str, Any]:
            del arguments
            return {}

    put_readings(table.a_store(WithoutHistory()), *readings)
