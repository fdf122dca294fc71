"""Calls the gridstatus library, and gives it what it lacks.

That is a logger that writes no key, a time-out, and a limit of memory.
"""

import logging
import resource
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Protocol

import gridstatus
import pandas as pd

# At level INFO the library's logger prints the PJM key with every request. The import sets the
# logger's level and handler, so the logger is switched off after it. Failures are raised anyway.
logging.getLogger("gridstatus").disabled = True
warnings.filterwarnings("ignore", module=r"gridstatus\.|pandas\.")

CONTRADICTIONS: Final = "contradictions"
"""The key in a table's ``attrs`` under which its contradictions are: a text by stamp."""

NEEDS_KEY: Final = frozenset({"PJM"})

SOCKET_TIMEOUT_S: Final = 15.0
"""Limit of a socket operation for which the library sets none (NYISO's). It ends threads that
hang."""

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
            A row for each interval, with time-zone aware stamps and MW by fuel. For a stamp that
            the operator gives twice with different figures, the table's ``attrs`` say so under
            `CONTRADICTIONS`.

        Raises
        ------
        Exception
            Of any type, since the library's exceptions have no common one.
        """
        ...


class Nyiso(gridstatus.NYISO):
    """The library's reader of NYISO, which also remembers contradictions."""

    contradictions: Mapping[pd.Timestamp, str] = MappingProxyType({})

    def _download_nyiso_archive(self, *args: Any, **kwargs: Any) -> pd.DataFrame:  # noqa: ANN401
        table: pd.DataFrame = super()._download_nyiso_archive(*args, **kwargs)
        self.contradictions = _contradictions(table, "Fuel Category", "Gen MW")
        return table


class Pjm(gridstatus.PJM):
    """The library's reader of PJM, which also remembers contradictions."""

    contradictions: Mapping[pd.Timestamp, str] = MappingProxyType({})

    def _get_pjm_json(self, *args: Any, **kwargs: Any) -> pd.DataFrame:  # noqa: ANN401
        table: pd.DataFrame = super()._get_pjm_json(*args, **kwargs)
        self.contradictions = _contradictions(table, "fuel_type", "mw")
        return table


def _contradictions(table: pd.DataFrame, fuel: str, mw: str) -> dict[pd.Timestamp, str]:
    """Return what stands twice in a table with different figures: a text by stamp.

    The library makes a row of each stamp, and takes of each fuel whatever comes first, which may
    be the figures of two snapshots in one row.

    Parameters
    ----------
    table
        The operator's table, with a line for each stamp and fuel.
    fuel, mw
        The names of the columns with the fuel and its power.
    """
    if not {"Time", fuel, mw} <= set(table.columns):  # the library refuses the table itself
        return {}
    found: dict[pd.Timestamp, str] = {}
    repeated = table[table.duplicated(["Time", fuel], keep=False)]
    for _, lines in repeated.groupby(["Time", fuel]):
        values = lines[mw].dropna().unique()
        if len(values) > 1:
            said = f"{lines[fuel].iloc[0]} is {values[0]} and {values[1]} MW"
            found.setdefault(lines["Time"].iloc[0], said)
    return found


class LibraryFeed:
    """The `FuelMixFeed` port on the gridstatus library.

    The constructor sets the default socket time-out of the whole process, because the library reads
    NYISO's file through urllib without any.
    """

    def __init__(self) -> None:
        socket.setdefaulttimeout(SOCKET_TIMEOUT_S)

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        """Ask the library for one day, as `FuelMixFeed` says."""
        client: Any
        if market in NEEDS_KEY:
            client = Pjm(api_key=api_key, retries=1)
        else:
            client = Nyiso() if market == "NYISO" else getattr(gridstatus, market)()
        # The day is passed as a date: for "today" the library would read a clock of its own.
        mix: pd.DataFrame = client.get_fuel_mix(pd.Timestamp(day, tz=client.default_timezone))
        mix.attrs[CONTRADICTIONS] = dict(getattr(client, "contradictions", {}))
        return mix


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
