"""The router on a table: one read, the stored figures, and answers without the table."""

import json
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest
from moto import mock_aws

from functions.router import app
from greenstream.api.router import Router
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.dynamodb import Credentials, DynamoDb, Endpoint, Limits
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.reading import Basis, Forecast, ForecastPoint, Scope, Signal
from greenstream.ports.store import ProviderState, ProviderStatus, StoreError
from tests.builders import AVERAGE_LIFECYCLE, NOW
from tests.router_client import Client, SetClock, a_reading_of
from tests.storing import put_forecast, put_reading, put_status
from tests.table_client import MotoClient, TableClient

KEY = Credentials("testing", "testing")


@pytest.fixture(scope="module")
def client() -> Iterator[TableClient]:
    """Yield a client of one engine. The store's own tests show that all engines agree."""
    with mock_aws():
        yield MotoClient()


@pytest.fixture
def store(client: TableClient, table_name: str) -> DynamoStore:
    store = DynamoStore(client, table_name, clock=SetClock())
    put_reading(store, a_reading_of("NYISO", 260))
    put_reading(store, a_reading_of("NYISO", 312, kind=AVERAGE_LIFECYCLE))
    put_reading(store, a_reading_of("GBR-13", 120.25, valid_to=NOW - timedelta(minutes=30)))
    put_reading(store, a_reading_of("GBR-13", 110.04))
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
            points=(ForecastPoint(NOW, NOW + timedelta(minutes=30), 99.0),),
        ),
    )
    put_status(
        store,
        ProviderStatus(
            provider="eso", state=ProviderState.OK, last_run_at=NOW, last_success_at=NOW, stored=2
        ),
    )
    return store


@pytest.fixture
def router(store: DynamoStore) -> Client:
    return Client(store)


@pytest.fixture
def reads(client: TableClient) -> Iterator[list[str]]:
    """Yield the list of the operations on the table, in order."""
    asked: list[str] = []

    def note(operation: str, _: object) -> None:
        asked.append(operation)

    client.before.append(note)
    yield asked
    client.before.remove(note)


def test_decisions_use_the_stored_readings(router: Client) -> None:
    body = router.ask("/v1/route", "pops=nyc,lon&rtt=nyc:10,lon:60").body

    assert (body["pop"], body["reason"], body["degraded"]) == ("lon", "cleanest", False)
    assert body["ranking"]["kinds"] == ["average/direct"]
    assert [row["gco2_kwh"] for row in body["candidates"]] == [110.0, 260.0]


def test_a_zone_shows_its_history_and_forecast(router: Client) -> None:
    body = router.ask("/v1/zones/GBR-13", "history_h=1").body

    assert [row["gco2_kwh"] for row in body["history"]] == [120.2, 110.0]
    assert [point["gco2_kwh"] for point in body["forecasts"][0]["points"]] == [99.0]


def test_a_provider_shows_its_last_run(router: Client) -> None:
    listed = {row["provider"]: row for row in router.ask("/v1/providers").body["providers"]}

    assert (listed["eso"]["state"], listed["gridstatus"]["state"]) == ("ok", "never_run")


def test_all_requests_within_five_seconds_cost_one_query(router: Client, reads: list[str]) -> None:
    """A cold router also reads the profiles, which serve for five minutes."""
    for path in ("/v1/route", "/v1/zones", "/v1/providers", "/v1/policy", "/v1/health", "/metrics"):
        assert router.ask(path).status == 200
    assert reads == ["Query", "Query"]

    router.clock.forward(5)
    router.ask("/v1/route")
    assert reads == ["Query", "Query", "Query"]


def test_a_damaged_item_is_named_and_affects_no_other_zone(
    router: Client, client: TableClient, table_name: str
) -> None:
    sk = "BOARD#watttime"
    client.put_item(
        TableName=table_name,
        Item={"pk": {"S": "CURRENT"}, "sk": {"S": sk}, "data": {"S": "<b>"}},
    )
    body = router.ask("/v1/route", "pops=nyc,lon").body

    assert sk in body["degraded_reason"]
    assert {row["rung"] for row in body["candidates"]} == {"live"}


def test_a_missing_table_degrades_the_answer(client: TableClient) -> None:
    answer = Client(DynamoStore(client, "no-such-table", clock=SetClock())).ask("/v1/route")

    assert answer.status == 200
    assert "ResourceNotFoundException" in answer.body["degraded_reason"]


