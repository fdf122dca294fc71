"""NESO's wire format, with small fixtures, and with real answers if they are present."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from functions.eso.half_hours import national_half_hours, regional_half_hours
from functions.eso.provider import Eso
from functions.eso.shares import shares_of
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    TransientError,
)
from greenstream.domain.reading import Basis, Quality, Reading, Scope, Signal
from greenstream.domain.zones import zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch
from tests.contract.neso_mixes import mix_of, whole_mix

NOW = datetime(2026, 5, 6, 0, 17, tzinfo=UTC)
Answer = Callable[[httpx.Request], httpx.Response]


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def half_hours(start: datetime, count: int) -> list[tuple[str, str]]:
    starts = [start + timedelta(minutes=30 * index) for index in range(count)]
    return [(stamp(at), stamp(at + timedelta(minutes=30))) for at in starts]


def all_regions(start: datetime, count: int = 49, **changes: Any) -> dict[str, Any]:
    """Return an answer of /regional/intensity/{from}/fw24h with changes in region 13."""
    return {
        "data": [
            {
                "from": begin,
                "to": end,
                "regions": [
                    {
                        "regionid": region,
                        "dnoregion": f"DNO {region}",
                        "shortname": f"Region {region}",
                        "intensity": {"forecast": 100 + region, "index": "moderate"}
                        | (changes if region == 13 else {}),
                        "generationmix": mix_of(100 + region),
                    }
                    for region in range(1, 19)
                ],
            }
            for begin, end in half_hours(start, count)
        ]
    }


def generation(start: datetime, gco2_kwh: float, count: int = 1) -> dict[str, Any]:
    """Return an answer of /generation/{from}/{to}, whose mixes come to a figure."""
    return {
        "data": [
            {"from": begin, "to": end, "generationmix": mix_of(gco2_kwh)}
            for begin, end in half_hours(start, count)
        ]
    }


def mixes_of(newest: Any) -> dict[str, Any]:
    """Return mixes that the actual figures of an answer of /intensity follow from."""
    rows = newest.get("data", []) if isinstance(newest, dict) else []
    return {
        "data": [
            {
                "from": row["from"],
                "to": row["to"],
                "generationmix": mix_of(row["intensity"]["actual"] or 0),
            }
            for row in rows
        ]
    }


def national(start: datetime, count: int = 1, **intensity: Any) -> dict[str, Any]:
    row = {"forecast": 151, "actual": 148, "index": "moderate"} | intensity
    return {
        "data": [
            {"from": begin, "to": end, "intensity": row} for begin, end in half_hours(start, count)
        ]
    }


BEFORE = datetime(2026, 5, 5, 23, 30, tzinfo=UTC)
GOOD: Mapping[str, Any] = {
    "/regional/intensity/2026-05-06T00:17Z/fw24h": all_regions(BEFORE),
    "/intensity": national(BEFORE),
    "/intensity/2026-05-06T00:17Z/fw24h": national(BEFORE, 49, actual=None),
    "/generation/2026-05-05T23:30Z/2026-05-06T00:00Z": generation(BEFORE, 148),
}


def eso(answers: Mapping[str, Any] | Answer, *, simulated: bool = False) -> Eso:
    def look_up(request: httpx.Request) -> httpx.Response:
        given, path = cast("Mapping[str, Any]", answers), request.url.path
        mixed = path.startswith("/generation/") and given.get("/intensity") != GOOD["/intensity"]
        if mixed and not isinstance(given.get(path), httpx.Response):
            body = mixes_of(given["/intensity"])
        else:
            body = given[path]
        return body if isinstance(body, httpx.Response) else httpx.Response(200, json=body)

    transport = httpx.MockTransport(answers if callable(answers) else look_up)
    http = HttpClient(
        provider="eso",
        base_url="https://neso.test",
        transport=transport,
        sleep=lambda _: None,
    )
    return Eso(http, simulated=simulated)


def run(
    answers: Mapping[str, Any] | Answer, now: datetime = NOW, *, simulated: bool = False
) -> Batch:
    parts = list(eso(answers, simulated=simulated).fetch(now))
    return Batch(
        readings=tuple(reading for part in parts for reading in part.readings),
        forecasts=tuple(forecast for part in parts for forecast in part.forecasts),
        errors=tuple(error for part in parts for error in part.errors),
    )


def direct(batch: Batch) -> list[Reading]:
    """Return the readings on the basis that NESO's own figures have."""
    return [reading for reading in batch.readings if reading.basis is Basis.DIRECT]


