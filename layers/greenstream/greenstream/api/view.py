"""A snapshot of the store by zone, with a cache of what one second's requests derive from it.

The module is pure: it reads neither the store nor the clock.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final

from greenstream.domain.ladder import Ladder, ZoneCarbon
from greenstream.domain.places import Pop
from greenstream.domain.policy import Policy, RankingSignal
from greenstream.domain.profile import HourProfile
from greenstream.domain.ranking import CarbonOf, Standing, like_for_like
from greenstream.domain.reading import Kind, Reading
from greenstream.domain.zones import zones
from greenstream.ports.store import Snapshot

_DEFAULT: Final = Policy()

_FigureKey = tuple[str, tuple[Kind, ...] | None]
"""A zone, and the kinds that are asked for."""

MAX_POP_SETS: Final = 16
"""For how many sets of POPs the standings of a second are cached. Workers ask about few sets."""

MAX_DAMAGED_NAMES: Final = 5
"""How many damaged items an answer names. It counts the others."""


@dataclass(slots=True)
class _Second:
    """What has been computed for one second and one policy.

    Figures are cached by zone and kinds, and standings by POPs and ranking signal.
    """

    instant: datetime
    figures: dict[_FigureKey, ZoneCarbon] = field(default_factory=dict)
    standings: dict[tuple[tuple[str, ...], RankingSignal], Mapping[str, Standing]] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A snapshot of the store, indexed by zone.

    Parameters
    ----------
    snapshot
        The snapshot.
    readings, profiles
        The snapshot's readings and profiles by zone.
    read_at
        When the snapshot was read, in UTC; ``None`` if the store has never answered.
    fault
        Why the snapshot is not fresh; ``None`` if it is.
    """

    snapshot: Snapshot
    readings: Mapping[str, tuple[Reading, ...]]
    profiles: Mapping[str, tuple[HourProfile, ...]]
    read_at: datetime | None = None
    fault: str | None = None
    _ladders: dict[str, Ladder] = field(default_factory=dict)
    _seconds: dict[tuple[datetime, Policy], _Second] = field(default_factory=dict)

    @property
    def degraded_reason(self) -> str | None:
        """Why answers may be worse than usual; ``None`` if they are not."""
        damaged = self.snapshot.damaged
        parts = [] if self.fault is None else [self.fault]
        if damaged:
            unnamed = len(damaged) - MAX_DAMAGED_NAMES
            more = f" and {unnamed} more" if unnamed > 0 else ""
            parts.append(f"damaged items: {', '.join(damaged[:MAX_DAMAGED_NAMES])}{more}")
        return "; ".join(parts) or None

    @property
    def simulated(self) -> bool | None:
        """Whether a simulator made any of the data; ``None`` if there is no data."""
        readings, statuses = self.snapshot.readings, self.snapshot.providers
        known = {reading.simulated for reading in readings}
        known |= {status.simulated for status in statuses}
        return any(known) if known else None

    @property
    def policy(self) -> Policy:
        """The stored policy, or the default one if none is stored."""
        return self.snapshot.policy or _DEFAULT

    def carbon_at(self, now: datetime, policy: Policy) -> CarbonOf:
        """Return a function that looks up a zone's carbon at an instant.

        The instant is cut to the second, as answers state it. Each figure is computed once for
        all requests of its second.
        """
        second = self._second(now, policy)
        instant, figures = second.instant, second.figures

        def carbon_of(zone: str, kinds: tuple[Kind, ...] | None) -> ZoneCarbon:
            key = (zone, kinds)
            if (figure := figures.get(key)) is None:
                figure = figures[key] = self._ladder(zone).at(instant, policy, kinds)
            return figure

        return carbon_of

    def standings(
        self, pops: Sequence[Pop], now: datetime, policy: Policy, ranking: RankingSignal
    ) -> Mapping[str, Standing]:
        """Return what each POP is ranked by (`like_for_like`), computed once for its second."""
        cache = self._second(now, policy).standings
        key = (tuple([pop.pop for pop in pops]), ranking)
        if key not in cache:
            if len(cache) >= MAX_POP_SETS:
                cache.clear()
            cache[key] = like_for_like(pops, self.carbon_at(now, policy), ranking)
        return cache[key]

    def _second(self, now: datetime, policy: Policy) -> _Second:
        instant = now.replace(microsecond=0)
        key = (instant, policy)
        if key not in self._seconds:
            self._seconds.clear()
            self._seconds[key] = _Second(instant)
        return self._seconds[key]

    def _ladder(self, zone: str) -> Ladder:
        if (ladder := self._ladders.get(zone)) is None:
            ladder = self._ladders[zone] = Ladder(
                zones()[zone], self.readings.get(zone, ()), self.profiles.get(zone, ())
            )
        return ladder


def view_of(snapshot: Snapshot, *, read_at: datetime | None) -> View:
    """Return a snapshot indexed by zone. ``read_at`` says when it was read, in UTC, if it was."""
    by_source = _zones_by_source()
    readings: defaultdict[str, list[Reading]] = defaultdict(list)
    for reading in snapshot.readings:
        for zone in by_source.get((reading.provider, reading.provider_zone), ()):
            readings[zone].append(reading)
    profiles: defaultdict[str, list[HourProfile]] = defaultdict(list)
    for profile in snapshot.profiles:
        profiles[profile.zone].append(profile)
    return View(
        snapshot=snapshot,
        readings={zone: tuple(of_zone) for zone, of_zone in readings.items()},
        profiles={zone: tuple(of_zone) for zone, of_zone in profiles.items()},
        read_at=read_at,
    )


@cache
def _zones_by_source() -> Mapping[tuple[str, str], Iterable[str]]:
    shared: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for zone in zones().values():
        for source in zone.sources:
            shared[source.provider, source.provider_zone].append(zone.zone)
    return dict(shared)
