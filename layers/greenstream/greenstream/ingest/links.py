"""Reads from the store what a grid imports through each of its links, and how clean that is.

One collector meters the links (Elexon those of Great Britain), another needs their shares. The
second reads what the first has stored, through the ports that every provider gets, so that neither
depends on the other's run.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

from greenstream.domain.freshness import age_s
from greenstream.domain.imports import ImportFactors, Link, import_factors
from greenstream.domain.intensity import (
    Factor,
    FactorTable,
    factor_tables,
    yearly_imports_gwh,
)
from greenstream.domain.reading import Basis, Kind, Reading, Scope, Signal
from greenstream.domain.zones import stored_under, zones, zones_of
from greenstream.ingest.stored_slots import fuel_mw_of
from greenstream.ports.provider import HistoryReader, ProviderConfig, no_history
from greenstream.ports.store import StoreError
from greenstream.ports.telemetry import Telemetry

SETTLED: Final = timedelta(minutes=10)
"""So long after its end, all mixes of an interval are stored, and it is read only once."""


def _no_readings() -> Sequence[Reading]:
    return ()


@dataclass(frozen=True, slots=True)
class Imports:
    """What is known of a grid's imports in an interval.

    Parameters
    ----------
    links_mw
        The mean power of each link in MW, by its name; imports are above zero. It is empty where
        the store has no mix of the interval.
    factors
        The factors of the imports, by basis. Where the links are not known, or none imports, they
        are those of the year's shares. A basis is absent where those are not known either.
    neighbours
        The zones behind the links whose own live figure was used. The others stand with their
        yearly mean.
    """

    links_mw: Mapping[str, float] = field(default_factory=dict)
    factors: Mapping[Basis, ImportFactors] = field(default_factory=dict)
    neighbours: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLinks:
    """The links of a grid, as a provider's stored mixes name them.

    Parameters
    ----------
    provider
        The provider that meters the links.
    table
        The factor table that names the links, each with the zone behind it.
    history, newest
        Read the store.
    telemetry
        Gets a line when the store cannot be read.
    simulated
        Whether figures of a simulator are wanted. Made-up and measured figures are never mixed.
    """

    provider: str
    table: str
    history: HistoryReader = no_history
    newest: Callable[[], Sequence[Reading]] = _no_readings
    telemetry: Telemetry | None = None
    simulated: bool = False
    _settled: dict[tuple[datetime, datetime], Imports] = field(default_factory=dict)
    """The last interval that has settled. Were it read again, each new figure of a neighbour would
    change all figures of the half hour."""

    @classmethod
    def from_config(cls, provider: str, table: str, config: ProviderConfig) -> Self:
        """Make it for the links that ``provider`` meters and that ``table`` names."""
        return cls(
            provider=provider,
            table=table,
            history=config.history,
            newest=config.newest,
            telemetry=config.telemetry,
            simulated=config.simulated,
        )

    def read(self, since: datetime, until: datetime, now: datetime) -> Imports:
        """Return what was imported in an interval (UTC), by the neighbours' figures of ``now``.

        A store that cannot be read is as an empty one, and is logged.
        """
        if (known := self._settled.get((since, until))) is not None:
            return known
        imports, measured = self._read(since, until, now)
        if measured and now - until >= SETTLED:
            self._settled.clear()
            self._settled[since, until] = imports
        return imports

    def _read(self, since: datetime, until: datetime, now: datetime) -> tuple[Imports, bool]:
        """Return what was imported, and whether the links are those of the interval."""
        try:
            links_mw = self._links_mw(since, until)
            live = self.newest()
        except StoreError as error:
            if self.telemetry is not None:
                self.telemetry.event(
                    "warning", "links not read", provider=self.provider, error=str(error)
                )
            links_mw, live = {}, ()
        measured = any(mw > 0 for mw in links_mw.values())
        powers = links_mw if measured else yearly_imports_gwh(self.table)
        factors: dict[Basis, ImportFactors] = {}
        neighbours: set[str] = set()
        for basis in Basis:
            links = []
            for link, power in powers.items():
                factor = self._table(basis).factors[link]
                own = self._own_figure(factor.neighbour, basis, live, now)
                if own is not None and power > 0:
                    neighbours.add(str(factor.neighbour))
                links.append(Link(power, own or factor))
            known = import_factors(links, measured=measured)
            if known is not None:
                factors[basis] = known
        return Imports(links_mw, factors, tuple(sorted(neighbours))), measured

    def _table(self, basis: Basis) -> FactorTable:
        return factor_tables()[self.table, basis]

    def _links_mw(self, since: datetime, until: datetime) -> dict[str, float]:
        """Return the mean power of each link over the stored mixes of an interval."""
        zone, source = stored_under(zones_of(self.provider))
        stored = self.history(zone.zone, self.provider, source.kinds[0], since=since, until=until)
        named = self._table(source.bases[0]).factors
        powers: defaultdict[str, list[float]] = defaultdict(list)
        for reading in stored:
            if reading.simulated is not self.simulated:
                continue
            for fuel, mw in (fuel_mw_of(reading) or {}).items():
                if fuel in named and named[fuel].neighbour is not None:
                    powers[fuel].append(mw)
        return {link: sum(mw) / len(mw) for link, mw in sorted(powers.items())}

    def _own_figure(
        self, neighbour: str | None, basis: Basis, readings: Sequence[Reading], now: datetime
    ) -> Factor | None:
        """Return a zone's own live figure of its generation, from its first source that has one.

        A figure that counts the zone's imports is not used: it may count what the zone had from
        this grid.
        """
        kind = Kind(Signal.AVERAGE, basis)
        zone = None if neighbour is None else zones().get(neighbour)
        for source in () if zone is None else zone.sources:
            if source.scope is not Scope.PRODUCTION:
                continue
            for reading in readings:
                if (
                    (reading.provider, reading.provider_zone)
                    == (source.provider, source.provider_zone)
                    and (reading.kind, reading.scope) == (kind, source.scope)
                    and reading.simulated is self.simulated
                    and age_s(reading.valid_to, now) <= source.max_age_s
                ):
                    bounds = reading.gco2_low, reading.gco2_high
                    return Factor(reading.gco2_kwh, *bounds, neighbour)
        return None
