"""How the suites that try to break things are counted, printed and, when run whole, written down.

Each module is one suite, named by its SUITE; each of its tests is one case, unless it records the
property `cases` (a search over thousands of orders is one test and thousands of cases). Any other
property a test records is a figure of its suite.
"""

import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

REPORT = Path(".local/chaos.json")
WHOLE = os.environ.get("CHAOS") == "whole"

_suites: dict[str, dict[str, Any]] = defaultdict(lambda: {"cases": 0, "passed": 0, "seconds": 0.0})


@pytest.fixture(scope="session")
def whole() -> bool:
    """True under `make chaos` (minutes), False for the short part that `make check` runs."""
    return WHOLE


def pytest_itemcollected(item: pytest.Item) -> None:
    module = item.getparent(pytest.Module)
    assert module is not None
    item.user_properties.append(("suite", module.obj.SUITE))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    properties = dict(report.user_properties)
    counted = report.when == "call" or not report.passed
    if report.skipped or not counted:
        return
    suite = _suites[str(properties.pop("suite"))]
    cases = int(str(properties.pop("cases", 1)))
    suite["cases"] += cases
    suite["passed"] += cases if report.passed else 0
    suite["seconds"] = round(suite["seconds"] + report.duration, 1)
    suite.update(properties)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _suites:
        return
    terminalreporter.section("what was tried")
    for name, suite in _suites.items():
        figures = ", ".join(f"{key} {value}" for key, value in suite.items())
        terminalreporter.write_line(f"{name}: {figures}")
    if WHOLE:
        REPORT.parent.mkdir(exist_ok=True)
        REPORT.write_text(json.dumps(_suites, indent=1) + "\n")
        terminalreporter.write_line(f"written to {REPORT}")
