"""The store in memory, which follows the same rules as the store on the table.

`tests/store_contract.py` holds both to these rules. The store forgets everything when the process
ends.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

from greenstream.aws.board_items import MAX_ERROR_CHARS
from greenstream.aws.dynamo_forecasts import NOTED_S
from greenstream.aws.reading_items import MAX_EARLIER
from greenstream.domain.drift import between_hours
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

    def recording(self, provider: str) -> "MemoryRecording":
        """Begin to store what one run of a provider brings."""
        del provider  # a reading and a status name theirs
        return MemoryRecording(self)

    def put_history(self, reading: Reading) -> None:
        """Store a reading in the history."""
        self._begin("put_readings")
        key = _key_of(reading)
        history = self._history.setdefault(key, {})
        stored = history.get(reading.valid_to)
        if stored is None or _order_of(stored) < _order_of(reading):
            history[reading.valid_to] = reading
            versions = self._versions.setdefault(key, {}).setdefault(reading.valid_to, [])
            if not versions or not _same_figures(versions[-1], reading):
                versions.append(reading)
                del versions[: -1 - MAX_EARLIER]

    def current(self, key: SourceKey) -> Reading | None:
        """Return the newest published reading of a source and kind, if there is one."""
        self._begin("put_readings")
        return self._current.get(key)

    def publish(
        self,
        readings: Iterable[Reading],
        profiles: Iterable[HourProfile],
        status: ProviderStatus | None,
    ) -> None:
        """Publish what a run has brought, where it is newer than what is known."""
        self._begin("publish")
        for reading in readings:
            known = self._current.get(_key_of(reading))
            if _is_newer(reading, known):
                self._current[_key_of(reading)] = replace(reading, detail={})
        if status is not None:
            self._put_status(status)
        for profile in profiles:
            self._put_profile(profile)

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        """Store a forecast unless one that was issued later is stored."""
        self._begin("put_forecast")
        key = (forecast.zone, forecast.provider, forecast.kind)
        stored = self._forecasts.get(key)
        if stored is None or stored.issued_at < forecast.issued_at:
            if stored is not None and _is_repeated(forecast, stored):
                return PutOutcome.DUPLICATE
            self._forecasts[key] = forecast
            return PutOutcome.STORED
        same = stored.issued_at == forecast.issued_at
        return PutOutcome.DUPLICATE if same else PutOutcome.LATE

    def _put_profile(self, profile: HourProfile) -> None:
        key = (profile.zone, profile.provider, profile.kind)
        stored = self._profiles.get(key, replace(profile, hours={}))
        newer = {
            hour: mean
            for hour, mean in profile.hours.items()
            if hour not in stored.hours or mean.replaces(stored.hours[hour])
        }
        if newer:
            self._profiles[key] = replace(
                profile,
                hours={**stored.hours, **newer},
                simulated=profile.simulated or stored.simulated,
            )

    def _put_status(self, status: ProviderStatus) -> None:
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
        """Return the newest of everything but the profiles."""
        self._begin("snapshot")
        by_provider: dict[str, list[Reading]] = {provider: [] for provider in self._statuses}
        for reading in self._current.values():
            by_provider.setdefault(reading.provider, []).append(reading)
        boards = [
            MemoryBoard(provider, tuple(readings), self._statuses.get(provider))
            for provider, readings in by_provider.items()
        ]
        return Snapshot(boards=tuple(boards), policy=self.policy)

    def profiles(self, hours: Collection[int]) -> "MemoryProfiles":
        """Return the profiles of all sources, with the means of these UTC hours of day."""
        self._begin("profiles")
        parts = (
            replace(
                profile,
                hours={hour: mean for hour, mean in profile.hours.items() if hour in hours},
                day_spread_gco2_kwh=profile.spread_gco2_kwh(),
            )
            for profile in self._profiles.values()
        )
        return MemoryProfiles(tuple(part for part in parts if part.hours))

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


class MemoryRecording:
    """A `greenstream.ports.store.Recording` into the memory of this process.

    Parameters
    ----------
    store
        The store.
    """

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._newest: dict[SourceKey, Reading] = {}
        self._profiles: list[HourProfile] = []

    def put_readings(self, readings: Sequence[Reading]) -> tuple[Put, ...]:
        """Store readings in the history, and return what each came to."""
        return tuple([self.put(reading) for reading in readings])

    def put(self, reading: Reading) -> Put:
        """Store one reading in the history unless the board has it, and return the outcome."""
        key = _key_of(reading)
        newest = self._newest.get(key) or self._store.current(key)
        newer = _is_newer(reading, newest)
        if newest is None or newest.valid_to != reading.valid_to:
            outcome = PutOutcome.STORED if newer else PutOutcome.LATE
        elif newer and (
            newest.published_at != reading.published_at or not _same_figures(newest, reading)
        ):
            outcome = PutOutcome.REVISED
        else:
            outcome = PutOutcome.DUPLICATE
        if outcome is not PutOutcome.DUPLICATE:
            self._store.put_history(reading)
        if newer:
            self._newest[key] = reading
        return Put(outcome, None if newest is None else newest.valid_from)

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        """Store a forecast unless one that was issued later is stored."""
        return self._store.put_forecast(forecast)

    def put_profile(self, profile: HourProfile) -> None:
        """Set the hours that a profile has, at the next `publish`."""
        self._profiles.append(profile)

    def publish(self, status: ProviderStatus | None = None) -> None:
        """Make the newest readings, the hours of the profiles and the status known."""
        self._store.publish(self._newest.values(), self._profiles, status)
        self._newest, self._profiles = {}, []


@dataclass(frozen=True)
class MemoryBoard:
    """A `greenstream.ports.store.Board`: the newest readings and the status of a provider."""

    provider: str
    newest: tuple[Reading, ...] = ()
    status: ProviderStatus | None = None

    @cached_property
    def simulated(self) -> bool | None:
        """Whether a simulator made any of the data, or ``None`` if there is none."""
        known = {reading.simulated for reading in self.newest}
        if self.status is not None:
            known.add(self.status.simulated)
        return any(known) if known else None

    @property
    def hours(self) -> Collection[int]:
        """The UTC hours of day whose profile means the readings are compared with."""
        middles = (
            reading.valid_from + (reading.valid_to - reading.valid_from) / 2
            for reading in self.newest
        )
        return {hour for middle in middles for hour in between_hours(middle)[:2]}

    def readings_of(self, provider_zone: str) -> tuple[Reading, ...]:
        """Return the newest reading of each kind of an area."""
        return tuple(reading for reading in self.newest if reading.provider_zone == provider_zone)

    def __iter__(self) -> Iterator[Reading]:
        """Iterate over the newest readings."""
        return iter(self.newest)


@dataclass(frozen=True)
class MemoryProfiles:
    """The `greenstream.ports.store.Profiles` of some hours."""

    profiles: tuple[HourProfile, ...] = ()
    damaged: tuple[str, ...] = ()

    def of(self, zone: str) -> tuple[HourProfile, ...]:
        """Return the profile of each source and kind of a zone."""
        return tuple(profile for profile in self.profiles if profile.zone == zone)

    def __iter__(self) -> Iterator[HourProfile]:
        """Iterate over all profiles."""
        return iter(self.profiles)


def _key_of(reading: Reading) -> SourceKey:
    return reading.zone, reading.provider, reading.kind


def _is_newer(reading: Reading, known: Reading | None) -> bool:
    return known is None or (known.valid_to, *_order_of(known)) < (
        reading.valid_to,
        *_order_of(reading),
    )


def _order_of(reading: Reading) -> tuple[datetime, datetime]:
    return reading.published_at or reading.fetched_at, reading.fetched_at


def _is_repeated(forecast: Forecast, stored: Forecast) -> bool:
    """Return whether a forecast has the points of one that was stored less than an hour ago."""
    age_s = (forecast.issued_at - stored.issued_at).total_seconds()
    return age_s < NOTED_S and replace(forecast, issued_at=stored.issued_at) == stored


def _same_figures(reading: Reading, other: Reading) -> bool:
    like_other = replace(reading, fetched_at=other.fetched_at, published_at=other.published_at)
    return replace(like_other, detail={}) == replace(other, detail={})


def _order(moment: datetime | None) -> float:
    return moment.timestamp() if moment else float("-inf")
