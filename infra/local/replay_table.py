"""The rows of a replay as a table for the console, and the sentences on what they leave out."""

from collections.abc import Sequence
from typing import Final

from greenstream_tuning.replay import ORACLE, Row
from greenstream_tuning.world import World
from infra.local.view import table

COLUMNS: Final = (
    "limit ms",
    "policy",
    "g/kWh",
    "reduction",
    "over oracle",
    "median ms",
    "p95 ms",
    "violations",
    "switches/year",
    "no reading",
    "their g/kWh",
)
HOUR_S: Final = 3600


def as_text(rows: Sequence[Row], world: World, step_s: int) -> str:
    """Return the rows as a table of aligned columns, with what they leave out below it."""
    oracle = {row.limit_ms: row.delivered_gco2_kwh for row in rows if row.policy == ORACLE}
    cells = [
        (
            f"{row.limit_ms:g}",
            row.policy,
            f"{row.delivered_gco2_kwh:.1f}",
            f"{row.reduction:.1%}",
            f"{row.delivered_gco2_kwh / oracle[row.limit_ms] - 1:+.2%}",
            f"{row.median_rtt_ms:.0f}",
            f"{row.p95_rtt_ms:.0f}",
            str(row.violations),
            f"{row.switches_per_year:.0f}",
            *fallback_cells(row),
        )
        for row in rows
    ]
    return "\n".join([*table([COLUMNS, *cells]), "", *left_out(rows, world, step_s)])


def fallback_cells(row: Row) -> tuple[str, str]:
    """Return the share of the decisions without a reading, and what these delivered in g/kWh."""
    share, gco2_kwh = row.fallback_share, row.fallback_delivered_gco2_kwh
    return (
        "" if share is None else f"{share:.1%}",
        "" if gco2_kwh is None else f"{gco2_kwh:.1f}",
    )


def left_out(rows: Sequence[Row], world: World, step_s: int) -> list[str]:
    """Return sentences on the decisions without a reading, the steps skipped, and the POPs.

    Parameters
    ----------
    rows
        The rows of one replay, which skip the same steps; there is at least one.
    world
        Its world.
    step_s
        The time between two decisions, in seconds.
    """
    steps, skipped = rows[0].steps, rows[0].skipped_steps
    fallbacks = (
        "`no reading` is the share of decisions for a POP whose figure was an hour's mean, a "
        "yearly mean or unknown instead of a reading; `their g/kWh` is what they delivered. The "
        "figures of the policies include them."
    )
    unknown = (
        f"{skipped:,} of {steps + skipped:,} steps ({skipped * step_s / HOUR_S:,.0f} h) are in no "
        "figure, because the true intensity of some POP is not known there."
    )
    places = "No place is left out for want of figures."
    if world.left_out:
        count = len(world.left_out)
        places = (
            f"{count} {'place is' if count == 1 else 'places are'} left out, because grid "
            f"figures are missing: {', '.join(world.left_out)}."
        )
    return [fallbacks, unknown, places]
