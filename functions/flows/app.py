"""The function that traces the flows between European bidding zones."""

from typing import Any, Final

from functions.flows.document import NAME
from functions.flows.provider import FlowTracing
from greenstream.aws.environment import CollectorEnvironment
from greenstream.domain.clock import utc_now
from greenstream.ingest.collect import collect

ENVIRONMENT: Final = CollectorEnvironment.of(NAME, secrets_of="entsoe")
PROVIDER: Final = FlowTracing.from_config(ENVIRONMENT.config)


@ENVIRONMENT.telemetry.observed
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001
    """Run once, within what is left of the invocation's time. The event is ignored."""
    provider = PROVIDER.within(context.get_remaining_time_in_millis())
    run = collect(provider, ENVIRONMENT.store, clock=utc_now, telemetry=ENVIRONMENT.telemetry)
    return run.as_dict()
