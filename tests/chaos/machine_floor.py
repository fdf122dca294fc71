"""Measures how long the machine kept this process from running."""

import threading
import time
from types import TracebackType
from typing import Self

PAUSE_S = 0.02


class MachineFloor:
    """A thread that sleeps `PAUSE_S` again and again, and notes how late it wakes up.

    An idle machine wakes it within milliseconds. On a machine that is busy with other processes it
    is as late as everything else in this process. The processor time that this process uses in the
    meantime is taken off, so that its own work does not count as the machine's delay.
    """

    def __init__(self) -> None:
        self._worst_s = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        """Start to measure."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            began, used = time.monotonic(), time.process_time()
            time.sleep(PAUSE_S)
            own_s = time.process_time() - used
            self._worst_s = max(self._worst_s, time.monotonic() - began - PAUSE_S - own_s)

    def take_worst_s(self) -> float:
        """Return the longest delay since the last call, in seconds."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return worst_s
