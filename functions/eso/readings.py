"""Makes readings and forecasts from NESO's half hours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from functions.eso.half_hours import NAME, HalfHour, burnt_gco2_kwh, gco2_kwh_of, stamp
from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.plausibility import rules_of_provider
from greenstream.domain.reading import (
    Basis,
    Forecast,
    ForecastPoint,
    Quality,
    Reading,
    Scope,
    Signal,
)

SETTLES_AFTER: Final = timedelta(minutes=12)
"""After this long, the ``actual`` figure of an ended half hour counts as measured. Until about ten
minutes after the end, the API still shows the figure of the half hour before (polled every
minute)."""


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
    """

    zone: str
    region: str
    now: datetime
    simulated: bool

    def regional_reading(self, half_hours: Sequence[HalfHour]) -> Reading:
        """Return the forecast figure of the half hour that contains the present.

        Raises
        ------
        NoDataError
            When no half hour contains the present.
        InvalidError
            ``false_zero`` for a zero that the index or the mix contradicts; otherwise as
            `gco2_kwh_of` raises.
        """
        for half_hour in half_hours:
            if half_hour.valid_from <= self.now < half_hour.valid_to:
                break
        else:
            raise NoDataError(
                f"no half hour contains {stamp(self.now)}", provider=NAME, zone=self.zone
            )
        gco2_kwh = gco2_kwh_of(half_hour, "forecast", self.zone)
        burnt = burnt_gco2_kwh(half_hour.mix)
        index = half_hour.intensity.get("index")
        above = rules_of_provider(NAME).zero_is_false_above_gco2_kwh
        if gco2_kwh == 0 and (index != "very low" or burnt > above):
            raise InvalidError(
                f"0 g/kWh contradicts index {index!r} and {burnt:.0f} g/kWh from combustion",
                reason="false_zero",
                provider=NAME,
                zone=self.zone,
            )
        return self._reading(half_hour, gco2_kwh, Quality.FORECAST)

    def national_reading(self, half_hours: Sequence[HalfHour]) -> Reading:
        """Return the actual figure of the newest half hour.

        Raises
        ------
        NoDataError
            When the half hour has no actual figure yet.
        InvalidError
            ``false_zero`` for a zero that the forecast contradicts; otherwise as `gco2_kwh_of`
            raises.
        """
        half_hour = max(half_hours, key=lambda entry: entry.valid_to)
        actual = half_hour.intensity.get("actual")
        if actual is None:
            raise NoDataError(
                f"there is no actual figure yet for {stamp(half_hour.valid_from)}",
                provider=NAME,
                zone=self.zone,
            )
        gco2_kwh = gco2_kwh_of(half_hour, "actual", self.zone)
        forecast = half_hour.intensity.get("forecast")
        above = rules_of_provider(NAME).zero_is_false_above_gco2_kwh
        if gco2_kwh == 0 and not (isinstance(forecast, int | float) and forecast <= above):
            raise InvalidError(
                f"actual 0 g/kWh contradicts a forecast of {forecast!r}",
                reason="false_zero",
                provider=NAME,
                zone=self.zone,
            )
        settled = self.now - half_hour.valid_to >= SETTLES_AFTER
        quality = Quality.MEASURED if settled else Quality.ESTIMATED
        return self._reading(half_hour, gco2_kwh, quality)

    def forecast(self, half_hours: Sequence[HalfHour]) -> Forecast:
        """Return the forecast figures of the half hours that have not ended yet.

        Raises
        ------
        InvalidError
            As `gco2_kwh_of` and `Forecast` raise.
        """
        points = {
            half_hour.valid_from: ForecastPoint(
                half_hour.valid_from,
                half_hour.valid_to,
                gco2_kwh_of(half_hour, "forecast", self.zone),
            )
            for half_hour in half_hours
            if half_hour.valid_to > self.now and half_hour.intensity.get("forecast") is not None
        }
        return Forecast(
            zone=self.zone,
            provider=NAME,
            provider_zone=self.region,
            signal=Signal.AVERAGE,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
            issued_at=self.now,
            points=tuple([points[start] for start in sorted(points)]),
            simulated=self.simulated,
        )

    def _reading(self, half_hour: HalfHour, gco2_kwh: float, quality: Quality) -> Reading:
        return Reading(
            zone=self.zone,
            provider=NAME,
            provider_zone=self.region,
            signal=Signal.AVERAGE,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
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
