"""What a zone's carbon usually is at each hour of the day, from its own last week."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from greenstream.domain.reading import Kind, Reading, Scope

PROFILE_LIFE: Final = timedelta(days=7)
"""How long the mean of an hour of day may stand for that hour, and the days it is made of."""

MIN_PROFILE_DAYS: Final = 4
"""Days behind an hour's mean from which a value is expected to follow it, and its spread counts.

The newest hour of a profile of one day stands beside the oldest, which is a day earlier: between
the two the profile has the whole difference of two days. Of fewer days a spread says little."""

LAST_HOURS: Final = timedelta(hours=36)
"""How long before its end a mean of enough days makes room for a mean of fewer.

The next mean of the hour is computed a day later, and may be half a day late."""

HOURS_A_DAY: Final = 24


@dataclass(frozen=True, slots=True)
class HourMean:
    """Mean of one UTC hour of day over the week before ``computed_at``, g/kWh.

    ``spread_gco2_kwh`` is the standard deviation about that mean, and ``days`` the number of days
    that had a reading in the hour; both are ``None`` where they were not stored.
    """

    gco2_kwh: float
    computed_at: datetime
    spread_gco2_kwh: float | None = None
    days: int | None = None

    @property
    def stands_until(self) -> datetime:
        """The last instant at which the mean is recent enough to stand for its hour."""
        return self.computed_at + PROFILE_LIFE

    @property
    def is_usual(self) -> bool:
        """Whether enough days stand behind the mean, as where their number was not stored."""
        return self.days is None or self.days >= MIN_PROFILE_DAYS

    def replaces(self, stored: "HourMean") -> bool:
        """Return whether the mean is to be stored in the place of another one of its hour.

        It was computed later. After an outage of some days the last week has few days left, while
        the mean from before the outage still stands and has enough. That one stays until so shortly
        before its end that the next mean may come too late.
        """
        if self.computed_at <= stored.computed_at:
            return False
        stays = stored.days is not None and stored.is_usual and not self.is_usual
        return not stays or self.computed_at > stored.stands_until - LAST_HOURS

    @property
    def countable_spread_gco2_kwh(self) -> float | None:
        """The spread where enough days are known to stand behind it, else ``None``."""
        return self.spread_gco2_kwh if self.days is not None and self.is_usual else None


@dataclass(frozen=True, slots=True, kw_only=True)
class HourProfile:
    """A zone's week by UTC hour of day; hours may be missing.

    ``day_spread_gco2_kwh`` is the spread of the whole day, where ``hours`` are only a part of it.
    """

    zone: str
    kind: Kind
    scope: Scope
    factor_set: str
    provider: str
    hours: Mapping[int, HourMean]
    simulated: bool = False
    day_spread_gco2_kwh: float | None = None

    def spread_gco2_kwh(self) -> float | None:
        """Return how far the zone usually is from its profile, g/kWh.

        `spread_of` the hours, or of the whole day where they are a part of it.
        """
        if self.day_spread_gco2_kwh is not None:
            return self.day_spread_gco2_kwh
        # The hours are taken in this order because the replay's arrays add them up in it.
        return spread_of([self.hours[hour] for hour in range(HOURS_A_DAY) if hour in self.hours])


def spread_of(means: Sequence[HourMean]) -> float | None:
    """Return how far a zone usually is from the means of its hours, g/kWh.

    The root mean square of the hours' spreads, so that it does not jump with the hour. A mean that
    no longer stood when the newest was computed does not count. ``None`` where no mean that counts
    has `MIN_PROFILE_DAYS` behind it.
    """
    if not means:
        return None
    newest = max(mean.computed_at for mean in means)
    squares, count = 0.0, 0
    for mean in means:
        spread = mean.countable_spread_gco2_kwh
        if spread is not None and newest <= mean.stands_until:
            squares += spread * spread
            count += 1
    return math.sqrt(squares / count) if count else None


def week_in_words(computed_at: datetime, now: datetime) -> str:
    """Return which week a mean is of that was computed at an instant, as a note says it.

    While a source is silent its means stand for days, so that their week is no longer the last one.
    """
    if now - computed_at <= LAST_HOURS:
        return "the last 7 days"
    return f"the 7 days up to {computed_at:%Y-%m-%d}"


def hour_mean(gco2_kwh: Iterable[tuple[date, float]], computed_at: datetime) -> HourMean:
    """Return the mean, the spread and the days of one hour of day.

    Parameters
    ----------
    gco2_kwh
        The hour's figures in g/kWh, each with its UTC date; at least one.

    Raises
    ------
    ZeroDivisionError
        When there is no figure.
    """
    dated = list(gco2_kwh)
    values = [value for _, value in dated]
    mean = sum(values) / len(values)
    squares = [(value - mean) * (value - mean) for value in values]
    spread = math.sqrt(sum(squares) / len(values))
    return HourMean(mean, computed_at, spread, len({day for day, _ in dated}))


def profile_of(readings: Iterable[Reading], computed_at: datetime) -> HourProfile | None:
    """Return the profile of one source's readings, all of one zone and kind.

    A reading belongs to the hour in which its interval begins. ``None`` without any reading.
    """
    by_hour: defaultdict[int, list[tuple[date, float]]] = defaultdict(list)
    last: Reading | None = None
    for reading in readings:
        last = reading
        by_hour[reading.valid_from.hour].append((reading.valid_from.date(), reading.gco2_kwh))
    if last is None:
        return None
    return HourProfile(
        zone=last.zone,
        kind=last.kind,
        scope=last.scope,
        factor_set=last.factor_set,
        provider=last.provider,
        hours={hour: hour_mean(dated, computed_at) for hour, dated in by_hour.items()},
        simulated=last.simulated,
    )
