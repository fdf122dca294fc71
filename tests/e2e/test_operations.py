"""Each fault makes the metrics of its alarm cross the alarm's threshold.

The emulator evaluates no alarm and extracts no metric from a log line, so the test does both: it
reads the lines that the functions logged and compares them with the threshold as CloudWatch would.
The emulator does not produce the metrics that AWS itself counts (durations, throttles);
tests/template checks the alarms on those metrics.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

import httpx
import pytest
from samtranslator.yaml_helper import yaml_parse

from greenstream.api.decision_log import FLUSH_EVERY
from greenstream.aws.dynamo_boards import board_key
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Reading
from greenstream.domain.zones import zones_of
from infra.local.deploying import ROOT, STACK_NAME
from infra.local.stack import Stack
from infra.local.upstream.providers import simulators_of
from infra.registry import COLLECTING, COLLECTORS
from tests.e2e.test_local_stack import until
from tests.ending import a_local_stack

pytestmark = pytest.mark.operations

RESOURCES = yaml_parse((ROOT / "infra/monitoring.yaml").read_text())["Resources"]
ALARMS = {
    name: resource["Properties"]
    for name, resource in RESOURCES.items()
    if resource["Type"] == "AWS::CloudWatch::Alarm"
}
RETRIED_WITHIN_S = 240
RUNS_ON_A_BUSY_MACHINE = 3
UPSTREAMS_OF = {
    function: tuple(row.name for name in names for row in simulators_of(name))
    for function, names in COLLECTING.items()
}
WATCHED = (*COLLECTING, "tuner")
RESTS_ON_STORED_MIXES = ("flows",)
"""Functions whose readings are as old as the mixes that another one has stored."""

ASKED_FOR_WHAT_IS_NOT_LIVE = ("energycharts", "electricitymaps")


def give_flows_a_token_of_its_own(stack: Stack) -> None:
    """Keep the many runs of this module within the platform's requests a minute and token."""
    functions, name = stack.client("lambda"), name_of("flows")
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": variables | {"ENTSOE_API_KEY": "another"}}
    )


def give_flows_the_mixes_of_earlier_hours(stack: Stack) -> None:
    """Store the newest mix of each zone for all intervals of the six hours before too.

    A run of `entsoe` stores one interval of each zone that is new, of a quarter of an hour in many,
    while `flows` traces a whole hour of which most zones have the mix. The newest mixes are read
    from the history, since other tests delete the boards of newest readings.
    """
    now = utc_now()
    store = DynamoStore(stack.dynamodb(), stack.table, clock=utc_now)
    recording = store.recording("entsoe")
    for zone, source in zones_of("entsoe"):
        for kind in source.kinds:
            stored = store.history(
                zone.zone, "entsoe", kind, since=now - timedelta(hours=12), until=now
            )
            recording.put_readings([*chain.from_iterable(map(earlier_intervals, stored[-1:]))])
    recording.publish()


