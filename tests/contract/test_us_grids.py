"""MISO, ISO New England, ERCOT and SPP through the gridstatus library: each trap of their feeds.

The fixtures are written by hand in the operators' wire formats. The tests on recorded answers are
in `test_us_grids_recorded`.
"""

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from functions.gridstatus.feed import LibraryFeed
from functions.gridstatus.provider import Gridstatus, wanted
from greenstream.domain.errors import InvalidError, PermanentError
from greenstream.domain.reading import Basis, Reading, Scope
from greenstream.ports.provider import Batch
from infra.local.upstream.wire import Answer, Request
from tests.contract.recorded_origin import Origin, serving

FIXTURES = Path(__file__).parent / "fixtures" / "gridstatus"
NOW = datetime(2026, 3, 5, 18, 3, tzinfo=UTC)  # 13:03 in New York and in EST, 12:03 in Texas
MISO_TODAY, MISO_YESTERDAY = "/api/FuelMix/Today", "/api/FuelMix/Yesterday"
ISONE_CSV = "/transform/csv/genfuelmix"
ERCOT_JSON = "/api/1/services/read/dashboards/fuel-mix.json"
SPP_FILES = "/file-browser-api/download/generation-mix-historical"


@pytest.fixture(scope="module")
def shared_origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    origin = Origin()
    before = socket.getdefaulttimeout()
    with serving(origin, tmp_path_factory.mktemp("authority")):
        yield origin
    socket.setdefaulttimeout(before)


@pytest.fixture
def origin(shared_origin: Origin) -> Origin:
    shared_origin.answers.clear()
    shared_origin.requests.clear()
    return shared_origin


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def batch(market: str, now: datetime = NOW) -> Batch:
    provider = Gridstatus(
        feed=LibraryFeed(clock=lambda: now),
        wanted=wanted(market),
        pjm_api_key=lambda: None,
        deadline_s=60.0,
    )
    (fetched,) = provider.fetch(now)
    return fetched


def direct(fetched: Batch) -> list[Reading]:
    """Return what the batch says of every believed row, oldest first."""
    assert fetched.window is not None
    return [reading for reading in fetched.window() if reading.basis is Basis.DIRECT]


def newest(market: str, now: datetime = NOW) -> Reading:
    fetched = batch(market, now)
    assert fetched.errors == ()
    assert {reading.basis for reading in fetched.readings} == set(Basis)
    return direct(fetched)[-1]


def mw(reading: Reading) -> Mapping[str, float]:
    figures = reading.detail["fuel_mw"]
    assert isinstance(figures, dict)
    return figures


def reasons(fetched: Batch) -> list[str]:
    return [error.reason for error in fetched.errors if isinstance(error, InvalidError)]


# --- MISO ------------------------------------------------------------------------------------


def miso(change: Callable[[dict[str, Any]], None] = lambda _: None) -> bytes:
    document = json.loads(fixture("miso_day.json"))
    change(document)
    return json.dumps(document).encode()


def lines(document: dict[str, Any]) -> list[dict[str, str]]:
    found: list[dict[str, str]] = document["Fuel"]["Type"]
    return found


def without(category: str) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        document["Fuel"]["Type"] = [
            line for line in lines(document) if line["CATEGORY"] != category
        ]

    return change


def figure(category: str, text: str, place: int = -1) -> Callable[[dict[str, Any]], None]:
    """Return a change of one figure of a category; by default the one of the newest interval."""

    def change(document: dict[str, Any]) -> None:
        [line for line in lines(document) if line["CATEGORY"] == category][place]["ACT"] = text

    return change


def test_misos_texts_are_read_as_mw_of_an_interval_that_the_stamp_begins(origin: Origin) -> None:
    origin.serve(MISO_TODAY, miso(), "application/json")

    reading = newest("MISO")

    assert reading.valid_from == datetime(2026, 3, 5, 17, 55, tzinfo=UTC)  # 12:55 in EST
    assert reading.valid_to == datetime(2026, 3, 5, 18, 0, tzinfo=UTC)
    assert reading.scope is Scope.PRODUCTION
    assert mw(reading)["Coal"] == 21_014
    assert "Imports" not in mw(reading)
    assert "read_without_library" not in reading.detail


