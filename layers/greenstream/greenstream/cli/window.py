"""``greenstream window``: say when a job should run, and wait until then with ``--wait``."""

import argparse
import re
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from greenstream.cli.asking import Asker, add_options
from greenstream.cli.errors import CommandError
from greenstream.cli.table import age, aligned, figure
from greenstream.domain.clock import Clock, utc_now

_LENGTH: Final = re.compile(
    r"(?:(?P<days>\d{1,3})d)?(?:(?P<hours>\d{1,4})h)?(?:(?P<minutes>\d{1,5})m(?:in)?)?"
)

HOUR: Final = timedelta(hours=1)

AT_ONCE: Final = timedelta(minutes=1)
"""Windows begin at whole minutes. One that begins sooner than this begins at once."""

NAP_S: Final = 30.0
"""How long the wait sleeps at once, in seconds, so that a clock that is set does no harm."""

EVERY: Final = timedelta(minutes=10)
"""How often the wait says how long it will still take."""


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Define the options of the command."""
    window = commands.add_parser("window")
    where = window.add_mutually_exclusive_group()
    where.add_argument("--zones", metavar="NAMES", help="up to ten zones: GBR-13,NYISO")
    where.add_argument(
        "--pops", metavar="NAMES", help="up to ten places: lon,LHR,aws:eu-west-2 (default: six)"
    )
    window.add_argument(
        "--from",
        dest="origin",
        metavar="PLACE",
        help="where the job is started from: tokyo, LHR, 48.1,11.6; alone, the place itself",
    )
    window.add_argument("--max-latency-ms", metavar="MS", help="with --pops and --from: the limit")
    window.add_argument(
        "--duration", type=length, default="60m", help="how long the job takes: 45m, 2h (60m)"
    )
    window.add_argument(
        "--within", type=length, default="24h", help="how soon it must have ended: 12h, 3d (24h)"
    )
    window.add_argument("--signal", help="auto, average or marginal")
    window.add_argument("--basis", help="direct or lifecycle")
    window.add_argument("--allow", metavar="COUNTRIES", help="only there: EU, EEA, CH, …")
    window.add_argument("--deny", metavar="COUNTRIES", help="not there")
    window.add_argument(
        "--wait",
        action="store_true",
        help="sleep until the window begins, and exit with 0: the first line of a job",
    )
    add_options(window)
    window.set_defaults(do=_window)


def length(text: str) -> timedelta:
    """Return a length of time that is written as ``45m``, ``12h``, ``1h30m`` or ``3d``.

    Raises
    ------
    argparse.ArgumentTypeError
        When it is written in another way.
    """
    match = _LENGTH.fullmatch(text.strip().lower())
    parts = {name: int(part) for name, part in match.groupdict().items() if part} if match else {}
    if not parts:
        raise argparse.ArgumentTypeError(
            f"write {text!r} in whole days, hours and minutes, as in 45m, 12h, 1h30m or 3d"
        )
    return timedelta(**parts)


def _window(arguments: argparse.Namespace) -> int:
    within_h, rest = divmod(arguments.within, HOUR)
    if rest:
        raise CommandError("--within takes whole hours, as in 12h")
    answer = Asker.of(arguments).ask(
        "/v1/window",
        {
            "zones": arguments.zones,
            "pops": arguments.pops,
            "from": arguments.origin,
            "max_latency_ms": arguments.max_latency_ms,
            "duration_min": f"{arguments.duration / timedelta(minutes=1):g}",
            "within_h": str(within_h),
            "signal": arguments.signal,
            "basis": arguments.basis,
            "allow": arguments.allow,
            "deny": arguments.deny,
        },
    )
    said = answer.as_json() if arguments.json else answer.as_text(as_text(answer.body))
    print(said, flush=True)
    best = answer.body["best"]
    if best is None:  # the answer says why
        return 1
    start, as_of = datetime.fromisoformat(best["start"]), answer.body["as_of"]
    if arguments.wait and start - datetime.fromisoformat(as_of) >= AT_ONCE:
        wait(start)
    return 0


def as_text(answer: dict[str, Any]) -> str:
    """Return the answer of ``/v1/window`` as lines: the best, and a line for each zone."""
    rows = [_row(row) for row in answer["zones"]]
    return "\n".join([answer["reason_text"], *aligned(rows)])


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    window, place = row["window"], row["pop"] or ""
    latency = "" if row["latency_ms"] is None else f"{row['latency_ms']:.0f} ms"
    far = "" if row["within_limit"] else "outside_limit"
    if window is None:
        return (place, row["zone"], "no figure of the kind", *[""] * 5, latency, far)
    start, end = (datetime.fromisoformat(window[name]) for name in ("start", "end"))
    at_once, spread = window["at_once_gco2_kwh"], window["spread_gco2_kwh"]
    return (
        place,
        row["zone"],
        f"{start:%a %H:%M} to {end:%H:%M} UTC",
        figure(window["gco2_kwh"]) + ("" if spread is None else f" ±{spread:.0f}"),
        "" if at_once is None else f"at once {at_once:.0f}",
        f"{window['signal']}/{window['basis']} {window['scope']}",
        window["rung"],
        " ".join(filter(None, [window["provider"], age(window["age_s"])])),
        latency,
        far,
    )


def wait(
    until: datetime, *, clock: Clock = utc_now, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Sleep until an instant, and say on stderr for how long.

    Parameters
    ----------
    until
        The instant, in UTC.
    clock
        Returns the present.
    sleep
        Sleeps for some seconds.
    """
    printed_at: datetime | None = None
    while (now := clock()) < until:
        if printed_at is None or now - printed_at >= EVERY:
            minutes = (until - now) / timedelta(minutes=1)
            print(f"waiting {minutes:.0f} min until {until:%H:%M} UTC …", file=sys.stderr)
            sys.stderr.flush()
            printed_at = now
        sleep(min(NAP_S, (until - now).total_seconds()))
