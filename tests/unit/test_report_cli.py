"""``greenstream report``: the router's own lines, added up and put into words."""

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from greenstream.api.decision_log import COMPARED
from greenstream.cli.main import main
from greenstream.cli.report import as_text, log_lines, summed


def a_line(decisions: int, delivered: float, nearest: float, static: float) -> dict[str, Any]:
    return {
        "level": "INFO",
        "message": COMPARED,
        "decisions": decisions,
        "delivered_gco2_kwh": delivered,
        "nearest_gco2_kwh": nearest,
        "best_static_gco2_kwh": static,
        "added_rtt_ms": 20.0,
    }


@pytest.mark.parametrize("days", ["nan", "inf", "1e9", "-1", "0", "a week"])
def test_a_time_that_no_log_holds_is_refused_by_name(
    days: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["greenstream", "report", f"--days={days}"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"argument --days: {days} is not a number above 0 and at most 3653" in said


@pytest.mark.parametrize("words", ["report --log-group g", "policy list --table t"])
def test_without_a_region_a_deployed_stack_is_refused_in_a_line(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # it remembers a Region
    monkeypatch.setattr(sys, "argv", ["greenstream", *words.split()])
    assert main() == 1
    assert capsys.readouterr().err.strip().endswith("You must specify a region.")


class Logs:
    """A log of two pages, with lines that are nobody's."""

    def __init__(self, *messages: str) -> None:
        self.messages = messages
        self.asked: dict[str, Any] = {}

    def get_paginator(self, operation: str) -> "Logs":
        assert operation == "filter_log_events"
        return self

    def paginate(self, **asked: Any) -> list[dict[str, Any]]:
        self.asked = asked
        word = asked["filterPattern"].strip('"')
        return [{"events": [{"message": message}]} for message in self.messages if word in message]


METRICS = {"_aws": {"Timestamp": 1}, "service": "router", "Decisions": [3.0, 2.0]}


def test_only_comparisons_and_counts_are_read() -> None:
    line = a_line(1, 1.0, 2.0, 3.0)
    told = json.dumps({"message": "answered", "why": f"{COMPARED}, Decisions"})
    messages = ["START RequestId: compared", told, line, '"compared"', METRICS]
    logs: Any = Logs(*(one if isinstance(one, str) else json.dumps(one) for one in messages))
    since, until = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)

    assert list(log_lines(logs, "/aws/lambda/x-router", since, until)) == [line, METRICS]
    assert logs.asked["endTime"] - logs.asked["startTime"] == 7 * 86_400_000


def test_requests_are_all_that_were_decided_compared_or_not() -> None:
    total = summed([METRICS, a_line(4, 100.0, 400.0, 100.0)])

    assert (total["requests"], total["decisions"]) == (5, 4)
    assert "5 requests in the last 7 days; 4 decisions had" in as_text(total, days=7)


def test_means_are_by_decisions() -> None:
    total = summed([a_line(1, 100.0, 400.0, 100.0), a_line(3, 200.0, 200.0, 200.0)])

    assert total["decisions"] == 4
    assert total["delivered_gco2_kwh"] == 175
    assert total["nearest_gco2_kwh"] == 250
    assert total["below_nearest"] == pytest.approx(0.3)
    assert total["below_best_static"] == 0


def test_it_says_so_when_a_static_choice_would_have_been_better() -> None:
    text = as_text(summed([a_line(10, 120.0, 300.0, 100.0)]), days=7)

    assert "delivered is 60.0% below it" in text
    assert "delivered is 20.0% above it" in text
    assert "attributional and location-based" in text
    assert "longer by 20.0 ms" in text


def test_nothing_to_compare_is_no_figure() -> None:
    assert summed([]) == {"requests": 0, "decisions": 0}
    assert "none of their decisions could be compared" in as_text(summed([]), days=7)
