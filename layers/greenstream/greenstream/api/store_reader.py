"""Reads from the store in a thread beside the request, which need not wait for its end."""

from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

from greenstream.ports.store import Store

T = TypeVar("T")

_Read = tuple[Callable[[Store], Any], Future[Any]]
"""A question to the store, and where its answer belongs."""


class StoreReader:
    """Asks the store one question after another, in one thread.

    To start a thread takes about half as long as a read, so that a thread is used again. It is of
    no more use while a read hangs; it ends with its read when this object is dropped.

    Parameters
    ----------
    store
        The store.
    """

    def __init__(self, store: Store) -> None:
        self._reads: SimpleQueue[_Read | None] = SimpleQueue()
        Thread(target=_answer, args=(store, self._reads), daemon=True).start()

    def ask(self, question: Callable[[Store], T]) -> Future[T]:
        """Ask the store, and return where the answer or the exception will be."""
        answer: Future[T] = Future()
        self._reads.put((question, answer))
        return answer

    def __del__(self) -> None:
        """Let the thread end after the reads that were asked for."""
        self._reads.put(None)


def _answer(store: Store, reads: SimpleQueue[_Read | None]) -> None:
    """Answer reads until there is a ``None``."""
    while (read := reads.get()) is not None:
        question, answer = read
        try:
            answer.set_result(question(store))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            answer.set_exception(error)
        # The next read may be minutes away, and this thread must not keep an answer until then.
        del read, question, answer
