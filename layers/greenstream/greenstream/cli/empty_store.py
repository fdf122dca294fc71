"""A store with nothing in it: with it a router answers by the tables of this package alone."""

from collections.abc import Collection, Sequence
from datetime import datetime

from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.roundtrips import MeasuredRtt
from greenstream.ports.store import NoProfiles, Profiles, Recording, Snapshot, StoreError


class EmptyStore:
    """A `greenstream.ports.store.Store` that has nothing and takes nothing."""

    def recording(self, provider: str) -> Recording:
        """Refuse to store.

        Raises
        ------
        StoreError
            Always.
        """
        raise StoreError(f"nothing can be stored here, and so nothing of {provider}")

    def snapshot(self) -> Snapshot:
        """Return an empty snapshot."""
        return Snapshot()

    def profiles(self, hours: Collection[int]) -> Profiles:
        """Return no profile."""
        del hours
        return NoProfiles()

    def history(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return no reading."""
        del zone, provider, kind, since, until
        return ()

    versions = history

    def forecasts(self, zone: str) -> tuple[Forecast, ...]:
        """Return no forecast."""
        del zone
        return ()

    def record_latency(self, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime) -> bool:
        """Store nothing, and say so."""
        del colo, pop, rtts_ms, at
        return False

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        """Return no round trip."""
        del colo
        return ()
