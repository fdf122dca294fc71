"""The port behind which readings are stored.

Every implementation is safe against repeated and reordered writes.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.roundtrips import MeasuredRtt


class PutOutcome(StrEnum):
    """The outcome of a write. None of them is an error.

    - ``stored``: the value is now the newest of its source.
    - ``revised``: the value has the newest interval, was published later than the stored one, and
      has taken its place.
    - ``duplicate``: the same interval is stored already.
    - ``late``: the value is older than the newest one. A reading goes into the history only.
    """

    STORED = "stored"
    REVISED = "revised"
    DUPLICATE = "duplicate"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Put:
    """The outcome of a write of a reading.

    Parameters
    ----------
    outcome
        The outcome.
    previous_valid_from
        The ``valid_from`` of the reading that was the newest before, or ``None`` if there was none.
    """

    outcome: PutOutcome
    previous_valid_from: datetime | None


class ProviderState(StrEnum):
    """The result of a provider's last run.

    - ``ok``: nothing failed.
    - ``partial``: some zones have readings, and something failed.
    - ``failed``: no zone has a reading, or the run broke off.
    - ``unconfigured``: nothing failed, and the provider's secret is not set, or opens made-up
      figures only. The last error then says so.
    """

    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    UNCONFIGURED = "unconfigured"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStatus:
    """The status of a provider after its last run, for operators.

    A failed run keeps ``last_success_at`` and ``newest_valid_to`` of the runs before it. A good
    run keeps the last error and its time, so that a source that fails now and then shows.

    Parameters
    ----------
    provider
        The provider's name in the zone table.
    state
        The result of the last run.
    last_run_at, last_success_at
        When the last run, and the last successful run, took place, in UTC.
    newest_valid_to
        The end of the newest interval that the provider has reported, in UTC.
    last_error, last_error_kind, last_error_at
        The text, the kind (see `greenstream.domain.errors`) and the time of the last error.
    stored
        How many readings the last run stored.
    rejected
        How many values the last run refused, by reason.
    unconfigured_zones
        The zones whose secret is not set, or whose secret does not open them.
    simulated
        Whether a simulator stands for the upstream.
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


class Board(Protocol):
    """The newest readings of one provider, and the status of its last run."""

    @property
    def provider(self) -> str:
        """The provider's name in the zone table."""
        ...

    @property
    def status(self) -> ProviderStatus | None:
        """The status, or ``None`` if no run has been recorded."""
        ...

    @property
    def simulated(self) -> bool | None:
        """Whether a simulator made any of the data, or ``None`` if there is none."""
        ...

    @property
    def hours(self) -> Collection[int]:
        """The UTC hours of day whose profile means the readings are compared with."""
        ...

    def readings_of(self, provider_zone: str) -> tuple[Reading, ...]:
        """Return the newest reading of each kind of an area, by the provider's name of the area."""
        ...

    def __iter__(self) -> Iterator[Reading]:
        """Iterate over the newest reading of each source and kind."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The newest of everything but the hour profiles, from one read of the store.

    Parameters
    ----------
    boards
        The newest readings and the status of each provider.
    policy
        The policy in force, or ``None`` if none is stored.
    damaged
        The names of the items that could not be decoded. For a damaged board the last good one
        stands in ``boards`` where there is one. A damaged item affects nothing else.
    """

    boards: tuple[Board, ...] = ()
    policy: Policy | None = None
    damaged: tuple[str, ...] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """The newest reading of each source and kind."""
        return tuple(reading for board in self.boards for reading in board)

    @property
    def providers(self) -> tuple[ProviderStatus, ...]:
        """The status of each provider that has run."""
        return tuple(board.status for board in self.boards if board.status is not None)


class Profiles(Protocol):
    """Hour profiles, of which some hours of day were read."""

    @property
    def damaged(self) -> tuple[str, ...]:
        """The names of the items that could not be decoded."""
        ...

    def of(self, zone: str) -> tuple[HourProfile, ...]:
        """Return the profile of each source and kind of a zone."""
        ...

    def __iter__(self) -> Iterator[HourProfile]:
        """Iterate over the profile of each source and kind."""
        ...


class NoProfiles:
    """The `Profiles` of no zone."""

    damaged: tuple[str, ...] = ()

    def of(self, zone: str) -> tuple[HourProfile, ...]:
        """Return no profile."""
        del zone
        return ()

    def __iter__(self) -> Iterator[HourProfile]:
        """Iterate over no profile."""
        return iter(())


class StoreError(Exception):
    """The store could not be reached, or it refused a request. The message names the operation."""


class Recording(Protocol):
    """Stores what one run of a provider brings.

    The readings are durable as soon as `put_readings` has returned. The board, which the router
    reads, is written by `publish`, once for the whole run. A run that breaks before it leaves the
    board as it was. A provider delivers its newest readings in every run, so the next run repairs
    that.
    """

    def put_readings(self, readings: Sequence[Reading]) -> tuple[Put, ...]:
        """Store readings in the history, and return what each came to.

        An interval with the same figures as on the board is in the history already, and is not
        written again.
        """
        ...

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        """Store a forecast unless one that was issued later is stored (then ``late``).

        A forecast whose points are stored since less than an hour is a ``duplicate`` and is not
        written again.
        """
        ...

    def put_profile(self, profile: HourProfile) -> None:
        """Set the hours that a profile has, at the next `publish`. Its other hours stay.

        A stored mean stays too where the new one does not replace it
        (`greenstream.domain.profile.HourMean.replaces`).
        """
        ...

    def publish(self, status: ProviderStatus | None = None) -> None:
        """Write the board with the readings and the status, and the hours of the profiles.

        Where the status has no success or no error, the stored one stays. Without a status the
        stored one stays as it is.
        """
        ...


class Store(Protocol):
    """Stores readings and what is derived from them.

    Every method, also those of a `Recording`, raises `StoreError` when the store cannot be reached.
    Every write may be repeated, delayed or reordered: nothing is lost, and nothing newer is
    replaced. One exception is known. A figure that is fetched again is not written again. Another
    figure of the same interval and publication that was fetched in between therefore stays in the
    history where its run broke off, or came late, after a newer interval. It stays until the
    provider delivers the interval again, as it does after its next cold start.
    """

    def recording(self, provider: str) -> Recording:
        """Begin to store what one run of a provider brings."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the newest of everything but the profiles, in one read.

        The store may answer with values that were replaced within the last second.
        """
        ...

    def profiles(self, hours: Collection[int]) -> Profiles:
        """Return the profiles of all sources, with the means of these UTC hours of day."""
        ...

    def history(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return the readings of a source with ``since < valid_to <= until``, oldest first.

        Each interval is returned once, in its latest version.
        """
        ...

    def versions(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return all versions of the readings of `history`, those of an interval oldest first.

        A version's ``fetched_at`` is the time when its figures were first fetched. At an instant,
        the last versions that had been fetched by then were known; a run stores what it fetches
        before it ends.
        """
        ...

    def forecasts(self, zone: str) -> tuple[Forecast, ...]:
        """Return a zone's forecasts: the newest of each source and kind."""
        ...

    def record_latency(self, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime) -> bool:
        """Add one report of round trips (ms) to what is known of a colo and POP.

        Returns
        -------
        bool
            ``False`` when other reporters wrote at the same time again and again. Only this
            report is lost then, which hardly moves a median.
        """
        ...

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        """Return the measured round trips from a colo to the POPs, or from all colos."""
        ...
