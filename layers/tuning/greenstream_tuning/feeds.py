"""What was known when: a source's newest published figure, its age, and its zone's profile.

A decision of the past may rest on nothing that was published after it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from greenstream.domain.profile import MIN_PROFILE_DAYS, PROFILE_LIFE
from greenstream.domain.reading import Reading
from greenstream_tuning.traces import Floats, Ints, Trace

HOUR_S: Final = 3600
DAY_H: Final = 24


@dataclass(frozen=True, slots=True)
class Seen:
    """What a source had published by each of some instants; NaN where it had published nothing.

    ``profile_then`` and ``profile_now`` are the zone's profile (g/kWh) at the middle of the
    reading's interval and at the instant itself, ``hour_mean`` the mean of the instant's hour, and
    ``spread`` how far the zone usually is from its profile (`HourProfile.spread_gco2_kwh`).
    """

    gco2_kwh: Floats
    age_s: Floats
    profile_then: Floats
    profile_now: Floats
    hour_mean: Floats
    spread: Floats


class Feed(Protocol):
    """A source, replayed. ``max_age_s`` and ``annual_mean`` as in the tables of zones."""

    @property
    def max_age_s(self) -> float:
        """Age up to which its newest value is live."""
        ...

    @property
    def annual_mean_gco2_kwh(self) -> float:
        """The last figure to fall back on; NaN for none."""
        ...

    def seen(self, epoch_s: Ints) -> Seen:
        """Return what was known at each instant, which come in order of time."""
        ...


class Profile:
    """The mean of each UTC hour of day over the seven days up to any hour, as collectors store it.

    Parameters
    ----------
    trace
        The source's readings in order.
    """

    def __init__(self, trace: Trace) -> None:
        self._first_hour = trace.start_s // HOUR_S
        hours = (trace.start_s + trace.step_s * np.arange(len(trace.gco2_kwh))) // HOUR_S
        index = hours - self._first_hour
        known = ~np.isnan(trace.gco2_kwh)
        sums = _per_hour(index, np.where(known, trace.gco2_kwh, 0.0))
        counts = np.bincount(index[known], minlength=len(sums)).astype(np.int64)
        week_sum, week_count = _over_week(sums), _over_week(counts)
        self._mean = _ratio(week_sum, week_count)
        self._is_usual = _over_week((counts > 0).astype(np.int64)) >= MIN_PROFILE_DAYS
        self._spread = self._usual_spread(trace, index, sums, counts)

    def _usual_spread(self, trace: Trace, index: Ints, sums: Floats, counts: Ints) -> Floats:
        """Return by hour what `HourProfile.spread_gco2_kwh` says once that hour has ended."""
        hourly = _ratio(sums, counts)
        inside = _per_hour(index, np.nan_to_num((trace.gco2_kwh - hourly[index]) ** 2))
        squares = np.zeros(len(sums))
        for day in range(PROFILE_LIFE.days):
            past = slice(0, max(0, len(sums) - day * DAY_H))
            here = slice(day * DAY_H, None)
            from_mean = counts[past] * (hourly[past] - self._mean[here]) ** 2
            squares[here] += np.where(counts[past] > 0, inside[past] + from_mean, 0.0)
        spread = np.sqrt(_ratio(squares, _over_week(counts)))
        first = int(self._first_hour) % DAY_H
        total, hours = np.zeros(len(sums)), np.zeros(len(sums), dtype=np.int64)
        newest = np.arange(len(sums))
        for hour in range(DAY_H):  # in this order, as the profile adds them up
            last = newest - (newest + first - hour) % DAY_H
            begun, last = last >= 0, np.maximum(last, 0)
            counts_now = begun & self._is_usual[last]
            total += np.where(counts_now, spread[last] * spread[last], 0.0)
            hours += counts_now
        usual: Floats = np.sqrt(_ratio(total, hours))
        return usual

    def spread(self, known_until_s: Ints) -> Floats:
        """Return the usual distance from the profile as known once this hour has begun, g/kWh.

        NaN where too few days stand behind every hour.
        """
        index = known_until_s // HOUR_S - 1 - self._first_hour
        known = (index >= 0) & (index < len(self._spread))
        return np.where(known, self._spread[np.where(known, index, 0)], np.nan)

    def hour_mean(
        self, hour_of_day: Ints, known_until_s: Ints, now_s: Ints, *, usual: bool = False
    ) -> Floats:
        """Return hours' means as known once the hour of ``known_until_s`` has begun.

        NaN where the mean is not known, or was known too long before ``now_s``. With ``usual``
        also where too few days stand behind it (`HourMean.is_usual`).
        """
        last = known_until_s // HOUR_S - 1
        hour = last - (last - hour_of_day) % DAY_H
        index = hour - self._first_hour
        stands = (index >= 0) & (index < len(self._mean))
        stands &= now_s - (hour + 1) * HOUR_S <= PROFILE_LIFE.total_seconds()
        if usual:
            stands &= self._is_usual[np.where(stands, index, 0)]
        return np.where(stands, self._mean[np.where(stands, index, 0)], np.nan)

    def at(self, epoch_s: Ints, known_until_s: Ints, now_s: Ints) -> Floats:
        """Return the profile at instants, as `greenstream.domain.drift.profile_at` reads it."""
        minute, second = epoch_s // 60 % 60, epoch_s % 60
        hours = epoch_s // HOUR_S % DAY_H + (minute + second / 60.0) / 60.0 - 0.5
        first = np.floor(hours).astype(np.int64)
        share = hours - first
        before = self.hour_mean(first % DAY_H, known_until_s, now_s, usual=True)
        after = self.hour_mean((first + 1) % DAY_H, known_until_s, now_s, usual=True)
        return before * (1.0 - share) + after * share


def _per_hour(hour: Ints, values: Floats) -> Floats:
    """Return the sum of the values of each hour."""
    return np.asarray(np.bincount(hour, values), dtype=np.float64)


def _ratio(total: Floats, count: Floats | Ints) -> Floats:
    """Return ``total / count``; NaN where nothing was counted."""
    ratio: Floats = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
    return ratio


def _over_week(hourly: Floats | Ints) -> Floats:
    total = np.zeros(len(hourly))
    for day in range(PROFILE_LIFE.days):
        total[day * DAY_H :] += hourly[: max(0, len(hourly) - day * DAY_H)]
    return total


class DelayedTrace:
    """A trace taken as what the source measured at each instant, and told ``delay_s`` later.

    Parameters
    ----------
    trace
        The zone's intensity.
    delay_s
        Time from an instant to its figure's publication: the age of what is known.
    max_age_s
        Age up to which the figure is live.
    annual_mean_gco2_kwh
        Published mean of an earlier year; NaN for none.
    profile
        The zone's profile by hour; the trace's own if absent. Where the source itself tells
        nothing, the profile is as known ``delay_s`` ago.
    """

    def __init__(
        self,
        trace: Trace,
        delay_s: float,
        max_age_s: float,
        annual_mean_gco2_kwh: float,
        profile: Profile | None = None,
    ) -> None:
        self.max_age_s = max_age_s
        self.annual_mean_gco2_kwh = annual_mean_gco2_kwh
        self._trace = trace
        self._delay_s = int(delay_s)
        self._profile = Profile(trace) if profile is None else profile
        known = ~np.isnan(trace.gco2_kwh)
        self._newest = np.maximum.accumulate(np.where(known, np.arange(len(known)), -1))

    def seen(self, epoch_s: Ints) -> Seen:
        """Return what was known at each instant."""
        trace = self._trace
        told_s = epoch_s - self._delay_s
        step = np.minimum((told_s - trace.start_s) // trace.step_s, len(self._newest) - 1)
        index = np.where(step >= 0, self._newest[np.maximum(step, 0)], -1)
        ended_s = trace.start_s + (index + 1) * trace.step_s
        middle_s = ended_s - trace.step_s // 2
        until_s = np.where(index >= 0, np.minimum(told_s, ended_s - 1), told_s)
        return Seen(
            gco2_kwh=np.where(index >= 0, trace.gco2_kwh[index], np.nan),
            age_s=np.where(index >= 0, epoch_s - np.minimum(told_s, ended_s), np.nan),
            profile_then=self._profile.at(middle_s, until_s, epoch_s),
            profile_now=self._profile.at(epoch_s, until_s, epoch_s),
            hour_mean=self._profile.hour_mean(epoch_s // HOUR_S % DAY_H, until_s, epoch_s),
            spread=self._profile.spread(until_s),
        )


class KeptReadings:
    """A source's readings as they were kept, each known from the moment it was fetched.

    Parameters
    ----------
    readings
        Of one source and kind, oldest first, each interval in all its versions.
    max_age_s, annual_mean_gco2_kwh
        As in the table of zones.

    Raises
    ------
    ValueError
        Without any reading.
    """

    def __init__(
        self, readings: Sequence[Reading], max_age_s: float, annual_mean_gco2_kwh: float
    ) -> None:
        if not readings:
            raise ValueError("a source without a reading cannot be replayed")
        self.max_age_s = max_age_s
        self.annual_mean_gco2_kwh = annual_mean_gco2_kwh
        told = sorted(readings, key=lambda reading: (reading.fetched_at, reading.valid_to))
        newest = [told[0]]
        for reading in told[1:]:  # what is told late does not roll back what is known
            newest.append(reading if reading.valid_to >= newest[-1].valid_to else newest[-1])
        self._told_s = np.array([reading.fetched_at.timestamp() for reading in told])
        self._from_s = np.array([reading.valid_from.timestamp() for reading in newest])
        self._to_s = np.array([reading.valid_to.timestamp() for reading in newest])
        self._gco2_kwh = np.array([reading.gco2_kwh for reading in newest])
        self._profile = Profile(truth_of(readings))

    def seen(self, epoch_s: Ints) -> Seen:
        """Return what was known at each instant."""
        index = np.searchsorted(self._told_s, epoch_s, side="right") - 1
        known = index >= 0
        middle_s = ((self._from_s[index] + self._to_s[index]) // 2).astype(np.int64)
        until_s = self._from_s[index].astype(np.int64)
        nothing = np.where(known, 0.0, np.nan)
        return Seen(
            gco2_kwh=self._gco2_kwh[index] + nothing,
            age_s=np.maximum(0.0, epoch_s - self._to_s[index]) + nothing,
            profile_then=self._profile.at(middle_s, until_s, epoch_s) + nothing,
            profile_now=self._profile.at(epoch_s, until_s, epoch_s) + nothing,
            hour_mean=self._profile.hour_mean(epoch_s // HOUR_S % DAY_H, until_s, epoch_s)
            + nothing,
            spread=self._profile.spread(until_s),
        )


def truth_of(readings: Sequence[Reading], step_s: int = 300) -> Trace:
    """Return kept readings as a trace: each step has the reading whose interval it begins in.

    Of an interval's versions the last one stands.
    """
    start_s = int(readings[0].valid_from.timestamp()) // step_s * step_s
    end_s = max(reading.valid_to.timestamp() for reading in readings)
    values = np.full(int(np.ceil((end_s - start_s) / step_s)), np.nan)
    for reading in readings:
        first = int(np.ceil((reading.valid_from.timestamp() - start_s) / step_s))
        last = int(np.ceil((reading.valid_to.timestamp() - start_s) / step_s))
        values[max(first, 0) : max(last, first + 1)] = reading.gco2_kwh
    return Trace(readings[0].zone, start_s, step_s, values)
