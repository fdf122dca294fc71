"""The router's memory: one read of the store serves a few seconds, and outlives the store.

What is remembered are readings with their own times; ages are computed when a question is
answered, so that a remembered value never looks younger than it is.
"""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Thread
from typing import Any, Final, TypeVar

from greenstream.api.view import View, view_of
from greenstream.domain.clock import Clock
from greenstream.ports.store import Snapshot, Store, StoreError

T = TypeVar("T")

TIME_TO_LIVE: Final = timedelta(seconds=5)
"""How long one read of the store answers questions (at most one Query per 5 s and process)."""

WAIT_S: Final = 0.6
"""How long a request may wait for the store, all its questions together: the Worker waits 0.8 s
for the answer. The client's own limits are for a connection and for each piece of an answer, and
an answer may come in drops for ever."""

MAX_UNANSWERED: Final = 8
"""Questions that may still wait for an answer, each in a thread, before no further one is put."""

RETRY_AFTER: Final = timedelta(seconds=1)
"""How long a store that failed is left alone."""


@dataclass(slots=True)
class Patience:
    """How long one request may still wait for the store, s; each of its questions takes of it."""

    left_s: float = WAIT_S


class SnapshotCache:
    """Asks the store rarely, and never lets its failure through.

    Parameters
    ----------
    store
        Asked at most once per `TIME_TO_LIVE` for the snapshot, and not for `RETRY_AFTER`
        after a failure; in a thread of its own, which may outlive the answer.
    clock
        Tells the present, and how long a question took.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._unanswered: list[Future[Any]] = []
        self._view = view_of(Snapshot(), read_at=None)
        self._failed_at: datetime | None = None
        self._failure = ""

    @property
    def remembered(self) -> View:
        """The last view given, without asking the store."""
        return self._view

    def view(self, patience: Patience) -> View:
        """Return the newest view to be had: fresh, else remembered, else empty."""
        now = self._clock()
        read_at = self._view.read_at
        if read_at is not None and timedelta(0) <= now - read_at < TIME_TO_LIVE:
            return self._view
        snapshot = self.ask(lambda store: store.snapshot(), patience)
        if snapshot is not None:
            self._view = view_of(snapshot, read_at=now)
            return self._view
        what = (
            "nothing is remembered"
            if read_at is None
            else f"answered from memory of {(now - read_at).total_seconds():.0f} s ago"
        )
        return replace(self._view, fault=f"the store failed ({self._failure}); {what}")

    def ask(self, question: Callable[[Store], T], patience: Patience) -> T | None:
        """Put a question to the store; ``None`` when it fails or has just failed.

        ``None`` too, unasked, where the request has no patience left.
        """
        if patience.left_s <= 0:
            return None
        now = self._clock()
        if self._failed_at is not None and timedelta(0) <= now - self._failed_at < RETRY_AFTER:
            return None
        self._unanswered = [each for each in self._unanswered if not each.done()]
        if len(self._unanswered) >= MAX_UNANSWERED:
            return None
        answer: Future[T] = Future()
        Thread(target=_put, args=(question, self._store, answer), daemon=True).start()
        try:
            return answer.result(patience.left_s)
        except StoreError as error:
            self._failure = str(error)
        except TimeoutError:
            self._failure = f"no answer within {patience.left_s:.2g} s"
            self._unanswered.append(answer)
            patience.left_s = 0.0
        finally:  # a clock set back gives nothing
            patience.left_s -= max(0.0, (self._clock() - now).total_seconds())
        self._failed_at = self._clock()
        return None


def _put(question: Callable[[Store], T], store: Store, answer: Future[T]) -> None:
    try:
        answer.set_result(question(store))
    except BaseException as error:  # noqa: BLE001 - raised again where the answer is awaited
        answer.set_exception(error)
