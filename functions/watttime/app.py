"""The function that collects marginal carbon intensity from WattTime."""

import os
from typing import Any, Final

from functions.watttime.answers import NAME
from functions.watttime.provider import WattTime
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
WATTTIME: Final = WattTime.from_config(
    ProviderConfig(
        environ=os.environ,
        clock=utc_now,
        telemetry=TELEMETRY,
        secret=lambda name: secret(NAME, name, SETTINGS, SECRETS),
        simulated=SETTINGS.simulated,
    )
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Run the provider once. The event is ignored, since the clock gives the time of the run."""
    return collect(WATTTIME, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
