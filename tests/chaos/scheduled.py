"""Collectors that a schedule fires again and again, and the upstream that they ask."""

import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from greenstream.domain.reading import Quality, Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ingest.collect import collect
from greenstream.ports.provider import Batch
from greenstream.ports.store import StoreError

SLOT = timedelta(seconds=2)
SERVED = timedelta(minutes=10)
"""How far back the upstream goes."""
EVERY_S = 1.0
"""How often a collector's schedule fires."""


def slots(since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the ends of the slots that end within ``since < end <= until``."""
    number = int(since.timestamp() // SLOT.total_seconds()) + 1
    for n in count(number):
        end = datetime.fromtimestamp(n * SLOT.total_seconds(), tz=since.tzinfo)
        if end > until:
            return
        yield end


def served(zone: Zone, source: Source, end: datetime, now: datetime) -> Iterator[Reading]:
    """Yield what the upstream says of a slot: an estimate, and a slot later what it came to."""
    settled = now >= end + SLOT
    chance = random.Random(f"{zone.zone} {end} {settled}")
    for kind in source.kinds:
        gco2_kwh = round(chance.uniform(20, 700), 3)
        yield Reading(
            zone=zone.zone,
            provider=source.provider,
            provider_zone=source.provider_zone,
            signal=kind.signal,
            basis=kind.basis,
            scope=source.scope,
            quality=Quality.MEASURED if settled else Quality.ESTIMATED,
            gco2_kwh=gco2_kwh,
            gco2_low=gco2_kwh,
            gco2_high=gco2_kwh,
            valid_from=end - SLOT,
            valid_to=end,
            published_at=end + (SLOT if settled else timedelta()),
            fetched_at=now,
            simulated=True,
        )


@dataclass(slots=True)
class Upstream:
    """A provider that asks from the last slot it knows to be stored, as far as it is served."""

    name: str
    wanted: Sequence[tuple[Zone, Source]]
    first: datetime
    simulated: bool = True
    stored: dict[str, datetime] = field(default_factory=dict)

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield zone by zone, oldest first; who asks for the next has stored the last."""
        for zone, source in self.wanted:
            newest = self.stored.get(zone.zone, self.first)
            for end in slots(max(newest - SLOT, now - SERVED, self.first), now):
                yield Batch(readings=tuple(served(zone, source, end, now)))
                self.stored[zone.zone] = end


class Untold:
    """Telemetry that nobody reads."""

    def event(self, level: str, message: str, **fields: object) -> None:
        """Take a line."""

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Take a number."""


@dataclass(slots=True)
class Schedule:
    """Fires a collector again and again; what fails is told to nobody but the next."""

    upstream: Upstream
    store: DynamoStore
    runs: int = 0
    failed: int = 0

    def run(self, now: datetime | None = None) -> None:
        """Run once."""
        self.runs += 1
        collect(
            self.upstream,
            self.store,
            clock=utc_now if now is None else lambda: now,
            telemetry=Untold(),
        )

    def until(self, stopped: threading.Event) -> None:
        """Run at every firing until stopped."""
        while not stopped.wait(EVERY_S):
            try:
                self.run()
            except StoreError:
                self.failed += 1
