"""Recognises a window of mixes that no rule of `judging` can refuse, in a fifth of the time.

Most windows hold the same fuels in each of their mixes, at a regular step. Then each rule can be
checked for a fuel's whole column at once, by a condition that is a little stricter than the rule.
Where a condition does not hold, nothing is said of the window, and its mixes are judged one by one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from math import inf, isfinite
from operator import add, eq
from typing import Final

from greenstream.domain.daylight import is_day, is_night
from greenstream.domain.frozen import frozen_since
from greenstream.domain.fuel_memory import FuelMemory
from greenstream.domain.judging_limits import (
    DAY,
    FALSE_ZERO_ABOVE_MW,
    PART_OF_LEAST,
    SHARE,
    STORED_SUN_SHARE,
)
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import Middle, ProviderRules, SourceRules
from greenstream.domain.sun import NO_SUN_SHARE

LONGEST_STEP: Final = timedelta(hours=1)

Columns = Mapping[str, Sequence[float]]
"""MW by fuel, each in the order of the mixes."""


def all_believed(
    mixes: Sequence[Mix], provider: ProviderRules, source: SourceRules, memory: FuelMemory
) -> bool:
    """Return whether `judging.judge` is certain to believe every mix of a window.

    ``False`` says nothing: the mixes may still be believed.

    Parameters
    ----------
    mixes
        The mixes of the window, oldest first, with nothing known from before them.
    provider, source, memory
        As in `judging.judge`.
    """
    day_steps = _steps_of_a_day(mixes)
    fuels = tuple(mixes[0].generation_mw) if mixes else ()
    if day_steps is None or any(
        tuple(mix.generation_mw) != fuels or mix.refusal is not None for mix in mixes
    ):
        return False
    rows = [tuple(mix.generation_mw.values()) for mix in mixes]
    columns = dict(zip(fuels, zip(*rows, strict=True), strict=True))
    total_mw = _sum(columns.values(), len(mixes))
    return (
        min(map(min, rows)) >= 0
        and isfinite(sum(total_mw))
        and _holds_what_it_must(columns, source)
        and memory.knows_only(columns.keys())
        and _within_bounds(columns, total_mw, source)
        and not _dark_by_day(mixes, columns, source)
        and not _falls_by_half(total_mw)
        and not _nearly_stops(columns, source.never_zero, provider.nearly_zero_share)
        and not _lost_since_yesterday(columns, provider.solar | provider.wind, day_steps)
        and not _stops_at_once(mixes, columns, provider.solar, source.middle)
        and not _new_sun(columns, total_mw, provider.solar, day_steps)
        and not _much_sun_at_night(mixes, columns, provider.solar, source.middle, day_steps)
        and not (
            any(map(eq, rows, rows[1:])) and frozen_since(mixes, provider.solar | provider.wind)
        )
    )


def _steps_of_a_day(mixes: Sequence[Mix]) -> int | None:
    """Return the number of steps in a day, ``None`` where the mixes have no regular step."""
    steps = {later.valid_from - earlier.valid_from for earlier, later in pairwise(mixes)}
    if len(steps) != 1:
        return None
    [step] = steps
    return None if step > LONGEST_STEP or step <= timedelta(0) or DAY % step else DAY // step


def _sum(columns: Iterable[Sequence[float]], length: int) -> list[float]:
    """Return the sum of the columns, each sum made in their order."""
    total_mw = [0.0] * length
    for column in columns:
        total_mw = list(map(add, total_mw, column))
    return total_mw


def _holds_what_it_must(columns: Columns, source: SourceRules) -> bool:
    """Return whether all fuels are there that the rules name, and never at 0 where none may be."""
    above_zero = {fuel for fuel, mw in columns.items() if min(mw) > 0}
    return (
        source.needed <= columns.keys()
        and all(group & columns.keys() for group in source.needed_any)
        and source.needed_by_day <= columns.keys()
        and source.never_zero & columns.keys() <= above_zero
        and all(group & above_zero or not group & columns.keys() for group in source.never_zero_any)
    )


def _within_bounds(columns: Columns, total_mw: Sequence[float], source: SourceRules) -> bool:
    """Return whether all totals and fuels are within the rules, each fuel of a group by itself."""
    greatest_mw = source.greatest_alone_mw
    return (
        min(total_mw) > 0
        and source.least_total_mw <= min(total_mw)
        and max(total_mw) <= source.greatest_total_mw
        and all(max(mw) <= greatest_mw.get(fuel, inf) for fuel, mw in columns.items())
    )


def _falls_by_half(total_mw: Sequence[float]) -> bool:
    """Return whether a total is far below the one before, and so perhaps below a day's least."""
    return any(later < PART_OF_LEAST * earlier for earlier, later in pairwise(total_mw))


def _nearly_stops(columns: Columns, never_zero: frozenset[str], share: float) -> bool:
    """Return whether a fuel that never stands still falls below a share of its greatest power."""
    return any(
        min(columns[fuel]) < share * max(columns[fuel]) for fuel in never_zero & columns.keys()
    )


def _dark_by_day(mixes: Sequence[Mix], columns: Columns, source: SourceRules) -> bool:
    """Return whether a fuel that is needed by day is at 0 by day."""
    zero_at = {
        nth for fuel in source.needed_by_day for nth, mw in enumerate(columns[fuel]) if not mw
    }
    return any(is_day(source.middle, mixes[nth]) for nth in zero_at)


def _lost_since_yesterday(columns: Columns, weather: frozenset[str], day_steps: int) -> bool:
    """Return whether sun or wind is at 0 that made much at this time a day earlier."""
    return any(
        later == 0 and earlier > FALSE_ZERO_ABOVE_MW
        for fuel in weather & columns.keys()
        if not min(columns[fuel])
        for earlier, later in zip(columns[fuel], columns[fuel][day_steps:], strict=False)
    )


def _stops_at_once(
    mixes: Sequence[Mix], columns: Columns, solar: frozenset[str], middle: Middle | None
) -> bool:
    """Return whether a fuel falls to 0 at once that made much, or sun is at 0 by day."""
    return any(
        later == 0 and (is_day(middle, mix) if fuel in solar else earlier > FALSE_ZERO_ABOVE_MW)
        for fuel, mw in columns.items()
        if not min(mw)
        for earlier, later, mix in zip(mw, mw[1:], mixes[1:], strict=False)
    )


def _new_sun(
    columns: Columns, total_mw: Sequence[float], solar: frozenset[str], day_steps: int
) -> bool:
    """Return whether there is sun, and was next to none at this time a day earlier."""
    sun_mw = _sum([columns[fuel] for fuel in solar & columns.keys()], len(total_mw))
    later = zip(sun_mw[day_steps:], total_mw[day_steps:], strict=True)
    return any(
        now_mw > SHARE * all_mw and before_mw < NO_SUN_SHARE * now_mw
        for before_mw, (now_mw, all_mw) in zip(sun_mw, later, strict=False)
    )


def _much_sun_at_night(
    mixes: Sequence[Mix],
    columns: Columns,
    solar: frozenset[str],
    middle: Middle | None,
    day_steps: int,
) -> bool:
    """Return whether there is more sun at night than heat that is stored may give."""
    sun_mw = _sum([columns[fuel] for fuel in solar & columns.keys()], len(mixes))
    most_mw = STORED_SUN_SHARE * max(sun_mw)
    return any(
        mw > most_mw and is_night(middle, mix)
        for mix, mw in zip(mixes[day_steps:], sun_mw[day_steps:], strict=True)
    )
