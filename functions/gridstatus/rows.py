"""Reads the library's tables into rows of MW by fuel.

NYISO, ERCOT and SPP stamp the end of a five-minute period. CAISO, MISO and ISO New England stamp
its start, and PJM gives both ends of an hour.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pandas as pd

from functions.gridstatus.faults import NAME, invalid
from functions.gridstatus.readers import READ_WITHOUT_LIBRARY, REFUSALS
from greenstream.domain.mix import Refusal
from greenstream.domain.plausibility import rules_of_provider

HOUR: Final = timedelta(hours=1)

HALF_A_DAY: Final = timedelta(hours=12)

NAME_NO_DAY: Final = frozenset({"CAISO"})
"""Grids whose rows name a time of day and no day."""

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
    refusal
        Why the table cannot be understood for this interval, and ``None`` where it can.
    read_without_library
        Why the library could not read the answer that the row is of, and ``None`` where it could.
    """

    valid_from: datetime
    valid_to: datetime
    fuel_mw: Mapping[str, float]
    unreported_mw: Mapping[str, float] = field(default_factory=dict)
    refusal: Refusal | None = None
    read_without_library: str | None = None

    @property
    def generation_mw(self) -> float:
        """The sum of all reported generation above zero, in MW."""
        return sum(mw for mw in self.fuel_mw.values() if mw > 0)


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
    kept.attrs = frame.attrs
    return kept


def check_day(market: str, frame: pd.DataFrame, now: datetime) -> None:
    """Refuse a table without days whose newest row is nearer to tomorrow's than to today's.

    The operator's clock may be hours ahead in the evening, so that its file is of tomorrow. Read as
    today's, its rows would put the mixes of the coming night on the last one. A file that has stood
    still for half a day looks alike, and brings nothing that was not read when it was new.

    Raises
    ------
    InvalidError
        ``future``.
    """
    if market not in NAME_NO_DAY or "Interval End" not in frame or frame.empty:
        return
    newest = frame["Interval End"].max()
    if pd.Timestamp(now) - newest > HALF_A_DAY:
        raise invalid(
            f"the rows up to {newest:%H:%M} may be of tomorrow: they name no day", "future"
        )


def rows(frames: Iterable[pd.DataFrame], step: timedelta, idle: Collection[str] = ()) -> list[Row]:
    """Read the library's tables into rows.

    Parameters
    ----------
    frames
        The tables. A table without interval columns (NYISO's) stamps the end of each period.
    step
        The length of those periods.
    idle
        Fuels that stand still where a row does not name them.

    Returns
    -------
    list[Row]
        One row for each stamp, oldest first. A stamp that comes twice in one table with different
        figures is refused as a ``contradiction``. Of two tables, the first counts.

    Raises
    ------
    InvalidError
        ``malformed`` for a stamp without a time zone, ``not_a_number`` for true and false.
    ValueError, TypeError
        For anything else in a cell that is no number.
    """
    by_end: dict[datetime, Row] = {}
    for frame in frames:
        by_end = {row.valid_to: row for row in _rows_of(frame, step)} | by_end
    storage = rules_of_provider(NAME).storage | set(idle)
    ordered: list[Row] = []
    last_mw: dict[str, float] = {}
    for row in sorted(by_end.values(), key=lambda row: row.valid_to):
        missing = {
            fuel: mw
            for fuel, mw in last_mw.items()
            if fuel not in row.fuel_mw and mw > 0 and fuel not in storage
        }
        ordered.append(replace(row, unreported_mw=missing))
        last_mw |= row.fuel_mw
    return ordered


def _rows_of(frame: pd.DataFrame, step: timedelta) -> Iterable[Row]:
    """Return one row for each stamp of a table, in any order."""
    refusals, why = frame.attrs.get(REFUSALS, {}), frame.attrs.get(READ_WITHOUT_LIBRARY)
    by_end: dict[datetime, Row] = {}
    for stamp, (valid_from, valid_to), fuel_mw in zip(
        frame["Time"], _intervals(frame, step), _mixes(frame), strict=True
    ):
        if not fuel_mw:
            continue
        refusal = refusals.get(stamp)
        known = by_end.get(valid_to)
        if known is not None and known.fuel_mw != fuel_mw:
            refusal = Refusal("contradiction", "two rows have different figures")
        if refusal is not None:
            refusal = refusal._replace(message=f"at {stamp}, {refusal.message}")
        elif known is not None:
            refusal = known.refusal
        by_end[valid_to] = Row(
            valid_from, valid_to, fuel_mw, refusal=refusal, read_without_library=why
        )
    return by_end.values()


def _intervals(frame: pd.DataFrame, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    if "Interval End" in frame:
        seen: set[datetime] = set()
        for start, end in zip(frame["Interval Start"], frame["Interval End"], strict=True):
            valid_from, valid_to = _utc(start), _utc(end)
            if valid_from in seen and _comes_twice(start):
                valid_from, valid_to = valid_from + HOUR, valid_to + HOUR
            seen.add(valid_from)
            yield valid_from, valid_to
    else:
        for stamp in frame["Time"]:
            valid_to = _utc(stamp)
            yield valid_to - step, valid_to


def _comes_twice(stamp: pd.Timestamp) -> bool:
    """Return whether the clock shows a stamp again an hour later, when summer time ends.

    CAISO's rows name no offset, and the library takes both hours for the first.
    """
    again: bool = (stamp + pd.Timedelta(HOUR)).tz_localize(None) == stamp.tz_localize(None)
    return again


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
