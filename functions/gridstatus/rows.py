"""The library's tables as rows of MW by fuel, and which row of a growing file can be believed.

NYISO stamps the end of a five-minute period, CAISO the start, PJM gives both ends of an hour.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import pandas as pd

from functions.gridstatus.faults import NAME, invalid
from greenstream.domain.errors import NoDataError

OLDEST_ROW: Final = timedelta(hours=23)
"""CAISO's reader files a table whose last stamp is ahead of the clock under yesterday: rows a
day old are never believed."""

COMPLETE_SHARE: Final = 0.01
"""Missing fuels that last made less than this share of the mix do not make a row incomplete."""

CUT_RATIO: Final = 0.2
"""A number cut short is at most a tenth of the whole; twice that, as the whole itself moves."""

CUT_STEP: Final = timedelta(minutes=5)
"""Only rows this close are compared for a cut number: over an hour, the sun may really set."""

TIME_COLUMNS: Final = ("Time", "Interval Start", "Interval End")


@dataclass(frozen=True, slots=True)
class Row:
    """One interval's generation, MW by fuel; a fuel that was not reported is not there.

    ``unreported_mw`` are fuels that were reported earlier and are missing here, at their last MW.
    """

    valid_from: datetime
    valid_to: datetime
    fuel_mw: Mapping[str, float]
    unreported_mw: Mapping[str, float] = field(default_factory=dict)

    @property
    def generation_mw(self) -> float:
        """What is reported and above zero."""
        return sum(mw for mw in self.fuel_mw.values() if mw > 0)

    @property
    def complete(self) -> bool:
        """Whether nothing that matters is missing."""
        return sum(self.unreported_mw.values()) <= COMPLETE_SHARE * self.generation_mw


class Stored(NamedTuple):
    """To where a grid's rows are stored.

    Parameters
    ----------
    complete_to
        The end of the newest complete one; while there is none, the start of the first in part.
    to
        The end of the newest one, complete or not.
    """

    complete_to: datetime
    to: datetime


def of_day(frame: pd.DataFrame, day: date, live_since: datetime) -> pd.DataFrame:
    """Leave out what lies on another day than was asked for, unless it is live.

    CAISO's rows name no day, and its reader files a table with a stamp ahead of the clock under
    the day before: right after midnight that is true, from a clock that is fast it is not.
    """
    if "Interval Start" not in frame:
        return frame
    live = frame["Interval End"] >= pd.Timestamp(live_since)
    kept: pd.DataFrame = frame[live | (frame["Interval Start"].dt.date == day)]
    return kept


def rows(frames: Iterable[pd.DataFrame], step: timedelta) -> list[Row]:
    """Read the library's tables: one row per stamp, oldest first, the first of two the same.

    A table without interval columns (NYISO) stamps the end of a period of length ``step``.

    Raises
    ------
    InvalidError
        ``malformed``: a stamp without a time zone; ``not_a_number``: true or false. Other
        exceptions for what else is no number.
    """
    found: dict[datetime, tuple[datetime, dict[str, float]]] = {}
    for frame in frames:
        for (valid_from, valid_to), fuel_mw in zip(
            _intervals(frame, step), _mixes(frame), strict=True
        ):
            if fuel_mw:
                found.setdefault(valid_to, (valid_from, fuel_mw))
    ordered: list[Row] = []
    last_mw: dict[str, float] = {}
    for valid_to in sorted(found):
        valid_from, fuel_mw = found[valid_to]
        missing = {fuel: mw for fuel, mw in last_mw.items() if fuel not in fuel_mw and mw > 0}
        ordered.append(Row(valid_from, valid_to, fuel_mw, missing))
        last_mw |= fuel_mw
    return ordered


def newest(found: Sequence[Row], now: datetime, max_age: timedelta, zone: str) -> Row:
    """Return the row to believe.

    The newest complete one while it is live: an upstream writes its last stamp fuel by fuel, and
    the stamp before tells the truth. When no live row is complete a fuel has stopped being
    reported, and the newest row is nearer the truth than an old one: it is returned with the
    missing fuels, which then count as generation of unknown intensity and lower the coverage.

    Raises
    ------
    NoDataError
        With fewer than two rows of the last 23 hours: nothing tells a half-written one.
    """
    recent = [row for row in found if now - row.valid_to <= OLDEST_ROW]
    if len(recent) <= 1:
        raise NoDataError(f"{len(recent)} usable rows", provider=NAME, zone=zone)
    if _cut_short(recent[-1], recent[-2]):
        recent.pop()
    complete = [row for row in recent if row.complete]
    if complete and now - complete[-1].valid_to <= max_age:
        return complete[-1]
    return recent[-1]


def missed(found: Sequence[Row], newest_row: Row, stored: Stored | None) -> list[Row]:
    """Return the complete rows before the newest that are not stored in full; none if none is.

    What was stored in part is complete by the file that holds the last complete row: a new day's
    knows nothing of a fuel that it never names.
    """
    if stored is None:
        return []
    after = stored.complete_to if found[0].valid_to <= stored.complete_to else stored.to
    return [row for row in found if after < row.valid_to < newest_row.valid_to and row.complete]


def _intervals(frame: pd.DataFrame, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    if "Interval End" in frame:
        for stamps in zip(frame["Interval Start"], frame["Interval End"], strict=True):
            valid_from, valid_to = map(_utc, stamps)
            yield valid_from, valid_to
    else:
        for stamp in frame["Time"]:
            valid_to = _utc(stamp)
            yield valid_to - step, valid_to


def _mixes(frame: pd.DataFrame) -> Iterator[dict[str, float]]:
    """Yield each row's MW by fuel without its blanks; by columns, in half the time."""
    mix = frame[[column for column in frame.columns if column not in TIME_COLUMNS]]
    fuels = [str(column) for column in mix]
    lines = zip(*(mix[column].tolist() for column in mix), strict=True)
    for line, blank in zip(lines, mix.isna().to_numpy().tolist(), strict=True):
        yield {fuel: _mw(mw) for fuel, mw, gone in zip(fuels, line, blank, strict=True) if not gone}


def _mw(value: Any) -> float:  # noqa: ANN401 - a cell of a table may hold anything
    if isinstance(value, bool):  # to Python it is a number
        raise invalid(f"{value} is no MW", "not_a_number")
    return float(value)


def _utc(stamp: object) -> datetime:
    if not isinstance(stamp, pd.Timestamp) or stamp.tzinfo is None:
        raise invalid(f"stamp {stamp!r} has no time zone", "malformed")
    return stamp.to_pydatetime().astimezone(UTC)


def _cut_short(row: Row, before: Row) -> bool:
    """Tell whether the last row ends in the middle of a number."""
    return row.valid_to - before.valid_to <= CUT_STEP and any(
        mw > COMPLETE_SHARE * before.generation_mw
        and 0 <= row.fuel_mw.get(fuel, mw) <= CUT_RATIO * mw
        for fuel, mw in before.fuel_mw.items()
    )
