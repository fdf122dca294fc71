"""``greenstream worlds``: what the router delivers in many worlds, beside a fixed choice."""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from infra.documents import ReportError, write_between_markers
from infra.local.replay_cli import DATASETS, UNUSABLE, OptionError

if TYPE_CHECKING:  # numpy is loaded when the command runs
    from infra.worlds.bench import Row

YEARS: Final = (1971, 2200)
QUIET_S: Final = 2.0


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Register the command."""
    worlds = commands.add_parser(
        "worlds", help="what each policy delivers in many worlds, under many delays"
    )
    worlds.add_argument(
        "--carbon",
        type=Path,
        default=DATASETS / "carbon",
        metavar="DIR",
        help="folder of <ZONE>_<YEAR>.csv: datetime_utc, direct_gco2_kwh",
    )
    worlds.add_argument(
        "--worlds",
        type=Path,
        default=DATASETS.parent / "worlds.json",
        metavar="FILE",
        help="JSON of worlds and delays; infra/docs/WORLDS.md says what it holds",
    )
    worlds.add_argument(
        "--test",
        type=_year,
        default=2023,
        metavar="YEAR",
        help="replayed: 2023 if absent; yearly means are those of the year before",
    )
    worlds.add_argument("--json", action="store_true", help="print the rows as JSON")
    worlds.add_argument("--out", type=Path, metavar="FILE", help="write the rows there as JSON")
    worlds.add_argument(
        "--report", type=Path, metavar="FILE", help="write the report between its markers there"
    )
    worlds.set_defaults(do=_worlds)


def _year(text: str) -> int:
    first, last = YEARS
    if not text.isdecimal() or not first <= int(text) <= last:
        raise argparse.ArgumentTypeError(f"{text!r} is not a year from {first} to {last}")
    return int(text)


def _worlds(arguments: argparse.Namespace) -> int:
    from greenstream_tuning.traces import TraceError  # noqa: PLC0415
    from infra.worlds.given import WorldsError  # noqa: PLC0415
    from infra.worlds.report import BEGIN, END, as_markdown, as_text  # noqa: PLC0415

    for needed in (arguments.worlds, arguments.carbon):
        if not needed.exists():
            print(
                f"greenstream: {needed} is not there, and the project ships no traces: name yours "
                "with --worlds FILE and --carbon DIR.",
                file=sys.stderr,
            )
            return UNUSABLE
    try:
        rows = _rows(arguments)
        as_json = json.dumps([row.as_dict() for row in rows], indent=1, allow_nan=False)
        if arguments.out:
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(as_json + "\n")
        if arguments.report:
            text = as_markdown(rows, arguments.test)
            write_between_markers(arguments.report, (BEGIN, END), text)
    except (WorldsError, TraceError, ReportError, OptionError, OSError) as error:
        print(f"greenstream: {error}", file=sys.stderr)
        return UNUSABLE
    print(as_json if arguments.json else as_text(rows))
    return 0


def _rows(arguments: argparse.Namespace) -> "list[Row]":
    from infra.worlds.bench import Grids, run_bench  # noqa: PLC0415
    from infra.worlds.given import load_worlds  # noqa: PLC0415
    from infra.worlds.policies import policies  # noqa: PLC0415

    given = load_worlds(arguments.worlds)
    progress = _progress(len(given.worlds))
    grids = Grids(arguments.carbon, given.traces, arguments.test)
    return run_bench(given, grids, policies(), progress)


def _progress(worlds: int) -> Callable[[float], None]:
    """Return what says on stderr how far the bench is, at most every other second."""
    begun_s = reported_s = time.monotonic()

    def report(share: float) -> None:
        nonlocal reported_s
        now_s = time.monotonic()
        if now_s - reported_s >= QUIET_S or (share >= 1 and reported_s > begun_s):
            reported_s = now_s
            done = f"{round(share * worlds)} of {worlds} worlds replayed"
            print(f"{done}, {now_s - begun_s:.0f} s", file=sys.stderr, flush=True)

    return report