def test_a_negative_other_of_miso_is_pumping_and_takes_nothing_from_the_mix(origin: Origin) -> None:
    origin.serve(MISO_TODAY, miso(), "application/json")

    reading = newest("MISO")

    assert mw(reading)["Other"] == -1178
    burnt = 21_014 * 1005.9 + 26_514 * 387.6
    makes_mw = 21_014 + 26_514 + 11_064 + 5_214 + 6_814
    assert reading.gco2_kwh == pytest.approx(burnt / makes_mw, abs=0.01)


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        pytest.param(without("Battery Storage"), "KeyError", id="absent category"),
        pytest.param(figure("Solar", ""), "ValueError", id="empty figure"),
        pytest.param(figure("Coal", "21014.4"), "ValueError", id="decimal"),
        pytest.param(
            lambda document: lines(document).append(dict(lines(document)[-1])),
            "ValueError",
            id="line twice",
        ),
    ],
)
def test_what_makes_the_library_lose_misos_answer_is_named_and_read_without_it(
    origin: Origin, change: Callable[[dict[str, Any]], None], lost: str
) -> None:
    origin.serve(MISO_TODAY, miso(change), "application/json")

    fetched = batch("MISO")

    readings = direct(fetched)
    assert len(readings) >= 2
    assert all(str(reading.detail["read_without_library"]).startswith(lost) for reading in readings)


def test_an_empty_figure_of_miso_costs_its_interval_alone(origin: Origin) -> None:
    origin.serve(MISO_TODAY, miso(figure("Coal", "", place=1)), "application/json")

    fetched = batch("MISO")

    assert [f"{reading.valid_from:%H:%M}" for reading in direct(fetched)] == ["17:45", "17:55"]


def test_two_figures_of_one_category_of_miso_are_a_contradiction(origin: Origin) -> None:
    def twice(document: dict[str, Any]) -> None:
        lines(document).append(lines(document)[-8] | {"ACT": "-9"})

    origin.serve(MISO_TODAY, miso(twice), "application/json")

    fetched = batch("MISO")

    assert reasons(fetched) == ["contradiction"]
    assert f"{direct(fetched)[-1].valid_from:%H:%M}" == "17:50"


def test_a_text_of_miso_that_is_no_number_is_refused(origin: Origin) -> None:
    origin.serve(MISO_TODAY, miso(figure("Coal", "n/a")), "application/json")

    assert reasons(batch("MISO")) == ["not_a_number"]


def test_misos_total_is_checked_against_the_figures_above_zero(origin: Origin) -> None:
    def shifted(document: dict[str, Any]) -> None:
        document["TotalMW"] = str(int(document["TotalMW"]) + 1192)

    origin.serve(MISO_TODAY, miso(shifted), "application/json")

    fetched = batch("MISO")

    assert reasons(fetched) == ["contradiction"]
    assert "TotalMW" in str(fetched.errors[0])
    assert f"{direct(fetched)[-1].valid_from:%H:%M}" == "17:50"


def test_a_yesterday_of_miso_with_one_category_costs_no_row_of_today(origin: Origin) -> None:
    """At 00:12 in EST, today has two rows, and the rows before them are asked of yesterday."""
    now = datetime(2026, 3, 5, 5, 12, tzinfo=UTC)

    def moved(document: dict[str, Any]) -> None:
        document.update(RefId="", TotalMW="")
        for line in lines(document):
            line["INTERVALEST"] = line["INTERVALEST"].replace("12:45:00 PM", "12:00:00 AM")
            line["INTERVALEST"] = line["INTERVALEST"].replace("12:50:00 PM", "12:05:00 AM")
        figure("Solar", "-1", 0)(document)
        figure("Solar", "-1", 1)(document)
        document["Fuel"]["Type"] = lines(document)[:16]

    only_coal = {
        "RefId": "04-Mar-2026 - Interval 23:55 EST",
        "TotalMW": "21000",
        "Fuel": {
            "Type": [
                {"INTERVALEST": "2026-03-04 11:55:00 PM", "CATEGORY": "Coal", "ACT": "21000"},
            ]
        },
    }
    origin.serve(MISO_TODAY, miso(moved), "application/json")
    origin.serve(MISO_YESTERDAY, json.dumps(only_coal).encode(), "application/json")

    fetched = batch("MISO", now)

    assert [request.path for request in origin.requests] == [MISO_YESTERDAY, MISO_TODAY]
    assert direct(fetched)[-1].valid_to == datetime(2026, 3, 5, 5, 10, tzinfo=UTC)


