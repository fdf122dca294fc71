"""``greenstream report``: what the last days' decisions delivered, beside what needs no router.

Adds up the lines by which the router holds its decisions against their baselines; of the local
stack, or of a deployed router by your AWS credentials.
"""

import argparse
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from greenstream.api.decision_log import COMPARED
from greenstream.cli.errors import CommandError
from greenstream.cli.repository import running_stack

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

REQUESTS: Final = "Decisions"
"""The metric by which the router counts requests for a route."""

MAX_DAYS: Final = 3653
"""Ten years: what a log keeps that ends at all (PutRetentionPolicy, CloudWatch Logs API)."""

MEANS: Final = (
    "delivered_gco2_kwh",
    "nearest_gco2_kwh",
    "best_static_gco2_kwh",
    "added_rtt_ms",
)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    report = commands.add_parser("report", help="what the last days' decisions delivered")
    report.add_argument("--days", type=_days, default=7.0, help="up to now; 7 if absent")
    report.add_argument("--json", action="store_true", help="print the sums as JSON")
    report.add_argument(
        "--log-group",
        metavar="NAME",
        help="a deployed router's, /aws/lambda/<stack>-router; the local stack's if absent",
    )
    report.set_defaults(do=_report)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if 0 < days <= MAX_DAYS:  # also refuses NaN
        return days
    raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {MAX_DAYS}")


def _report(arguments: argparse.Namespace) -> int:
    simulated = False
    if arguments.log_group:
        group = arguments.log_group
        try:
            client = boto3.client("logs")
        except BotoCoreError as error:  # no Region, say
            raise CommandError(str(error)) from error
    else:
        stack = running_stack(arguments.state_dir)
        if stack is None:
            raise CommandError("no stack runs here; name a deployed router's by --log-group")
        client, group = stack.client("logs"), f"/aws/lambda/{stack.functions['router']}"
        simulated = stack.upstream == "simulated"
    until = datetime.now(UTC)
    try:
        total = added_up(lines_of(client, group, until - timedelta(days=arguments.days), until))
    except (ClientError, BotoCoreError) as error:
        raise CommandError(f"the router's log cannot be read: {error}") from error
    if arguments.json:
        print(json.dumps(total | {"simulated": simulated}, indent=1))
    else:
        warning = "SIMULATED data: no figure here is real\n" if simulated else ""
        print(f"{warning}{as_text(total, arguments.days)}")
    return 0


def lines_of(
    client: "CloudWatchLogsClient", group: str, since: datetime, until: datetime
) -> Iterator[Mapping[str, Any]]:
    """Yield the lines by which the router told comparisons and counts, as their fields."""
    for word in (COMPARED, REQUESTS):
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=group,
            filterPattern=f'"{word}"',
            startTime=int(since.timestamp() * 1000),
            endTime=int(until.timestamp() * 1000),
        )
        for event in (event for page in pages for event in page["events"]):
            try:
                line = json.loads(event["message"])
            except ValueError:  # the platform's own lines are no JSON
                continue
            if isinstance(line, dict) and (line.get("message") == word or word in line):
                yield line


def added_up(lines: Iterable[Mapping[str, Any]]) -> dict[str, float | int]:
    """Return the requests, the decisions compared, the means over these, and two reductions."""
    requests, decisions, sums = 0, 0, dict.fromkeys(MEANS, 0.0)
    for line in lines:
        if REQUESTS in line:
            requests += round(sum(line[REQUESTS]))
            continue
        decisions += line["decisions"]
        for name in MEANS:
            sums[name] += line["decisions"] * line[name]
    total: dict[str, float | int] = {"requests": requests, "decisions": decisions}
    if decisions:
        total |= {name: value / decisions for name, value in sums.items()}
        for name in ("nearest", "best_static"):
            baseline = sums[f"{name}_gco2_kwh"]
            if baseline > 0:
                total[f"below_{name}"] = 1 - sums["delivered_gco2_kwh"] / baseline
    return total


def as_text(total: Mapping[str, float | int], days: float) -> str:
    """Return the report in words, which say what the figures are and are not."""
    asked = f"{total['requests']:,} requests of the last {days:g} days"
    if not total["decisions"]:
        return f"{asked}; no decision on them could be held against its baselines"
    return (
        f"{asked}, {total['decisions']:,} with observed figures of one kind for every baseline\n"
        f"delivered     {total['delivered_gco2_kwh']:7.1f} g/kWh\n"
        f"nearest POP   {total['nearest_gco2_kwh']:7.1f} g/kWh"
        f"   {_below(total, 'below_nearest')}\n"
        f"best static   {total['best_static_gco2_kwh']:7.1f} g/kWh"
        f"   {_below(total, 'below_best_static')}\n"
        "Attributional and location-based: the grids' figures known when deciding, for the energy\n"
        "used at the chosen origin only. Decisions on yearly means, profiles or a neighbouring\n"
        "grid's figure are left out. A decision is counted once, whatever number of requests the\n"
        "edge sent by it. The network is not counted: the path was longer by\n"
        f"{total['added_rtt_ms']:.1f} ms of round trip on the mean, at an energy not known here.\n"
        "Counts are lower bounds: what a process had not told when it ended is lost."
    )


def _below(total: Mapping[str, float | int], name: str) -> str:
    if name not in total:
        return ""
    share = total[name]
    return f"delivered is {abs(share):.1%} {'below' if share >= 0 else 'above'} it"
