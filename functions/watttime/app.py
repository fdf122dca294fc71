"""WattTime v3: the marginal operating emissions rate (MOER) of a grid region.

Marginal intensity, combustion CO2 only, in lb/MWh; five-minute points stamped with their start.
The newest historical point is the better "now" and is published minutes to hours late; when it
is, the first point of the forecast stands in, as WattTime recommends. The scope is consumption:
a MOER follows a change of load in the region to the generators that answer it, inside or outside
(https://watttime.org/data-science/data-signals/marginal-co2). The signal index is a percentile,
so it is never asked for.
"""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from greenstream.clock import Clock, utc_now
from greenstream.collect import Harvest, Telemetry, collect
from greenstream.dynamodb import DynamoStore, dynamodb_client
from greenstream.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
    without_secrets,
)
from greenstream.http import HttpClient, Response
from greenstream.reading import (
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
from greenstream.secrets import SsmSecrets
from greenstream.settings import SecretStore, Settings, required, secret
from greenstream.telemetry import PowertoolsTelemetry
from greenstream.zones import Source, Zone, zones_of

NAME: Final = "watttime"
SIGNAL_TYPE: Final = "co2_moer"
UNITS: Final = "lbs_co2_per_mwh"
HISTORICAL: Final = "v3/historical"
FORECAST: Final = "v3/forecast"

TOKEN_LIFE: Final = timedelta(minutes=30)
RENEWED_BEFORE: Final = timedelta(minutes=2)
"""A token about to expire is renewed early: longer than a run lasts."""

ACCESS_LIFE: Final = timedelta(days=1)
BACK: Final = timedelta(hours=3)
"""How far back to look for the newest historical point: it may be hours late."""

HORIZON_HOURS: Final = "24"
AHEAD: Final = timedelta(hours=24)
"""What is kept of a forecast, however long it comes: an item of the table has its limit."""

NOW_WITHIN_PERIODS: Final = 2
"""A historical point that ended no more than this many of its own periods ago stands for now."""

FORECAST_LIFE: Final = timedelta(hours=1)
"""A new forecast comes every five minutes: an older one says that the upstream has stopped."""

MAX_WARNINGS: Final = 10
PERIODS_S: Final = range(60, 3601)
MAX_LB_MWH: Final = 10_000.0
RUN_S: Final = 45.0
"""No request starts later than this into a run; one lasts up to 31 s with its retry."""

OK: Final = 200
UNAUTHORIZED: Final = 401

Credentials = tuple[str, str]
Endpoints = Mapping[str, frozenset[str]]


@dataclass(slots=True)
class Session:
    """What outlives a run in a warm sandbox.

    The token, what the account may read, and the end of each region's newest historical point
    that is stored: those since then come too, so that no outage leaves a hole.
    """

    token: str | None = None
    expires_at: datetime | None = None
    credentials: Credentials | None = None
    access: Endpoints | None = None
    access_read_at: datetime | None = None
    stored: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a MOER series: lb/MWh or what came instead, and what was said of it."""

    valid_from: datetime
    valid_to: datetime
    lb_mwh: object
    imputed: bool
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Series:
    """A checked answer: points by their start, oldest first."""

    points: tuple[Point, ...]
    generated_at: datetime | None
    warnings: tuple[str, ...]
    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WattTime:
    """The provider: a login every half hour, then two requests for each region.

    Parameters
    ----------
    wanted
        The zones to read, each with its region as source.
    credentials
        User name and password, or ``None`` when they are not configured.
    session
        Outlives the run.
    clock
        Says when the token expires.
    """

    http: HttpClient
    wanted: Sequence[tuple[Zone, Source]]
    credentials: Callable[[], Credentials | None]
    telemetry: Telemetry
    session: Session = field(default_factory=Session)
    simulated: bool = False
    clock: Clock = utc_now
    monotonic: Callable[[], float] = time.monotonic

    @property
    def name(self) -> str:
        """Name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Harvest]:
        """Yield each region's reading and forecast; a fault in one leaves the others."""
        own = [(zone.zone, source.provider_zone) for zone, source in self.wanted]
        credentials = self.credentials()
        if credentials is None:
            yield Harvest(unconfigured=tuple(zone for zone, _ in own))
            return
        if credentials != self.session.credentials:
            self.session.token = self.session.access = None
            self.session.credentials = credentials
        with self.http:
            run = _Run(self, credentials)
            run.token()  # without a login there is nothing to ask
            access: Endpoints | None = None
            try:
                access = self._access(run)
            except GreenStreamError as error:  # then each region's own answer tells
                yield Harvest(errors=(error,))
            for zone, region in own:
                harvest = self._region(run, zone, region, access, now)
                yield harvest
                for reading in harvest.readings:  # stored by now: the pipeline asked for the next
                    if reading.quality is not Quality.FORECAST:
                        self.session.stored[region] = reading.valid_to

    def _access(self, run: "_Run") -> Endpoints:
        session, now = self.session, self.clock()
        if (
            session.access is None
            or session.access_read_at is None
            or now - session.access_read_at >= ACCESS_LIFE
        ):
            session.access = endpoints_by_region(run.ask("/v3/my-access", {}, None))
            session.access_read_at = now
        return session.access

    def _region(
        self, run: "_Run", zone: str, region: str, access: Endpoints | None, now: datetime
    ) -> Harvest:
        open_here = {HISTORICAL, FORECAST} if access is None else access.get(region, frozenset())
        if not open_here & {HISTORICAL, FORECAST}:
            error = PermanentError(
                f"the account may not read {SIGNAL_TYPE} of {region}", provider=NAME, zone=zone
            )
            return Harvest(errors=(error,))
        readings: list[Reading] = []
        forecasts: list[Forecast] = []
        errors: list[GreenStreamError] = []
        if HISTORICAL in open_here:
            try:
                window = {"start": _stamp(now - BACK), "end": _stamp(now)}
                query = window | {"include_imputed_marker": "true"}
                series = self._series(run, HISTORICAL, query, zone, region)
                for point in self._points(series, zone, region, now):
                    try:
                        readings.append(self._historical_reading(point, series, zone, region, now))
                    except InvalidError as error:
                        errors.append(error)
            except GreenStreamError as error:
                errors.append(error)
        if FORECAST in open_here:
            try:
                series = self._series(run, FORECAST, {"horizon_hours": HORIZON_HOURS}, zone, region)
                if not any(_stands_for_now(reading, now) for reading in readings):
                    readings.append(self._forecast_reading(series, zone, region, now))
                forecasts.append(self._forecast(series, zone, region, now))
            except GreenStreamError as error:
                errors.append(error)
        return Harvest(readings=tuple(readings), forecasts=tuple(forecasts), errors=tuple(errors))

    def _series(
        self, run: "_Run", endpoint: str, query: Mapping[str, str], zone: str, region: str
    ) -> Series:
        params = {"region": region, "signal_type": SIGNAL_TYPE, **query}
        series = series_of(run.ask(f"/{endpoint}", params, zone), zone, region)
        for warning in series.warnings:
            self.telemetry.event(
                "warning",
                "upstream warning",
                provider=NAME,
                zone=zone,
                endpoint=endpoint,
                warning=warning,
            )
        return series

    def _points(self, series: Series, zone: str, region: str, now: datetime) -> Sequence[Point]:
        """Return the newest point, after those that were missed since the last one stored."""
        if not series.points:
            raise NoDataError(f"no historical point since {_stamp(now - BACK)}", **_at(zone))
        newest = series.points[-1]
        after = self.session.stored.get(region, newest.valid_to)
        return [*(point for point in series.points[:-1] if point.valid_to > after), newest]

    def _historical_reading(
        self, point: Point, series: Series, zone: str, region: str, now: datetime
    ) -> Reading:
        return self._reading(
            point,
            series,
            (zone, region),
            quality=Quality.ESTIMATED if point.imputed else Quality.MEASURED,
            published_at=point.updated_at,
            now=now,
        )

    def _forecast_reading(self, series: Series, zone: str, region: str, now: datetime) -> Reading:
        # The run's first point may be the next period's; what ended is no statement about now.
        ahead = [point for point in series.points if point.valid_to > now]
        if not ahead or ahead[0].valid_from - now > ahead[0].valid_to - ahead[0].valid_from:
            raise NoDataError("no forecast point for now", **_at(zone))
        return self._reading(
            ahead[0],
            series,
            (zone, region),
            quality=Quality.FORECAST,
            published_at=_issued_at(series, zone, now),
            now=now,
        )

    def _reading(
        self,
        point: Point,
        series: Series,
        place: tuple[str, str],
        *,
        quality: Quality,
        published_at: datetime | None,
        now: datetime,
    ) -> Reading:
        zone, region = place
        gco2_kwh = gco2_kwh_of(point.lb_mwh, zone)
        return Reading(
            zone=zone,
            provider=NAME,
            provider_zone=region,
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
            fetched_at=now,
            simulated=self.simulated,
            detail={
                "lb_mwh": point.lb_mwh,
                "model": series.model,
                "warnings": list(series.warnings),
                "imputed": point.imputed,
            },
        )

    def _forecast(self, series: Series, zone: str, region: str, now: datetime) -> Forecast:
        return Forecast(
            zone=zone,
            provider=NAME,
            provider_zone=region,
            signal=Signal.MARGINAL,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
            issued_at=_issued_at(series, zone, now),
            points=tuple(
                ForecastPoint(point.valid_from, point.valid_to, gco2_kwh_of(point.lb_mwh, zone))
                for point in series.points
                if now < point.valid_to and point.valid_from < now + AHEAD
            ),
            simulated=self.simulated,
        )


