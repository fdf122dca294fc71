"""The router's handler for the runtime interface, with a clock that an event can put forward.

The router reports its metrics once a minute and remembers a snapshot for seconds. By putting the
clock forward a test need not wait for either.
"""

from datetime import datetime, timedelta
from typing import Any

from functions.router.app import TELEMETRY, table_client
from greenstream.api.router import Router
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.settings import Settings
from greenstream.domain.clock import utc_now


class Ahead:
    """A clock that shows the present plus the time by which it was put forward."""

    def __init__(self) -> None:
        self.by = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.by


CLOCK = Ahead()
ROUTER = Router(
    DynamoStore(table_client(), Settings.from_env().table_name, clock=CLOCK),
    clock=CLOCK,
    telemetry=TELEMETRY,
)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Put the clock forward by the event's ``forward_s``, then answer as the router does."""
    CLOCK.by += timedelta(seconds=event.pop("forward_s", 0))
    return ROUTER.respond(event)