def test_miso_divides_its_days_by_standard_time_all_year(origin: Origin) -> None:
    """At 04:30Z on a summer's day it is 23:30 in Chicago and in EST, and 00:30 in New York."""
    batch("MISO", datetime(2026, 7, 2, 4, 30, tzinfo=UTC))
    batch("MISO", datetime(2026, 7, 2, 6, 0, tzinfo=UTC))  # 01:00 in EST

    assert [request.path for request in origin.requests] == [MISO_TODAY, MISO_TODAY]


# --- ISO New England -------------------------------------------------------------------------


def test_a_fuel_that_does_not_run_in_new_england_is_absent_and_neither_0_nor_missing(
    origin: Origin,
) -> None:
    """Oil made 260 MW, 2 % of the mix, and 5 minutes later the operator names no oil."""
    origin.serve(ISONE_CSV, fixture("isone_day.csv"))

    fetched = batch("ISONE")

    assert fetched.errors == ()
    first, second, *_ = direct(fetched)
    assert (mw(first)["Oil"], "Oil" in mw(second)) == (260, False)
    assert second.coverage > 0.95  # the refuse alone has no factor


def test_new_englands_irregular_stamps_begin_five_minutes_each(origin: Origin) -> None:
    origin.serve(ISONE_CSV, fixture("isone_day.csv"))

    readings = direct(batch("ISONE"))

    assert [f"{reading.valid_from:%H:%M:%S}" for reading in readings] == [
        "17:40:11",
        "17:45:06",
        "17:45:12",
        "17:58:20",
    ]
    assert all(
        reading.valid_to - reading.valid_from == timedelta(minutes=5) for reading in readings
    )


def test_batteries_of_new_england_charge_below_zero_and_may_be_absent(origin: Origin) -> None:
    origin.serve(ISONE_CSV, fixture("isone_day.csv"))

    *_, discharging, charging = direct(batch("ISONE"))

    assert (mw(discharging)["Batteries"], mw(charging)["Batteries"]) == (12, -35)
    assert "Batteries" not in mw(direct(batch("ISONE"))[0])


@pytest.mark.parametrize("fuel", ["Natural Gas", "Nuclear", "Hydro", "Wind"])
def test_a_fuel_that_always_runs_in_new_england_is_missing_where_it_is_absent(
    origin: Origin, fuel: str
) -> None:
    kept = [line for line in fixture("isone_day.csv").decode().split("\n") if fuel not in line]
    first = fixture("isone_day.csv").decode().split("\n")[:18]
    body = "\n".join(first + [line for line in kept if "12:4" not in line or "12:45" in line])
    origin.serve(ISONE_CSV, body.encode())

    assert "missing_fuel" in reasons(batch("ISONE"))


def test_the_two_hours_of_new_englands_autumn_are_told_apart_by_the_order_of_lines(
    origin: Origin,
) -> None:
    """A line ten minutes out of order begins no second hour."""
    origin.serve(ISONE_CSV, fixture("isone_autumn.csv"))

    readings = direct(batch("ISONE", datetime(2025, 11, 2, 6, 45, tzinfo=UTC)))

    assert [(f"{reading.valid_from:%H:%M:%S}", mw(reading)["Wind"]) for reading in readings] == [
        ("04:58:40", 900),
        ("05:23:33", 901),
        ("05:41:30", 903),
        ("05:51:34", 902),
        ("06:01:16", 904),
        ("06:41:29", 905),
    ]


def test_new_englands_file_is_asked_for_with_the_cookies_of_its_page(origin: Origin) -> None:
    origin.serve(ISONE_CSV, fixture("isone_day.csv"))

    batch("ISONE")

    paths = [request.path for request in origin.requests]
    assert paths == ["/isoexpress/web/reports/operations/-/tree/gen-fuel-mix", ISONE_CSV]
    assert origin.requests[-1].query == {"start": "20260305"}


def test_two_figures_of_one_fuel_of_new_england_are_a_contradiction(origin: Origin) -> None:
    twice = fixture("isone_day.csv").replace(
        b'"T"', b'"D","03/05/2026","12:58:20","881","Wind","Wind","N"\n"T"'
    )
    origin.serve(ISONE_CSV, twice)

    assert reasons(batch("ISONE")) == ["contradiction"]


