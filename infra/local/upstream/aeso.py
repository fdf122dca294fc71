"""Simulates AESO's current supply and demand report.

The form is that of the report recorded on 2017-07-13, with the kinds of plants of 2026: gas in four
rows, no coal. Assets, which the real report also lists, are a few.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import negative
from infra.local.upstream.series_faults import JUMP
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request

REPORT = "/ets_web/ip/Market/Reports/CSDReportServlet"
MOUNTAIN = ZoneInfo("America/Edmonton")
ALBERTA = timezone(timedelta(hours=-6))
UNCHANGED_SINCE = datetime(2026, 11, 1, 7, tzinfo=UTC)
"""Since when Alberta's clock is no longer changed, whatever the computer's table of zones says."""

PUBLISHED_AFTER = timedelta(seconds=30)
"""How long after its minute a report can be read."""

CAPABILITY_MW = {
    "COGENERATION": 5900,
    "COMBINED CYCLE": 3100,
    "GAS FIRED STEAM": 2400,
    "SIMPLE CYCLE": 1200,
    "HYDRO": 894,
    "ENERGY STORAGE": 250,
    "SOLAR": 2100,
    "WIND": 5700,
    "OTHER": 444,
}
NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?")
FUEL_ROW = re.compile(r'^"([A-Z ]+)","(\d+)","([^"]*)","(\d+)"$', re.MULTILINE)


def clock(moment: datetime) -> datetime:
    """Return a moment (UTC) by Alberta's clock."""
    return moment.astimezone(ALBERTA if moment >= UNCHANGED_SINCE else MOUNTAIN)


def generation_mw(_zone: str, moment: datetime) -> dict[str, int]:
    """Return the power by kind of plant at a moment (UTC), in MW."""
    demand = shapes.demand(clock(moment))
    flicker = shapes.drift(moment, timedelta(minutes=15), "ab flicker")
    wind = max(60, 2_000 + 1_800 * shapes.drift(moment, timedelta(hours=8), "ab wind"))
    mw = {
        "COGENERATION": 3_650 + 25 * flicker,
        "HYDRO": 260 + 60 * demand + 5 * flicker,
        "ENERGY STORAGE": 0.0,
        "SOLAR": 1_500 * shapes.sun(moment, 51.0, -112.0),
        "WIND": wind,
        "OTHER": 230 + 4 * flicker,
    }
    rest_mw = max(900.0, 10_200 * demand - sum(mw.values()))
    mw |= {
        "COMBINED CYCLE": rest_mw * 0.5,
        "GAS FIRED STEAM": rest_mw * 0.4,
        "SIMPLE CYCLE": rest_mw * 0.1,
    }
    return {kind: round(mw[kind]) for kind in CAPABILITY_MW}


def report(moment: datetime) -> str:
    """Return the report of a minute (UTC)."""
    mw = generation_mw("AB", moment)
    total_mw = sum(mw.values())
    lines = [
        "Current Supply Demand Report",
        "",
        "",
        f'"Last Update : {clock(moment):%b %d, %Y %H:%M}"',
        "",
        f'"Alberta Total Net Generation","{total_mw}"',
        '"Net Actual Interchange","-216"',
        f'"Alberta Internal Load (AIL)","{total_mw + 216}"',
        "",
        *(f'"{kind}","{CAPABILITY_MW[kind]}","{made}","0"' for kind, made in mw.items()),
        f'"TOTAL","{sum(CAPABILITY_MW.values())}","{total_mw}","0"',
        "",
        '"British Columbia","-216"',
        '"TOTAL","-216"',
        "",
        '"Bighorn Hydro (BIG)","120","108","0"',
    ]
    return "\n".join(lines) + "\n"


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path == REPORT and request.query.get("contentType") == "csv":
        moment = (now - PUBLISHED_AFTER).replace(second=0, microsecond=0)
        return Answer(report(moment).encode(), "text/csv")
    return Answer(b"<html><body>Not Found</body></html>", "text/html", 404)


Mw = dict[str, Any]


def of_fuels(change: Callable[[Mw, Mapping[str, Any]], Mw]) -> PayloadFault:
    """Return the fault that changes the powers, and the total with them where it can."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        rows = FUEL_ROW.findall(body)
        mw: Mw = {kind: figure for kind, _, figure, _ in rows if kind != "TOTAL"}
        changed = change(mw, fields)
        numbers = [float(figure) for figure in changed.values() if NUMBER.fullmatch(str(figure))]
        total = f"{sum(numbers):g}" if len(numbers) == len(changed) else "10000"
        lines = [f'"{kind}","9000","{figure}","0"' for kind, figure in changed.items()]
        lines.append(f'"TOTAL","9000","{total}","0"')
        head, _, tail = body.partition(f'"{rows[0][0]}",') if rows else (body, "", "")
        return head + "\n".join(lines) + "\n\n" + tail.partition("\n\n")[2]

    return fault


def figures(change: Callable[[str], Any]) -> PayloadFault:
    """Return the fault that changes every figure."""
    return of_fuels(lambda mw, _: {kind: change(figure) for kind, figure in mw.items()})


def missing_fuel(mw: Mw, fields: Mapping[str, Any]) -> Mw:
    """Leave out ``fuel``, which is COGENERATION by default, also of the total."""
    lost = fields.get("fuel") or "COGENERATION"
    return {kind: figure for kind, figure in mw.items() if kind != lost}


def half_mix(mw: Mw, _: Mapping[str, Any]) -> Mw:
    """Leave out every second kind of plant, also of the total."""
    return {kind: mw[kind] for kind in sorted(mw)[1::2]}


def spike(mw: Mw, _: Mapping[str, Any]) -> Mw:
    """Give hydropower as `JUMP` times as great, also in the total."""
    return mw | {"HYDRO": float(mw["HYDRO"]) * JUMP}


PROVIDER = Provider(
    name="aeso",
    origins=frozenset({"http://ets.aeso.ca"}),
    answer=answer,
    zone=lambda _: "AB",
    zones=frozenset({"AB"}),
    routes=(f"{REPORT}?contentType=csv",),
    payload_faults={
        "missing_fuel": of_fuels(missing_fuel),
        "half_mix": of_fuels(half_mix),
        "spike": of_fuels(spike),
        "wrong_unit": figures(lambda figure: float(figure) / 1000),
        "nan": figures(lambda _: "NaN"),
        "negative": figures(negative),
        "null": figures(lambda _: ""),
    },
)
