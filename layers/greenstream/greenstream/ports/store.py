"""The port behind which readings are kept. Order-safe and idempotent whatever stands there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.roundtrips import MeasuredRtt


class PutOutcome(StrEnum):
    """What a write came to; none of them is an error.

    ``stored``: now the newest. ``revised``: same interval, published later, now current.
    ``duplicate``: the very interval is there already. ``late``: older than the newest; kept
    in the history only.
    """

    STORED = "stored"
    REVISED = "revised"
    DUPLICATE = "duplicate"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Put:
    """Outcome of a write, and the ``valid_from`` of what was current before, if anything."""

    outcome: PutOutcome
    previous_valid_from: datetime | None


class ProviderState(StrEnum):
    """How a provider's last run went."""

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    UNCONFIGURED = "unconfigured"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStatus:
    """What a provider's last run left behind, for operators.

    ``last_success_at`` and ``newest_valid_to`` survive a failed run; ``last_error`` survives a
    good one, with its time, so that a flapping source shows.
    """

    provider: str
    state: ProviderState
    last_run_at: datetime
    last_success_at: datetime | None = None
    newest_valid_to: datetime | None = None
    last_error: str | None = None
    last_error_kind: str | None = None
    last_error_at: datetime | None = None
    stored: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    unconfigured_zones: tuple[str, ...] = ()
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything the router needs, from one read.

    ``damaged`` names items that could not be understood: each hurts only itself.
    """

    readings: tuple[Reading, ...] = ()
    profiles: tuple[HourProfile, ...] = ()
    providers: tuple[ProviderStatus, ...] = ()
    policy: Policy | None = None
    damaged: tuple[str, ...] = ()


class StoreError(Exception):
    """The store could not be reached or refused; the message names the operation."""


class Store(Protocol):
    """Where readings live.

    Every method raises `StoreError` when the store cannot be reached; every write may be
    repeated, delayed or reordered without losing or rolling back anything.
    """

    def put_reading(self, reading: Reading) -> Put:
        """Keep a reading in the history, and as the newest of its source if it is."""
        ...

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        """Keep a forecast unless one issued later is there (then ``late``)."""
        ...

    def put_profile_hours(self, profile: HourProfile) -> None:
        """Set the hours that the profile holds, leaving the zone's other hours as they are."""
        ...

    def put_status(self, status: ProviderStatus) -> None:
        """Record a run; missing last-success and last-error fields keep what was there."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the newest of everything, in one read, perhaps a second old."""
        ...

    def history(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return the readings with ``since < valid_to <= until``, oldest first, once each."""
        ...

    def versions(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return what the readings of `history` said over time, each interval oldest first.

        ``fetched_at`` is when a version's figures first came. What was known at an instant are
        the last versions fetched by then; a run stores what it fetched at most its time later.
        """
        ...

    def forecasts(self, zone: str) -> tuple[Forecast, ...]:
        """Return the zone's forecasts, the newest of each source and kind."""
        ...

    def record_latency(self, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime) -> bool:
        """Add one report of round trips (ms) to what is known of a colo and POP.

        ``False`` when other reporters wrote at the same time again and again: the report is
        lost, which a median can bear, and nothing else is.
        """
        ...

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        """Return what is known of a colo's POPs, or of every colo and POP."""
        ...
