"""Reads the rows of Elexon's FUELINST stream, and puts them together into slots of five minutes.

A row is the mean power of one fuel in one slot, in whole MW. A fuel whose name begins with INT is a
link to another grid: its power is above zero for imports, and below zero for exports. Pumped
storage (PS) is below zero while it pumps. All rows of a slot are published together, the newest
slot first.
"""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.mix import Mix, Refusal
from greenstream.domain.plausibility import SourceRules, rules_of_provider, rules_of_source
from greenstream.domain.reading import EARLIEST, FUTURE_TOLERANCE
from greenstream.ingest.mixes import MixSlot

NAME: Final = "elexon"
DATASET: Final = "FUELINST"
GRID: Final = "GBR"
"""The zone whose rules hold for the slots: the grid as a whole."""

STEP: Final = timedelta(minutes=5)
LONDON: Final = ZoneInfo("Europe/London")
LATEST: Final = datetime(3000, 1, 1, tzinfo=UTC)
"""Before the end of the calendar, where the end of a slot could not be computed."""

SETTLEMENT: Final = timedelta(minutes=30)
"""The length of a settlement period. The first one of a day begins at midnight in London."""


class Row(NamedTuple):
    """A row: the power of a fuel, or why it is refused, and when the slot was published (UTC)."""

    start: datetime
    fuel: str
    mw: float | Refusal
    published_at: datetime


def rules() -> SourceRules:
    """Return the rules of the grid."""
    return rules_of_source(NAME, GRID)


def slots_of(answer: object, zone: str, now: datetime) -> tuple[list[MixSlot], list[InvalidError]]:
    """Return the slots of an answer, oldest first, and the error of the first unreadable row.

    A row without a readable time is lost, since it is not known which slot it belongs to. A slot
    with a row that is refused is refused. Where a slot was published twice, the later figure of a
    fuel stands; two different figures that were published together are a contradiction.

    Parameters
    ----------
    answer
        The parsed answer.
    zone
        The zone, named in errors.
    now
        The present, in UTC. Later slots are refused.

    Raises
    ------
    InvalidError
        ``malformed`` when the answer is no list.
    NoDataError
        When the list is empty.
    """
    if not isinstance(answer, list):
        raise invalid(f"the answer is {type(answer).__name__}, not a list", "malformed", zone)
    if not answer:
        raise NoDataError("the answer holds no row", provider=NAME, zone=zone)
    slots: dict[datetime, _Slot] = {}
    unreadable: list[InvalidError] = []
    for entry in answer:
        try:
            row = _row(entry)
        except ValueError as error:
            unreadable.append(invalid(str(error), "malformed", zone))
        else:
            slots.setdefault(row.start, _Slot()).add(row)
    return [slots[start].slot(start, now) for start in sorted(slots)], unreadable[:1]


class _Slot(dict[str, Row]):
    """The rows of one slot by fuel, as they are read."""

    def add(self, row: Row) -> None:
        known = self.get(row.fuel)
        if known is None or row.published_at > known.published_at:
            self[row.fuel] = row
        elif row.published_at == known.published_at and row.mw != known.mw:
            twice = f"{row.fuel} makes {_figure_text(known.mw)} and {_figure_text(row.mw)}"
            self[row.fuel] = known._replace(mw=Refusal("contradiction", twice))

    def slot(self, start: datetime, now: datetime) -> MixSlot:
        mw = {row.fuel: row.mw for row in self.values() if not isinstance(row.mw, Refusal)}
        refusals = (row.mw for row in self.values() if isinstance(row.mw, Refusal))
        refusal = next(refusals, None) or _below(mw)
        if start - now > FUTURE_TOLERANCE:
            refusal = Refusal("future", f"the slot at {start} is in the future")
        published_at = max(row.published_at for row in self.values())
        return MixSlot(Mix(start, start + STEP, mw, refusal=refusal), published_at)


def _figure_text(mw: float | Refusal) -> str:
    return mw.reason if isinstance(mw, Refusal) else f"{mw:g} MW"


def _below(fuel_mw: Mapping[str, float]) -> Refusal | None:
    """Return why a reversible fuel draws more than its stations or cables can carry."""
    reversible = rules_of_provider(NAME).reversible
    for fuels, greatest_mw in rules().greatest_mw:
        for fuel in fuels & reversible & fuel_mw.keys():
            if -fuel_mw[fuel] > greatest_mw:
                return Refusal(
                    "implausible_mw",
                    f"{fuel} makes {fuel_mw[fuel]:g} MW, and it draws at most {greatest_mw:g} MW",
                )
    return None


def _row(entry: object) -> Row:
    """Return a row.

    Raises
    ------
    ValueError
        When the row belongs to no slot: its times, its fuel or its data set cannot be read.
    """
    if not isinstance(entry, dict):
        raise ValueError(f"a row is {type(entry).__name__}")  # noqa: TRY004 - one kind of fault
    if entry.get("dataset") != DATASET:
        raise ValueError(f"a row is of the data set {entry.get('dataset')!r:.40}")
    fuel = entry.get("fuelType")
    if not isinstance(fuel, str) or not fuel:
        raise ValueError(f"a row has the fuel {fuel!r:.40}")
    start, published_at = _moment(entry.get("startTime")), _moment(entry.get("publishTime"))
    if start.minute % 5 or start.second:
        raise ValueError(f"the slot at {start} does not begin at five minutes of the clock")
    named = (entry.get("settlementDate"), entry.get("settlementPeriod"))
    if named != settlement(start):
        refusal = Refusal(
            "contradiction", f"the slot is in the settlement period {named!r:.60} by its own name"
        )
        return Row(start, fuel, refusal, published_at)
    return Row(start, fuel, _mw(fuel, entry.get("generation")), published_at)


def _mw(fuel: str, mw: object) -> float | Refusal:
    greatest_mw = rules_of_provider(NAME).greatest_fuel_mw
    if isinstance(mw, bool) or not isinstance(mw, int | float):
        return Refusal("not_a_number", f"{fuel} makes {mw!r:.40} MW")
    if isinstance(mw, float) and math.isnan(mw):
        return Refusal("not_a_number", f"{fuel} makes {mw} MW")
    if not -greatest_mw <= mw <= greatest_mw:
        return Refusal("implausible_mw", f"{fuel} makes {mw!r:.40} MW")
    return float(mw)


def _moment(text: object) -> datetime:
    if not isinstance(text, str):
        raise ValueError(f"a row has the time {text!r:.40}")  # noqa: TRY004 - one kind of fault
    return _parsed(text)


@lru_cache(maxsize=1024)  # All rows of a slot repeat the same two times.
def _parsed(text: str) -> datetime:
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"time {text!r:.40} is not YYYY-MM-DDThh:mm:ssZ") from error
    if not EARLIEST <= moment < LATEST:
        raise ValueError(f"time {text!r:.40} is beyond the calendar of this feed")
    return moment


@lru_cache(maxsize=1024)
def settlement(start: datetime) -> tuple[str, int]:
    """Return the settlement date and the settlement period that a slot belongs to.

    A day in London has 48 settlement periods, 46 when the clocks go forward and 50 when they go
    back. They are counted from midnight.

    Parameters
    ----------
    start
        The start of the slot, in UTC.
    """
    day: date = start.astimezone(LONDON).date()
    midnight = datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(UTC)
    return day.isoformat(), (start - midnight) // SETTLEMENT + 1


def invalid(what: str, reason: str, zone: str) -> InvalidError:
    """Return the error that is counted under ``reason``."""
    return InvalidError(what, reason=reason, provider=NAME, zone=zone)
