"""One run of a provider through the real pipeline: what was stored, what was refused, who heard."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import httpx

from greenstream.domain.reading import Reading
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Provider
from greenstream.ports.store import ProviderStatus
from tests.fakes.memory_store import MemoryStore

Body = bytes | httpx.Response | Mapping[str, Any]


def http(provider: str, answers: Mapping[str, Body], *, attempts: int = 1) -> HttpClient:
    """Return a client to whom the first pattern that matches a path answers, and else 404."""

    def answer(request: httpx.Request) -> httpx.Response:
        matching = (body for path, body in answers.items() if fnmatchcase(request.url.path, path))
        body = next(matching, httpx.Response(404, json={"error": "nothing here"}))
        if isinstance(body, httpx.Response):
            return body
        return httpx.Response(200, content=body if isinstance(body, bytes) else json.dumps(body))

    return HttpClient(
        provider=provider,
        base_url=f"https://{provider}.test",
        transport=httpx.MockTransport(answer),
        attempts=attempts,
        sleep=lambda _: None,
    )


@dataclass
class Heard:
    """A `Telemetry` that remembers."""

    lines: list[dict[str, object]] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)

    def event(self, level: str, message: str, **fields: object) -> None:
        self.lines.append({"level": level, "message": message, **fields})

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        self.metrics[metric] = self.metrics.get(metric, 0) + value


@dataclass(frozen=True)
class Ran:
    """What one run came to.

    ``readings`` are the newest of the store after the run, by zone and basis; ``refused`` is what
    the log says, by zone.
    """

    status: ProviderStatus
    readings: Mapping[tuple[str, str], Reading]
    refused: tuple[tuple[object, object], ...]
    heard: Heard

    def gco2_kwh(self, zone: str, basis: str = "direct") -> float | None:
        reading = self.readings.get((zone, basis))
        return None if reading is None else reading.gco2_kwh

    def reasons(self, zone: str) -> set[object]:
        """Return the reasons for which something of the zone was refused, wherever it is named."""
        reasons = {reason for named, reason in self.refused if named == zone}
        assert reasons <= self.status.rejected.keys()
        assert not reasons or self.heard.metrics["ZoneErrors"] > 0
        return reasons


def ran(provider: Provider, store: MemoryStore, now: datetime) -> Ran:
    """Run a provider once at ``now``."""
    heard = Heard()
    with suppress(CollectionFailedError):
        collect(provider, store, clock=lambda: now, telemetry=heard)
    snapshot = store.snapshot()
    [status] = [status for status in snapshot.providers if status.provider == provider.name]
    return Ran(
        status=status,
        readings={(one.zone, str(one.basis)): one for one in snapshot.readings},
        refused=tuple(
            (line["zone"], line["reason"]) for line in heard.lines if line["message"] == "rejected"
        ),
        heard=heard,
    )
