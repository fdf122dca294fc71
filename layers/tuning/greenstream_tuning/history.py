"""A world from the table: the last weeks as they were told, and measured round trips."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from greenstream.domain.latency import estimate_rtt_ms, great_circle_km
from greenstream.domain.places import Pop, pops
from greenstream.domain.reading import Basis, Kind, Reading, Signal
from greenstream.domain.roundtrips import MeasuredRtt
from greenstream.domain.zones import Zone, zones
from greenstream.ports.store import Store
from greenstream_tuning.feeds import Feed, KeptReadings, truth_of
from greenstream_tuning.replay import Span
from greenstream_tuning.traces import Floats, Trace
from greenstream_tuning.world import World

KIND: Final = Kind(Signal.AVERAGE, Basis.DIRECT)
"""The kind that every provider but one can give, and that the router ranks by first."""

KEPT: Final = timedelta(days=30)
LEAST: Final = timedelta(days=14)
"""Half to search and half to judge: a week holds each day of the week once."""

LEAST_COVERED: Final = 0.8
"""Share of its time that a source must have told of: only steps at which all have are judged by."""

RECENT: Final = timedelta(days=1)
"""How late a source's newest figure may end: beyond usual delays (hours) and a short outage."""

LEAST_POPS: Final = 2
STEP_S: Final = 900


class TooLittleHistoryError(Exception):
    """The table does not hold enough to tune on; the message says what there is."""


def kept_world(store: Store, now: datetime) -> tuple[World, Span]:
    """Return the world of the last weeks, and their span.

    A POP takes part with the first of its own zones whose source has been telling for `LEAST`,
    up to now and without much missing.
    Visitors are the colos whose round trips are known, as many as they reported; where there are
    none, every POP's place, by distance.

    Raises
    ------
    TooLittleHistoryError
        When fewer than two grids have been telling for long enough.
    StoreError
        When the table cannot be read.
    """
    sources: dict[str, tuple[Trace, Feed] | None] = {}
    taken: dict[Pop, tuple[Trace, Feed]] = {}
    longest = timedelta(0)
    for pop in pops().values():
        for entry in pop.zones:
            if entry.proxy:
                continue
            if entry.zone not in sources:
                found, told_for = _source(store, zones()[entry.zone], now)
                sources[entry.zone] = found
                longest = max(longest, told_for)
            if (source := sources[entry.zone]) is not None:
                taken[pop] = source
                break
    grids = sum(source is not None for source in sources.values())
    if grids < LEAST_POPS:
        raise TooLittleHistoryError(
            f"too little history: {grids} grids have been telling for {LEAST.days} days, up to now "
            f"and of at least {LEAST_COVERED:.0%} of that time, {LEAST_POPS} are needed; "
            f"the longest for {longest / timedelta(days=1):.1f} days"
        )
    visitors, rtt_ms, weights = _visitors(store.latencies(), list(taken), now)
    world = World(
        pops=tuple(pop.pop for pop in taken),
        visitors=visitors,
        rtt_ms=rtt_ms,
        demand=weights / weights.sum(),
        truth=tuple(trace for trace, _ in taken.values()),
        feeds=tuple(feed for _, feed in taken.values()),
    )
    since_s = max(trace.start_s for trace in world.truth) // STEP_S * STEP_S
    until_s = int(now.timestamp()) // STEP_S * STEP_S
    return world, Span(
        since_s=since_s,
        until_s=until_s,
        step_s=STEP_S,
        trained_since_s=since_s,
        trained_until_s=(since_s + until_s) // 2,
    )


def _source(store: Store, zone: Zone, now: datetime) -> tuple[tuple[Trace, Feed] | None, timedelta]:
    """Return the first source that has been telling for long enough, and the longest time."""
    longest = timedelta(0)
    for source in zone.sources:
        if KIND not in source.kinds:
            continue
        readings = store.versions(zone.zone, source.provider, KIND, since=now - KEPT, until=now)
        told_for = _told_for(readings)
        longest = max(longest, told_for)
        if told_for >= LEAST and _is_told(readings, now):
            means = [mean.gco2_kwh for mean in zone.annual_means if mean.kind == KIND]
            annual = means[0] if means else float("nan")
            feed = KeptReadings(readings, source.max_age_s, annual)
            return (truth_of(readings), feed), longest
    return None, longest


def _told_for(readings: Iterable[Reading]) -> timedelta:
    ends = [reading.valid_to for reading in readings]
    return max(ends) - min(ends) if ends else timedelta(0)


def _is_told(readings: Sequence[Reading], now: datetime) -> bool:
    """Whether readings reach up to now and leave little of their time out."""
    recent = max(reading.valid_to for reading in readings) >= now - RECENT
    return recent and float(np.mean(~np.isnan(truth_of(readings).gco2_kwh))) >= LEAST_COVERED


def _visitors(
    measured: Iterable[MeasuredRtt], taken: list[Pop], now: datetime
) -> tuple[tuple[str, ...], Floats, Floats]:
    names = [pop.pop for pop in taken]
    standing = [one for one in measured if one.pop in names and one.is_trusted_at(now)]
    colos = tuple(dict.fromkeys(one.colo for one in standing))
    if not colos:
        distances = [
            [great_circle_km(one.lat, one.lon, other.lat, other.lon) for other in taken]
            for one in taken
        ]
        rtt_ms = np.array([[estimate_rtt_ms(km) for km in row] for row in distances])
        return tuple(names), rtt_ms, np.ones(len(names))
    rtt_ms = np.full((len(colos), len(names)), np.nan)
    weights = np.zeros(len(colos))
    for one in standing:
        rtt_ms[colos.index(one.colo), names.index(one.pop)] = one.rtt_ms
        weights[colos.index(one.colo)] += one.samples
    return colos, rtt_ms, weights
