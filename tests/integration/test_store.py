"""The store's contract on each engine, and the faults that only a table can have."""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from greenstream.aws.attributes import sortable
from greenstream.aws.dynamo_store import SLOW_MAX_AGE, DynamoStore
from greenstream.aws.item_schema import SCHEMA
from greenstream.aws.reading_items import encode_reading
from greenstream.domain.policy import Policy, RankingSignal
from greenstream.domain.reading import Basis, Kind, Reading, Signal
from greenstream.ports.store import Put, PutOutcome, StoreError
from infra.registry import COLLECTORS
from tests.item_size import item_bytes
from tests.store_contract import (
    HOUR,
    T0,
    StoreContract,
    a_forecast,
    a_profile,
    a_reading,
    assert_newest_everywhere,
    deliveries,
    failed,
    succeeded,
    whole_history,
)
from tests.table_client import TableClient

READING_SK = "READING#NYISO#gridstatus#average#direct"
POLICY = {
    "version": {"S": "tuned-7"},
    "max_latency_ms": {"N": "60"},
    "ranking_signal": {"S": "average"},
}


@dataclass
class Watched:
    """A client that counts its calls, and breaks one of them before or after it has acted."""

    client: TableClient
    breaks_at: int = 0
    after_acting: bool = False
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        if name not in ("put_item", "update_item", "query"):
            return method

        def call(**arguments: Any) -> Any:
            self.calls[name] += 1
            breaks = self.calls.total() == self.breaks_at
            answer = None if breaks and not self.after_acting else method(**arguments)
            if breaks:
                raise StoreError("the table does not answer")
            return answer

        return call


@dataclass
class Clock:
    now: datetime = T0

    def __call__(self) -> datetime:
        return self.now


def a_store(
    client: object, table_name: str, clock: Callable[[], datetime] = lambda: T0
) -> DynamoStore:
    return DynamoStore(cast("TableClient", client), table_name, clock=clock)


@pytest.fixture
def store(client: TableClient, table_name: str) -> DynamoStore:
    return a_store(client, table_name)


@pytest.fixture
def put(client: TableClient, table_name: str) -> Callable[[str, Mapping[str, Any]], object]:
    """Return a function that puts an item into CURRENT without the store."""
    return lambda sk, item: client.put_item(
        TableName=table_name, Item={"pk": {"S": "CURRENT"}, "sk": {"S": sk}, **item}
    )


class TestContract(StoreContract):
    """Runs the contract on every engine."""


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(delivered=deliveries())
def test_readings_in_any_order_and_repeated_leave_the_newest(
    store: DynamoStore, delivered: list[Reading]
) -> None:
    zone = uuid4().hex
    own = [replace(reading, zone=zone) for reading in delivered]
    for reading in own:
        store.put_reading(reading)
    assert_newest_everywhere(store, own)


@pytest.mark.parametrize("after_acting", [False, True])
@pytest.mark.parametrize("boundary", [1, 2])
def test_a_run_that_breaks_at_any_write_is_repaired_by_the_next_run(
    client: TableClient, table_name: str, boundary: int, *, after_acting: bool
) -> None:
    old, new = a_reading(), a_reading(end=T0 + HOUR, published_at=T0 + HOUR)
    a_store(client, table_name).put_reading(old)
    breaking = a_store(Watched(client, boundary, after_acting), table_name)
    with pytest.raises(StoreError):
        breaking.put_reading(new)
    a_store(client, table_name).put_reading(new)
    assert_newest_everywhere(a_store(client, table_name), [old, new])


def test_every_operation_on_a_missing_table_is_a_store_error(client: TableClient) -> None:
    store = a_store(client, "no-such-table")
    for operation, call in (
        ("UpdateItem", lambda: store.put_reading(a_reading())),
        ("PutItem", lambda: store.put_forecast(a_forecast())),
        ("UpdateItem", lambda: store.put_status(succeeded(T0))),
        ("UpdateItem", lambda: store.put_profile_hours(a_profile({1: (1.0, T0)}))),
        ("Query", store.snapshot),
        ("Query", lambda: store.forecasts("NYISO")),
        ("Query", lambda: whole_history(store, a_reading())),
        ("UpdateItem", lambda: store.record_latency("SJC", "sfo", [1.0], T0)),
        ("Query", store.latencies),
    ):
        with pytest.raises(StoreError, match=f"{operation} was refused: ResourceNotFound"):
            call()


