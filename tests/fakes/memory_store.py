"""The store in memory: the same rules as on the table, for tests that are not about the table."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from greenstream.aws.current_items import MAX_ERROR_CHARS
from greenstream.aws.reading_items import MAX_EARLIER
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.roundtrips import MeasuredRtt, add_report
from greenstream.ports.store import ProviderStatus, Put, PutOutcome, Snapshot, StoreError

SourceKey = tuple[str, str, Kind]


class MemoryStore:
    """A `greenstream.ports.store.Store`; `unreachable` makes every call raise `StoreError`."""

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        damaged: tuple[str, ...] = (),
        unreachable: bool = False,
    ) -> None:
        self.policy = policy
        self.damaged = damaged
        self.unreachable = unreachable
        self._current: dict[SourceKey, Reading] = {}
        self._history: dict[SourceKey, dict[datetime, Reading]] = {}
        self._versions: dict[SourceKey, dict[datetime, list[Reading]]] = {}
        self._forecasts: dict[SourceKey, Forecast] = {}
        self._profiles: dict[tuple[str, str, Kind], HourProfile] = {}
        self._statuses: dict[str, ProviderStatus] = {}
        self._latencies: dict[tuple[str, str], MeasuredRtt] = {}

    def put_reading(self, reading: Reading) -> Put:
        self._reach("put_reading")
        key = (reading.zone, reading.provider, reading.kind)
        history = self._history.setdefault(key, {})
        kept = history.get(reading.valid_to)
        if kept is None or _order_of(kept) < _order_of(reading):
            history[reading.valid_to] = reading
            versions = self._versions.setdefault(key, {}).setdefault(reading.valid_to, [])
            if not versions or not _same_figures(versions[-1], reading):
                versions.append(reading)
                del versions[: -1 - MAX_EARLIER]
        there = self._current.get(key)
        newer = there is None or (there.valid_to, *_order_of(there)) < (
            reading.valid_to,
            *_order_of(reading),
        )
        if newer:
            self._current[key] = replace(reading, detail={})
        if there is None:
            return Put(PutOutcome.STORED, None)
        if there.valid_to != reading.valid_to:
            outcome = PutOutcome.STORED if newer else PutOutcome.LATE
        elif newer and (
            there.published_at != reading.published_at or not _same_figures(there, reading)
        ):
            outcome = PutOutcome.REVISED
        else:
            outcome = PutOutcome.DUPLICATE
        return Put(outcome, there.valid_from)

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        self._reach("put_forecast")
        key = (forecast.zone, forecast.provider, forecast.kind)
        there = self._forecasts.get(key)
        if there is None or there.issued_at < forecast.issued_at:
            self._forecasts[key] = forecast
            return PutOutcome.STORED
        same = there.issued_at == forecast.issued_at
        return PutOutcome.DUPLICATE if same else PutOutcome.LATE

    def put_profile_hours(self, profile: HourProfile) -> None:
        self._reach("put_profile_hours")
        key = (profile.zone, profile.provider, profile.kind)
        there = self._profiles.get(key, replace(profile, hours={}))
        newer = {
            hour: mean
            for hour, mean in profile.hours.items()
            if hour not in there.hours or there.hours[hour].computed_at < mean.computed_at
        }
        if newer:
            self._profiles[key] = replace(
                profile,
                hours={**there.hours, **newer},
                simulated=profile.simulated or there.simulated,
            )

    def put_status(self, status: ProviderStatus) -> None:
        self._reach("put_status")
        if status.last_error is not None:
            status = replace(status, last_error=status.last_error[:MAX_ERROR_CHARS])
        there = self._statuses.get(status.provider)
        if there is None:
            self._statuses[status.provider] = status
            return
        merged = status if there.last_run_at < status.last_run_at else there
        success = max((there, status), key=lambda one: (_order(one.last_success_at), one is there))
        error = max((there, status), key=lambda one: (_order(one.last_error_at), one is there))
        self._statuses[status.provider] = replace(
            merged,
            last_success_at=success.last_success_at,
            newest_valid_to=success.newest_valid_to,
            last_error=error.last_error,
            last_error_kind=error.last_error_kind,
            last_error_at=error.last_error_at,
        )

    def snapshot(self) -> Snapshot:
        self._reach("snapshot")
        return Snapshot(
            readings=tuple(self._current.values()),
            profiles=tuple(self._profiles.values()),
            providers=tuple(self._statuses.values()),
            policy=self.policy,
            damaged=self.damaged,
        )

    def history(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        self._reach("history")
        kept = self._history.get((zone, provider, kind), {})
        return tuple(kept[valid_to] for valid_to in sorted(kept) if since < valid_to <= until)

    def versions(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        self._reach("versions")
        kept = self._versions.get((zone, provider, kind), {})
        return tuple(
            version
            for valid_to in sorted(kept)
            if since < valid_to <= until
            for version in kept[valid_to]
        )

    def forecasts(self, zone: str) -> tuple[Forecast, ...]:
        self._reach("forecasts")
        return tuple(one for key, one in self._forecasts.items() if key[0] == zone)

    def record_latency(self, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime) -> bool:
        self._reach("record_latency")
        known = self._latencies.get((colo, pop))
        self._latencies[colo, pop] = add_report(known, colo, pop, rtts_ms, at)
        return True

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        self._reach("latencies")
        return tuple(one for one in self._latencies.values() if colo in (None, one.colo))

    def _reach(self, operation: str) -> None:
        if self.unreachable:
            raise StoreError(f"memory {operation} failed: unreachable")


def _order_of(reading: Reading) -> tuple[datetime, datetime]:
    return reading.published_at or reading.fetched_at, reading.fetched_at


def _same_figures(one: Reading, other: Reading) -> bool:
    like_other = replace(one, fetched_at=other.fetched_at, published_at=other.published_at)
    return replace(like_other, detail={}) == replace(other, detail={})


def _order(moment: datetime | None) -> float:
    return moment.timestamp() if moment else float("-inf")
