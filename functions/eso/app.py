"""Great Britain: NESO's Carbon Intensity API (formerly National Grid ESO).

Average intensity, combustion CO2 only, imports counted; half hours, UTC; CC BY 4.0.
Regions publish a forecast only. The national figure has an ``actual`` for the last completed
half hour, which for about ten minutes after each roll-over still shows the half hour before.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings, required
from greenstream.domain.clock import utc_now
from greenstream.domain.errors import GreenStreamError, InvalidError, NoDataError, PermanentError
from greenstream.domain.reading import (
    Basis,
    Forecast,
    ForecastPoint,
    Quality,
    Reading,
    Scope,
    Signal,
    check_gco2_kwh,
)
from greenstream.domain.zones import zones_of
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch

NAME: Final = "eso"
NATIONAL: Final = "national"
HALF_HOUR: Final = timedelta(minutes=30)
NUMBER: Final = (int, float)
WHOLE: Final = 100
"""Per cent."""

AHEAD: Final = timedelta(hours=24)
SETTLES_AFTER: Final = timedelta(minutes=12)
"""Polled every minute, ``actual`` was corrected ten minutes after each roll-over."""

FAR_FROM_ZERO_GCO2_KWH: Final = 40.0
"""Upper end of NESO's band "very low": a zero beside more than this is no measurement."""

LEAST_GCO2_KWH: Final = {"low": 5.0, "moderate": 40.0, "high": 60.0, "very high": 80.0}
"""Far below where NESO's bands begin in any year (moderate: 160 in 2020, 120 in 2026): a figure
under this beside that index is in another unit."""

COMBUSTION_GCO2_KWH: Final = {"gas": 394.0, "coal": 937.0, "biomass": 120.0}
"""NESO's own factors (/intensity/factors, 2023) of what is burnt inside Great Britain."""


_Interval = tuple[datetime, datetime]


