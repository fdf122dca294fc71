"""Taipower's table of units: what a reader makes of it, and what it refuses."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.national.taipower import parse
from greenstream.domain.errors import InvalidError
from greenstream.domain.judging import judge
from greenstream.domain.plausibility import rules_of_provider, rules_of_source

NOW = datetime(2026, 11, 28, 7, 34, tzinfo=UTC)
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"


def cell(kind: str) -> str:
    return f"<A NAME='{kind}'></A><b>{kind.upper()}</b>"


def row(kind: str, name: str, mw: str) -> list[str]:
    return [cell(kind), "", name, "800.0", mw, "94.738%", " ", ""]


ROWS = (
    row("coal", "Linkou#1", "750.5"),
    row("coal", "Linkou#2", "0.0"),
    row("coal", "小計", "750.5(40.1%)"),
    row("diesel", "Other outlying Islands(Remark IV)", "N/A"),
    row("diesel", "Taichung Gas1&2", "10.0"),
    row("diesel", "Subtotal(Remark V)", "10.0(0.5%)"),
    row("EnergyStorageSystem", "DaGuan2#1", "100.0"),
    row("EnergyStorageSystem", "Subtotal", "100.0(5%)"),
    row("EnergyStorageSystemLoad", "Battery(Remark XVI)", "-5.2"),
)


def table(*rows: Any, stamp: Any = "2026-11-28 15:30", name: str = "aaData") -> bytes:
    """Return a table in the format of the live file."""
    return (BOM + json.dumps({"": stamp, name: list(rows or ROWS)})).encode()


def refusal_of(*rows: Any) -> str:
    [slot] = parse(table(*rows), NOW).slots["TW"]
    assert slot.mix.refusal is not None
    return slot.mix.refusal.reason


@pytest.mark.parametrize("name", ["aaData", "dataset"])
def test_a_table_is_the_mix_of_the_ten_minutes_before_its_stamp_in_taipei(name: str) -> None:
    [slot] = parse(table(name=name), NOW).slots["TW"]
    end = datetime(2026, 11, 28, 7, 30, tzinfo=UTC)
    assert (slot.mix.valid_from, slot.mix.valid_to) == (end - timedelta(minutes=10), end)
    assert slot.mix.refusal is None
    assert slot.mix.generation_mw == {"coal": 750.5, "diesel": 10, "EnergyStorageSystem": 100}


def test_a_unit_on_an_island_without_a_figure_is_no_unit_of_the_grid() -> None:
    [slot] = parse(table(), NOW).slots["TW"]
    assert slot.mix.generation_mw["diesel"] == 10


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (ROWS[1:], "contradiction"),  # a unit is lost
        (ROWS[:2], "contradiction"),  # the sums are lost
        (ROWS[2:], "contradiction"),  # all units of a kind are lost
        ((row("coal", "Linkou#1", ""), *ROWS[1:]), "not_a_number"),
        ((row("coal", "Linkou#1", "NaN"), *ROWS[1:]), "not_a_number"),
        ((row("coal", "Linkou#1", "N/A"), *ROWS[1:]), "contradiction"),
        ((["<b>COAL</b>", "", "Linkou#1", "800.0", "750.5"], *ROWS), "malformed"),
        ((["coal"], *ROWS), "malformed"),
        (("coal", *ROWS), "malformed"),
    ],
)
def test_a_table_that_is_not_whole_is_refused(rows: Any, reason: str) -> None:
    assert refusal_of(*rows) == reason


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[]", "malformed"),
        (b"{}", "malformed"),
        (table(stamp=None), "malformed"),
        (table(stamp="28/11/2026 15:30"), "malformed"),
        (table(stamp="2026-11-28 17:30"), "future"),
        (table(name="rows"), "malformed"),
    ],
)
def test_an_answer_that_is_no_table_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidError) as refused:
        parse(body, NOW)
    assert refused.value.reason == reason
    assert refused.value.provider == "taipower"


def test_the_recorded_table_has_the_sums_of_its_kinds_and_can_be_believed(
    recordings: Path,
) -> None:
    body = (recordings / "taipower/genary.json").read_bytes()
    [slot] = parse(body, datetime(2025, 5, 14, 7, 34, tzinfo=UTC)).slots["TW"]
    assert slot.mix.valid_to == datetime(2025, 5, 14, 7, 30, tzinfo=UTC)
    assert {kind: round(mw) for kind, mw in slot.mix.generation_mw.items()} == {
        "nuclear": 841, "coal": 7036, "cogen": 1791, "ippcoal": 1602, "lng": 11533,
        "ipplng": 3823, "oil": 324, "diesel": 95, "hydro": 1158, "wind": 182, "solar": 6776,
        "OtherRenewableEnergy": 34, "EnergyStorageSystem": 0,
    }  # fmt: skip
    rules = rules_of_provider("taipower"), rules_of_source("taipower", "TW")
    [(_, refusal)] = judge([slot.mix], *rules)
    assert refusal is None, refusal
