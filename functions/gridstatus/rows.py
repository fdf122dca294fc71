"""Reads the library's tables into rows of MW by fuel, and chooses the row that can be believed.

The file of a day grows while it is read, so that its last row may be incomplete. NYISO stamps the
end of a five-minute period, CAISO stamps its start, and PJM gives both ends of an hour.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

import pandas as pd

from functions.gridstatus.faults import NAME, invalid
from greenstream.domain.errors import NoDataError

OLDEST_ROW: Final = timedelta(hours=23)
"""The age from which on a row is never believed. CAISO's rows name no day, and the library puts a
table whose last stamp is ahead of the clock on the day before."""

COMPLETE_SHARE: Final = 0.01
"""A row is complete when the fuels that it lacks made at most this share of the mix before."""

CUT_RATIO: Final = 0.2
"""The share of its value before up to which a value may be the beginning of a number. A number that
is cut short has at most a tenth of its value, and the value itself may have moved."""

CUT_STEP: Final = timedelta(minutes=5)
"""The longest step over which values are compared to find a number that is cut short. Over an hour
the sun may really set."""

TIME_COLUMNS: Final = ("Time", "Interval Start", "Interval End")


@dataclass(frozen=True, slots=True)
class Row:
    """The generation of a grid in one interval.

    Parameters
    ----------
    valid_from, valid_to
        The interval, in aware UTC.
    fuel_mw
        MW by fuel; it lacks the fuels that were not reported.
    unreported_mw
        The last MW of each fuel that was reported earlier and is missing in this row.
    """

    valid_from: datetime
    valid_to: datetime
    fuel_mw: Mapping[str, float]
    unreported_mw: Mapping[str, float] = field(default_factory=dict)

    @property
    def generation_mw(self) -> float:
        """The sum of all reported generation above zero, in MW."""
        return sum(mw for mw in self.fuel_mw.values() if mw > 0)

    @property
    def complete(self) -> bool:
        """Whether the fuels that are missing make at most `COMPLETE_SHARE` of the generation."""
        return sum(self.unreported_mw.values()) <= COMPLETE_SHARE * self.generation_mw


class Stored(NamedTuple):
    """The progress marker of a grid: how far its rows have been stored.

    Parameters
    ----------
    complete_to
        The end of the newest complete row that is stored. While no complete row is stored, it is
        the start of the first incomplete one.
    to
        The end of the newest row that is stored, complete or not.
    """

    complete_to: datetime
    to: datetime


def of_day(frame: pd.DataFrame, day: date, live_since: datetime) -> pd.DataFrame:
    """Return the table without the rows that are of another day than was asked for and not live.

    CAISO's rows name no day, and the library puts a table with a stamp ahead of the clock on the
    day before. That is right just after midnight, and wrong when CAISO's clock is fast.

    Parameters
    ----------
    frame
        A table of the library, which is returned whole if it has no interval columns.
    day
        The day that was asked for, in the market's own time zone.
    live_since
        A row is live that ends at this time or later.
    """
    if "Interval Start" not in frame:
        return frame
    live = frame["Interval End"] >= pd.Timestamp(live_since)
    kept: pd.DataFrame = frame[live | (frame["Interval Start"].dt.date == day)]
    return kept


def rows(frames: Iterable[pd.DataFrame], step: timedelta) -> list[Row]:
    """Read the library's tables into rows.

    Parameters
    ----------
    frames
        The tables. A table without interval columns (NYISO's) stamps the end of each period.
    step
        The length of those periods.

    Returns
    -------
    list[Row]
        One row for each stamp, oldest first. Of two rows with the same stamp, the first counts.

    Raises
    ------
    InvalidError
        ``malformed`` for a stamp without a time zone, ``not_a_number`` for true and false.
    ValueError, TypeError
        For anything else in a cell that is no number.
    """
    by_end: dict[datetime, tuple[datetime, dict[str, float]]] = {}
    for frame in frames:
        for (valid_from, valid_to), fuel_mw in zip(
            _intervals(frame, step), _mixes(frame), strict=True
        ):
            if fuel_mw:
                by_end.setdefault(valid_to, (valid_from, fuel_mw))
    ordered: list[Row] = []
    last_mw: dict[str, float] = {}
    for valid_to in sorted(by_end):
        valid_from, fuel_mw = by_end[valid_to]
        missing = {fuel: mw for fuel, mw in last_mw.items() if fuel not in fuel_mw and mw > 0}
        ordered.append(Row(valid_from, valid_to, fuel_mw, missing))
        last_mw |= fuel_mw
    return ordered


def newest(all_rows: Sequence[Row], now: datetime, max_age: timedelta, zone: str) -> Row:
    """Return the newest row that can be believed.

    That is the newest complete row as long as it is live, because an upstream writes its last row
    fuel by fuel, so that the row before is the true one. When no live row is complete, a fuel is
    not reported any more, and the newest row is nearer to the truth than an old one. It is returned
    with the fuels that it lacks, which count as generation of unknown intensity and lower the
    coverage.

    Parameters
    ----------
    all_rows
        The rows, oldest first.
    now
        Aware UTC.
    max_age
        A row is live that ended at most so long ago.
    zone
        The zone's name, for errors.

    Raises
    ------
    NoDataError
        When fewer than two rows are of the last 23 hours, since a half-written row is recognised by
        the row before it.
    """
    recent = [row for row in all_rows if now - row.valid_to <= OLDEST_ROW]
    if len(recent) <= 1:
        raise NoDataError(
            f"the table has {len(recent)} usable row{'' if recent else 's'}",
            provider=NAME,
            zone=zone,
        )
    if _cut_short(recent[-1], recent[-2]):
        recent.pop()
    complete = [row for row in recent if row.complete]
    if complete and now - complete[-1].valid_to <= max_age:
        return complete[-1]
    return recent[-1]


def missed(all_rows: Sequence[Row], newest_row: Row, stored: Stored | None) -> list[Row]:
    """Return the complete rows that have not been stored, or not as complete rows.

    Whether a row that was stored as incomplete is complete by now can be told only from a table
    that holds the last complete row too. The table of a new day does not name a fuel that was never
    reported on that day.

    Parameters
    ----------
    all_rows
        The rows, oldest first.
    newest_row
        The row that `newest` returned. Only older rows are returned.
    stored
        The progress marker. Without one, no row counts as missed.
    """
    if stored is None:
        return []
    after = stored.complete_to if all_rows[0].valid_to <= stored.complete_to else stored.to
    return [row for row in all_rows if after < row.valid_to < newest_row.valid_to and row.complete]


def whole(all_rows: Sequence[Row], newest_row: Row, now: datetime) -> list[Row]:
    """Return the complete rows that can be believed, oldest first.

    Parameters
    ----------
    all_rows
        The rows, oldest first.
    newest_row
        The row that `newest` returned. No later row is returned.
    now
        Aware UTC.
    """
    return [
        row
        for row in all_rows
        if row.complete and row.valid_to <= newest_row.valid_to and now - row.valid_to <= OLDEST_ROW
    ]


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
    """Yield each row's MW by fuel without its blanks.

    The table is read by columns, which takes half the time.
    """
    mix = frame[[column for column in frame.columns if column not in TIME_COLUMNS]]
    fuels = [str(column) for column in mix]
    lines = zip(*(mix[column].tolist() for column in mix), strict=True)
    for line, blank in zip(lines, mix.isna().to_numpy().tolist(), strict=True):
        yield {fuel: _mw(mw) for fuel, mw, gone in zip(fuels, line, blank, strict=True) if not gone}


def _mw(value: Any) -> float:  # noqa: ANN401 - a cell of a table may hold anything
    if isinstance(value, bool):  # which Python would take for a number
        raise invalid(f"a cell holds {value} instead of MW", "not_a_number")
    return float(value)


def _utc(stamp: object) -> datetime:
    if not isinstance(stamp, pd.Timestamp) or stamp.tzinfo is None:
        raise invalid(f"the stamp {stamp!r} has no time zone", "malformed")
    return stamp.to_pydatetime().astimezone(UTC)


def _cut_short(row: Row, before: Row) -> bool:
    """Return whether the last row ends in the middle of a number."""
    return row.valid_to - before.valid_to <= CUT_STEP and any(
        mw > COMPLETE_SHARE * before.generation_mw
        and 0 <= row.fuel_mw.get(fuel, mw) <= CUT_RATIO * mw
        for fuel, mw in before.fuel_mw.items()
    )
