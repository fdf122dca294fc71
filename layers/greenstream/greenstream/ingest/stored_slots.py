"""What is stored of a provider's window, so that only what is new or has changed is stored again.

Upstreams correct what they have published: a unit that reported late, a figure that was estimated
first. An interval is called a slot here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple, Self

from greenstream.domain.fuel_memory import LIFE
from greenstream.domain.reading import Kind, Quality, Reading
from greenstream.ports.provider import HistoryReader, ProviderConfig, no_history
from greenstream.ports.store import StoreError
from greenstream.ports.telemetry import Telemetry

DECIMALS: Final = 3
"""The store rounds figures to so many decimals. A smaller change is not stored."""

FUEL_MW: Final = "fuel_mw"
"""The member of a reading's detail that holds the mix it was made of, in MW by fuel."""


class Figures(NamedTuple):
    """What a slot's reading of one kind says, rounded as the store rounds it."""

    gco2_kwh: float
    gco2_low: float
    gco2_high: float
    coverage: float
    quality: Quality
    as_published_gco2_kwh: float | None


@dataclass(slots=True)
class _Slot:
    """What is known of a slot: a hash of its mix, and its figures by kind.

    The figures are ``None`` where the reading was refused. The hash stands for the mix because the
    mixes of all zones would take ten megabytes.
    """

    mix: int | None
    figures: dict[Kind, Figures | None]


class ZoneSlots:
    """What is stored of one zone's window.

    Parameters
    ----------
    kinds
        The kinds that the provider makes of each slot of the zone.
    span
        The length of the window. Slots that ended earlier are forgotten.
    stored
        The readings that the store has of the window.
    """

    def __init__(self, kinds: Iterable[Kind], span: timedelta, stored: Iterable[Reading]) -> None:
        self._kinds = frozenset(kinds)
        self._span = span
        self._slots: dict[datetime, _Slot] = {}
        self._since: datetime | None = None
        self._newest: datetime | None = None
        for reading in stored:
            self._remember(reading.valid_to, fuel_mw_of(reading), {reading.kind: _figures(reading)})

    @property
    def newest(self) -> datetime | None:
        """The end of the newest slot that was read and stored, or ``None`` if none was."""
        return self._newest

    def asks_for(
        self, valid_to: datetime, now: datetime, mix_mw: Mapping[str, float] | None = None
    ) -> bool:
        """Return whether a slot is to be read: it is missing in the store, or may have changed.

        Only slots since the oldest stored one are, so that a new table is not filled with the past.

        Parameters
        ----------
        valid_to
            The end of the slot, in UTC.
        now
            The present, in UTC. Slots from before the window are not asked for.
        mix_mw
            The mix of the slot, in MW by fuel. A slot with the same mix has not changed. ``None``
            where the figure is not made of a mix.
        """
        if self._since is None or valid_to < self._since or valid_to <= now - self._span:
            return False
        slot = self._slots.get(valid_to)
        return (
            slot is None
            or mix_mw is None
            or slot.mix != _hash(mix_mw)
            or not self._kinds <= slot.figures.keys()
        )

    def lacks(self, reading: Reading) -> bool:
        """Return whether the store does not have the figures of a reading."""
        slot = self._slots.get(reading.valid_to)
        return slot is None or slot.figures.get(reading.kind) != _figures(reading)

    def remember(
        self,
        mixes_mw: Mapping[datetime, Mapping[str, float] | None],
        readings: Iterable[Reading],
        now: datetime,
    ) -> None:
        """Remember what has been stored, and forget what lies before the window.

        Parameters
        ----------
        mixes_mw
            The mixes of the slots that were read, in MW by fuel, by the end of the slot. A slot
            whose reading was refused is not asked for again until its mix changes.
        readings
            The readings of these slots that the store has.
        now
            The present, in UTC.
        """
        figures: dict[datetime, dict[Kind, Figures | None]] = {}
        for reading in readings:
            figures.setdefault(reading.valid_to, {})[reading.kind] = _figures(reading)
        for valid_to, mix_mw in mixes_mw.items():
            refused = dict.fromkeys(self._kinds)
            self._remember(valid_to, mix_mw, {**refused, **figures.get(valid_to, {})})
        for valid_to in [end for end in self._slots if end <= now - self._span]:
            del self._slots[valid_to]

    def _remember(
        self,
        valid_to: datetime,
        mix_mw: Mapping[str, float] | None,
        figures: Mapping[Kind, Figures | None],
    ) -> None:
        slot = self._slots.setdefault(valid_to, _Slot(None, {}))
        slot.mix = None if mix_mw is None else _hash(mix_mw)
        slot.figures.update(figures)
        self._since = min(self._since or valid_to, valid_to)
        self._newest = max(self._newest or valid_to, valid_to)


