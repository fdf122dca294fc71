"""``greenstream route``: ask which place should serve a request, and show the candidates."""

import argparse
from typing import Any

from greenstream.cli.asking import Asker, add_options
from greenstream.cli.table import aligned, figure


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    route = commands.add_parser("route")
    route.add_argument(
        "--pops",
        metavar="NAMES",
        help="the candidates: lon,LHR,aws:eu-west-2 (default: the six of the API)",
    )
    route.add_argument(
        "--from",
        dest="origin",
        metavar="PLACE",
        help="where the request comes from: tokyo, LHR, aws:eu-west-2, or degrees: 48.1,11.6",
    )
    route.add_argument("--allow", metavar="COUNTRIES", help="serve only there: EU, EEA, CH, …")
    route.add_argument("--deny", metavar="COUNTRIES", help="do not serve there")
    route.add_argument("--max-latency-ms", metavar="MS", help="the limit for round trips")
    route.add_argument("--signal", help="auto, average, marginal or any")
    add_options(route)
    route.set_defaults(do=_route)


def _route(arguments: argparse.Namespace) -> int:
    answer = Asker.of(arguments).ask(
        "/v1/route",
        {
            "pops": arguments.pops,
            "from": arguments.origin,
            "allow": arguments.allow,
            "deny": arguments.deny,
            "max_latency_ms": arguments.max_latency_ms,
            "signal": arguments.signal,
        },
    )
    print(answer.as_json() if arguments.json else answer.as_text(as_text(answer.body)))
    return 0


def as_text(answer: dict[str, Any]) -> str:
    """Return the answer of ``/v1/route`` as lines: the decision, and a line for each candidate.

    A line has the figure with its kind, its scope and the factor set that made it.
    """
    rows = [
        (
            row["pop"],
            row["zone"],
            figure(row["gco2_kwh"]),
            "" if row["signal"] is None else f"{row['signal']}/{row['basis']}",
            row["scope"] or "",
            row["factor_set"] or "",
            row["rung"],
            "?" if row["latency_ms"] is None else f"{row['latency_ms']:.0f} ms",
            (row["exclusion"] or "") + (" proxy" if row["proxy_zone"] else ""),
        )
        for row in answer["candidates"]
    ]
    return "\n".join([answer["reason_text"], *aligned(rows)])
