"""The national feeds: small feeds without a key, each of them a provider of its own.

They share one function, since each alone has little to do. A feed differs from the others in its
parser only (`functions.national.ons` and the modules beside it). A feed that fails costs the zones
of that feed and no others.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar, Final, Self

from functions.national.aemo import AEMO
from functions.national.aeso import AESO
from functions.national.feed import Feed, Parsed
from functions.national.hydroquebec import HYDROQUEBEC
from functions.national.ieso import IESO
from functions.national.kpx import KPX
from functions.national.ons import ONS
from functions.national.taipower import TAIPOWER
from greenstream.domain.errors import NoDataError
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixGrid, MixPast
from greenstream.ingest.stored_slots import StoredSlots, ZoneSlots
from greenstream.ingest.week_means import WeekMeans
from greenstream.ports.provider import Batch, ProviderConfig
from greenstream.ports.settings import SettingsError, required


@dataclass(frozen=True, slots=True, kw_only=True)
class National:
    """The provider of a national feed; a subclass says which one.

    Parameters
    ----------
    http
        Asks the feed.
    wanted
        The zones of the feed, each with its source.
    simulated
        Whether a simulator stands for the feed.
    stored
        What is stored of the slots, remembered between runs.
    past
        What earlier runs have believed, by zone, remembered between runs too.
    week
        The means of the last week, by which storage counts, remembered between runs too.
    """

    feed: ClassVar[Feed]

    http: HttpClient
    wanted: Sequence[tuple[Zone, Source]]
    stored: StoredSlots
    week: WeekMeans
    simulated: bool = False
    past: dict[str, MixPast] = field(default_factory=dict)

    @classmethod
    def over(
        cls,
        http: HttpClient,
        wanted: Sequence[tuple[Zone, Source]] | None = None,
        *,
        simulated: bool = False,
    ) -> Self:
        """Make the provider without a store, for all zones of the feed by default."""
        return cls(
            http=http,
            wanted=zones_of(cls.feed.name) if wanted is None else wanted,
            stored=StoredSlots(cls.feed.name, cls.feed.window),
            week=WeekMeans(provider=cls.feed.name),
            simulated=simulated,
        )

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make the provider from its settings.

        Raises
        ------
        SettingsError
            When the address of the feed is missing.
        """
        feed = cls.feed
        base_url = required(feed.address, config.environ)
        return cls(
            http=HttpClient(provider=feed.name, base_url=base_url, max_bytes=feed.max_bytes),
            wanted=zones_of(feed.name),
            stored=StoredSlots.from_config(feed.name, feed.window, config),
            week=WeekMeans.from_config(feed.name, config),
            simulated=config.simulated,
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return self.feed.name

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield a batch for each zone: the slots that can be believed and are not stored yet.

        Raises
        ------
        GreenStreamError
            When nothing can be read of the feed.
        """
        if not self.wanted:
            return
        stored = {
            zone.zone: self.stored.of(zone.zone, source.kinds, now, self._past(zone).learn)
            for zone, source in self.wanted
        }
        with self.http:
            parsed = self.feed.read(self.http, _since(stored), now)
        yield Batch(errors=tuple(parsed.errors))
        for zone, source in self.wanted:
            yield self._batch(parsed, zone, source, stored[zone.zone], now)

    def _batch(
        self, parsed: Parsed, zone: Zone, source: Source, stored: ZoneSlots, now: datetime
    ) -> Batch:
        slots = parsed.slots.get(source.provider_zone)
        if slots is None:
            if parsed.errors:  # They say why it is absent.
                return Batch()
            what = f"the answer holds nothing of {source.provider_zone}"
            return Batch(errors=(NoDataError(what, provider=self.name, zone=zone.zone),))
        if not slots:
            return Batch(skipped=(zone.zone,))
        grid = MixGrid(
            provider=self.name,
            zone=zone,
            source=source,
            rules=rules_of_source(self.name, zone.zone),
            table=self.feed.table,
            fetched_at=now,
            simulated=self.simulated,
            week=self.week,
            not_metered=self.feed.not_metered,
        )
        return grid.batch(slots, (), stored, self._past(zone))

    def _past(self, zone: Zone) -> MixPast:
        known = self.past.get(zone.zone)
        if known is None:
            rules = rules_of_source(self.name, zone.zone)
            known = self.past[zone.zone] = MixPast(self.name, rules, self.feed.window)
        return known


class Ons(National):
    """Brazil's four subsystems."""

    feed = ONS


class Aemo(National):
    """The five regions of Australia's National Electricity Market."""

    feed = AEMO


class Ieso(National):
    """Ontario."""

    feed = IESO


class Aeso(National):
    """Alberta."""

    feed = AESO


class Hydroquebec(National):
    """Quebec."""

    feed = HYDROQUEBEC


class Taipower(National):
    """Taiwan."""

    feed = TAIPOWER


class Kpx(National):
    """South Korea."""

    feed = KPX


PROVIDERS: Final[Mapping[str, type[National]]] = MappingProxyType(
    {
        provider.feed.name: provider
        for provider in (Ons, Aemo, Ieso, Aeso, Hydroquebec, Taipower, Kpx)
    }
)
"""The provider of each feed by its name."""


def chosen(names: str) -> tuple[type[National], ...]:
    """Return the providers of the feeds that a setting names, with commas between them.

    Raises
    ------
    SettingsError
        When it names none, or one that is not known.
    """
    feeds = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in feeds if name not in PROVIDERS]
    if unknown or not feeds:
        raise SettingsError(
            f"NATIONAL_FEEDS must name feeds of {', '.join(PROVIDERS)}, not {names!r:.100}"
        )
    return tuple(PROVIDERS[name] for name in dict.fromkeys(feeds))


def _since(stored: Mapping[str, ZoneSlots]) -> datetime | None:
    """Return the end up to which every zone is stored, or ``None`` where one has nothing."""
    newest = [slots.newest for slots in stored.values()]
    known = [end for end in newest if end is not None]
    return min(known) if len(known) == len(newest) else None
