"""Which of Electricity Maps' zones stand behind which of ours, and which of them are due."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from functions.electricitymaps.answers import NAME
from greenstream.domain.ladder import Ladder, Rung
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone


@dataclass(frozen=True, slots=True)
class Feed:
    """One zone of theirs and the zones of ours that it stands behind."""

    zone: Zone
    source: Source
    zones: tuple[Zone, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the zones of ours."""
        return tuple(zone.zone for zone in self.zones)


def feeds_of(wanted: Sequence[tuple[Zone, Source]]) -> tuple[Feed, ...]:
    """Group our zones by theirs.

    A shared feed's reading is kept under the zone with the fewest sources: the grid itself
    (``GBR``), whose regions have feeds of their own before it.
    """
    theirs = dict.fromkeys(source.provider_zone for _, source in wanted)
    feeds = []
    for there in theirs:
        pairs = [(zone, source) for zone, source in wanted if source.provider_zone == there]
        zone, source = min(pairs, key=lambda pair: len(pair[0].sources))
        feeds.append(Feed(zone, source, tuple(zone for zone, _ in pairs)))
    return tuple(feeds)


def is_due(feed: Feed, readings: Sequence[Reading], now: datetime) -> bool:
    """Tell whether a zone lacks a live figure of the kind asked for, and we lack this hour's."""
    if any(reading.valid_to > now for reading in own_readings(feed, readings)):
        return False
    return any(
        Ladder(
            replace(zone, sources=tuple(one for one in zone.sources if one.provider != NAME)),
            readings,
            (),
        )
        .at(now, Policy(), feed.source.kinds)
        .rung
        is not Rung.LIVE
        for zone in feed.zones
    )


def own_readings(feed: Feed, readings: Iterable[Reading]) -> Iterator[Reading]:
    """Yield the readings that came from a feed."""
    for reading in readings:
        if (reading.provider, reading.provider_zone) == (NAME, feed.source.provider_zone):
            yield reading
