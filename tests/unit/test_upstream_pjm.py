"""The simulated PJM feed has the envelope, delay, paging and refusals of the real feed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.upstream import pjm
from infra.local.upstream.wire import Request

NOW = datetime(2026, 2, 5, 20, 47, tzinfo=UTC)
KEY = {pjm.KEY_HEADER: "key"}
LIBRARY_QUERY = {
    "fields": "datetime_beginning_utc,fuel_type,is_renewable,mw",
    "sort": "datetime_beginning_utc",
    "order": "Asc",
    "datetime_beginning_ept": "02/05/2026 00:00to02/05/2026 23:59",
    "startRow": "1",
    "rowCount": "50000",
}


def ask(query: dict[str, str], now: datetime = NOW, status: int = 200) -> Any:
    answer = pjm.answer(Request("GET", pjm.FEED, query, KEY), now)
    assert answer.status == status
    return json.loads(answer.body)


def test_today_so_far_arrives_an_hour_or_two_late() -> None:
    document = ask(LIBRARY_QUERY)
    first, last = document["items"][0], document["items"][-1]
    assert first["datetime_beginning_utc"] == "2026-02-05T05:00:00"
    start = datetime.fromisoformat(last["datetime_beginning_utc"]).replace(tzinfo=UTC)
    assert timedelta(minutes=75) <= NOW - start <= timedelta(hours=3)
    assert document["totalRows"] == len(document["items"])


def test_published_hours_never_disappear_and_never_overtake_each_other() -> None:
    times = [pjm.published_at(NOW + timedelta(hours=hour)) for hour in range(2_000)]
    assert times == sorted(times)


def test_each_hour_has_ten_fuels_with_only_the_asked_fields() -> None:
    items = ask(LIBRARY_QUERY)["items"][:10]
    assert len({item["fuel_type"] for item in items}) == 10
    assert len({item["datetime_beginning_utc"] for item in items}) == 1
    assert set(items[0]) == set(LIBRARY_QUERY["fields"].split(","))
    assert {item["fuel_type"] for item in items if item["is_renewable"]} == pjm.RENEWABLE


@pytest.mark.parametrize(
    ("day", "hours"), [("02/03/2026", 24), ("03/08/2026", 23), ("11/01/2026", 25)]
)
def test_a_local_day_has_as_many_hours_as_its_clocks(day: str, hours: int) -> None:
    query = LIBRARY_QUERY | {"datetime_beginning_ept": f"{day} 00:00to{day} 23:59"}
    document = ask(query, datetime(2026, 12, 1, tzinfo=UTC))
    assert document["totalRows"] == hours * 10


def test_before_the_first_hour_is_published_there_is_no_row_and_no_error() -> None:
    document = ask(LIBRARY_QUERY, datetime(2026, 2, 5, 5, 30, tzinfo=UTC))
    assert (document["items"], document["totalRows"]) == ([], 0)


def test_pages_link_on_and_together_hold_every_row() -> None:
    whole = ask(LIBRARY_QUERY)
    half = str(whole["totalRows"] // 2)
    first = ask(LIBRARY_QUERY | {"rowCount": half})
    second = ask(LIBRARY_QUERY | {"rowCount": half, "startRow": str(int(half) + 1)})
    assert first["items"] + second["items"] == whole["items"]
    assert [link["rel"] for link in first["links"]] == ["self", "next", "metadata"]
    assert [link["rel"] for link in second["links"]] == ["self", "metadata"]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        (pjm.FEED, {}, 401),
        (pjm.FEED, {pjm.KEY_HEADER: "bad"}, 401),
        ("/api/v1/no_such_feed", KEY, 404),
    ],
)
def test_the_gateway_refuses(path: str, headers: dict[str, str], status: int) -> None:
    answer = pjm.answer(Request("GET", path, LIBRARY_QUERY, headers), NOW)
    assert answer.status == status
    assert json.loads(answer.body)["statusCode"] == status


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("datetime_beginning_ept", "yesterday"),
        ("datetime_beginning_ept", "01/01/2020 00:00to02/05/2026 00:00"),
        ("fields", "mw,colour"),
        ("rowCount", "many"),
    ],
)
def test_a_bad_field_is_named(field: str, value: str) -> None:
    (error,) = ask(LIBRARY_QUERY | {field: value}, status=400)["errors"]
    assert error["field"] == field


def test_output_is_plausible_through_a_year() -> None:
    for hour in range(0, 365 * 24, 5):
        output = pjm.generation_mw(NOW + timedelta(hours=hour))
        assert min(output.values()) >= 0
        assert 60_000 < sum(output.values()) < 140_000


def test_a_missing_fuel_lowers_the_count_too() -> None:
    body = pjm.answer(Request("GET", pjm.FEED, LIBRARY_QUERY, KEY), NOW).body.decode()
    document = json.loads(pjm.missing_fuel(body, {"fuel": "Coal"}))
    assert "Coal" not in {item["fuel_type"] for item in document["items"]}
    assert document["totalRows"] == len(document["items"])
