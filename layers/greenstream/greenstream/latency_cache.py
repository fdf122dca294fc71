"""The router's memory of measured round trips: read seldom, since a path's median moves slowly."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from greenstream.clock import Clock
from greenstream.roundtrips import MeasuredRtt
from greenstream.store import Store

TIME_TO_LIVE: Final = timedelta(minutes=5)

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
        self, ask: Callable[[Callable[[Store], Measured]], Measured | None], clock: Clock
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._by_colo: Mapping[str, Mapping[str, MeasuredRtt]] = {}
        self._read_at: datetime | None = None

    def of(self, colo: str) -> Mapping[str, MeasuredRtt]:
        """Return the round trips from a colo that may stand for their paths now, by POP."""
        now = self._clock()
        if self._read_at is None or not timedelta(0) <= now - self._read_at < TIME_TO_LIVE:
            read = self._ask(lambda store: store.latencies())
            if read is not None:
                by_colo: defaultdict[str, dict[str, MeasuredRtt]] = defaultdict(dict)
                for measured in read:
                    by_colo[measured.colo][measured.pop] = measured
                self._by_colo, self._read_at = dict(by_colo), now
        known = self._by_colo.get(colo, {})
        return {pop: measured for pop, measured in known.items() if measured.stands_at(now)}
