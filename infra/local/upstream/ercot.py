"""Simulates ERCOT's dashboard of the fuel mix, as recorded on 2025-10-09.

Since autumn 2026 the real one also has ``Power Storage Charging`` and ``Power Storage
Discharging``, and divides an interval between two stamps now and then.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.series_faults import RowsFault, rows_faults
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request, json_answer

CENTRAL = ZoneInfo("America/Chicago")
STEP = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(seconds=64)
"""How long after its end an interval can be read. In the recording the last one is as old."""

FEED = "/api/1/services/read/dashboards/fuel-mix.json"
CAPACITY_MW = {
    "Coal and Lignite": 13705,
    "Hydro": 579,
    "Natural Gas": 68388,
    "Nuclear": 5268,
    "Other": 647,
    "Power Storage": 17934,
    "Solar": 37967,
    "Wind": 40534,
}
DIVIDED = 0.02
"""The share of intervals that are given under two stamps."""


def generation_mw(end: datetime) -> dict[str, float]:
    """Return the power by fuel, in MW, in the interval that ends at ``end`` (aware UTC)."""
    local = end.astimezone(CENTRAL)
    flicker = shapes.drift(end, timedelta(minutes=10), "tx flicker")
    sun = shapes.sun(end, 31.5, -100.0)
    charging = -3_500 * sun - 40
    discharging = 5_200 * shapes.bump(local, 19, 2.5) + 60 + 20 * flicker
    fixed = {
        "Coal and Lignite": 8_900 + 120 * flicker,
        "Hydro": 160 * shapes.bump(local, 18, 3),
        "Nuclear": 4_710 + 4 * flicker,
        "Other": 0.0,
        "Power Storage": charging + discharging,
        "Solar": 27_000 * sun + 0.3,
        "Wind": max(900, 12_500 + 10_500 * shapes.drift(end, timedelta(hours=10), "tx wind")),
    }
    gas_mw = 54_000 * shapes.demand(local) + 150 * flicker - sum(fixed.values())
    output = fixed | {
        "Natural Gas": max(7_000 + 100 * flicker, gas_mw),
        "Power Storage Charging": charging,
        "Power Storage Discharging": discharging,
    }
    return {fuel: round(mw, 4) for fuel, mw in output.items()}


def stamped(end: datetime) -> Iterator[tuple[str, dict[str, dict[str, float]]]]:
    """Yield the stamp of an interval with its fuels, or two stamps that divide them."""
    fuels = {fuel: {"gen": mw} for fuel, mw in generation_mw(end).items()}
    early, late = ((end - timedelta(seconds=s)).astimezone(CENTRAL) for s in (4, 2))
    if shapes.noise("tx stamp", end.isoformat()) >= DIVIDED:
        yield f"{early:%Y-%m-%d %H:%M:%S%z}", fuels
        return
    here = ("Hydro", "Other", "Nuclear")
    yield f"{late:%Y-%m-%d %H:%M:%S%z}", {fuel: fuels[fuel] for fuel in here}
    rest = {fuel: entry for fuel, entry in fuels.items() if fuel not in here}
    yield f"{early:%Y-%m-%d %H:%M:%S%z}", rest


def intervals(day: date, now: datetime) -> dict[str, dict[str, dict[str, float]]]:
    """Return the published intervals of a local day by their stamps."""
    at, end = (
        datetime.combine(midnight, time(), CENTRAL).astimezone(UTC)
        for midnight in (day, day + timedelta(days=1))
    )
    rows: dict[str, dict[str, dict[str, float]]] = {}
    while at < end:
        at += STEP
        if at + PUBLISHED_AFTER > now:
            break
        rows |= stamped(at)
    return rows


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path != FEED:
        return Answer(b"<html><body>Not Found</body></html>", "text/html", 404)
    today = now.astimezone(CENTRAL).date()
    days = {f"{day}": intervals(day, now) for day in (today - timedelta(days=1), today)}
    return json_answer(
        {
            "lastUpdated": f"{now.astimezone(CENTRAL):%Y-%m-%d %H:%M:%S%z}",
            "monthlyCapacity": CAPACITY_MW,
            "types": sorted(CAPACITY_MW),
            "data": {day: rows for day, rows in days.items() if rows},
        }
    )


Rows = list[dict[str, Any]]


def rows_fault(change: Callable[[Rows, Mapping[str, Any]], Rows]) -> PayloadFault:
    """Return the fault that changes the figures of an answer, given as rows."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        whole = json.loads(body)
        rows = [
            {"day": day, "stamp": stamp, "fuel": fuel, "mw": entry["gen"]}
            for day, stamps in whole["data"].items()
            for stamp, fuels in stamps.items()
            for fuel, entry in fuels.items()
        ]
        data: dict[str, dict[str, dict[str, Any]]] = {}
        for row in change(rows, fields):
            stamps = data.setdefault(row["day"], {})
            stamps.setdefault(row["stamp"], {})[row["fuel"]] = {"gen": row["mw"]}
        return json.dumps(whole | {"data": data})

    return fault


def of_rows(change: RowsFault) -> PayloadFault:
    """Return the fault for a change that needs no field of the posted fault."""
    return rows_fault(lambda rows, _: change(rows))


def missing_fuel(rows: Rows, fields: Mapping[str, Any]) -> Rows:
    """Leave out every figure of ``fuel``, which is Nuclear by default."""
    fuel = fields.get("fuel") or "Nuclear"
    return [row for row in rows if row["fuel"] != fuel]


def wrong_unit(rows: Rows, _: Mapping[str, Any]) -> Rows:
    """Give the powers in GW."""
    return [row | {"mw": row["mw"] / 1000} for row in rows]


SERIES_FAULTS = rows_faults("stamp", "fuel", "mw", jumps="Hydro")

PROVIDER = Provider(
    name="ercot",
    origins=frozenset({"https://www.ercot.com"}),
    answer=answer,
    zone=lambda _: "ERCOT",
    zones=frozenset({"ERCOT"}),
    routes=(FEED,),
    payload_faults={
        "missing_fuel": rows_fault(missing_fuel),
        "wrong_unit": rows_fault(wrong_unit),
        **{name: of_rows(change) for name, change in SERIES_FAULTS.items()},
        **figure_faults('"gen":', null="null"),
    },
)
