"""Reports of round trips on each engine: simultaneous writers, damaged items, and expiry."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, cast

import pytest

from greenstream.aws.dynamo_latencies import MAX_PAGES, MAX_TRIES, encode_round_trips
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.places import pops
from greenstream.domain.roundtrips import VOTES, MeasuredRtt
from tests.store_contract import T0
from tests.table_client import TableClient

KEY = {"pk": {"S": "LATENCY"}, "sk": {"S": "SJC#sfo"}}


def a_store(client: object, table_name: str) -> DynamoStore:
    return DynamoStore(cast("TableClient", client), table_name, clock=lambda: T0)


@dataclass
class Crowded:
    """A client that lets another reporter write before each of its first updates."""

    client: TableClient
    rival: Callable[[], object]
    times: int
    tries: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def update_item(self, **arguments: Any) -> Any:
        self.tries.append(arguments["ConditionExpression"])
        if len(self.tries) <= self.times:
            self.rival()
        return self.client.update_item(**arguments)


@pytest.mark.parametrize("rivals", [0, 1, MAX_TRIES - 1])
def test_simultaneous_reports_are_all_recorded(
    client: TableClient, table_name: str, rivals: int
) -> None:
    other = a_store(client, table_name)
    crowded = Crowded(client, lambda: other.record_latency("SJC", "sfo", [20.0], T0), rivals)

    assert a_store(crowded, table_name).record_latency("SJC", "sfo", [10.0, 10.0], T0)
    [measured] = other.latencies()
    assert measured.votes_ms == (*[20.0] * rivals, 10.0)
    assert measured.samples == rivals + 2


def test_a_report_is_lost_when_others_write_before_each_of_its_tries(
    client: TableClient, table_name: str
) -> None:
    other = a_store(client, table_name)
    crowded = Crowded(client, lambda: other.record_latency("SJC", "sfo", [20.0], T0), MAX_TRIES)

    assert not a_store(crowded, table_name).record_latency("SJC", "sfo", [10.0], T0)
    [measured] = other.latencies()
    assert (measured.votes_ms, measured.samples) == ((20.0,) * MAX_TRIES, MAX_TRIES)


@pytest.mark.parametrize(
    "damage",
    [
        {"samples": {"S": "many"}},
        {"samples": {"N": "-1.5"}},
        {"schema": {"S": "1"}},
        {"votes_ms": {"S": ""}},
        {"votes_ms": {"S": "nan"}},
        {"votes_ms": {"S": "1e9"}},
        {"votes_ms": {"L": []}},
        {"updated_at": {"S": "yesterday"}},
    ],
    ids=str,
)
def test_a_damaged_item_affects_no_other_and_is_replaced_by_the_next_report(
    client: TableClient, table_name: str, damage: dict[str, Any]
) -> None:
    store = a_store(client, table_name)
    store.record_latency("LHR", "lon", [3.0], T0)
    store.record_latency("SJC", "sfo", [12.0], T0)
    [sound] = [path for path in store.latencies() if path.pop == "sfo"]
    client.put_item(TableName=table_name, Item=KEY | encode_round_trips(sound) | damage)

    assert [path.colo for path in store.latencies()] == ["LHR"]
    assert store.record_latency("SJC", "sfo", [14.0], T0)
    healed = {path.colo: path.votes_ms for path in store.latencies()}
    assert healed == {"LHR": (3.0,), "SJC": (14.0,)}


def test_a_reader_takes_few_pages_however_many_paths_are_stored() -> None:
    class Endless:
        asked = 0

        def query(self, **_: object) -> dict[str, Any]:
            self.asked += 1
            return {"Items": [], "LastEvaluatedKey": KEY}

    client = Endless()
    assert a_store(client, "readings").latencies() == ()
    assert client.asked == MAX_PAGES


def test_the_pages_read_have_room_for_every_colo_and_pop() -> None:
    votes = tuple([299.9] * VOTES)
    measured = MeasuredRtt(colo="SJC", pop="sfo", votes_ms=votes, samples=99_999, updated_at=T0)
    item = KEY | encode_round_trips(measured)
    size = sum(len(name) + len(str(*value.values())) for name, value in item.items())
    assert 330 * len(pops()) * size < MAX_PAGES * 1_048_576


def test_an_item_expires_a_week_after_the_last_report(client: TableClient, table_name: str) -> None:
    a_store(client, table_name).record_latency("SJC", "sfo", [12.0], T0)
    item = client.get_item(TableName=table_name, Key=KEY)["Item"]

    assert item["expires_at"] == {"N": str(int((T0 + timedelta(days=7)).timestamp()))}
