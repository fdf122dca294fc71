"""The Worker in its real runtime with the real router, and with IAM enforced between them."""

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import boto3
import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from greenstream.domain.decision import Reason
from greenstream.domain.places import seed_pops
from infra.local.ports import free_port
from infra.local.stack import Stack
from infra.local.worker import LocalWorker
from tests.ending import a_local_stack

pytestmark = pytest.mark.worker


@dataclass
class Edge:
    stack: Stack
    key: Credentials
    visitor: httpx.Client


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    worker = LocalWorker(folder)
    with a_local_stack(folder) as local:
        stack = local.up(upstream="simulated", auth="iam")
        settings = {"TTL_S": "1", "ROUTER_DEADLINE_MS": "5000", "SAMPLE_SHARE": "1"}
        settings["PAGE_DEADLINE_MS"] = "20000"  # the emulator's first answers on a busy machine
        url = worker.start(stack, settings=settings)
        variables = dict(
            line.split("=", 1) for line in (folder / "worker.env").read_text().splitlines()
        )
        key = Credentials(
            variables["AWS_ACCESS_KEY_ID"].strip("'"), variables["AWS_SECRET_ACCESS_KEY"].strip("'")
        )
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as visitor:
            yield Edge(stack, key, visitor)


def ask_router(stack: Stack, key: Credentials | None) -> int:
    request = AWSRequest("GET", f"{stack.router_url}/v1/health")
    if key is not None:
        SigV4Auth(key, "lambda", stack.region).add_auth(request)
    with httpx.Client(trust_env=False, timeout=30) as client:
        return client.get(str(request.url), headers=dict(request.headers.items())).status_code


def eventually(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within 90 s")
        time.sleep(0.3)


class TestTheRoutersUrl:
    def test_accepts_the_workers_key(self, edge: Edge) -> None:
        assert ask_router(edge.stack, edge.key) == 200

    def test_refuses_a_request_without_a_signature(self, edge: Edge) -> None:
        assert ask_router(edge.stack, None) == 403

    def test_refuses_a_signature_by_another_secret(self, edge: Edge) -> None:
        assert ask_router(edge.stack, Credentials(edge.key.access_key, "guessed")) == 403

    def test_refuses_an_unknown_key(self, edge: Edge) -> None:
        unknown = Credentials("AKIAUNKNOWNUNKNOWN00", edge.key.secret_key)
        assert ask_router(edge.stack, unknown) == 403

    def test_refuses_a_user_without_permission(self, edge: Edge) -> None:
        iam = edge.stack.client("iam")
        iam.create_user(UserName="stranger")
        key = iam.create_access_key(UserName="stranger")["AccessKey"]
        stranger = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
        assert ask_router(edge.stack, stranger) == 403


class TestTheWorkersKey:
    @pytest.mark.parametrize("service", ["dynamodb", "lambda", "iam"])
    def test_allows_no_other_action(self, edge: Edge, service: str) -> None:
        client = boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=edge.stack.endpoint_url,
            region_name=edge.stack.region,
            aws_access_key_id=edge.key.access_key,
            aws_secret_access_key=edge.key.secret_key,
            config=Config(proxies={}, retries={"total_max_attempts": 1}),
        )
        calls = {
            "dynamodb": lambda: client.scan(TableName=edge.stack.table),
            "lambda": lambda: client.invoke(FunctionName=edge.stack.functions["eso"]),
            "iam": lambda: client.list_users(MaxItems=1),
        }
        with pytest.raises(ClientError, match="AccessDenied"):
            calls[service]()


class TestAVisit:
    def test_goes_to_the_pop_the_router_chose(self, edge: Edge) -> None:
        answer = edge.visitor.get("/shop?q=1")
        assert answer.status_code == 200
        assert answer.headers["x-greenstream-reason"] in set(Reason)
        assert float(answer.headers["x-greenstream-gco2"]) > 0
        assert f"Served from {answer.headers['x-greenstream-pop']}" in answer.text
        assert "GET /shop?q=1" in answer.text

    def test_reaches_the_pop_with_its_original_method(self, edge: Edge) -> None:
        assert "POST /" in edge.visitor.post("/", content=b"x" * 100_000).text

    def test_reports_round_trips_to_the_router(self, edge: Edge) -> None:
        def stored() -> bool:
            edge.visitor.get("/")
            items = edge.stack.client("dynamodb").query(
                TableName=edge.stack.table,
                KeyConditionExpression="pk = :latency",
                ExpressionAttributeValues={":latency": {"S": "LATENCY"}},
            )["Items"]
            return {item["sk"]["S"] for item in items} == {f"EWR#{pop}" for pop in seed_pops()}

        eventually("the storage of a round trip to each POP", stored)


