"""The port for log lines and metrics."""

from typing import Protocol


class Telemetry(Protocol):
    """Where a run tells what it did."""

    def event(self, level: str, message: str, **fields: object) -> None:
        """Write one structured log line."""
        ...

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Add to a metric; its dimensions are the service only."""
        ...


class FlushedTelemetry(Telemetry, Protocol):
    """Telemetry whose counts are gathered until they are flushed."""

    def flush(self) -> None:
        """Write out what was counted."""
        ...