def reasons(batch: Batch) -> set[tuple[type[GreenStreamError], str | None, str | None]]:
    return {(type(error), error.zone, getattr(error, "reason", None)) for error in batch.errors}


def test_one_run_reads_fourteen_regions_and_great_britain_in_four_requests() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json=GOOD[request.url.path])

    batch = run(answer)

    assert batch.errors == ()
    assert [(reading.zone, reading.basis) for reading in batch.readings] == [
        (zone, basis)
        for zone in (*(f"GBR-{region}" for region in range(1, 15)), "GBR")
        for basis in Basis
    ]
    assert len(asked) == 4


@pytest.mark.parametrize(
    ("region", "zone", "paths"),
    [
        ("13", "GBR-13", {"/regional/intensity/2026-05-06T00:17Z/fw24h"}),
        ("national", "GBR", set(GOOD)),
    ],
)
def test_only_what_the_wanted_zones_need_is_asked_for(
    region: str, zone: str, paths: set[str]
) -> None:
    asked = set()

    def answer(request: httpx.Request) -> httpx.Response:
        asked.add(request.url.path)
        return httpx.Response(200, json=GOOD[request.url.path])

    pairs = tuple(pair for pair in zones_of("eso") if pair[1].provider_zone == region)
    (batch,) = replace(eso(answer), wanted=pairs).fetch(NOW)

    assert batch.errors == ()
    assert {reading.zone for reading in batch.readings} == {zone}
    assert {forecast.zone for forecast in batch.forecasts} == {zone}
    assert asked == paths


def test_a_regional_reading_is_made_of_the_shares_of_the_present_half_hour() -> None:
    london = next(reading for reading in run(GOOD).readings if reading.zone == "GBR-13")

    assert london.gco2_kwh == london.gco2_low == london.gco2_high == pytest.approx(28.7 * 3.94)
    assert (london.as_published_gco2_kwh, london.factor_set) == (113, "greenstream")
    assert (london.signal, london.basis, london.scope) == (
        Signal.AVERAGE,
        Basis.DIRECT,
        Scope.CONSUMPTION,
    )
    assert london.quality is Quality.FORECAST
    assert london.provider_zone == "13"
    assert london.valid_from == datetime(2026, 5, 6, 0, 0, tzinfo=UTC)
    assert london.valid_to == datetime(2026, 5, 6, 0, 30, tzinfo=UTC)
    assert london.fetched_at == NOW


def test_the_national_reading_is_made_of_the_mix_of_the_last_completed_half_hour() -> None:
    nation, lifecycle = run(GOOD).readings[-2:]

    assert (nation.zone, nation.provider_zone) == ("GBR", "national")
    assert nation.gco2_kwh == pytest.approx(37.6 * 3.94)
    assert nation.as_published_gco2_kwh == 148
    assert lifecycle.gco2_kwh == pytest.approx(37.6 * 5.14 + 62.4 * 0.12)
    assert lifecycle.as_published_gco2_kwh is None
    assert nation.quality is Quality.MEASURED
    assert nation.valid_to == datetime(2026, 5, 6, 0, 0, tzinfo=UTC)


def test_an_actual_value_just_after_the_half_hour_ended_is_an_estimate() -> None:
    """The real API shows the value of the half hour before for about ten minutes."""
    now = datetime(2026, 5, 6, 0, 5, tzinfo=UTC)
    answers = {path.replace("00:17", "00:05"): body for path, body in GOOD.items()}

    assert run(answers, now).readings[-1].quality is Quality.ESTIMATED


def test_forecasts_reach_a_day_ahead_and_start_with_the_present_half_hour() -> None:
    batch = run(GOOD)

    assert len(batch.forecasts) == 15 * len(Basis)
    for forecast in batch.forecasts:
        assert forecast.points[0].valid_from <= NOW < forecast.points[0].valid_to
        assert forecast.points[-1].valid_to >= NOW + timedelta(hours=23, minutes=30)


