"""The gridstatus library, given what it lacks: a silent logger, a time-out, a limit of memory."""

import logging
import resource
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Final, Protocol

import gridstatus
import pandas as pd

# At INFO the library's logger prints the PJM key with every request. It sets its own level and
# handler while it is imported, so it is switched off afterwards; what matters it raises.
logging.getLogger("gridstatus").disabled = True
warnings.filterwarnings("ignore", module=r"gridstatus\.|pandas\.")

NEEDS_KEY: Final = frozenset({"PJM"})

SOCKET_TIMEOUT_S: Final = 15.0
"""Limit of one socket operation where the library names none (NYISO); it ends hung threads."""

MEMORY_SHARE: Final = 0.5
"""Of the function's memory, for data: a good run needs an eighth, an answer of 50 MB a third."""


class FuelMixFeed(Protocol):
    """Where fuel mixes come from."""

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        """Return the market's local day: a time-zone aware stamp and MW by fuel in each row.

        Raises
        ------
        Exception
            Of any type: the library's failures have no common one.
        """
        ...


class LibraryFeed:
    """The `FuelMixFeed` port on the gridstatus library.

    Making one sets the process's default socket time-out: NYISO's file is read through urllib,
    to which the library names none.
    """

    def __init__(self) -> None:
        socket.setdefaulttimeout(SOCKET_TIMEOUT_S)

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        """Ask the library for one local day."""
        library: Any = gridstatus
        client = (
            library.PJM(api_key=api_key, retries=1)
            if market in NEEDS_KEY
            else getattr(library, market)()
        )
        # A date, since "today" would be read off a clock of the library's own.
        mix: pd.DataFrame = client.get_fuel_mix(pd.Timestamp(day, tz=client.default_timezone))
        return mix


def keep_within(memory_mb: int) -> None:
    """Make a grid that needs more than its share of the function's memory fail by itself.

    The library reads an answer whole, however much it unpacks to. Without a limit of its own the
    process would be ended, and with it what the other grids brought.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (round(MEMORY_SHARE * memory_mb * 2**20), hard))


@contextmanager
def without_limit() -> Iterator[None]:
    """Lift the limit that `keep_within` set, and set it again at the end.

    Threads are to be started inside: ``Thread.start`` waits until the new thread reports that it
    runs, and a thread that finds no memory for its first steps ends without a report, so that
    ``start`` waits for ever (CPython 3.11 to 3.13).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
