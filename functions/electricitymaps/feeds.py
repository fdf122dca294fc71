"""Decides which zones of Electricity Maps serve which of our zones, and which must be asked now."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

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


def is_due(feed: Feed, readings: Sequence[Reading], now: datetime) -> bool:
    """Return whether a feed must be asked at ``now``.

    It must when any of its zones has no live figure of the feed's kinds from other providers, and
    the store does not hold the feed's own figure for this hour yet.
    """
    if any(reading.valid_to > now for reading in own_readings(feed, readings)):
        return False
    return any(
        Ladder(
            replace(
                zone, sources=tuple(source for source in zone.sources if source.provider != NAME)
            ),
            readings,
            (),
        )
        .at(Moment(now, Policy()), feed.source.kinds)
        .rung
        is not Rung.LIVE
        for zone in feed.zones
    )


def own_readings(feed: Feed, readings: Iterable[Reading]) -> Iterator[Reading]:
    """Yield those readings that came from the feed."""
    for reading in readings:
        if (reading.provider, reading.provider_zone) == (NAME, feed.source.provider_zone):
            yield reading
