"""Zones and their sources in order of preference.

The table is data (``data/zones.json``), and each row names its source. A process reads an index of
it (`INDEX`), which ``infra/ops/zone_index.py`` makes and which has no prose. The sources are in
`greenstream.domain.zone_sources`.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.policy import RankedScope
from greenstream.domain.reading import Basis, Kind, Scope, Signal, kind_of
from greenstream.domain.tables import DATA

INDEX: Final = "zones.index"
"""The index of the zones: a line for each zone, of its name and its row without prose as JSON."""

FALLBACK: Final = "electricitymaps"
"""The provider that stands behind every zone, where a key opens it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One provider's feed for one zone.

    ``provider_zone`` is what the provider calls the zone. ``cadence_s`` is the time from one
    figure to the next, in seconds. ``max_age_s`` is the age (seconds since ``valid_to``) up to
    which the newest figure is live: it follows from the feed's cadence and its usual delay, and
    no policy changes it. ``data_of`` names the publishers whose measurements the feed rests on: two
    feeds are independent where they have none in common. A feed that is ``beside`` the others is
    shown, and answers for the zone only under a policy with `RankedScope.CONSUMPTION`.
    """

    provider: str
    provider_zone: str
    signal: Signal
    bases: tuple[Basis, ...]
    scope: Scope
    cadence_s: int
    max_age_s: int
    data_of: frozenset[str]
    beside: bool = False

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """Return the kinds of the feed's readings, the preferred first."""
        return tuple(kind_of(self.signal, basis) for basis in self.bases)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnualMean:
    """A mean intensity of a year, g/kWh: what is used where nothing newer is known.

    ``factor_set`` names the emission factors that made it, as in readings. The bounds equal the
    mean unless the mean is of a wider area whose parts differ.
    """

    signal: Signal
    basis: Basis
    scope: Scope
    factor_set: str
    gco2_kwh: float
    gco2_low: float
    gco2_high: float
    year: int

    @property
    def kind(self) -> Kind:
        """Return the signal and the basis together."""
        return kind_of(self.signal, self.basis)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A grid area that has one carbon intensity at a time.

    ``country`` is an ISO 3166-1 code of two letters, ``time_zone`` an IANA name. ``sources`` are
    in order of preference.
    """

    zone: str
    name: str
    country: str
    time_zone: str
    sources: tuple[Source, ...]
    annual_means: tuple[AnnualMean, ...]
    kinds: tuple[Kind, ...] = field(init=False)
    """Kinds of figure that the zone may have: those of its sources in order, then of its means."""

    def __post_init__(self) -> None:
        kinds = [kind for source in self.sources for kind in source.kinds]
        kinds += [mean.kind for mean in self.annual_means]
        object.__setattr__(self, "kinds", tuple(dict.fromkeys(kinds)))

    @property
    def own_sources(self) -> tuple[Source, ...]:
        """The zone's sources but the one that stands behind every zone (`FALLBACK`).

        Sources that are only shown beside the others are left out too.
        """
        return tuple(
            source for source in self.sources if source.provider != FALLBACK and not source.beside
        )

    def ranked(self, scope: RankedScope) -> "Zone":
        """Return the zone with the sources that may answer for it under a policy, in their order.

        Sources that are beside the others are left out, or come first when consumption is ranked.
        """
        beside = tuple(source for source in self.sources if source.beside)
        if not beside:
            return self
        others = tuple(source for source in self.sources if not source.beside)
        first = beside if scope is RankedScope.CONSUMPTION else ()
        return replace(self, sources=first + others)


class UnknownZoneError(ValueError):
    """No zone has the name."""


class _Zones(Mapping[str, Zone]):
    """The zones of the table by their names, each made when it is first asked for.

    The table has the whole world, and a process asks about few zones of it.

    Parameters
    ----------
    index
        The text of `INDEX`.
    """

    def __init__(self, index: str) -> None:
        named = (line.partition(" ") for line in index.splitlines())
        self._rows = {name: row for name, _, row in named}
        self._made: dict[str, Zone] = {}

    def __getitem__(self, name: str) -> Zone:
        if (zone := self._made.get(name)) is None:
            zone = self._made[name] = _zone(name, json.loads(self._rows[name]))
        return zone

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@cache
def zones() -> Mapping[str, Zone]:
    """Return every zone by its name, in the table's order."""
    return _Zones((DATA / INDEX).read_text(encoding="utf-8"))


def zone(text: str) -> Zone:
    """Return the zone that a name means, in capital or small letters.

    Raises
    ------
    UnknownZoneError
        When no zone has the name.
    """
    for name in (text, text.upper() if text.isascii() else text):
        if name in zones():
            return zones()[name]
    raise UnknownZoneError(text)


def zones_of(provider: str) -> tuple[tuple[Zone, Source], ...]:
    """Return the zones that list the provider among their sources, with that source."""
    return tuple(
        (zone, source)
        for zone in zones().values()
        for source in zone.sources
        if source.provider == provider
    )


def stored_under(sharing: Iterable[tuple[Zone, Source]]) -> tuple[Zone, Source]:
    """Return the zone that the readings of a feed are stored for, where several zones share it.

    It is the zone with the fewest sources. That is the grid as a whole (``GBR``): its regions have
    other sources before the shared one.

    Raises
    ------
    ValueError
        When no zone shares the feed.
    """
    return min(sharing, key=lambda pair: len(pair[0].sources))


def one_for_each_feed(pairs: Iterable[tuple[Zone, Source]]) -> tuple[tuple[Zone, Source], ...]:
    """Return each feed once, with the zone that its readings are stored for (`stored_under`)."""
    sharing: dict[str, list[tuple[Zone, Source]]] = {}
    for zone, source in pairs:
        sharing.setdefault(source.provider_zone, []).append((zone, source))
    return tuple(map(stored_under, sharing.values()))


def _zone(name: str, row: Mapping[str, Any]) -> Zone:
    return Zone(
        zone=name,
        name=row["name"],
        country=row["country"],
        time_zone=row["time_zone"],
        sources=tuple(
            Source(
                provider=source["provider"],
                provider_zone=source["provider_zone"],
                signal=Signal(source["signal"]),
                bases=tuple(Basis(basis) for basis in source["bases"]),
                scope=Scope(source["scope"]),
                cadence_s=source["cadence_s"],
                max_age_s=source["max_age_s"],
                data_of=frozenset(source["data_of"]),
                beside=source.get("beside", False),
            )
            for source in row["sources"]
        ),
        annual_means=tuple(
            AnnualMean(
                signal=Signal(mean["signal"]),
                basis=Basis(mean["basis"]),
                scope=Scope(mean["scope"]),
                factor_set=mean.get("factor_set", GREENSTREAM),
                gco2_kwh=float(mean["gco2_kwh"]),
                gco2_low=float(mean.get("low_gco2_kwh", mean["gco2_kwh"])),
                gco2_high=float(mean.get("high_gco2_kwh", mean["gco2_kwh"])),
                year=mean["year"],
            )
            for mean in row["annual_means"]
        ),
    )