@dataclass(frozen=True, slots=True)
class StoredSlots:
    """What is stored of the windows of all zones of a provider.

    It lives as long as the process. What an earlier process has stored of the window is read from
    the store once for each zone and kind. When that fails, the provider goes on as with an empty
    store.

    Parameters
    ----------
    provider
        The provider's name.
    span
        The length of the window.
    history
        Reads the store.
    telemetry
        Gets a line when the store cannot be read.
    """

    provider: str
    span: timedelta
    history: HistoryReader = no_history
    telemetry: Telemetry | None = None
    _zones: dict[str, ZoneSlots] = field(default_factory=dict)

    @classmethod
    def from_config(cls, provider: str, span: timedelta, config: ProviderConfig) -> Self:
        """Make it for a provider whose window has the length ``span``."""
        return cls(provider, span, config.history, config.telemetry)

    def of(
        self,
        zone: str,
        kinds: Sequence[Kind],
        now: datetime,
        learn: Callable[[Sequence[Reading]], None] | None = None,
    ) -> ZoneSlots:
        """Return what is stored of a zone's window that ends now (UTC).

        Parameters
        ----------
        zone, kinds
            The zone, and the kinds that the provider makes of each of its slots.
        now
            The present, in UTC.
        learn
            Gets the readings of one kind that the store has, oldest first, when they are read.
            They are those of the window, or of the two weeks before it where it has none.
        """
        known = self._zones.get(zone)
        if known is None:
            stored = self._read(zone, kinds, now, learn)
            known = self._zones[zone] = ZoneSlots(kinds, self.span, stored)
        return known

    def _read(
        self,
        zone: str,
        kinds: Sequence[Kind],
        now: datetime,
        learn: Callable[[Sequence[Reading]], None] | None,
    ) -> list[Reading]:
        """Return the readings of the window, none where the store cannot be read."""
        begin = now - self.span
        try:
            by_kind = [
                self.history(zone, self.provider, kind, since=begin, until=now) for kind in kinds
            ]
            if learn is not None:
                learn(
                    by_kind[0]
                    or self.history(zone, self.provider, kinds[0], since=now - LIFE, until=begin)
                )
            return [reading for readings in by_kind for reading in readings]
        except StoreError as error:
            if self.telemetry is not None:
                self.telemetry.event(
                    "warning",
                    "history not read",
                    provider=self.provider,
                    zone=zone,
                    error=str(error),
                )
            return []


def fuel_mw_of(reading: Reading) -> Mapping[str, float] | None:
    """Return the mix that a reading was made of, in MW by fuel.

    ``None`` where the reading's detail has none, or one that is damaged.
    """
    fuel_mw = reading.detail.get(FUEL_MW)
    if not isinstance(fuel_mw, Mapping):
        return None
    return fuel_mw if all(isinstance(mw, int | float) for mw in fuel_mw.values()) else None


def _figures(reading: Reading) -> Figures:
    return Figures(
        round(reading.gco2_kwh, DECIMALS),
        round(reading.gco2_low, DECIMALS),
        round(reading.gco2_high, DECIMALS),
        round(reading.coverage, DECIMALS),
        reading.quality,
        None
        if reading.as_published_gco2_kwh is None
        else round(reading.as_published_gco2_kwh, DECIMALS),
    )


def _hash(mix_mw: Mapping[str, float]) -> int:
    return hash(frozenset(mix_mw.items()))
