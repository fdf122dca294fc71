"""The function that tunes the policy each night."""

from typing import Any, Final

from functions.tuner.nightly import run
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.dynamodb import Limits
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings
from greenstream.domain.clock import utc_now

TELEMETRY: Final = PowertoolsTelemetry()
TABLE_NAME: Final = Settings.from_env().table_name
CLIENT: Final = dynamodb_client(Limits(read_timeout_s=10.0))
STORE: Final = DynamoStore(CLIENT, TABLE_NAME, clock=utc_now)
POLICIES: Final = DynamoPolicies(CLIENT, TABLE_NAME)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Tune once. The event is ignored."""
    return run(STORE, POLICIES, clock=utc_now, telemetry=TELEMETRY).as_dict()
