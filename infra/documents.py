"""Parts of Markdown documents that a command writes anew between two markers."""

from collections.abc import Sequence
from pathlib import Path


class ReportError(Exception):
    """The report cannot be written; the message says why."""


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table, whose first row is its head."""
    head, *body = (f"| {' | '.join(cells)} |" for cells in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def write_between_markers(document: Path, markers: tuple[str, str], text: str) -> None:
    """Put a text between the markers of a document, in the place of what stood there.

    Raises
    ------
    ReportError
        When the document has no markers.
    OSError
        When it cannot be read or written.
    """
    begin_marker, end_marker = markers
    before, begin, rest = document.read_text(encoding="utf-8").partition(begin_marker)
    _, end, after = rest.partition(end_marker)
    if not begin or not end:
        raise ReportError(f"{document} has no {begin_marker} … {end_marker}")
    document.write_text(f"{before}{begin_marker}\n{text}\n{end_marker}{after}", encoding="utf-8")
