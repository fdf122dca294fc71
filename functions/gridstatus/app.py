"""The function that collects US grids through the gridstatus library."""

import os
from typing import Any, Final

from functions.gridstatus.faults import NAME
from functions.gridstatus.feed import LibraryFeed, keep_within
from functions.gridstatus.provider import Gridstatus, wanted
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings, secret
from greenstream.aws.ssm_secrets import SsmSecrets
from greenstream.domain.clock import utc_now
from greenstream.ingest.collect import collect

TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
SECRETS: Final = SsmSecrets()
GRIDSTATUS: Final = Gridstatus(
    feed=LibraryFeed(),
    wanted=wanted(os.environ.get("GRIDSTATUS_ZONES", "")),
    pjm_api_key=lambda: secret(NAME, "PJM_API_KEY", SETTINGS, SECRETS),
    simulated=SETTINGS.simulated,
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001
    """Run once, within the function's memory and remaining time. The event is not read."""
    keep_within(int(context.memory_limit_in_mb))
    provider = GRIDSTATUS.within(context.get_remaining_time_in_millis())
    return collect(provider, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
