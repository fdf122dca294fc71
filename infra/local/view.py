"""The live page in the terminal: what every zone says now, and what the router makes of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.stack import Stack

ROUTE = "/v1/route?pops=sfo,lax,iad,nyc,lon,ams&lat=40.7&lon=-74.0"
"""The question shown: a visitor in New York, all six POPs."""

SURROUNDINGS = 14
"""Lines of a screen that are not zones."""

COLUMNS = (
    ("zone", "zone", ""),
    ("g/kWh", "gco2_kwh", ".0f"),
    ("signal", "signal", ""),
    ("basis", "basis", ""),
    ("provider", "provider", ""),
    ("age s", "age_s", ".0f"),
    ("penalty", "penalty_gco2_kwh", ".1f"),
    ("adj_carbon", "adj_carbon_gco2_kwh", ".1f"),
    ("rung", "rung", ""),
)


def page(stack: Stack, rows: int | None = None) -> str:
    """Ask the router and lay its answers out, in a screen of ``rows`` lines if that is given.

    Raises
    ------
    StackError
        When the router does not answer with success.
    """
    return render(stack, stack.get("/v1/zones"), stack.get(ROUTE), rows)


def render(
    stack: Stack, zones: Mapping[str, Any], route: Mapping[str, Any], rows: int | None = None
) -> str:
    """Lay out the answers of ``/v1/zones`` and ``/v1/route``; the zones asked about come first."""
    simulated = stack.upstream == "simulated" or zones["simulated"]
    data = "SIMULATED data: no figure here is real" if simulated else "LIVE data"
    asked = {candidate["zone"] for candidate in route["candidates"]}
    found = sorted(zones["zones"], key=lambda zone: zone["zone"] not in asked)
    shown = found if rows is None else found[: max(len(asked), rows - SURROUNDINGS)]
    lines = [
        f"GreenStream — {data} — {zones['as_of']}",
        f"router {stack.router_url}",
        f"status page {stack.page_url}",
        "",
        f"a visitor in New York goes to {route['pop']} ({route['reason']})",
        route["reason_text"],
        "",
        *table([[title for title, _, _ in COLUMNS], *map(_cells, shown)]),
    ]
    if len(shown) < len(found):
        lines.append(f"… and {len(found) - len(shown)} more zones: see the status page")
    return "\n".join(lines)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Align columns; the first row is the heading."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cells(zone: Mapping[str, Any]) -> list[str]:
    values = ((zone.get(field), spec) for _, field, spec in COLUMNS)
    return ["" if value is None else format(value, spec) for value, spec in values]
