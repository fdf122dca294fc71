"""The port for log lines and metrics."""

from typing import Protocol


class Telemetry(Protocol):
    """Records what a run or a request did."""

    def event(self, level: str, message: str, **fields: object) -> None:
        """Write one structured log line.

        Parameters
        ----------
        level
            ``debug``, ``info``, ``warning`` or ``error``.
        message
            What happened.
        fields
            Further facts, by name.
        """
        ...

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Add a value to a metric. The metric's only dimension is the service.

        Parameters
        ----------
        metric
            The metric's name.
        value
            The value in ``unit``.
        unit
            One of CloudWatch's units, such as ``Count`` or ``Milliseconds``.
        """
        ...


class FlushedTelemetry(Telemetry, Protocol):
    """Telemetry that collects the values of metrics until it is flushed."""

    def flush(self) -> None:
        """Write the collected values."""
        ...