@dataclass(slots=True)
class _Run:
    """One run's requests: at most one renewal, none past its time, none after a 429."""

    provider: WattTime
    credentials: Credentials
    began: float = field(init=False)
    logins: int = 0
    throttled: bool = False

    def __post_init__(self) -> None:
        self.began = self.provider.monotonic()

    def ask(self, path: str, params: Mapping[str, str], zone: str | None) -> object:
        """Return the JSON of an authorized GET, with one new login when the token is refused."""
        response = self._get(path, params, zone, f"Bearer {self.token()}")
        if response.status == UNAUTHORIZED and self.logins == 0:
            self.provider.session.token = None
            response = self._get(path, params, zone, f"Bearer {self.token()}")
        if response.status != OK:
            raise PermanentError(
                f"HTTP {response.status} from {path}: {self._said(response)}",
                provider=NAME,
                zone=zone,
            )
        return response.json(provider=NAME, zone=zone)

    def token(self) -> str:
        """Return the session's token, or a new one when it is about to expire."""
        session, now = self.provider.session, self.provider.clock()
        if session.token and session.expires_at and now < session.expires_at - RENEWED_BEFORE:
            return session.token
        self.logins += 1
        response = self._get("/login", {}, None, f"Basic {self._basic()}")
        if response.status != OK:
            raise PermanentError(
                f"HTTP {response.status} from /login: WATTTIME_USERNAME or WATTTIME_PASSWORD is"
                f" refused ({self._said(response)})",
                provider=NAME,
            )
        session.token, session.expires_at = token_of(response.body), now + TOKEN_LIFE
        return session.token

    def _said(self, response: Response) -> str:
        """Return the upstream's own words: JSON here, a gateway's HTML there."""
        try:
            answer = json.loads(response.body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            return f"{response.headers.get('content-type', 'no content type')}, no reason given"
        words = [str(answer[key]) for key in ("error", "message", "msg") if answer.get(key)]
        sent = (*self.credentials, self._basic(), self.provider.session.token)
        return without_secrets(": ".join(words), *sent)[:300] or "no reason given"

    def _basic(self) -> str:
        return base64.b64encode(":".join(self.credentials).encode()).decode()

    def _get(
        self, path: str, params: Mapping[str, str], zone: str | None, authorization: str
    ) -> Response:
        if self.throttled or self.provider.monotonic() - self.began > RUN_S:
            why = "WattTime asked for silence" if self.throttled else "no time left"
            raise TransientError(f"{path} is not asked: {why}", provider=NAME, zone=zone)
        headers = {"Authorization": authorization}
        try:
            return self.provider.http.get(path, params=params, headers=headers, zone=zone)
        except ThrottledError:
            self.throttled = True
            raise


def token_of(body: bytes) -> str:
    """Read the login's answer; an error never quotes it, since it may hold a token.

    Raises
    ------
    InvalidError
        ``malformed``.
    """
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    token = answer.get("token") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token or not all("!" <= letter <= "~" for letter in token):
        raise _malformed(f"the login's answer ({len(body)} bytes) holds no usable token", None)
    return token


def endpoints_by_region(answer: object) -> Endpoints:
    """Read ``/v3/my-access``: the endpoints open to the account for the MOER of each region.

    Raises
    ------
    InvalidError
        ``malformed``.
    """
    try:
        return {
            region["region"]: frozenset(
                str(entry["endpoint"]).strip("/") for entry in region["endpoints"]
            )
            for signal in answer["signal_types"]  # type: ignore[index]
            if signal["signal_type"] == SIGNAL_TYPE
            for region in signal["regions"]
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise _malformed(f"/v3/my-access has another shape ({error!r:.80})", None) from error


def series_of(answer: object, zone: str, region: str) -> Series:
    """Read an answer of ``/v3/historical`` or ``/v3/forecast`` and hold it to what was asked.

    Raises
    ------
    InvalidError
        ``wrong_unit``, ``wrong_zone``, ``wrong_signal``, ``malformed``.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("data"), list):
        raise _malformed("no list of data", zone)
    meta = answer.get("meta")
    if not isinstance(meta, dict):
        raise _malformed("no meta", zone)
    for key, wanted, reason in (
        ("units", UNITS, "wrong_unit"),
        ("region", region, "wrong_zone"),
        ("signal_type", SIGNAL_TYPE, "wrong_signal"),
    ):
        if meta.get(key) != wanted:
            raise InvalidError(
                f"meta.{key} is {meta.get(key)!r:.60}, not {wanted}", reason=reason, **_at(zone)
            )
    period_s = meta.get("data_point_period_seconds")
    if not isinstance(period_s, int) or period_s not in PERIODS_S:
        raise _malformed(f"data_point_period_seconds is {period_s!r:.60}", zone)
    return Series(
        points=_points(answer["data"], timedelta(seconds=period_s), zone),
        generated_at=_moment_or_none(meta.get("generated_at"), zone),
        warnings=_warnings(meta.get("warnings")),
        model=f"{meta['model'].get('date')!s:.40}" if isinstance(meta.get("model"), dict) else None,
    )


def gco2_kwh_of(lb_mwh: object, zone: str) -> float:
    """Convert a MOER in lb/MWh.

    Raises
    ------
    InvalidError
        ``not_a_number``, ``negative``, ``too_high``.
    """
    number = isinstance(lb_mwh, int | float) and not isinstance(lb_mwh, bool)
    if not number or abs(lb_mwh) > MAX_LB_MWH:  # type: ignore[arg-type]
        return check_gco2_kwh(lb_mwh, provider=NAME, zone=zone)
    return check_gco2_kwh(gco2_kwh_from_lb_mwh(lb_mwh), provider=NAME, zone=zone)  # type: ignore[arg-type]


def _points(rows: Sequence[object], period: timedelta, zone: str) -> tuple[Point, ...]:
    found: dict[datetime, Point] = {}
    for row in rows:
        if not isinstance(row, dict) or "value" not in row:
            raise _malformed(f"a point is {row!r:.80}", zone)
        start = _moment(row.get("point_time"), zone)
        point = Point(
            valid_from=start,
            valid_to=start + period,
            lb_mwh=row["value"],
            imputed=bool(row.get("imputed_data_used")),  # anything but a plain no
            updated_at=_moment_or_none(row.get("last_updated"), zone),
        )
        if found.setdefault(start, point) != point:
            raise _malformed(f"two values for {_stamp(start)}", zone)
    return tuple(found[start] for start in sorted(found))


def _warnings(entries: object) -> tuple[str, ...]:
    """Name each warning; what has no name is told as it came."""
    if not isinstance(entries, list):
        return () if entries is None else (f"{entries!r:.200}",)
    return tuple(
        f"{entry.get('type')}: {entry.get('message')}"[:300]
        if isinstance(entry, dict)
        else f"{entry!r:.200}"
        for entry in entries[:MAX_WARNINGS]
    )


def _stands_for_now(reading: Reading, now: datetime) -> bool:
    return now - reading.valid_to <= NOW_WITHIN_PERIODS * (reading.valid_to - reading.valid_from)


def _issued_at(series: Series, zone: str, now: datetime) -> datetime:
    if series.generated_at is None:
        raise _malformed("a forecast without meta.generated_at", zone)
    if series.generated_at - now > FUTURE_TOLERANCE:
        raise InvalidError(
            f"a forecast of {_stamp(series.generated_at)} is ahead of the clock",
            reason="future",
            **_at(zone),
        )
    if now - series.generated_at > FORECAST_LIFE:
        raise NoDataError(f"the last forecast is of {_stamp(series.generated_at)}", **_at(zone))
    return series.generated_at


def _moment(text: object, zone: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _malformed(f"time {text!r:.60} is not ISO 8601 with an offset", zone)
    return moment.astimezone(UTC)


def _moment_or_none(text: object, zone: str) -> datetime | None:
    return None if text is None else _moment(text, zone)


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def _at(zone: str) -> dict[str, Any]:
    return {"provider": NAME, "zone": zone}


def _malformed(what: str, zone: str | None) -> InvalidError:
    return InvalidError(what, reason="malformed", provider=NAME, zone=zone)


def configured(settings: Settings, secrets: SecretStore) -> Credentials | None:
    """Return user name and password when both are set.

    Raises
    ------
    TransientError
        When the place of the secrets cannot be read: that is not "unconfigured".
    """
    try:
        username = secret(NAME, "WATTTIME_USERNAME", settings, secrets)
        password = secret(NAME, "WATTTIME_PASSWORD", settings, secrets)
    except GetParameterError as error:
        raise TransientError("the secrets cannot be read", provider=NAME) from error
    return (username, password) if username and password else None


TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
SECRETS: Final = SsmSecrets()
WATTTIME: Final = WattTime(
    http=HttpClient(provider=NAME, base_url=required("WATTTIME_BASE_URL")),
    wanted=zones_of(NAME),
    credentials=lambda: configured(SETTINGS, SECRETS),
    telemetry=TELEMETRY,
    simulated=SETTINGS.simulated,
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Run once; the event says nothing that the clock does not."""
    return collect(WATTTIME, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
