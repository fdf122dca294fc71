"""The router's memory of measured round trips: read seldom, since a path's median moves slowly.

Colo by colo: those of the whole edge are megabytes, which take longer than a question may.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from greenstream.api.snapshot_cache import Patience
from greenstream.domain.clock import Clock
from greenstream.domain.roundtrips import MeasuredRtt
from greenstream.ports.store import Store

TIME_TO_LIVE: Final = timedelta(minutes=5)

COLOS_KEPT: Final = 512
"""More than the edge has (330), since any three letters may be asked for."""

Measured = tuple[MeasuredRtt, ...]


class LatencyCache:
    """Measured round trips by colo; what cannot be read is what was read before.

    Parameters
    ----------
    ask
        Puts a question to the store, ``None`` when it fails: `SnapshotCache.ask`.
    clock
        Tells the present.
    """

    def __init__(
        self, ask: Callable[[Callable[[Store], Measured], Patience], Measured | None], clock: Clock
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._by_colo: dict[str, tuple[datetime, Measured]] = {}

    def of(self, colo: str, patience: Patience) -> Mapping[str, MeasuredRtt]:
        """Return the round trips from a colo that may stand for their paths now, by POP."""
        now = self._clock()
        read_at, known = self._by_colo.get(colo, (None, ()))
        if read_at is None or not timedelta(0) <= now - read_at < TIME_TO_LIVE:
            read = self._ask(lambda store: store.latencies(colo), patience)
            if read is not None:
                known = read
                self._by_colo.pop(colo, None)  # the oldest come first
                self._by_colo[colo] = now, known
                if len(self._by_colo) > COLOS_KEPT:
                    del self._by_colo[next(iter(self._by_colo))]
        return {one.pop: one for one in known if one.stands_at(now)}
