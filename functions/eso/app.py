"""The function that collects Great Britain's carbon intensity from NESO."""

import os
from typing import Any, Final

from functions.eso.provider import Eso
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings
from greenstream.domain.clock import utc_now
from greenstream.ingest.collect import collect
from greenstream.ports.provider import ProviderConfig

TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
ESO: Final = Eso.from_config(
    ProviderConfig(
        environ=os.environ,
        clock=utc_now,
        telemetry=TELEMETRY,
        simulated=SETTINGS.simulated,
    )
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Run the provider once. The event is ignored, since the clock gives the time of the run."""
    return collect(ESO, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
