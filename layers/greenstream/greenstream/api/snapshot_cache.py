"""The router's cache of the store: one read serves a few seconds, and longer if the store fails.

Readings are cached with their own times. Ages are computed when a request is answered, so that a
cached value never looks younger than it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from greenstream.api.store_reader import StoreReader
from greenstream.api.view import View
from greenstream.domain.clock import Clock
from greenstream.domain.drift import between_hours
from greenstream.domain.profile import HOURS_A_DAY, HourProfile
from greenstream.ports.store import Profiles, Snapshot, Store, StoreError

if TYPE_CHECKING:
    from concurrent.futures import Future

T = TypeVar("T")

TIME_TO_LIVE: Final = timedelta(seconds=5)
"""How long one read of the store is used. A process makes at most one Query in this time."""

PROFILES_TIME_TO_LIVE: Final = timedelta(minutes=5)
"""How long one read of the profiles is used. The mean of an hour changes twice a day."""

DEADLINE_S: Final = 0.6
"""How long all reads of one request may wait for the store, in seconds.

The Worker waits 0.8 s for the answer. The client's own limits do not suffice: they apply to a
connection and to each piece of an answer, and an answer may consist of any number of pieces.
"""

FIRST_DEADLINE_S: Final = 1.0
"""How long the read before the first request may wait for the store, in seconds.

Lambda gives the start of a function ten seconds, with more of a processor than a request has.
"""

MAX_UNANSWERED: Final = 8
"""How many reads may wait for the store, each in its own thread, before no more are started."""

RETRY_AFTER: Final = timedelta(seconds=1)
"""How long the store is not asked again after it has failed."""


@dataclass(slots=True)
class RequestDeadline:
    """The deadline of one request for all its reads of the store.

    Parameters
    ----------
    left_s
        How long the request may still wait for the store, in seconds. Each read reduces it.
    """

    left_s: float = DEADLINE_S


@dataclass(frozen=True, slots=True)
class _ReadProfiles:
    """The hours of profiles that were read, and when."""

    profiles: Profiles
    hours: frozenset[int]
    read_at: datetime

    def serves(self, hours: frozenset[int], now: datetime) -> bool:
        """Return whether these profiles have the hours and are recent enough."""
        age = now - self.read_at
        return hours <= self.hours and timedelta(0) <= age < PROFILES_TIME_TO_LIVE


class SnapshotCache:
    """Caches the store's snapshot, and answers from the cache when the store fails.

    Parameters
    ----------
    store
        The store. It is asked for the snapshot at most once in `TIME_TO_LIVE`, and for nothing
        within `RETRY_AFTER` of a failure. A read may outlive the request; the next one then has
        another thread.
    clock
        Returns the present, in UTC.
    """

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._idle: list[StoreReader] = []
        self._unanswered: list[Future[Any]] = []
        self._view = View()
        self._profiles: _ReadProfiles | None = None
        self._day_profiles: _ReadProfiles | None = None
        self._failed_at: datetime | None = None
        self._failure = ""

    @property
    def remembered(self) -> View:
        """The last view that was returned. The store is not asked."""
        return self._view

    def view(self, deadline: RequestDeadline) -> View:
        """Return the newest view that is available.

        It is a fresh one, else the last one, else an empty one. A view that is not fresh says why
        in its ``fault``.

        Parameters
        ----------
        deadline
            The deadline of the request, from which the time for the store is taken.
        """
        now = self._clock()
        read_at = self._view.read_at
        if read_at is not None and timedelta(0) <= now - read_at < TIME_TO_LIVE:
            return self._view
        snapshot = self.ask(lambda store: store.snapshot(), deadline)
        if snapshot is not None:
            fault = self._read_profiles(snapshot, now, deadline)
            profiles = None if self._profiles is None else self._profiles.profiles
            self._view = self._view.renewed(snapshot, profiles, read_at=now, fault=fault)
            return self._view
        what = (
            "nothing is remembered"
            if read_at is None
            else f"answered from memory of {(now - read_at).total_seconds():.0f} s ago"
        )
        return replace(self._view, fault=f"the store failed ({self._failure}); {what}")

    def prepare(self) -> None:
        """Read the first view within `FIRST_DEADLINE_S`, before there is a request.

        A failure is not remembered, so that the first request asks the store again.
        """
        self.view(RequestDeadline(FIRST_DEADLINE_S))
        self._failed_at = None

    def _read_profiles(
        self, snapshot: Snapshot, now: datetime, deadline: RequestDeadline
    ) -> str | None:
        """Read the hours that a snapshot and the present need, where that is due.

        Returns
        -------
        str or None
            Why they could not be read, and ``None`` otherwise.
        """
        hours = {hour for board in snapshot.boards for hour in board.hours}
        needed = frozenset(hours.union(between_hours(now)[:2]))
        if self._profiles is not None and self._profiles.serves(needed, now):
            return None
        profiles = self.ask(lambda store: store.profiles(needed), deadline)
        if profiles is None:
            why = self._failure or "no time was left"
            return f"the hour profiles are not those of now ({why})"
        self._profiles = _ReadProfiles(profiles, needed, now)
        return None

    def day_profiles_of(
        self, zone: str, deadline: RequestDeadline
    ) -> tuple[HourProfile, ...] | None:
        """Return a zone's profiles with all hours of day; ``None`` when they cannot be read.

        One read of all zones serves for `PROFILES_TIME_TO_LIVE`.

        Parameters
        ----------
        zone
            The zone's name.
        deadline
            The deadline of the request, from which the time for the store is taken.
        """
        now, hours = self._clock(), frozenset(range(HOURS_A_DAY))
        known = self._day_profiles
        if known is None or not known.serves(hours, now):
            profiles = self.ask(lambda store: store.profiles(hours), deadline)
            if profiles is None:
                return None
            known = self._day_profiles = _ReadProfiles(profiles, hours, now)
        return known.profiles.of(zone)

    def ask(self, question: Callable[[Store], T], deadline: RequestDeadline) -> T | None:
        """Read from the store in a thread that does nothing else meanwhile.

        Parameters
        ----------
        question
            What to ask the store.
        deadline
            The deadline of the request, from which the time for the store is taken.

        Returns
        -------
        T or None
            The answer, or ``None`` when the store failed or did not answer in time. The store is
            not asked, and the result is ``None`` too, when the deadline has passed, when the store
            has just failed, or when `MAX_UNANSWERED` reads are waiting.
        """
        if deadline.left_s <= 0:
            return None
        now = self._clock()
        if self._failed_at is not None and timedelta(0) <= now - self._failed_at < RETRY_AFTER:
            return None
        self._unanswered = [read for read in self._unanswered if not read.done()]
        if len(self._unanswered) >= MAX_UNANSWERED:
            return None
        reader = self._idle.pop() if self._idle else StoreReader(self._store)
        answer = reader.ask(question)
        try:
            return answer.result(deadline.left_s)
        except StoreError as error:
            self._failure = str(error)
        except TimeoutError:
            self._failure = f"no answer within {deadline.left_s:.2g} s"
            self._unanswered.append(answer)
            deadline.left_s = 0.0
        finally:
            if answer.done():
                self._idle.append(reader)
            # A clock that was set back must not add time.
            deadline.left_s -= max(0.0, (self._clock() - now).total_seconds())
        self._failed_at = self._clock()
        return None
