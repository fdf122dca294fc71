"""An account at Electricity Maps whose answers a test chooses, and a warm sandbox."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from functions.electricitymaps.provider import ElectricityMaps, Session
from greenstream.domain.errors import (
    GreenStreamError,
)
from greenstream.domain.reading import Basis, Reading, Scope
from greenstream.domain.zones import Source, Zone
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch
from tests.builders import a_source, a_zone

NOW = datetime(2026, 11, 22, 16, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOKEN = "key-MARKED"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def latest(zone: str = "FR", **changes: Any) -> dict[str, Any]:
    start = NOW.replace(minute=0)
    return {
        "zone": zone,
        "carbonIntensity": 48,
        "datetime": stamp(start),
        "updatedAt": stamp(start - timedelta(minutes=12)),
        "createdAt": stamp(start - timedelta(days=3)),
        "emissionFactorType": "direct",
        "isEstimated": True,
        "estimationMethod": "TIME_SLICER_AVERAGE",
    } | changes


def behind(there: str, basis: Basis = Basis.DIRECT) -> Source:
    return a_source(
        "electricitymaps",
        provider_zone=there,
        bases=(basis,),
        scope=Scope.CONSUMPTION,
        cadence_s=3600,
        max_age_s=7200,
    )


def pair(there: str, *others: Source, zone: str | None = None) -> tuple[Zone, Source]:
    """Return a zone whose other sources (by default none) precede Electricity Maps."""
    source = behind(there)
    return a_zone(*others, source, zone=zone or f"Z_{there}"), source


FRANCE = pair("FR")


@dataclass
class Sandbox:
    """A warm sandbox: its session survives runs, and the test sets its clock and its store."""

    wanted: tuple[tuple[Zone, Source], ...] = (FRANCE,)
    answers: Mapping[str, Any] = field(default_factory=dict)
    stored: list[Reading] = field(default_factory=list)
    now: datetime = NOW
    budget: int = 60
    token: str | None = TOKEN
    session: Session = field(default_factory=Session)
    simulated: bool = False
    requests: list[httpx.Request] = field(default_factory=list)
    keep: bool = False
    seconds_each: float = 0.0

    @property
    def asked(self) -> list[str]:
        """Return the requested zones in order. ``plan`` is the list of zones."""
        return [request.url.params.get("zone", "plan") for request in self.requests]

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        zone = request.url.params.get("zone")
        if zone is None:
            opened = {source.provider_zone: {"access": ["*"]} for _, source in self.wanted}
            body = self.answers.get("plan", opened)
        else:
            start = self.now.replace(minute=0)
            body = self.answers.get(zone, latest(zone, datetime=stamp(start)))
        if isinstance(body, Exception):
            raise body
        return body if isinstance(body, httpx.Response) else httpx.Response(200, json=body)

    def provider(self) -> ElectricityMaps:
        http = HttpClient(
            provider="electricitymaps",
            base_url="https://electricitymaps.test",
            transport=httpx.MockTransport(self.answer),
            attempts=1,
        )
        return ElectricityMaps(
            http=http,
            wanted=self.wanted,
            newest=lambda: self.stored,
            token=lambda: self.token,
            hourly_budget=self.budget,
            session=self.session,
            simulated=self.simulated,
            monotonic=lambda: self.seconds_each * len(self.requests),
        )

    def run(self) -> Batch:
        parts = list(self.provider().fetch(self.now))
        readings = tuple(reading for part in parts for reading in part.readings)
        if self.keep:
            self.stored = [*readings, *self.stored]
        return Batch(
            readings=readings,
            errors=tuple(error for part in parts for error in part.errors),
            unconfigured=tuple(zone for part in parts for zone in part.unconfigured),
            skipped=tuple(zone for part in parts for zone in part.skipped),
        )


def run(**answers: Any) -> Batch:
    return Sandbox(answers=answers).run()


def reasons(batch: Batch) -> set[tuple[type[GreenStreamError], str | None, str | None]]:
    return {(type(error), error.zone, getattr(error, "reason", None)) for error in batch.errors}
