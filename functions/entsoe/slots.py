"""Puts the series of an ENTSO-E document together into slots: a zone's mix by interval."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from statistics import fmean
from typing import Final, NamedTuple

from functions.entsoe.document import Interval, Series, two_figures
from functions.entsoe.points import NAME
from greenstream.domain.mix import NOTHING, Mix, Refusal
from greenstream.domain.plausibility import rules_of_provider

AGREES_WITHIN_MW: Final = 0.5
"""How far the figure of an hour may be from the mean of its quarters: the error that rounding to
whole megawatts makes."""


class Grid(NamedTuple):
    """MW by PSR type, by the start of each slot, and the slots with a figure that is refused."""

    mw: dict[datetime, dict[str, float]]
    refused: dict[datetime, Refusal]


def slots(series: Iterable[Series]) -> list[Mix]:
    """Return the zone's slots in the finest step that any generation has.

    A coarser series counts with its mean in each finer slot, and finer consumption counts with its
    mean over the slot. Several series (or several Periods) of one PSR type are read as one. Where
    two of them have different figures for one interval, its slots are refused as
    ``contradiction``. Where one fuel is reported in two steps, the finer figures count; a coarser
    figure only has to be their mean. Both are the same measurement then, and operators report so
    for a while when they change their step.

    Parameters
    ----------
    series
        What `read` returned.

    Returns
    -------
    list[Mix]
        The slots for which any generation is reported, oldest first.
    """
    links = rules_of_provider(NAME).not_generation
    used = [row for row in series if row.psr_type not in links and (row.mw or row.refused)]
    generated = [row for row in used if not row.consumption]
    if not generated:
        return []
    step = _finest_step(generated)
    generation = _by_slot(generated, step)
    consumed = [row for row in used if row.consumption]
    finer = min(step, _finest_step(consumed)) if consumed else step
    consumption = _by_slot(consumed, finer)
    if finer < step:
        consumption = _means(consumption, step, min(generation.mw))
    refused = {**consumption.refused, **generation.refused}
    return [
        Mix(
            start,
            start + step,
            generation.mw[start],
            consumption.mw.get(start, NOTHING),
            refused.get(start),
        )
        for start in sorted(generation.mw)
    ]


def _finest_step(series: Iterable[Series]) -> timedelta:
    grids = groupby([*row.mw, *row.refused] for row in series)  # most series have the same one
    return min(end - start for intervals, _ in grids for start, end in intervals)


def _by_slot(series: Sequence[Series], step: timedelta) -> Grid:
    """Return MW by PSR type, by the start of each slot of length ``step``."""
    whole = _of_one_grid(series, step)
    if whole is not None:
        return Grid(whole, {})
    grid = Grid({}, {})
    cells: defaultdict[str, dict[Interval, float]] = defaultdict(dict)
    for row in series:
        of_fuel = cells[row.psr_type]
        for interval, mw in row.mw.items():
            if of_fuel.setdefault(interval, mw) != mw:
                _refuse(grid, interval, step, two_figures(row.psr_type, of_fuel[interval], mw))
        for interval, refusal in row.refused.items():
            _refuse(grid, interval, step, refusal)
    starts_of: dict[Interval, list[datetime]] = {}
    for fuel, of_fuel in cells.items():
        for interval in sorted(of_fuel, key=_length):  # the finer figures come first
            starts = starts_of.get(interval)
            if starts is None:
                starts = starts_of[interval] = _starts(interval, step)
            _put(grid, fuel, of_fuel[interval], starts)
    return grid


def _put(grid: Grid, fuel: str, mw: float, starts: Sequence[datetime]) -> None:
    """Put a figure into its slots, where it must agree with the finer figures that are there."""
    slots_mw = [grid.mw.setdefault(start, {}) for start in starts]
    finer_mw = [slot[fuel] for slot in slots_mw if fuel in slot]
    if not finer_mw:
        for slot in slots_mw:
            slot[fuel] = mw
    elif abs(fmean(finer_mw) - mw) <= AGREES_WITHIN_MW:
        for slot in slots_mw:
            slot.setdefault(fuel, mw)
    elif len(finer_mw) == len(starts):
        for start in starts:
            grid.refused[start] = two_figures(fuel, fmean(finer_mw), mw)


def _refuse(grid: Grid, interval: Interval, step: timedelta, refusal: Refusal) -> None:
    for start in _starts(interval, step):
        grid.mw.setdefault(start, {})
        grid.refused[start] = refusal._replace(
            message=f"{refusal.message} at {interval[0]:%Y-%m-%dT%H:%MZ}"
        )


def _starts(interval: Interval, step: timedelta) -> list[datetime]:
    start, end = interval
    return [start + index * step for index in range((end - start) // step)]


def _length(interval: Interval) -> timedelta:
    return interval[1] - interval[0]


def _of_one_grid(
    series: Sequence[Series], step: timedelta
) -> dict[datetime, dict[str, float]] | None:
    """Return MW by PSR type and slot at once where all series have the same slots.

    This is the usual document, and it takes a fraction of the time. ``None`` for any other.
    """
    fuels = [row.psr_type for row in series]
    grid = list(series[0].mw) if series else []
    if (
        not grid
        or len(set(fuels)) != len(fuels)
        or any(row.refused or list(row.mw) != grid for row in series)
        or any(end - start != step for start, end in grid)
    ):
        return None
    columns = zip(*(row.mw.values() for row in series), strict=True)
    mixes = [dict(zip(fuels, column, strict=True)) for column in columns]
    return dict(zip([start for start, _ in grid], mixes, strict=True))


def _means(finer: Grid, step: timedelta, begin: datetime) -> Grid:
    """Return the mean MW of each fuel in longer slots, one of which starts at ``begin``."""
    within: defaultdict[datetime, defaultdict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for at, mix_mw in finer.mw.items():
        for fuel, mw in mix_mw.items():
            within[at - (at - begin) % step][fuel].append(mw)
    return Grid(
        {
            start: {fuel: fmean(values) for fuel, values in mix_mw.items()}
            for start, mix_mw in within.items()
        },
        {at - (at - begin) % step: refusal for at, refusal in finer.refused.items()},
    )
