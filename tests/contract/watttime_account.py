"""An account at WattTime whose answers a test chooses, and a warm sandbox that asks it."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from functions.watttime.provider import WattTime
from functions.watttime.session import Session
from greenstream.domain.errors import (
    GreenStreamError,
)
from greenstream.domain.reading import Reading
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch
from greenstream.ports.telemetry import Telemetry
from tests.builders import a_source, a_zone, stored

NOW = datetime(2026, 11, 22, 16, 7, tzinfo=UTC)
START = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
PRESENT = datetime(2026, 11, 22, 16, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
USER, PASSWORD = "grid-user", "pass-MARKED-word"
BAD_LOGIN = "<html><head><title>403 Forbidden</title></head><body>nginx</body></html>"


def stamp(moment: datetime) -> str:
    return moment.isoformat()


def meta(**changes: Any) -> dict[str, Any]:
    return {
        "data_point_period_seconds": 300,
        "region": "CAISO_NORTH",
        "warnings": [],
        "signal_type": "co2_moer",
        "model": {"date": "2023-03-01"},
        "units": "lbs_co2_per_mwh",
    } | changes


def historical(
    newest: datetime = START, value: Any = 937, count: int = 3, **flags: Any
) -> dict[str, Any]:
    """Return points up to ``newest``, which has the given value and flags."""
    starts = [newest - timedelta(minutes=5 * back) for back in reversed(range(count))]
    rows: list[dict[str, Any]] = [{"point_time": stamp(at), "value": 900} for at in starts]
    rows[-1] |= {"value": value, "imputed_data_used": False} | flags
    return {"data": rows, "meta": meta()}


def forecast(first: datetime = PRESENT, count: int = 288) -> dict[str, Any]:
    return {
        "data": [
            {"point_time": stamp(first + timedelta(minutes=5 * step)), "value": 1000.0 + step}
            for step in range(count)
        ],
        "meta": meta(generated_at=stamp(first), generated_at_period_seconds=300),
    }


def access(*regions: str, endpoints: tuple[str, ...] = ("v3/historical", "v3/forecast")) -> Any:
    rows = [
        {"region": region, "endpoints": [{"endpoint": name, "models": []} for name in endpoints]}
        for region in regions
    ]
    return {
        "signal_types": [
            {"signal_type": "co2_moer", "regions": rows},
            {"signal_type": "health_damage", "regions": [{"region": "ALL", "endpoints": []}]},
        ]
    }


@dataclass
class Api:
    """The API as an account sees it. It counts logins and refuses old tokens."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)

    @property
    def logins(self) -> int:
        return self.asked.count("/login")

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        self.requests.append(request)
        if path not in self.answers and path == "/login":
            pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            assert request.headers["Authorization"] == f"Basic {pair}"
            token = f"token-MARKED-{self.logins}"
            self.valid.add(token)
            return httpx.Response(200, json={"token": token})
        if path != "/login":
            kind, _, token = request.headers["Authorization"].partition(" ")
            assert kind == "Bearer"
            if token not in self.valid:
                return httpx.Response(401, json={"error": "Invalid token", "message": "expired"})
        body = self.answers[path] if path in self.answers else GOOD[path]
        if isinstance(body, Exception):
            raise body
        return body if isinstance(body, httpx.Response) else httpx.Response(200, json=body)


GOOD: Mapping[str, Any] = {
    "/v3/my-access": access("CAISO_NORTH"),
    "/v3/historical": historical(),
    "/v3/forecast": forecast(),
}


class Log:
    """Telemetry that remembers its lines and counts."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def event(self, level: str, message: str, **fields: object) -> None:
        self.lines.append({"level": level, "message": message, **fields})

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        raise AssertionError("a provider counts nothing itself")


@dataclass
class Sandbox:
    """A warm sandbox: its session survives runs, and the test moves its clock."""

    api: Api
    now: datetime = NOW
    session: Session = field(default_factory=Session)
    log: Telemetry = field(default_factory=Log)
    zones: tuple[str, ...] = ("CAISO_NORTH",)
    credentials: tuple[str | None, str | None] = (USER, PASSWORD)
    simulated: bool = False
    elapsed_s: float = 0.0

    def provider(self) -> WattTime:
        http = HttpClient(
            provider="watttime",
            base_url="https://watttime.test",
            transport=httpx.MockTransport(self.api),
            sleep=lambda _: None,
        )
        return WattTime(
            http=http,
            wanted=tuple(
                (a_zone(zone=zone), a_source("watttime", provider_zone=zone)) for zone in self.zones
            ),
            credentials=lambda: self.credentials,
            telemetry=self.log,
            session=self.session,
            simulated=self.simulated,
            clock=lambda: self.now,
            monotonic=lambda: self.elapsed_s,
        )

    def run(self) -> Batch:
        parts = stored(self.provider().fetch(self.now))
        return Batch(
            readings=tuple(reading for part in parts for reading in part.readings),
            forecasts=tuple(forecast for part in parts for forecast in part.forecasts),
            errors=tuple(error for part in parts for error in part.errors),
            unconfigured=tuple(zone for part in parts for zone in part.unconfigured),
        )


def run(**answers: Any) -> Batch:
    return Sandbox(Api({f"/v3/{name}": body for name, body in answers.items()})).run()


def reasons(batch: Batch) -> set[tuple[type[GreenStreamError], str | None, str | None]]:
    return {(type(error), error.zone, getattr(error, "reason", None)) for error in batch.errors}


def only(batch: Batch) -> Reading:
    [reading] = batch.readings
    return reading
