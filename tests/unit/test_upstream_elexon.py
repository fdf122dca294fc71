"""The simulated stream of Elexon has the format and the habits of the real one."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from functions.elexon.provider import grid_of
from functions.elexon.rows import slots_of
from greenstream.domain.judging import judge
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from greenstream.domain.reading import Basis, Reading
from greenstream.domain.zones import zones_of
from greenstream.ingest.week_means import WeekMeans
from infra.local.upstream import elexon, neso
from infra.local.upstream.wire import Request

NOW = datetime(2026, 2, 5, 20, 47, tzinfo=UTC)


def ask(since: datetime, now: datetime = NOW, status: int = 200, **query: str) -> Any:
    asked = {"publishDateTimeFrom": f"{since:%Y-%m-%dT%H:%M:%SZ}"} | query
    answer = elexon.answer(Request("GET", elexon.STREAM, asked), now)
    assert answer.status == status
    return json.loads(answer.body)


def test_the_newest_slot_comes_first_and_is_published_at_its_end() -> None:
    rows = ask(NOW - timedelta(hours=1))

    assert (rows[0]["startTime"], rows[0]["publishTime"]) == (
        "2026-02-05T20:40:00Z",
        "2026-02-05T20:45:00Z",
    )
    assert rows[0]["settlementDate"] == "2026-02-05"
    assert rows[0]["settlementPeriod"] == 42
    assert [row["fuelType"] for row in rows[:20]] == sorted(elexon.generation_mw(NOW))
    assert rows[-1]["publishTime"] == "2026-02-05T19:50:00Z"


def test_a_slot_can_be_read_some_seconds_after_its_end() -> None:
    at = NOW.replace(minute=45)
    early, late = (
        ask(at - timedelta(minutes=10), at + timedelta(seconds=after))[0] for after in (10, 30)
    )

    assert (early["startTime"], late["startTime"]) == (
        "2026-02-05T20:35:00Z",
        "2026-02-05T20:40:00Z",
    )


def test_a_range_ends_where_it_is_told_to() -> None:
    rows = ask(NOW - timedelta(hours=2), publishDateTimeTo="2026-02-05T20:00:00Z")

    assert rows[0]["publishTime"] == "2026-02-05T20:00:00Z"


def test_links_carry_power_both_ways_and_pumps_draw_at_night() -> None:
    day = [elexon.generation_mw(NOW + timedelta(minutes=5 * step)) for step in range(288)]

    assert all(isinstance(mw, int) for mix in day for mw in mix.values())
    assert all(mix["INTIRL"] < 0 for mix in day)
    assert any(mix["INTFR"] > 0 for mix in day)
    assert min(mix["PS"] for mix in day) < 0 < max(mix["PS"] for mix in day)
    assert "SOLAR" not in day[0]


@pytest.mark.parametrize("since", ["soon", "2026-02-05T20:47:00", ""])
def test_a_time_that_cannot_be_read_is_refused_as_by_the_apis_framework(since: str) -> None:
    asked = Request("GET", elexon.STREAM, {"publishDateTimeFrom": since})
    answer = elexon.answer(asked, NOW)

    assert answer.status == 400
    assert "publishDateTimeFrom" in json.loads(answer.body)["errors"]


def test_a_range_that_is_too_long_is_refused() -> None:
    ask(NOW - timedelta(days=8), status=400)


def test_another_path_is_not_found() -> None:
    assert elexon.answer(Request("GET", "/bmrs/api/v1/datasets/FUELHH"), NOW).status == 404


@pytest.mark.parametrize("month", [2, 6, 10])
def test_no_slot_of_two_days_is_refused(month: int) -> None:
    now = NOW.replace(month=month)
    slots, unreadable = slots_of(ask(now - timedelta(days=2), now), "GBR", now)

    judged = judge(
        [slot.mix for slot in slots], rules_of_provider("elexon"), rules_of_source("elexon", "GBR")
    )

    assert (len(slots), unreadable) == (576, [])
    assert [refusal for _, refusal in judged if refusal is not None] == []


@pytest.mark.parametrize("month", [2, 6, 10])
def test_the_simulated_neso_is_within_the_bounds_of_each_slot(month: int) -> None:
    """Both simulators show one grid, so that no dispute arises where nothing is wrong."""
    now = NOW.replace(month=month)
    zone, source = next(pair for pair in zones_of("elexon") if pair[0].zone == "GBR")
    grid = grid_of(zone, source, now, WeekMeans(provider="elexon"), simulated=True)
    for slot in slots_of(ask(now - timedelta(days=2), now), "GBR", now)[0]:
        made = [each for each in grid.readings_of(slot) if isinstance(each, Reading)]
        [direct] = [reading for reading in made if reading.basis is Basis.DIRECT]
        national = neso.forecast_gco2_kwh(neso.floor(slot.mix.valid_from))
        assert direct.gco2_low <= national <= direct.gco2_high
