"""Says on a terminal what a command waits for, once that takes longer than two seconds."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

PATIENCE_S: Final = 2.0
"""How long a command is silent while it waits, in seconds."""

EVERY_S: Final = 10.0
"""How often it says how long it has been waiting, in seconds."""


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say on stderr what is waited for while the block runs, if stderr is a terminal.

    Parameters
    ----------
    what
        What the block does, as in ``asking the router``.
    """
    if not sys.stderr.isatty():
        yield
        return
    done = threading.Event()
    speaker = threading.Thread(target=_speak, args=(what, done), daemon=True)
    speaker.start()
    try:
        yield
    finally:
        done.set()
        speaker.join()


def _speak(what: str, done: threading.Event) -> None:
    began = time.monotonic()
    if done.wait(PATIENCE_S):
        return
    print(f"{what} …", file=sys.stderr, flush=True)
    while not done.wait(EVERY_S):
        waited_s = time.monotonic() - began
        print(f"{what} for {waited_s:.0f} s …", file=sys.stderr, flush=True)
