"""What a region's MOER series say: of now, of the intervals before it, of the hours ahead.

The newest historical point is the better "now" and is published minutes to hours late; when it
is, the first point of the forecast stands in, as WattTime recommends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from functions.watttime.answers import NAME, Point, Series, malformed, stamp
from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.reading import (
    FUTURE_TOLERANCE,
    Basis,
    Forecast,
    ForecastPoint,
    Quality,
    Reading,
    Scope,
    Signal,
    check_gco2_kwh,
    gco2_kwh_from_lb_mwh,
)

BACK: Final = timedelta(hours=3)
"""How far back to look for the newest historical point: it may be hours late."""

AHEAD: Final = timedelta(hours=24)
"""What is kept of a forecast, however long it comes: an item of the table has its limit."""

NOW_WITHIN_PERIODS: Final = 2
"""A historical point that ended no more than this many of its own periods ago stands for now."""

FORECAST_LIFE: Final = timedelta(hours=1)
"""A new forecast comes every five minutes: an older one says that the upstream has stopped."""

MAX_LB_MWH: Final = 10_000.0
"""What is above is refused as it came: an integer may be too large to be converted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A grid region, and the zone that it serves, at the instant of a run."""

    zone: str
    region: str
    now: datetime
    simulated: bool

    def historical(
        self, series: Series, after: datetime | None
    ) -> Iterator[Reading | InvalidError]:
        """Yield the missed points' readings, oldest first, then the newest's, or why there is none.

        Parameters
        ----------
        after
            The end of the last point that is stored, since which others may have been missed.

        Raises
        ------
        NoDataError
            Without a point.
        """
        if not series.points:
            raise NoDataError(
                f"no historical point since {stamp(self.now - BACK)}", provider=NAME, zone=self.zone
            )
        *earlier, newest = series.points
        missed = [point for point in earlier if after is not None and point.valid_to > after]
        for point in (*missed, newest):
            quality = Quality.ESTIMATED if point.imputed else Quality.MEASURED
            try:
                yield self._reading(point, series, quality, point.updated_at)
            except InvalidError as error:
                yield error

    def stands_for_now(self, reading: Reading) -> bool:
        """Tell whether a historical reading is so young that the forecast need not stand in."""
        period = reading.valid_to - reading.valid_from
        return self.now - reading.valid_to <= NOW_WITHIN_PERIODS * period

    def stand_in(self, series: Series) -> Reading:
        """Return the reading that a forecast gives for now.

        Raises
        ------
        NoDataError
            When it has no point for now, or is an old one.
        InvalidError
            For a value or time that cannot be.
        """
        # The run's first point may be the next period's; what ended is no statement about now.
        ahead = [point for point in series.points if point.valid_to > self.now]
        if not ahead or ahead[0].valid_from - self.now > ahead[0].valid_to - ahead[0].valid_from:
            raise NoDataError("no forecast point for now", provider=NAME, zone=self.zone)
        return self._reading(ahead[0], series, Quality.FORECAST, self._issued_at(series))

    def forecast(self, series: Series) -> Forecast:
        """Return what is ahead of a forecast, raising as `stand_in` does."""
        return Forecast(
            zone=self.zone,
            provider=NAME,
            provider_zone=self.region,
            signal=Signal.MARGINAL,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
            issued_at=self._issued_at(series),
            points=tuple(
                ForecastPoint(
                    point.valid_from, point.valid_to, gco2_kwh_of(point.lb_mwh, self.zone)
                )
                for point in series.points
                if self.now < point.valid_to and point.valid_from < self.now + AHEAD
            ),
            simulated=self.simulated,
        )

    def _reading(
        self, point: Point, series: Series, quality: Quality, published_at: datetime | None
    ) -> Reading:
        gco2_kwh = gco2_kwh_of(point.lb_mwh, self.zone)
        return Reading(
            zone=self.zone,
            provider=NAME,
            provider_zone=self.region,
            signal=Signal.MARGINAL,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
            quality=quality,
            gco2_kwh=gco2_kwh,
            gco2_low=gco2_kwh,
            gco2_high=gco2_kwh,
            valid_from=point.valid_from,
            valid_to=point.valid_to,
            published_at=published_at,
            fetched_at=self.now,
            simulated=self.simulated,
            detail={
                "lb_mwh": point.lb_mwh,
                "model": series.model,
                "warnings": list(series.warnings),
                "imputed": point.imputed,
            },
        )

    def _issued_at(self, series: Series) -> datetime:
        issued_at = series.generated_at
        if issued_at is None:
            raise malformed("a forecast without meta.generated_at", self.zone)
        if issued_at - self.now > FUTURE_TOLERANCE:
            raise InvalidError(
                f"a forecast of {stamp(issued_at)} is ahead of the clock",
                reason="future",
                provider=NAME,
                zone=self.zone,
            )
        if self.now - issued_at > FORECAST_LIFE:
            raise NoDataError(
                f"the last forecast is of {stamp(issued_at)}", provider=NAME, zone=self.zone
            )
        return issued_at


def gco2_kwh_of(lb_mwh: object, zone: str) -> float:
    """Convert a MOER in lb/MWh.

    Raises
    ------
    InvalidError
        ``not_a_number``, ``negative``, ``too_high``.
    """
    if isinstance(lb_mwh, bool) or not isinstance(lb_mwh, int | float) or abs(lb_mwh) > MAX_LB_MWH:
        return check_gco2_kwh(lb_mwh, provider=NAME, zone=zone)
    return check_gco2_kwh(gco2_kwh_from_lb_mwh(lb_mwh), provider=NAME, zone=zone)
