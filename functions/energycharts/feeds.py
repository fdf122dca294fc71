"""Decides which countries of Energy-Charts serve which of our zones, and which are asked now."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from functions.energycharts.answers import NAME
from greenstream.domain.freshness import age_s
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone, stored_under

OWN_LIFE: Final = timedelta(days=2)
"""How old a bidding zone's own figure may be before its country's figure is asked for. As long as
it stands with its hour profile, it says more of the zone than the country does."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One country of Energy-Charts and the zones of ours that have it as a source.

    Parameters
    ----------
    zone
        Our zone under which the country's readings are stored.
    source
        The country as a source of that zone.
    zones
        All our zones that have the country as a source.
    """

    zone: Zone
    source: Source
    zones: tuple[Zone, ...]

    @property
    def country(self) -> str:
        """The country's code at Energy-Charts."""
        return self.source.provider_zone

    @property
    def names(self) -> tuple[str, ...]:
        """Names of our zones."""
        return tuple(zone.zone for zone in self.zones)

    def is_due(self, readings: Iterable[Reading], now: datetime) -> bool:
        """Return whether the country must be asked at ``now`` (UTC).

        It must when any of its zones has no live figure of the sources that come before it, which
        publish the same data. Where the country is several zones, it must only when any of them has
        had no such figure for `OWN_LIFE`.
        """
        newest: dict[tuple[str, str], datetime] = {}
        for reading in readings:
            key = (reading.provider, reading.provider_zone)
            newest[key] = max(reading.valid_to, newest.get(key, reading.valid_to))
        return any(not self._has_its_own(zone, newest, now) for zone in self.zones)

    def _has_its_own(
        self, zone: Zone, newest: dict[tuple[str, str], datetime], now: datetime
    ) -> bool:
        for source in zone.sources:
            if source.provider == NAME:
                return False
            limit_s = source.max_age_s if len(self.zones) == 1 else OWN_LIFE.total_seconds()
            valid_to = newest.get((source.provider, source.provider_zone))
            if valid_to is not None and age_s(valid_to, now) <= limit_s:
                return True
        return False


def feeds_of(wanted: Sequence[tuple[Zone, Source]]) -> tuple[Feed, ...]:
    """Return one feed for each country."""
    countries = dict.fromkeys(source.provider_zone for _, source in wanted)
    feeds = []
    for country in countries:
        pairs = [(zone, source) for zone, source in wanted if source.provider_zone == country]
        zone, source = stored_under(pairs)
        feeds.append(Feed(zone, source, tuple(zone for zone, _ in pairs)))
    return tuple(feeds)
