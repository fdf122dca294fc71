"""The router against its own description: every generated request is answered as described."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import hypothesis
import schemathesis

from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.places import places, seed_pops
from greenstream.domain.reading import Basis, Forecast, ForecastPoint, Scope, Signal
from greenstream.domain.residency import Residency, countries_of
from greenstream.domain.zones import zones
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
        if case.path == "/v1/route":
            _obey_the_rules_of_route(case.query)
        if case.path == "/v1/window":
            _obey_the_rules_of_window(case.query)
    case.call_and_validate(base_url)


# OpenAPI 3.1 cannot express a rule between parameters, so that the description has such rules in
# words only. The functions below remove parameters that break a rule; every request that remains
# must be answered.


def _obey_the_rules_of_route(query: dict[str, Any]) -> None:
    if ("lat" in query) != ("lon" in query):
        query.pop("lat", None)
        query.pop("lon", None)
    if "lat" in query:
        query.pop("from", None)
    asked = _listed(query, "pops")
    if "rtt" in query:
        rtts = {entry.rpartition(":")[0]: entry for entry in _listed(query, "rtt")}
        asked = asked or list(rtts)
        query["rtt"] = ",".join(entry for pop, entry in rtts.items() if pop in asked)
        if not query["rtt"]:
            query.pop("rtt")
    asked = asked or list(seed_pops())
    if query.get("current") not in asked:
        query.pop("current", None)
    _allow_one_of([places()[pop].country for pop in asked], query)


def _obey_the_rules_of_window(query: dict[str, Any]) -> None:
    if "zones" in query:
        query.pop("pops", None)
        query.pop("from", None)
    if "from" not in query or "pops" not in query:
        query.pop("max_latency_ms", None)
    if float(query.get("duration_min", 60)) > 60 * float(query.get("within_h", 24)):
        query.pop("duration_min", None)
        query.pop("within_h", None)
    if "zones" in query:
        countries = [zones()[zone].country for zone in _listed(query, "zones")]
    elif "pops" not in query and "from" in query:
        countries = []  # Which place is the nearest is not computed here a second time.
    else:
        asked = _listed(query, "pops") or seed_pops()
        countries = [places()[pop].country for pop in asked]
    _allow_one_of(countries, query)


def _listed(query: dict[str, Any], name: str) -> list[str]:
    """Return the members of a list, which is generated as text."""
    return query[name].split(",") if name in query else []


def _allow_one_of(countries: Sequence[str], query: dict[str, Any]) -> None:
    """Remove ``allow`` and ``deny`` if they leave none of the countries."""
    allow = countries_of(_listed(query, "allow")) if "allow" in query else None
    residency = Residency(allow, countries_of(_listed(query, "deny")))
    if not any(residency.permits(country) for country in countries):
        query.pop("allow", None)
        query.pop("deny", None)
