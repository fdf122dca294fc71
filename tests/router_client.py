"""Asks the router as a Function URL does, at a time of the test's choosing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from functions.router.app import Router
from greenstream.reading import Basis, Kind, Reading, Signal
from greenstream.store import Store
from greenstream.zones import zones
from tests.builders import NOW, a_reading


@dataclass(slots=True)
class SetClock:
    """A clock that stands still until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class Log:
    """Telemetry that remembers its lines."""

    lines: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)

    def event(self, level: str, message: str, **fields: object) -> None:
        self.lines.append((level, message, fields))

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        raise AssertionError("the router counts nothing: the platform does")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text, parse_constant=_refuse)
        return found


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


@dataclass(slots=True)
class Client:
    """A router on a store, with its clock and its log at hand."""

    store: Store
    clock: SetClock = field(default_factory=SetClock)
    log: Log = field(default_factory=Log)
    router: Router = field(init=False)

    def __post_init__(self) -> None:
        self.router = Router(self.store, clock=self.clock, telemetry=self.log)

    def ask(self, path: str, query: str = "", method: str = "GET") -> Answer:
        return self.send(
            {
                "rawPath": path,
                "rawQueryString": query,
                "requestContext": {"http": {"method": method}},
            }
        )

    def send(self, event: Mapping[str, Any]) -> Answer:
        answer = self.router.respond(event)
        return Answer(answer["statusCode"], answer["headers"], answer["body"])


def a_reading_of(zone: str, gco2_kwh: float, *, source: int = 0, **changes: Any) -> Reading:
    """Return a reading of one of the zone's average sources, direct unless told otherwise."""
    feed = [one for one in zones()[zone].sources if one.signal is Signal.AVERAGE][source]
    return a_reading(
        zone=zone,
        provider=feed.provider,
        provider_zone=feed.provider_zone,
        kind=changes.pop("kind", Kind(feed.signal, Basis.DIRECT)),
        scope=feed.scope,
        gco2_kwh=gco2_kwh,
        **changes,
    )
