"""The store in memory, which follows the same rules as the store on the table.

`tests/store_contract.py` holds both to these rules. The store forgets everything when the process
ends.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from greenstream.aws.current_items import MAX_ERROR_CHARS
from greenstream.aws.reading_items import MAX_EARLIER
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.roundtrips import MeasuredRtt, add_report
from greenstream.ports.store import ProviderStatus, Put, PutOutcome, Snapshot

SourceKey = tuple[str, str, Kind]


class MemoryStore:
    """A `greenstream.ports.store.Store` in the memory of this process.

    Parameters
    ----------
    policy
        The policy that is in force, or ``None`` if none is stored.
    """

    def __init__(self, *, policy: Policy | None = None) -> None:
        self.policy = policy
        self._current: dict[SourceKey, Reading] = {}
        self._history: dict[SourceKey, dict[datetime, Reading]] = {}
        self._versions: dict[SourceKey, dict[datetime, list[Reading]]] = {}
        self._forecasts: dict[SourceKey, Forecast] = {}
        self._profiles: dict[tuple[str, str, Kind], HourProfile] = {}
        self._statuses: dict[str, ProviderStatus] = {}
        self._latencies: dict[tuple[str, str], MeasuredRtt] = {}

    def put_reading(self, reading: Reading) -> Put:
        """Store a reading in the history, and as the newest of its source if it is the newest."""
        self._begin("put_reading")
        key = (reading.zone, reading.provider, reading.kind)
        history = self._history.setdefault(key, {})
        stored = history.get(reading.valid_to)
        if stored is None or _order_of(stored) < _order_of(reading):
            history[reading.valid_to] = reading
            versions = self._versions.setdefault(key, {}).setdefault(reading.valid_to, [])
            if not versions or not _same_figures(versions[-1], reading):
                versions.append(reading)
                del versions[: -1 - MAX_EARLIER]
        newest = self._current.get(key)
        newer = newest is None or (newest.valid_to, *_order_of(newest)) < (
            reading.valid_to,
            *_order_of(reading),
        )
        if newer:
            self._current[key] = replace(reading, detail={})
        if newest is None:
            return Put(PutOutcome.STORED, None)
        if newest.valid_to != reading.valid_to:
            outcome = PutOutcome.STORED if newer else PutOutcome.LATE
        elif newer and (
            newest.published_at != reading.published_at or not _same_figures(newest, reading)
        ):
            outcome = PutOutcome.REVISED
        else:
            outcome = PutOutcome.DUPLICATE
        return Put(outcome, newest.valid_from)

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        """Store a forecast unless one that was issued later is stored."""
        self._begin("put_forecast")
        key = (forecast.zone, forecast.provider, forecast.kind)
        stored = self._forecasts.get(key)
        if stored is None or stored.issued_at < forecast.issued_at:
            self._forecasts[key] = forecast
            return PutOutcome.STORED
        same = stored.issued_at == forecast.issued_at
        return PutOutcome.DUPLICATE if same else PutOutcome.LATE

    def put_profile_hours(self, profile: HourProfile) -> None:
        """Set the hours that a profile has; the stored profile's other hours stay unchanged."""
        self._begin("put_profile_hours")
        key = (profile.zone, profile.provider, profile.kind)
        stored = self._profiles.get(key, replace(profile, hours={}))
        newer = {
            hour: mean
            for hour, mean in profile.hours.items()
            if hour not in stored.hours or stored.hours[hour].computed_at < mean.computed_at
        }
        if newer:
            self._profiles[key] = replace(
                profile,
                hours={**stored.hours, **newer},
                simulated=profile.simulated or stored.simulated,
            )

    def put_status(self, status: ProviderStatus) -> None:
        """Record a run. Where it has no success or no error, the stored one stays."""
        self._begin("put_status")
        if status.last_error is not None:
            status = replace(status, last_error=status.last_error[:MAX_ERROR_CHARS])
        stored = self._statuses.get(status.provider)
        if stored is None:
            self._statuses[status.provider] = status
            return
        merged = status if stored.last_run_at < status.last_run_at else stored
        success = max(
            (stored, status), key=lambda run: (_order(run.last_success_at), run is stored)
        )
        error = max((stored, status), key=lambda run: (_order(run.last_error_at), run is stored))
        self._statuses[status.provider] = replace(
            merged,
            last_success_at=success.last_success_at,
            newest_valid_to=success.newest_valid_to,
            last_error=error.last_error,
            last_error_kind=error.last_error_kind,
            last_error_at=error.last_error_at,
        )

    def snapshot(self) -> Snapshot:
        """Return the newest of everything."""
        self._begin("snapshot")
        return Snapshot(
            readings=tuple(self._current.values()),
            profiles=tuple(self._profiles.values()),
            providers=tuple(self._statuses.values()),
            policy=self.policy,
        )

    def history(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return the readings of a source with ``since < valid_to <= until``, oldest first."""
        self._begin("history")
        readings = self._history.get((zone, provider, kind), {})
        return tuple(
            readings[valid_to] for valid_to in sorted(readings) if since < valid_to <= until
        )

    def versions(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return all versions of the readings of `history`, those of an interval oldest first."""
        self._begin("versions")
        versions = self._versions.get((zone, provider, kind), {})
        return tuple(
            version
            for valid_to in sorted(versions)
            if since < valid_to <= until
            for version in versions[valid_to]
        )

    def forecasts(self, zone: str) -> tuple[Forecast, ...]:
        """Return a zone's forecasts: the newest of each source and kind."""
        self._begin("forecasts")
        return tuple(forecast for key, forecast in self._forecasts.items() if key[0] == zone)

    def record_latency(self, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime) -> bool:
        """Add one report of round trips (ms) to what is known of a colo and POP."""
        self._begin("record_latency")
        known = self._latencies.get((colo, pop))
        self._latencies[colo, pop] = add_report(known, colo, pop, rtts_ms, at)
        return True

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        """Return the measured round trips from a colo to the POPs, or from all colos."""
        self._begin("latencies")
        return tuple(rtt for rtt in self._latencies.values() if colo in (None, rtt.colo))

    def _begin(self, operation: str) -> None:
        """Do nothing, since memory cannot be out of reach. A store that is may raise here."""


def _order_of(reading: Reading) -> tuple[datetime, datetime]:
    return reading.published_at or reading.fetched_at, reading.fetched_at


def _same_figures(reading: Reading, other: Reading) -> bool:
    like_other = replace(reading, fetched_at=other.fetched_at, published_at=other.published_at)
    return replace(like_other, detail={}) == replace(other, detail={})


def _order(moment: datetime | None) -> float:
    return moment.timestamp() if moment else float("-inf")
