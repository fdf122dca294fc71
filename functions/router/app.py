"""The router's handler behind a Function URL (payload format 2.0)."""

import gc
import os
from typing import Any, Final

# Nothing that the start makes is garbage, and to look for garbage meanwhile takes a fifth of it.
gc.disable()

from aws_lambda_powertools import Logger

from greenstream.api.router import Router
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.dynamodb import DynamoDb, Limits
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings
from greenstream.domain.clock import utc_now

STORE_DEADLINE_S: Final = 0.3
"""How long the table may take to connect and to answer before memory answers instead."""


def table_client() -> DynamoDb:
    """Return the router's client of the table, which tries once within `STORE_DEADLINE_S`."""
    return dynamodb_client(
        Limits(connect_timeout_s=STORE_DEADLINE_S, read_timeout_s=STORE_DEADLINE_S, attempts=1)
    )


# Powertools would try to read each message as JSON, and the router's messages are sentences.
TELEMETRY: Final = PowertoolsTelemetry(Logger(location=None, json_deserializer=str))
ROUTER: Final = Router(
    DynamoStore(table_client(), Settings.from_env().table_name, clock=utc_now),
    clock=utc_now,
    telemetry=TELEMETRY,
)
# A snapshot of the process would hold readings of its day and connections that exist no more.
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
    ROUTER.prepare()
gc.freeze()  # These objects stay, so that no later collection need walk them.
gc.enable()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Answer one request."""
    return ROUTER.respond(event)
