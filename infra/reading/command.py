"""``greenstream read``: what a provider's real code makes of files that you have.

`infra/docs/READ.md` explains the options and has an example for each provider.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from greenstream.cli.errors import UnusableError
from greenstream.domain.reading import Forecast, Reading
from greenstream.domain.zones import zones, zones_of
from infra.local.view import table
from infra.reading.answers import FileAnswer
from infra.registry import COLLECTORS

if TYPE_CHECKING:  # httpx and requests are loaded when the command runs
    from infra.reading.pipeline import Outcome, Step, StepResult

SHOWN = 12
"""How many lines of one sort the summary shows of a step."""

COLUMNS = (
    "zone", "kind", "scope", "factors", "g/kWh", "low", "high", "quality", "coverage", "from", "to",
)  # fmt: skip

PATTERN_FILE = "PATTERN=FILE"


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    read = commands.add_parser(
        "read",
        epilog="infra/docs/READ.md has examples for every provider.",
    )
    read.add_argument("provider", metavar="PROVIDER", help=f"one of {', '.join(COLLECTORS)}")
    read.add_argument(
        "--at", required=True, metavar="TIME", help="when the provider runs: ISO 8601, in UTC"
    )
    read.add_argument("--zone", metavar="ZONE", help="read this zone only (default: all zones)")
    read.add_argument(
        "--answer",
        required=True,
        nargs="+",
        action="extend",
        metavar=PATTERN_FILE,
        help="answer the URLs that match the pattern with the file, or with another status than "
        "200 as PATTERN=STATUS:FILE; the first match wins, and 404 answers what none matches",
    )
    read.add_argument(
        "--then",
        nargs="+",
        action="append",
        default=[],
        metavar=("TIME", PATTERN_FILE),
        help="run again at this later time, with further answers, which come before the earlier "
        "ones; may be repeated",
    )
    read.add_argument(
        "--cold",
        action="store_true",
        help="begin each run with a new provider that remembers nothing but the table",
    )
    read.add_argument("--json", action="store_true", help="print JSON instead of a summary")
    read.set_defaults(do=_read)


def _read(arguments: argparse.Namespace) -> int:
    provider = _known(arguments.provider, "provider", COLLECTORS)
    zone = arguments.zone and _served(arguments.zone, provider)
    steps = _steps(arguments)
    from infra.reading.pipeline import run_steps  # noqa: PLC0415 - it loads the HTTP libraries

    outcome = run_steps(COLLECTORS[provider], steps, zone=zone, cold=arguments.cold)
    for step in outcome.steps:
        print(step.traceback, end="", file=sys.stderr)
    if arguments.json:
        print(json.dumps(_as_json(outcome), indent=1, allow_nan=False))
    else:
        print("\n".join(_summary(outcome)))
    return int(any(step.traceback for step in outcome.steps))


def _known(name: str, what: str, names: Iterable[str]) -> str:
    """Return a name if it is one of several; the error names those that are near it."""
    every = list(names)
    if name in every:
        return name
    by_folded = {known.casefold(): known for known in every}
    near = [by_folded[match] for match in get_close_matches(name.casefold(), by_folded, cutoff=0.5)]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(every)}"
    raise UnusableError(f"there is no {what} {name!r}: {hint}")


def _served(name: str, provider: str) -> str:
    """Return a zone's name if the provider reads the zone."""
    served = dict.fromkeys(zone.zone for zone, _ in zones_of(provider))
    if name in zones() and name not in served:
        few = f"; it reads {', '.join(served)}" if len(served) <= SHOWN else ""
        raise UnusableError(f"{provider} does not read the zone {name}{few}")
    return _known(name, f"zone of {provider}", served)


def _steps(arguments: argparse.Namespace) -> "list[Step]":
    from infra.reading.pipeline import Step  # noqa: PLC0415 - it loads the HTTP libraries

    given = [(arguments.at, arguments.answer), *((time, more) for time, *more in arguments.then)]
    steps: list[Step] = []
    for time, answers in given:
        at = _instant(time)
        if steps and at < steps[-1].at:
            raise UnusableError(f"the time {time!r} is before the time of the step before it")
        steps.append(Step(at, tuple(map(FileAnswer.parse, answers))))
    return steps


def _instant(text: str) -> datetime:
    """Return a time of the command line. A time without an offset is in UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnusableError(
            f"{text!r} is not a time in ISO 8601 such as 2026-03-05T18:03Z"
        ) from error


def _as_json(outcome: "Outcome") -> dict[str, Any]:
    return {
        "steps": [
            {
                "at": _utc(step.at),
                "state": step.state,
                "stored": [_members(reading) for reading in step.stored],
                "refused": [_members(refusal) for refusal in step.refused],
                "skipped": step.skipped,
                "unconfigured": step.unconfigured,
                "unmatched": step.unmatched,
            }
            for step in outcome.steps
        ],
        "current": [_members(reading) for reading in outcome.current],
        "history": [_members(reading) for reading in outcome.history],
        "forecasts": [_forecast(forecast) for forecast in outcome.forecasts],
    }


def _members(value: Any) -> dict[str, Any]:  # noqa: ANN401 - any of our dataclasses
    return {field.name: _jsonable(getattr(value, field.name)) for field in fields(value)}


def _forecast(forecast: Forecast) -> dict[str, Any]:
    points = [_jsonable(point._asdict()) for point in forecast.points]
    return _members(forecast) | {"points": points}


def _jsonable(value: object) -> object:
    match value:
        case datetime():
            return _utc(value)
        case Mapping():
            return {str(key): _jsonable(member) for key, member in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_jsonable(member) for member in value]
        case None | bool() | int() | float():
            return value
    return str(value)


def _utc(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _summary(outcome: "Outcome") -> Iterator[str]:
    for step in outcome.steps:
        yield from _step_lines(step)
    if len(outcome.steps) > 1:
        yield "The newest reading of each source after the last step:"
        yield from _readings(outcome.current)


def _step_lines(step: "StepResult") -> Iterator[str]:
    yield (
        f"{_utc(step.at)}: {step.state}, {len(step.stored)} readings stored, "
        f"{len(step.refused)} refused or failed"
    )
    yield from _readings(step.stored)
    yield from _capped(f"  {r.zone or 'all zones'}: {r.reason}: {r.message}" for r in step.refused)
    for names, what in ((step.skipped, "not asked"), (step.unconfigured, "not open to the key")):
        if names:
            yield f"  {what}: {', '.join(names)}"
    yield from _capped(f"  no pattern matches, answered 404: {url}" for url in step.unmatched)
    yield ""


def _readings(readings: Sequence[Reading]) -> Iterator[str]:
    rows = [
        [
            reading.zone,
            str(reading.kind),
            str(reading.scope),
            reading.factor_set,
            *(f"{value:.1f}" for value in (reading.gco2_kwh, reading.gco2_low, reading.gco2_high)),
            str(reading.quality),
            f"{reading.coverage:.3f}",
            _utc(reading.valid_from),
            _utc(reading.valid_to),
        ]
        for reading in readings
    ]
    left = len(rows) - SHOWN
    if rows:
        yield from (f"  {line}" for line in table([COLUMNS, *rows[-SHOWN:]]))
    if left > 0:
        yield f"  … after {left} more, which --json shows"


def _capped(lines: Iterable[str]) -> Iterator[str]:
    every = list(lines)
    yield from every[:SHOWN]
    if len(every) > SHOWN:
        yield f"  … and {len(every) - SHOWN} more, which --json shows"
