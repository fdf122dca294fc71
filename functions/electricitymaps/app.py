"""The function that collects from Electricity Maps for zones without another live figure."""

from typing import Any, Final

from functions.electricitymaps.answers import NAME
from functions.electricitymaps.provider import ElectricityMaps
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings, required, required_count, secret
from greenstream.aws.ssm_secrets import SsmSecrets
from greenstream.domain.clock import utc_now
from greenstream.domain.zones import zones_of
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient

TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
SECRETS: Final = SsmSecrets()
ELECTRICITYMAPS: Final = ElectricityMaps(
    # There is one attempt only: a second would count against the budget, and the next run is near.
    http=HttpClient(provider=NAME, base_url=required("ELECTRICITYMAPS_BASE_URL"), attempts=1),
    wanted=zones_of(NAME),
    newest=lambda: STORE.snapshot().readings,
    token=lambda: secret(NAME, "ELECTRICITYMAPS_TOKEN", SETTINGS, SECRETS),
    hourly_budget=required_count("ELECTRICITYMAPS_HOURLY_BUDGET"),
    simulated=SETTINGS.simulated,
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Run the provider once. The event is ignored, since the clock gives the time of the run."""
    return collect(ELECTRICITYMAPS, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