# --- ERCOT -----------------------------------------------------------------------------------


def test_ercots_stamps_end_their_intervals_four_seconds_early(origin: Origin) -> None:
    origin.serve(ERCOT_JSON, fixture("ercot_days.json"), "application/json")

    ends = [reading.valid_to for reading in direct(batch("Ercot"))]

    last = datetime(2026, 3, 5, 18, 0, tzinfo=UTC)
    assert ends[1:] == [last - back * timedelta(minutes=5) for back in (2, 1, 0)]


def test_ercots_storage_is_not_counted_twice(origin: Origin) -> None:
    origin.serve(ERCOT_JSON, fixture("ercot_days.json"), "application/json")

    figures = mw(newest("Ercot"))

    assert figures["Power Storage"] == 1186.86
    assert not {fuel for fuel in figures if "harging" in fuel}


def test_an_interval_of_ercot_under_two_stamps_is_one(origin: Origin) -> None:
    origin.serve(ERCOT_JSON, fixture("ercot_days.json"), "application/json")

    reading = newest("Ercot")

    assert reading.valid_to == NOW.replace(minute=0)
    assert (mw(reading)["Nuclear"], mw(reading)["Wind"]) == (4711.5, 9410.25)


def test_two_figures_of_a_fuel_under_two_stamps_of_ercot_are_a_contradiction(
    origin: Origin,
) -> None:
    document = json.loads(fixture("ercot_days.json"))
    document["data"]["2026-03-05"]["2026-03-05 11:59:58-0600"]["Wind"] = {"gen": 9000}
    origin.serve(ERCOT_JSON, json.dumps(document).encode(), "application/json")

    assert reasons(batch("Ercot")) == ["contradiction"]


def test_ercots_refusal_of_an_address_is_named_with_the_remedy(origin: Origin) -> None:
    origin.serve(ERCOT_JSON, b"<html>Access Denied</html>", "text/html", 403)

    (error,) = batch("Ercot").errors

    assert isinstance(error, PermanentError)
    assert "outside the United States" in str(error)
    assert "GridstatusProxy" in str(error)


def test_ercots_answer_is_asked_for_once_although_it_holds_two_days(origin: Origin) -> None:
    batch("Ercot", datetime(2026, 3, 5, 6, 4, tzinfo=UTC))  # 00:04 in Texas

    assert [request.path for request in origin.requests] == [ERCOT_JSON]


# --- SPP -------------------------------------------------------------------------------------


def serve_by_area(
    origin: Origin, monkeypatch: pytest.MonkeyPatch, files: Mapping[str, bytes]
) -> None:
    """Serve the file of each area, which the query names."""

    def answer(request: Request, _now: datetime) -> Answer:
        area = request.query["path"].split("/")[1]
        assert request.query["path"] == f"/{area}/GenMix2Hour_{area}.csv"
        return Answer(files[area], "text/csv")

    monkeypatch.setattr(origin, "answer", answer)


def test_spps_areas_are_added_up_only_where_both_have_a_slot(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SWPW lacks 17:50 and 18:00. SPP alone would look like the whole."""
    by_area = {"SPP": fixture("spp_SPP.csv"), "SWPW": fixture("spp_SWPW.csv")}
    serve_by_area(origin, monkeypatch, by_area)

    fetched = batch("SPP")

    readings = direct(fetched)
    assert [f"{reading.valid_to:%H:%M}" for reading in readings] == ["17:45", "17:55"]
    assert mw(readings[0])["Coal"] == pytest.approx(6867.6 + 2820.5 + 500 + 120)
    assert mw(readings[0])["Natural Gas"] == pytest.approx(6531.5 + 4341.2 + 400 + 210)
    assert fetched.errors == ()  # the newest slot is still being written


def test_a_lost_area_of_spp_is_named(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    head = fixture("spp_SWPW.csv").split(b"\n")[0] + b"\n"
    by_area = {"SPP": fixture("spp_SPP.csv"), "SWPW": head}
    serve_by_area(origin, monkeypatch, by_area)

    fetched = batch("SPP")

    assert fetched.readings == ()
    assert "SWPW" in str(fetched.errors[0])


def test_spp_is_read_only_where_it_is_named() -> None:
    assert "SPP" not in {zone.zone for zone, _ in wanted("")}
    assert [zone.zone for zone, _ in wanted("SPP")] == ["SPP"]
