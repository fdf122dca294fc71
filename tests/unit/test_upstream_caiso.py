"""The simulated CAISO file has the signs, the empty rows and the midnight of the real file."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from infra.local.upstream import caiso
from infra.local.upstream.wire import Request

NOON = datetime(2026, 6, 10, 19, 33, tzinfo=UTC)  # 12:33 Pacific time


def ask(path: str, now: datetime = NOON) -> list[dict[str, str]]:
    answer = caiso.answer(Request("GET", path, {"_": "1"}), now)
    assert answer.status == 200
    return list(csv.DictReader(io.StringIO(answer.body.decode())))


def known(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    return [row for row in rows if row["Solar"]]


def test_the_newest_row_is_minutes_old_and_the_rows_ahead_are_empty() -> None:
    rows = ask("/outlook/current/fuelsource.csv")
    assert known(rows)[-1]["Time"] == "12:25"
    ahead = rows[len(known(rows)) :]
    assert ahead[0]["Time"] == "12:30"
    assert {value for row in ahead for name, value in row.items() if name != "Time"} == {""}


def test_solar_is_negative_at_night_and_batteries_charge_from_it_at_noon() -> None:
    rows = {row["Time"]: row for row in ask("/outlook/current/fuelsource.csv")}
    assert int(rows["02:00"]["Solar"]) < 0
    assert int(rows["12:00"]["Solar"]) > 10_000
    assert int(rows["12:00"]["Batteries"]) < 0


def test_batteries_discharge_in_the_evening() -> None:
    rows = {row["Time"]: row for row in ask("/outlook/history/20260609/fuelsource.csv")}
    assert int(rows["19:30"]["Batteries"]) > 2_000


def test_before_its_first_row_today_is_still_yesterdays_file() -> None:
    rows = ask("/outlook/current/fuelsource.csv", datetime(2026, 6, 10, 7, 3, tzinfo=UTC))
    assert [known(rows)[0]["Time"], known(rows)[-1]["Time"]] == ["00:00", "23:55"]


def test_a_past_day_ends_with_the_next_midnight() -> None:
    rows = ask("/outlook/history/20260609/fuelsource.csv")
    assert len(rows) == 289
    assert [rows[-2]["Time"], rows[-1]["Time"]] == ["23:55", "00:00"]


def test_the_hour_that_the_clocks_skip_is_empty() -> None:
    rows = {row["Time"]: row for row in ask("/outlook/history/20260308/fuelsource.csv")}
    assert rows["02:30"]["Solar"] == ""
    assert rows["03:00"]["Solar"]
    assert rows["01:55"]["Solar"]


@pytest.mark.parametrize("day", ["20260610", "20261301"])
def test_a_day_that_is_not_past_has_no_history(day: str) -> None:
    answer = caiso.answer(Request("GET", f"/outlook/history/{day}/fuelsource.csv"), NOON)
    assert answer.status == 404


def test_output_is_plausible_through_a_year() -> None:
    for hour in range(0, 365 * 24, 5):
        output = caiso.generation_mw(NOON + timedelta(hours=hour))
        assert 18_000 < sum(output.values()) < 45_000
        assert output["Natural Gas"] > 1_000
        assert output["Coal"] == 3


def test_faults_spoil_only_what_they_name() -> None:
    body = caiso.answer(Request("GET", "/outlook/current/fuelsource.csv"), NOON).body.decode()
    before = list(csv.DictReader(io.StringIO(body)))
    without = list(csv.DictReader(io.StringIO(caiso.missing_fuel(body, {"fuel": "Wind"}))))
    assert without == [row | {"Wind": ""} for row in before]
    half = known(list(csv.DictReader(io.StringIO(caiso.half_written(body, {})))))
    assert half[:-1] == known(before)[:-1]
    assert [half[-1]["Geothermal"], half[-1]["Biomass"]] == [known(before)[-1]["Geothermal"], ""]
    assert caiso.byte_order_mark(body, {}).encode().startswith(b"\xef\xbb\xbfTime,")
