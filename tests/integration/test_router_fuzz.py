"""The router against its own description: every generated request is answered as described."""

from datetime import timedelta
from typing import Any

import hypothesis
import schemathesis

from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.places import seed_pops
from greenstream.domain.reading import Basis, Forecast, ForecastPoint, Scope, Signal
from tests.builders import NOW
from tests.fakes.memory_store import MemoryStore
from tests.integration.function_url import application
from tests.router_client import Client, a_reading_of
from tests.storing import put_forecast, put_reading


def a_client() -> Client:
    store = MemoryStore()
    for zone, gco2_kwh in (("NYISO", 260), ("CAISO_NORTH", 210), ("GBR-13", 120)):
        put_reading(store, a_reading_of(zone, gco2_kwh))
    put_forecast(
        store,
        Forecast(
            zone="GBR-13",
            provider="eso",
            provider_zone="13",
            signal=Signal.AVERAGE,
            basis=Basis.DIRECT,
            scope=Scope.CONSUMPTION,
            factor_set=GREENSTREAM,
            issued_at=NOW,
            points=tuple(
                ForecastPoint(NOW + timedelta(hours=hour), NOW + timedelta(hours=hour + 1), 100.0)
                for hour in range(48)
            ),
        ),
    )
    return Client(store)


TOO_LARGE_IS_A_REFUSAL_TOO = schemathesis.Config.from_dict(
    {"checks": {"negative_data_rejection": {"expected-statuses": [400, 404, 405, 413, 415]}}}
)
api = schemathesis.openapi.from_wsgi(
    "/openapi.json",
    application(a_client().router.respond),
    config=TOO_LARGE_IS_A_REFUSAL_TOO,
)


@api.parametrize()
@hypothesis.settings(
    max_examples=60, deadline=None, suppress_health_check=list(hypothesis.HealthCheck)
)
def test_the_router_answers_every_generated_request_as_described(
    case: schemathesis.Case[Any],
) -> None:
    hold(case)


def hold(case: schemathesis.Case[Any], base_url: str | None = None) -> None:
    """Send a generated request to an address or the application, and validate its answer."""
    if case.meta is not None and case.meta.generation.mode.is_positive:
        _obey_rules_between_parameters(case.query)
    case.call_and_validate(base_url)


def _obey_rules_between_parameters(query: dict[str, Any]) -> None:
    """Remove parameters that break the rules which the description has in words only."""
    if ("lat" in query) != ("lon" in query):
        query.pop("lat", None)
        query.pop("lon", None)
    if "from" in query and "lat" in query:
        query.pop("from")
    if "zones" in query and "pops" in query:
        query.pop("pops")
    for name in ("allow", "deny"):  # Countries drawn at random rarely leave a place.
        query.pop(name, None)
    if float(query.get("duration_min", 60)) > 60 * float(query.get("within_h", 24)):
        query.pop("duration_min", None)
        query.pop("within_h", None)
    asked = query["pops"].split(",") if "pops" in query else []  # A list is generated as text.
    if "rtt" in query:
        rtts = {entry.rpartition(":")[0]: entry for entry in query["rtt"].split(",")}
        asked = asked or list(rtts)
        kept = [entry for pop, entry in rtts.items() if pop in asked]
        query["rtt"] = ",".join(kept)
        if not kept:
            query.pop("rtt")
    if query.get("current") not in (asked or seed_pops()):
        query.pop("current", None)
