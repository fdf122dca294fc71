"""Simulates Taipower's table of generating units, as recorded on 2025-05-14.

The live file begins with a byte order mark and calls its rows ``aaData``. The names are those of
the page in English.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import negative
from infra.local.upstream.series_faults import JUMP
from infra.local.upstream.wire import JSON, Answer, PayloadFault, Provider, Request

TABLE = "/d006/loadGraph/loadGraph/data/genary.json"
STEP = timedelta(minutes=10)
PUBLISHED_AFTER = timedelta(seconds=40)
"""How long after its stamp a table can be read."""

TAIPEI = ZoneInfo("Asia/Taipei")
MIDDLE = (24.0, 120.7)
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
STORAGE = "EnergyStorageSystem"
CHARGING = "EnergyStorageSystemLoad"
MEAN_MW = {
    "nuclear": 0, "coal": 7000, "cogen": 1700, "ippcoal": 1600, "lng": 11000, "ipplng": 3700,
    "oil": 150, "diesel": 40, "hydro": 700, "wind": 1600, "solar": 9500,
    "OtherRenewableEnergy": 35, STORAGE: 800,
}  # fmt: skip
"""The rough mean of each kind of plant; of the sun, its power when it is in the zenith."""

UNITS = 3
"""How many units a kind of plant has here."""

Rows = list[list[str]]


def generation_mw(_zone: str, end: datetime) -> dict[str, float]:
    """Return the power of each kind of plant at the stamp ``end`` (UTC), in MW, to a tenth."""
    demand = shapes.demand(end.astimezone(TAIPEI))
    sun = shapes.sun(end, *MIDDLE)
    mw: dict[str, float] = {}
    for kind, mean_mw in MEAN_MW.items():
        slow = shapes.drift(end, timedelta(hours=6), f"taipower {kind}")
        wobble = 1 + (0.6 if kind == "wind" else 0.04) * slow
        follows = {"solar": sun, "wind": 1.0, "cogen": 1.0, STORAGE: max(0.0, demand - 1) * 4}
        units = [mean_mw * wobble * follows.get(kind, demand) / UNITS] * UNITS
        mw[kind] = round(sum(round(unit, 1) for unit in units), 1)
    return mw


def cell(kind: str) -> str:
    """Return the first cell of a kind's rows."""
    return f"<A NAME='{kind}'></A><b>{kind.upper()}</b>"


def rows_of(end: datetime) -> Rows:
    """Return the rows of a table: the units of each kind, then their sum."""
    rows: Rows = []
    made = generation_mw("TW", end)
    total_mw = sum(made.values())
    for kind, mw in made.items():
        unit_mw = f"{mw / UNITS:.1f}"
        rows += [
            [cell(kind), "", f"{kind}#{number}", "900.0", unit_mw, "-", " ", ""]
            for number in range(1, UNITS + 1)
        ]
        share = f"{100 * mw / total_mw:.3f}%"
        rows.append([cell(kind), "", "Subtotal", "2700.0(5%)", f"{mw:.1f}({share})", "", "", ""])
    rows.append(
        [cell("diesel"), "", "Other outlying Islands(Remark IV)", "40.2", "N/A", "-", " ", ""]
    )
    rows.append([cell(CHARGING), "Battery", "Battery(Remark XVI)", "-", "-5.2", "-", " ", ""])
    return rows


def newest(now: datetime) -> datetime:
    """Return the stamp of the newest table that can be read at ``now`` (aware UTC)."""
    readable = now - PUBLISHED_AFTER
    return readable.replace(minute=readable.minute // 10 * 10, second=0, microsecond=0)


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path != TABLE:
        return Answer(b"<html><body>404</body></html>", "text/html", 404)
    end = newest(now)
    document = {"": f"{end.astimezone(TAIPEI):%Y-%m-%d %H:%M}", "aaData": rows_of(end)}
    return Answer(written(document).encode(), JSON)


def written(document: Mapping[str, Any]) -> str:
    """Return a table as it is sent."""
    return BOM + json.dumps(document, separators=(",", ":"))


def of_rows(change: Callable[[Rows, Mapping[str, Any]], Rows]) -> PayloadFault:
    """Return the fault that changes the rows of a table."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        document = json.loads(body.removeprefix(BOM))
        return written(document | {"aaData": change(document["aaData"], fields)})

    return fault


def figures(change: Callable[[float], str]) -> PayloadFault:
    """Return the fault that changes every figure, the sums too."""

    def changed(row: list[str]) -> list[str]:
        figure, bracket, share = row[4].partition("(")
        text = change(float(figure)) if figure != "N/A" else figure
        return [*row[:4], f"{text}{bracket}{share}", *row[5:]]

    return of_rows(lambda rows, _: [changed(row) for row in rows])


def without(lost: Callable[[Mapping[str, Any]], frozenset[str]]) -> PayloadFault:
    """Return the fault that leaves out kinds of plants with their sums."""

    def change(rows: Rows, fields: Mapping[str, Any]) -> Rows:
        cells = {cell(kind) for kind in lost(fields)}
        return [row for row in rows if row[0] not in cells]

    return of_rows(change)


def spike(rows: Rows, _: Mapping[str, Any]) -> Rows:
    """Give coal as `JUMP` times as great, also in its sum."""
    return [
        [*row[:4], str(float(row[4].partition("(")[0]) * JUMP), *row[5:]]
        if row[0] == cell("coal")
        else row
        for row in rows
    ]


PROVIDER = Provider(
    name="taipower",
    origins=frozenset({"https://www.taipower.com.tw"}),
    answer=answer,
    zone=lambda _: "TW",
    zones=frozenset({"TW"}),
    routes=(TABLE,),
    payload_faults={
        "missing_fuel": without(lambda fields: frozenset({fields.get("fuel") or "lng"})),
        "half_mix": without(lambda _: frozenset(sorted(MEAN_MW)[::2])),
        "spike": of_rows(spike),
        "wrong_unit": figures(lambda mw: str(mw / 1000)),
        "nan": figures(lambda _: "NaN"),
        "negative": figures(lambda mw: negative(str(mw))),
        "null": figures(lambda _: ""),
    },
)
