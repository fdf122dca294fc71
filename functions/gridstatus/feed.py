"""Calls the gridstatus library, and gives it what it lacks.

That is a logger that writes no key, a time-out, and a limit of memory.
"""

import logging
import resource
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

import pandas as pd

from functions.gridstatus.readers import READERS, REQUEST_TIMEOUT_S, Pjm
from greenstream.domain.clock import utc_now

# At level INFO the library's logger prints the PJM key with every request. The import sets the
# logger's level and handler, so the logger is switched off after it. Failures are raised anyway.
logging.getLogger("gridstatus").disabled = True
warnings.filterwarnings("ignore", module=r"gridstatus\.|pandas\.")

NEEDS_KEY: Final = frozenset({"PJM"})

MEMORY_SHARE: Final = 0.5
"""The share of the function's memory that data may fill. A good run needs an eighth of the memory,
an answer of 50 MB a third."""


class FuelMixFeed(Protocol):
    """The port behind which the fuel mixes of the US grids are read."""

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        """Return the fuel mix of one day.

        Parameters
        ----------
        market
            The library's name of the class that reads the grid, for example ``NYISO``.
        day
            The day in the market's own time zone.
        api_key
            The key of the market's API, where it wants one.

        Returns
        -------
        pd.DataFrame
            A row for each interval, with time-zone aware stamps and MW by fuel. What its
            ``attrs`` say of it is in `functions.gridstatus.readers`.

        Raises
        ------
        Exception
            Of any type, since the library's exceptions have no common one.
        """
        ...


@dataclass(frozen=True, slots=True)
class LibraryFeed:
    """The `FuelMixFeed` port on the gridstatus library.

    The constructor sets the default socket time-out of the whole process, because the library reads
    some files through urllib without any.

    Parameters
    ----------
    clock
        Returns the present, in UTC, for grids whose addresses name a day as today or yesterday.
    """

    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        socket.setdefaulttimeout(REQUEST_TIMEOUT_S)

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        """Ask the library for one day, as `FuelMixFeed` says."""
        if market in NEEDS_KEY:
            return Pjm(api_key=api_key, retries=1).table(day, self.clock())
        return READERS[market]().table(day, self.clock())


def keep_within(memory_mb: int) -> None:
    """Limit the memory for data, so that a grid with a huge answer fails alone.

    The library reads a whole answer into memory, however large it is unpacked. Without this limit
    the platform would end the process, and the readings of the other grids would be lost.

    Parameters
    ----------
    memory_mb
        The function's memory in MB.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (round(MEMORY_SHARE * memory_mb * 2**20), hard))


@contextmanager
def without_limit() -> Iterator[None]:
    """Lift the limit that `keep_within` has set while the block runs.

    Threads are started inside such a block. ``Thread.start`` waits until the new thread reports
    that it runs, and a thread that finds no memory for its first steps ends without a report, so
    that ``start`` would wait for ever (CPython 3.11 to 3.13).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
