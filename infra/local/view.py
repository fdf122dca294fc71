"""The live page in the terminal: what every zone says now, and what the router makes of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.stack import Stack

ROUTE = "/v1/route?pops=sfo,lax,iad,nyc,lon,ams&lat=40.7&lon=-74.0"
"""The question shown: a visitor in New York, all six POPs."""

SURROUNDINGS = 16
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
    zones, route, providers = map(stack.get, ("/v1/zones", ROUTE, "/v1/providers"))
    return render(stack, zones, route, providers, rows)


def render(
    stack: Stack,
    zones: Mapping[str, Any],
    route: Mapping[str, Any],
    providers: Mapping[str, Any],
    rows: int | None = None,
) -> str:
    """Lay out the answers of ``/v1/zones``, ``/v1/route`` and ``/v1/providers``.

    The zones that the decision compares come first, with the very figures it compares: a zone may
    have a newer one of another kind.
    """
    simulated = stack.upstream == "simulated" or zones["simulated"]
    data = "SIMULATED data: no figure here is real" if simulated else "LIVE data"
    compared = {candidate["zone"]: candidate for candidate in route["candidates"]}
    found = sorted(zones["zones"], key=lambda zone: zone["zone"] not in compared)
    shown = found if rows is None else found[: max(len(compared), rows - SURROUNDINGS)]
    lines = [
        f"GreenStream — {data} — {zones['as_of']}",
        f"router {stack.router_url}",
        f"status page {stack.page_url}",
        "",
        f"a visitor in New York goes to {route['pop']} ({route['reason']})",
        route["reason_text"],
        *_failing(providers["providers"], zones["as_of"]),
        "",
        *table(
            [
                [title for title, _, _ in COLUMNS],
                *(_cells(compared.get(zone["zone"], zone)) for zone in shown),
            ]
        ),
    ]
    if len(shown) < len(found):
        lines.append(f"… and {len(found) - len(shown)} more zones: see the status page")
    kinds = ", ".join(route["ranking"]["kinds"])
    lines.append(
        f"the first {len(compared)}: as the decision compares them ({kinds}); "
        "the others: their best figure of any kind"
    )
    return "\n".join(lines)


def _failing(providers: Sequence[Mapping[str, Any]], as_of: str) -> list[str]:
    """Name the providers whose last run failed: their zones' last readings may still be live."""
    failing = [one for one in providers if one["state"] == "failed"]
    if not failing:
        return []
    named = ", ".join(
        f"{one['provider']} {_since(one['last_success_at'], as_of)}" for one in failing
    )
    return [f"{len(failing)} of {len(providers)} providers failing: {named}"]


def _since(last_success_at: str | None, as_of: str) -> str:
    if last_success_at is None:
        return "without a success"
    day, _, time = last_success_at.partition("T")
    return f"since {'' if as_of.startswith(day) else f'{day} '}{time[:5]}Z"


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
