"""The function that collects the fuel mix of US grids through the gridstatus library."""

import os
from typing import Any, Final

from functions.gridstatus.faults import NAME
from functions.gridstatus.feed import keep_within
from functions.gridstatus.provider import Gridstatus
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings, secret
from greenstream.aws.ssm_secrets import SsmSecrets
from greenstream.domain.clock import utc_now
from greenstream.ingest.collect import collect
from greenstream.ports.provider import ProviderConfig

TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
SECRETS: Final = SsmSecrets()
GRIDSTATUS: Final = Gridstatus.from_config(
    ProviderConfig(
        environ=os.environ,
        clock=utc_now,
        telemetry=TELEMETRY,
        secret=lambda name: secret(NAME, name, SETTINGS, SECRETS),
        simulated=SETTINGS.simulated,
    )
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001
    """Run once, within the function's memory and remaining time. The event is ignored."""
    keep_within(int(context.memory_limit_in_mb))
    provider = GRIDSTATUS.within(context.get_remaining_time_in_millis())
    return collect(provider, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
