"""The validation on a console, and as a part of a Markdown document."""

from collections.abc import Sequence
from typing import Final

from infra.documents import markdown_table
from infra.local.view import table
from infra.validation.row import Row, Verdict

MARKERS: Final = ("<!-- validation: make validate -->", "<!-- /validation -->")


def as_text(rows: Sequence[Row]) -> str:
    """Return the verdicts for a console, a line for each row."""
    lines = table([(row.verdict, row.question, row.against, row.numbers) for row in rows])
    return "\n".join([*lines, "", counted(rows)])


def counted(rows: Sequence[Row]) -> str:
    """Return how many rows have which verdict."""
    counts = ((sum(row.verdict is verdict for row in rows), verdict) for verdict in Verdict)
    return ", ".join(f"{count} {verdict}" for count, verdict in counts)


def as_markdown(rows: Sequence[Row]) -> str:
    """Return what stands between the markers of the document."""
    parts = [
        f"{counted(rows)}.",
        markdown_table(
            [
                ("question", "against", "what was measured", "limit", "verdict"),
                *(
                    (row.question, row.against, row.numbers, row.limit or "-", f"**{row.verdict}**")
                    for row in rows
                ),
            ]
        ),
    ]
    for row in rows:
        if row.detail:
            parts += [
                f"### What differs for a reason: {row.against}",
                markdown_table([row.head, *row.detail]),
            ]
    return "\n\n".join(parts)
