"""Collectors that a schedule runs repeatedly, and the upstream that they call."""

import random
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count

from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.reading import Quality, Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ingest.collect import collect
from greenstream.ports.provider import Batch
from greenstream.ports.store import StoreError

SLOT = timedelta(seconds=2)
SERVED = timedelta(minutes=10)
"""How long the upstream serves an interval after its end."""
EVERY_S = 1.0
"""Seconds between two runs of a collector."""


def slots(since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the ends of the slots that end within ``since < end <= until``."""
    number = int(since.timestamp() // SLOT.total_seconds()) + 1
    for n in count(number):
        end = datetime.fromtimestamp(n * SLOT.total_seconds(), tz=since.tzinfo)
        if end > until:
            return
        yield end


def served(zone: Zone, source: Source, end: datetime, now: datetime) -> Iterator[Reading]:
    """Yield the upstream's readings of a slot: an estimate, and one slot later the final figure."""
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
            factor_set=GREENSTREAM,
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
    """A provider that asks for the slots from the last stored one on, as far as they are served."""

    name: str
    wanted: Sequence[tuple[Zone, Source]]
    first: datetime
    simulated: bool = True
    stored: dict[str, datetime] = field(default_factory=dict)

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield each zone's slots, oldest first; each batch is stored before the next is built."""
        for zone, source in self.wanted:
            newest = self.stored.get(zone.zone, self.first)
            for end in slots(max(newest - SLOT, now - SERVED, self.first), now):
                yield Batch(readings=tuple(served(zone, source, end, now)))
                self.stored[zone.zone] = end


class Untold:
    """Telemetry that discards everything."""

    def event(self, level: str, message: str, **fields: object) -> None:
        """Discard a log line."""

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Discard a metric."""


@dataclass(slots=True)
class Schedule:
    """Runs a collector repeatedly and ignores failed runs, as the next run has to repair them."""

    upstream: Upstream
    store: DynamoStore
    runs: int = 0
    failed: int = 0

    def run(self, now: datetime | None = None) -> None:
        """Run the collector once."""
        self.runs += 1
        collect(
            self.upstream,
            self.store,
            clock=utc_now if now is None else lambda: now,
            telemetry=Untold(),
        )

    def until(self, stopped: threading.Event) -> None:
        """Run the collector every `EVERY_S` seconds until stopped."""
        while not stopped.wait(EVERY_S):
            try:
                self.run()
            except StoreError:
                self.failed += 1
