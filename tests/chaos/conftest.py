"""Counts and prints the results of the fault suites; ``make chaos`` also writes them to a file.

Each module is one suite, named by its SUITE; each of its tests is one case, unless it records the
property `cases` (a search over thousands of orders is one test and thousands of cases). A test that
records the property `cell` (row, column, seconds, peak MB) is a cell of its suite's table; the
lines of the property `notes` are printed below it. Any other property that a test records is
reported as a figure of its suite.

The suites run in one process, since their tests share simulators and a table and measure times.
Tests of other folders in the same run are not counted.
"""

import json
import os
import platform
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from greenstream.domain.clock import utc_now

REPORT = Path(".local/chaos.json")
WHOLE = os.environ.get("CHAOS") == "whole"

Cell = tuple[str, str, float, float]

_cells: dict[str, list[tuple[Cell, bool]]] = defaultdict(list)
_notes: dict[str, list[str]] = defaultdict(list)
_suites: dict[str, dict[str, Any]] = defaultdict(lambda: {"cases": 0, "passed": 0, "seconds": 0.0})


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a run in several processes.

    Raises
    ------
    pytest.UsageError
        When pytest was asked for several processes (``-n``).
    """
    if config.getoption("numprocesses", None) or hasattr(config, "workerinput"):
        raise pytest.UsageError(
            "the tests of tests/chaos share simulators and measure times, so that they run in one "
            "process: run this folder alone with -n 0"
        )


@pytest.fixture(scope="session")
def whole() -> bool:
    """Return True under `make chaos` (minutes), False for the short part that `make check` runs."""
    return WHOLE


def pytest_itemcollected(item: pytest.Item) -> None:
    module = item.getparent(pytest.Module)
    assert module is not None
    item.user_properties.append(("suite", module.obj.SUITE))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    properties = dict(report.user_properties)
    counted = report.when == "call" or not report.passed
    if report.skipped or not counted or "suite" not in properties:
        return
    name = str(properties.pop("suite"))
    suite = _suites[name]
    if "cell" in properties:
        cell = cast("Cell", properties.pop("cell"))
        _cells[name].append((cell, report.passed))
        suite["max_memory_mb"] = max(suite.get("max_memory_mb", 0.0), round(cell[3], 1))
        slowest = suite.get("slowest_cell", {"seconds": 0.0})
        if cell[2] > slowest["seconds"]:
            shown = {"row": cell[0], "column": cell[1], "seconds": round(cell[2], 1)}
            suite["slowest_cell"] = shown
    _notes[name] += cast("list[str]", properties.pop("notes", []))
    cases = int(str(properties.pop("cases", 1)))
    suite["cases"] += cases
    suite["passed"] += cases if report.passed else 0
    suite["seconds"] = round(suite["seconds"] + report.duration, 1)
    suite.update(properties)


def table_of(cells: list[tuple[Cell, bool]]) -> Iterator[str]:
    """Yield a suite's table line by line; rows and columns have the order of their first test."""
    rows = list(dict.fromkeys(cell[0] for cell, _ in cells))
    columns = list(dict.fromkeys(cell[1] for cell, _ in cells))
    shown = {
        (cell[0], cell[1]): f"{'✓' if passed else '✗'} {cell[2]:5.1f} {cell[3]:5.0f}"
        for cell, passed in cells
    }
    yield f"{'':24}" + "".join(f"{column:>17}" for column in columns)
    for row in rows:
        yield f"{row:24}" + "".join(f"{shown.get((row, column), '-'):>17}" for column in columns)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _suites:
        return
    for name, cells in _cells.items():
        terminalreporter.section(f"{name}: ✓ or ✗, seconds, peak MB")
        for line in table_of(cells):
            terminalreporter.write_line(line)
        for note in _notes[name]:
            terminalreporter.write_line(f"no cell: {note}")
    terminalreporter.section("what was tried")
    for name, suite in _suites.items():
        figures = ", ".join(f"{key} {value}" for key, value in suite.items())
        terminalreporter.write_line(f"{name}: {figures}")
    if WHOLE:
        for name, cells in _cells.items():
            _suites[name]["cells"] = [(row, column, ok) for (row, column, *_), ok in cells]
        run = {
            "date": f"{utc_now():%Y-%m-%d}",
            "python": platform.python_version(),
            "processors": os.cpu_count(),
            "suites": _suites,
        }
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps(run, indent=1) + "\n")
        terminalreporter.write_line(f"written to {REPORT}")
