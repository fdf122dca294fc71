"""What breaks is seen: each fault, by the figures it leaves, crosses its alarm's threshold.

The emulator evaluates no alarm and takes no metric from a log line, so the test does both: it
reads the lines that the functions logged and compares as CloudWatch would.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from samtranslator.yaml_helper import yaml_parse

from infra.local.processes import StackError
from infra.local.stack import ROOT, LocalStack, Stack
from tests.e2e.test_local_stack import until

pytestmark = pytest.mark.operations

ALARMS = {
    name: resource["Properties"]
    for name, resource in yaml_parse((ROOT / "infra/monitoring.yaml").read_text())[
        "Resources"
    ].items()
}
RETRIED_WITHIN_S = 240


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    local = LocalStack(tmp_path_factory.mktemp("operations"))
    try:
        yield local.up(upstream="simulated", auth="none")
    finally:
        local.down()


@pytest.fixture(autouse=True)
def _healthy_upstreams(stack: Stack) -> Iterator[None]:
    yield
    httpx.delete(f"{stack.upstream_url}/faults", trust_env=False).raise_for_status()


def breaks(stack: Stack, **fault: Any) -> None:
    httpx.post(f"{stack.upstream_url}/faults", json=fault, trust_env=False).raise_for_status()


def crosses(alarm: str, values: list[float]) -> bool:
    """Tell whether the values of one period breach an alarm."""
    named = ALARMS[alarm]
    statistic: dict[str, Callable[[list[float]], float]] = {
        "SampleCount": len,
        "Sum": sum,
        "Maximum": max,
    }
    figure = statistic[named["Statistic"]](values)
    if named["ComparisonOperator"] == "LessThanThreshold":
        return bool(figure < named["Threshold"])
    assert named["ComparisonOperator"] == "GreaterThanThreshold"
    return bool(figure > named["Threshold"])


def told(stack: Stack, alarm: str, since: datetime) -> list[float]:
    """Return what a function's log lines since then say of an alarm's metric."""
    named = ALARMS[alarm]
    (dimension,) = named["Dimensions"]
    pages = (
        stack.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/aws/lambda/{stack.functions[dimension['Value']]}",
            startTime=int(since.timestamp() * 1000),
        )
    )
    values: list[float] = []
    for line in (event["message"] for page in pages for event in page["events"]):
        if not line.startswith('{"_aws"'):
            continue
        metrics = json.loads(line)
        (directive,) = metrics["_aws"]["CloudWatchMetrics"]
        if metrics["_aws"]["Timestamp"] < since.timestamp() * 1000:
            continue
        if directive["Dimensions"] == [["service"]] and metrics["service"] == dimension["Value"]:
            values += metrics.get(named["MetricName"], [])
    return values


def invoked(stack: Stack, function: str) -> datetime:
    """Run a function, whatever comes of it, and return when that began."""
    began = datetime.now(UTC)
    with suppress(StackError):  # its failure is the point; its log tells
        stack.invoke(function)
    return began


def test_a_healthy_provider_is_inside_every_threshold(stack: Stack) -> None:
    for provider in ("eso", "gridstatus", "watttime", "entsoe", "electricitymaps"):
        since = invoked(stack, provider)
        # Electricity Maps is asked only where others are silent: then it has no age to tell.
        kinds = ("Silent", "Failing", "Stale")[: 2 if provider == "electricitymaps" else 3]
        for kind in kinds:
            alarm = f"{provider.title()}{kind}"
            values = told(stack, alarm, since)
            assert values, alarm
            assert not crosses(alarm, values), alarm


@pytest.mark.parametrize("provider", ["eso", "watttime", "entsoe"])
def test_an_upstream_that_fails_is_told(stack: Stack, provider: str) -> None:
    breaks(stack, provider=provider, fault="status", status=500)
    values = told(stack, f"{provider.title()}Failing", invoked(stack, provider))
    assert values
    assert crosses(f"{provider.title()}Failing", values)


def test_an_upstream_that_stands_still_is_told(stack: Stack) -> None:
    two_hours_behind = -7200
    breaks(stack, provider="watttime", fault="future", offset_s=two_hours_behind)
    values = told(stack, "WatttimeStale", invoked(stack, "watttime"))
    assert values
    assert crosses("WatttimeStale", values)


def test_runs_that_fail_again_wait_in_the_queue(stack: Stack) -> None:
    breaks(stack, provider="eso", fault="status", status=500)
    stack.client("lambda").invoke(FunctionName=stack.functions["eso"], InvocationType="Event")

    def waiting() -> float | None:
        answer = stack.client("sqs").get_queue_attributes(
            QueueUrl=stack.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return float(answer["Attributes"]["ApproximateNumberOfMessages"]) or None

    assert crosses("DeadLettersWaiting", [until("a dead letter", waiting, RETRIED_WITHIN_S)])


def answers(stack: Stack, times: int) -> list[int]:
    with httpx.Client(trust_env=False, timeout=30) as client:
        return [client.get(f"{stack.router_url}/v1/health").status_code for _ in range(times)]


def test_a_function_that_cannot_start_is_silent(stack: Stack) -> None:
    without_table(stack, "eso")
    since = invoked(stack, "eso")
    assert crosses("EsoSilent", told(stack, "EsoSilent", since))


def test_a_router_that_cannot_start_is_told_and_rolled_back(stack: Stack) -> None:
    functions, router = stack.client("lambda"), stack.functions["router"]
    before = functions.get_alias(FunctionName=router, Name="live")["FunctionVersion"]
    assert not crosses("Router5xx", [status >= 500 for status in answers(stack, 10)])
    without_table(stack, "router")
    broken = functions.publish_version(FunctionName=router)["Version"]
    functions.update_alias(FunctionName=router, Name="live", FunctionVersion=broken)
    assert crosses("Router5xx", [status >= 500 for status in answers(stack, 10)])
    functions.update_alias(FunctionName=router, Name="live", FunctionVersion=before)
    assert set(answers(stack, 3)) == {200}


def without_table(stack: Stack, function: str) -> None:
    """Deploy a function by hand that was never told its table."""
    functions, name = stack.client("lambda"), stack.functions[function]
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": variables | {"TABLE_NAME": ""}}
    )
