"""A collector's policy allows each request that its code makes, and no write of another's data.

Every request that the store can make is matched with the policy here, as IAM matches them: an
action is allowed where a statement names it, and where each of the statement's conditions holds for
the partition key of the request (``dynamodb:LeadingKeys``).
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest

from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.dynamodb import Credentials, DynamoDb, Endpoint
from greenstream.domain.factor_sets import usual_factor_set
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HOURS_A_DAY, HourMean, HourProfile
from greenstream.domain.reading import Forecast, ForecastPoint, Kind, Reading
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ports.store import ProviderState, ProviderStatus
from infra.registry import COLLECTING, COLLECTORS
from tests.builders import NOW, a_reading
from tests.template.conftest import ROOT, Expanded

HOUR = timedelta(hours=1)
COLLECTOR_OF = {name: row.function for name, row in COLLECTORS.items()}
FORECASTING = ("eso", "watttime")
"""The providers that store forecasts."""

Request = tuple[str, str]
"""An action of IAM, and the partition key that the request names."""


class Requests(DynamoDb):
    """A client that notes what the store asks for. Every board that it answers is damaged.

    A damaged board makes the store read the spare copy and the history too.
    """

    def __init__(self) -> None:
        key = Credentials("testing", "testing")
        super().__init__(Endpoint("http://127.0.0.1:9", "eu-west-1"), lambda: key)
        self.made: set[Request] = set()

    def _ask(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "Query":
            values = request["ExpressionAttributeValues"]
            pk = values[":pk"]
        else:
            pk = request.get("Key", request.get("Item", {}))["pk"]
        self.made.add((f"dynamodb:{operation}", pk["S"]))
        if operation == "Query" and values.get(":sk", {}).get("S", "").startswith("BOARD#"):
            return {"Items": [{"pk": pk, "sk": values[":sk"], "schema": {"N": "0"}}]}
        return {"Items": []} if operation == "Query" else {}


def readings(provider: str) -> Iterator[tuple[Zone, Source, Kind, Reading]]:
    for zone, source in zones_of(provider):
        for kind in source.kinds:
            yield (
                zone,
                source,
                kind,
                a_reading(
                    zone=zone.zone,
                    provider=provider,
                    provider_zone=source.provider_zone,
                    kind=kind,
                    scope=source.scope,
                    factor_set=usual_factor_set(provider),
                ),
            )


@cache
def requests_of(provider: str) -> frozenset[Request]:
    """Return every request that a run of the provider can make."""
    client = Requests()
    store = DynamoStore(client, "readings", clock=lambda: NOW, sleep=lambda _: None)
    store.snapshot()  # what a provider may read of all others
    recording = store.recording(provider)
    recording.publish(ProviderStatus(provider=provider, state=ProviderState.OK, last_run_at=NOW))
    for zone, source, kind, reading in readings(provider):
        store.history(zone.zone, provider, kind, since=NOW - HOUR, until=NOW)
        store.versions(zone.zone, provider, kind, since=NOW - HOUR, until=NOW)
        recording.put_readings([reading])
        mean = HourMean(200.0, NOW)
        recording.put_profile(
            HourProfile(
                zone=zone.zone,
                provider=provider,
                kind=kind,
                scope=source.scope,
                factor_set=usual_factor_set(provider),
                hours=dict.fromkeys(range(HOURS_A_DAY), mean),
            )
        )
        if provider in FORECASTING:
            recording.put_forecast(
                Forecast(
                    zone=zone.zone,
                    provider=provider,
                    provider_zone=source.provider_zone,
                    signal=kind.signal,
                    basis=kind.basis,
                    scope=source.scope,
                    factor_set=usual_factor_set(provider),
                    issued_at=NOW,
                    points=(ForecastPoint(NOW, NOW + HOUR, 200.0),),
                )
            )
    recording.publish()
    return frozenset(client.made)


def holds(operator: str, wanted: str | list[str], given: str | None) -> bool:
    """Return whether a condition of one key holds, as IAM judges it."""
    patterns = wanted if isinstance(wanted, list) else [wanted]
    match operator:
        case "Null":
            return patterns == [str(given is None).lower()]
        case "ForAllValues:StringEquals":
            return given is None or given in patterns
        case "ForAllValues:StringLike":
            return given is None or any(fnmatchcase(given, pattern) for pattern in patterns)
    raise AssertionError(f"the condition {operator} is not known here")


def allowed(template: Expanded, function: str, action: str, key: str | None) -> bool:
    """Return whether a function's role may take an action on a partition key of the table."""
    policies = template.the(f"{function.title()}FunctionRole")["Policies"]
    for statement in (s for policy in policies for s in policy["PolicyDocument"]["Statement"]):
        actions = statement["Action"]
        if action not in (actions if isinstance(actions, list) else [actions]):
            continue
        conditions = statement.get("Condition", {})
        assert all(set(keys) == {"dynamodb:LeadingKeys"} for keys in conditions.values())
        if all(
            holds(operator, keys["dynamodb:LeadingKeys"], key)
            for operator, keys in conditions.items()
        ):
            return True
    return False


