"""Makes readings and forecasts from a region's MOER series.

The newest historical point is the best figure for the present, but it is published minutes to
hours late. When it is too old, the first point of the forecast stands in, as WattTime recommends.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from functions.watttime.answers import NAME, NO_VALUE, Point, Series, malformed, stamp
from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.factor_sets import WATTTIME
from greenstream.domain.holes import holes
from greenstream.domain.plausibility import rules_of_source
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
"""How far back the newest historical point is looked for, since it may be hours late."""

AHEAD: Final = timedelta(hours=24)
"""How much of a forecast is stored. The size of a table item is limited."""

NOW_WITHIN_PERIODS: Final = 2
"""A historical point is recent when it ended at most this many of its own periods ago."""

FORECAST_LIFE: Final = timedelta(hours=1)
"""WattTime issues a forecast every five minutes. One that is older than this shows that it has
stopped."""

MAX_LB_MWH: Final = 10_000.0
"""A larger value is refused without conversion, since an integer may be too large for a float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region of WattTime during one run.

    Parameters
    ----------
    zone
        Our zone that the readings are for.
    region
        The region's name at WattTime.
    now
        The instant of the run, UTC.
    simulated
        Whether a simulator gave the answers.
    """

    zone: str
    region: str
    now: datetime
    simulated: bool

    def historical(
        self, series: Series, after: datetime | None
    ) -> Iterator[Reading | InvalidError]:
        """Yield a reading for each point that was missed, oldest first, then for the newest.

        Points that are refused are left out, and each reason is yielded once.

        Parameters
        ----------
        series
            An answer of ``/v3/historical``.
        after
            The end of the last point that has been stored, UTC. Points after it were missed. With
            ``None``, only the newest is wanted.

        Raises
        ------
        NoDataError
            When the series has no point.
        """
        if not series.points and not series.unreadable:
            raise NoDataError(
                f"there is no historical point since {stamp(self.now - BACK)}",
                provider=NAME,
                zone=self.zone,
            )
        missed: list[Reading] = []
        refused: list[tuple[datetime, InvalidError]] = []
        for point in reversed(series.points):
            if missed and (after is None or point.valid_to <= after):
                break
            quality = Quality.ESTIMATED if point.imputed else Quality.MEASURED
            try:
                missed.append(self._reading(point, series, quality, point.updated_at))
            except InvalidError as error:
                refused.append((point.valid_from, error))
        yield from series.unreadable[:1]
        yield from holes(refused)
        yield from reversed(missed)

    def is_recent(self, reading: Reading) -> bool:
        """Return whether a reading is so recent that the forecast need not stand in for it."""
        period = reading.valid_to - reading.valid_from
        return self.now - reading.valid_to <= NOW_WITHIN_PERIODS * period

    def stand_in(self, series: Series) -> Reading:
        """Return the reading that a forecast gives for the present.

        Parameters
        ----------
        series
            An answer of ``/v3/forecast``.

        Raises
        ------
        NoDataError
            When the forecast has no point for the present, or is older than `FORECAST_LIFE`.
        InvalidError
            When a time is impossible.
        """
        issued_at = self._issued_at(series)
        for point in series.points:
            # The first point may begin with the next period, but one that has ended says nothing
            # of the present.
            if point.valid_to <= self.now:
                continue
            if point.valid_from - self.now > point.valid_to - point.valid_from:
                break
            with suppress(InvalidError):  # which `forecast` reports
                return self._reading(point, series, Quality.FORECAST, issued_at)
        raise NoDataError(
            "the forecast has no usable point for the present", provider=NAME, zone=self.zone
        )

    def forecast(self, series: Series) -> Iterator[Forecast | InvalidError]:
        """Yield the points of a forecast that have not ended, up to `AHEAD`.

        A point that is refused, a missing value included, is a hole in the forecast, and each
        reason is yielded once. The other points stay true, and a search for the cleanest window
        never bridges a hole, so that refusing all of them would only lose what is known.

        Raises
        ------
        NoDataError
            When the forecast is older than `FORECAST_LIFE`.
        InvalidError
            When a time is impossible, or ``empty`` when there is no point at all.
        """
        issued_at = self._issued_at(series)
        points: list[ForecastPoint] = []
        refused: list[tuple[datetime, InvalidError]] = []
        for point in series.points:
            if not (self.now < point.valid_to and point.valid_from < self.now + AHEAD):
                continue
            try:
                gco2_kwh = self._gco2_kwh(point)
            except InvalidError as error:
                refused.append((point.valid_from, error))
            else:
                points.append(ForecastPoint(point.valid_from, point.valid_to, gco2_kwh))
        yield from series.unreadable[:1]
        yield from holes(refused)
        if points or not (refused or series.unreadable):
            yield Forecast(
                zone=self.zone,
                provider=NAME,
                provider_zone=self.region,
                signal=Signal.MARGINAL,
                basis=Basis.DIRECT,
                scope=Scope.CONSUMPTION,
                factor_set=WATTTIME,
                issued_at=issued_at,
                points=tuple(points),
                simulated=self.simulated,
            )

    def _gco2_kwh(self, point: Point) -> float:
        if point.contradicting is not NO_VALUE:
            raise InvalidError(
                f"there are two values for {stamp(point.valid_from)}: {point.lb_mwh!r:.40} and"
                f" {point.contradicting!r:.40}",
                reason="contradiction",
                provider=NAME,
                zone=self.zone,
            )
        gco2_kwh = gco2_kwh_of(point.lb_mwh, self.zone)
        greatest = rules_of_source(NAME, self.zone).greatest_gco2_kwh
        if gco2_kwh > greatest:
            raise InvalidError(
                f"{gco2_kwh:.0f} g/kWh, and no plant of the grid emits over {greatest:g}",
                reason="implausible_gco2",
                provider=NAME,
                zone=self.zone,
            )
        return gco2_kwh

    def _reading(
        self, point: Point, series: Series, quality: Quality, published_at: datetime | None
    ) -> Reading:
        gco2_kwh = self._gco2_kwh(point)
        return Reading(
            zone=self.zone,
            provider=NAME,
            provider_zone=self.region,
            signal=Signal.MARGINAL,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
            factor_set=WATTTIME,
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
            raise malformed("the forecast has no meta.generated_at", self.zone)
        if issued_at - self.now > FUTURE_TOLERANCE:
            raise InvalidError(
                f"the forecast was issued at {stamp(issued_at)}, which is in the future",
                reason="future",
                provider=NAME,
                zone=self.zone,
            )
        if self.now - issued_at > FORECAST_LIFE:
            raise NoDataError(
                f"the last forecast was issued at {stamp(issued_at)}", provider=NAME, zone=self.zone
            )
        return issued_at


def gco2_kwh_of(lb_mwh: object, zone: str) -> float:
    """Return a MOER in g/kWh.

    Parameters
    ----------
    lb_mwh
        The MOER in lb/MWh, unchecked.
    zone
        Our zone, named in errors.

    Raises
    ------
    InvalidError
        ``not_a_number``, ``negative``, ``too_high``.
    """
    if isinstance(lb_mwh, bool) or not isinstance(lb_mwh, int | float) or abs(lb_mwh) > MAX_LB_MWH:
        return check_gco2_kwh(lb_mwh, provider=NAME, zone=zone)
    return check_gco2_kwh(gco2_kwh_from_lb_mwh(lb_mwh), provider=NAME, zone=zone)
