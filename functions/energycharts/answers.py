"""Reads an answer of Energy-Charts' ``public_power`` into slots: a country's mix by interval.

An answer has a list of times (``unix_seconds``, the start of each slot) and for each production
type a list of mean MW, one for each time. What is not published yet is null. Some of the production
types are no generation: load, trade, shares, and what pumps consume.
"""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final, NamedTuple

from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.mix import Mix, Refusal
from greenstream.domain.plausibility import rules_of_provider
from greenstream.domain.reading import EARLIEST, FUTURE_TOLERANCE
from greenstream.ingest.mixes import MixSlot

NAME: Final = "energycharts"
STEPS: Final = {timedelta(minutes=minutes) for minutes in (15, 30, 60)}
MAX_SLOTS: Final = 1000
"""Limit of an answer's times: four days of quarter hours and some more."""

LATEST: Final = datetime(3000, 1, 1, tzinfo=UTC)
"""Before the end of the calendar, where the end of a slot could not be computed."""


class _Series(NamedTuple):
    """A production type: its name, and its value at each time, as written."""

    name: str
    data: list[object]


def slots_of(answer: object, zone: str, now: datetime, cadence: timedelta) -> list[MixSlot]:
    """Return the slots of an answer that have ended and hold generation, oldest first.

    A production type that the rules name neither as a fuel nor as no generation may be either. It
    only widens the bounds then, and lowers the coverage.

    Parameters
    ----------
    answer
        The parsed answer.
    zone
        The zone, named in errors.
    now
        The present, in UTC. Slots that have not ended are left out, and later ones refused.
    cadence
        The length of a slot where the answer has only one.

    Raises
    ------
    InvalidError
        ``malformed`` when the answer is not what the API documents.
    NoDataError
        When no slot holds generation.
    """
    if not isinstance(answer, dict):
        raise malformed(f"the answer is {type(answer).__name__}, not an object", zone)
    starts = _starts(answer.get("unix_seconds"), zone)
    series = [
        _series(entry, len(starts), zone) for entry in _list_of(answer, "production_types", zone)
    ]
    step = _step(starts, cadence, zone)
    slots = (
        _slot(start, step, [(row.name, row.data[nth]) for row in series], now)
        for nth, start in enumerate(starts)
        if start + step <= now or start - now > FUTURE_TOLERANCE
    )
    published = [slot for slot in slots if slot.mix.generation_mw or slot.mix.refusal]
    if not published:
        raise NoDataError("the answer holds no generation", provider=NAME, zone=zone)
    return published


def malformed(what: str, zone: str) -> InvalidError:
    """Return the error that refuses a whole answer."""
    return InvalidError(what, reason="malformed", provider=NAME, zone=zone)


def _list_of(answer: dict[str, object], member: str, zone: str) -> list[object]:
    value = answer.get(member)
    if not isinstance(value, list):
        raise malformed(f"{member} is {type(value).__name__}, not a list", zone)
    return value


def _starts(times: object, zone: str) -> list[datetime]:
    if not isinstance(times, list) or len(times) > MAX_SLOTS:
        raise malformed(f"unix_seconds is {type(times).__name__}, or too long", zone)
    if not times:
        raise NoDataError("the answer holds no time", provider=NAME, zone=zone)
    starts = []
    for seconds in times:
        if isinstance(seconds, bool) or not isinstance(seconds, int):
            raise malformed(f"a time is {seconds!r:.40}", zone)
        if not EARLIEST.timestamp() <= seconds < LATEST.timestamp():
            raise malformed(f"the time {seconds!r:.40} is beyond the calendar of this feed", zone)
        starts.append(datetime.fromtimestamp(seconds, UTC))
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise malformed("the times are not in order", zone)
    return starts


def _series(entry: object, length: int, zone: str) -> _Series:
    if not isinstance(entry, dict):
        raise malformed(f"a production type is {type(entry).__name__}", zone)
    name, data = entry.get("name"), entry.get("data")
    if not isinstance(name, str) or not name:
        raise malformed(f"a production type has the name {name!r:.40}", zone)
    if not isinstance(data, list) or len(data) != length:
        raise malformed(f"{name[:40]} has not one value for each of {length} times", zone)
    return _Series(name, data)


def _step(starts: Sequence[datetime], cadence: timedelta, zone: str) -> timedelta:
    step = min((later - earlier for earlier, later in pairwise(starts)), default=cadence)
    if step not in STEPS:
        raise malformed(f"the times are {step} apart", zone)
    if any(start.timestamp() % step.total_seconds() for start in starts):
        raise malformed(f"a time is no multiple of {step}", zone)
    return step


def _slot(
    start: datetime, step: timedelta, row: Sequence[tuple[str, object]], now: datetime
) -> MixSlot:
    rules = rules_of_provider(NAME)
    generation_mw: dict[str, float] = {}
    beside_mw: dict[str, float] = {}
    refusal: Refusal | None = None
    for name, value in row:
        if value is None or rules.is_no_generation(name):
            continue
        mw = _mw(name, value, rules.greatest_fuel_mw)
        if isinstance(mw, Refusal):
            refusal = refusal or mw
            continue
        fuel = rules.fuel_names.get(name)
        of_slot, fuel = (beside_mw, name) if fuel is None else (generation_mw, fuel)
        if of_slot.setdefault(fuel, mw) != mw:
            refusal = refusal or Refusal(
                "contradiction", f"{name[:40]} has {of_slot[fuel]:g} and {mw:g} MW"
            )
    if start - now > FUTURE_TOLERANCE and (generation_mw or refusal):
        refusal = Refusal("future", f"the slot at {start} is in the future")
    return MixSlot(
        Mix(start, start + step, generation_mw, refusal=refusal),
        beside_mw={name: mw for name, mw in beside_mw.items() if mw > 0},
    )


def _mw(name: str, value: object, greatest_mw: float) -> float | Refusal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Refusal("not_a_number", f"{name[:40]} has {value!r:.40} MW")
    if isinstance(value, float) and math.isnan(value):
        return Refusal("not_a_number", f"{name[:40]} has {value!r:.40} MW")
    if not -greatest_mw <= value <= greatest_mw:
        return Refusal("implausible_mw", f"{name[:40]} has {value!r:.40} MW")
    return float(value)
