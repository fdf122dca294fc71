"""``greenstream replay`` and ``greenstream tune``: judge and search policies on recorded years.

This module holds the options and the output; `greenstream_tuning` does the computing.
"""

import argparse
import csv
import json
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from greenstream.domain.policy import FreshnessModel, Policy, RankedScope, RankingSignal
from infra.local.deploying import ROOT

if TYPE_CHECKING:  # only these two commands load numpy and optuna
    from greenstream_tuning.replay import Row, Span
    from greenstream_tuning.search import SearchResult
    from greenstream_tuning.world import World, Years

DATASETS: Final = ROOT.parent / "shared" / "datasets"
BAR_CHARS: Final = 40
HOUR_S: Final = 3600.0
SEARCH_STEP_S: Final = 900  # the step of the nightly tuner; hourly steps would hide most switches
UNUSABLE: Final = 2  # the code with which argparse exits when it refuses an option


class OptionError(Exception):
    """An option cannot be used; the message says which one and why."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the two commands."""
    world = argparse.ArgumentParser(add_help=False)
    world.add_argument(
        "--carbon",
        type=Path,
        default=DATASETS / "carbon",
        metavar="DIR",
        help="folder of <ZONE>_<YEAR>.csv, with the columns datetime_utc, direct_gco2_kwh and "
        "lifecycle_gco2_kwh",
    )
    world.add_argument(
        "--rtt",
        type=Path,
        default=DATASETS / "rtt" / "gcp_region_rtt_ms.csv",
        metavar="FILE",
        help="square CSV of round trips in ms: the column origin, then a column for each place",
    )
    world.add_argument(
        "--train",
        type=years_of,
        default=(2022,),
        metavar="YEARS",
        help="years to learn from, as 2022, 2021,2022 or 2020-2022 (default: 2022)",
    )
    test_help = "years to replay (default: 2023)"
    world.add_argument("--test", type=years_of, default=(2023,), metavar="YEARS", help=test_help)
    world.add_argument(
        "--pops",
        type=names_of,
        default=(),
        metavar="POPS",
        help="POPs, or names of their traces, as sfo,lon,FR (default: all that the files know)",
    )
    world.add_argument(
        "--basis",
        choices=("direct", "lifecycle"),
        default="direct",
        help="CO2 of combustion, or CO2e over the life of the plants (default: direct)",
    )
    world.add_argument(
        "--delay",
        type=pair_of,
        action="append",
        default=[],
        metavar="POP=SECONDS",
        help="usual time from the end of an interval to its publication by a POP's source",
    )
    world.add_argument(
        "--late",
        type=pair_of,
        action="append",
        default=[],
        metavar="POP=HOURS",
        help="simulate a fault: the POP's source is always this late",
    )
    world.add_argument(
        "--demand",
        type=Path,
        metavar="FILE",
        help="CSV of place,weight of the visitors (default: the place of each POP, all alike)",
    )
    world.add_argument(
        "--trials",
        type=count_of,
        default=40,
        help="number of policies that a search tries (default: 40)",
    )

    replayed = commands.add_parser("replay", parents=[world])
    replayed.add_argument(
        "--step",
        type=count_of,
        default=300,
        metavar="SECONDS",
        help="time between two decisions (default: 300)",
    )
    replayed.add_argument(
        "--policy",
        type=Path,
        metavar="FILE",
        help="a policy that `greenstream tune` wrote (default: search one on the training years)",
    )
    replayed.add_argument("--json", action="store_true", help="print the rows as JSON")
    replayed.add_argument(
        "--out", type=Path, metavar="FILE", help="write the rows to this file as JSON"
    )
    replayed.add_argument(
        "--report",
        type=Path,
        metavar="DIR",
        help="write replay.html and its pictures to this folder",
    )
    replayed.set_defaults(do=_replay)

    tuned = commands.add_parser("tune", parents=[world])
    tuned.add_argument(
        "--out",
        type=Path,
        default=ROOT / ".local/policy.json",
        metavar="FILE",
        help="write an adopted policy to this file (default: .local/policy.json)",
    )
    tuned.add_argument(
        "--in-force",
        type=Path,
        metavar="FILE",
        help="the policy to improve on, as `greenstream tune` writes it; the default if absent",
    )
    tuned.set_defaults(do=_tune)


def years_of(text: str) -> tuple[int, ...]:
    """Parse ``2022``, ``2021,2022`` or ``2021-2023``."""
    years: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        years += range(int(first), int(last or first) + 1)
    if not years:
        raise argparse.ArgumentTypeError(f"{text!r} names no year")
    return tuple(years)


