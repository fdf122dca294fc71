"""Decides which zones of Electricity Maps serve which of ours, and in which order they are asked.

A key allows fewer requests an hour than there are zones. Those come first that have no live source
of their own; then those with an old figure; then those with a live figure that is partly known.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from typing import Final

from functions.electricitymaps.answers import NAME
from greenstream.domain.ladder import Ladder, Rung
from greenstream.domain.moment import Moment
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone, stored_under


@dataclass(frozen=True, slots=True)
class Feed:
    """One zone of Electricity Maps and the zones of ours that fall back on it.

    Parameters
    ----------
    zone
        Our zone under which the feed's readings are stored.
    source
        The feed as a source of that zone.
    zones
        All our zones that have the feed as a source.
    """

    zone: Zone
    source: Source
    zones: tuple[Zone, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of our zones."""
        return tuple(zone.zone for zone in self.zones)


def feeds_of(wanted: Sequence[tuple[Zone, Source]]) -> tuple[Feed, ...]:
    """Return one feed for each zone of Electricity Maps.

    The readings of a feed that several zones share are stored for one of them (`stored_under`).
    """
    provider_zones = dict.fromkeys(source.provider_zone for _, source in wanted)
    feeds = []
    for name in provider_zones:
        pairs = [(zone, source) for zone, source in wanted if source.provider_zone == name]
        zone, source = stored_under(pairs)
        feeds.append(Feed(zone, source, tuple(zone for zone, _ in pairs)))
    return tuple(feeds)


class Need(IntEnum):
    """How much a zone needs a figure of Electricity Maps, most first."""

    NO_FIGURE = 0
    """No other source of the zone has a figure: it would rest on its usual values."""

    OLD_FIGURE = 1
    """The figure of another source is older than it usually is."""

    PARTLY_KNOWN = 2
    """The figure of another source is live, but part of it is not known."""


NEED_BY_RUNG: Final = {Rung.STALE: Need.OLD_FIGURE, Rung.LIVE_PARTIAL: Need.PARTLY_KNOWN}


def need_of(feed: Feed, readings: Sequence[Reading], now: datetime) -> Need | None:
    """Return how much the neediest zone of a feed needs it at ``now``, or ``None`` if none does.

    None does where each has a live figure of the feed's kinds from other providers, or where the
    store holds the feed's own figure for this hour already.
    """
    if any(reading.valid_to > now for reading in own_readings(feed, readings)):
        return None
    rungs = [
        Ladder(
            replace(zone, sources=zone.own_sources),
            readings,
            (),
        )
        .at(Moment(now, Policy()), feed.source.kinds)
        .rung
        for zone in feed.zones
    ]
    return min(
        (NEED_BY_RUNG.get(rung, Need.NO_FIGURE) for rung in rungs if rung is not Rung.LIVE),
        default=None,
    )


def in_turn(
    needs: Mapping[Feed, Need], last_asked: Mapping[Feed, datetime], allowed: int
) -> list[Feed]:
    """Return feeds in the order in which they are asked.

    The neediest come first, and of two with the same need the one that was not asked for the longer
    time. Where a run may not ask for all of them, its last request is for the one that has waited
    longest, however small its need, so that none waits for ever.

    Parameters
    ----------
    needs
        The feeds that are to be asked, with their needs.
    last_asked
        When each was asked last, UTC.
    allowed
        How many requests the run may make.
    """
    order = sorted(needs, key=lambda feed: (needs[feed], last_asked[feed]))
    if 1 < allowed < len(order):
        waited = min(order[allowed - 1 :], key=lambda feed: last_asked[feed])
        order.remove(waited)
        order.insert(allowed - 1, waited)
    return order


def own_readings(feed: Feed, readings: Iterable[Reading]) -> Iterator[Reading]:
    """Yield those readings that came from the feed."""
    for reading in readings:
        if (reading.provider, reading.provider_zone) == (NAME, feed.source.provider_zone):
            yield reading