def earlier_intervals(reading: Reading) -> Iterator[Reading]:
    """Yield a reading for each interval before its own, since six hours before its own hour."""
    length = reading.valid_to - reading.valid_from
    begin = reading.valid_from.replace(minute=0, second=0) - timedelta(hours=6)
    while begin < reading.valid_from:
        yield replace(reading, valid_from=begin, valid_to=begin + length)
        begin += length


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose functions run only when a test says so."""
    with a_local_stack(tmp_path_factory.mktemp("operations")) as local:
        up = local.up(upstream="simulated", auth="none")
        scheduler = up.client("scheduler")
        for schedule in scheduler.list_schedules()["Schedules"]:
            scheduler.delete_schedule(Name=schedule["Name"])
        give_flows_a_token_of_its_own(up)
        invoked(up, "entsoe")
        yield up


@pytest.fixture(autouse=True)
def _healthy_upstreams(stack: Stack) -> Iterator[None]:
    yield
    httpx.delete(f"{stack.upstream_url}/faults", trust_env=False).raise_for_status()


def breaks(stack: Stack, provider: str, **fault: Any) -> None:
    for upstream in UPSTREAMS_OF[provider]:
        document = fault | {"provider": upstream}
        httpx.post(
            f"{stack.upstream_url}/faults", json=document, trust_env=False
        ).raise_for_status()


def name_of(function: str) -> str:
    return f"{STACK_NAME}-{function}"


def lines_of(stack: Stack, function: str, since: datetime) -> list[dict[str, Any]]:
    """Return the JSON lines that a function has logged since then."""
    pages = (
        stack.client("logs")
        .get_paginator("filter_log_events")
        .paginate(
            logGroupName=f"/aws/lambda/{name_of(function)}",
            startTime=int(since.timestamp() * 1000),
        )
    )
    messages = (event["message"] for page in pages for event in page["events"])
    return [json.loads(line) for line in messages if line.startswith("{")]


def told(stack: Stack, alarm: str, since: datetime) -> list[float]:
    """Return the values of an alarm's metric in a function's log lines since then."""
    metric = ALARMS[alarm]["MetricName"]
    (dimension,) = ALARMS[alarm]["Dimensions"]
    values: list[float] = []
    for line in lines_of(stack, dimension["Value"], since):
        if "_aws" not in line or line["_aws"]["Timestamp"] < since.timestamp() * 1000:
            continue
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "GreenStream/local"
        if directive["Dimensions"] == [["service"]] and line["service"] == dimension["Value"]:
            values += line.get(metric, [])
    return values


def crosses(alarm: str, values: list[float]) -> bool:
    """Return whether the values of one period breach an alarm, as CloudWatch decides it."""
    named = ALARMS[alarm]
    statistic: dict[str, Callable[[list[float]], float]] = {
        "SampleCount": len,
        "Sum": sum,
        "Maximum": max,
    }
    if not values and named["Statistic"] != "SampleCount":
        return bool(named["TreatMissingData"] == "breaching")
    figure = statistic[named["Statistic"]](values)
    if named["ComparisonOperator"] == "LessThanThreshold":
        return bool(figure < named["Threshold"])
    assert named["ComparisonOperator"] == "GreaterThanThreshold"
    return bool(figure > named["Threshold"])


def invoked(stack: Stack, function: str) -> datetime:
    """Run a function, whether it fails or not, and return when the run began."""
    if function in RESTS_ON_STORED_MIXES:
        give_flows_the_mixes_of_earlier_hours(stack)
    began = datetime.now(UTC)
    answer = stack.client("lambda").invoke(FunctionName=name_of(function))
    answer["Payload"].read()
    return began


@contextmanager
def without_table(stack: Stack, function: str) -> Iterator[None]:
    """Deploy a function without its table's name; restore the name afterwards."""
    functions, name = stack.client("lambda"), name_of(function)
    variables = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    def deploy(table: str) -> None:
        functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": variables | {"TABLE_NAME": table}}
        )

    deploy("")
    try:
        yield
    finally:
        deploy(variables["TABLE_NAME"])


def forget_readings(stack: Stack) -> None:
    """Delete the newest readings, so that `ASKED_FOR_WHAT_IS_NOT_LIVE` have zones to collect."""
    table = stack.client("dynamodb")
    for provider in COLLECTORS:
        table.delete_item(TableName=stack.table, Key=board_key(provider))


def cannot_start(function: str, stack: Stack) -> list[float]:
    with without_table(stack, function):
        return told(stack, f"{function.title()}Silent", invoked(stack, function))


def upstream_fails(provider: str, stack: Stack) -> list[float]:
    if provider in ASKED_FOR_WHAT_IS_NOT_LIVE:
        forget_readings(stack)
    breaks(stack, provider, fault="status", status=500)
    return told(stack, f"{provider.title()}Failing", invoked(stack, provider))


def upstream_stands_still(provider: str, stack: Stack) -> list[float]:
    if provider in ASKED_FOR_WHAT_IS_NOT_LIVE:
        forget_readings(stack)
    alarm = f"{provider.title()}Stale"
    # The delay is longer than a forecast or an hourly figure could cover.
    breaks(stack, provider, fault="future", offset_s=-(ALARMS[alarm]["Threshold"] + 6000))
    for _ in range(RUNS_ON_A_BUSY_MACHINE):  # a run past its deadline reports no age
        if values := told(stack, alarm, invoked(stack, provider)):
            return values
    return []


