"""The store's contract on each engine, and the faults that only a table can have."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from greenstream.aws.attributes import sortable
from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.item_schema import SCHEMA
from greenstream.domain.policy import Policy, RankingSignal
from greenstream.domain.reading import Reading
from greenstream.ports.store import PutOutcome, StoreError
from tests.integration.watched import Watched
from tests.store_contract import (
    HOUR,
    T0,
    StoreContract,
    a_forecast,
    a_profile,
    a_reading,
    assert_newest_everywhere,
    deliveries,
    succeeded,
    whole_history,
)
from tests.storing import put_forecast, put_profile, put_reading, put_status
from tests.table_client import TableClient

POLICY = {
    "version": {"S": "tuned-7"},
    "max_latency_ms": {"N": "60"},
    "ranking_signal": {"S": "average"},
}


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


@pytest.mark.parametrize("zero", [-0.0, 0.0])
def test_a_zero_with_a_minus_is_zero_and_no_revision_when_it_comes_again(
    store: DynamoStore, zero: float
) -> None:
    detail = {"fuel_mw": {"Wind": zero}, "bounds": [[zero]]}
    first = replace(a_reading(gco2_kwh=zero), as_published_gco2_kwh=zero, detail=detail)
    outcomes = [
        put_reading(store, replace(first, fetched_at=T0 + hours * HOUR)).outcome
        for hours in range(2)
    ]
    put_reading(store, a_reading(end=T0 + HOUR, gco2_kwh=zero, fetched_at=T0 + HOUR))
    outcomes.append(put_reading(store, replace(first, fetched_at=T0 + 2 * HOUR)).outcome)
    put_forecast(store, a_forecast(gco2_kwh=zero))

    assert outcomes == [PutOutcome.STORED, PutOutcome.DUPLICATE, PutOutcome.LATE]
    versions = store.versions(
        "NYISO", "gridstatus", first.kind, since=T0 - HOUR, until=T0 + 2 * HOUR
    )
    assert [version.valid_to for version in versions] == [T0, T0 + HOUR]
    figures = [point.gco2_kwh for point in store.forecasts("GBR-13")[0].points]
    for reading in (*store.snapshot().readings, *versions):
        figures += [reading.gco2_kwh, reading.gco2_low, reading.as_published_gco2_kwh or 0.0]
    assert [math.copysign(1.0, figure) for figure in figures] == [1.0] * len(figures)
    assert [str(version.detail) for version in versions] == [
        "{'fuel_mw': {'Wind': 0.0}, 'bounds': [[0.0]]}",
        "{}",
    ]


def test_a_zero_with_a_minus_is_zero_in_a_policys_evidence(
    client: TableClient, table_name: str
) -> None:
    policies = DynamoPolicies(client, table_name)
    policies.write(Policy(version="tuned-8"), {"saved_gco2": [-0.0]}, T0)
    assert [str(stored.evidence) for stored in policies.versions()] == ["{'saved_gco2': [0.0]}"]


def test_a_figure_that_is_fetched_again_during_a_passing_correction_outlasts_it(
    store: DynamoStore,
) -> None:
    """Another run stores the correction meanwhile, and then a newer interval hides both."""
    put_reading(store, a_reading(gco2_kwh=300.0))
    slow = store.recording("gridstatus")
    again = a_reading(gco2_kwh=300.0, fetched_at=T0 + 2 * HOUR)
    assert [put.outcome for put in slow.put_readings([again])] == [PutOutcome.DUPLICATE]
    put_reading(store, a_reading(gco2_kwh=310.0, fetched_at=T0 + HOUR))
    put_reading(store, a_reading(end=T0 + HOUR, gco2_kwh=5.0, fetched_at=T0 + HOUR))
    slow.publish()
    assert [reading.gco2_kwh for reading in whole_history(store, again)] == [300.0, 5.0]


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
        put_reading(store, reading)
    assert_newest_everywhere(store, own)


@pytest.mark.parametrize("after_acting", [False, True])
@pytest.mark.parametrize("boundary", [1, 2, 3])
def test_a_run_that_breaks_at_any_write_is_repaired_by_the_next_run(
    client: TableClient, table_name: str, boundary: int, *, after_acting: bool
) -> None:
    old, new = a_reading(), a_reading(end=T0 + HOUR, published_at=T0 + HOUR)
    put_reading(a_store(client, table_name), old)
    breaking = a_store(Watched(client, boundary, after_acting), table_name)
    with pytest.raises(StoreError):
        put_reading(breaking, new)
    put_reading(a_store(client, table_name), new)
    assert_newest_everywhere(a_store(client, table_name), [old, new])


def test_every_operation_on_a_missing_table_is_a_store_error(client: TableClient) -> None:
    store = a_store(client, "no-such-table")
    for operation, call in (
        ("Query", lambda: put_reading(store, a_reading())),
        ("Query", lambda: put_forecast(store, a_forecast())),
        ("Query", lambda: put_status(store, succeeded(T0))),
        ("Query", lambda: put_profile(store, a_profile({1: (1.0, T0)}))),
        ("Query", store.snapshot),
        ("Query", lambda: store.profiles([7])),
        ("Query", lambda: store.forecasts("NYISO")),
        ("Query", lambda: whole_history(store, a_reading())),
        ("UpdateItem", lambda: store.record_latency("SJC", "sfo", [1.0], T0)),
        ("Query", store.latencies),
    ):
        with pytest.raises(StoreError, match=f"{operation} was refused: ResourceNotFound"):
            call()


def test_damaged_items_of_history_and_forecasts_are_skipped_and_logged(
    client: TableClient, table_name: str, caplog: pytest.LogCaptureFixture
) -> None:
    store = a_store(client, table_name)
    put_reading(store, a_reading())
    put_forecast(store, a_forecast())
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
    put_reading(store, first)
    key = {"pk": {"S": "HISTORY#NYISO#gridstatus#average#direct"}}
    key |= {"sk": {"S": sortable(first.valid_to)}}
    item = client.get_item(TableName=table_name, Key=key)["Item"]
    client.put_item(TableName=table_name, Item=item | damage)

    later = a_reading(published_at=T0 + HOUR, fetched_at=T0 + HOUR, gco2_kwh=321.0)
    put_reading(store, later)

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


def test_a_history_longer_than_a_page_is_read_completely(store: DynamoStore) -> None:
    readings = [
        replace(a_reading(end=T0 + hour * HOUR), detail={"note": "x" * 19_000})
        for hour in range(60)
    ]
    for reading in readings:
        put_reading(store, reading)
    assert whole_history(store, readings[0]) == readings


def test_history_and_forecasts_expire_but_current_items_never_do(
    client: TableClient, table_name: str
) -> None:
    store = a_store(client, table_name)
    put_reading(store, a_reading())
    put_forecast(store, a_forecast())
    rows = client.scan(TableName=table_name)["Items"]
    assert {row["pk"]["S"].split("#")[0]: row.get("expires_at") for row in rows} == {
        "CURRENT": None,
        "SPARE": None,
        "HISTORY": {"N": str(int((T0 + timedelta(days=30)).timestamp()))},
        "FORECAST": {"N": str(int((T0 + 2 * HOUR + timedelta(days=3)).timestamp()))},
    }
    assert {row["schema"]["N"] for row in rows} == {"2"}
    [history] = [row for row in rows if row["pk"]["S"].startswith("HISTORY")]
    assert history["sk"] == {"S": "2026-11-22T16:00:00Z"}
