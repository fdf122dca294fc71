"""The pipeline that every provider runs: it fetches, stores, and records how the run went."""

from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final

from greenstream.domain.clock import Clock
from greenstream.domain.errors import GreenStreamError, InvalidError, UnfitKeyError
from greenstream.domain.freshness import age_s
from greenstream.domain.profile import PROFILE_LIFE, HourProfile, hour_mean, profile_of
from greenstream.domain.reading import Reading
from greenstream.ports.provider import Batch, Provider
from greenstream.ports.store import (
    ProviderState,
    ProviderStatus,
    PutOutcome,
    Recording,
    Store,
    StoreError,
)
from greenstream.ports.telemetry import Telemetry

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(slots=True)
class Run:
    """What one run of a provider has done so far.

    Parameters
    ----------
    provider
        The provider's name.
    started_at
        When the run began, in aware UTC.
    simulated
        Whether a simulator stands for the upstream.
    broken
        Whether an unexpected exception has ended the run.
    outcomes
        Counts of writes, by what they came to.
    rejected
        Counts of refused values, by reason.
    errors
        What has failed, refused values included.
    unconfigured, skipped
        Names of zones, as in `Batch`.
    zones
        The newest end of a reading, by the zone's name.
    """

    provider: str
    started_at: datetime
    simulated: bool
    broken: bool = False
    outcomes: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    errors: list[GreenStreamError] = field(default_factory=list)
    unconfigured: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    zones: dict[str, datetime] = field(default_factory=dict)

    @property
    def state(self) -> ProviderState:
        """How the run went as a whole."""
        if self.broken:
            return ProviderState.FAILED
        if self.zones:
            return ProviderState.PARTIAL if self.errors else ProviderState.OK
        if self.skipped and not self.errors:
            return ProviderState.OK
        failures = [error for error in self.errors if not isinstance(error, UnfitKeyError)]
        if failures or not self.unconfigured:
            return ProviderState.FAILED
        return ProviderState.UNCONFIGURED

    @property
    def succeeded(self) -> bool:
        """Whether the run brought what there was to bring, at least in part."""
        return self.state in (ProviderState.OK, ProviderState.PARTIAL)

    def as_dict(self) -> dict[str, Any]:
        """Return the run as the handler returns and logs it."""
        return {
            "provider": self.provider,
            "state": str(self.state),
            "started_at": self.started_at.isoformat(),
            "zones": sorted(self.zones),
            "newest_valid_to": max(self.zones.values()).isoformat() if self.zones else None,
            "outcomes": dict(self.outcomes),
            "rejected": dict(self.rejected),
            "errors": [str(error) for error in self.errors],
            "unconfigured": sorted(self.unconfigured),
            "skipped": sorted(self.skipped),
            "simulated": self.simulated,
        }


class CollectionFailedError(Exception):
    """A whole run brought nothing. This makes Lambda repeat the run and count an error."""


def collect(provider: Provider, store: Store, *, clock: Clock, telemetry: Telemetry) -> Run:
    """Run a provider once, store its readings, and store how the run went.

    Each batch is stored as soon as it comes, so that a later failure does not take it away. It is
    acknowledged once all of it has been stored, and never when the store failed. What the router
    reads is written once, at the end of the run, also where the run ends with an error.

    Parameters
    ----------
    provider
        Asks the upstream.
    store
        Gets the readings, the forecasts, the profile's hours and the status.
    clock
        Returns the present.
    telemetry
        Gets a log line for each reading and error, and the run's metrics.

    Returns
    -------
    Run
        What the run has done.

    Raises
    ------
    CollectionFailedError
        When nothing at all could be read from a configured provider. The status is stored before.
    StoreError
        When the store fails. The next run repairs that, since every write may be repeated.
    Exception
        Any unexpected exception, unchanged. The status of a failed run is stored before.
    """
    run = Run(provider=provider.name, started_at=clock(), simulated=provider.simulated)
    recording = store.recording(provider.name)
    try:
        for batch in provider.fetch(run.started_at):
            _store(batch, run, store, recording, telemetry)
    except GreenStreamError as error:
        _record_error(error, run, telemetry)
    except StoreError:
        with suppress(StoreError):  # what was stored before the failure is published
            recording.publish()
        raise
    except Exception as error:
        run.broken = True
        # Only the type is stored and logged, since the text may quote anything, a secret included.
        reason = f"the run ended with an unexpected {type(error).__name__}"
        run.errors.append(GreenStreamError(reason, provider=provider.name))
        telemetry.event("error", "unexpected error", provider=provider.name, error=reason)
        _report(run, recording, clock(), telemetry)
        raise
    _report(run, recording, clock(), telemetry)
    if run.state is ProviderState.FAILED:
        raise CollectionFailedError(
            "; ".join(str(error) for error in run.errors[:5])
            or f"{provider.name}: the upstream answered for no zone"
        )
    return run