def runs_fail_again(stack: Stack) -> list[float]:
    breaks(stack, "eso", fault="status", status=500)
    stack.client("lambda").invoke(FunctionName=name_of("eso"), InvocationType="Event")

    def waiting() -> float | None:
        answer = stack.client("sqs").get_queue_attributes(
            QueueUrl=stack.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return float(answer["Attributes"]["ApproximateNumberOfMessages"]) or None

    return [until("a dead letter", waiting, RETRIED_WITHIN_S)]


def router_cannot_start(stack: Stack) -> list[float]:
    """Point the alias at a broken version, send requests, and roll back as the runbook says."""
    functions, router = stack.client("lambda"), name_of("router")
    before = functions.get_alias(FunctionName=router, Name="live")["FunctionVersion"]
    assert not crosses("Router5xx", [status >= 500 for status in answers(stack, 10)])
    with without_table(stack, "router"):
        broken = functions.publish_version(FunctionName=router)["Version"]
        functions.update_alias(FunctionName=router, Name="live", FunctionVersion=broken)
        figures = [float(status >= 500) for status in answers(stack, 10)]
        functions.update_alias(FunctionName=router, Name="live", FunctionVersion=before)
    assert set(answers(stack, 3)) == {200}
    return figures


def answers(stack: Stack, times: int) -> list[int]:
    with httpx.Client(trust_env=False, timeout=30) as client:
        return [client.get(f"{stack.router_url}/v1/health").status_code for _ in range(times)]


BROKEN: dict[str, Callable[[Stack], list[float]]] = {
    **{f"{name.title()}Failing": partial(upstream_fails, name) for name in COLLECTING},
    **{
        f"{name.title()}Stale": partial(upstream_stands_still, name)
        for name in COLLECTING
        if name not in RESTS_ON_STORED_MIXES
    },
    **{f"{name.title()}Silent": partial(cannot_start, name) for name in WATCHED},
    "DeadLettersWaiting": runs_fail_again,
    "Router5xx": router_cannot_start,
}
COUNTED_BY_AWS_ALONE = {"RouterSlow", "RouterThrottled"}
OLD_WITH_ANOTHER = {f"{name.title()}Stale" for name in RESTS_ON_STORED_MIXES}


def test_each_alarm_has_a_fault_that_should_raise_it() -> None:
    assert BROKEN.keys() | COUNTED_BY_AWS_ALONE | OLD_WITH_ANOTHER == ALARMS.keys()
    assert not BROKEN.keys() & COUNTED_BY_AWS_ALONE


@pytest.mark.parametrize("function", WATCHED)
def test_a_healthy_system_crosses_no_threshold(stack: Stack, function: str) -> None:
    if function in ASKED_FOR_WHAT_IS_NOT_LIVE:
        forget_readings(stack)
    since = invoked(stack, function)
    for alarm in (name for name in ALARMS if name.startswith(function.title())):
        values = told(stack, alarm, since)
        assert values, alarm
        assert not crosses(alarm, values), alarm


LAST: list[str] = [alarm for alarm in BROKEN if alarm.startswith("Flows")]
"""These are tried last, since two runs of `flows` use up a minute of the token."""


@pytest.mark.parametrize("alarm", [*(alarm for alarm in BROKEN if alarm not in LAST), *LAST])
def test_each_fault_crosses_the_threshold_of_its_alarm(stack: Stack, alarm: str) -> None:
    values = BROKEN[alarm](stack)
    assert values or alarm.endswith("Silent")  # only a silent function reports no metric
    assert crosses(alarm, values)


def test_the_logs_contain_every_line_that_the_dashboard_searches_for(stack: Stack) -> None:
    for function in ("eso", "entsoe"):  # A compared decision rests on live figures of both POPs.
        invoked(stack, function)
    began = datetime.now(UTC)
    breaks(stack, "eso", fault="negative")
    invoked(stack, "eso")
    body = json.loads(RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])
    queries = [w["properties"]["query"] for w in body["widgets"] if w["type"] == "log"]
    assert len(queries) == 3

    def all_logged() -> bool | None:
        for _ in range(Policy().log_every):  # the router logs one of this many answers
            stack.get("/v1/route?pops=lon,ams&rtt=lon:5,ams:9")
        logged = [line for name in ("eso", "router") for line in lines_of(stack, name, began)]
        return all(any(satisfies(line, query) for line in logged) for query in queries) or None

    # The comparison of a minute's decisions is logged with the first answer after that minute.
    until("a line for each query", all_logged, 2 * FLUSH_EVERY.total_seconds())


def satisfies(line: dict[str, Any], query: str) -> bool:
    """Return whether a line meets a query's conditions and has the fields that its figures need."""
    equal = dict(re.findall(r'(\w+) = "?([^"\s]+)"?', query))
    above_zero = re.findall(r"(\w+) > 0", query)
    stats = query.partition("| stats ")[2].partition("| sort")[0]
    words = {word for word in re.findall(r"\b[a-z]\w*", stats) if word not in NOT_FIELDS}
    needed = [word for word in words if not re.search(rf" as {word}\b", stats)]
    return (
        all(str(line.get(name)) == value for name, value in equal.items())
        and all(line.get(name, 0) > 0 for name in above_zero)
        and all(name in line for name in needed)
    )


NOT_FIELDS = {"count", "sum", "as", "by", "bin"}
