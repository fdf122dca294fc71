"""Ontario, Alberta and Quebec: what each parser makes of its operator's answer, and refuses."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from functions.national import aeso, hydroquebec, ieso
from functions.national.feed import not_ahead
from greenstream.domain.errors import InvalidError
from greenstream.domain.judging import judge
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from greenstream.ingest.mixes import MixSlot

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"
recorded = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="SKIPPED: the recordings are not beside this checkout"
)


def refusals(provider: str, zone: str, slots: list[MixSlot]) -> list[str | None]:
    judged = judge(
        [slot.mix for slot in slots], rules_of_provider(provider), rules_of_source(provider, zone)
    )
    return [refusal.reason if refusal else None for _, refusal in judged]


# --- Ontario ---------------------------------------------------------------------------------

Outputs = Mapping[str, tuple[str, Mapping[int, str]]]
FLEET: dict[str, tuple[str, dict[int, str]]] = {
    "BRUCEA-G1": ("NUCLEAR", {1: "9000", 2: "9010"}),
    "BECK2": ("HYDRO", {1: "3000", 2: "3100"}),
    "LENNOX-G1": ("GAS", {1: "900", 2: "880"}),
    "PORTLANDS": ("GAS", {1: "100", 2: "120"}),
    "AMARANTH": ("WIND", {1: "1500", 2: "1450"}),
    "PEAKSAVER": ("CONTROL ACTIONS", {1: "50", 2: "50"}),
}


def ontario(fleet: Outputs, namespace: str = "http://www.ieso.ca/schema") -> bytes:
    generators = ""
    for name, (fuel, hours) in fleet.items():
        outputs = "".join(
            f"<Output><Hour>{hour}</Hour><EnergyMW>{mw}</EnergyMW></Output>"
            for hour, mw in hours.items()
        )
        generators += (
            f"<Generator><GeneratorName>{name}</GeneratorName><FuelType>{fuel}</FuelType>"
            f"<Outputs>{outputs}</Outputs><Capabilities><Capability><Hour>1</Hour>"
            "<EnergyMW>99999</EnergyMW></Capability></Capabilities></Generator>"
        )
    return (
        f'<?xml version="1.0"?><IMODocument xmlns="{namespace}"><IMODocBody>'
        f"<Date>2026-07-05</Date><Generators>{generators}</Generators></IMODocBody></IMODocument>"
    ).encode()


def test_an_hour_of_ontario_ends_at_its_number_in_standard_time_also_in_summer() -> None:
    first, second = ieso.parse(ontario(FLEET))

    assert first.mix.valid_to == datetime(2026, 7, 5, 6, tzinfo=UTC)
    assert second.mix.valid_from == first.mix.valid_to


def test_ontarios_generators_are_added_up_by_fuel_without_control_actions() -> None:
    first, _ = ieso.parse(ontario(FLEET))

    assert first.mix.generation_mw == {"NUCLEAR": 9000, "HYDRO": 3000, "GAS": 1000, "WIND": 1500}


@pytest.mark.parametrize("namespace", ["http://www.theIMO.com/schema", "urn:another"])
def test_ontarios_namespace_does_not_matter(namespace: str) -> None:
    assert len(ieso.parse(ontario(FLEET, namespace))) == 2


def test_an_hour_of_ontario_that_lacks_generators_is_still_being_written() -> None:
    fuel, hours = FLEET["BRUCEA-G1"]
    fleet = FLEET | {"BRUCEA-G1": (fuel, {1: hours[1]})}

    _, second = ieso.parse(ontario(fleet))

    assert second.mix.refusal is not None
    assert second.mix.refusal.reason == "missing_fuel"


def test_an_hour_of_ontario_without_a_small_generator_stands() -> None:
    fuel, hours = FLEET["PORTLANDS"]

    _, second = ieso.parse(ontario(FLEET | {"PORTLANDS": (fuel, {1: hours[1], 2: ""})}))

    assert second.mix.refusal is None


@pytest.mark.parametrize(
    "body",
    [
        b"<html><body>Maintenance</body></html>",
        b"",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        ontario({}),
        ontario(FLEET).replace(b"2026-07-05", b"July"),
        ontario(FLEET).replace(b"<Hour>1<", b"<Hour>one<"),
    ],
)
def test_another_document_of_ontario_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(InvalidError) as refused:
        ieso.parse(body)
    assert (refused.value.reason, refused.value.provider) == ("malformed", "ieso")


@recorded
def test_the_recorded_document_of_ontario_is_read() -> None:
    slots = ieso.parse((RECORDINGS / "ieso/GenOutputCapability_20160501_reduced.xml").read_bytes())

    assert [slot.mix.valid_to for slot in slots] == [
        datetime(2016, 5, 1, 5, tzinfo=UTC) + hour * timedelta(hours=1) for hour in range(1, 5)
    ]
    assert slots[0].mix.generation_mw["NUCLEAR"] >= 716
    # Its repository has left most generators out.
    assert set(refusals("ieso", "CA_ON", slots)) == {"missing_fuel"}


# --- Alberta ---------------------------------------------------------------------------------

REPORT = """Current Supply Demand Report