class _HalfHour(NamedTuple):  # nine hundred a run
    valid_from: datetime
    valid_to: datetime
    intensity: Mapping[str, Any]
    mix: object
    """The member ``generationmix`` as it came."""


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
        rows: dict[str, list[_HalfHour]] = {region: [] for region in wanted}
        for start in _starts(now):
            answer = self._ask(f"/regional/intensity/{_stamp(start)}/fw24h")
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
                errors.append(_malformed(spoilt[region].message, zone))
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
                    self._ask(f"/intensity/{_stamp(start)}/fw24h", zone), zone
                )
            ]
            forecasts.append(self._forecast(zone, NATIONAL, half_hours, now))
        except GreenStreamError as error:
            errors.append(error)
        return Batch(readings=tuple(readings), forecasts=tuple(forecasts), errors=tuple(errors))

    def _regional_reading(
        self, zone: str, region: str, half_hours: Sequence[_HalfHour], now: datetime
    ) -> Reading:
        for half_hour in half_hours:
            if half_hour.valid_from <= now < half_hour.valid_to:
                break
        else:
            raise NoDataError(f"no half hour holds {_stamp(now)}", provider=NAME, zone=zone)
        gco2_kwh = _gco2_kwh(half_hour, "forecast", zone)
        burnt = burnt_gco2_kwh(half_hour.mix)
        index = half_hour.intensity.get("index")
        if gco2_kwh == 0 and (index != "very low" or burnt > FAR_FROM_ZERO_GCO2_KWH):
            raise InvalidError(
                f"0 g/kWh beside index {index!r} and {burnt:.0f} g/kWh from what is burnt",
                reason="false_zero",
                provider=NAME,
                zone=zone,
            )
        return self._reading(zone, region, half_hour, gco2_kwh, Quality.FORECAST, now)

    def _national_reading(
        self, zone: str, half_hours: Sequence[_HalfHour], now: datetime
    ) -> Reading:
        half_hour = max(half_hours, key=lambda entry: entry.valid_to)
        actual = half_hour.intensity.get("actual")
        if actual is None:
            raise NoDataError(
                f"no actual yet for {_stamp(half_hour.valid_from)}", provider=NAME, zone=zone
            )
        gco2_kwh = _gco2_kwh(half_hour, "actual", zone)
        forecast = half_hour.intensity.get("forecast")
        if gco2_kwh == 0 and not (
            isinstance(forecast, int | float) and forecast <= FAR_FROM_ZERO_GCO2_KWH
        ):
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
        half_hour: _HalfHour,
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
        self, zone: str, region: str, half_hours: Sequence[_HalfHour], now: datetime
    ) -> Forecast:
        points = {
            half_hour.valid_from: ForecastPoint(
                half_hour.valid_from, half_hour.valid_to, _gco2_kwh(half_hour, "forecast", zone)
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
            raise _malformed(f"no data in the answer of {path}", zone)
        return answer["data"]


def national_half_hours(data: object, zone: str) -> list[_HalfHour]:
    """Read the national answer: a list of half hours.

    Raises
    ------
    InvalidError
        ``malformed``; NoDataError when the list is empty.
    """
    if not isinstance(data, list):
        raise _malformed(f"national data is {type(data).__name__}, not a list", zone)
    if not data:
        raise NoDataError("the answer holds no half hour", provider=NAME, zone=zone)
    half_hours: list[_HalfHour] = []
    for row in data:
        half_hour = _half_hour(row, _interval(row))
        if isinstance(half_hour, InvalidError):
            raise half_hour
        half_hours.append(half_hour)
    return half_hours


def regional_half_hours(data: object) -> Iterator[tuple[str, _HalfHour | InvalidError]]:
    """Read a regional answer in any of its shapes: (region id, half hour), as they come.

    A half hour that cannot be read is yielded as its error: it spoils its own region alone.

    All regions: a list of half hours with ``regions``. One region: an object, or a list of one
    object, with the region's half hours in ``data``.

    Raises
    ------
    InvalidError
        ``malformed``.
    """
    for entry in data if isinstance(data, list) else [data]:
        if not isinstance(entry, dict):
            raise _malformed(f"a regional entry is {type(entry).__name__}")
        if isinstance(entry.get("regions"), list):
            interval = _interval(entry)
            for region in entry["regions"]:
                yield _region_id(region), _half_hour(region, interval)
        elif isinstance(entry.get("data"), list):
            for row in entry["data"]:
                yield _region_id(entry), _half_hour(row, _interval(row))
        else:
            raise _malformed(f"a regional entry has only {sorted(map(str, entry))[:8]}")


def _region_id(row: object) -> str:
    if not isinstance(row, dict):
        raise _malformed(f"a region is {type(row).__name__}")
    region = row.get("regionid")
    if type(region) is not int:  # to isinstance, true and false are too
        raise _malformed(f"regionid is {region!r}")
    return str(region)


def _half_hour(row: object, interval: _Interval | InvalidError) -> _HalfHour | InvalidError:
    if not isinstance(row, dict) or not isinstance(intensity := row.get("intensity"), dict):
        return _malformed("a half hour without intensity")
    if isinstance(interval, InvalidError):
        return interval
    valid_from, valid_to = interval
    return _HalfHour(valid_from, valid_to, intensity, row.get("generationmix"))


def _interval(row: object) -> _Interval | InvalidError:
    """Return the half hour that a row, or all the regions of an entry, are of."""
    stamps = row if isinstance(row, dict) else {}
    try:
        valid_from, valid_to = _moment(str(stamps.get("from"))), _moment(str(stamps.get("to")))
    except InvalidError as error:
        return error
    if valid_to - valid_from != HALF_HOUR:
        return _malformed(f"{valid_from} to {valid_to} is not half an hour")
    return valid_from, valid_to


def _gco2_kwh(half_hour: _HalfHour, key: str, zone: str) -> float:
    """Return a figure that neither its own index nor what is burnt for it contradicts."""
    _, _, intensity, mix = half_hour
    gco2_kwh = check_gco2_kwh(intensity.get(key), provider=NAME, zone=zone)
    index, burnt = str(intensity.get("index")), burnt_gco2_kwh(mix)
    if 0 < gco2_kwh < max(LEAST_GCO2_KWH.get(index, 0.0), burnt / 2 - 1):
        raise InvalidError(
            f"{gco2_kwh} beside index {index!r:.40} and {burnt:.0f} g/kWh"
            " from what is burnt is in another unit",
            reason="wrong_unit",
            provider=NAME,
            zone=zone,
        )
    return gco2_kwh


def burnt_gco2_kwh(mix: object) -> float:
    """Return what a mix's own combustion makes; 0 where no mix is given.

    What cannot be read of it, or be a percentage, is left out, as it only cross-checks.
    """
    if not isinstance(mix, list):
        return 0.0
    factors, made = COMBUSTION_GCO2_KWH, 0.0
    try:
        for one in mix:
            fuel = one["fuel"]
            if fuel in factors and 0 <= (perc := one["perc"]) <= WHOLE:
                made += factors[fuel] * perc
    except (LookupError, TypeError):
        told = ((str(one.get("fuel")), one.get("perc")) for one in mix if isinstance(one, dict))
        made = sum(
            factors[fuel] * perc
            for fuel, perc in told
            if fuel in factors and isinstance(perc, NUMBER) and 0 <= perc <= WHOLE
        )
    return made / WHOLE


@lru_cache(maxsize=256)  # every region of a half hour says the same two times
def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise _malformed(f"time {text!r} is not YYYY-MM-DDThh:mmZ") from error


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%MZ")


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


def _malformed(what: str, zone: str | None = None) -> InvalidError:
    return InvalidError(what, reason="malformed", provider=NAME, zone=zone)


TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
ESO: Final = Eso(
    HttpClient(provider=NAME, base_url=required("ESO_BASE_URL")), simulated=SETTINGS.simulated
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Run once; the event says nothing that the clock does not."""
    return collect(ESO, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
