"""The library's readers of the grids, with what they lack.

NYISO's and PJM's say nothing of contradictions in the operator's table. MISO's, ISO New England's,
ERCOT's and SPP's read a clock of their own, wait without a limit, lose a whole answer to one odd
line, or fill holes with 0.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta, tzinfo
from types import MappingProxyType
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

import gridstatus
import pandas as pd
import requests

from functions.gridstatus import ercot, isone, miso, spp
from greenstream.domain.mix import Refusal

REFUSALS: Final = "refusals"
"""The key in a table's ``attrs`` under which the refusals of its rows are, by stamp."""

READ_WITHOUT_LIBRARY: Final = "read_without_library"
"""The key in a table's ``attrs`` that says why the library could not read the answer."""

REQUEST_TIMEOUT_S: Final = 15.0
"""Limit of a socket operation for which the library sets none. It ends threads that hang."""

STEP: Final = timedelta(minutes=5)

OWN_DAYS: Final[Mapping[str, tzinfo]] = {"MISO": miso.EST}
"""The clock by which a grid divides its days, where it is not the one of its zone."""

NEWEST_DAY_HOLDS_ALL: Final = frozenset({"Ercot", "SPP"})
"""Grids whose answer is the same for every day that is asked for: it holds the last hours."""


class Reader(Protocol):
    """Reads the fuel mix of one grid."""

    def table(self, day: date, now: datetime) -> pd.DataFrame:
        """Return the fuel mix of a day in the market's own time zone; ``now`` is aware."""
        ...


class Nyiso(gridstatus.NYISO):
    """NYISO, with contradictions."""

    refusals: Mapping[pd.Timestamp, Refusal] = MappingProxyType({})

    def _download_nyiso_archive(self, *args: Any, **kwargs: Any) -> pd.DataFrame:  # noqa: ANN401
        table: pd.DataFrame = super()._download_nyiso_archive(*args, **kwargs)
        self.refusals = _contradictions(table, "Fuel Category", "Gen MW")
        return table

    def table(self, day: date, _now: datetime) -> pd.DataFrame:
        """Return a day's file. The day is a date: for "today" the library would read a clock."""
        return _with(self.get_fuel_mix(_start_of(day, self)), self.refusals)


class Pjm(gridstatus.PJM):
    """PJM, with contradictions."""

    refusals: Mapping[pd.Timestamp, Refusal] = MappingProxyType({})

    def _get_pjm_json(self, *args: Any, **kwargs: Any) -> pd.DataFrame:  # noqa: ANN401
        table: pd.DataFrame = super()._get_pjm_json(*args, **kwargs)
        self.refusals = _contradictions(table, "fuel_type", "mw")
        return table

    def table(self, day: date, _now: datetime) -> pd.DataFrame:
        """Return the hours of a day."""
        return _with(self.get_fuel_mix(_start_of(day, self)), self.refusals)


class Caiso(gridstatus.CAISO):
    """California ISO, as the library reads it."""

    def table(self, day: date, _now: datetime) -> pd.DataFrame:
        """Return a day's file."""
        mix: pd.DataFrame = self.get_fuel_mix(_start_of(day, self))
        return mix


class Miso(gridstatus.MISO):
    """MISO, with a check of the sum, and with an answer that the library refuses as a whole."""

    FEED: Final = "https://public-api.misoenergy.org/api/FuelMix"

    def table(self, day: date, now: datetime) -> pd.DataFrame:
        """Return the intervals of today or, for any other day, of yesterday.

        Raises
        ------
        KeyError, TypeError, ValueError
            When neither the library nor `miso.table_of` can read the answer.
        """
        file = "Today" if day >= now.astimezone(miso.EST).date() else "Yesterday"
        document = self._get_json(f"{self.FEED}/{file}", timeout=REQUEST_TIMEOUT_S)
        refusals: dict[pd.Timestamp, Refusal] = {}
        why = None
        try:
            frame = self._parse_fuel_mix(document)
        except (KeyError, TypeError, ValueError) as error:
            why = f"{type(error).__name__}: {error}"
            frame, refusals = miso.table_of(document)
        refusals = dict(miso.refusal_of_sum(document)) | refusals
        frame = frame.drop(columns=miso.NOT_INSIDE, errors="ignore")
        frame["Time"] = frame["Interval Start"]
        frame["Interval End"] = frame["Interval Start"] + STEP
        frame.attrs[READ_WITHOUT_LIBRARY] = why
        return _with(frame, refusals)