def _store(
    batch: Batch, run: Run, store: Store, recording: Recording, telemetry: Telemetry
) -> None:
    run.unconfigured.extend(batch.unconfigured)
    run.skipped.extend(batch.skipped)
    for error in batch.errors:
        _record_error(error, run, telemetry)
    window = cache(lambda: tuple(batch.window()))
    puts = recording.put_readings(batch.readings) if batch.readings else ()
    for reading, put in zip(batch.readings, puts, strict=True):
        run.outcomes[put.outcome] += 1
        run.zones[reading.zone] = max(
            reading.valid_to, run.zones.get(reading.zone, reading.valid_to)
        )
        telemetry.event(
            "info" if put.outcome in (PutOutcome.STORED, PutOutcome.REVISED) else "debug",
            "reading",
            zone=reading.zone,
            kind=str(reading.kind),
            gco2_kwh=round(reading.gco2_kwh, 3),
            valid_to=reading.valid_to.isoformat(),
            outcome=str(put.outcome),
        )
        if put.outcome is PutOutcome.STORED and not batch.window_is_a_week:
            profile = _profile(reading, put.previous_valid_from, window, store)
            if profile is not None:
                recording.put_profile(profile)
    if batch.window_is_a_week:
        stored = [
            reading
            for reading, put in zip(batch.readings, puts, strict=True)
            if put.outcome is PutOutcome.STORED
        ]
        stored.sort(key=lambda reading: reading.valid_to)
        for reading in {(reading.zone, reading.kind): reading for reading in stored}.values():
            # The week ends with the newest reading, which may be days old.
            profile = _profile_of_window(reading, window, reading.valid_to)
            if profile is not None:
                recording.put_profile(profile)
    for forecast in batch.forecasts:
        run.outcomes[f"forecast_{recording.put_forecast(forecast)}"] += 1
    batch.acknowledge()


def _record_error(error: GreenStreamError, run: Run, telemetry: Telemetry) -> None:
    if isinstance(error, InvalidError):
        run.rejected[error.reason] += 1
    run.errors.append(error.without_answer())
    telemetry.event(
        "warning",
        "rejected" if isinstance(error, InvalidError) else "upstream failed",
        provider=error.provider,
        zone=error.zone,
        error_kind=error.kind,
        reason=getattr(error, "reason", None),
        error=error.message,
    )


def _profile(
    reading: Reading,
    before: datetime | None,
    window: Callable[[], tuple[Reading, ...]],
    store: Store,
) -> HourProfile | None:
    """Return the hours of a source's profile that are known with a reading that was stored.

    ``before`` is the ``valid_from`` of the reading that was the newest before. After an outage that
    leaves the hours of the profile less than a day to stand, the window that was fetched stands in
    for them, as on a fresh table. Otherwise the hours that have not come again would be missing.
    """
    if before is None:
        return _first_profile(reading, window, store)
    if reading.valid_from - before > PROFILE_LIFE - DAY:
        return _profile_of_window(reading, window, reading.fetched_at)
    return _hours_ended(reading, before, store)


