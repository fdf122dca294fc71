"""The page that `greenstream run` shows in the terminal: a decision and the zones' figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.stack import Stack

ROUTE = "/v1/route?pops=sfo,lax,iad,nyc,lon,ams&lat=40.7&lon=-74.0"
"""The question whose answer is shown: a visitor in New York, and all six POPs."""

SURROUNDINGS = 16
"""Lines of the page that are not zones, at most."""

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
    """Ask the router and return its answers as text, of at most ``rows`` lines if that is given.

    Raises
    ------
    StackError
        When the router does not answer, or answers with an error.
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
    """Return the answers of ``/v1/zones``, ``/v1/route`` and ``/v1/providers`` as text.

    The zones that the decision compares come first, with the figures that it compares, because a
    zone may have a newer figure of another kind.
    """
    simulated = stack.upstream == "simulated" or zones["simulated"]
    data = "SIMULATED data: no figure here is real" if simulated else "LIVE data"
    compared = {candidate["zone"]: candidate for candidate in route["candidates"]}
    listed = sorted(zones["zones"], key=lambda zone: zone["zone"] not in compared)
    shown = listed if rows is None else listed[: max(len(compared), rows - SURROUNDINGS)]
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
    if len(shown) < len(listed):
        lines.append(f"… and {len(listed) - len(shown)} more zones, which the status page shows")
    kinds = ", ".join(route["ranking"]["kinds"])
    lines.append(
        f"the first {len(compared)} zones show the figures that the decision compares ({kinds}); "
        "the others show their best figure of any kind"
    )
    return "\n".join(lines)


def _failing(providers: Sequence[Mapping[str, Any]], as_of: str) -> list[str]:
    """Name the providers whose last run failed, although their zones' readings may be live."""
    failing = [provider for provider in providers if provider["state"] == "failed"]
    if not failing:
        return []
    named = ", ".join(
        f"{provider['provider']} {_since(provider['last_success_at'], as_of)}"
        for provider in failing
    )
    return [f"{len(failing)} of {len(providers)} providers are failing: {named}"]


def _since(last_success_at: str | None, as_of: str) -> str:
    if last_success_at is None:
        return "since its first run"
    day, _, time = last_success_at.partition("T")
    return f"since {'' if as_of.startswith(day) else f'{day} '}{time[:5]}Z"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with aligned columns; the first row is the heading."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _cells(zone: Mapping[str, Any]) -> list[str]:
    values = ((zone.get(field), spec) for _, field, spec in COLUMNS)
    return ["" if value is None else format(value, spec) for value, spec in values]