WRITES = ("dynamodb:PutItem", "dynamodb:UpdateItem")


@pytest.mark.parametrize("provider", COLLECTORS)
class TestACollector:
    def test_may_make_every_request_of_its_runs(self, template: Expanded, provider: str) -> None:
        made = requests_of(provider)
        assert {action for action, _ in made} == {"dynamodb:Query", *WRITES}
        refused = {
            request for request in made if not allowed(template, COLLECTOR_OF[provider], *request)
        }
        assert refused == set()

    def test_may_write_the_history_of_no_other_collector(
        self, template: Expanded, provider: str
    ) -> None:
        mine = COLLECTOR_OF[provider]
        others = [name for name in COLLECTORS if name not in COLLECTING[mine]]
        theirs = {
            request
            for other in others
            for request in requests_of(other)
            if request[0] in WRITES and request[1].startswith("HISTORY#")
        }
        assert len(theirs) > len(others)
        assert not {request for request in theirs if allowed(template, mine, *request)}

    @pytest.mark.parametrize("key", ["POLICY", "LATENCY", None])
    def test_may_write_no_policy_and_no_round_trip(
        self, template: Expanded, provider: str, key: str | None
    ) -> None:
        for action in WRITES:
            assert not allowed(template, COLLECTOR_OF[provider], action, key)
        assert not allowed(template, COLLECTOR_OF[provider], "dynamodb:Query", key)

    def test_may_write_a_forecast_only_of_its_own_zones(
        self, template: Expanded, provider: str
    ) -> None:
        may = {
            zone.zone
            for name in COLLECTORS
            for zone, _ in zones_of(name)
            if allowed(
                template, COLLECTOR_OF[provider], "dynamodb:PutItem", f"FORECAST#{zone.zone}"
            )
        }
        own = {zone.zone for zone, _ in zones_of(provider)} if provider in FORECASTING else set()
        assert may == own


def test_the_providers_that_store_forecasts_are_those_whose_code_makes_some() -> None:
    making = {
        path.parent.name
        for path in (ROOT / "functions").rglob("*.py")
        if "Forecast(" in path.read_text()
    }
    assert making == set(FORECASTING)


def test_the_router_and_the_tuner_may_make_the_writes_of_their_code(template: Expanded) -> None:
    client = Requests()
    store = DynamoStore(client, "readings", clock=lambda: NOW, sleep=lambda _: None)
    store.snapshot()
    store.profiles(range(HOURS_A_DAY))
    store.forecasts("NYISO")
    store.latencies("LHR")
    store.record_latency("LHR", "lon", [10.0], NOW)
    assert {
        request for request in client.made if not allowed(template, "router", *request)
    } == set()
    client = Requests()
    policies = DynamoPolicies(client, "readings")
    policies.write(Policy(version="tested"), {}, NOW)
    policies.versions()
    assert {request for request in client.made if not allowed(template, "tuner", *request)} == set()
    for function in ("router", "tuner"):
        assert not allowed(template, function, "dynamodb:PutItem", None)
        assert not allowed(template, function, "dynamodb:UpdateItem", None)
        assert not any(
            allowed(template, function, action, "HISTORY#a#eso#b#c") for action in WRITES
        )