def test_the_window_is_the_forecast_of_the_coming_day_by_half_hours() -> None:
    for batch in eso(GOOD).fetch(NOW):
        window = list(batch.window())
        assert {reading.zone for reading in window} == {one.zone for one in batch.readings}
        for forecast in batch.forecasts:
            points = [
                (reading.valid_from, reading.valid_to, reading.gco2_kwh)
                for reading in window
                if (reading.zone, reading.kind) == (forecast.zone, forecast.kind)
            ]
            assert points == list(forecast.points)
        assert {reading.quality for reading in window} == {Quality.FORECAST}
        assert {(reading.scope, reading.fetched_at) for reading in window} == {
            (Scope.CONSUMPTION, NOW)
        }


def test_a_range_cut_at_the_end_of_the_year_is_requested_again() -> None:
    now = datetime(2026, 12, 31, 20, 0, tzinfo=UTC)
    this_year, next_year = now - timedelta(minutes=30), datetime(2026, 12, 31, 23, 30, tzinfo=UTC)
    answers = {
        "/regional/intensity/2026-12-31T20:00Z/fw24h": all_regions(this_year, 9),
        "/regional/intensity/2027-01-01T00:00Z/fw24h": all_regions(next_year, 49),
        "/intensity": national(this_year),
        "/intensity/2026-12-31T20:00Z/fw24h": national(this_year, 9, actual=None),
        "/intensity/2027-01-01T00:00Z/fw24h": national(next_year, 49, actual=None),
    }

    batch = run(answers, now)

    assert batch.errors == ()
    for forecast in batch.forecasts:
        assert forecast.points[-1].valid_to >= now + timedelta(hours=24)
        gaps = zip(forecast.points, forecast.points[1:], strict=False)
        assert all(earlier.valid_to == later.valid_from for earlier, later in gaps)


def ahead(**intensity: Any) -> dict[str, Any]:
    """The nation's forecast list, which begins with the half hour that has ended."""
    return {"/intensity/2026-05-06T00:17Z/fw24h": national(BEFORE, 49, actual=None, **intensity)}


@pytest.mark.parametrize("forecast", [185, None])
def test_a_national_zero_beside_a_forecast_far_from_zero_is_refused(forecast: int | None) -> None:
    zero = national(BEFORE, actual=0, forecast=forecast, index="very low")

    batch = run({**GOOD, **ahead(forecast=185), "/intensity": zero})

    assert "GBR" not in {reading.zone for reading in batch.readings}
    assert reasons(batch) == {(InvalidError, "GBR", "false_zero")}


def test_a_true_national_zero_is_a_reading() -> None:
    zero = national(BEFORE, actual=0, forecast=3, index="very low")
    answers = {**GOOD, **ahead(forecast=3, index="very low"), "/intensity": zero}

    assert direct(run(answers))[-1].gco2_kwh == 0


def test_a_null_actual_is_no_data_and_leaves_the_regions() -> None:
    batch = run({**GOOD, "/intensity": national(BEFORE, actual=None)})

    assert len(direct(batch)) == 14
    assert reasons(batch) == {(NoDataError, "GBR", None)}


def test_a_regional_zero_beside_burning_gas_is_refused() -> None:
    answers = {
        **GOOD,
        "/regional/intensity/2026-05-06T00:17Z/fw24h": all_regions(
            BEFORE, forecast=0, index="very low"
        ),
    }

    assert (InvalidError, "GBR-13", "false_zero") in reasons(run(answers))


@pytest.mark.parametrize(
    ("forecast", "index"), [(0.108, "moderate"), (0.9, "very high"), (35.0, "very low"), (8, "low")]
)
def test_a_figure_that_contradicts_its_index_or_mix_is_refused(forecast: float, index: str) -> None:
    """The gas in the fixture's mix emits 113 g/kWh."""
    changed = all_regions(BEFORE, forecast=forecast, index=index)
    batch = run({**GOOD, "/regional/intensity/2026-05-06T00:17Z/fw24h": changed})
    assert (InvalidError, "GBR-13", "wrong_unit") in reasons(batch)
    assert "GBR-13" not in {reading.zone for reading in batch.readings}


def test_the_national_figure_is_checked_against_its_index() -> None:
    batch = run({**GOOD, "/intensity": national(BEFORE, actual=0.148)})
    assert (InvalidError, "GBR", "wrong_unit") in reasons(batch)


