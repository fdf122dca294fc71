"""WattTime's answers with known faults: a bad point is a hole, a contradiction is refused."""

import json
import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from functions.watttime.provider import WattTime
from greenstream.domain.outlook import Outlook
from greenstream.domain.reading import Forecast, Quality
from greenstream.domain.window import cleanest
from greenstream.domain.zones import zones_of
from tests.contract.pipeline import Body, Heard, Ran, http, ran
from tests.fakes.memory_store import MemoryStore

ZONE = "CAISO_NORTH"
NOW = datetime(2026, 11, 22, 16, 5, tzinfo=UTC)
STEP = timedelta(minutes=5)
G = 0.45359237
Row = dict[str, Any]


def stamp(moment: datetime) -> str:
    return moment.isoformat()


def document(rows: list[Row], **meta: Any) -> dict[str, Any]:
    stated = {"data_point_period_seconds": 300, "region": ZONE, "warnings": []}
    stated |= {"signal_type": "co2_moer", "units": "lbs_co2_per_mwh"}
    return {"data": rows, "meta": stated | meta}


def forecast_of(*changes: tuple[int, Any], count: int = 288) -> dict[str, Any]:
    """Return a forecast from the present on: 1000 lb/MWh and a pound more each step."""
    rows = [{"point_time": stamp(NOW + n * STEP), "value": 1000.0 + n} for n in range(count)]
    for place, value in changes:
        rows[place]["value"] = value
    return document(rows, generated_at=stamp(NOW))


def historical_of(*values: Any) -> dict[str, Any]:
    """Return historical points, of which the last begins five minutes before the present."""
    starts = [NOW - n * STEP for n in range(len(values), 0, -1)]
    return document(
        [{"point_time": stamp(at), "value": v} for at, v in zip(starts, values, strict=True)]
    )


def run(
    forecast: Body | None = None,
    historical: Body | None = None,
    store: MemoryStore | None = None,
    now: datetime = NOW,
) -> Ran:
    endpoints = [{"endpoint": "v3/forecast"}, {"endpoint": "v3/historical"}]
    rights = {"signal_type": "co2_moer", "regions": [{"region": ZONE, "endpoints": endpoints}]}
    answers: dict[str, Body] = {
        "/login": {"token": "a-token"},
        "/v3/my-access": {"signal_types": [rights]},
        "/v3/forecast": forecast or forecast_of(),
        "/v3/historical": historical or historical_of(900, 910, 920),
    }
    provider = WattTime(
        http=http("watttime", answers),
        wanted=zones_of("watttime"),
        credentials=lambda: ("user", "password"),
        telemetry=Heard(),
        clock=lambda: now,
    )
    return ran(provider, store or MemoryStore(), now)


def stored_forecast(store: MemoryStore) -> Forecast:
    [forecast] = store.forecasts(ZONE)
    return forecast


def gaps(forecast: Forecast) -> list[datetime]:
    return [a.valid_to for a, b in pairwise(forecast.points) if a.valid_to != b.valid_from]


def test_one_null_among_288_values_leaves_a_hole(cases: Path) -> None:
    body = json.loads((cases / "watttime/w5_v3_forecast.json").read_bytes())
    [null] = [row["point_time"] for row in body["data"] if row["value"] is None]
    store = MemoryStore()

    batch = run(body, store=store)

    assert batch.reasons(ZONE) == {"not_a_number"}
    assert batch.status.rejected["not_a_number"] == 1
    forecast = stored_forecast(store)
    assert [at.isoformat() for at in gaps(forecast)] == [null]
    values = {row["point_time"]: row["value"] for row in body["data"]}
    for point in forecast.points:
        assert point.gco2_kwh == pytest.approx(values[point.valid_from.isoformat()] * G)
    assert len(forecast.points) == 287


BAD = [
    (None, "not_a_number"),
    ("1000", "not_a_number"),
    (-5, "negative"),
    (90_000, "too_high"),
    (3_000, "implausible_gco2"),
]