@pytest.mark.parametrize(
    "damage",
    [
        {},
        {"schema": {"N": "2"}},
        {"schema": {"S": "1"}},
        {"valid_to": {"S": "2026-11-22T16:00:00Z"}},
        {"valid_to": {"N": "1E+40"}},
        {"valid_from": {"N": "9795363200"}},
        {"revision": {"NULL": True}},
        {"gco2_kwh": {"N": "-1"}},
        {"gco2_kwh": {"L": []}},
        {"scope": {"S": "galactic"}},
        {"coverage": {"N": "0.01"}},
        {"fetched_at": {"BOOL": False}},
        {"simulated": {"S": "no"}},
    ],
    ids=str,
)
def test_a_damaged_reading_is_named_and_replaced_and_affects_no_other(
    store: DynamoStore, put: Callable[..., object], damage: dict[str, Any]
) -> None:
    other = a_reading(zone="PJM")
    store.put_reading(other)
    put(READING_SK, (encode_reading(a_reading()) | damage) if damage else {})
    snapshot = store.snapshot()
    why = " (schema 2)" if damage.get("schema") == {"N": "2"} else ""
    why = " (schema 1)" if damage.get("schema") == {"S": "1"} else why
    assert snapshot.damaged == (READING_SK + why,)
    assert snapshot.readings == (other,)
    newer = a_reading(end=T0 + HOUR)
    if damage.get("valid_to") == {"N": "1E+40"}:  # It looks like a newer reading.
        assert store.put_reading(newer) == Put(PutOutcome.LATE, None)
    else:
        assert store.put_reading(newer).outcome is PutOutcome.STORED
        assert store.snapshot().damaged == ()


def test_a_reading_with_a_damaged_revision_is_replaced_by_the_same_interval(
    store: DynamoStore, put: Callable[..., object]
) -> None:
    put(READING_SK, encode_reading(a_reading()) | {"revision": {"NULL": True}})
    assert store.put_reading(a_reading()) == Put(PutOutcome.STORED, None)
    assert store.snapshot().readings == (a_reading(),)


@pytest.mark.parametrize(
    "sk", ["READING#NYISO", "READING", "PROVIDER#eso", "PROFILE#NYISO#average#direct", "WEATHER#x"]
)
def test_an_item_with_an_unknown_sort_key_is_named_as_damaged(
    store: DynamoStore, put: Callable[..., object], sk: str
) -> None:
    put(sk, SCHEMA | {"hours": {"M": {}}})
    assert store.snapshot().damaged == (sk,)


