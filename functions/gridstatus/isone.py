"""Reads ISO New England's CSV of generation by fuel category.

A day's file has a line for each stamp and fuel that runs, with the stamp in local time and without
an offset. The library makes a 0 of each fuel that a stamp does not name, which cannot be told from
a fuel that stands still, and it cannot date the hour that comes twice in autumn before that hour is
over. Here a fuel that is not named is absent, and the order of the lines tells the two hours apart.
"""

import csv
import io
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd

from greenstream.domain.mix import Refusal

EASTERN: Final = ZoneInfo("America/New_York")
STAMP: Final = "%m/%d/%Y %H:%M:%S"
STEP: Final = timedelta(minutes=5)
"""The usual time from one stamp to the next. It was 6 s to 1,021 s."""

SET_BACK: Final = timedelta(minutes=30)
"""A stamp that is so much earlier by the clock than a line before it begins the second of the two
hours. Other lines may be out of order by minutes."""


def table_of(text: str) -> tuple[pd.DataFrame, dict[pd.Timestamp, Refusal]]:
    """Read the CSV of a day.

    Parameters
    ----------
    text
        The file. Its lines begin with C (comment), H (heading), D (data) or T (the number of data
        lines).

    Returns
    -------
    tuple
        MW by fuel in a row for each stamp, which begins five minutes, and the refusals of stamps:
        ``contradiction`` for a fuel with two figures.

    Raises
    ------
    KeyError, ValueError
        When the file has no heading, or a data line cannot be read.
    """
    columns: dict[str, int] = {}
    mixes: dict[pd.Timestamp, dict[str, float]] = {}
    refusals: dict[pd.Timestamp, Refusal] = {}
    latest: datetime | None = None
    set_back = False
    for line in csv.reader(io.StringIO(text)):
        if line[:1] == ["H"] and not columns:
            columns = {name: place for place, name in enumerate(line)}
        if line[:1] != ["D"]:
            continue
        text_of_stamp = f"{line[columns['Date']]} {line[columns['Time']]}"
        wall = datetime.strptime(text_of_stamp, STAMP).replace(tzinfo=EASTERN)
        latest = max(wall, latest or wall)
        set_back = set_back or latest - wall >= SET_BACK
        stamp = pd.Timestamp(wall.replace(fold=int(set_back)))
        fuel, mw = line[columns["Fuel Category"]], float(line[columns["Gen Mw"]])
        mix = mixes.setdefault(stamp, {})
        if mix.setdefault(fuel, mw) != mw:
            refusals[stamp] = Refusal("contradiction", f"{fuel} is {mix[fuel]:g} and {mw:g} MW")
    if not columns:
        raise ValueError("the file has no heading")
    frame = pd.DataFrame(list(mixes.values()))
    starts = pd.to_datetime(pd.Series(list(mixes), dtype="object"), utc=True)
    starts = starts.dt.tz_convert("US/Eastern")
    frame.insert(0, "Interval Start", starts)
    frame.insert(1, "Interval End", starts + STEP)
    return frame.sort_values("Interval Start", ignore_index=True), refusals
