"""Makes readings and forecasts from NESO's half hours."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from functions.eso.half_hours import HALF_HOUR, NAME, Figures, HalfHour, stamp
from functions.eso.judging import gco2_kwh_of
from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.factor_sets import NESO
from greenstream.domain.holes import holes
from greenstream.domain.reading import (
    Basis,
    Forecast,
    ForecastPoint,
    Quality,
    Reading,
    Scope,
    Signal,
)
from greenstream.ingest.stored_slots import ZoneSlots

SETTLES_AFTER: Final = timedelta(minutes=12)
"""After this long, the ``actual`` figure of an ended half hour counts as measured. Until about ten
minutes after the end, the API still shows the figure of the half hour before (polled every
minute)."""

MAX_REACH: Final = timedelta(hours=49)
"""How far ahead a half hour of the forecast may begin. Two ranges of 24 hours are asked for at
most, of which the second begins within the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A region of NESO, or the whole nation, during one run.

    Parameters
    ----------
    zone
        The zone that the readings are for (``GBR-13``).
    region
        The region's id at NESO (``13``), or ``national``.
    now
        The instant of the run, UTC.
    simulated
        Whether a simulator gave the answers.
    mix_decides
        Whether a figure is refused that does not follow from the shares beside it.
    """

    zone: str
    region: str
    now: datetime
    simulated: bool
    mix_decides: bool = True

    def regional_reading(self, figures: Figures) -> Reading:
        """Return the forecast figure of the half hour that contains the present.

        Raises
        ------
        NoDataError
            When no half hour contains the present.
        InvalidError
            As `Figures.check_unit`, `Figures.at` and `gco2_kwh_of` raise.
        """
        figures.check_unit()
        for start in figures:
            if start <= self.now < start + HALF_HOUR:
                half_hour = figures.at(start)
                gco2_kwh = self._forecast_gco2_kwh(half_hour, figures)
                return self._reading(half_hour, gco2_kwh, Quality.FORECAST)
        raise NoDataError(f"no half hour contains {stamp(self.now)}", provider=NAME, zone=self.zone)

    def national_readings(
        self, figures: Figures, ahead: Figures, stored: ZoneSlots
    ) -> Iterator[Reading | InvalidError]:
        """Yield the newest actual figure, and those of earlier half hours that are not stored so.

        A figure that is refused is yielded as its error, except those of half hours that the store
        does not wait for.

        Parameters
        ----------
        figures
            The half hours of ``/intensity``, of which there is at least one.
        ahead
            The half hours of the forecast list, which begins with the last one that has ended. It
            must not contradict the actual figure.
        stored
            What is stored of the nation's figures.

        Raises
        ------
        NoDataError
            When there is no actual figure yet.
        """
        newest: Reading | None = None
        missing = None
        for start in reversed([*figures]):
            if newest is not None and not stored.asks_for(start + HALF_HOUR, self.now):
                continue
            try:
                half_hour = figures.at(start, ahead)
                if half_hour.intensity.get("actual") is None:
                    missing = missing or start
                    continue
                gco2_kwh = gco2_kwh_of(half_hour, "actual", self.zone)
                settled = self.now - half_hour.valid_to >= SETTLES_AFTER
                quality = Quality.MEASURED if settled else Quality.ESTIMATED
                reading = self._reading(half_hour, gco2_kwh, quality)
            except InvalidError as error:
                yield error
                continue
            if newest is None or stored.lacks(reading):
                yield reading
            newest = newest or reading
        if missing is not None and newest is None:
            raise NoDataError(
                f"there is no actual figure yet for {stamp(missing)}", provider=NAME, zone=self.zone
            )

    def forecast(self, figures: Figures) -> Iterator[Forecast | InvalidError]:
        """Yield the forecast of the half hours that have not ended yet.

        A half hour whose figure is refused is a hole in the forecast. Each reason is yielded once.

        Raises
        ------
        InvalidError
            ``empty`` when no half hour has a figure and none was refused; as `Figures.check_unit`
            raises.
        """
        figures.check_unit()
        points: list[ForecastPoint] = []
        refused: list[tuple[datetime, InvalidError]] = []
        for start in figures:
            if start + HALF_HOUR <= self.now:
                continue
            try:
                half_hour = figures.at(start)
                if half_hour.intensity.get("forecast") is None:
                    continue
                gco2_kwh = self._forecast_gco2_kwh(half_hour, figures)
                self._check_reach(start)
                points.append(ForecastPoint(start, half_hour.valid_to, gco2_kwh))
            except InvalidError as error:
                refused.append((start, error))
        yield from holes(refused)
        if points or not refused:
            yield Forecast(
                zone=self.zone,
                provider=NAME,
                provider_zone=self.region,
                signal=Signal.AVERAGE,
                basis=Basis.DIRECT,
                scope=Scope.CONSUMPTION,
                factor_set=NESO,
                issued_at=self.now,
                points=tuple(points),
                simulated=self.simulated,
            )

    def _forecast_gco2_kwh(self, half_hour: HalfHour, figures: Figures) -> float:
        beside = None if half_hour.mix else figures.forecasts_beside(half_hour.valid_from)
        return gco2_kwh_of(half_hour, "forecast", self.zone, beside, mix_decides=self.mix_decides)

    def _check_reach(self, start: datetime) -> None:
        if start - self.now > MAX_REACH:
            raise InvalidError(
                f"the half hour at {stamp(start)} is later than was asked for",
                reason="bad_interval",
                provider=NAME,
                zone=self.zone,
            )

    def _reading(self, half_hour: HalfHour, gco2_kwh: float, quality: Quality) -> Reading:
        return Reading(
            zone=self.zone,
            provider=NAME,
            provider_zone=self.region,
            signal=Signal.AVERAGE,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
            factor_set=NESO,
            quality=quality,
            gco2_kwh=gco2_kwh,
            gco2_low=gco2_kwh,
            gco2_high=gco2_kwh,
            valid_from=half_hour.valid_from,
            valid_to=half_hour.valid_to,
            fetched_at=self.now,
            simulated=self.simulated,
            detail={
                key: half_hour.intensity[key]
                for key in ("forecast", "index")
                if key in half_hour.intensity
            },
        )


def coming_day(forecasts: Iterable[Forecast]) -> Iterator[Reading]:
    """Yield each half hour of the forecasts as a reading, of which the first profile is made."""
    for forecast in forecasts:
        for valid_from, valid_to, gco2_kwh in forecast.points:
            yield Reading(
                zone=forecast.zone,
                provider=forecast.provider,
                provider_zone=forecast.provider_zone,
                signal=forecast.signal,
                basis=forecast.basis,
                scope=forecast.scope,
                factor_set=forecast.factor_set,
                quality=Quality.FORECAST,
                gco2_kwh=gco2_kwh,
                gco2_low=gco2_kwh,
                gco2_high=gco2_kwh,
                valid_from=valid_from,
                valid_to=valid_to,
                fetched_at=forecast.issued_at,
                simulated=forecast.simulated,
            )
