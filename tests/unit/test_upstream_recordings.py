"""The simulation is compared with real answers from the recordings folder beside the project."""

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.local.upstream import elexon, neso, nyiso, pjm
from infra.local.upstream.wire import Request

RECORDINGS = Path(__file__).resolve().parents[3] / "shared" / "recordings"
LATER = datetime(2027, 1, 1, tzinfo=UTC)

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(),
    reason=f"NOT CHECKED AGAINST REAL ANSWERS: no recordings beside the project ({RECORDINGS})",
)


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_text())


def national(path: str, now: datetime = LATER) -> Any:
    return json.loads(neso.answer(Request("GET", path), now).body)


def shape(node: Any) -> Any:
    """Return a document with the types of its values instead of the values.

    A list becomes the list of the distinct shapes of its items, in order of first appearance.
    """
    if isinstance(node, dict):
        return {key: shape(value) for key, value in node.items()}
    if isinstance(node, list):
        shapes: list[Any] = []
        for item in map(shape, node):
            if item not in shapes:
                shapes.append(item)
        return shapes
    return "number" if isinstance(node, int | float) else type(node).__name__


def test_a_regions_window_has_the_same_shape_fuels_and_half_hours() -> None:
    real = recorded("neso/regional_fw24h_regionid13_2026-05-05.json")
    ours = national("/regional/intensity/2026-05-06T00:00Z/fw24h/regionid/13")
    assert shape(ours) == shape(real)
    assert ours["data"]["dnoregion"] == real["data"]["dnoregion"]
    for mine, theirs in zip(ours["data"]["data"], real["data"]["data"], strict=True):
        assert (mine["from"], mine["to"]) == (theirs["from"], theirs["to"])
        assert [fuel["fuel"] for fuel in mine["generationmix"]] == [
            fuel["fuel"] for fuel in theirs["generationmix"]
        ]


def test_a_national_window_has_the_same_shape_and_half_hours() -> None:
    real = recorded("neso/national_fw24h_2020-05-24.json")
    ours = national("/intensity/2020-05-24T21:00Z/fw24h", datetime(2020, 5, 24, 20, 50, tzinfo=UTC))
    assert shape(ours) == shape(real)
    assert [row["from"] for row in ours["data"]] == [row["from"] for row in real["data"]]


def test_a_slot_of_elexon_has_the_same_shape_and_names() -> None:
    real = recorded("elexon/FUELINST_stream_2024-02-12T1750Z.json")
    since = {"publishDateTimeFrom": "2024-02-12T17:50:00Z"}
    now = datetime(2024, 2, 12, 17, 52, tzinfo=UTC)
    ours = json.loads(elexon.answer(Request("GET", elexon.STREAM, since), now).body)
    assert shape(ours) == shape(real)
    for member in ("publishTime", "startTime", "settlementDate", "settlementPeriod"):
        assert {row[member] for row in ours} == {row[member] for row in real}
    # Greenlink was opened in 2025.
    names = [row["fuelType"] for row in ours if row["fuelType"] != "INTGRNL"]
    assert names == [row["fuelType"] for row in real]


def test_the_published_factors_are_those_recorded() -> None:
    assert national("/intensity/factors") == recorded("neso/factors_2023.json")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/intensity/yesterday", "neso/error_400_datetime.json"),
    ],
)
def test_errors_are_worded_as_recorded(path: str, name: str) -> None:
    assert national(path) == recorded(name)


def test_every_poll_of_an_evening_gives_the_recorded_half_hour_and_index_word() -> None:
    polls = (RECORDINGS / "neso/intensity_polled_every_60s_2026-02-05.csv").read_text()
    rows = list(csv.DictReader(polls.splitlines()))
    for row in rows:
        (ours,) = national("/intensity", datetime.fromisoformat(row["fetched_at"]))["data"]
        assert (ours["from"], ours["to"]) == (row["from_ts"], row["to_ts"])
        assert neso.index_word(round(float(row["actual_gco2_kwh"]))) == row["index"]
    assert len(rows) > 200


def test_a_nyiso_day_has_the_recorded_header_zone_order_and_stamps() -> None:
    real = (RECORDINGS / "nyiso/20250209rtfuelmix.csv").read_bytes().decode()
    ours = nyiso.day_csv(date(2025, 2, 9), LATER)
    assert ours is not None
    mine, theirs = (list(csv.reader(text.splitlines())) for text in (ours, real))
    assert mine[0] == theirs[0]
    assert [row[1:3] for row in mine[1:8]] == [row[1:3] for row in theirs[1:8]]
    assert ours.count("\r\n") == ours.count("\n") == len(mine) - 1
    stamps, real_stamps = ({row[0] for row in rows} for rows in (mine[1:], theirs[1:]))
    assert len(real_stamps - stamps) <= 3
    assert mine[-1][0] == theirs[-1][0]
    assert all(row[3].endswith(".0") for row in mine[1:])


def test_a_pjm_day_has_the_recorded_envelope_and_rows() -> None:
    real = recorded("pjm/gen_by_fuel_2025-02-09.json")
    query = {
        "RowCount": "500",
        "Order": "Asc",
        "StartRow": "1",
        "Fields": "datetime_beginning_utc,fuel_type,mw",
        "datetime_beginning_utc": "2025-02-09T00:00:00",
    }
    request = Request("GET", pjm.FEED, query, {pjm.KEY_HEADER: "key"})
    ours = json.loads(pjm.answer(request, LATER).body)
    assert shape(ours) == shape(real)

    def keys(document: Any) -> list[tuple[str, str]]:
        return [(row["datetime_beginning_utc"], row["fuel_type"]) for row in document["items"]]

    assert keys(ours)[: len(keys(real))] == keys(real)
    assert ours["totalRows"] == 240
