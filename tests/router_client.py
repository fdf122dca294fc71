"""A client that calls the router as a Function URL does, at a time that the test sets."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from greenstream.api.router import Router
from greenstream.domain.reading import Basis, Kind, Reading, Signal
from greenstream.domain.zones import zones
from greenstream.ports.store import Store
from tests import api
from tests.builders import NOW, a_reading


@dataclass(slots=True)
class SetClock:
    """A clock that stands still until the test moves it."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class Log:
    """Telemetry that remembers its lines, and its counts for each flush."""

    lines: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)
    flushed: list[Mapping[str, float]] = field(default_factory=list)

    def event(self, level: str, message: str, **fields: object) -> None:
        self.lines.append((level, message, fields))

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        assert metric not in self.counts, f"{metric} is counted twice before a flush"
        self.counts[metric] = value

    def flush(self) -> None:
        self.flushed.append(self.counts)
        self.counts = {}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(self.text, parse_constant=_refuse)
        return body


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@dataclass(slots=True)
class Client:
    """A client of a router that reads a store, with the router's clock and log."""

    store: Store
    clock: SetClock = field(default_factory=SetClock)
    log: Log = field(default_factory=Log)
    router: Router = field(init=False)

    def __post_init__(self) -> None:
        self.router = Router(self.store, clock=self.clock, telemetry=self.log)

    def ask(self, path: str, query: str = "", method: str = "GET", **headers: str) -> Answer:
        """Send a request; ``if_none_match="x"`` becomes the header ``if-none-match: x``."""
        return self.send(
            {
                "rawPath": path,
                "rawQueryString": query,
                "headers": {name.replace("_", "-"): value for name, value in headers.items()},
                "requestContext": {"http": {"method": method}},
            }
        )

    def report(self, body: object, content_type: str = "application/json") -> Answer:
        """Send a report: an object as JSON, text unchanged, and bytes in base64 as on Lambda."""
        if isinstance(body, bytes):
            text = base64.b64encode(body).decode()
        else:
            text = body if isinstance(body, str) else json.dumps(body)
        return self.send(
            {
                "rawPath": "/v1/latency",
                "headers": {"content-type": content_type},
                "requestContext": {"http": {"method": "POST"}},
                "body": text,
                "isBase64Encoded": isinstance(body, bytes),
            }
        )

    def send(self, event: Mapping[str, Any]) -> Answer:
        answer = self.router.respond(event)
        context = event.get("requestContext")
        if context:  # Every answer of every test must also match the API's description.
            body = answer["body"] or None
            if body and "json" in answer["headers"]["Content-Type"]:
                body = json.loads(body)
            api.assert_described(event.get("rawPath", "/"), context["http"]["method"], answer, body)
        return Answer(answer["statusCode"], answer["headers"], answer["body"])


def a_reading_of(zone: str, gco2_kwh: float, *, source: int = 0, **changes: Any) -> Reading:
    """Return a reading of one of the zone's average sources, by default on the direct basis."""
    feeds = [feed for feed in zones()[zone].sources if feed.signal is Signal.AVERAGE]
    feed = feeds[source]
    return a_reading(
        zone=zone,
        provider=feed.provider,
        provider_zone=feed.provider_zone,
        kind=changes.pop("kind", Kind(feed.signal, Basis.DIRECT)),
        scope=feed.scope,
        gco2_kwh=gco2_kwh,
        **changes,
    )
