"""``greenstream report``: compare the carbon of past decisions with choices that need no router.

The router's decision log compares decisions with two baselines, the nearest POP and the best static
POP. The report sums up these log lines, of the local stack or of a deployed router.
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
"""The metric in which the router counts the requests for a route."""

MAX_DAYS: Final = 3653
"""The longest retention of a log group, ten years (PutRetentionPolicy, CloudWatch Logs API)."""

MEANS: Final = (
    "delivered_gco2_kwh",
    "nearest_gco2_kwh",
    "best_static_gco2_kwh",
    "added_rtt_ms",
)
"""The fields of a comparison that are means over its decisions."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    report = commands.add_parser("report")
    report.add_argument(
        "--days", type=_days, default=7.0, help="how many days up to now (default: 7)"
    )
    report.add_argument("--json", action="store_true", help="print the figures as JSON")
    report.add_argument(
        "--log-group",
        metavar="NAME",
        help="the deployed router's, /aws/lambda/<stack>-router (default: the local stack's)",
    )
    report.set_defaults(do=_report)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if 0 < days <= MAX_DAYS:  # false for NaN too
        return days
    raise argparse.ArgumentTypeError(f"{text} is not a number above 0 and at most {MAX_DAYS}")


def _report(arguments: argparse.Namespace) -> int:
    simulated = False
    if arguments.log_group:
        group = arguments.log_group
        try:
            client = boto3.client("logs")
        except BotoCoreError as error:  # for example no Region is set
            raise CommandError(str(error)) from error
    else:
        stack = running_stack(arguments.state_dir)
        if stack is None:
            raise CommandError("no local stack runs here: name a deployed log with --log-group")
        client, group = stack.client("logs"), f"/aws/lambda/{stack.functions['router']}"
        simulated = stack.upstream == "simulated"
    until = datetime.now(UTC)
    try:
        total = summed(log_lines(client, group, until - timedelta(days=arguments.days), until))
    except (ClientError, BotoCoreError) as error:
        raise CommandError(f"the router's log cannot be read: {error}") from error
    if arguments.json:
        print(json.dumps(total | {"simulated": simulated}, indent=1))
    else:
        warning = "SIMULATED data: no figure here is real\n" if simulated else ""
        print(f"{warning}{as_text(total, arguments.days)}")
    return 0


def log_lines(
    client: "CloudWatchLogsClient", group: str, since: datetime, until: datetime
) -> Iterator[Mapping[str, Any]]:
    """Yield the comparisons and the request counts that a router logged between two times.

    Raises
    ------
    botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
        When the log group cannot be read.
    """
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
            except ValueError:  # the lines of the platform itself are not JSON
                continue
            if isinstance(line, dict) and (line.get("message") == word or word in line):
                yield line


def summed(lines: Iterable[Mapping[str, Any]]) -> dict[str, float | int]:
    """Sum up comparisons and request counts.

    Returns
    -------
    dict
        ``requests`` and ``decisions`` (the compared ones) are counts. If there are decisions, the
        means of `MEANS` over them follow, in the unit of each name, and ``below_nearest`` and
        ``below_best_static``, the shares by which delivered carbon is below a baseline.
    """
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
    """Return the report as text, with what its figures count and what they leave out."""
    requests = f"{total['requests']:,} requests in the last {days:g} days"
    if not total["decisions"]:
        return f"{requests}; none of their decisions could be compared with its baselines"
    return (
        f"{requests}; {total['decisions']:,} decisions had observed figures of one kind for every "
        "baseline\n"
        f"delivered     {total['delivered_gco2_kwh']:7.1f} g/kWh\n"
        f"nearest POP   {total['nearest_gco2_kwh']:7.1f} g/kWh"
        f"   {_below(total, 'below_nearest')}\n"
        f"best static   {total['best_static_gco2_kwh']:7.1f} g/kWh"
        f"   {_below(total, 'below_best_static')}\n"
        "The figures are attributional and location-based: they are the grids' figures that were\n"
        "known at the decision, for the energy used at the chosen POP. Decisions on yearly\n"
        "means, on hour profiles or on a neighbouring grid's figure are left out. A decision\n"
        "counts once, however many requests the edge served by it. The energy of the network is\n"
        f"not counted; the mean round trip was longer by {total['added_rtt_ms']:.1f} ms than to\n"
        "the nearest POP. Counts are lower bounds, since a process that ends loses what it has\n"
        "not yet logged."
    )


def _below(total: Mapping[str, float | int], name: str) -> str:
    if name not in total:
        return ""
    share = total[name]
    return f"delivered is {abs(share):.1%} {'below' if share >= 0 else 'above'} it"
