"""Runs several collectors on one table, one request at a time, in an order the caller chooses."""

import itertools
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from greenstream.aws.dynamodb import ConditionFailedError
from greenstream.ports.store import StoreError

Choose = Callable[[Sequence[int]], int]
"""Chooses, from the collectors that wait with a request, the next one to go on."""

REQUESTS = ("put_item", "update_item", "query")


class Fate(Enum):
    """What happens to a request."""

    ANSWERED = auto()
    DIES_BEFORE = auto()
    """The collector is killed before it sends the request."""
    DIES_AFTER = auto()
    """The collector is killed after the table acted on the request."""
    ASKED_TWICE = auto()
    """The table acts, but the answer is lost; the client retries and gets an answer."""
    FAILS_BEFORE = auto()
    """The table does not act; the client gives up."""
    FAILS_AFTER = auto()
    """The table acts, but every answer is lost; the client gives up."""


def undisturbed(turn: int) -> Fate:
    """Return the fate of a request when every request is answered."""
    return Fate.ANSWERED


def disturbed(fates: Mapping[int, Fate]) -> Callable[[int], Fate]:
    """Return a function that gives the requests of these turns their fates."""
    return lambda turn: fates.get(turn, Fate.ANSWERED)


def _closed() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock


class KilledError(BaseException):
    """The collector's process was killed: nothing in the collector may catch this."""


@dataclass(frozen=True, slots=True)
class Request:
    """A collector's request and its result: the answer, or the item that failed the condition."""

    operation: str
    arguments: dict[str, Any]
    answer: dict[str, Any] | None
    refused: dict[str, Any] | None


@dataclass
class Turns:
    """Runs collectors until all have ended, one request at a time.

    Parameters
    ----------
    table
        The table that acts upon the requests.
    acted
        Called after each request that was acted upon.
    """

    table: Any
    threads: ThreadPoolExecutor
    acted: Callable[[], None] = lambda: None
    log: list[Request] = field(default_factory=list)
    arrived: threading.Lock = field(default_factory=_closed)

    def play(
        self,
        collectors: Sequence[Callable[["Client"], object]],
        choose: Choose,
        fate: Callable[[int], Fate] = undisturbed,
    ) -> int:
        """Run all collectors and return the number of turns; raise an error of a collector."""
        clients = [Client(self) for _ in collectors]
        ends: list[Future[object]] = []
        for collector, client in zip(collectors, clients, strict=True):
            ends.append(self.threads.submit(self._run, collector, client))
            self.arrived.acquire()
        turn = 0
        while ready := [index for index, end in enumerate(clients) if not end.ended]:
            client = clients[choose(ready)]
            client.fate = fate(turn)
            turn += 1
            client.go.release()
            self.arrived.acquire()
        for end in ends:
            end.result()
        return turn

    def _run(self, collector: Callable[["Client"], object], client: "Client") -> None:
        try:
            with suppress(KilledError):
                collector(client)
        finally:
            client.ended = True
            self.arrived.release()

    def act(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Let the table act upon a request."""
        try:
            answer: dict[str, Any] = getattr(self.table, operation)(**arguments)
        except ConditionFailedError as refused:
            self.log.append(Request(operation, arguments, None, dict(refused.item)))
            raise
        self.log.append(Request(operation, arguments, answer, None))
        self.acted()
        return answer


@dataclass
class Client:
    """The table client of one collector: each request waits for its turn."""

    turns: Turns
    fate: Fate = Fate.ANSWERED
    go: threading.Lock = field(default_factory=_closed)
    killed: bool = False
    ended: bool = False

    def __getattr__(self, name: str) -> Any:
        if name not in REQUESTS:
            return getattr(self.turns.table, name)

        def request(**arguments: Any) -> dict[str, Any]:
            if self.killed:  # a killed process sends no more requests
                raise KilledError
            self.turns.arrived.release()
            self.go.acquire()
            return self._meet(name, arguments)

        return request

    def _meet(self, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        fate = self.fate
        self.killed = fate in (Fate.DIES_BEFORE, Fate.DIES_AFTER)
        if fate in (Fate.DIES_AFTER, Fate.FAILS_AFTER, Fate.ASKED_TWICE):
            # A refusal is an answer too, and is lost like any other.
            with suppress(ConditionFailedError):
                self.turns.act(operation, arguments)
        if self.killed:
            raise KilledError
        if fate in (Fate.FAILS_BEFORE, Fate.FAILS_AFTER):
            raise StoreError("the table does not answer")
        return self.turns.act(operation, arguments)


def every_order(play: Callable[[Choose], object]) -> int:
    """Play every possible order of turns once, and return the number of orders."""
    begun: list[int] = []
    taken: list[tuple[int, int]] = []

    def choose(ready: Sequence[int]) -> int:
        pick = begun[len(taken)] if len(taken) < len(begun) else 0
        taken.append((pick, len(ready)))
        return ready[pick]

    for count in itertools.count(1):
        taken.clear()
        play(choose)
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return count
        begun = [pick for pick, _ in taken[:-1]] + [taken[-1][0] + 1]
    raise AssertionError("counting has no end")
