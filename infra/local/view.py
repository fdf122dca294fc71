"""The live page in the terminal: what every zone says now, and what the router makes of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.stack import Stack

ROUTE = "/v1/route?pops=sfo,lax,iad,nyc,lon,ams&lat=40.7&lon=-74.0"
"""The question shown: a visitor in New York, all six POPs."""

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


def page(stack: Stack) -> str:
    """Ask the router and lay its answers out.

    Raises
    ------
    StackError
        When the router does not answer with success.
    """
    return render(stack, stack.get("/v1/zones"), stack.get(ROUTE))


def render(stack: Stack, zones: Mapping[str, Any], route: Mapping[str, Any]) -> str:
    """Lay out the answers of ``/v1/zones`` and ``/v1/route``."""
    simulated = stack.upstream == "simulated" or zones["simulated"]
    data = "SIMULATED data: no figure here is real" if simulated else "LIVE data"
    lines = [
        f"GreenStream — {data} — {zones['as_of']}",
        f"router {stack.router_url}",
        "",
        *table([[title for title, _, _ in COLUMNS], *map(_cells, zones["zones"])]),
        "",
        f"a visitor in New York goes to {route['pop']} ({route['reason']})",
        route["reason_text"],
    ]
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
