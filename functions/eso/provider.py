"""Great Britain: NESO's Carbon Intensity API (formerly National Grid ESO).

Average intensity, combustion CO2 only, imports counted; half hours, UTC; CC BY 4.0.
Regions publish a forecast only. The national figure has an ``actual`` for the last completed
half hour, which for about ten minutes after each roll-over still shows the half hour before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from functions.eso.half_hours import (
    NAME,
    HalfHour,
    burnt_gco2_kwh,
    gco2_kwh_of,
    malformed,
    national_half_hours,
    regional_half_hours,
    stamp,
)
from greenstream.domain.errors import GreenStreamError, InvalidError, NoDataError, PermanentError
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
from greenstream.domain.zones import zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch

NATIONAL: Final = "national"
AHEAD: Final = timedelta(hours=24)
SETTLES_AFTER: Final = timedelta(minutes=12)
"""Polled every minute, ``actual`` was corrected ten minutes after each roll-over."""


@dataclass(frozen=True, slots=True)
class Eso:
    """The provider: two requests for the nation, one for all regions."""

    http: HttpClient
    simulated: bool = False

    @property
    def name(self) -> str:
        """Name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield the regions, then the nation; a fault in one leaves the other."""
        with self.http:
            for part in (self._regions, self._nation):
                try:
                    yield part(now)
                except GreenStreamError as error:
                    yield Batch(errors=(error,))

    def _regions(self, now: datetime) -> Batch:
        spoilt: dict[str, InvalidError] = {}
        wanted = {region: zone for zone, region in _own_zones() if region != NATIONAL}
        rows: dict[str, list[HalfHour]] = {region: [] for region in wanted}
        for start in _starts(now):
            answer = self._ask(f"/regional/intensity/{stamp(start)}/fw24h")
            for region, half_hour in regional_half_hours(answer):
                if region not in wanted:
                    continue
                if isinstance(half_hour, InvalidError):
                    spoilt.setdefault(region, half_hour)
                else:
                    rows[region].append(half_hour)
        readings: list[Reading] = []
        forecasts: list[Forecast] = []
        errors: list[GreenStreamError] = []
        for region, zone in wanted.items():
            half_hours = rows[region]
            if region in spoilt:
                errors.append(malformed(spoilt[region].message, zone))
            try:
                readings.append(self._regional_reading(zone, region, half_hours, now))
            except GreenStreamError as error:
                errors.append(error)
            try:
                forecasts.append(self._forecast(zone, region, half_hours, now))
            except GreenStreamError as error:
                errors.append(error)
        return Batch(readings=tuple(readings), forecasts=tuple(forecasts), errors=tuple(errors))

    def _nation(self, now: datetime) -> Batch:
        [zone] = [zone for zone, region in _own_zones() if region == NATIONAL]
        readings: list[Reading] = []
        forecasts: list[Forecast] = []
        errors: list[GreenStreamError] = []
        try:
            newest = national_half_hours(self._ask("/intensity", zone), zone)
            readings.append(self._national_reading(zone, newest, now))
        except GreenStreamError as error:
            errors.append(error)
        try:
            half_hours = [
                half_hour
                for start in _starts(now)
                for half_hour in national_half_hours(
                    self._ask(f"/intensity/{stamp(start)}/fw24h", zone), zone
                )
            ]
            forecasts.append(self._forecast(zone, NATIONAL, half_hours, now))
        except GreenStreamError as error:
            errors.append(error)
        return Batch(readings=tuple(readings), forecasts=tuple(forecasts), errors=tuple(errors))

    def _regional_reading(
        self, zone: str, region: str, half_hours: Sequence[HalfHour], now: datetime
    ) -> Reading:
        for half_hour in half_hours:
            if half_hour.valid_from <= now < half_hour.valid_to:
                break
        else:
            raise NoDataError(f"no half hour holds {stamp(now)}", provider=NAME, zone=zone)
        gco2_kwh = gco2_kwh_of(half_hour, "forecast", zone)
        burnt = burnt_gco2_kwh(half_hour.mix)
        index = half_hour.intensity.get("index")
        above = rules_of_provider(NAME).zero_is_false_above_gco2_kwh
        if gco2_kwh == 0 and (index != "very low" or burnt > above):
            raise InvalidError(
                f"0 g/kWh beside index {index!r} and {burnt:.0f} g/kWh from what is burnt",
                reason="false_zero",
                provider=NAME,
                zone=zone,
            )
        return self._reading(zone, region, half_hour, gco2_kwh, Quality.FORECAST, now)

    def _national_reading(
        self, zone: str, half_hours: Sequence[HalfHour], now: datetime
    ) -> Reading:
        half_hour = max(half_hours, key=lambda entry: entry.valid_to)
        actual = half_hour.intensity.get("actual")
        if actual is None:
            raise NoDataError(
                f"no actual yet for {stamp(half_hour.valid_from)}", provider=NAME, zone=zone
            )
        gco2_kwh = gco2_kwh_of(half_hour, "actual", zone)
        forecast = half_hour.intensity.get("forecast")
        above = rules_of_provider(NAME).zero_is_false_above_gco2_kwh
        if gco2_kwh == 0 and not (isinstance(forecast, int | float) and forecast <= above):
            raise InvalidError(
                f"actual 0 g/kWh beside a forecast of {forecast!r}",
                reason="false_zero",
                provider=NAME,
                zone=zone,
            )
        settled = now - half_hour.valid_to >= SETTLES_AFTER
        quality = Quality.MEASURED if settled else Quality.ESTIMATED
        return self._reading(zone, NATIONAL, half_hour, gco2_kwh, quality, now)

    def _reading(
        self,
        zone: str,
        region: str,
        half_hour: HalfHour,
        gco2_kwh: float,
        quality: Quality,
        now: datetime,
    ) -> Reading:
        return Reading(
            zone=zone,
            provider=NAME,
            provider_zone=region,
            signal=Signal.AVERAGE,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
            quality=quality,
            gco2_kwh=gco2_kwh,
            gco2_low=gco2_kwh,
            gco2_high=gco2_kwh,
            valid_from=half_hour.valid_from,
            valid_to=half_hour.valid_to,
            fetched_at=now,
            simulated=self.simulated,
            detail={
                key: half_hour.intensity[key]
                for key in ("forecast", "index")
                if key in half_hour.intensity
            },
        )

    def _forecast(
        self, zone: str, region: str, half_hours: Sequence[HalfHour], now: datetime
    ) -> Forecast:
        points = {
            half_hour.valid_from: ForecastPoint(
                half_hour.valid_from, half_hour.valid_to, gco2_kwh_of(half_hour, "forecast", zone)
            )
            for half_hour in half_hours
            if half_hour.valid_to > now and half_hour.intensity.get("forecast") is not None
        }
        return Forecast(
            zone=zone,
            provider=NAME,
            provider_zone=region,
            signal=Signal.AVERAGE,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
            issued_at=now,
            points=tuple([points[start] for start in sorted(points)]),
            simulated=self.simulated,
        )

    def _ask(self, path: str, zone: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """Return an answer's data; without a zone it is of all regions."""
        response = self.http.get(path, zone=zone)
        if response.status != 200:  # noqa: PLR2004
            raise PermanentError(
                f"HTTP {response.status} from {path}: {response.refusal()[:200]}",
                provider=NAME,
                zone=zone,
            )
        answer = response.json(provider=NAME, zone=zone)
        if not isinstance(answer, dict) or "data" not in answer:
            raise malformed(f"no data in the answer of {path}", zone)
        return answer["data"]


def _starts(now: datetime) -> Iterator[datetime]:
    """Yield where to ask from: now, and the new year, since ranges are cut at 31 December."""
    yield now
    if (now + AHEAD).year != now.year:
        yield datetime(now.year + 1, 1, 1, tzinfo=UTC)


def _own_zones() -> list[tuple[str, str]]:
    """Return (zone, region) of each region's own zone; the nation's is the zone GBR."""
    return [
        (zone.zone, source.provider_zone)
        for zone, source in zones_of(NAME)
        if zone.sources[0] == source
    ]
