"""``greenstream report`` adds up the router's log lines and describes the result in words."""

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
from greenstream.domain.attribution import Comparison


def a_line(decisions: int, delivered: float, nearest: float, static: float) -> dict[str, Any]:
    """Return a log line in the format from before the router counted the other decisions."""
    return {
        "level": "INFO",
        "message": COMPARED,
        "decisions": decisions,
        "delivered_gco2_kwh": delivered,
        "nearest_gco2_kwh": nearest,
        "best_static_gco2_kwh": static,
        "added_rtt_ms": 20.0,
    }


def a_line_of_the_rest(
    *, fallback: int = 0, difference: float = 0.0, hidden_loss: float = 0.0, uncompared: int = 0
) -> dict[str, Any]:
    """Return the log line of a minute in which no decision used observed figures alone.

    The line omits each mean over zero decisions, as the router does.
    """
    compared = Comparison(
        fallback_decisions=fallback,
        fallback_difference_gco2_kwh=difference * fallback,
        fallback_hidden_loss_gco2_kwh=hidden_loss * fallback,
        uncompared_decisions=uncompared,
    )
    return {"level": "INFO", "message": COMPARED, **compared.means()}


def text_of(*lines: dict[str, Any]) -> str:
    """Return the report of some log lines without its line breaks."""
    return " ".join(as_text(summed(lines), days=7).split())


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
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # a session stores its Region
    monkeypatch.setattr(sys, "argv", ["greenstream", *words.split()])
    assert main() == 1
    assert capsys.readouterr().err.strip().endswith("You must specify a region.")


class Logs:
    """A client of CloudWatch Logs that returns each matching message on a page of its own."""

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
    logs: Any = Logs(
        *(message if isinstance(message, str) else json.dumps(message) for message in messages)
    )
    since, until = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 8, tzinfo=UTC)

    assert list(log_lines(logs, "/aws/lambda/x-router", since, until)) == [line, METRICS]
    assert logs.asked["endTime"] - logs.asked["startTime"] == 7 * 86_400_000


def test_requests_are_all_that_were_decided_compared_or_not() -> None:
    total = summed([METRICS, a_line(4, 100.0, 400.0, 100.0)])

    assert (total["requests"], total["decisions"]) == (5, 4)
    text = as_text(total, days=7)
    assert text.startswith("5 requests in the last 7 days.\n4 decisions had")


def test_means_are_by_decisions() -> None:
    total = summed([a_line(1, 100.0, 400.0, 100.0), a_line(3, 200.0, 200.0, 200.0)])

    assert total["decisions"] == 4
    assert total["delivered_gco2_kwh"] == 175
    assert total["nearest_gco2_kwh"] == 250
    assert total["below_nearest"] == pytest.approx(0.3)
    assert total["below_best_static"] == 0


def test_the_report_says_so_when_a_static_choice_would_have_been_better() -> None:
    text = as_text(summed([a_line(10, 120.0, 300.0, 100.0)]), days=7)

    assert "delivered is 60.0% below it" in text
    assert "delivered is 20.0% above it" in text
    assert "attributional and location-based" in text
    assert "longer by 20.0 ms" in text


def test_without_anything_to_compare_no_figure_is_given() -> None:
    assert summed([]) == {
        "requests": 0,
        "decisions": 0,
        "fallback_decisions": 0,
        "uncompared_decisions": 0,
        "uncounted_requests": 0,
    }
    text = text_of()
    assert "0 requests in the last 7 days" in text
    assert "No decision had observed figures of one kind for every baseline" in text
    assert "g/kWh" not in text


class TestDecisionsOnUsualValues:
    def test_their_means_are_weighted_by_their_own_count(self) -> None:
        total = summed(
            [
                a_line(100, 10.0, 20.0, 15.0),
                a_line_of_the_rest(fallback=1, difference=40.0, hidden_loss=0.0),
                a_line_of_the_rest(fallback=3, difference=80.0, hidden_loss=20.0),
            ]
        )

        assert (total["decisions"], total["fallback_decisions"]) == (100, 4)
        assert total["fallback_difference_gco2_kwh"] == 70
        assert total["fallback_hidden_loss_gco2_kwh"] == 15
        assert total["delivered_gco2_kwh"] == 10

    def test_the_report_gives_what_they_claim_and_the_loss_they_may_hide(self) -> None:
        text = text_of(
            a_line(5, 10.0, 20.0, 15.0),
            a_line_of_the_rest(fallback=1200, difference=70.0, hidden_loss=15.0),
        )

        assert "1,200 decisions rest on a yearly mean or an hour profile" in text
        assert "By these figures the chosen POP was 70.0 g/kWh below the nearest POP" in text
        assert "the choice may have cost 15.0 g/kWh more than the nearest POP" in text

    def test_a_difference_to_the_worse_is_said_as_such(self) -> None:
        text = text_of(a_line_of_the_rest(fallback=1, difference=-2.0, hidden_loss=9.0))

        assert "1 decision rests on a yearly mean or an hour profile" in text
        assert "the chosen POP was 2.0 g/kWh above the nearest POP" in text

    def test_without_other_decisions_no_delivered_figure_is_given(self) -> None:
        total = summed([a_line_of_the_rest(fallback=2, difference=50.0)])

        assert "delivered_gco2_kwh" not in total
        assert "below_nearest" not in total
        assert "No decision had observed figures" in text_of(a_line_of_the_rest(fallback=2))

    def test_where_there_are_none_no_mean_is_given(self) -> None:
        assert "fallback_difference_gco2_kwh" not in summed([a_line(5, 10.0, 20.0, 15.0)])
        assert "yearly mean or an hour profile" not in text_of(a_line(5, 10.0, 20.0, 15.0))


class TestDecisionsThatCannotBeCompared:
    def test_they_are_counted_and_the_possible_reasons_are_named(self) -> None:
        text = text_of(a_line(5, 10.0, 20.0, 15.0), a_line_of_the_rest(uncompared=7))

        assert "7 decisions could not be compared at all" in text
        for reason in (
            "a figure was unknown",
            "of different kinds",
            "a neighbouring grid",
            "no round trip was known",
            "no published yearly mean",
        ):
            assert reason in text

    def test_without_any_the_report_does_not_mention_them(self) -> None:
        assert "could not be compared" not in text_of(a_line(5, 10.0, 20.0, 15.0))

    def test_requests_that_no_line_counts_are_reported_as_left_out(self) -> None:
        lines = [METRICS, a_line(2, 10.0, 20.0, 15.0), a_line_of_the_rest(uncompared=1)]

        assert summed(lines)["uncounted_requests"] == 2
        assert "The log does not say what became of 2 requests" in text_of(*lines)

    def test_where_every_request_is_counted_the_report_mentions_no_missing_ones(self) -> None:
        lines = [METRICS, a_line(2, 10.0, 20.0, 15.0), a_line_of_the_rest(uncompared=3)]

        assert summed(lines)["uncounted_requests"] == 0
        assert "does not say" not in text_of(*lines)
