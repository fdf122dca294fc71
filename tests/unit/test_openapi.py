"""The OpenAPI document describes everything that the router offers, and nothing else."""

from enum import StrEnum
from functools import reduce
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import pytest
from jsonschema import ValidationError

from greenstream.api import question, report
from greenstream.api.question import PARAMETERS
from greenstream.domain import roundtrips
from greenstream.domain.decision import LatencySource, Reason
from greenstream.domain.ladder import Rung
from greenstream.domain.places import colos, places
from greenstream.domain.policy import FreshnessModel, Policy, RankingSignal
from greenstream.domain.reading import Basis, Quality, Scope, Signal
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState
from tests import api
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client

SCHEMAS: dict[str, Any] = api.described()["components"]["schemas"]


@pytest.fixture
def client() -> Client:
    return Client(MemoryStore())


def parameters(path: str, place: str = "query") -> dict[str, Any]:
    listed = api.described()["paths"][path]["get"]["parameters"]
    return {item["name"]: item["schema"] for item in listed if item.get("in") == place}


def at(path: str) -> Any:
    return reduce(lambda node, name: node[name], path.split("."), SCHEMAS)


def test_the_document_is_served_unchanged(client: Client) -> None:
    assert client.ask("/openapi.json").body == api.described()
    assert api.described()["openapi"] == "3.1.0"


def test_the_paths_are_those_of_the_router(client: Client) -> None:
    assert set(api.described()["paths"]) == set(client.ask("/").body["routes"])


@pytest.mark.parametrize("path", api.described()["paths"])
def test_the_methods_are_those_of_the_router(client: Client, path: str) -> None:
    allow = client.ask(path.replace("{zone}", "NYISO"), method="DELETE").headers["Allow"]
    described = {method.upper() for method in api.described()["paths"][path]}

    assert {method for method in allow.split(", ") if method != "HEAD"} == described


@pytest.mark.parametrize(
    "path", [path for path, operations in api.described()["paths"].items() if "get" in operations]
)
def test_the_parameters_are_those_of_the_router(path: str) -> None:
    assert tuple(parameters(path)) == PARAMETERS.get(path, ())


def test_every_table_of_parameters_is_of_a_described_path() -> None:
    assert set(PARAMETERS) <= set(api.described()["paths"])


@pytest.mark.parametrize(
    ("described", "known"),
    [
        ("Signal.enum", Signal),
        ("Basis.enum", Basis),
        ("Scope.enum", Scope),
        ("Quality.enum", Quality),
        ("Rung.enum", Rung),
        ("Policy.properties.ranking_signal.enum", RankingSignal),
        ("Policy.properties.freshness_model.enum", FreshnessModel),
    ],
)
def test_the_enumerations_are_those_of_the_code(described: str, known: type[StrEnum]) -> None:
    assert at(described) == list(known)


def test_the_enumerations_inside_of_answers_are_those_of_the_code() -> None:
    [_, decision] = at("Decision.allOf")
    [_, candidate] = at("Candidate.allOf")
    properties = decision["properties"]

    assert properties["reason"]["enum"] == list(Reason)
    assert properties["ranking"]["properties"]["asked"]["enum"] == list(RankingSignal)
    assert candidate["properties"]["latency_source"]["enum"] == list(LatencySource)
    assert parameters("/v1/route")["signal"]["enum"] == list(RankingSignal)
    assert at("Source.properties.provider_state.enum") == [*ProviderState, "never_run"]
    assert at("PopName.enum") == list(places())
    assert {"london", "sydney", "sao paulo"} <= set(at("CityName.enum"))
    assert {"EU", "EEA", "US", "SG"} <= set(at("CountryName.enum"))
    assert at("ZoneName.enum") == list(zones())
    assert at("ColoName.enum") == list(colos())


def test_the_policy_is_described_number_by_number() -> None:
    assert list(at("Policy.properties")) == ["stored", *Policy.__dataclass_fields__]


@pytest.mark.parametrize("city", at("CityName.enum"))
def test_every_city_that_is_listed_is_an_origin(client: Client, city: str) -> None:
    for path in ("/v1/route", "/v1/window"):
        assert client.ask(path, f"from={quote(city)}").status == HTTPStatus.OK


@pytest.mark.parametrize("degrees", ["48.1,11.6", "-90,180", "+90.0,-180.000", "0,-0.5", "89.9,99"])
def test_degrees_that_the_description_accepts_are_an_origin(client: Client, degrees: str) -> None:
    api.validate(SCHEMAS["Origin"], degrees)
    assert client.ask("/v1/route", f"from={quote(degrees)}").status == HTTPStatus.OK


@pytest.mark.parametrize("text", ["90.1,0", "0,180.1", "0,-199", "48.1", "san jose", "xanadu", ""])
def test_an_origin_that_the_router_refuses_is_none_of_the_description(
    client: Client, text: str
) -> None:
    with pytest.raises(ValidationError):
        api.validate(SCHEMAS["Origin"], text)
    assert client.ask("/v1/route", f"from={quote(text)}").status == HTTPStatus.BAD_REQUEST


def test_the_bounds_are_those_of_the_code() -> None:
    route, window = parameters("/v1/route"), parameters("/v1/window")
    samples = at("LatencyReport.properties.samples")
    rtt_ms = samples["items"]["properties"]["rtt_ms"]

    assert route["pops"]["maxItems"] == question.MAX_POPS
    assert route["max_latency_ms"]["maximum"] == question.MAX_LATENCY_MS
    assert window["zones"]["maxItems"] == question.MAX_WINDOW_ZONES
    for name, bounds in (
        ("duration_min", question.DURATION_MIN),
        ("within_h", question.WITHIN_H),
    ):
        assert (window[name]["minimum"], window[name]["maximum"]) == bounds
    assert parameters("/v1/zones/{zone}")["history_h"]["maximum"] == question.MAX_HISTORY_H
    assert samples["maxItems"] == report.MAX_SAMPLES
    assert (rtt_ms["minimum"], rtt_ms["maximum"]) == (
        roundtrips.MIN_RTT_MS,
        roundtrips.MAX_RTT_MS,
    )


@pytest.mark.parametrize(
    ("schema", "example"),
    [pytest.param(schema, example, id=place) for place, schema, example in api.examples()],
)
def test_every_example_is_valid(schema: dict[str, Any], example: object) -> None:
    api.validate(schema, example)


def test_every_parameter_has_an_example() -> None:
    places = [place for place, _, _ in api.examples()]

    for path, names in PARAMETERS.items():
        for index, name in enumerate(names):
            parameter = f"/paths/{path}/get/parameters/{index + path.count('{')}"
            assert parameter in places, name


def test_an_undescribed_member_is_detected() -> None:
    with pytest.raises(AssertionError, match="which is not described"):
        api.assert_described("/v1/route", "GET", {"statusCode": 418, "headers": {}}, {})
