"""Logs and metrics: structured JSON lines and EMF, by Powertools.

Metrics carry the dimension ``service`` alone; the zone goes into the log line, since each
combination of dimensions is a metric that is paid for.
"""

import logging
from collections.abc import Callable
from typing import Any, cast

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class _FunctionLogger(Logger):
    """Powertools' logger, but not the one that a library of the service's name has.

    The gridstatus library's logger must be silent, and would be this one.
    """

    def _get_logger(self) -> logging.Logger:
        return logging.getLogger(f"function.{self.service}")


class PowertoolsTelemetry:
    """The `collect.Telemetry` port on Powertools; the service name comes from its environment."""

    def __init__(self, logger: Logger | None = None, metrics: Metrics | None = None) -> None:
        # Each line's place in the code would be this file's.
        self.logger = logger or _FunctionLogger(location=None)
        self.metrics = metrics or Metrics()

    def event(self, level: str, message: str, **fields: object) -> None:
        """Write one log line."""
        getattr(self.logger, level)(message, extra=fields)

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Add to a metric."""
        self.metrics.add_metric(name=metric, unit=MetricUnit(unit), value=value)

    def flush(self) -> None:
        """Write out what was counted, as one line."""
        self.metrics.flush_metrics()

    def observed(self, handler: Handler) -> Handler:
        """Wrap a Lambda handler: invocation context in each line, metrics flushed at the end."""
        with_metrics = self.metrics.log_metrics(handler)
        return cast("Handler", self.logger.inject_lambda_context(with_metrics, clear_state=True))
