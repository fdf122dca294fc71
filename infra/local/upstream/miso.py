"""Simulates MISO's fuel mix: JSON with a line for each interval and category, powers as text.

The form is that of the answers recorded on 2018-01-25 and 2026-06-21. They hold one interval; the
real ``/Today`` and ``/Yesterday``, which hold a day, are not recorded.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Any

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.series_faults import RowsFault, rows_faults
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request, json_answer

EST = timezone(timedelta(hours=-5), "EST")
STEP = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(minutes=6)
"""How long after the start of its interval a line is published; the real delay is not recorded."""

FEED = "/api/FuelMix"


def generation_mw(at: datetime) -> dict[str, int]:
    """Return the power by category, in MW, at an aware UTC time.

    Solar draws a little at night, batteries are negative while they charge, and other is negative
    while the pumped storage pumps.
    """
    local = at.astimezone(EST)
    flicker = shapes.drift(at, timedelta(minutes=10), "miso flicker")
    sun = shapes.sun(at, 40.0, -90.0)
    least_sun = 0.01
    fixed = {
        "Battery Storage": 500 * shapes.bump(local, 19, 2) - 400 * sun + 20 * flicker,
        "Imports": 4_500 + 1_500 * shapes.drift(at, timedelta(hours=9), "miso imports"),
        "Nuclear": 11_100 + 15 * flicker,
        "Other": 900 + 1_400 * shapes.bump(local, 19, 3) - 1_600 * shapes.bump(local, 3, 2),
        "Solar": 11_000 * sun if sun > least_sun else -1,
        "Wind": max(900, 12_000 + 9_500 * shapes.drift(at, timedelta(hours=12), "miso wind")),
    }
    rest_mw = 74_000 * shapes.demand(local) + 250 * flicker - sum(fixed.values())
    output = fixed | {"Coal": rest_mw * 0.42, "Natural Gas": rest_mw * 0.58}
    return {category: round(output[category]) for category in sorted(output)}


def lines_of(start: datetime) -> list[dict[str, str]]:
    """Return the lines of the interval that begins at ``start`` (aware UTC)."""
    local = start.astimezone(EST)
    hour = local.hour % 12 or 12
    stamp = f"{local:%Y-%m-%d} {hour}:{local:%M:%S %p}"
    return [
        {
            "INTERVALEST": stamp,
            "CATEGORY": category,
            "ACT": str(mw),
            "FUEL_CATEGORY": f"{category} ({mw:,} MW)",
        }
        for category, mw in generation_mw(start).items()
    ]


def document(day: date, now: datetime) -> dict[str, Any]:
    """Return the answer with the published intervals of a day, of which the newest is summed up."""
    midnight = datetime.combine(day, time(), EST).astimezone(UTC)
    starts = [midnight + STEP * step for step in range(288)]
    published = [start for start in starts if start + PUBLISHED_AFTER <= now]
    if not published:
        return {"RefId": "", "TotalMW": "0", "Fuel": {"Type": []}}
    total_mw = sum(mw for mw in generation_mw(published[-1]).values() if mw > 0)
    return {
        "RefId": f"{published[-1].astimezone(EST):%d-%b-%Y - Interval %H:%M} EST",
        "TotalMW": str(total_mw),
        "Fuel": {"Type": [line for start in published for line in lines_of(start)]},
    }


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    today = now.astimezone(EST).date()
    if request.path == f"{FEED}/Today":
        return json_answer(document(today, now))
    if request.path == f"{FEED}/Yesterday":
        return json_answer(document(today - timedelta(days=1), now))
    return json_answer({"statusCode": 404, "message": "Resource not found"}, 404)


Lines = list[dict[str, str]]


def lines_fault(change: Callable[[Lines, Mapping[str, Any]], Lines]) -> PayloadFault:
    """Return the fault that changes the lines of an answer, and leaves its sum."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        whole = json.loads(body)
        whole["Fuel"]["Type"] = change(whole["Fuel"]["Type"], fields)
        return json.dumps(whole)

    return fault


def missing_fuel(lines: Lines, fields: Mapping[str, Any]) -> Lines:
    """Leave out every line of ``fuel``, which is Nuclear by default."""
    fuel = fields.get("fuel") or "Nuclear"
    return [line for line in lines if line["CATEGORY"] != fuel]


def one_category(lines: Lines, _: Mapping[str, Any]) -> Lines:
    """Keep coal alone, as ``/Yesterday`` has done."""
    return [line for line in lines if line["CATEGORY"] == "Coal"]


def false_sum(body: str, _: Mapping[str, Any]) -> str:
    """Give a sum that the lines do not make."""
    whole = json.loads(body)
    return json.dumps(whole | {"TotalMW": str(int(whole["TotalMW"]) - 5_000)})


def wrong_unit(lines: Lines, _: Mapping[str, Any]) -> Lines:
    """Give the powers in GW."""
    return [line | {"ACT": str(int(line["ACT"]) / 1000)} for line in lines]


def rows_fault(change: RowsFault) -> PayloadFault:
    """Return the fault for a change that knows no stamps of twelve hours."""

    def fault(body: str, _: Mapping[str, Any]) -> str:
        whole = json.loads(body)
        order = {line["INTERVALEST"]: None for line in whole["Fuel"]["Type"]}
        places = {stamp: f"{place:04}" for place, stamp in enumerate(order)}
        stamps = {place: stamp for stamp, place in places.items()}
        lines = change(
            [line | {"slot": places[line["INTERVALEST"]]} for line in whole["Fuel"]["Type"]]
        )
        whole["Fuel"]["Type"] = [
            {
                **{name: line[name] for name in ("CATEGORY", "FUEL_CATEGORY")},
                "INTERVALEST": stamps[line["slot"]],
                "ACT": f"{float(line['ACT']):.0f}",
            }
            for line in lines
        ]
        return json.dumps(whole)

    return fault


SERIES_FAULTS = rows_faults("slot", "CATEGORY", "ACT", jumps="Wind")

PROVIDER = Provider(
    name="miso",
    origins=frozenset({"https://public-api.misoenergy.org"}),
    answer=answer,
    zone=lambda _: "MISO",
    zones=frozenset({"MISO"}),
    routes=(f"{FEED}/Today", f"{FEED}/Yesterday"),
    payload_faults={
        "missing_fuel": lines_fault(missing_fuel),
        "one_category": lines_fault(one_category),
        "false_sum": false_sum,
        "wrong_unit": lines_fault(wrong_unit),
        **{name: rows_fault(change) for name, change in SERIES_FAULTS.items()},
        **figure_faults('"ACT":"', '"', null=""),
    },
)