def test_a_true_regional_zero_is_a_reading() -> None:
    """On a windy night in North Scotland, forecast, index and mix agree."""
    body = all_regions(BEFORE)
    for row in body["data"]:
        row["regions"][0]["intensity"] = {"forecast": 0, "index": "very low"}
        row["regions"][0]["generationmix"] = whole_mix(wind=100)
    batch = run({**GOOD, "/regional/intensity/2026-05-06T00:17Z/fw24h": body})

    assert batch.errors == ()
    assert batch.readings[0].gco2_kwh == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"forecast": None}, "not_a_number"),
        ({"forecast": "112"}, "not_a_number"),
        ({"forecast": True}, "not_a_number"),
        ({"forecast": -4}, "negative"),
        ({"forecast": 90_000}, "too_high"),
    ],
)
def test_a_region_with_an_impossible_value_is_refused_with_a_reason(
    change: dict[str, Any], reason: str
) -> None:
    answers = {
        **GOOD,
        "/regional/intensity/2026-05-06T00:17Z/fw24h": all_regions(BEFORE, **change),
    }

    batch = run(answers)

    assert (InvalidError, "GBR-13", reason) in reasons(batch)
    assert len({reading.zone for reading in batch.readings}) == 14


@pytest.mark.parametrize("intensity", [None, [], "high", 7])
def test_a_malformed_region_leaves_the_other_regions(intensity: object) -> None:
    body = all_regions(BEFORE)
    for row in body["data"]:
        row["regions"][12]["intensity"] = intensity
    batch = run({**GOOD, "/regional/intensity/2026-05-06T00:17Z/fw24h": body})

    assert len({reading.zone for reading in batch.readings}) == 14
    assert "GBR-13" not in {reading.zone for reading in batch.readings}
    assert (InvalidError, "GBR-13", "malformed") in reasons(batch)
    assert {error.zone for error in batch.errors} == {"GBR-13"}


@pytest.mark.parametrize(
    "data",
    [
        [],
        {},
        "data",
        None,
        [1],
        [{"from": "2026-05-06T00:00Z"}],
        [{"regions": [7]}],
        [{"regions": [{"regionid": "13"}]}],
        [{"from": "yesterday", "to": "today", "regions": [{"regionid": 13, "intensity": {}}]}],
        [{"from": "2026-05-06T00:00Z", "to": "2026-05-06T01:00Z", "regions": [{"regionid": 13}]}],
    ],
)
def test_a_malformed_regional_answer_yields_no_regional_reading(data: object) -> None:
    batch = run({**GOOD, "/regional/intensity/2026-05-06T00:17Z/fw24h": {"data": data}})

    assert {reading.zone for reading in batch.readings} == {"GBR"}
    assert batch.errors
    assert all(error.provider == "eso" for error in batch.errors)


@pytest.mark.parametrize("perc", [10**400, -1, 100.1, float("nan"), None, "30.9", True])
def test_shares_that_cannot_be_read_make_no_figure(perc: object) -> None:
    gas, coal = {"fuel": "gas", "perc": perc}, {"fuel": "coal", "perc": 10}
    oddities: tuple[list[object], ...] = ([], [None], [{"fuel": []}])
    for odd in oddities:
        assert shares_of([gas, coal, *odd]).burnt_gco2_kwh == pytest.approx(93.7)

    body = all_regions(BEFORE)
    for row in body["data"]:
        row["regions"][12]["generationmix"] = [gas]
    written = httpx.Response(200, content=json.dumps(body))
    batch = run({**GOOD, "/regional/intensity/2026-05-06T00:17Z/fw24h": written})
    assert len(direct(batch)) == 14
    assert reasons(batch) == {(InvalidError, "GBR-13", "missing_fuel")}


def test_a_half_hour_of_the_last_day_of_the_calendar_is_left_out_of_a_forecast() -> None:
    body = all_regions(BEFORE)
    body["data"] += all_regions(datetime(9999, 12, 31, 23, tzinfo=UTC), 1)["data"]
    batch = run({**GOOD, "/regional/intensity/2026-05-06T00:17Z/fw24h": body})

    assert batch.readings == run(GOOD).readings
    assert batch.forecasts == run(GOOD).forecasts
    assert {reason for _, _, reason in reasons(batch)} == {"bad_interval"}


def test_a_malformed_answer_is_quoted_in_its_error() -> None:
    html = httpx.Response(200, html="<html>maintenance</html>")
    batch = run(dict.fromkeys(GOOD, html))

    assert batch.readings == ()
    assert {reason for _, _, reason in reasons(batch)} == {"not_json"}
    assert "<html>" in str(batch.errors[0])


