"""Decision records are short, dated, numbered without gaps, and say how to revert them."""

import re
from pathlib import Path

import pytest

from tests.template.conftest import ROOT

DECISIONS = sorted((ROOT / "infra/adr").glob("[0-9]*.md"))
ASKED_BY_A_NEWCOMER = {
    "one-on-demand-table",
    "no-tracer",
    "gridstatus-in-its-own-layer",
    "like-for-like-ranking",
    "latency-is-a-constraint",
    "signed-requests-from-the-worker",
    "emulated-aws-for-development",
}


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_says_why_and_how_to_revert_it(path: Path) -> None:
    text = path.read_text()
    assert re.search(r"^\d{4}-\d{2}-\d{2} · ", text, re.MULTILINE)
    for part in ("Context", "Decision", "To revert"):
        assert f"**{part}.**" in text
    assert len(text.split()) < 400


def test_each_choice_that_a_newcomer_would_question_has_a_decision() -> None:
    assert {path.stem[5:] for path in DECISIONS} >= ASKED_BY_A_NEWCOMER


def test_no_number_is_missing_or_given_twice() -> None:
    numbers = [int(path.stem[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))
    assert all(
        path.read_text().startswith(f"# {number}. ")
        for number, path in zip(numbers, DECISIONS, strict=True)
    )


def test_each_decision_is_in_the_index_once_and_in_order() -> None:
    index = (ROOT / "infra/adr/README.md").read_text()
    rows = re.findall(r"^\| \[(\d+)\]\(([\w.-]+)\) \| \S", index, re.MULTILINE)
    assert rows == [(str(int(path.stem[:4])), path.name) for path in DECISIONS]
