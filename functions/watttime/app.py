"""The function that collects marginal carbon intensity from WattTime."""

from typing import Any, Final

from functions.watttime.answers import NAME
from functions.watttime.provider import WattTime
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings, required, secret
from greenstream.aws.ssm_secrets import SsmSecrets
from greenstream.domain.clock import utc_now
from greenstream.domain.zones import zones_of
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient

TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
SECRETS: Final = SsmSecrets()
WATTTIME: Final = WattTime(
    http=HttpClient(provider=NAME, base_url=required("WATTTIME_BASE_URL")),
    wanted=zones_of(NAME),
    credentials=lambda: (
        secret(NAME, "WATTTIME_USERNAME", SETTINGS, SECRETS),
        secret(NAME, "WATTTIME_PASSWORD", SETTINGS, SECRETS),
    ),
    telemetry=TELEMETRY,
    simulated=SETTINGS.simulated,
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Run the provider once. The event is ignored, since the clock gives the time of the run."""
    return collect(WATTTIME, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