def test_a_refusal_is_reported_with_the_upstreams_text() -> None:
    said = {"error": {"code": "400 Bad Request", "message": "Please enter a valid datetime "}}
    batch = run(dict.fromkeys(GOOD, httpx.Response(400, json=said)))

    assert {type(error) for error in batch.errors} == {PermanentError}
    assert "Please enter a valid datetime" in str(batch.errors[0])


@pytest.mark.parametrize("status", [301, 403, 404])
def test_a_refusal_is_recognised_whatever_its_page_says(status: int) -> None:
    batch = run(dict.fromkeys(GOOD, httpx.Response(status, html="<html>Forbidden</html>")))

    assert {type(error) for error in batch.errors} == {PermanentError}
    assert f"HTTP {status} from /regional" in str(batch.errors[0])
    assert "text/html" in str(batch.errors[0])


def test_a_server_error_is_tried_twice_then_transient() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(503)

    assert {type(error) for error in run(answer).errors} == {TransientError}
    assert len(asked) == 2 * 3


def test_simulated_upstreams_make_simulated_readings_and_forecasts() -> None:
    batch = run(GOOD, simulated=True)

    assert all(reading.simulated for reading in batch.readings)
    assert all(forecast.simulated for forecast in batch.forecasts)


class TestRealBytes:
    def test_a_recorded_region_whose_data_is_an_object_is_read(self, recordings: Path) -> None:
        body = json.loads(
            (recordings / "neso/regional_fw24h_regionid13_2026-05-05.json").read_bytes()
        )
        rows = list(regional_half_hours(body["data"]))

        assert len(rows) in (48, 49)
        half_hours_of = [row for _, row in rows if not isinstance(row, InvalidError)]
        assert len(half_hours_of) == len(rows)
        assert {region for region, _ in rows} == {"13"}
        assert half_hours_of[0].valid_from == datetime(2026, 5, 5, 23, 30, tzinfo=UTC)
        assert half_hours_of[0].intensity["forecast"] == 172
        perc = {row["fuel"]: row["perc"] for row in body["data"]["data"][0]["generationmix"]}
        assert shares_of(half_hours_of[0].mix).burnt_gco2_kwh == pytest.approx(
            3.94 * perc["gas"] + 9.37 * perc["coal"] + 1.2 * perc["biomass"]
        )
        assert shares_of(half_hours_of[0].mix).burnt_gco2_kwh > 0

    def test_a_recorded_region_whose_data_is_a_list_is_read(self, recordings: Path) -> None:
        body = json.loads(
            (recordings / "neso/regional_regionid11_2022-12-31_year_boundary.json").read_bytes()
        )
        assert {region for region, _ in regional_half_hours(body["data"])} == {"11"}

    def test_recorded_national_values_and_forecasts_are_read(self, recordings: Path) -> None:
        for name in ("national_2023-07-04.json", "national_fw24h_2020-05-24.json"):
            body = json.loads((recordings / "neso" / name).read_bytes())
            assert national_half_hours(body["data"], "GBR")

    def test_every_recorded_half_hour_of_false_zeros_is_refused(self, recordings: Path) -> None:
        path = recordings / "neso/national_2023-06-07_false_zero_actual.csv"
        with path.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        zeros = kept = 0
        for row in rows:
            start = datetime.fromisoformat(row["from"])
            actual = float(row["actual"]) if row["actual"] else None
            now = start + timedelta(minutes=47)
            answers = {
                path.replace("2026-05-06T00:17Z", stamp(now)): body for path, body in GOOD.items()
            } | {"/intensity": national(start, actual=actual, forecast=float(row["forecast"]))}
            batch = run(answers, now)
            national_readings = [r for r in direct(batch) if r.zone == "GBR"]
            if actual == 0:
                zeros += 1
                assert national_readings == []
                assert (InvalidError, "GBR", "false_zero") in reasons(batch)
            elif actual is not None:
                kept += 1
                assert [r.as_published_gco2_kwh for r in national_readings] == [actual]
        assert (zeros, kept) == (4, 44)


@pytest.mark.parametrize(
    "refused", [httpx.Response(503), httpx.Response(400, json={"error": {}}), httpx.Response(200)]
)
def test_an_error_of_the_national_figure_names_its_zone(refused: httpx.Response) -> None:
    batch = run({path: refused if path.startswith("/intensity") else GOOD[path] for path in GOOD})

    assert [error.zone for error in batch.errors] == ["GBR", "GBR"]
