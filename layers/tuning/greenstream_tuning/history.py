"""A world made from the table: the history of the last weeks, and measured round trips."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from greenstream.domain.latency import estimate_rtt_ms, great_circle_km
from greenstream.domain.places import Pop, pops
from greenstream.domain.policy import RankedScope
from greenstream.domain.reading import Basis, Kind, Reading, Signal
from greenstream.domain.roundtrips import MeasuredRtt
from greenstream.domain.zones import Zone, zones
from greenstream.ports.store import Store
from greenstream_tuning.feeds import Feed, KeptReadings, truth_of
from greenstream_tuning.replay import Span
from greenstream_tuning.traces import Floats, Trace
from greenstream_tuning.world import World

KIND: Final = Kind(Signal.AVERAGE, Basis.DIRECT)
"""The kind that all providers but one publish, and that the router ranks by first."""

HISTORY_LENGTH: Final = timedelta(days=30)
"""How far back the table is read. It stores no older readings."""

MIN_LENGTH: Final = timedelta(days=14)
"""The shortest history of a source. Half of it is searched and half is judged, and a week has each
day of the week once."""

MIN_COVERED: Final = 0.8
"""The least share of its time for which a source has readings. Only steps at which every source has
one are judged."""

MAX_LATENESS: Final = timedelta(days=1)
"""How long ago a source's newest reading may end: longer than usual delays (hours) and a short
outage."""

MIN_GRIDS: Final = 2
"""The least number of grids between which a router can choose."""

STEP_S: Final = 900
"""The time between two decisions of the replay, in seconds."""


class TooLittleHistoryError(Exception):
    """The table has too little history for tuning. The message says how much it has."""


def stored_world(store: Store, now: datetime) -> tuple[World, Span]:
    """Return the world of the last weeks, and the time that it covers.

    A POP takes part with the first of its own zones that has a source with readings over
    `MIN_LENGTH`, up to now and with few gaps. Visitors come from the colos whose round trips are
    known, each weighted by its samples. When no colo is known, visitors come from every POP's
    place, and round trips are estimated from the distance.

    Parameters
    ----------
    store
        The store of readings and round trips.
    now
        The present, in UTC.

    Returns
    -------
    World
        The world.
    Span
        Its time, in steps of `STEP_S`. The first half is the training time.

    Raises
    ------
    TooLittleHistoryError
        When fewer than `MIN_GRIDS` grids have enough history.
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
                source, length = _source(store, zones()[entry.zone], now)
                sources[entry.zone] = source
                longest = max(longest, length)
            if (own := sources[entry.zone]) is not None:
                taken[pop] = own
                break
    grids = sum(source is not None for source in sources.values())
    if grids < MIN_GRIDS:
        raise TooLittleHistoryError(
            f"the history is too short: {grids} grids have readings over {MIN_LENGTH.days} days up "
            f"to now for at least {MIN_COVERED:.0%} of the time, and {MIN_GRIDS} are needed; "
            f"the longest history covers {longest / timedelta(days=1):.1f} days"
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
    """Return a zone's first source with enough history, and the length of its longest history.

    A source that is only shown beside the others does not count. The first is ``None`` when no
    source has enough.
    """
    longest = timedelta(0)
    for source in zone.ranked(RankedScope.USUAL).sources:
        if KIND not in source.kinds:
            continue
        readings = store.versions(
            zone.zone, source.provider, KIND, since=now - HISTORY_LENGTH, until=now
        )
        length = _length(readings)
        longest = max(longest, length)
        if length >= MIN_LENGTH and _is_complete(readings, now):
            means = [mean.gco2_kwh for mean in zone.annual_means if mean.kind == KIND]
            annual = means[0] if means else float("nan")
            feed = KeptReadings(readings, source.max_age_s, annual)
            return (truth_of(readings), feed), longest
    return None, longest


def _length(readings: Iterable[Reading]) -> timedelta:
    ends = [reading.valid_to for reading in readings]
    return max(ends) - min(ends) if ends else timedelta(0)


def _is_complete(readings: Sequence[Reading], now: datetime) -> bool:
    """Return whether readings reach up to now and have few gaps."""
    recent = max(reading.valid_to for reading in readings) >= now - MAX_LATENESS
    return recent and float(np.mean(~np.isnan(truth_of(readings).gco2_kwh))) >= MIN_COVERED


def _visitors(
    measured: Iterable[MeasuredRtt], taken: list[Pop], now: datetime
) -> tuple[tuple[str, ...], Floats, Floats]:
    """Return the visitors, their round trips to the POPs in ms (NaN if unknown), and weights."""
    names = [pop.pop for pop in taken]
    trusted = [path for path in measured if path.pop in names and path.is_trusted_at(now)]
    colos = tuple(dict.fromkeys(path.colo for path in trusted))
    if not colos:
        distances = [
            [great_circle_km(here.lat, here.lon, pop.lat, pop.lon) for pop in taken]
            for here in taken
        ]
        rtt_ms = np.array([[estimate_rtt_ms(km) for km in row] for row in distances])
        return tuple(names), rtt_ms, np.ones(len(names))
    rtt_ms = np.full((len(colos), len(names)), np.nan)
    weights = np.zeros(len(colos))
    for path in trusted:
        rtt_ms[colos.index(path.colo), names.index(path.pop)] = path.rtt_ms
        weights[colos.index(path.colo)] += path.samples
    return colos, rtt_ms, weights
