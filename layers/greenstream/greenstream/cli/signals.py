"""Ends a command on SIGINT, SIGTERM or SIGHUP, once, so that it can end what it has started."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

ENDING: Final = tuple(
    signal.Signals[name]
    for name in ("SIGINT", "SIGTERM", "SIGHUP")
    if name in signal.Signals.__members__  # Windows has no SIGHUP
)
"""The signals that end a command: Ctrl-C, `kill` or `timeout`, and a terminal that is closed."""

SAME_END_S: Final = 15.0
"""How long after a first signal a further one means the same end.

`timeout` and `make` pass a signal on to a command that has received it already. Until then the
command ends what it has started, and no signal may interrupt that.
"""


def end_on_signals() -> None:
    """Raise `KeyboardInterrupt` on the first signal of `ENDING`, and ignore those that follow it.

    A shell may have had SIGINT ignored for a command in the background, and that is undone. SIGHUP
    stays ignored where it is, because that is how ``nohup`` starts a command.
    """
    ended_at: float | None = None

    def end(_number: int, _frame: FrameType | None) -> None:
        nonlocal ended_at
        now = time.monotonic()
        if ended_at is None or now - ended_at > SAME_END_S:
            ended_at = now
            raise KeyboardInterrupt

    for number in ENDING:
        if number is signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


@contextmanager
def held() -> Iterator[None]:
    """Hold signals of `ENDING` back until a block ends, for example until a process is recorded."""
    if threading.current_thread() is not threading.main_thread():  # signals never arrive there
        yield
        return
    arrived: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: arrived.append(number))
        for number in ENDING
        if signal.getsignal(number) not in (signal.SIG_IGN, None)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if arrived:
            signal.raise_signal(arrived[0])