def names_of(text: str) -> tuple[str, ...]:
    """Parse ``sfo,lon``, with at least one name."""
    names = tuple(filter(None, (name.strip() for name in text.split(","))))
    if not names:
        raise argparse.ArgumentTypeError(f"{text!r} names no POP")
    return names


def pair_of(text: str) -> tuple[str, float]:
    """Parse ``name=number``, with a finite number that is not negative."""
    name, _, number = text.partition("=")
    value = float(number)
    if not name or not 0 <= value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=number")
    return name, value


def count_of(text: str) -> int:
    """Parse a whole number that is at least 1."""
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not at least 1")
    return count


def _replay(arguments: argparse.Namespace) -> int:
    from greenstream_tuning.replay import (  # noqa: PLC0415
        DEFAULT,
        OWNER,
        OWNER_FORMULA,
        TUNED,
        replay,
    )
    from infra.local.replay_table import as_text  # noqa: PLC0415

    def run() -> tuple[list["Row"], "World"]:
        years, world = _world(arguments)
        policy, search = _tuned(arguments, world, years)
        span = _span(years.test_s, years, arguments.step)
        policies = {DEFAULT: Policy(), OWNER_FORMULA: OWNER, TUNED: policy}
        rows = replay(world, span, policies, progress=_bar("replay"))
        if arguments.report:
            _report(arguments, years, rows, world, search)
        return rows, world

    replayed = _or_explain(run)
    if replayed is None:
        return UNUSABLE
    rows, world = replayed
    document = json.dumps([_without_nan(row.as_dict()) for row in rows], indent=1, allow_nan=False)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(document + "\n")
    print(document if arguments.json else as_text(rows, world, arguments.step))
    return 0


def _report(
    arguments: argparse.Namespace,
    years: "Years",
    rows: list["Row"],
    world: "World",
    search: "SearchResult | None",
) -> None:
    from infra.local.replay_report import Replayed, write  # noqa: PLC0415
    from infra.local.replay_table import left_out  # noqa: PLC0415

    since_s, until_s = years.test_s
    late = "".join(f" The source of {pop} is {hours:g} h late." for pop, hours in arguments.late)
    about = (
        f"The policies are replayed on {_named(arguments.test)}. The tuned policy and the best "
        f"static choice are learnt from {_named(arguments.train)}. The figures are intensities of "
        f"the grid's mix ({arguments.basis}), attributional and location-based; they count the "
        f"energy at the chosen POP, not that of the network.{late} POPs: {', '.join(world.pops)}."
        f"{''.join(f' {note}.' for note in world.notes)} "
        f"{' '.join(left_out(rows, world, arguments.step))}"
    )
    replayed = Replayed(
        rows=rows,
        world=world,
        search=search,
        since_s=since_s,
        until_s=until_s,
        basis=arguments.basis,
        about=about,
    )
    for path in write(replayed, arguments.report):
        print(f"written: {path}", file=sys.stderr)


def _named(years: Sequence[int]) -> str:
    return ", ".join(map(str, years))


