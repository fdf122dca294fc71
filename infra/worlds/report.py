"""The bench of worlds on a console, and as a part of a Markdown document."""

from collections.abc import Sequence
from typing import Final

from greenstream_tuning.replay import DEFAULT, OWNER_FORMULA, TUNED
from infra.documents import markdown_table
from infra.local.view import table
from infra.worlds.bench import Row
from infra.worlds.delays import DISTURBED
from infra.worlds.summary import DelayLine, described, goals_of, lines_of

BEGIN: Final = "<!-- worlds: make worlds -->"
END: Final = "<!-- /worlds -->"
NAMES: Final = (DEFAULT, OWNER_FORMULA, TUNED)

COLUMNS: Final = (
    "delays",
    "worlds",
    *NAMES,
    "best static",
    "nearest",
    "worst world to best static",
    "worst world to nearest",
)
IN_WORLD: Final = ("world", "nearest", "best static", "oracle", *NAMES)


def as_text(rows: Sequence[Row]) -> str:
    """Return the summary for a console: shares above the oracle, worst worlds, goals."""
    lines = lines_of(rows)
    goals = [[goal.verdict, goal.text, goal.figures] for goal in goals_of(lines)]
    return "\n".join(
        [
            f"All worlds together, carbon above the hourly oracle; the worst world of `{DEFAULT}`.",
            *table([COLUMNS, *map(_cells, lines)]),
            "",
            "Goals:" if goals else "No goal is judged: no world ran under the usual delays.",
            *table(goals),
        ]
    )


def _cells(line: DelayLine) -> list[str]:
    return [
        line.delay,
        str(line.worlds),
        *(f"{line.above_oracle[name]:+.2%}" for name in NAMES),
        f"{line.static_above_oracle:+.2%}",
        f"{line.nearest_above_oracle:+.2%}",
        described(line.worst_to_static),
        described(line.worst_to_nearest),
    ]


def as_markdown(rows: Sequence[Row], test_year: int) -> str:
    """Return what stands between the markers of the document: summary, goals, each world."""
    lines = lines_of(rows)
    parts = [
        f"Replayed on {test_year}. Yearly means are those of {test_year - 1}.",
        "### All worlds together, above the hourly oracle",
        markdown_table([COLUMNS, *map(_cells, lines)]),
        "### Goals",
        markdown_table(
            [
                ("goal of the default policy", "verdict", "figures"),
                *((goal.text, goal.verdict, goal.figures) for goal in goals_of(lines)),
            ]
        ),
    ]
    worlds = _worlds(rows)
    if worlds:
        parts += [f"### Each world, {DISTURBED}, g/kWh", markdown_table([IN_WORLD, *worlds])]
    return "\n\n".join(parts)


def _worlds(rows: Sequence[Row]) -> list[list[str]]:
    of_delay = [row for row in rows if row.delay == DISTURBED]
    delivered = {(row.world, row.policy): f"{row.delivered_gco2_kwh:.1f}" for row in of_delay}
    return [
        [
            row.world,
            f"{row.nearest_gco2_kwh:.1f}",
            f"{row.best_static_gco2_kwh:.1f}",
            f"{row.oracle_gco2_kwh:.1f}",
            *(delivered[row.world, name] for name in NAMES),
        ]
        for row in of_delay
        if row.policy == DEFAULT
    ]
