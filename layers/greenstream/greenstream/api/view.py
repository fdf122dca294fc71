"""A snapshot of the store, indexed by zone, with what was derived from it for one second. Pure."""

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
from greenstream.domain.reading import Kind, Reading
from greenstream.domain.routing import CarbonOf, Standing, like_for_like
from greenstream.domain.zones import zones
from greenstream.ports.store import Snapshot

_DEFAULT: Final = Policy()

_Asked = tuple[str, tuple[Kind, ...] | None]

CHOICES_KEPT: Final = 16
"""Of how many sets of POPs the figures are kept for their second: Workers ask about few."""

DAMAGED_NAMED: Final = 5
"""How many damaged items an answer names; the rest is counted."""


@dataclass(slots=True)
class _Second:
    """What was found out for an instant and a policy: by zone and kinds, by POPs and ranking."""

    instant: datetime
    figures: dict[_Asked, ZoneCarbon] = field(default_factory=dict)
    standings: dict[tuple[tuple[str, ...], RankingSignal], Mapping[str, Standing]] = field(
        default_factory=dict
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A snapshot, indexed by zone; ``fault`` says why it is not fresh, if it is not.

    ``read_at`` is when the store gave it, ``None`` when the store never gave any.
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
        """Why answers may be worse than usual; ``None`` when all is well."""
        damaged = self.snapshot.damaged
        parts = [] if self.fault is None else [self.fault]
        if damaged:
            more = f" and {len(damaged) - DAMAGED_NAMED} more" if damaged[DAMAGED_NAMED:] else ""
            parts.append(f"damaged items: {', '.join(damaged[:DAMAGED_NAMED])}{more}")
        return "; ".join(parts) or None

    @property
    def simulated(self) -> bool | None:
        """Whether anything known came from a simulator; ``None`` where nothing is known."""
        readings, statuses = self.snapshot.readings, self.snapshot.providers
        known = {reading.simulated for reading in readings}
        known |= {status.simulated for status in statuses}
        return any(known) if known else None

    @property
    def policy(self) -> Policy:
        """The stored policy, or the default where there is none."""
        return self.snapshot.policy or _DEFAULT

    def carbon_at(self, now: datetime, policy: Policy) -> CarbonOf:
        """Return the look-up of a zone's carbon at an instant, to the second as answers tell it.

        A figure is computed once for all questions of its second.
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
        """Return what each POP is ranked by (`like_for_like`), found once for its second."""
        kept = self._second(now, policy).standings
        asked = (tuple([pop.pop for pop in pops]), ranking)
        if asked not in kept:
            if len(kept) >= CHOICES_KEPT:
                kept.clear()
            kept[asked] = like_for_like(pops, self.carbon_at(now, policy), ranking)
        return kept[asked]

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
    """Return the snapshot indexed by zone; ``read_at`` is when the store gave it, if it did."""
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
        readings={zone: tuple(found) for zone, found in readings.items()},
        profiles={zone: tuple(found) for zone, found in profiles.items()},
        read_at=read_at,
    )


@cache
def _zones_by_source() -> Mapping[tuple[str, str], Iterable[str]]:
    shared: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for zone in zones().values():
        for source in zone.sources:
            shared[source.provider, source.provider_zone].append(zone.zone)
    return dict(shared)
