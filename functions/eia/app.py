"""The function that reads the workbooks of US balancing authorities from EIA."""

from typing import Any, Final

from functions.eia.provider import Eia
from functions.eia.workbook import NAME
from greenstream.aws.environment import CollectorEnvironment
from greenstream.domain.clock import utc_now
from greenstream.ingest.collect import collect

ENVIRONMENT: Final = CollectorEnvironment.of(NAME)
PROVIDER: Final = Eia.from_config(ENVIRONMENT.config)


@ENVIRONMENT.telemetry.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Run the provider once. The event is ignored, since the clock gives the time of the run."""
    run = collect(PROVIDER, ENVIRONMENT.store, clock=utc_now, telemetry=ENVIRONMENT.telemetry)
    return run.as_dict()
