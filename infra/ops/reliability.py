"""Writes what `make chaos` has tried into ``infra/docs/RELIABILITY.md``, between its markers.

``python -m infra.ops.reliability`` reads ``.local/chaos.json``, which the tests of ``tests/chaos``
write at the end of a whole run.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
RUN: Final = ROOT / ".local/chaos.json"
DOCUMENT: Final = ROOT / "infra/docs/RELIABILITY.md"
START, END = "<!-- chaos: make chaos -->", "<!-- /chaos -->"
SPAN: Final = "span: "
SUITES: Final = {
    "store faults": "the table throttles, fails, breaks off, drips or is late",
    "fault matrix": "each provider's upstream has each fault",
    "fault matrix, deployed": "the same, some cells on the deployed functions",
    "soak": "all schedules, faults and load under a simulated clock",
    "delivery": "readings come late, twice, in every order and from runs that race",
    "upgrade": "old and new code read and write one table",
    "hardening": "hostile answers, secrets, the page's policy",
    "input": "questions, events and reports of any shape; lies",
}
"""What each suite tries, in the order of the document."""

Suite = Mapping[str, Any]


def markdown(run: Mapping[str, Any]) -> str:
    """Return the tables of a run.

    Parameters
    ----------
    run
        The content of ``chaos.json``: ``date``, ``python``, ``processors``, and ``suites`` with the
        figures of each suite by its name.

    Raises
    ------
    KeyError
        When a suite or one of its figures is missing, as after a run of a part.
    """
    suites: Mapping[str, Suite] = run["suites"]
    lines = [
        f"Run on {run['date']} with Python {run['python']} on {run['processors']} processors.",
        "",
        *_table(
            ("suite", "what happens", "cases", "passed", "minutes"),
            (
                (
                    name,
                    what,
                    f"{suites[name]['cases']:,}",
                    f"{suites[name]['passed']:,}",
                    f"{suites[name]['seconds'] / 60:.1f}",
                )
                for name, what in SUITES.items()
            ),
        ),
        "",
        "### A store that fails under load",
        "",
        *_store(suites["store faults"]),
        "",
        "### Every fault of every upstream",
        "",
        *_matrix(suites["fault matrix"]),
        "",
        "### Simulated time",
        "",
        *_spans(suites["soak"]),
    ]
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Iterator[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def _store(suite: Suite) -> Iterator[str]:
    names = (
        "minutes", "requests/s", "cases", "failed", "degraded decisions", "reports turned away",
        "requests spoilt", "runs", "runs failed", "readings delivered", "readings lost",
        "p50 ms", "p99 ms", "slowest ms",
    )  # fmt: skip
    shown = {"cases": "requests answered", "requests spoilt": "requests to the table spoilt"}
    yield from _table(
        ("figure", "value"),
        ((shown.get(name, name), f"{suite[name]:,}") for name in names),
    )


def _matrix(suite: Suite) -> Iterator[str]:
    cells = {(row, column): passed for row, column, passed in suite["cells"]}
    rows = list(dict.fromkeys(row for row, _ in cells))
    columns = list(dict.fromkeys(column for _, column in cells))
    marks = {True: "✓", False: "✗", None: ""}
    yield from _table(
        ("fault", *columns),
        ((row, *(marks[cells.get((row, column))] for column in columns)) for row in rows),
    )


def _spans(suite: Suite) -> Iterator[str]:
    spans = {name.removeprefix(SPAN): figures for name, figures in suite.items() if SPAN in name}
    names = list(dict.fromkeys(name for figures in spans.values() for name in figures))
    yield from _table(
        ("span", *names),
        ((why, *(f"{figures[name]:,}" for name in names)) for why, figures in spans.items()),
    )


def main() -> int:
    """Write the tables; return 1 where no whole run has been made."""
    try:
        tables = markdown(json.loads(RUN.read_text()))
    except (OSError, KeyError) as error:
        print(
            f"greenstream: {RUN.name} is of no whole run ({error!r}): make chaos", file=sys.stderr
        )
        return 1
    before, _, rest = DOCUMENT.read_text().partition(START)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{START}\n{tables}\n{END}{after}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
