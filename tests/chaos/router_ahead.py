"""The router's handler for the runtime interface, with a clock that an event can put forward.

Its counts are told once a minute, and its memory lasts for seconds: a test need not wait for them.
"""

from datetime import datetime, timedelta
from typing import Any

from functions.router.app import TELEMETRY, table_client
from greenstream.api.router import Router
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.settings import Settings
from greenstream.domain.clock import utc_now


class Ahead:
    """The present, and as much more as it was put forward."""

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
    """Answer as the router does; ``forward_s`` puts its clock forward first."""
    CLOCK.by += timedelta(seconds=event.pop("forward_s", 0))
    return ROUTER.respond(event)