def _first_profile(
    reading: Reading, window: Callable[[], tuple[Reading, ...]], store: Store
) -> HourProfile | None:
    """Return a source's first hour profile, made of the window that was fetched.

    Without it a fresh table would know a zone's usual day only after a day of readings. The hours
    count as computed when the window was fetched, so that each mean of the history that a later
    run computes takes their place. A source with a history in fact, of which only the newest
    reading was damaged, keeps its profile.
    """
    earlier = store.history(
        reading.zone,
        reading.provider,
        reading.kind,
        since=reading.valid_from - PROFILE_LIFE,
        until=reading.valid_from,
    )
    if earlier:
        return None
    return _profile_of_window(reading, window, reading.fetched_at)


def _profile_of_window(
    reading: Reading, window: Callable[[], tuple[Reading, ...]], computed_at: datetime
) -> HourProfile | None:
    """Return the hour profile of the window that was fetched with a reading.

    Its means are those of the days before ``computed_at``, in UTC.
    """
    source = (reading.zone, reading.provider, reading.kind)
    fetched = (past for past in window() if (past.zone, past.provider, past.kind) == source)
    return profile_of(fetched, computed_at)


def _hours_ended(reading: Reading, before: datetime, store: Store) -> HourProfile | None:
    """Return the zone's means of the last hour that ended and of the hour before, over a week.

    The result is ``None`` where no hour has ended since the reading before.

    The hour before is computed a second time, because a run may have ended between storing its
    reading and storing its mean, and because some of its readings may have come late. ``before``
    is the ``valid_from`` of the reading that was the newest before. The week is that before the
    present reading, so that after an outage the mean has only the days that are left of it.
    """
    ended = before.replace(minute=0, second=0, microsecond=0)
    if reading.valid_from < ended + HOUR:
        return None
    gco2_kwh: defaultdict[int, list[tuple[date, float]]] = defaultdict(list)
    for days in map(timedelta, range(PROFILE_LIFE.days)):
        since, until = ended - HOUR - days, ended + HOUR - days
        if until <= reading.valid_from - PROFILE_LIFE:
            break
        for past in store.history(
            reading.zone, reading.provider, reading.kind, since=since, until=until
        ):
            hour = (ended if past.valid_to > ended - days else ended - HOUR) - days
            gco2_kwh[hour.hour].append((hour.date(), past.gco2_kwh))
    if not gco2_kwh:
        return None
    return HourProfile(
        zone=reading.zone,
        kind=reading.kind,
        scope=reading.scope,
        factor_set=reading.factor_set,
        provider=reading.provider,
        hours={hour: hour_mean(dated, reading.fetched_at) for hour, dated in gco2_kwh.items()},
        simulated=reading.simulated,
    )


def refusal_metric(reason: str) -> str:
    """Return the metric that counts a reason of refusal: ``RefusedMissingFuel``."""
    return "Refused" + "".join(word.capitalize() for word in reason.split("_"))


def _report(run: Run, recording: Recording, now: datetime, telemetry: Telemetry) -> None:
    error = run.errors[-1] if run.errors else None
    recording.publish(
        ProviderStatus(
            provider=run.provider,
            state=run.state,
            last_run_at=now,
            last_success_at=now if run.succeeded else None,
            newest_valid_to=max(run.zones.values()) if run.zones else None,
            last_error=str(error) if error else None,
            last_error_kind=error.kind if error else None,
            last_error_at=now if error else None,
            stored=run.outcomes[PutOutcome.STORED] + run.outcomes[PutOutcome.REVISED],
            rejected=dict(run.rejected),
            unconfigured_zones=tuple(sorted(run.unconfigured)),
            simulated=run.simulated,
        )
    )
    # Only what an alarm or the dashboard reads is a metric, since each metric costs money.
    telemetry.count("ZoneErrors", len(run.errors))
    # A reason has a metric only where its rule fires, so that a quiet month pays for none of them.
    for reason, times in run.rejected.items():
        telemetry.count(refusal_metric(reason), times)
    if run.state is not ProviderState.UNCONFIGURED:
        telemetry.count("RunSucceeded", 1 if run.succeeded else 0)
    if run.zones:
        oldest = max(age_s(valid_to, now) for valid_to in run.zones.values())
        telemetry.count("ReadingAgeSeconds", oldest, "Seconds")
    summary: dict[str, object] = run.as_dict()
    telemetry.event("info", "run", **summary)
