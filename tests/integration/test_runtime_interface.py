"""The router as Lambda runs it: under AWS's runtime client, in its own process, on real events."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest

from greenstream.api.exposition import CONTENT_TYPE
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from tests.integration import engines
from tests.integration.conftest import make_table
from tests.integration.runtime_interface import EVENTS, Runtime, event, runtime
from tests.metrics import samples_of
from tests.router_client import a_reading_of
from tests.storing import put_reading
from tests.table_client import TableClient

TABLE = "readings"
ROUTER = engines.ROOT / "functions" / "router"


@pytest.fixture(scope="module")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """Yield the router on a table that has a reading of New York, which is a minute old."""
    folder = tmp_path_factory.mktemp("runtime")
    with engines.dynoxide(folder) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        client = TableClient()
        make_table(client, TABLE)
        # The store and an answer both cut to the second, so that an age may come out a second less.
        minute_old = utc_now() - timedelta(minutes=1, seconds=1)
        put_reading(
            DynamoStore(client, TABLE, clock=utc_now),
            a_reading_of("NYISO", 260, valid_to=minute_old),
        )
        client.close()
        environment = {"TABLE_NAME": TABLE, "AWS_ENDPOINT_URL_DYNAMODB": address}
        with runtime(ROUTER, environment, folder=folder) as served:
            yield served


@pytest.mark.parametrize("name", EVENTS)
def test_every_event_of_the_folder_is_answered(router: Runtime, name: str) -> None:
    answer = router.invoke(event(name))

    assert answer["statusCode"] in (200, 202), answer
    if name == "metrics":
        assert answer["headers"]["Content-Type"] == CONTENT_TYPE
        assert samples_of(answer["body"]).value("greenstream_zone_age_seconds", zone="NYISO") >= 60
        return
    assert answer["headers"]["Content-Type"] == "application/json"
    assert isinstance(json.loads(answer["body"]), dict)


def test_the_answer_has_the_figure_of_the_table(router: Runtime) -> None:
    asked = event("route") | {"rawQueryString": "pops=nyc"}
    answer = json.loads(router.invoke(asked)["body"])

    assert (answer["pop"], answer["degraded"]) == ("nyc", False)
    [candidate] = answer["candidates"]
    assert (candidate["gco2_kwh"], candidate["rung"]) == (260, "live")


def test_an_invalid_question_is_refused_with_its_field(router: Runtime) -> None:
    answer = router.invoke(event("route") | {"rawQueryString": "pops=atlantis"})

    assert answer["statusCode"] == 400
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(answer["body"])["errors"][0]["field"] == "pops"


def test_an_event_that_is_not_a_request_is_refused_and_the_next_one_is_answered(
    router: Runtime,
) -> None:
    assert router.invoke({})["statusCode"] == 400
    assert router.invoke(event("health"))["statusCode"] == 200
    assert [line for line in router.lines() if line.get("level") == "ERROR"] == []
