"""The function that collects the generation mix of the EU mainland from ENTSO-E."""

from typing import Any, Final

from functions.entsoe.points import NAME
from functions.entsoe.provider import ANSWER_S, Entsoe
from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings, required, secret
from greenstream.aws.ssm_secrets import SsmSecrets
from greenstream.domain.clock import utc_now
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient

TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
SECRETS: Final = SsmSecrets()
ENTSOE: Final = Entsoe(
    # There is no second attempt: the platform counts each request, and the next run comes soon.
    http=HttpClient(
        provider=NAME, base_url=required("ENTSOE_BASE_URL"), deadline_s=ANSWER_S, attempts=1
    ),
    token=lambda: secret(NAME, "ENTSOE_API_KEY", SETTINGS, SECRETS),
    simulated=SETTINGS.simulated,
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001
    """Run once, within what is left of the invocation's time. The event is not read."""
    provider = ENTSOE.within(context.get_remaining_time_in_millis())
    return collect(provider, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
