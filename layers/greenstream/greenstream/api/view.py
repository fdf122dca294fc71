"""A snapshot of the store by zone, with a cache of what one second's requests derive from it.

The module is pure: it reads neither the store nor the clock.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from greenstream.domain.ladder import Ladder, ZoneCarbon
from greenstream.domain.moment import Moment
from greenstream.domain.places import Pop
from greenstream.domain.policy import Policy, RankingSignal
from greenstream.domain.profile import HourProfile
from greenstream.domain.ranking import FigureOf, Standings, like_for_like
from greenstream.domain.reading import Kind, Reading
from greenstream.domain.zones import zones
from greenstream.ports.store import Board, Profiles, Snapshot

_DEFAULT: Final = Policy()

MAX_POP_SETS: Final = 16
"""For how many sets of POPs the standings of a second are cached. Workers ask about few sets."""

MAX_DAMAGED_NAMES: Final = 5
"""How many damaged items an answer names. It counts the others."""


class _Figures(dict[str, ZoneCarbon]):
    """The figures of some kinds at a moment by zone; each is computed when it is asked for."""

    def __init__(
        self,
        ladders: Mapping[str, Ladder],
        ladder_of: Callable[[str], Ladder],
        moment: Moment,
        kinds: tuple[Kind, ...] | None,
    ) -> None:
        super().__init__()
        self._ladders = ladders
        self._ladder_of = ladder_of
        self._moment = moment
        self._kinds = kinds

    def __missing__(self, zone: str) -> ZoneCarbon:
        ladder = self._ladders.get(zone) or self._ladder_of(zone)
        figure = self[zone] = ladder.at(self._moment, self._kinds)
        return figure


@dataclass(slots=True)
class _Second:
    """What has been computed for one second and one policy.

    Figures are cached by kinds and zone, and standings by POPs and ranking signal.
    """

    moment: Moment
    figures: dict[tuple[Kind, ...] | None, _Figures] = field(default_factory=dict)
    standings: dict[tuple[tuple[str, ...], RankingSignal], Standings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A snapshot of the store with its hour profiles, by zone.

    Parameters
    ----------
    snapshot
        The snapshot.
    profiles
        The hour profiles, with the hours that the readings and the present need; ``None`` if they
        have never been read.
    read_at
        When the snapshot was read, in UTC; ``None`` if the store has never answered.
    fault
        Why the snapshot or the profiles are not fresh; ``None`` if they are.
    degraded_reason
        Why answers may be worse than usual; ``None`` if they are not. It follows from the others.
    """

    snapshot: Snapshot = field(default_factory=Snapshot)
    profiles: Profiles | None = None
    read_at: datetime | None = None
    fault: str | None = None
    degraded_reason: str | None = field(init=False)
    _ladders: dict[str, Ladder] = field(default_factory=dict)
    _seconds: dict[datetime, _Second] = field(default_factory=dict)

    def __post_init__(self) -> None:
        damaged = self.snapshot.damaged + (() if self.profiles is None else self.profiles.damaged)
        parts = [] if self.fault is None else [self.fault]
        if damaged:
            unnamed = len(damaged) - MAX_DAMAGED_NAMES
            more = f" and {unnamed} more" if unnamed > 0 else ""
            parts.append(f"damaged items: {', '.join(damaged[:MAX_DAMAGED_NAMES])}{more}")
        object.__setattr__(self, "degraded_reason", "; ".join(parts) or None)

    def renewed(
        self,
        snapshot: Snapshot,
        profiles: Profiles | None,
        *,
        read_at: datetime,
        fault: str | None = None,
    ) -> "View":
        """Return the view of a new read. What was derived stays where the data did not change."""
        changed = _changed_providers(self.snapshot.boards, snapshot.boards)
        same = self.profiles is profiles
        scope = (snapshot.policy or _DEFAULT).scope  # which decides the order of a ladder's sources
        ladders = {
            zone: ladder
            for zone, ladder in (
                self._ladders if same and scope == self.policy.scope else {}
            ).items()
            if not any(source.provider in changed for source in zones()[zone].sources)
        }
        return View(
            snapshot=snapshot,
            profiles=profiles,
            read_at=read_at,
            fault=fault,
            _ladders=ladders,
            _seconds=self._seconds if same and not changed else {},
        )

    def readings_of(self, zone: str) -> tuple[Reading, ...]:
        """Return the newest reading of each of a zone's sources and kinds."""
        boards = {board.provider: board for board in self.snapshot.boards}
        areas = dict.fromkeys(
            (source.provider, source.provider_zone) for source in zones()[zone].sources
        )
        return tuple(
            reading
            for provider, provider_zone in areas
            if provider in boards
            for reading in boards[provider].readings_of(provider_zone)
        )

    def profiles_of(self, zone: str) -> tuple[HourProfile, ...]:
        """Return the hour profiles of a zone, with the hours that were read."""
        return () if self.profiles is None else self.profiles.of(zone)

    @property
    def simulated(self) -> bool | None:
        """Whether a simulator made any of the data; ``None`` if there is no data."""
        known = [board.simulated for board in self.snapshot.boards if board.simulated is not None]
        return any(known) if known else None

    @property
    def policy(self) -> Policy:
        """The stored policy, or the default one if none is stored."""
        return self.snapshot.policy or _DEFAULT

    def carbon_at(self, now: datetime, policy: Policy, kinds: tuple[Kind, ...] | None) -> FigureOf:
        """Return a function that looks up a zone's carbon of these kinds at an instant.

        The instant is cut to the second, as answers state it. Each figure is computed once for
        all requests of its second.
        """
        second = self._second(now, policy)
        figures = second.figures.get(kinds)
        if figures is None:
            figures = second.figures[kinds] = _Figures(
                self._ladders, self._ladder, second.moment, kinds
            )
        return figures.__getitem__

    def standings(
        self, pops: Sequence[Pop], now: datetime, policy: Policy, ranking: RankingSignal
    ) -> Standings:
        """Return what each POP is ranked by (`like_for_like`), computed once for its second."""
        cache = self._second(now, policy).standings
        key = (tuple([pop.pop for pop in pops]), ranking)
        if (standings := cache.get(key)) is None:
            if len(cache) >= MAX_POP_SETS:
                cache.clear()
            carbon_of = partial(self.carbon_at, now, policy)
            standings = cache[key] = like_for_like(pops, carbon_of, ranking)
        return standings

    def _second(self, now: datetime, policy: Policy) -> _Second:
        instant = now.replace(microsecond=0)
        second = self._seconds.get(instant)
        # A policy is the same object until it is read anew; to compare its fields takes longer.
        if second is None or second.moment.policy is not policy:
            self._seconds.clear()
            second = self._seconds[instant] = _Second(Moment(instant, policy))
        return second

    def _ladder(self, zone: str) -> Ladder:
        if (ladder := self._ladders.get(zone)) is None:
            readings = self.readings_of(zone)
            measured = dict.fromkeys([zone, *(reading.zone for reading in readings)])
            profiles = [profile for wider in measured for profile in self.profiles_of(wider)]
            ladder = self._ladders[zone] = Ladder(
                zones()[zone].ranked(self.policy.scope), readings, profiles
            )
        return ladder


def _changed_providers(before: Iterable[Board], after: Iterable[Board]) -> frozenset[str]:
    """Return the providers whose board is not the same object before and after."""
    known, new = ({board.provider: board for board in boards} for boards in (before, after))
    return frozenset(
        provider
        for provider in known.keys() | new.keys()
        if known.get(provider) is not new.get(provider)
    )
