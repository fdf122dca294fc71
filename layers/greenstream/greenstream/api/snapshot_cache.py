"""The router's memory: one read of the store serves a few seconds, and outlives the store.

What is remembered are readings with their own times; ages are computed when a question is
answered, so that a remembered value never looks younger than it is.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from threading import Thread
from typing import Any, Final, TypeVar

from greenstream.domain.clock import Clock
from greenstream.domain.ladder import HourProfile, Ladder, ZoneCarbon
from greenstream.domain.policy import Policy, RankingSignal
from greenstream.domain.reading import Kind, Reading
from greenstream.domain.routing import CarbonOf, Standing, like_for_like
from greenstream.domain.zones import Pop, zones
from greenstream.ports.store import Snapshot, Store, StoreError

T = TypeVar("T")

_DEFAULT: Final = Policy()

_Asked = tuple[str, tuple[Kind, ...] | None]

TIME_TO_LIVE: Final = timedelta(seconds=5)
"""How long one read of the store answers questions (at most one Query per 5 s and process)."""

WAIT_S: Final = 0.6
"""How long a request may wait for the store, all its questions together: the Worker waits 0.8 s
for the answer. The client's own limits are for a connection and for each piece of an answer, and
an answer may come in drops for ever."""

MAX_UNANSWERED: Final = 8
"""Questions that may still wait for an answer, each in a thread, before no further one is put."""

RETRY_AFTER: Final = timedelta(seconds=1)
"""How long a store that failed is left alone."""

CHOICES_KEPT: Final = 16
"""Of how many sets of POPs the figures are kept for their second: Workers ask about few."""

DAMAGED_NAMED: Final = 5
"""How many damaged items an answer names; the rest is counted."""


@dataclass(slots=True)
class Patience:
    """How long one request may still wait for the store, s; each of its questions takes of it."""

    left_s: float = WAIT_S


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


class SnapshotCache:
    """Asks the store rarely, and never lets its failure through.

    Parameters
    ----------
    store
        Asked at most once per `TIME_TO_LIVE` for the snapshot, and not for `RETRY_AFTER`
        after a failure; in a thread of its own, which may outlive the answer.
    clock
        Tells the present, and how long a question took.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._unanswered: list[Future[Any]] = []
        self._view = _index(Snapshot(), read_at=None)
        self._failed_at: datetime | None = None
        self._failure = ""

    @property
    def remembered(self) -> View:
        """The last view given, without asking the store."""
        return self._view

    def view(self, patience: Patience) -> View:
        """Return the newest view to be had: fresh, else remembered, else empty."""
        now = self._clock()
        read_at = self._view.read_at
        if read_at is not None and timedelta(0) <= now - read_at < TIME_TO_LIVE:
            return self._view
        snapshot = self.ask(lambda store: store.snapshot(), patience)
        if snapshot is not None:
            self._view = _index(snapshot, read_at=now)
            return self._view
        what = (
            "nothing is remembered"
            if read_at is None
            else f"answered from memory of {(now - read_at).total_seconds():.0f} s ago"
        )
        return replace(self._view, fault=f"the store failed ({self._failure}); {what}")

    def ask(self, question: Callable[[Store], T], patience: Patience) -> T | None:
        """Put a question to the store; ``None`` when it fails or has just failed.

        ``None`` too, unasked, where the request has no patience left.
        """
        if patience.left_s <= 0:
            return None
        now = self._clock()
        if self._failed_at is not None and timedelta(0) <= now - self._failed_at < RETRY_AFTER:
            return None
        self._unanswered = [each for each in self._unanswered if not each.done()]
        if len(self._unanswered) >= MAX_UNANSWERED:
            return None
        answer: Future[T] = Future()
        Thread(target=_put, args=(question, self._store, answer), daemon=True).start()
        try:
            return answer.result(patience.left_s)
        except StoreError as error:
            self._failure = str(error)
        except TimeoutError:
            self._failure = f"no answer within {patience.left_s:.2g} s"
            self._unanswered.append(answer)
            patience.left_s = 0.0
        finally:  # a clock set back gives nothing
            patience.left_s -= max(0.0, (self._clock() - now).total_seconds())
        self._failed_at = self._clock()
        return None


def _put(question: Callable[[Store], T], store: Store, answer: Future[T]) -> None:
    try:
        answer.set_result(question(store))
    except BaseException as error:  # noqa: BLE001 - raised again where the answer is awaited
        answer.set_exception(error)


def _index(snapshot: Snapshot, *, read_at: datetime | None) -> View:
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
