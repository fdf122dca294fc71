"""The function that collects the fuel mix of US grids through the gridstatus library."""

from typing import Any, Final

from functions.gridstatus.faults import NAME
from functions.gridstatus.feed import keep_within
from functions.gridstatus.provider import Gridstatus
from greenstream.aws.environment import CollectorEnvironment
from greenstream.domain.clock import utc_now
from greenstream.ingest.collect import collect

ENVIRONMENT: Final = CollectorEnvironment.of(NAME)
PROVIDER: Final = Gridstatus.from_config(ENVIRONMENT.config)


@ENVIRONMENT.telemetry.observed
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001
    """Run once, within the function's memory and remaining time. The event is ignored."""
    keep_within(int(context.memory_limit_in_mb))
    provider = PROVIDER.within(context.get_remaining_time_in_millis())
    run = collect(provider, ENVIRONMENT.store, clock=utc_now, telemetry=ENVIRONMENT.telemetry)
    return run.as_dict()
