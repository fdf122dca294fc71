"""What a figure rests on, which stays the same while the figure ages. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Kind, Quality, Reading, Scope
from greenstream.domain.zones import AnnualMean


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Origin:
    """What a figure rests on: a reading, or the mean that stands in for one.

    It is made once, and all figures that rest on it share it. Two objects are equal only when they
    are the same object, so that what is derived from an origin can be cached by it.

    Parameters
    ----------
    kind, scope, factor_set, quality
        The kind, the scope, the factor set and the quality; ``None`` where nothing is known.
    gco2_kwh, gco2_low, gco2_high
        What the source said, or the mean, and its bounds, g/kWh.
    provider, provider_zone
        Who said it, and the provider's name for the zone.
    coverage
        As in `Reading`.
    valid_from, valid_to, fetched_at
        The reading's interval and when it was fetched, in UTC; ``None`` for a mean.
    simulated
        Whether a simulator made it.
    note
        What an answer adds in words.
    """

    kind: Kind | None = None
    scope: Scope | None = None
    factor_set: str | None = None
    quality: Quality | None = None
    gco2_kwh: float | None = None
    gco2_low: float | None = None
    gco2_high: float | None = None
    provider: str | None = None
    provider_zone: str | None = None
    coverage: float | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    fetched_at: datetime | None = None
    simulated: bool = False
    note: str | None = None

    @classmethod
    def of_reading(cls, reading: Reading) -> Self:
        """Return the origin of the figures that rest on a reading."""
        return cls(
            kind=reading.kind,
            scope=reading.scope,
            factor_set=reading.factor_set,
            quality=reading.quality,
            gco2_kwh=reading.gco2_kwh,
            gco2_low=reading.gco2_low,
            gco2_high=reading.gco2_high,
            provider=reading.provider,
            provider_zone=reading.provider_zone,
            coverage=reading.coverage,
            valid_from=reading.valid_from,
            valid_to=reading.valid_to,
            fetched_at=reading.fetched_at,
            simulated=reading.simulated,
        )

    @classmethod
    def of_hour(cls, profile: HourProfile, hour: int, week: str) -> Self:
        """Return the origin of the figures that rest on a profile's mean of an hour of day.

        ``week`` says which week the mean is of (`greenstream.domain.profile.week_in_words`).
        """
        mean = profile.hours[hour]
        gco2_kwh = mean.gco2_kwh
        few = "" if mean.is_usual else f", of which {mean.days} had a reading"
        return cls(
            kind=profile.kind,
            scope=profile.scope,
            factor_set=profile.factor_set,
            quality=Quality.ESTIMATED,
            gco2_kwh=gco2_kwh,
            gco2_low=gco2_kwh,
            gco2_high=gco2_kwh,
            provider=profile.provider,
            simulated=profile.simulated,
            note=f"mean of {hour:02d}:00-{hour:02d}:59 UTC over {week}{few}",
        )

    @classmethod
    def of_annual_mean(cls, mean: AnnualMean) -> Self:
        """Return the origin of the figures that rest on a published yearly mean."""
        return cls(
            kind=mean.kind,
            scope=mean.scope,
            factor_set=mean.factor_set,
            quality=Quality.ESTIMATED,
            gco2_kwh=mean.gco2_kwh,
            gco2_low=mean.gco2_low,
            gco2_high=mean.gco2_high,
            note=f"published mean of {mean.year}",
        )


NO_ORIGIN: Final = Origin(note="no figure of the kind asked for")
"""The origin where nothing is known."""
