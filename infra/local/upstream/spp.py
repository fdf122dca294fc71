"""Simulates the generation mix of the Southwest Power Pool: a CSV for each of its two areas.

The headings are those of SPP's file of 2024 (GenMix_2024.csv), with the column ``BAA`` that
gridstatus 0.37.0 reads since 2026. The stamps are the ends of the slots, the oldest first.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.wire import Answer, Provider, Request

STEP = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(minutes=2)
"""How long after its end a slot can be read; the real delay is not recorded."""

FEED = "/file-browser-api/download/generation-mix-historical"
FILE = re.compile(r"/(SPP|SWPW)/GenMix2Hour_\1\.csv")
SLOTS = 24
MISSING = 0.1
"""The share of slots that a file lacks, as in the samples of 2024."""

FUELS = (
    "Coal",
    "Diesel Fuel Oil",
    "Hydro",
    "Natural Gas",
    "Nuclear",
    "Solar",
    "Waste Disposal Services",
    "Wind",
    "Waste Heat",
    "Energy Storage",
    "Other",
)
HEADING = "GMT MKT Interval, BAA, " + ", ".join(
    f"{fuel} Market, {'Gas' if fuel == 'Natural Gas' else fuel} Self" for fuel in FUELS
)
SHARE = {"SPP": 0.945, "SWPW": 0.055}


def generation_mw(end: datetime, area: str) -> dict[str, float]:
    """Return the power by fuel of an area, in MW, in the slot that ends at ``end`` (UTC)."""
    flicker = shapes.drift(end, timedelta(minutes=10), f"{area} flicker")
    wind = 13_000 + 11_000 * shapes.drift(end, timedelta(hours=10), "spp wind")
    fixed = {
        "Diesel Fuel Oil": 22 + flicker,
        "Hydro": 900 + 30 * flicker,
        "Nuclear": 2_035 + flicker,
        "Solar": 900 * shapes.sun(end, 36.0, -99.0),
        "Waste Disposal Services": 11 + flicker,
        "Wind": max(700, wind),
        "Waste Heat": 0.0,
        "Energy Storage": -20 * flicker,
        "Other": 35 + flicker,
    }
    rest_mw = max(8_000, 33_500 * shapes.demand(end - timedelta(hours=6)) - sum(fixed.values()))
    output = fixed | {"Coal": rest_mw * 0.55, "Natural Gas": rest_mw * 0.45}
    if area == "SWPW":
        output["Nuclear"] = 0.0
    return {fuel: round(output[fuel] * SHARE[area], 1) for fuel in FUELS}


def area_csv(area: str, now: datetime) -> str:
    """Return the file of an area: the slots of the last two hours that it has."""
    newest = now - PUBLISHED_AFTER
    newest = newest.replace(minute=newest.minute // 5 * 5, second=0, microsecond=0)
    lines = [HEADING]
    for back in reversed(range(SLOTS)):
        end = newest - STEP * back
        if shapes.noise(area, end.isoformat()) < MISSING:
            continue
        powers = generation_mw(end, area).values()
        parts = ",".join(f"{mw * 0.6:.1f},{mw * 0.4:.1f}" for mw in powers)
        lines.append(f"{end:%Y-%m-%dT%H:%M:%SZ},{area},{parts}")
    return "\n".join(lines) + "\n"


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path == FEED and (match := FILE.fullmatch(request.query.get("path", ""))):
        return Answer(area_csv(match[1], now).encode(), "text/csv")
    return Answer(b"[]", "application/json", 404)


def one_area(body: str, _: Mapping[str, Any]) -> str:
    """Leave the area SWPW without a slot."""
    head, *lines = body.splitlines()
    return "\n".join([head, *(line for line in lines if ",SWPW," not in line)]) + "\n"


def wrong_unit(body: str, _: Mapping[str, Any]) -> str:
    """Give the powers of coal in columns that name another unit."""
    return body.replace("Coal Market", "Coal Market kW").replace("Coal Self", "Coal Self kW")


PROVIDER = Provider(
    name="spp",
    origins=frozenset({"https://portal.spp.org"}),
    answer=answer,
    zone=lambda _: "SPP",
    zones=frozenset({"SPP"}),
    routes=(f"{FEED}?path=/{{area}}/GenMix2Hour_{{area}}.csv",),
    payload_faults={
        "one_area": one_area,
        "wrong_unit": wrong_unit,
        **figure_faults(",", r"[,\n]"),
    },
)