def test_damaged_items_of_history_and_forecasts_are_skipped_and_logged(
    client: TableClient, table_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = a_store(client, table_name)
    store.put_reading(a_reading())
    store.put_forecast(a_forecast())
    for pk, sk in (
        ("HISTORY#NYISO#gridstatus#average#direct", "2026-11-22T15:00:00Z"),
        ("FORECAST#GBR-13", "eso"),
    ):
        client.put_item(TableName=table_name, Item={"pk": {"S": pk}, "sk": {"S": sk}})
    assert whole_history(store, a_reading()) == [a_reading()]
    assert store.forecasts("GBR-13") == (a_forecast(),)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


@pytest.mark.parametrize(
    "damage",
    [
        {"fetched_at": {"S": "yesterday"}},
        {"gco2_kwh": {"S": "much"}},
        {"revision": {"N": "1E+40"}},
        {"known_at": {"S": "yesterday"}},
        {"earlier": {"L": [{"S": "what was"}]}},
    ],
    ids=str,
)
def test_a_damaged_interval_of_the_history_is_replaced_and_not_stored_beside(
    client: TableClient, table_name: str, store: DynamoStore, damage: dict[str, Any]
) -> None:
    first = a_reading(published_at=T0, fetched_at=T0)
    store.put_reading(first)
    key = {"pk": {"S": "HISTORY#NYISO#gridstatus#average#direct"}}
    key |= {"sk": {"S": sortable(first.valid_to)}}
    item = client.get_item(TableName=table_name, Key=key)["Item"]
    client.put_item(TableName=table_name, Item=item | damage)

    later = a_reading(published_at=T0 + HOUR, fetched_at=T0 + HOUR, gco2_kwh=321.0)
    store.put_reading(later)

    during = {"since": first.valid_from, "until": first.valid_to}
    for read in (store.history, store.versions):
        [reading] = read(first.zone, first.provider, first.kind, **during)
        assert (reading.gco2_kwh, reading.fetched_at) == (321.0, T0 + HOUR)


def test_the_policy_has_defaults_for_the_numbers_that_its_item_lacks(
    store: DynamoStore, put: Callable[..., object]
) -> None:
    capacity = {"M": {"sfo": {"N": "2"}, "ams": {"N": "0.5"}}}
    put("POLICY", SCHEMA | POLICY | {"capacity": capacity, "log_every": {"N": "3"}})
    assert store.snapshot().policy == Policy(
        version="tuned-7",
        max_latency_ms=60.0,
        ranking_signal=RankingSignal.AVERAGE,
        capacity={"sfo": 2.0, "ams": 0.5},
        log_every=3,
    )


@pytest.mark.parametrize(
    "damage",
    [
        {"max_latency_ms": {"N": "-5"}},
        {"version": {"N": "1"}},
        {"ranking_signal": {"S": "best"}},
        {"capacity": {"M": {"sfo": {"N": "-1"}}}},
        {"log_every": {"N": "0"}},
    ],
    ids=str,
)
def test_a_damaged_policy_is_named_and_not_used(
    store: DynamoStore, put: Callable[..., object], damage: dict[str, Any]
) -> None:
    put("POLICY", SCHEMA | POLICY | damage)
    snapshot = store.snapshot()
    assert (snapshot.policy, snapshot.damaged) == (None, ("POLICY",))


def test_a_snapshot_is_one_query_and_rereads_policy_and_profiles_every_five_minutes(
    client: TableClient, table_name: str, put: Callable[..., object]
) -> None:
    watched, clock = Watched(client), Clock()
    reader, writer = a_store(watched, table_name, clock), a_store(client, table_name)
    assert reader.snapshot().policy is None
    put("POLICY", SCHEMA | POLICY)
    writer.put_profile_hours(a_profile({7: (300.0, T0)}))
    writer.put_reading(a_reading())
    writer.put_status(failed(T0))

    clock.now += SLOW_MAX_AGE - timedelta(seconds=1)
    early = reader.snapshot()
    assert (early.readings, len(early.providers)) == ((a_reading(),), 1)
    assert (early.policy, early.profiles) == (None, ())

    clock.now += timedelta(seconds=1)
    due = reader.snapshot()
    assert due.policy is not None
    assert due.profiles == (a_profile({7: (300.0, T0)}),)
    assert reader.snapshot() == due, "the policy and the profiles stay in memory"
    assert watched.calls == {"query": 4}


def test_a_cold_readers_first_snapshot_has_the_profiles_and_the_policy(
    client: TableClient, table_name: str, put: Callable[..., object]
) -> None:
    a_store(client, table_name).put_profile_hours(a_profile({7: (300.0, T0)}))
    put("POLICY", SCHEMA | POLICY)
    watched = Watched(client)
    first = a_store(watched, table_name).snapshot()
    assert first.profiles == (a_profile({7: (300.0, T0)}),)
    assert first.policy is not None
    assert watched.calls == {"query": 1}


def test_damaged_items_stay_named_while_policy_and_profiles_are_in_memory(
    store: DynamoStore, put: Callable[..., object]
) -> None:
    put("POLICY", {})
    put("READING#x", {})
    assert store.snapshot().damaged == store.snapshot().damaged == ("POLICY", "READING#x")


def test_a_history_longer_than_a_page_is_read_completely(store: DynamoStore) -> None:
    readings = [
        replace(a_reading(end=T0 + hour * HOUR), detail={"note": "x" * 19_000})
        for hour in range(60)
    ]
    for reading in readings:
        store.put_reading(reading)
    assert whole_history(store, readings[0]) == readings


def test_history_and_forecasts_expire_but_current_items_never_do(
    client: TableClient, table_name: str
) -> None:
    store = a_store(client, table_name)
    store.put_reading(a_reading())
    store.put_forecast(a_forecast())
    rows = client.scan(TableName=table_name)["Items"]
    assert {row["pk"]["S"].split("#")[0]: row.get("expires_at") for row in rows} == {
        "CURRENT": None,
        "HISTORY": {"N": str(int((T0 + timedelta(days=30)).timestamp()))},
        "FORECAST": {"N": str(int((T0 + 2 * HOUR + timedelta(days=3)).timestamp()))},
    }
    assert {row["schema"]["N"] for row in rows} == {"1"}
    [history] = [row for row in rows if row["pk"]["S"].startswith("HISTORY")]
    assert history["sk"] == {"S": "2026-11-22T16:00:00Z"}


def test_thirty_zones_cost_two_read_units_a_snapshot(
    client: TableClient, table_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The items are as large as those of providers: two kinds, bounds and partial coverage."""
    store = a_store(client, table_name)
    kinds = [Kind(Signal.AVERAGE, basis) for basis in Basis]
    for zone, kind in ((f"ENTSOE_{number:02d}_X", kind) for number in range(30) for kind in kinds):
        store.put_reading(
            replace(
                a_reading(zone=zone, kind=kind, gco2_kwh=123.456),
                provider_zone="10YNL----------L",
                gco2_low=101.234,
                gco2_high=234.567,
                coverage=0.8765,
                fetched_at=T0 + timedelta(microseconds=123_456),
                detail={"fuel_mw": {"Gas": 5120.5}},
            )
        )
        hours = dict.fromkeys(range(24), (123.456, T0))
        store.put_profile_hours(replace(a_profile(hours, zone=zone), kind=kind))
    for name in COLLECTORS:
        store.put_status(replace(succeeded(T0), provider=name))
        store.put_status(replace(failed(T0 + HOUR, "x" * 100), provider=name))
    rows = [
        row
        for page in client.get_paginator("scan").paginate(TableName=table_name)
        for row in page["Items"]
        if row["pk"]["S"] == "CURRENT"
    ]
    each_time = sum(item_bytes(row) for row in rows if row["sk"]["S"] >= "PROVIDER")
    whole = sum(map(item_bytes, rows))
    with capsys.disabled():
        print(
            f"\nCURRENT of 30 zones x 2 kinds: {each_time} B = {_read_units(each_time)} RRU;"
            f" with policy and profiles {whole} B = {_read_units(whole)} RRU every {SLOW_MAX_AGE}"
        )
    assert _read_units(each_time) <= 2


def _read_units(size: int) -> float:
    """Return the units of an eventually consistent read: half a unit for each 4 KiB begun."""
    return math.ceil(size / 4096) / 2
