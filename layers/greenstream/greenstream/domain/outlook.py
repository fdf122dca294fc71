"""A zone's coming hours: a forecast, or the usual figures that stand in where there is none. Pure.

Every zone has an outlook, and its rung says which one it is, so that nobody mistakes a mean for a
forecast.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, Self

from greenstream.domain.drift import unprofiled_spread_gco2_kwh
from greenstream.domain.profile import MIN_PROFILE_DAYS, HourProfile, week_in_words
from greenstream.domain.reading import Forecast, ForecastPoint, Kind, Scope
from greenstream.domain.zones import AnnualMean

HOUR: Final = timedelta(hours=1)

MIN_KNOWN: Final = 0.75
"""The least share of the hours asked about that a profile must know.

The lowest of a few hours is mostly the one that was read by chance: a source that is asked seldom,
such as Electricity Maps within its budget, has some five hours of day in a week. A day that lacks a
few hours, as on a fresh table, still shows its course."""

DIP: Final = timedelta(minutes=30)
"""The greatest length of an interval that its neighbours may contradict."""

DIP_SHARE: Final = 0.25
DIP_GCO2_KWH: Final = 10.0
"""The neighbours of a short interval contradict it when it is below the lower of them by more than
this share of it and by more than this many g/kWh. In 70 of 73 years of hourly average figures of 25
grids (Electricity Maps, 2021 to 2023) 35 of some 613,000 hours do, and half hours move less than
hours. The other three years are Switzerland's, where 274 hours do."""


class OutlookRung(StrEnum):
    """What a zone's coming hours rest on, best first. The last two are rungs of figures too."""

    FORECAST = "forecast"
    SAME_HOUR = "same_hour_7d"
    ANNUAL_MEAN = "annual_mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A zone's coming hours by one source.

    Parameters
    ----------
    rung
        What the hours rest on.
    kind, scope, factor_set
        What the figures mean.
    provider, provider_zone
        Who published the forecast or the readings behind the profile, and the provider's own name
        of the zone; ``None`` where that is not known.
    made_at
        When the forecast was issued, or when the oldest hour of the profile was computed, in UTC;
        ``None`` for a yearly mean.
    spread_gco2_kwh
        How far the zone usually is from these figures, as a standard deviation in g/kWh; ``None``
        for a forecast, whose error is not published, and for a profile of too few days.
    note
        What an answer adds in words.
    points
        The intervals, the earliest first; hours that are not known are missing.
    simulated
        Whether a simulator made the figures.
    """

    rung: OutlookRung
    kind: Kind
    scope: Scope
    factor_set: str
    provider: str | None
    provider_zone: str | None
    made_at: datetime | None
    spread_gco2_kwh: float | None
    note: str | None
    points: tuple[ForecastPoint, ...]
    simulated: bool

    @classmethod
    def of_forecast(cls, forecast: Forecast) -> Self:
        """Return the outlook of a forecast, without the single dips that its neighbours contradict.

        Such a dip counts as the lower of its neighbours, so that no window is chosen for it.
        """
        return cls(
            rung=OutlookRung.FORECAST,
            kind=forecast.kind,
            scope=forecast.scope,
            factor_set=forecast.factor_set,
            provider=forecast.provider,
            provider_zone=forecast.provider_zone,
            made_at=forecast.issued_at,
            spread_gco2_kwh=None,
            note=None,
            points=tuple(_without_lone_dips(forecast.points)),
            simulated=forecast.simulated,
        )

    @classmethod
    def of_profile(cls, profile: HourProfile, earliest: datetime, latest: datetime) -> Self | None:
        """Return the hours of a profile between two instants; ``None`` where too few of them stand.

        Too few are less than `MIN_KNOWN` of the hours between the instants.

        Parameters
        ----------
        profile
            The profile. An hour of it stands for seven days after it was computed.
        earliest, latest
            The instants between which the hours lie, in UTC.
        """
        between = list(_hours(earliest, latest))
        asked = {start.hour for start in between}
        standing = {
            hour: mean
            for hour, mean in profile.hours.items()
            if hour in asked and earliest <= mean.stands_until
        }
        known = [start for start in between if start.hour in standing]
        if not known or len(known) < MIN_KNOWN * len(between):
            return None
        days = [mean.days for mean in standing.values() if mean.days is not None]
        few = min(days, default=MIN_PROFILE_DAYS) < MIN_PROFILE_DAYS
        made_at = min(mean.computed_at for mean in standing.values())
        return cls(
            rung=OutlookRung.SAME_HOUR,
            kind=profile.kind,
            scope=profile.scope,
            factor_set=profile.factor_set,
            provider=profile.provider,
            provider_zone=None,
            made_at=made_at,
            spread_gco2_kwh=profile.spread_gco2_kwh(),
            note="no forecast: the mean of each hour of day over "
            + week_in_words(made_at, earliest)
            + (f", of which {min(days)} had a reading" if few else ""),
            points=tuple(
                ForecastPoint(start, start + HOUR, standing[start.hour].gco2_kwh) for start in known
            ),
            simulated=profile.simulated,
        )

    @classmethod
    def of_annual_mean(cls, mean: AnnualMean, earliest: datetime, latest: datetime) -> Self:
        """Return the outlook of a zone of which only a yearly mean is known: always the same."""
        return cls(
            rung=OutlookRung.ANNUAL_MEAN,
            kind=mean.kind,
            scope=mean.scope,
            factor_set=mean.factor_set,
            provider=None,
            provider_zone=None,
            made_at=None,
            spread_gco2_kwh=unprofiled_spread_gco2_kwh(mean.gco2_kwh),
            note=f"no forecast or hour profile covers the window: published mean of {mean.year}",
            points=(ForecastPoint(earliest, latest, mean.gco2_kwh),),
            simulated=False,
        )


def _hours(earliest: datetime, latest: datetime) -> Iterator[datetime]:
    """Yield the beginning of each hour that has a part between two instants."""
    start = earliest.replace(minute=0, second=0, microsecond=0)
    while start < latest:
        yield start
        start += HOUR


def _without_lone_dips(points: tuple[ForecastPoint, ...]) -> Iterator[ForecastPoint]:
    joined = [first.valid_to == second.valid_from for first, second in pairwise(points)]
    for index, point in enumerate(points):
        short = point.valid_to - point.valid_from <= DIP
        if short and 0 < index < len(points) - 1 and joined[index - 1] and joined[index]:
            beside = min(points[index - 1].gco2_kwh, points[index + 1].gco2_kwh)
            if beside - point.gco2_kwh > max(DIP_GCO2_KWH, DIP_SHARE * beside):
                yield point._replace(gco2_kwh=beside)
                continue
        yield point
