"""Runs every collector once, some at the same time, so that a new stack soon has its figures.

The first page of `greenstream run` waits only for the collectors of the six POPs' zones. The others
run while it is shown, and it says which of them have not ended yet.
"""

import textwrap
import time
from collections.abc import Collection, Iterator, Mapping
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

OF_POPS: Final = ("gridstatus", "entsoe", "eso", "eia")
"""The collectors of the six POPs' zones, the slowest first."""

SHORT: Final = 200
"""Characters that are printed of the error of a collector, at most."""

Outcome = tuple[str, float, StackError | None]
"""A collector, the seconds that it took, and its error if it has failed."""


def collect_once(stack: "Stack", names: Collection[str] = tuple(COLLECTING)) -> None:
    """Invoke collectors once and print how long each took.

    A live upstream may be down, which is printed, and the others are still collected.

    Raises
    ------
    StackError
        When a collector fails twice although its upstream is simulated.
    """
    print("collecting… ", end="", flush=True)
    began = time.monotonic()
    failed: dict[str, StackError] = {}
    for name, took_s, error in _outcomes(stack, names):
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
        print(_in_short(error), flush=True)
    if failed:
        print("`greenstream invoke NAME` shows the whole error of one of them", flush=True)


class Following:
    """Invokes the collectors that the first page does not wait for, while the page is shown.

    What fails here is invoked again by its schedule within a minute, as in the cloud.
    """

    def __init__(self, stack: "Stack") -> None:
        self._missing = [name for name in COLLECTING if name not in OF_POPS]
        self._failed: list[str] = []
        Thread(target=self._collect, args=(stack,), daemon=True).start()

    def _collect(self, stack: "Stack") -> None:
        for name, _, error in _outcomes(stack, tuple(self._missing)):
            if error is not None:
                self._failed.append(_in_short(error))
            self._missing.remove(name)

    def lines(self) -> list[str]:
        """Return what is still collected for the first time, and what has failed."""
        if self._missing:
            return [f"still collecting for the first time: {', '.join(self._missing)}"]
        return list(self._failed)


def _outcomes(stack: "Stack", names: Collection[str]) -> Iterator[Outcome]:
    """Invoke collectors, some at the same time, and yield how each has ended as soon as it has."""
    waiting = sorted(names, key=lambda name: name not in OF_POPS and name not in AFTER.values())
    running = set[str]()
    outcomes: SimpleQueue[Outcome] = SimpleQueue()
    while waiting or running:
        for name in [name for name in waiting if AFTER.get(name) not in {*waiting, *running}]:
            if len(running) < AT_ONCE:
                waiting.remove(name)
                running.add(name)
                # Daemons, so that a command that is ended does not wait for them.
                Thread(target=_invoke, args=(stack, name, outcomes), daemon=True).start()
        outcome = outcomes.get()
        running.remove(outcome[0])
        yield outcome


def _in_short(error: StackError) -> str:
    return textwrap.shorten(str(error).partition("\n")[0], SHORT, placeholder=" …")


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