def _tune(arguments: argparse.Namespace) -> int:
    from greenstream_tuning.search import Outcome, Search, tune  # noqa: PLC0415

    def run() -> Outcome:
        years, world = _world(arguments)
        span = _span(years.train_s, years, SEARCH_STEP_S)
        length_s = span.until_s - span.since_s
        cuts_s = [span.since_s + length_s * share // 4 for share in (2, 3)]
        in_force = Policy() if arguments.in_force is None else policy_in(arguments.in_force)
        return tune(world, span, in_force, cuts_s, search=Search(trials=arguments.trials))

    outcome = _or_explain(run)
    if outcome is None:
        return UNUSABLE
    print(f"{'adopted' if outcome.adopted else 'not adopted'}: {outcome.why}")
    print(json.dumps(asdict(outcome.candidate), indent=1))
    if outcome.adopted:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        adopted = {"policy": asdict(outcome.candidate), "evidence": outcome.evidence()}
        arguments.out.write_text(json.dumps(adopted, indent=1) + "\n")
        print(f"written to {arguments.out}")
    return 0


def _or_explain(run: Callable[[], Any]) -> Any:  # noqa: ANN401 - what `run` returns
    """Return what a function returns, or print which file or option is unusable, and ``None``."""
    from greenstream_tuning.traces import TraceError  # noqa: PLC0415

    try:
        return run()
    except (
        TraceError,
        OptionError,
        OSError,
        ValueError,
    ) as error:  # ValueError: there is nothing to judge
        print(f"greenstream: {error}", file=sys.stderr)
        return None


def _world(arguments: argparse.Namespace) -> tuple["Years", "World"]:
    from greenstream_tuning.world import Files, Years, load_world  # noqa: PLC0415

    _require_data(arguments.carbon, arguments.rtt)
    years = Years(arguments.train, arguments.test)
    late_s = {pop: hours * HOUR_S for pop, hours in arguments.late}
    world = load_world(
        Files(arguments.carbon, arguments.rtt),
        years,
        basis=arguments.basis,
        delays_s=dict(arguments.delay) | late_s,
        demand=_demand(arguments.demand),
        only=arguments.pops,
    )
    notes = (f"POPs: {', '.join(world.pops)}; {arguments.basis} basis", *world.notes)
    print("\n".join(notes), file=sys.stderr)
    return years, world


def _require_data(carbon: Path, rtt: Path) -> None:
    """Say what to do where the recorded years are missing, which the repository may not hold.

    Raises
    ------
    OptionError
        When the folder holds no trace, or the table of round trips does not exist.
    """
    if not any(carbon.glob("*_*.csv")):
        raise OptionError(
            f"{carbon} holds no traces. Their licence forbids passing them on, so bring your own: "
            "a folder of <ZONE>_<YEAR>.csv with the columns datetime_utc, direct_gco2_kwh and "
            "lifecycle_gco2_kwh, as in `make replay CARBON=DIR` or `--carbon DIR` "
            "(infra/docs/SAVINGS.md)"
        )
    if not rtt.is_file():
        raise OptionError(
            f"{rtt} does not exist: name a square CSV of round trips in ms, with the column origin "
            "and a column for each place, as in `make replay RTT=FILE` or `--rtt FILE`"
        )


def _demand(path: Path | None) -> dict[str, float] | None:
    if path is None:
        return None
    with path.open(newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    try:
        return {place: float(weight) for place, weight in rows if place != "place"}
    except ValueError as error:
        raise OptionError(f"{path.name} does not hold rows of place,weight: {error}") from error


def _span(time_s: tuple[int, int], years: "Years", step_s: int) -> "Span":
    from greenstream_tuning.replay import Span  # noqa: PLC0415

    trained_since_s, trained_until_s = years.train_s
    return Span(
        since_s=time_s[0],
        until_s=time_s[1],
        step_s=step_s,
        trained_since_s=trained_since_s,
        trained_until_s=trained_until_s,
    )


def _tuned(
    arguments: argparse.Namespace, world: "World", years: "Years"
) -> tuple[Policy, "SearchResult | None"]:
    if arguments.policy is not None:
        return policy_in(arguments.policy), None
    from greenstream_tuning.search import Search, best_policy  # noqa: PLC0415

    print("searching for a policy on the training years…", file=sys.stderr)
    span = _span(years.train_s, years, SEARCH_STEP_S)
    search = best_policy(world, span, Policy(), Search(trials=arguments.trials))
    print(f"tuned: {search.policy}", file=sys.stderr)
    return search.policy, search


def policy_in(file: Path) -> Policy:
    """Return the policy in a file that `greenstream tune` wrote.

    Raises
    ------
    OptionError
        When the file holds no policy; the message names the file and what is wrong.
    """
    wrong = f"{file.name} is not a policy that `greenstream tune` wrote"
    try:
        stated = json.loads(file.read_text())["policy"]
        return Policy(
            **{
                **stated,
                "ranking_signal": RankingSignal(stated["ranking_signal"]),
                "scope": RankedScope(stated.get("scope", RankedScope.USUAL)),
                "freshness_model": FreshnessModel(stated["freshness_model"]),
            }
        )
    except KeyError as error:
        raise OptionError(f"{wrong}: {error} is missing") from error
    except (
        ValueError,
        TypeError,
        AttributeError,
    ) as error:  # not JSON, or values that no policy has
        raise OptionError(f"{wrong}: {error}") from error


def _without_nan(row: dict[str, float | int | str | None]) -> dict[str, float | int | str | None]:
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in row.items()
    }


def _bar(what: str) -> Callable[[float], None]:
    def show(share: float) -> None:
        done = round(BAR_CHARS * share)
        end = "\n" if share >= 1 else ""
        bar = f"\r{what} [{'#' * done}{'.' * (BAR_CHARS - done)}] {share:4.0%}"
        print(bar, end=end, file=sys.stderr, flush=True)

    return show if sys.stderr.isatty() else lambda _: None