class Isone(gridstatus.ISONE):
    """ISO New England, whose file is only served to a client that has opened its page."""

    PAGE: Final = "https://www.iso-ne.com/isoexpress/web/reports/operations/-/tree/gen-fuel-mix"
    FEED: Final = "https://www.iso-ne.com/transform/csv/genfuelmix"

    def table(self, day: date, _now: datetime) -> pd.DataFrame:
        """Return a day's file.

        Raises
        ------
        requests.RequestException
            When the file cannot be fetched.
        ValueError
            When it is not a CSV of ISO New England.
        """
        with requests.Session() as session:
            session.get(self.PAGE, timeout=REQUEST_TIMEOUT_S)
            response = session.get(
                self.FEED, params={"start": f"{day:%Y%m%d}"}, timeout=REQUEST_TIMEOUT_S
            )
        response.raise_for_status()
        frame, refusals = isone.table_of(response.content.decode())
        frame.insert(0, "Time", frame["Interval Start"])
        return _with(frame, refusals)


class Ercot(gridstatus.Ercot):
    """ERCOT, whose one answer holds yesterday and today."""

    def table(self, _day: date, _now: datetime) -> pd.DataFrame:
        """Return the intervals of yesterday and today."""
        document = self._get_json(f"{self.BASE}/fuel-mix.json", timeout=REQUEST_TIMEOUT_S)
        return _with(*ercot.table_of(document))


class Spp(gridstatus.SPP):
    """The Southwest Power Pool, whose files of the last two hours are read, an area each."""

    def table(self, _day: date, _now: datetime) -> pd.DataFrame:
        """Return the slots of the last two hours."""
        return _with(*spp.table_of(self.get_fuel_mix_by_baa("latest")))


READERS: Final[Mapping[str, Callable[[], Reader]]] = {
    "NYISO": Nyiso,
    "CAISO": Caiso,
    "MISO": Miso,
    "ISONE": Isone,
    "Ercot": Ercot,
    "SPP": Spp,
}
"""The reader of each grid that needs no key, by the library's class name."""


def days_of(market: str, moments: tuple[datetime, datetime], time_zone: str) -> list[date]:
    """Return the days to ask a grid for, so that its tables hold two moments.

    Parameters
    ----------
    market
        The library's class name of the grid.
    moments
        The moments, the later last, in UTC.
    time_zone
        The IANA name of the zone's clock.

    Returns
    -------
    list[date]
        The days by the clock of the grid's files, oldest first.
    """
    local = OWN_DAYS.get(market) or ZoneInfo(time_zone)
    days = sorted({moment.astimezone(local).date() for moment in moments})
    return days[-1:] if market in NEWEST_DAY_HOLDS_ALL else days


def _start_of(day: date, client: Any) -> pd.Timestamp:  # noqa: ANN401 - a class of the library
    return pd.Timestamp(day, tz=client.default_timezone)


def _with(frame: pd.DataFrame, refusals: Mapping[pd.Timestamp, Refusal]) -> pd.DataFrame:
    frame.attrs[REFUSALS] = dict(refusals)
    return frame


def _contradictions(table: pd.DataFrame, fuel: str, mw: str) -> dict[pd.Timestamp, Refusal]:
    """Return what stands twice in a table with different figures: a refusal by stamp.

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
    refusals: dict[pd.Timestamp, Refusal] = {}
    repeated = table[table.duplicated(["Time", fuel], keep=False)]
    for _, lines in repeated.groupby(["Time", fuel]):
        values = lines[mw].dropna().unique()
        if len(values) > 1:
            said = f"{lines[fuel].iloc[0]} is {values[0]} and {values[1]} MW"
            refusals.setdefault(lines["Time"].iloc[0], Refusal("contradiction", said))
    return refusals