def test_an_endpoint_that_refuses_degrades_the_answer() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    refusing = DynamoDb(Endpoint(url, "eu-west-1"), lambda: KEY, Limits(attempts=1))
    answer = Client(DynamoStore(refusing, "readings", clock=SetClock())).ask("/v1/route")

    assert (answer.status, answer.body["degraded"]) == (200, True)
    assert "NewConnectionError" in answer.body["degraded_reason"]
    assert "127.0.0.1" not in answer.text


def test_a_table_that_accepts_and_never_answers_degrades_the_answer() -> None:
    with socket.socket() as silent, pytest.MonkeyPatch.context() as patch:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{silent.getsockname()[1]}")
        table = app.table_client()
        client = Client(DynamoStore(table, "readings", clock=SetClock()))
        answer, window = client.ask("/v1/route", "colo=EWR"), client.ask("/v1/window")
        report = client.report({"samples": [{"colo": "EWR", "pop": "nyc", "rtt_ms": 3}]})
        silent.settimeout(0)
        silent.accept()
        with pytest.raises(BlockingIOError):
            silent.accept()

    assert answer.status == 200
    assert "ReadTimeoutError" in answer.body["degraded_reason"]
    assert {row["rung"] for row in answer.body["candidates"]} <= {"annual_mean", "none"}
    assert {row["why_no_forecast"] for row in window.body["zones"]} == {"not_read"}
    assert report.status == 503
    table.close()


@pytest.mark.parametrize(
    "code", ["ProvisionedThroughputExceededException", "ThrottlingException", "InternalServerError"]
)
def test_the_cache_answers_when_the_table_throttles_or_fails(
    store: DynamoStore, client: TableClient, code: str
) -> None:
    router = Client(store)
    assert router.ask("/v1/route", "pops=nyc").body["degraded"] is False

    def refuse(operation: str, _: object) -> None:
        raise StoreError(f"DynamoDB {operation} was refused: {code}")

    client.before.append(refuse)
    try:
        router.clock.forward(60)
        body = router.ask("/v1/route", "pops=nyc").body
    finally:
        client.before.remove(refuse)

    assert (body["candidates"][0]["gco2_kwh"], body["candidates"][0]["age_s"]) == (260, 60)
    assert f"refused: {code}" in body["degraded_reason"]
    assert "memory of 60 s ago" in body["degraded_reason"]


def test_measured_round_trips_reach_the_decision(router: Client, reads: list[str]) -> None:
    sample = {"colo": "EWR", "pop": "nyc", "rtt_ms": 2.5}
    assert router.report({"samples": [sample] * 5}).body == {"accepted": 5}
    del reads[:]

    for _ in range(3):
        [candidate] = router.ask("/v1/route", "pops=nyc&colo=EWR").body["candidates"]
        assert (candidate["latency_ms"], candidate["latency_samples"]) == (2.5, 5)
    assert reads == ["Query", "Query", "Query"], (
        "the first is for the readings, the others for the profiles and the round trips"
    )


def test_the_handler_answers_a_function_url_event_and_logs_json_lines(
    store: DynamoStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    router = Router(store, clock=SetClock(), telemetry=app.TELEMETRY)
    monkeypatch.setattr(app, "ROUTER", router)
    event = {
        "rawPath": "/v1/route",
        "rawQueryString": "pops=nyc",
        "requestContext": {"http": {"method": "GET"}},
    }
    with monkeypatch.context() as patched:
        patched.setattr(app.TELEMETRY.logger.registered_handler, "stream", _Stdout())
        answer = app.handler(event, None)

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"])["pop"] == "nyc"
    logged, compared, counted = capsys.readouterr().out.splitlines()
    line = json.loads(logged)
    assert (line["message"], line["pop"], line["rungs"]) == ("answered", "nyc", {"live": 1})
    assert len(logged.encode()) < 400, "log lines are paid for by the byte"
    assert json.loads(compared)["uncompared_decisions"] == 1
    metrics = json.loads(counted)
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [["service"]]
    assert (metrics["Decisions"], metrics["RungLive"]) == ([1.0], [1.0])


class _Stdout:
    """A stream that writes to the present standard output, whenever the logger was made."""

    def write(self, text: str) -> None:
        print(text, end="")

    def flush(self) -> None:
        print(end="", flush=True)