class TestTheStatusPage:
    def test_is_served_with_the_answers_it_needs(self, edge: Edge) -> None:
        assert "<!doctype html>" in edge.visitor.get("/_greenstream/").text
        for path in ("zones", "zones/GBR-13?history_h=24", "pops", "providers", "route"):
            answer = edge.visitor.get(f"/_greenstream/api/v1/{path}")
            assert answer.status_code == 200, path
            assert answer.headers["content-type"] == "application/json"

    @pytest.mark.parametrize("query", ["%3Dx=1", "a=%FF", "q=a+b&p=*", "q=(1)!&a=~'", "%20=1"])
    def test_a_query_that_the_router_refuses_is_refused_by_its_own_words(
        self, edge: Edge, query: str
    ) -> None:
        answer = edge.visitor.get(f"/_greenstream/api/v1/zones?{query}")
        assert answer.status_code == 400, answer.text
        assert answer.json()["errors"]

    def test_a_parameter_without_a_name_is_refused(self, edge: Edge) -> None:
        answer = edge.visitor.get("/_greenstream/api/v1/zones?=x")
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"

    def test_accepts_no_report(self, edge: Edge) -> None:
        assert edge.visitor.post("/_greenstream/api/v1/latency").status_code == 405


class _OddOrigin(socketserver.StreamRequestHandler):
    """An origin that answers each path with the status of its name, on one connection each."""

    def handle(self) -> None:
        target = self.rfile.readline().decode().split()[1]
        while self.rfile.readline().strip():
            pass
        base, status = target[1:].split("/")
        status = "200" if base == "200" else status
        self.wfile.write(
            f"HTTP/1.1 {status} Odd\r\nContent-Length: 4\r\nConnection: close\r\n\r\nodd\n".encode()
        )


@pytest.fixture(scope="module")
def visitor_of_odd_origins(
    edge: Edge, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """Return a visitor whose nearest origin is odd. The router cannot be reached."""
    folder = tmp_path_factory.mktemp("odd")
    worker = LocalWorker(folder)
    with (
        a_local_stack(folder),
        socketserver.ThreadingTCPServer(("127.0.0.1", 0), _OddOrigin) as server,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        odd = f"http://127.0.0.1:{server.server_address[1]}/odd"
        good = f"http://127.0.0.1:{server.server_address[1]}/200"
        stack = replace(edge.stack, auth="none", router_url=f"http://127.0.0.1:{free_port(0)}")
        settings = {"ORIGINS": json.dumps({"nyc": odd, "lon": good}), "DEFAULT_POP": "nyc"}
        try:
            url = worker.start(stack, settings=settings)
            with httpx.Client(base_url=url, trust_env=False, timeout=30) as visitor:
                yield visitor
        finally:
            worker.stop()
            server.shutdown()


class TestAnOddOrigin:
    @pytest.mark.parametrize("status", ["500", "600", "999", "101"])
    @pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
    @pytest.mark.parametrize("length", [{}, {"Content-Length": "0"}])
    def test_is_replaced_by_the_next_one(
        self, visitor_of_odd_origins: httpx.Client, status: str, method: str, length: dict[str, str]
    ) -> None:
        answer = visitor_of_odd_origins.request(method, f"/{status}", headers=length)
        assert answer.headers["x-greenstream-reason"] == "failover", answer.text
        assert answer.headers["x-greenstream-pop"] == "lon"


class TestARevokedKey:
    def test_fails_no_visit(self, edge: Edge) -> None:
        before = edge.visitor.get("/").headers["x-greenstream-pop"]
        iam, key_id = edge.stack.client("iam"), edge.key.access_key
        user = iam.get_access_key_last_used(AccessKeyId=key_id)["UserName"]
        iam.delete_access_key(UserName=user, AccessKeyId=key_id)
        assert ask_router(edge.stack, edge.key) == 403

        def stale() -> bool:
            answer = edge.visitor.get("/")
            assert answer.status_code == 200
            assert answer.headers["x-greenstream-pop"] == before
            return "desc=stale" in answer.headers["server-timing"]

        eventually("the use of the Worker's last decision", stale)
