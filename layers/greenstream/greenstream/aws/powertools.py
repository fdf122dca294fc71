"""Telemetry by Powertools: logs are structured JSON lines, metrics are in the embedded format.

A metric has the dimension ``service`` only, since each combination of dimensions is a metric that
has to be paid for. Zones are named in the log lines.
"""

import logging
from collections.abc import Callable
from typing import Any, Final, cast

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


LIBRARIES_FROM: Final = logging.WARNING
"""The least severe level at which libraries log. Their finer lines quote requests and answers, and
thereby secrets: botocore writes the whole answer of the parameter store."""


class _FunctionLogger(Logger):
    """Powertools' logger under the name ``function.<service>``.

    Powertools would use the service's own name. The logger of the library gridstatus has that name
    too, and that logger must stay silent.

    Its level is that of the variable ``POWERTOOLS_LOG_LEVEL``. Powertools would prefer Lambda's own
    level, which stands at INFO or below since Lambda would drop the lines of metrics otherwise.
    """

    def __init__(self) -> None:
        # Powertools would name this file as the place of every log line.
        super().__init__(location=None)
        # Lambda's runtime gives the root logger its own level before it imports the function.
        logging.getLogger().setLevel(max(LIBRARIES_FROM, self.log_level))

    def _get_logger(self) -> logging.Logger:
        return logging.getLogger(f"function.{self.service}")

    def _get_aws_lambda_log_level(self) -> None:
        return None


class PowertoolsTelemetry:
    """A `greenstream.ports.telemetry.FlushedTelemetry` on Powertools.

    Parameters
    ----------
    logger, metrics
        Powertools' own objects. By default new ones take the service's name from the environment
        variable ``POWERTOOLS_SERVICE_NAME``.
    """

    def __init__(self, logger: Logger | None = None, metrics: Metrics | None = None) -> None:
        self.logger = logger or _FunctionLogger()
        self.metrics = metrics or Metrics()

    def event(self, level: str, message: str, **fields: object) -> None:
        """Write one log line with the given fields.

        Parameters
        ----------
        level
            ``debug``, ``info``, ``warning`` or ``error``.
        """
        getattr(self.logger, level)(message, extra=fields)

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Add a value to a metric. The unit is one of CloudWatch's, such as ``Milliseconds``."""
        self.metrics.add_metric(name=metric, unit=MetricUnit(unit), value=value)

    def flush(self) -> None:
        """Write the counted metrics as one line."""
        self.metrics.flush_metrics()

    def observed(self, handler: Handler) -> Handler:
        """Wrap a Lambda handler.

        Each log line gets the context of the invocation, and the metrics are written at its end.
        """
        with_metrics = self.metrics.log_metrics(handler)
        return cast("Handler", self.logger.inject_lambda_context(with_metrics, clear_state=True))