"Last Update : Nov 28, 2026 11:58"

"Alberta Total Net Generation","9620"
"Net Actual Interchange","-216"

"COGENERATION","5900","3600","190"
"COMBINED CYCLE","3100","2400","0"
"GAS FIRED STEAM","2400","1300","0"
"SIMPLE CYCLE","1200","90","0"
"HYDRO","894","300","264"
"ENERGY STORAGE","250","0","89"
"SOLAR","2100","700","0"
"WIND","5700","1000","0"
"OTHER","444","230","10"
"TOTAL","21988","9620","464"

"British Columbia","-216"
"TOTAL","-216"

"Battle River #3 (BR3)","149","7","0"
"""
NOON = datetime(2026, 11, 28, 17, 59, tzinfo=UTC)


def alberta(text: str = REPORT, now: datetime = NOON) -> MixSlot:
    return aeso.parse(text.encode(), now)


def test_alberta_is_read_from_its_rows_of_fuels_and_not_of_plants() -> None:
    slot = alberta()

    assert slot.mix.valid_to == datetime(2026, 11, 28, 17, 58, tzinfo=UTC)
    assert slot.mix.refusal is None
    assert sum(slot.mix.generation_mw.values()) == 9620
    assert slot.mix.generation_mw["GAS FIRED STEAM"] == 1300
    assert refusals("aeso", "CA_AB", [slot]) == [None]


def test_a_report_of_alberta_whose_rows_do_not_make_its_total_is_a_contradiction() -> None:
    refusal = alberta(REPORT.replace('"3600"', '"2600"')).mix.refusal

    assert refusal is not None
    assert refusal.reason == "contradiction"


@pytest.mark.parametrize("figure", ["", "n/a", "NaN", "inf"])
def test_a_figure_of_alberta_that_is_no_number_is_refused(figure: str) -> None:
    refusal = alberta(REPORT.replace('"3600"', f'"{figure}"')).mix.refusal

    assert refusal is not None
    assert refusal.reason == "not_a_number"


def test_a_report_of_alberta_without_one_of_the_rows_of_gas_is_missing_a_fuel() -> None:
    less = REPORT.replace('"GAS FIRED STEAM","2400","1300","0"\n', "").replace("9620", "8320")

    assert refusals("aeso", "CA_AB", [alberta(less)]) == ["missing_fuel"]


def test_the_hour_that_comes_twice_in_alberta_is_the_latest_that_has_passed() -> None:
    report = REPORT.replace("Nov 28, 2026 11:58", "Nov 02, 2025 01:30")

    first = alberta(report, datetime(2025, 11, 2, 7, 31, tzinfo=UTC))
    second = alberta(report, datetime(2025, 11, 2, 8, 31, tzinfo=UTC))

    assert first.mix.valid_to == datetime(2025, 11, 2, 7, 30, tzinfo=UTC)
    assert second.mix.valid_to == datetime(2025, 11, 2, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        ("Mar 08, 2026 01:30", datetime(2026, 3, 8, 8, 30, tzinfo=UTC)),  # the last change
        ("Mar 08, 2026 03:30", datetime(2026, 3, 8, 9, 30, tzinfo=UTC)),
        ("Oct 31, 2026 23:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
        ("Nov 01, 2026 01:30", datetime(2026, 11, 1, 7, 30, tzinfo=UTC)),
        ("Nov 01, 2026 02:30", datetime(2026, 11, 1, 8, 30, tzinfo=UTC)),
        ("Jan 15, 2027 12:00", datetime(2027, 1, 15, 18, 0, tzinfo=UTC)),
        ("Jul 15, 2027 12:00", datetime(2027, 7, 15, 18, 0, tzinfo=UTC)),
    ],
)
@pytest.mark.parametrize("table", ["America/Edmonton", "America/Denver"])
def test_albertas_clock_stands_still_whatever_the_computers_time_zones_say(
    monkeypatch: pytest.MonkeyPatch, table: str, stamp: str, moment: datetime
) -> None:
    # Denver is what Edmonton was, and what it still is in tables older than release 2026c.
    monkeypatch.setattr(aeso, "MOUNTAIN", ZoneInfo(table))
    now = moment + timedelta(minutes=1)

    slot = alberta(REPORT.replace("Nov 28, 2026 11:58", stamp), now)

    assert slot.mix.valid_to == moment
    assert not_ahead([slot], now)[0].mix.refusal is None


@pytest.mark.parametrize("text", ["", "<html></html>", REPORT.replace("Last Update", "Updated")])
def test_another_report_of_alberta_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidError) as refused:
        alberta(text)
    assert (refused.value.reason, refused.value.provider) == ("malformed", "aeso")


@recorded
def test_the_recorded_report_of_alberta_is_read_to_its_total() -> None:
    body = (RECORDINGS / "aeso/CSDReportServlet_csv.csv").read_bytes()
    slot = aeso.parse(body, datetime(2017, 7, 14, 1, 27, tzinfo=UTC))

    assert slot.mix.valid_to == datetime(2017, 7, 14, 1, 26, tzinfo=UTC)  # 19:26 in Edmonton
    assert slot.mix.generation_mw == {
        "COAL": 4504,
        "GAS": 4321,
        "HYDRO": 426,
        "OTHER": 261,
        "WIND": 542,
    }
    assert refusals("aeso", "CA_AB", [slot]) == [None]


# --- Quebec ----------------------------------------------------------------------------------


def row(date: str, **mw: float | None) -> dict[str, Any]:
    return {"date": date, "valeurs": mw}


def quebec(*rows: dict[str, Any]) -> dict[str, Any]:
    return {"dateStart": "2026-11-28T00:00:00", "details": list(rows)}


GOOD = {
    "total": 22_100.0,
    "hydraulique": 20_000.0,
    "eolien": 1_500.0,
    "autres": 600.0,
    "solaire": 0.0,
}


def test_quebecs_rows_are_read_by_its_clock_and_those_ahead_are_left_out() -> None:
    slots = hydroquebec.parse(
        quebec(
            row("2026-11-28T10:30:00", **GOOD),
            row("2026-11-28T11:30:00", **GOOD),
            row("2026-11-28T12:30:00", total=0.0),
            row("2026-11-28T13:30:00", total=None, hydraulique=None),
        )
    )

    assert [slot.mix.valid_to for slot in slots] == [
        datetime(2026, 11, 28, 15, 30, tzinfo=UTC),
        datetime(2026, 11, 28, 16, 30, tzinfo=UTC),
    ]
    assert slots[0].mix.valid_from == datetime(2026, 11, 28, 14, 30, tzinfo=UTC)
    assert refusals("hydroquebec", "CA_QC", slots) == [None, None]


def test_a_row_of_quebec_without_its_hydro_is_refused_and_not_taken_for_one_ahead() -> None:
    partial = {source: mw for source, mw in GOOD.items() if source not in {"total", "hydraulique"}}
    slots = hydroquebec.parse(
        quebec(row("2026-11-28T10:30:00", total=sum(partial.values()), **partial))
    )

    assert refusals("hydroquebec", "CA_QC", slots) == ["missing_fuel"]


def test_rows_of_a_quarter_of_an_hour_are_as_long() -> None:
    slots = hydroquebec.parse(
        quebec(row("2026-11-28T10:15:00", **GOOD), row("2026-11-28T10:30:00", **GOOD))
    )

    assert {slot.mix.valid_to - slot.mix.valid_from for slot in slots} == {timedelta(minutes=15)}


def test_the_hour_that_comes_twice_in_quebec_is_told_apart_by_the_order_of_rows() -> None:
    slots = hydroquebec.parse(
        quebec(row("2026-11-01T01:30:00", **GOOD), row("2026-11-01T01:30:00", **GOOD))
    )

    assert [slot.mix.valid_to.hour for slot in slots] == [5, 6]


def test_a_row_of_the_hour_that_spring_leaves_out_in_quebec_costs_no_other_row() -> None:
    slots = hydroquebec.parse(
        quebec(
            row("2027-03-14T01:30:00", **GOOD),
            row("2027-03-14T02:30:00", total=0.0),
            row("2027-03-14T03:30:00", **GOOD),
        )
    )

    assert [slot.mix.valid_to for slot in slots] == [
        datetime(2027, 3, 14, 6, 30, tzinfo=UTC),
        datetime(2027, 3, 14, 7, 30, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"total": 23_000.0}, "contradiction"),
        ({"total": None}, "malformed"),
        ({"eolien": "1500"}, "not_a_number"),
        ({"eolien": float("nan")}, "not_a_number"),
        ({"eolien": True}, "not_a_number"),
    ],
)
def test_a_bad_row_of_quebec_is_refused_alone(change: dict[str, Any], reason: str) -> None:
    bad, good = hydroquebec.parse(
        quebec(row("2026-11-28T10:30:00", **GOOD | change), row("2026-11-28T11:30:00", **GOOD))
    )

    assert bad.mix.refusal is not None
    assert (bad.mix.refusal.reason, good.mix.refusal) == (reason, None)


@pytest.mark.parametrize(
    "answer", [None, [], {}, {"details": {}}, quebec(row("soon")), {"details": [1]}]
)
def test_another_answer_of_quebec_is_refused_by_name(answer: object) -> None:
    with pytest.raises(InvalidError) as refused:
        hydroquebec.parse(answer)
    assert (refused.value.reason, refused.value.provider) == ("malformed", "hydroquebec")


@recorded
def test_the_recorded_answer_of_quebec_is_believed_up_to_its_newest_row() -> None:
    answer = json.loads((RECORDINGS / "hydroquebec/production.json").read_bytes())
    slots = hydroquebec.parse(answer)

    assert len(slots) == answer["nbDateAvecData"] == 32
    assert slots[-1].mix.valid_to == datetime(2023, 8, 16, 11, 30, tzinfo=UTC)
    assert refusals("hydroquebec", "CA_QC", slots) == [None] * 32


def test_a_slot_in_the_future_is_refused() -> None:
    (slot,) = not_ahead([alberta()], NOON - timedelta(hours=2))

    assert slot.mix.refusal is not None
    assert slot.mix.refusal.reason == "future"
