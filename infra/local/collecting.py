"""Runs every collector once, some at the same time, so that a new stack soon has its figures."""

import textwrap
import time
from collections.abc import Mapping
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Final

from infra.local.processes import StackError
from infra.registry import COLLECTING

if TYPE_CHECKING:
    from infra.local.stack import Stack

AT_ONCE: Final = 4
"""How many collectors run at the same time: some of them wait more than they compute."""

AFTER: Final[Mapping[str, str]] = {"energycharts": "entsoe", "flows": "entsoe"}
"""Collectors that read what another one has stored: what is live there, they do not ask for."""

FIRST: Final = ("gridstatus", "entsoe")
"""The collectors that take longest, counting those that wait for them."""

SHORT: Final = 200
"""Characters that are printed of the error of a collector, at most."""

Outcome = tuple[str, float, StackError | None]
"""A collector, the seconds that it took, and its error if it has failed."""


def collect_once(stack: "Stack") -> None:
    """Invoke every collector once and print how long each took.

    A live upstream may be down, which is printed, and the others are still collected.

    Raises
    ------
    StackError
        When a collector fails twice although its upstream is simulated.
    """
    print("collecting… ", end="", flush=True)
    began = time.monotonic()
    waiting, running = sorted(COLLECTING, key=lambda name: name not in FIRST), set[str]()
    done: set[str] = set()
    failed: dict[str, StackError] = {}
    outcomes: SimpleQueue[Outcome] = SimpleQueue()
    while waiting or running:
        for name in [name for name in waiting if AFTER.get(name, name) in {name, *done}]:
            if len(running) < AT_ONCE:
                waiting.remove(name)
                running.add(name)
                # Daemons, so that a command that is ended does not wait for them.
                Thread(target=_invoke, args=(stack, name, outcomes), daemon=True).start()
        name, took_s, error = outcomes.get()
        running.remove(name)
        done.add(name)
        if error is not None:
            failed[name] = error
        print(f"{name} {took_s:.1f}{' (failed)' if error else ''}, ", end="", flush=True)
    print(f"in all {time.monotonic() - began:.1f} s", flush=True)
    if stack.upstream == "simulated":
        # On a busy machine the table may have answered too late while several collectors ran.
        for name in failed:
            print(f"collecting {name} again, alone", flush=True)
            stack.invoke(name)
        return
    for error in failed.values():
        print(textwrap.shorten(str(error).partition("\n")[0], SHORT, placeholder=" …"), flush=True)
    if failed:
        print("`greenstream invoke NAME` shows the whole error of one of them", flush=True)


def _invoke(stack: "Stack", name: str, outcomes: "SimpleQueue[Outcome]") -> None:
    began = time.monotonic()
    error: StackError | None = None
    try:
        stack.invoke(name)
    except StackError as raised:
        error = raised
    except Exception as raised:  # noqa: BLE001 - the emulator may end meanwhile
        error = StackError(f"{name} could not be invoked: {raised!r}")
    outcomes.put((name, time.monotonic() - began, error))
