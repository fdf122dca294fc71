"""The function that collects the generation mix of the EU mainland from ENTSO-E."""

import os
from typing import Any, Final

from functions.entsoe.points import NAME
from functions.entsoe.provider import Entsoe
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
ENTSOE: Final = Entsoe.from_config(
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
    """Run once, within what is left of the invocation's time. The event is ignored."""
    provider = ENTSOE.within(context.get_remaining_time_in_millis())
    return collect(provider, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
