"""``greenstream report``: compare the carbon of past decisions with choices that need no router.

The router's decision log compares decisions with two baselines, the nearest POP and the best static
POP. The report sums up these log lines, of the local stack or of a deployed router, and says how
many decisions rest on usual values or could not be compared.
"""

import argparse
import itertools
import json
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from greenstream.api.decision_log import COMPARED
from greenstream.cli.errors import CommandError
from greenstream.cli.progress import progress
from greenstream.cli.repository import running_stack

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

REQUESTS: Final = "Decisions"
"""The metric in which the router counts the requests for a route."""

WIDTH: Final = 88
"""The characters in a line of the report's sentences, at most."""

MAX_DAYS: Final = 3653
"""The longest retention of a log group, ten years (PutRetentionPolicy, CloudWatch Logs API)."""

UNCOMPARED: Final = "uncompared_decisions"
"""The field of a comparison that counts the decisions without comparable figures."""

MEANS: Final[Mapping[str, Sequence[str]]] = {
    "decisions": (
        "delivered_gco2_kwh",
        "nearest_gco2_kwh",
        "best_static_gco2_kwh",
        "added_rtt_ms",
    ),
    "fallback_decisions": ("fallback_difference_gco2_kwh", "fallback_hidden_loss_gco2_kwh"),
}
"""The counts of a comparison, each with the fields that are means over the decisions it counts."""


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
        with nullcontext() if arguments.json else progress(f"reading the log group {group}"):
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

    A line of an older router has neither ``fallback_decisions`` nor ``uncompared_decisions``. A
    line lacks the means of a count that is 0.

    Returns
    -------
    dict
        Counts: ``requests``; ``decisions`` (compared on observed figures), ``fallback_decisions``
        and ``uncompared_decisions`` as in `greenstream.domain.attribution.Comparison`; and
        ``uncounted_requests``, which are in none of these three. For each count above 0 the
        means of `MEANS` over its decisions follow, in the unit of each name. If there are
        decisions, so do ``below_nearest`` and ``below_best_static``, the shares by which
        delivered carbon is below a baseline.
    """
    requests = 0
    counts = dict.fromkeys([*MEANS, UNCOMPARED], 0)
    sums = dict.fromkeys(itertools.chain(*MEANS.values()), 0.0)
    for line in lines:
        if REQUESTS in line:
            requests += round(sum(line[REQUESTS]))
            continue
        for count in counts:
            number = line.get(count, 0)
            counts[count] += number
            for name in MEANS.get(count, ()) if number else ():
                sums[name] += number * line[name]
    total: dict[str, float | int] = {
        "requests": requests,
        **counts,
        "uncounted_requests": max(0, requests - sum(counts.values())),
    }
    for count, names in MEANS.items():
        if counts[count]:
            total |= {name: sums[name] / counts[count] for name in names}
    return total | _shares_below(sums)


def _shares_below(sums: Mapping[str, float]) -> dict[str, float]:
    """Return the shares by which delivered carbon is below each baseline that is above zero."""
    return {
        f"below_{name}": 1 - sums["delivered_gco2_kwh"] / sums[f"{name}_gco2_kwh"]
        for name in ("nearest", "best_static")
        if sums[f"{name}_gco2_kwh"] > 0
    }


def as_text(total: Mapping[str, float | int], days: float) -> str:
    """Return the report as text, with what its figures count and what they leave out."""
    span = "day" if days == 1 else f"{days:g} days"
    parts = [
        f"{_count(total['requests'], 'request')} in the last {span}.",
        *_observed(total),
        *_on_usual_values(total),
        *_not_compared(total),
        _wrapped(
            "Counts are lower bounds, since a process that ends loses what it has not yet logged. "
            "A decision counts once, however many requests the edge served by it."
        ),
    ]
    return "\n".join(parts)


def _observed(total: Mapping[str, float | int]) -> Iterator[str]:
    """Yield what was delivered by the decisions that are compared on observed figures."""
    if not total["decisions"]:
        yield "No decision had observed figures of one kind for every baseline."
        return
    yield (
        f"{_count(total['decisions'], 'decision')} had observed figures of one kind for every "
        "baseline:\n"
        f"delivered     {total['delivered_gco2_kwh']:7.1f} g/kWh\n"
        f"nearest POP   {total['nearest_gco2_kwh']:7.1f} g/kWh"
        f"   {_below(total, 'below_nearest')}\n"
        f"best static   {total['best_static_gco2_kwh']:7.1f} g/kWh"
        f"   {_below(total, 'below_best_static')}"
    )
    yield _wrapped(
        "The figures are attributional and location-based: they are the grids' figures that were "
        "known at the decision, for the energy used at the chosen POP. The energy of the network "
        f"is not counted; the mean round trip was longer by {total['added_rtt_ms']:.1f} ms than "
        "to the nearest POP."
    )


def _on_usual_values(total: Mapping[str, float | int]) -> Iterator[str]:
    """Yield what the decisions on yearly means or hour profiles claim and may hide, if any."""
    count = total["fallback_decisions"]
    if not count:
        return
    difference = total["fallback_difference_gco2_kwh"]
    yield _wrapped(
        f"{_count(count, 'decision')} {'rests' if count == 1 else 'rest'} on a yearly mean or an "
        "hour profile for at least one POP, because no reading for about now was known, and no "
        "figure above includes them. By these figures the chosen POP was "
        f"{abs(difference):.1f} g/kWh {'below' if difference >= 0 else 'above'} the nearest POP "
        "on average. If the figures are wrong by one standard error, the choice may have cost "
        f"{total['fallback_hidden_loss_gco2_kwh']:.1f} g/kWh more than the nearest POP on average. "
        "A policy with the freshness model `penalty` states no error, which counts as 0 here."
    )


def _not_compared(total: Mapping[str, float | int]) -> Iterator[str]:
    """Yield how many decisions could not be compared and why, if there are any."""
    if total[UNCOMPARED]:
        yield _wrapped(
            f"{_count(total[UNCOMPARED], 'decision')} could not be compared at all: a figure was "
            "unknown, the figures were of different kinds, the figure of a neighbouring grid "
            "stood for a POP, no round trip was known, or the zone of an eligible POP has no "
            "published yearly mean of the kind to choose the best static POP by."
        )
    if total["uncounted_requests"]:
        yield _wrapped(
            "The log does not say what became of "
            f"{_count(total['uncounted_requests'], 'request')}: older versions of the router did "
            "not count the decisions that they left out."
        )


def _count(count: float, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _wrapped(sentences: str) -> str:
    return textwrap.fill(sentences, WIDTH, break_on_hyphens=False)


def _below(total: Mapping[str, float | int], name: str) -> str:
    if name not in total:
        return ""
    share = total[name]
    return f"delivered is {abs(share):.1%} {'below' if share >= 0 else 'above'} it"
