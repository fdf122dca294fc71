"""The parsers of the US grids on what their operators answered, and the traps that it holds.

The recordings are beside the checkout, since they may not be shipped.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import gridstatus
import pandas as pd
import pytest
from gridstatus.spp import process_gen_mix

from functions.gridstatus import ercot, isone, miso, spp
from functions.gridstatus.believed import Past, believed
from functions.gridstatus.provider import wanted
from functions.gridstatus.readers import REFUSALS
from functions.gridstatus.rows import Row, rows
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.zones import Source, Zone

RECORDINGS = Path(__file__).parents[3] / "shared" / "recordings"
EASTERN = ZoneInfo("America/New_York")
STEP = timedelta(minutes=5)

pytestmark = pytest.mark.skipif(
    not RECORDINGS.is_dir(), reason="SKIPPED: the recordings are not beside this checkout"
)


def recorded(name: str) -> Any:
    return json.loads((RECORDINGS / name).read_bytes())


def grid(market: str) -> tuple[Zone, Source]:
    ((zone, source),) = wanted(market)
    return zone, source


def judged(market: str, table: pd.DataFrame, refusals: Mapping[pd.Timestamp, Any]) -> list[Row]:
    """Return the rows of a table that are believed, at the time of the newest."""
    zone, source = grid(market)
    if "Interval Start" in table:
        table = table.assign(
            **{"Time": table["Interval Start"], "Interval End": table["Interval Start"] + STEP}
        )
    table.attrs[REFUSALS] = dict(refusals)
    read = rows([table], STEP, rules_of_source("gridstatus", zone.zone).idle_when_absent)
    return list(believed(read, zone, source, read[-1].valid_to, Past(zone, source)).rows)


# --- MISO ------------------------------------------------------------------------------------

MISO_2026 = "miso/FuelMix_2026-06-21T0210EST_QUOTED.json"
MISO_2018 = "miso/getfuelmix_2018-01-25.json"


def test_the_recorded_total_of_miso_is_the_sum_of_what_is_above_zero() -> None:
    assert not list(miso.refusal_of_sum(recorded(MISO_2026)))


def test_a_recorded_total_of_miso_that_is_not_the_sum_is_refused() -> None:
    """The author of a test has put 256 MW of antimatter into the answer of 2018."""
    ((stamp, refusal),) = miso.refusal_of_sum(recorded(MISO_2018))

    assert stamp == pd.Timestamp("2018-01-25 04:30", tz="EST")
    assert refusal.reason == "contradiction"
    assert "69728" in refusal.message
    assert "71046" in refusal.message


def test_the_library_and_this_project_read_the_recorded_answer_of_miso_alike() -> None:
    document = recorded(MISO_2026)
    theirs = gridstatus.MISO()._parse_fuel_mix(document)
    ours, refusals = miso.table_of(document)

    assert refusals == {}
    assert list(ours["Interval Start"]) == list(theirs["Interval Start"])
    for category in ours.columns.drop("Interval Start"):
        assert ours[category].tolist() == theirs[category].tolist(), category


def test_the_library_loses_the_recorded_answer_of_2018_and_this_project_does_not() -> None:
    document = recorded(MISO_2018)
    with pytest.raises(KeyError):
        gridstatus.MISO()._parse_fuel_mix(document)

    table, _ = miso.table_of(document)

    assert table.iloc[0][["Coal", "Natural Gas", "Nuclear"]].tolist() == [40384, 14977, 12223]


# --- ISO New England -------------------------------------------------------------------------

ISONE_DAYS = ("20240101", "20240309", "20240310")


def as_csv(lines: list[dict[str, Any]]) -> str:
    """Return recorded lines of the web service in the form of the file: without an offset."""
    text = ['"H","Date","Time","Gen Mw","Fuel Category"']
    for line in lines:
        at = datetime.fromisoformat(line["BeginDate"]).astimezone(EASTERN)
        text.append(
            f'"D","{at:%m/%d/%Y}","{at:%H:%M:%S}","{line["GenMw"]}","{line["FuelCategory"]}"'
        )
    return "\n".join(text)


def isone_lines(name: str) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = recorded(name)["GenFuelMixes"]["GenFuelMix"]
    return lines


def true_mixes(lines: list[dict[str, Any]]) -> dict[datetime, dict[str, float]]:
    mixes: dict[datetime, dict[str, float]] = defaultdict(dict)
    for line in lines:
        mixes[datetime.fromisoformat(line["BeginDate"])][line["FuelCategory"]] = line["GenMw"]
    return mixes


def read_mixes(table: pd.DataFrame) -> dict[datetime, dict[str, float]]:
    fuels = [column for column in table if not str(column).startswith("Interval")]
    return {
        row["Interval Start"].to_pydatetime(): {
            str(fuel): row[fuel] for fuel in fuels if not pd.isna(row[fuel])
        }
        for row in table.to_dict("records")
    }


@pytest.mark.parametrize(
    "name",
    [
        *(f"isone/genfuelmix_day_{day}.json" for day in ISONE_DAYS),
        "isone/genfuelmix_day_20241103_DST_TRIMMED.json",
    ],
)
def test_every_recorded_stamp_of_new_england_is_read_at_its_instant_with_its_fuels(
    name: str,
) -> None:
    """The file has no offsets. The hour that comes twice is told apart by the order of lines."""
    lines = isone_lines(name)

    table, refusals = isone.table_of(as_csv(lines))

    assert refusals == {}
    assert read_mixes(table) == true_mixes(lines)


@pytest.mark.parametrize("day", ISONE_DAYS)
def test_no_recorded_stamp_of_new_england_is_refused_for_a_fuel_that_stands_still(day: str) -> None:
    lines = isone_lines(f"isone/genfuelmix_day_{day}.json")
    kept = judged("ISONE", *isone.table_of(as_csv(lines)))

    # The rows of the first hour of the day are older than 23 hours at its end.
    last = max(true_mixes(lines))
    expected = [at for at in true_mixes(lines) if last - at <= timedelta(hours=23)]
    assert len(kept) == len(expected)
    assert not any(row.unreported_mw for row in kept)


# --- ERCOT -----------------------------------------------------------------------------------

ERCOT_WHOLE = "ercot/fuel-mix_2025-10-09_WHOLE.json"


def test_every_recorded_interval_of_ercot_ends_on_a_fifth_minute() -> None:
    """The stamps are four or two seconds early; rounding by the library leaves them so."""
    document = recorded(ERCOT_WHOLE)
    stamps = [stamp for day in document["data"].values() for stamp in day]

    table, refusals = ercot.table_of(document)

    assert refusals == {}
    assert len(table) == len(stamps) == 369
    assert {(stamp.minute % 5, stamp.second) for stamp in table["Time"]} == {(0, 0)}


def test_the_recorded_day_of_ercot_is_believed_and_its_newest_sum_is_kept() -> None:
    table, refusals = ercot.table_of(recorded(ERCOT_WHOLE))

    kept = judged("Ercot", table, refusals)

    assert sum(kept[-1].fuel_mw.values()) == pytest.approx(52_656.366, abs=0.01)
    assert len(kept) == 276 + 1  # 23 hours


def test_the_parts_of_ercots_storage_are_not_added_to_it() -> None:
    document = recorded("ercot/fuel-mix_2026-04-24_one_stamp_QUOTED.json")
    ((_, fuels),) = document["data"]["2026-04-24"].items()
    fuels["Power Storage Charging"] = {"gen": -310.0}
    fuels["Power Storage Discharging"] = {"gen": 1496.86}

    table, _ = ercot.table_of(document)

    assert table.drop(columns="Time").sum(axis=1).iloc[0] == pytest.approx(55_159.53, abs=0.01)


def test_a_recorded_interval_of_ercot_under_two_stamps_is_one_row() -> None:
    document = recorded(ERCOT_WHOLE)
    whole, _ = ercot.table_of(document)
    day = document["data"]["2025-10-09"]
    fuels = day.pop("2025-10-09 06:44:56-0500")
    day["2025-10-09 06:44:58-0500"] = {"Nuclear": fuels.pop("Nuclear")}
    day["2025-10-09 06:44:56-0500"] = fuels

    divided, refusals = ercot.table_of(document)

    assert refusals == {}
    columns = sorted(whole.columns)
    assert divided[columns].to_dict("records") == whole[columns].to_dict("records")


# --- SPP -------------------------------------------------------------------------------------


def spp_2024() -> pd.DataFrame:
    """Return the recorded head of 2024, with the names of columns that the library reads."""
    table = pd.read_csv(RECORDINGS / "spp" / "GenMix_2024_SPP_head_QUOTED.csv")
    names = {
        column: column.replace("_MKT", " Market").replace("_SELF", " Self").replace("_", " ")
        for column in table.columns
    }
    words = {column: " ".join(map(str.title, name.split())) for column, name in names.items()}
    table = table.rename(columns=words).rename(
        columns={
            "Gmttime": "GMT MKT Interval",
            "Diesel Fuel Self": "Diesel Fuel Oil Self",
        }
    )
    return process_gen_mix(table).drop(columns=["Short Term Load Forecast", "Time"])


def test_a_recorded_slot_that_the_other_area_of_spp_lacks_is_refused() -> None:
    main = spp_2024().assign(BAA="SPP")
    other = main.iloc[1::2].assign(BAA="SWPW")
    fuels = other.columns.drop(["Interval Start", "Interval End", "BAA"])
    other = other.assign(**{fuel: other[fuel] * 0.05 for fuel in fuels})

    table, refusals = spp.table_of(pd.concat([main, other]).sort_values("Interval Start"))

    assert set(refusals) == set(main["Interval Start"]) - set(other["Interval Start"])
    assert {refusal.reason for refusal in refusals.values()} == {"missing_fuel"}
    assert len(judged("SPP", table, refusals)) == len(other)


def test_the_slot_that_the_recorded_head_of_spp_lacks_stays_a_gap() -> None:
    main = spp_2024()
    both = pd.concat([main.assign(BAA="SPP"), main.assign(BAA="SWPW")])

    table, refusals = spp.table_of(both.sort_values("Interval Start"))

    assert refusals == {}
    stamps = set(table["Time"])
    missing = pd.Timestamp("2025-01-01 05:05", tz="UTC")
    assert missing not in stamps
    assert {missing - STEP, missing + STEP} <= stamps
