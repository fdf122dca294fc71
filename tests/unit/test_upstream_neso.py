"""The simulated GB Carbon Intensity API has the formats and the behaviour of the real API."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.upstream import neso, neso_faults
from infra.local.upstream.wire import Request

NOW = datetime(2026, 2, 5, 20, 47, tzinfo=UTC)
WEEK = [NOW + timedelta(minutes=30 * step) for step in range(7 * 48)]


def ask(path: str, now: datetime = NOW, status: int = 200) -> Any:
    answer = neso.answer(Request("GET", path), now)
    assert answer.status == status
    return json.loads(answer.body)


def test_now_is_the_last_completed_half_hour() -> None:
    (row,) = ask("/intensity")["data"]
    assert (row["from"], row["to"]) == ("2026-02-05T20:00Z", "2026-02-05T20:30Z")


def test_for_ten_minutes_after_a_roll_over_actual_repeats_the_half_hour_before() -> None:
    def actual(hour: int, minute: int) -> int:
        at = NOW.replace(hour=hour, minute=minute)
        value = ask("/intensity", at)["data"][0]["intensity"]["actual"]
        assert isinstance(value, int)
        return value

    assert actual(20, 30) == actual(20, 39) == actual(20, 29)
    assert actual(20, 40) == actual(20, 59) == actual(21, 5)
    assert len({actual(hour, 45) for hour in range(24)}) > 5


def test_a_forecast_window_starts_one_half_hour_early_and_has_no_actual_in_the_future() -> None:
    rows = ask("/intensity/2026-02-05T21:00Z/fw24h")["data"]
    assert len(rows) == 49
    assert rows[0]["from"] == "2026-02-05T20:30Z"
    assert rows[-1]["to"] == "2026-02-06T21:00Z"
    assert {row["intensity"]["actual"] for row in rows} == {None}
    assert len(ask("/intensity/2026-02-05T21:00Z/fw48h")["data"]) == 97


def test_past_half_hours_have_an_actual_near_their_forecast() -> None:
    rows = ask("/intensity/2026-02-04T00:00Z/2026-02-05T00:00Z")["data"]
    for row in rows:
        intensity = row["intensity"]
        assert intensity["actual"] == pytest.approx(intensity["forecast"], rel=0.1, abs=1)


def test_one_region_is_a_list_now_and_an_object_over_a_window() -> None:
    (region,) = ask("/regional/regionid/13")["data"]
    window = ask("/regional/intensity/2026-02-05T20:30Z/fw24h/regionid/13")["data"]
    for document, rows in ((region, 1), (window, 49)):
        assert (document["regionid"], document["shortname"]) == (13, "London")
        assert len(document["data"]) == rows
        assert set(document["data"][0]["intensity"]) == {"forecast", "index"}
    assert window["data"][0] == region["data"][0]


def test_all_regions_come_by_half_hour() -> None:
    rows = ask("/regional/intensity/2026-02-05T21:00Z/fw24h")["data"]
    assert len(rows) == 49
    assert [region["regionid"] for region in rows[0]["regions"]] == list(range(1, 19))
    assert rows[0] == ask("/regional", NOW + timedelta(minutes=30))["data"][0]


@pytest.mark.parametrize("region", neso.REGIONS)
def test_every_mix_adds_up_and_every_intensity_is_plausible(region: int) -> None:
    for start in WEEK:
        assert sum(neso.mix(start, region).values()) == pytest.approx(100.0, abs=1e-6)
        assert min(neso.mix(start, region).values()) >= 0
        assert 0 <= neso.forecast_gco2_kwh(start, region) <= 400


def test_north_scotland_has_true_zeros_in_the_wind_and_gas_in_a_calm() -> None:
    values = [neso.forecast_gco2_kwh(at, 1) for at in WEEK]
    assert 0 in values
    assert max(values) > 0
    assert neso.index_word(0) == "very low"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/intensity/yesterday/fw24h", 400, "400 Bad Request"),
        ("/intensity/date/2026-02-30", 400, "400 Bad Request"),
        ("/intensity/2026-01-01T00:00Z/2026-02-01T00:00Z", 400, "400 Bad Request"),
        ("/regional/regionid/99", 400, "400 Bad Request"),
        ("/nothing", 404, "404 Not Found"),
    ],
)
def test_errors_are_an_object_with_code_and_message(path: str, status: int, code: str) -> None:
    error = ask(path, status=status)["error"]
    assert error["code"] == code
    assert error["message"]


def test_the_same_half_hour_always_has_the_same_value() -> None:
    later = NOW + timedelta(days=3)
    path = "/regional/intensity/2026-02-05T21:00Z/fw24h/regionid/13"
    assert ask(path) == ask(path, later)


@pytest.mark.parametrize(
    ("path", "zone"),
    [
        ("/intensity", "GBR"),
        ("/regional/regionid/13", "GBR-13"),
        ("/regional/intensity/2026-02-05T21:00Z/fw24h/regionid/1", "GBR-1"),
        ("/regional", None),
    ],
)
def test_a_request_names_its_zone(path: str, zone: str | None) -> None:
    assert neso.zone(Request("GET", path)) == zone


def test_a_false_zero_stands_beside_its_forecast() -> None:
    body = neso.answer(Request("GET", "/intensity"), NOW).body.decode()
    spoilt = json.loads(neso_faults.false_zero(body, {}))["data"][0]["intensity"]
    assert (spoilt["actual"], spoilt["index"]) == (0, "very low")
    assert spoilt["forecast"] == json.loads(body)["data"][0]["intensity"]["forecast"] > 50
    assert json.loads(neso_faults.null_actual(body, {}))["data"][0]["intensity"]["actual"] is None


def test_a_missing_fuel_leaves_the_others() -> None:
    body = neso.answer(Request("GET", "/generation"), NOW).body.decode()
    fuels = {row["fuel"] for row in json.loads(body)["data"]["generationmix"]}
    spoilt = json.loads(neso_faults.missing_fuel(body, {"fuel": "wind"}))["data"]["generationmix"]
    assert {row["fuel"] for row in spoilt} == fuels - {"wind"}


def test_a_fault_of_one_region_leaves_the_others_in_the_answer_for_all() -> None:
    body = neso.answer(Request("GET", "/regional"), NOW).body.decode()
    before = json.loads(body)["data"][0]["regions"]
    after = json.loads(neso_faults.null_forecast(body, {"zone": "GBR-13"}))["data"][0]["regions"]
    assert after[12]["intensity"]["forecast"] is None
    assert [r for r in after if r["regionid"] != 13] == [r for r in before if r["regionid"] != 13]
    without = json.loads(neso_faults.missing_region(body, {"zone": "GBR-13"}))["data"][0]["regions"]
    assert without == [r for r in before if r["regionid"] != 13]
