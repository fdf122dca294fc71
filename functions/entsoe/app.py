"""The function that collects the generation mix of European bidding zones from ENTSO-E."""

from typing import Any, Final

from functions.entsoe.points import NAME
from functions.entsoe.provider import Entsoe
from greenstream.aws.environment import CollectorEnvironment
from greenstream.domain.clock import utc_now
from greenstream.ingest.collect import collect

ENVIRONMENT: Final = CollectorEnvironment.of(NAME)
PROVIDER: Final = Entsoe.from_config(ENVIRONMENT.config)


@ENVIRONMENT.telemetry.observed
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001
    """Run once, within what is left of the invocation's time. The event is ignored."""
    provider = PROVIDER.within(context.get_remaining_time_in_millis())
    run = collect(provider, ENVIRONMENT.store, clock=utc_now, telemetry=ENVIRONMENT.telemetry)
    return run.as_dict()
