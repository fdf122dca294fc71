"""The router's handler behind a Function URL (payload format 2.0)."""

import gc
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools import Logger

from greenstream.api.router import Router
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings
from greenstream.domain.clock import utc_now
from greenstream.domain.places import pops
from greenstream.domain.zones import zones

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

STORE_DEADLINE_S: Final = 0.3
"""How long the table may take to connect and to answer before memory answers instead."""


def table_client() -> "DynamoDBClient":
    """Return the router's client of the table, which tries once within `STORE_DEADLINE_S`."""
    return dynamodb_client(
        connect_timeout_s=STORE_DEADLINE_S, read_timeout_s=STORE_DEADLINE_S, attempts=1
    )


gc.disable()  # a collection while the client's models are read costs a tenth of a cold start
TELEMETRY: Final = PowertoolsTelemetry(Logger(location=None))
ROUTER: Final = Router(
    DynamoStore(table_client(), Settings.from_env().table_name, clock=utc_now),
    clock=utc_now,
    telemetry=TELEMETRY,
)
zones(), pops()  # the tables are read at the start, which has more processor than a request
gc.freeze()  # these objects stay, so that no later collection need walk them
gc.enable()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Answer one request."""
    return ROUTER.respond(event)
