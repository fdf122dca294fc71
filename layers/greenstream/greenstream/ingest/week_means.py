"""Reads a zone's own mean of the last week from the store, by which its storage counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from threading import Lock
from typing import Final, NamedTuple, Self

from greenstream.domain.intensity import FactorTable
from greenstream.domain.profile import HOURS_A_DAY
from greenstream.domain.reading import Kind, Signal
from greenstream.domain.storage import runs_storage, week_mean_gco2_kwh, with_storage
from greenstream.ingest.stored_slots import DECIMALS
from greenstream.ports.provider import ProfilesReader, ProviderConfig, no_profiles
from greenstream.ports.store import Profiles, StoreError
from greenstream.ports.telemetry import Telemetry

WEEK_MEAN: Final = "week_mean_gco2_kwh"
"""The member of a reading's detail that says by which mean its storage counted."""


class MixFactors(NamedTuple):
    """The factors of a mix, and what a reading's detail says of its storage."""

    table: FactorTable
    detail: Mapping[str, float]


@dataclass(slots=True, kw_only=True)
class WeekMeans:
    """The means of the last week of a provider's zones, by the provider's own hour profiles.

    The profiles are read at most once a UTC day in each process, and only when storage gives back
    power. So the figure of a slot does not change with each hour in which the mean moves a little.
    When the store cannot be read, the next run reads it again. Threads may share it.

    Parameters
    ----------
    provider
        The provider's name in the zone table.
    profiles
        Reads the hour profiles.
    telemetry
        Gets a line when the store cannot be read.
    simulated
        Whether profiles of a simulator are wanted. Made-up and measured figures are never mixed.
    """

    provider: str
    profiles: ProfilesReader = no_profiles
    telemetry: Telemetry | None = None
    simulated: bool = False
    _read: Profiles | None = None
    _read_on: date | None = None
    _failed_at: datetime | None = None
    _means: dict[tuple[str, Kind], float | None] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    @classmethod
    def from_config(cls, provider: str, config: ProviderConfig) -> Self:
        """Make it for a provider."""
        return cls(
            provider=provider,
            profiles=config.profiles,
            telemetry=config.telemetry,
            simulated=config.simulated,
        )

    def factors(
        self, zone: str, table: FactorTable, mix_mw: Mapping[str, float], now: datetime
    ) -> MixFactors:
        """Return the factors for a mix: storage by the week's mean, where that is known.

        Parameters
        ----------
        zone
            The zone that the readings are stored for.
        table
            The factors of the basis.
        mix_mw
            MW by fuel.
        now
            The present, in UTC.
        """
        mean_gco2_kwh = self._of(zone, table, now) if runs_storage(mix_mw, table) else None
        if mean_gco2_kwh is None:
            return MixFactors(table, {})
        return MixFactors(
            with_storage(table, mean_gco2_kwh), {WEEK_MEAN: round(mean_gco2_kwh, DECIMALS)}
        )

    def _of(self, zone: str, table: FactorTable, now: datetime) -> float | None:
        kind = Kind(Signal.AVERAGE, table.basis)
        with self._lock:
            self._refresh(now)
            if (zone, kind) not in self._means:
                self._means[zone, kind] = self._mean(zone, kind, now)
            return self._means[zone, kind]

    def _refresh(self, now: datetime) -> None:
        """Read the profiles where those of the day have not been read."""
        if now.date() == self._read_on or now == self._failed_at:
            return
        self._means.clear()
        try:
            self._read, self._read_on = self.profiles(range(HOURS_A_DAY)), now.date()
        except StoreError as error:
            self._read, self._failed_at = None, now
            if self.telemetry is not None:
                self.telemetry.event(
                    "warning", "profiles not read", provider=self.provider, error=str(error)
                )

    def _mean(self, zone: str, kind: Kind, now: datetime) -> float | None:
        for profile in () if self._read is None else self._read.of(zone):
            source = profile.provider, profile.kind, profile.simulated
            if source == (self.provider, kind, self.simulated):
                return week_mean_gco2_kwh(profile, now)
        return None
