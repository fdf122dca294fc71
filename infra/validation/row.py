"""A row of the validation report: one question, what it was judged against, and the verdict."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Verdict(StrEnum):
    """How a question was answered."""

    HELD = "held"
    MISSED = "missed"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Row:
    """One judged question.

    Parameters
    ----------
    question
        What is asked, such as ``right mix``.
    against
        What the product's figures were compared with.
    numbers
        What was measured, with units, or why nothing was.
    limit
        The limit that decides the verdict, which was set before the comparison ran.
    verdict
        Whether the limit holds.
    head, detail
        The head and the lines of a table below the report, of what differs for a reason.
    """

    question: str
    against: str
    numbers: str
    limit: str
    verdict: Verdict
    head: tuple[str, ...] = ()
    detail: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def judged(cls, question: str, against: str, numbers: str, limit: str, *, held: bool) -> "Row":
        """Return the row of a comparison that ran."""
        return cls(question, against, numbers, limit, Verdict.HELD if held else Verdict.MISSED)

    @classmethod
    def not_run(cls, question: str, against: str, why: str) -> "Row":
        """Return the row of a comparison that could not run, which says why."""
        return cls(question, against, why, "", Verdict.NOT_RUN)


@dataclass(frozen=True, slots=True)
class Material:
    """Where the material of the comparisons lies. Nothing of it ships with the project.

    Parameters
    ----------
    recordings
        Real answers of providers, a folder for each.
    datasets
        Traces of carbon intensity and tables of places.
    peers
        A folder into which the packages of ``peers.txt`` are installed.
    """

    recordings: Path
    datasets: Path
    peers: Path