@pytest.mark.parametrize(("value", "reason"), BAD)
@pytest.mark.parametrize("places", [(0,), (287,), (7, 8, 9), (3, 100, 200)])
def test_a_bad_point_wherever_it_stands_is_a_hole(
    value: Any, reason: str, places: tuple[int, ...]
) -> None:
    store = MemoryStore()

    batch = run(forecast_of(*((place, value) for place in places)), store=store)

    assert batch.reasons(ZONE) == {reason}
    assert batch.status.rejected[reason] == 1
    starts = {point.valid_from for point in stored_forecast(store).points}
    assert starts == {NOW + n * STEP for n in range(288) if n not in places}
    assert batch.gco2_kwh(ZONE) == pytest.approx(920 * G)


def test_no_window_bridges_a_hole() -> None:
    """The two hours around the hole would be the cleanest ones."""
    store = MemoryStore()
    dip = dict.fromkeys(range(100, 124), 1.0) | {112: None}
    run(forecast_of(*dip.items()), store=store)

    window = cleanest(
        Outlook.of_forecast(stored_forecast(store)),
        duration=timedelta(hours=2),
        earliest=NOW,
        latest=NOW + timedelta(hours=24),
    )

    assert window is not None
    hole = NOW + 112 * STEP
    assert not window.start <= hole < window.end


def test_a_forecast_whose_present_is_a_hole_does_not_stand_in_with_a_later_one() -> None:
    """Without a recent historical point the forecast stands in, at most a period ahead."""
    old = document([{"point_time": stamp(NOW - timedelta(hours=2)), "value": 700}])

    missing = run(forecast_of((0, None), (1, None), (2, None)), old)
    next_one = run(forecast_of((0, None)), old)

    assert missing.gco2_kwh(ZONE) == pytest.approx(700 * G)
    assert next_one.gco2_kwh(ZONE) == pytest.approx(1001 * G)


@pytest.mark.parametrize("seed", range(4))
def test_two_values_for_one_point_of_a_forecast_are_a_contradiction(seed: int) -> None:
    store = MemoryStore()
    body = forecast_of()
    body["data"].append({"point_time": stamp(NOW + 50 * STEP), "value": 10.0})
    random.Random(seed).shuffle(body["data"])

    batch = run(body, store=store)

    assert batch.reasons(ZONE) == {"contradiction"}
    assert gaps(stored_forecast(store)) == [NOW + 50 * STEP]


@pytest.mark.parametrize("first", [True, False])
def test_two_values_for_the_newest_point_leave_the_one_before(*, first: bool) -> None:
    body = historical_of(900, 910, 920)
    other = {"point_time": body["data"][-1]["point_time"], "value": 12}
    body["data"].insert(0 if first else 3, other)

    batch = run(historical=body)

    assert batch.reasons(ZONE) == {"contradiction"}
    assert batch.gco2_kwh(ZONE) == pytest.approx(910 * G)
    assert {reading.quality for reading in batch.readings.values()} == {Quality.MEASURED}


def test_the_same_value_twice_is_one_point() -> None:
    body = historical_of(900, 910, 920)
    body["data"] += body["data"]

    batch = run(historical=body)

    assert batch.refused == ()
    assert batch.gco2_kwh(ZONE) == pytest.approx(920 * G)


@pytest.mark.parametrize(
    "row", [{"point_time": "soon", "value": 5}, {"value": 5}, {"point_time": stamp(NOW)}, 3]
)
def test_a_row_that_cannot_be_read_is_left_out(row: Any) -> None:
    store = MemoryStore()
    forecast, historical = forecast_of(), historical_of(900, 910, 920)
    forecast["data"][60] = row
    historical["data"][0] = row

    batch = run(forecast, historical, store)

    assert batch.reasons(ZONE) == {"malformed"}
    assert batch.gco2_kwh(ZONE) == pytest.approx(920 * G)
    assert len(stored_forecast(store).points) == 287


def test_a_forecast_without_a_good_point_is_refused_and_the_last_good_reading_stays() -> None:
    store = MemoryStore()
    run(store=store)

    bad = forecast_of(*((n, -1) for n in range(288)))
    batch = run(bad, historical_of(None, None, None), store, NOW + STEP)

    assert batch.reasons(ZONE) == {"not_a_number", "negative"}
    assert batch.gco2_kwh(ZONE) == pytest.approx(920 * G)
