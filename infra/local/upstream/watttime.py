"""Simulates WattTime v3 for a free account, which has one region.

It behaves like the real API in these points. A login with Basic authentication returns a token for
half an hour. An old token is answered with 401, a bad login with HTML, and a region outside the
plan with JSON. Values are in lb/MWh and stamped with the start of their interval. Historical points
are published some minutes late. The signal index is a percentile. The bodies of 401 and 429 are
invented, because no recording has one.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.quota import Quota
from infra.local.upstream.series_faults import JUMP
from infra.local.upstream.wire import Answer, Provider, Request, json_answer

REGION = "CAISO_NORTH"
REGIONS = {
    REGION: "California ISO Northern",
    "CAISO_SANDIEGO": "California ISO San Diego",
}
"""The names of the regions that a paid account may read too."""

SIGNALS = ("co2_moer", "health_damage")
STEP = timedelta(minutes=5)
TOKEN_LIFE = timedelta(minutes=30)
HISTORICAL_DELAY = timedelta(minutes=7)
"""The time from the start of a point until it is published."""

MAX_RANGE = timedelta(days=32)
REFUSED_USER = "refused"
MODEL = {"date": "2023-03-01"}
PACIFIC = ZoneInfo("America/Los_Angeles")
DOCS = "https://docs.watttime.org/"


def moer_lb_mwh(at: datetime) -> float:
    """Return the MOER in lb/MWh: that of gas most of the time, and less under a high sun."""
    wander = shapes.drift(at, timedelta(hours=2), "moer") + 0.3 * shapes.drift(at, STEP, "moer 5")
    evening = shapes.bump(at.astimezone(PACIFIC), 19, 3)
    sun = shapes.sun(at, 38.0, -121.0)
    return round(max(0.0, 900 + 60 * wander + 110 * evening - 700 * sun**2), 1)


def forecast_lb_mwh(at: datetime, issued_at: datetime) -> float:
    """Return the forecast of a point in lb/MWh. Its error grows with the time ahead."""
    ahead_h = (at - issued_at) / timedelta(hours=1)
    max_error = 0.02 + 0.006 * ahead_h
    error = max_error * shapes.drift(at, timedelta(hours=3), f"moer forecast {issued_at:%Y%m%d%H}")
    return round(max(0.0, moer_lb_mwh(at) * (1 + error)), 1)


def floor(at: datetime) -> datetime:
    """Return the start of the five minutes that contain ``at``."""
    return at.replace(minute=at.minute // 5 * 5, second=0, microsecond=0)


def token_at(issued_at: datetime) -> str:
    """Return the token of a login. It contains its time, so that the server need not store it."""
    seconds = int(issued_at.timestamp())
    return f"{seconds:x}.{int(shapes.noise('watttime token', seconds) * 2**64):016x}"


def is_valid(token: str, now: datetime) -> bool:
    """Return whether the simulator issued a token and it has not expired."""
    try:
        issued_at = datetime.fromtimestamp(int(token.partition(".")[0], 16), UTC)
    except (ValueError, OverflowError, OSError):
        return False
    return token == token_at(issued_at) and timedelta(0) <= now - issued_at < TOKEN_LIFE


def html(status: int, title: str) -> Answer:
    """Answer as the API's gateway does, with HTML."""
    page = f"<html><head><title>{status} {title}</title></head><body>{title}</body></html>"
    return Answer(page.encode(), "text/html", status)


def bad(status: int, error: str, message: str) -> Answer:
    """Answer in the API's own error format."""
    return json_answer({"error": error, "message": message, "docs": DOCS}, status)


def meta(units: str, **more: object) -> dict[str, object]:
    """Return the ``meta`` of a series."""
    return {
        "data_point_period_seconds": int(STEP.total_seconds()),
        "region": REGION,
        "warnings": [],
        "signal_type": "co2_moer",
        "model": MODEL,
        "units": units,
    } | more


def point(at: datetime, value: float, **more: object) -> dict[str, object]:
    """Return one entry of ``data``."""
    return {"point_time": at.isoformat(), "value": value} | more


def login(now: datetime) -> Answer:
    """Answer ``/login`` for a good user name and password."""
    return json_answer({"token": token_at(now)})


def historical(query: Mapping[str, str], now: datetime) -> Answer:
    """Answer ``/v3/historical`` with the published points of a window, including both ends."""
    try:
        start, end = (datetime.fromisoformat(query[name]) for name in ("start", "end"))
    except (KeyError, ValueError):
        return bad(422, "INVALID_QUERY_PARAMS", "start and end must be ISO 8601 times")
    if start.tzinfo is None or end.tzinfo is None or not timedelta(0) <= end - start <= MAX_RANGE:
        return bad(400, "INVALID_QUERY_PARAMS", "start and end need an offset, at most 32 days")
    marked = query.get("include_imputed_marker") == "true"
    first = floor(start.astimezone(UTC))
    at = first if first == start else first + STEP
    rows = []
    while at <= end and at + HISTORICAL_DELAY <= now:
        flags: dict[str, object] = {"last_updated": (at + HISTORICAL_DELAY).isoformat()}
        flags |= {"imputed_data_used": shapes.noise("imputed", at) < 0.02} if marked else {}  # noqa: PLR2004 - about five points a day
        rows.append(point(at, moer_lb_mwh(at), **flags))
        at += STEP
    return json_answer({"data": rows, "meta": meta("lbs_co2_per_mwh")})


