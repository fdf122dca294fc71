"""``greenstream route``: ask which place should serve a request, and show the candidates.

The question goes to a router with ``--url``, else to the local stack. With neither, the places are
ranked by the yearly means of the tables, and the answer says so.
"""

import argparse
import json
from dataclasses import replace
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from greenstream.api.answer_route import route as route_answer
from greenstream.api.candidates import candidates
from greenstream.api.fields import QuestionError
from greenstream.api.question import route_question
from greenstream.api.view import View
from greenstream.cli.errors import CommandError
from greenstream.cli.repository import running_stack
from greenstream.domain.clock import utc_now
from greenstream.domain.routing import decide

TIMEOUT_S: Final = 10.0
"""How long a router may take to answer."""

BY_MEANS: Final = (
    "No router was asked (name one with --url, or start the local stack): these are yearly means."
)


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    route = commands.add_parser("route")
    route.add_argument(
        "--pops",
        metavar="NAMES",
        help="the candidates: lon,LHR,aws:eu-west-2 (default: the six of the API)",
    )
    route.add_argument(
        "--from", dest="origin", metavar="PLACE", help="where the request comes from: syd, sydney"
    )
    route.add_argument("--allow", metavar="COUNTRIES", help="serve only there: EU, EEA, CH, …")
    route.add_argument("--deny", metavar="COUNTRIES", help="do not serve there")
    route.add_argument("--max-latency-ms", metavar="MS", help="the limit for round trips")
    route.add_argument("--signal", help="auto, average, marginal or any")
    route.add_argument("--url", help="a router's address (default: the local stack)")
    route.add_argument("--json", action="store_true", help="print the router's answer as JSON")
    route.set_defaults(do=_route)


def _route(arguments: argparse.Namespace) -> int:
    asked = {
        "pops": arguments.pops,
        "from": arguments.origin,
        "allow": arguments.allow,
        "deny": arguments.deny,
        "max_latency_ms": arguments.max_latency_ms,
        "signal": arguments.signal,
    }
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    stack = None if arguments.url else running_stack(arguments.state_dir)
    asked_router = bool(arguments.url or stack)
    if arguments.url:
        answer = _of_url(f"{arguments.url.rstrip('/')}/v1/route?{query}")
    elif stack is not None:
        answer = stack.get(f"/v1/route?{query}")
    else:
        answer = _of_means(query)
    if arguments.json:
        print(json.dumps(answer, indent=1))
    else:
        print(as_text(answer) if asked_router else f"{BY_MEANS}\n{as_text(answer)}")
    return 0


def as_text(answer: dict[str, Any]) -> str:
    """Return the answer of ``/v1/route`` as lines: the decision, and a line for each candidate."""
    rows = [
        (
            row["pop"],
            row["zone"],
            "unknown" if row["gco2_kwh"] is None else f"{row['gco2_kwh']:.0f} g/kWh",
            row["rung"],
            "?" if row["latency_ms"] is None else f"{row['latency_ms']:.0f} ms",
            (row["exclusion"] or "") + (" proxy" if row["proxy_zone"] else ""),
        )
        for row in answer["candidates"]
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[5]])
        for row in rows
    ]
    warning = "SIMULATED data: no figure here is real\n" if answer["simulated"] else ""
    return "\n".join([warning + answer["reason_text"], *(line.rstrip() for line in lines)])


def _of_means(query: str) -> dict[str, Any]:
    """Decide as the router does on an empty table: by the yearly means of the zones."""
    try:
        question = route_question(query)
    except QuestionError as error:
        raise CommandError(str(error)) from error
    view, now = View(), utc_now()
    ranking = question.signal or view.policy.ranking_signal
    standings = view.standings(question.pops, now, view.policy, ranking)
    policy = view.policy
    if question.max_latency_ms is not None:
        policy = replace(policy, max_latency_ms=question.max_latency_ms)
    decision = decide(candidates(question, standings, {}), policy, question.current)
    answer: dict[str, Any] = json.loads(route_answer(decision, standings, view, policy, now).text)
    return answer


def _of_url(url: str) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        raise CommandError("--url must begin with http:// or https://")
    try:
        with urlopen(url, timeout=TIMEOUT_S) as reply:  # noqa: S310 - the scheme is checked above
            answer: dict[str, Any] = json.load(reply)
    except HTTPError as error:
        raise CommandError(_refusal(error)) from error
    except (URLError, OSError, ValueError) as error:
        raise CommandError(f"the router cannot be asked: {error}") from error
    return answer


def _refusal(error: HTTPError) -> str:
    """Return what a router's problem document says, or its status."""
    try:
        errors = json.load(error)["errors"]
        return "; ".join(f"{fault['field']}: {fault['detail']}" for fault in errors)
    except (ValueError, KeyError, TypeError):
        return f"the router answered {error.code}"
