"""Puts the series of an ENTSO-E document together into slots: a zone's mix by interval."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import fmean
from typing import Final, NamedTuple

from functions.entsoe.document import Interval, Series
from functions.entsoe.points import NAME, invalid
from greenstream.domain.plausibility import rules_of_provider

COMPLETE_SHARE: Final = 0.02
"""The share of its generation that may be missing from a slot that counts as complete."""


class Slot(NamedTuple):  # a run makes thousands, and a dataclass takes longer to make
    """The mix of a zone in one interval.

    Parameters
    ----------
    valid_from, valid_to
        The interval, in aware UTC.
    generation_mw, consumption_mw
        Mean MW by PSR type.
    unreported_mw
        MW by PSR type of the fuels that other slots of the document have and this slot lacks, each
        at its last value before the slot. A fuel that ends at 0 MW, as the sun does in the evening,
        weighs nothing; a feed that is lost does. A fuel that is consumed in the slot is not
        unreported, since a plant that pumps generates nothing.
    """

    valid_from: datetime
    valid_to: datetime
    generation_mw: Mapping[str, float]
    consumption_mw: Mapping[str, float]
    unreported_mw: Mapping[str, float]

    @property
    def total_mw(self) -> float:
        """The sum of all generation above zero, in MW."""
        return sum(mw for mw in self.generation_mw.values() if mw > 0)

    @property
    def complete(self) -> bool:
        """Whether the fuels that are missing make at most `COMPLETE_SHARE` of the generation."""
        missing_mw = sum(self.unreported_mw.values())
        return not missing_mw or missing_mw <= COMPLETE_SHARE * self.total_mw


def slots(series: Iterable[Series], zone: str) -> list[Slot]:
    """Return the zone's slots in the finest step that any generation has.

    A coarser series counts with its mean in each finer slot, and finer consumption counts with its
    mean over the slot. Several series (or several Periods) of one PSR type are read as one, as long
    as they do not contradict each other.

    Parameters
    ----------
    series
        What `read` returned.
    zone
        The zone's name, for errors.

    Returns
    -------
    list[Slot]
        The slots that have any generation, oldest first.

    Raises
    ------
    InvalidError
        ``contradiction`` when two values claim the same fuel, direction and time.
    """
    links = rules_of_provider(NAME).not_generation
    used = [row for row in series if row.psr_type not in links and row.mw]
    generated = [row for row in used if not row.consumption]
    if not generated:
        return []
    step = _finest_step(generated)
    generation = _by_slot(generated, step, zone)
    consumed = [row for row in used if row.consumption]
    finer = min(step, _finest_step(consumed)) if consumed else step
    consumption = _by_slot(consumed, finer, zone)
    if finer < step:
        consumption = _means(consumption, step, min(generation))
    return list(_with_unreported(generation, consumption, step))


def _finest_step(series: Iterable[Series]) -> timedelta:
    intervals = set[Interval]().union(*(row.mw for row in series))
    return min(end - start for start, end in intervals)


def _with_unreported(
    generation: Mapping[datetime, dict[str, float]],
    consumption: Mapping[datetime, dict[str, float]],
    step: timedelta,
) -> Iterator[Slot]:
    """Yield the slots, oldest first, each with the fuels that it lacks."""
    starts = sorted(generation)
    reported_mw: dict[str, float] = {}
    for start in reversed(starts):
        reported_mw |= generation[start]  # so that each fuel's first value is left at the end
    for start in starts:
        here, consumed = generation[start], consumption.get(start, {})
        lacking = reported_mw.items() if len(here) < len(reported_mw) else ()
        unreported = {
            fuel: mw
            for fuel, mw in lacking
            if mw > 0 and fuel not in here and not consumed.get(fuel, 0.0) > 0
        }
        yield Slot(start, start + step, here, consumed, unreported)
        reported_mw |= here


def _by_slot(
    series: Sequence[Series], step: timedelta, zone: str
) -> dict[datetime, dict[str, float]]:
    """Return MW by PSR type, by the start of each slot of length ``step``."""
    whole = _of_one_grid(series, step)
    if whole is not None:
        return whole
    by_start: dict[datetime, dict[str, float]] = {}
    slots_of: dict[Interval, list[dict[str, float]]] = {}
    for row in series:
        fuel = row.psr_type
        for interval, mw in row.mw.items():
            within = slots_of.get(interval)
            if within is None:
                start, end = interval
                starts = [start + index * step for index in range((end - start) // step)]
                within = slots_of[interval] = [by_start.setdefault(at, {}) for at in starts]
            for here in within:
                if here.setdefault(fuel, mw) != mw:
                    raise invalid(
                        f"{fuel} has {here[fuel]} and {mw} MW at {interval[0]}",
                        "contradiction",
                        zone,
                    )
    return by_start


def _of_one_grid(
    series: Sequence[Series], step: timedelta
) -> dict[datetime, dict[str, float]] | None:
    """Return MW by PSR type and slot at once where all series have the same slots.

    This is the usual document, and it takes a fraction of the time. ``None`` for any other.
    """
    fuels = [row.psr_type for row in series]
    grids = {tuple(row.mw) for row in series}
    if len(grids) != 1 or len(set(fuels)) != len(fuels):
        return None
    [grid] = grids
    if any(end - start != step for start, end in grid):
        return None
    columns = zip(*(row.mw.values() for row in series), strict=True)
    mixes = [dict(zip(fuels, column, strict=True)) for column in columns]
    return dict(zip([start for start, _ in grid], mixes, strict=True))


def _means(
    by_start: Mapping[datetime, Mapping[str, float]], step: timedelta, begin: datetime
) -> dict[datetime, dict[str, float]]:
    """Return the mean MW of each fuel in longer slots, one of which starts at ``begin``."""
    within: defaultdict[datetime, defaultdict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for at, mix_mw in by_start.items():
        for fuel, mw in mix_mw.items():
            within[at - (at - begin) % step][fuel].append(mw)
    return {
        start: {fuel: fmean(values) for fuel, values in mix_mw.items()}
        for start, mix_mw in within.items()
    }


def complete_slots(zone_slots: Sequence[Slot], needed: frozenset[str], now: datetime) -> list[Slot]:
    """Return the slots that have ended and lack no fuel that matters, in their order.

    Parameters
    ----------
    zone_slots
        What `slots` returned.
    needed
        The PSR types without which a mix is not this zone's, whatever the document holds.
    now
        Aware UTC. With curve A03 a Period may repeat its last value into the future.
    """
    return [
        slot
        for slot in zone_slots
        if slot.valid_to <= now and slot.complete and needed <= slot.generation_mw.keys()
    ]
