"""The page that `greenstream run` shows in the terminal: a decision and the zones' figures."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from greenstream.domain.ladder import Freshness
from infra.local.stack import Stack

ROUTE = "/v1/route?pops=sfo,lax,iad,nyc,lon,ams&lat=40.7&lon=-74.0"
"""The question whose answer is shown: a visitor in New York, and all six POPs."""

AROUND = 4
"""Lines that the terminal shows below the page, with the one that is left to the cursor."""

BESIDE_THE_TABLE = 4
"""Lines of the page between its head and the end that are no zones, at most."""

WIDTH = 100
"""Characters in a line of the reasons why an answer is degraded, at most."""

CAPPED = "* the penalty is capped: by its age alone it would be higher"

COLUMNS = (
    ("zone", "zone", ""),
    ("g/kWh", "gco2_kwh", ".0f"),
    ("signal", "signal", ""),
    ("basis", "basis", ""),
    ("scope", "scope", ""),
    ("factors", "factor_set", ""),
    ("provider", "provider", ""),
    ("age s", "age_s", ".0f"),
    ("expected", "expected_gco2_kwh", ".1f"),
    ("penalty", "penalty_gco2_kwh", ".1f"),
    ("adj_carbon", "adj_carbon_gco2_kwh", ".1f"),
    ("rung", "rung", ""),
)


def page(stack: Stack, rows: int | None = None) -> str:
    """Ask the router and return its answers as text, of at most ``rows`` lines if that is given.

    Raises
    ------
    StackError
        When the router does not answer, or answers with an error.
    """
    zones, route, health = map(stack.get, ("/v1/zones", ROUTE, "/v1/health"))
    return render(stack, zones, route, health, rows)


def render(
    stack: Stack,
    zones: Mapping[str, Any],
    route: Mapping[str, Any],
    health: Mapping[str, Any],
    rows: int | None = None,
) -> str:
    """Return the answers of ``/v1/zones``, ``/v1/route`` and ``/v1/health`` as text.

    The zones that the decision compares come first, with the figures that it compares, because a
    zone may have a newer figure of another kind. How good the figures are is what ``/v1/health``
    and ``/v1/route`` say of themselves.
    """
    simulated = stack.upstream == "simulated" or zones["simulated"]
    compared = {candidate["zone"]: candidate for candidate in route["candidates"]}
    figures = [
        compared.get(zone["zone"], zone)
        for zone in sorted(zones["zones"], key=lambda zone: zone["zone"] not in compared)
    ]
    head = [
        f"GreenStream — {_data(health, simulated=simulated)} — {zones['as_of']}",
        f"router {stack.router_url}",
        f"status page {stack.page_url}",
        f"health {health['status']}; zones that have a source: {_counts(health)}",
        *textwrap.wrap(health["degraded_reason"] or "", WIDTH, break_on_hyphens=False),
        "",
        f"a visitor in New York goes to {route['pop']} ({route['reason']})",
        route["reason_text"],
        f"figures of this decision: {_counts(route)}",
        "",
    ]
    kinds = ", ".join(route["ranking"]["kinds"])
    note = (
        f"the first {len(compared)} zones show the figures that the decision compares ({kinds}); "
        "the others show their best figure of any kind"
    )
    shown = figures
    if rows is not None:
        around = len(head) + BESIDE_THE_TABLE + AROUND
        shown = figures[: max(len(compared), rows - around)]
    left_out = len(figures) - len(shown)
    return "\n".join(
        [
            *head,
            *table([[title for title, _, _ in COLUMNS], *map(_cells, shown)]),
            *([f"… and {left_out} more zones, which the status page shows"] if left_out else []),
            note,
            *([CAPPED] if any(figure.get("penalty_capped") for figure in shown) else []),
        ]
    )


def _data(health: Mapping[str, Any], *, simulated: bool) -> str:
    """Return whether the figures are real, and whether any of them is live."""
    parts = ["SIMULATED data: no figure here is real"] if simulated else []
    if health["freshness"] != Freshness.LIVE:
        parts.append("nothing live")
    return " — ".join(parts) or "LIVE data"


def _counts(answer: Mapping[str, Any]) -> str:
    """Return how many figures of an answer are live, and plainly where none is."""
    counts = ", ".join(f"{count} {name}" for name, count in answer["figures"].items())
    return counts if answer["freshness"] == Freshness.LIVE else f"nothing live ({counts})"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with aligned columns; the first row is the heading."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cells(figure: Mapping[str, Any]) -> list[str]:
    marks = {
        "penalty_gco2_kwh": "*" if figure.get("penalty_capped") else "",
        "rung": ", disputed" if figure.get("disputed") else "",
    }
    return [
        "" if (value := figure.get(field)) is None else f"{value:{spec}}{marks.get(field, '')}"
        for _, field, spec in COLUMNS
    ]
