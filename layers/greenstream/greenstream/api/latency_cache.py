"""The router's cache of measured round trips.

They are read seldom, since the median of a path changes slowly, and for one colo at a time. All
colos have megabytes of round trips, and reading them would exceed a request's deadline.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from greenstream.api.snapshot_cache import RequestDeadline
from greenstream.domain.clock import Clock
from greenstream.domain.roundtrips import MeasuredRtt
from greenstream.ports.store import Store

TIME_TO_LIVE: Final = timedelta(minutes=5)
"""How long the round trips of a colo are used before they are read again."""

MAX_COLOS: Final = 512
"""How many colos are cached: more than the table of colos has (339)."""

Measured = tuple[MeasuredRtt, ...]


class LatencyCache:
    """Caches measured round trips by colo. When the store fails, the cached ones stay in use.

    Parameters
    ----------
    ask
        Asks the store and returns ``None`` when it fails: `SnapshotCache.ask`.
    clock
        Returns the present, in UTC.
    """

    def __init__(
        self,
        ask: Callable[[Callable[[Store], Measured], RequestDeadline], Measured | None],
        clock: Clock,
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._by_colo: dict[str, tuple[datetime, Measured]] = {}

    def of(self, colo: str, deadline: RequestDeadline) -> Mapping[str, MeasuredRtt]:
        """Return the trusted round trips from a colo, by POP.

        Parameters
        ----------
        colo
            The colo's three capital letters.
        deadline
            The deadline of the request, from which the time for the store is taken.
        """
        now = self._clock()
        read_at, known = self._by_colo.get(colo, (None, ()))
        if read_at is None or not timedelta(0) <= now - read_at < TIME_TO_LIVE:
            read = self._ask(lambda store: store.latencies(colo), deadline)
            if read is not None:
                known = read
                self._by_colo.pop(colo, None)
                self._by_colo[colo] = now, known  # The last one read becomes the last entry.
                if len(self._by_colo) > MAX_COLOS:
                    del self._by_colo[next(iter(self._by_colo))]
        return {measured.pop: measured for measured in known if measured.is_trusted_at(now)}
