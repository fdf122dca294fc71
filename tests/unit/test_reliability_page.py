"""The page on reliability holds the figures of a whole run of `make chaos`, failures included."""

import json
from pathlib import Path
from typing import Any

import pytest

from infra.ops import reliability

STORE = (
    "minutes", "requests/s", "failed", "degraded decisions", "reports turned away",
    "requests spoilt", "runs", "runs failed", "readings delivered", "readings lost", "p50 ms",
    "p99 ms", "slowest ms",
)  # fmt: skip


def a_run() -> dict[str, Any]:
    suites: dict[str, dict[str, Any]] = {
        name: {"cases": 1200, "passed": 1199, "seconds": 90.0} for name in reliability.SUITES
    }
    suites["store faults"] |= dict.fromkeys(STORE, 7)
    suites["fault matrix"]["cells"] = [
        ["hang", "eso", True],
        ["hang", "ons", False],
        ["frozen", "eso", True],
    ]
    suites["soak"]["span: the year ends"] = {"hours": 24, "runs": 4000}
    return {"date": "2026-11-28", "python": "3.11.7", "processors": 2, "suites": suites}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    document = tmp_path / "RELIABILITY.md"
    document.write_text(f"before\n{reliability.START}\nold\n{reliability.END}\nafter\n")
    monkeypatch.setattr(reliability, "DOCUMENT", document)
    monkeypatch.setattr(reliability, "RUN", tmp_path / "chaos.json")
    return document


def test_the_page_states_each_suite_each_cell_and_each_span(page: Path) -> None:
    reliability.RUN.write_text(json.dumps(a_run()))
    assert reliability.main() == 0
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "old" not in lines
    for name, what in reliability.SUITES.items():
        assert f"| {name} | {what} | 1,200 | 1,199 | 1.5 |" in lines
    assert "| fault | eso | ons |" in lines
    assert "| hang | ✓ | ✗ |" in lines
    assert "| frozen | ✓ |  |" in lines
    assert "| the year ends | 24 | 4,000 |" in lines
    assert "| requests answered | 1,200 |" in lines


@pytest.mark.parametrize("missing", ["soak", "store faults", "fault matrix"])
def test_a_run_of_a_part_changes_nothing(
    page: Path, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    run = a_run()
    del run["suites"][missing]
    before = page.read_text()
    for text in (json.dumps(run), None):
        reliability.RUN.unlink(missing_ok=True)
        if text is not None:
            reliability.RUN.write_text(text)
        assert reliability.main() == 1
        assert "make chaos" in capsys.readouterr().err
    assert page.read_text() == before


def test_the_projects_page_has_the_place_of_the_figures_once() -> None:
    text = (reliability.ROOT / "infra/docs/RELIABILITY.md").read_text()
    assert text.count(reliability.START) == text.count(reliability.END) == 1
    assert text.index(reliability.START) < text.index(reliability.END)