def forecast(query: Mapping[str, str], now: datetime) -> Answer:
    """Answer ``/v3/forecast`` with the newest forecast, which has a point every five minutes."""
    hours = query.get("horizon_hours", "24")
    if not hours.isdigit() or int(hours) > 72:  # noqa: PLR2004 - the API's own limit
        return bad(422, "INVALID_QUERY_PARAMS", "horizon_hours must be from 0 to 72")
    issued_at = floor(now)
    count = max(1, int(hours) * 12)
    starts = [issued_at + step * STEP for step in range(count)]
    more = {"generated_at": issued_at.isoformat(), "generated_at_period_seconds": 300}
    rows = [point(at, forecast_lb_mwh(at, issued_at)) for at in starts]
    return json_answer({"data": rows, "meta": meta("lbs_co2_per_mwh", **more)})


def signal_index(_: Mapping[str, str], now: datetime) -> Answer:
    """Answer ``/v3/signal-index`` with the percentile of now among the next 24 hours."""
    at = floor(now)
    ahead = [forecast_lb_mwh(at + step * STEP, at) for step in range(288)]
    rank = 100 * sum(value <= moer_lb_mwh(at) for value in ahead) / len(ahead)
    return json_answer({"data": [point(at, round(rank, 1))], "meta": meta("percentile")})


def my_access(_query: Mapping[str, str], _now: datetime) -> Answer:
    """Answer ``/v3/my-access`` for a free account."""
    return access_to(REGION)


def access_to(*regions: str) -> Answer:
    """Answer ``/v3/my-access`` for an account that may read some regions."""
    forecasts = {"model": "2023-03-01", "data_start": "2023-01-01"}
    forecasts |= {"train_start": "2021-01-01", "train_end": "2023-01-01"}
    opened = [
        {
            "region": region,
            "region_full_name": REGIONS[region],
            "parent": "CAISO",
            "data_point_period_seconds": 300,
            "endpoints": [
                {
                    "endpoint": "v3/historical",
                    "models": [forecasts | {"type": "binned_regression"}],
                },
                {"endpoint": "v3/forecast", "models": [forecasts]},
            ],
        }
        for region in regions
    ]
    rows = [{"signal_type": signal, "regions": opened} for signal in SIGNALS]
    return json_answer({"signal_types": rows})


ROUTES: Mapping[str, Callable[[Mapping[str, str], datetime], Answer]] = {
    "/v3/historical": historical,
    "/v3/forecast": forecast,
    "/v3/signal-index": signal_index,
    "/v3/my-access": my_access,
}


def refused(query: Mapping[str, str]) -> Answer | None:
    """Return the refusal of a series that the account may not read, or None if it may."""
    if query.get("signal_type") != "co2_moer":
        return bad(422, "INVALID_QUERY_PARAMS", "only signal_type co2_moer is simulated")
    if query.get("region") != REGION:
        message = f"Invalid scope. Please note that all users are allowed free access to {REGION}."
        return json_answer({"error": "Invalid query parameters", "message": message}, 403)
    return None


class Account:
    """The API, which counts logins and requests against its limits."""

    def __init__(self) -> None:
        self._logins = Quota(100, timedelta(minutes=5))
        self._requests = Quota(3_000, timedelta(minutes=5))

    def answer(self, request: Request, now: datetime) -> Answer:
        """Answer a request at ``now`` (aware UTC)."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        quota = self._logins if request.path == "/login" else self._requests
        if not quota.take(now):
            return html(429, "Too Many Requests")
        if request.path == "/login":
            good = scheme == "Basic" and self._knows(secret)
            return login(now) if good else html(403, "Forbidden")
        if request.path not in ROUTES:
            return bad(404, "NOT_FOUND", f"there is no {request.path}")
        if scheme != "Bearer" or not is_valid(secret, now):
            return bad(401, "INVALID_TOKEN", "The token is missing, unknown or expired.")
        refusal = None if request.path == "/v3/my-access" else refused(request.query)
        return refusal or ROUTES[request.path](request.query, now)

    @staticmethod
    def _knows(secret: str) -> bool:
        try:
            user, colon, password = base64.b64decode(secret, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        return bool(user and colon and password) and user != REFUSED_USER


def change_series(body: str, change: Callable[[dict[str, Any]], None]) -> str:
    """Return the body with its series changed. A login and ``my-access`` are not changed."""
    document = json.loads(body)
    if "meta" in document:
        change(document)
    return json.dumps(document, separators=(",", ":"))


def in_meta(**values: object) -> Callable[[str, Mapping[str, Any]], str]:
    """Make a fault that sets fields of ``meta``."""
    return lambda body, _: change_series(body, lambda series: series["meta"].update(values))


def spike(body: str, _: Mapping[str, Any]) -> str:
    """Give the newest historical point, or the first of a forecast, as many times too great."""

    def jump(series: dict[str, Any]) -> None:
        if series.get("data"):
            point = series["data"][0 if "generated_at" in series["meta"] else -1]
            point["value"] *= JUMP

    return change_series(body, jump)


PROVIDER = Provider(
    name="watttime",
    origins=frozenset({"https://api.watttime.org"}),
    answer=Account().answer,
    zone=lambda request: request.query.get("region"),
    zones=frozenset(REGIONS),
    routes=("/login", *ROUTES),
    account={
        "/login": lambda _, now: login(now),
        "/v3/my-access": lambda _request, _now: access_to(*REGIONS),
    },
    payload_faults={
        "wrong_unit": in_meta(units="percentile"),
        "wrong_region": in_meta(region="PJM_DC"),
        "warning": in_meta(
            warnings=[
                {"type": "MODEL_MARKED_FOR_DEPRECATION", "message": "the model will be replaced"}
            ]
        ),
        "spike": spike,
        **figure_faults('"value":', null="null"),
    },
)
