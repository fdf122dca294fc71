"""A provider whose run is given, and telemetry that records what the run reports."""

from collections.abc import Iterator
from datetime import datetime

from greenstream.domain.errors import GreenStreamError
from greenstream.ports.provider import Batch
from tests.builders import a_reading


class RecordedTelemetry:
    """Remembers log events and metrics."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, dict[str, object]]] = []
        self.metrics: dict[str, float] = {}

    def event(self, level: str, message: str, **fields: object) -> None:
        self.events.append((level, message, fields))

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        self.metrics[metric] = self.metrics.get(metric, 0) + value


class Scripted:
    """A provider that yields the given batches and raises the given exceptions, in order."""

    name = "p"

    def __init__(self, *steps: Batch | Exception, simulated: bool = False) -> None:
        self.steps = steps
        self.simulated = simulated

    def fetch(self, now: datetime) -> Iterator[Batch]:
        for step in self.steps:
            if isinstance(step, Exception):
                raise step
            yield step


def batch(*errors: GreenStreamError, zones: str = "Z", **changes: object) -> Batch:
    return Batch(
        readings=tuple(a_reading(zone=zone, **changes) for zone in zones),  # type: ignore[arg-type]
        errors=errors,
    )
