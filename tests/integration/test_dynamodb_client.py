"""The client of the table against a service that answers well, badly, late and not at all."""

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zlib import crc32

import botocore.session
import pytest
import trustme
from botocore import auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.exceptions import NoCredentialsError

from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamodb import (
    MAX_CONNECTIONS,
    MAX_SIGNATURES,
    ConditionFailedError,
    Credentials,
    DynamoDb,
    Endpoint,
    Limits,
)
from greenstream.aws.table import Table
from greenstream.ports.store import StoreError
from tests.integration.engines import HOST

SECRET = "a-secret-key"
KEY = Credentials("an-access-key", SECRET, "a-session-token")
NAMES = "com.amazonaws.dynamodb.v20120810#"
CLOSE = b""
"""What a service sends that closes the connection in place of an answer."""

EMPTY_PAGE = {"Items": [], "Count": 0}


def answer(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> bytes:
    """Return an answer of the service; its checksum is right unless the headers say another."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    stated = {"x-amz-crc32": str(crc32(body)), "Content-Length": str(len(body)), **(headers or {})}
    lines = [f"HTTP/1.1 {status} Any", *(f"{name}: {value}" for name, value in stated.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def refusal(code: str, status: int = 400, **more: object) -> bytes:
    return answer({"__type": NAMES + code, "message": "a message", **more}, status)


Answer = bytes | float | Callable[[bytes], bytes]


@dataclass
class Service:
    """A server that gives its answers in turn, the last one again and again.

    A number among the answers is a pause in seconds before the next one, and a function makes an
    answer of the body of a request. After `CLOSE` the connection is closed.
    """

    answers: Sequence[Answer]
    port: int = 0
    requests: list[tuple[Mapping[str, str], bytes]] = field(default_factory=list)
    connections: list[socket.socket] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def client(self, *, read_timeout_s: float = 2.0, attempts: int = 1) -> DynamoDb:
        limits = Limits(read_timeout_s=read_timeout_s, attempts=attempts)
        return DynamoDb(Endpoint(self.url, "eu-west-1"), lambda: KEY, limits, sleep=_not)

    def serve(self, connection: socket.socket) -> None:
        self.connections.append(connection)
        with connection, connection.makefile("rb") as incoming:
            while request := _request(incoming):
                self.requests.append(request)
                said = self._next()
                if isinstance(said, float):
                    time.sleep(said)
                    said = self._next()
                if callable(said):
                    said = said(request[1])
                assert isinstance(said, bytes)
                if said == CLOSE:
                    return
                connection.sendall(said)
                if b"\r\n\r\n" not in said or b"Content-Length: 1000" in said:
                    return

    def _next(self) -> Answer:
        said, *later = self.answers
        self.answers = later or [said]
        return said


def _not(_: float) -> None:
    """Take the place of a pause."""


def _request(incoming: Any) -> tuple[Mapping[str, str], bytes] | None:
    try:
        if not incoming.readline():
            return None
        headers = {}
        while line := incoming.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return headers, incoming.read(int(headers["content-length"]))
    except (OSError, KeyError):
        return None


@contextmanager
def service(
    *answers: Answer, wrap: Callable[[socket.socket], socket.socket] = lambda raw: raw
) -> Iterator[Service]:
    with socket.create_server((HOST, 0)) as listener, ThreadPoolExecutor(32) as threads:
        served = Service(answers, listener.getsockname()[1])

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                threads.submit(lambda raw: served.serve(wrap(raw)), connection)

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield served
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for connection in served.connections:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def ask(client: DynamoDb) -> list[Mapping[str, Any]]:
    return Table(client, "readings").query("pk = :pk", {":pk": {"S": "CURRENT"}})


def signed_reads(
    monkeypatch: pytest.MonkeyPatch,
    *seconds: float,
    answers: Sequence[Answer] = (answer(EMPTY_PAGE),),
    ask: Callable[[DynamoDb], Any] = ask,
) -> list[Mapping[str, str]]:
    """Return the headers of the same request, sent at these seconds after the first one."""
    start = datetime.now(UTC).replace(microsecond=0)
    with service(*answers) as served:
        client = served.client()
        for later in seconds:
            now = start + timedelta(seconds=later)
            monkeypatch.setattr(time, "time", now.timestamp)
            monkeypatch.setattr(auth, "get_current_datetime", lambda now=now: now)
            with suppress(StoreError):
                ask(client)
    return [headers for headers, _ in served.requests]


class TestARequest:
    def test_has_the_signature_that_botocore_gives_it(self) -> None:
        with service(answer(EMPTY_PAGE)) as served:
            ask(served.client())
        [(headers, body)] = served.requests
        signed = {"content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"}

        assert f"SignedHeaders={';'.join(sorted(signed))}," in headers["authorization"]
        again = AWSRequest("POST", served.url + "/", data=body)
        for name in signed - {"host"}:
            again.headers[name] = headers[name]
        again.context["timestamp"] = headers["x-amz-date"]
        key = BotocoreCredentials(KEY.access_key, KEY.secret_key, KEY.token)
        signer = SigV4Auth(key, "dynamodb", "eu-west-1")
        text = signer.string_to_sign(again, signer.canonical_request(again))
        assert headers["authorization"].endswith(f"Signature={signer.signature(text, again)}")

    def test_names_the_operation_the_table_and_the_session_token(self) -> None:
        with service(answer(EMPTY_PAGE)) as served:
            ask(served.client())
        [(headers, body)] = served.requests

        assert headers["x-amz-target"] == "DynamoDB_20120810.Query"
        assert headers["x-amz-security-token"] == KEY.token
        assert json.loads(body)["TableName"] == "readings"

    def test_keeps_the_path_of_the_endpoint(self) -> None:
        """The local stack's address ends with its secret."""
        with service(answer(EMPTY_PAGE)) as served:
            endpoint = Endpoint(served.url + "/secret", "eu-west-1")
            ask(DynamoDb(endpoint, lambda: KEY))
        assert served.requests

    def test_asks_for_the_credentials_each_time(self) -> None:
        keys = [Credentials("first", "x"), Credentials("second", "x")]
        with service(answer(EMPTY_PAGE)) as served:
            client = DynamoDb(Endpoint(served.url, "eu-west-1"), lambda: keys.pop(0))
            ask(client)
            ask(client)
        used = [headers["authorization"] for headers, _ in served.requests]

        assert ["Credential=first/" in used[0], "Credential=second/" in used[1]] == [True, True]

    def test_that_repeats_a_read_is_sent_with_the_same_signature_for_a_minute(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        used = [headers["authorization"] for headers in signed_reads(monkeypatch, 0.0, 59.9, 60.1)]

        assert used[0] == used[1] != used[2]

    def test_that_repeats_a_read_is_signed_anew_when_the_clock_was_set_back(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before, after = signed_reads(monkeypatch, 0.0, -1.0)

        assert before["authorization"] != after["authorization"]

    def test_that_was_refused_is_signed_anew(self, monkeypatch: pytest.MonkeyPatch) -> None:
        refused = refusal("InvalidSignatureException")
        before, after = signed_reads(monkeypatch, 0.0, 1.0, answers=(refused, answer(EMPTY_PAGE)))

        assert before["authorization"] != after["authorization"]

    def test_is_signed_by_what_it_asks(self) -> None:
        with service(answer(EMPTY_PAGE)) as served:
            client = served.client()
            for nth in range(2 * MAX_SIGNATURES):
                client.query(nth=nth)
                client.query(nth=nth)
        used = [headers["authorization"] for headers, _ in served.requests]

        assert used[::2] == used[1::2]
        assert len(set(used)) == 2 * MAX_SIGNATURES

    def test_that_writes_is_signed_each_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before, after = signed_reads(monkeypatch, 0.0, 1.0, ask=lambda client: client.put_item())

        assert before["authorization"] != after["authorization"]

    def test_carries_bytes_both_ways(self) -> None:
        content = b"\x00packed\xff"
        stored = {"data": {"B": "AHBhY2tlZP8="}, "map": {"M": {"B": {"S": "a key named B"}}}}
        with service(answer({"Attributes": stored})) as served:
            client = served.client()
            _, existing = Table(client, "readings").put({"data": {"B": content}})
        [(_, body)] = served.requests

        assert json.loads(body)["Item"]["data"] == {"B": "AHBhY2tlZP8="}
        assert existing == stored | {"data": {"B": content}}


class TestConnections:
    def test_serve_one_request_after_another(self) -> None:
        with service(answer(EMPTY_PAGE)) as served:
            client = served.client()
            for _ in range(5):
                client.query(TableName="readings")
        assert (len(served.requests), len(served.connections)) == (5, 1)

    def test_that_the_service_has_closed_are_replaced_without_an_attempt(self) -> None:
        with service(answer(EMPTY_PAGE), CLOSE, answer(EMPTY_PAGE)) as served:
            client = served.client(attempts=1)
            client.query(TableName="readings")
            client.query(TableName="readings")
        assert (len(served.requests), len(served.connections)) == (3, 2)

    def test_are_shared_by_threads_and_each_gets_its_own_answer(self) -> None:
        with service(lambda body: answer(json.loads(body))) as served:
            client = served.client()
            with ThreadPoolExecutor(8) as threads:
                pages = list(threads.map(lambda turn: client.query(turn=turn), range(64)))
        assert pages == [{"turn": turn} for turn in range(64)]
        assert len(served.connections) <= MAX_CONNECTIONS


class TestARefusal:
    @pytest.mark.parametrize(
        ("said", "error"),
        [
            (refusal("ResourceNotFoundException"), "was refused: ResourceNotFoundException"),
            (refusal("InvalidSignatureException"), "was refused: InvalidSignatureException"),
            (refusal("RequestTimeTooSkewed", 403), "was refused: RequestTimeTooSkewed"),
            (refusal("ExpiredTokenException"), "was refused: ExpiredTokenException"),
            (answer(b"<html>Forbidden</html>", 403), "was refused: HTTP 403"),
            (answer([1], 400), "was refused: HTTP 400"),
            (answer({"__type": f"http://user:{SECRET}@host"}, 400), "was refused: HTTP 400"),
            (answer(b"", 302, {"Location": "http://127.0.0.1:9/"}), "was refused: HTTP 302"),
        ],
        ids=lambda said: said if isinstance(said, str) else "",
    )
    def test_that_will_last_is_reported_at_once_by_its_code(self, said: bytes, error: str) -> None:
        with service(said) as served, pytest.raises(StoreError) as caught:
            ask(served.client(attempts=3))
        assert str(caught.value) == f"DynamoDB Query {error}"
        assert len(served.requests) == 1

    @pytest.mark.parametrize(
        "said",
        [
            refusal("ProvisionedThroughputExceededException"),
            refusal("ThrottlingException"),
            refusal("RequestLimitExceeded"),
            refusal("InternalServerError", 500),
            answer(b"<html>Bad Gateway</html>", 502),
            answer(b"", 503),
        ],
    )
    def test_that_may_pass_is_tried_again_as_often_as_allowed(self, said: bytes) -> None:
        with service(said, said, answer(EMPTY_PAGE)) as served:
            assert ask(served.client(attempts=3)) == []
        assert len(served.requests) == 3
        with service(said) as served, pytest.raises(StoreError, match="was refused"):
            ask(served.client(attempts=2))
        assert len(served.requests) == 2

    def test_of_a_condition_brings_the_existing_item(self) -> None:
        item = {"pk": {"S": "CURRENT"}, "data": {"B": "AA=="}}
        with service(refusal("ConditionalCheckFailedException", Item=item)) as served:
            client = served.client(attempts=3)
            written, existing = Table(client, "readings").put({}, "attribute_not_exists(pk)")
            with pytest.raises(ConditionFailedError) as caught:
                client.update_item(TableName="readings")
        assert (written, existing) == (False, item | {"data": {"B": b"\x00"}})
        assert caught.value.item == existing
        assert len(served.requests) == 2


class TestAnAnswer:
    @pytest.mark.parametrize(
        ("said", "error"),
        [
            (CLOSE, "failed: ProtocolError"),
            (b"HTTP/1.1 200 OK\r\ncontent-le", "was answered in part"),
            (answer(EMPTY_PAGE, headers={"Content-Length": "1000"}), "failed: ProtocolError"),
            (
                answer(EMPTY_PAGE, headers={"x-amz-crc32": "1"}),
                "the checksum of the answer is wrong",
            ),
            (answer(b'{"Items": [{"pk"'), "was answered in part"),
            (answer(b"\x80\x81\x82"), "was answered in part"),
            (answer(b"[]"), "was answered in part"),
            (answer({}), "was answered in part"),
            (answer({"Items": [{"data": {"B": "?"}}]}), "was answered in part"),
        ],
    )
    def test_that_is_broken_is_an_error_and_no_empty_table(self, said: bytes, error: str) -> None:
        with service(said) as served, pytest.raises(StoreError) as caught:
            ask(served.client())
        assert error in str(caught.value)

    @pytest.mark.parametrize(
        "said",
        [
            answer(EMPTY_PAGE, headers={"Content-Length": "1000"}),
            answer(EMPTY_PAGE, headers={"x-amz-crc32": "1"}),
            answer(b'{"Items": [{"pk"'),
        ],
    )
    def test_that_is_broken_once_is_asked_for_again(self, said: bytes) -> None:
        with service(said, answer(EMPTY_PAGE)) as served:
            assert ask(served.client(attempts=2)) == []

    def test_that_does_not_come_in_time_is_an_error(self) -> None:
        with service(1.0, answer(EMPTY_PAGE)) as served:
            started = time.monotonic()
            with pytest.raises(StoreError) as caught:
                ask(served.client(read_timeout_s=0.1))
            waited_s = time.monotonic() - started
        assert str(caught.value) == "DynamoDB Query failed: ReadTimeoutError"
        assert 0.1 <= waited_s < 0.8

    def test_of_a_service_that_nobody_runs_is_an_error_without_its_address(self) -> None:
        with service() as served:
            client = served.client()
        with pytest.raises(StoreError) as caught:
            ask(client)
        assert str(caught.value) == "DynamoDB Query failed: NewConnectionError"


def test_the_pauses_between_attempts_are_random_and_grow() -> None:
    pauses: list[float] = []
    with service(answer(b"", 500)) as served:
        endpoint = Endpoint(served.url, "eu-west-1")
        client = DynamoDb(endpoint, lambda: KEY, Limits(attempts=4), sleep=pauses.append)
        for _ in range(20):
            with pytest.raises(StoreError):
                client.query(TableName="readings")
        client.close()
    by_attempt = [pauses[number::3] for number in range(3)]
    assert [max(some) <= most for some, most in zip(by_attempt, (0.5, 1, 2), strict=True)] == [
        True
    ] * 3
    assert max(by_attempt[2]) > 1, "a random number of twenty is in the upper half"
    assert len(set(pauses)) == len(pauses)


class TestTls:
    @pytest.mark.parametrize(("name", "trusted"), [("localhost", True), ("other.test", False)])
    def test_checks_the_certificate_and_its_name(
        self, tmp_path: Path, name: str, *, trusted: bool
    ) -> None:
        authority = trustme.CA()
        bundle = tmp_path / "ca.pem"
        authority.cert_pem.write_to_path(bundle)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)

        def wrap(raw: socket.socket) -> socket.socket:
            return context.wrap_socket(raw, server_side=True)

        with service(answer(EMPTY_PAGE), wrap=wrap) as served:
            url = f"https://localhost:{served.port}"
            own = DynamoDb(Endpoint(url, "eu-west-1", str(bundle)), lambda: KEY, Limits(attempts=1))
            strange = DynamoDb(Endpoint(url, "eu-west-1"), lambda: KEY, Limits(attempts=1))
            if trusted:
                assert ask(own) == []
            else:
                with pytest.raises(StoreError, match="failed: SSLError"):
                    ask(own)
            with pytest.raises(StoreError, match="failed: SSLError"):
                ask(strange)


LAMBDA = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "an-access-key",
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": "a-session-token",
}


class TestTheEnvironment:
    def test_names_another_endpoint_of_this_service_or_of_all(self) -> None:
        for names in (
            {"AWS_ENDPOINT_URL_DYNAMODB": "{url}", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
            {"AWS_ENDPOINT_URL_DYNAMODB": "", "AWS_ENDPOINT_URL": "{url}"},
        ):
            with service(answer(EMPTY_PAGE)) as served:
                own = {name: value.format(url=served.url) for name, value in names.items()}
                ask(dynamodb_client(environ=LAMBDA | own))
            [(headers, _)] = served.requests
            assert "Credential=an-access-key/" in headers["authorization"]
            assert "/eu-west-1/dynamodb/aws4_request" in headers["authorization"]
            assert headers["x-amz-security-token"] == "a-session-token"

    def test_gives_the_endpoint_of_each_region_as_botocore_does(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("AWS_ENDPOINT_URL_DYNAMODB", raising=False)
        session = botocore.session.get_session()
        for partition in ("aws", "aws-cn", "aws-us-gov"):
            regions = session.get_available_regions("dynamodb", partition)
            assert regions
            for region in regions:
                known = session.create_client("dynamodb", region).meta.endpoint_url
                client = dynamodb_client(environ=LAMBDA | {"AWS_REGION": region})
                assert client.url == f"{known}/"

    def test_without_a_key_leaves_the_search_to_botocore(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A profile holds the key, as on the machine of an operator."""
        profile = tmp_path / "credentials"
        profile.write_text(
            "[works]\naws_access_key_id=of-the-profile\naws_secret_access_key=x\nregion=eu-north-1\n"
        )
        for name in (*LAMBDA, "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(profile))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(profile))
        monkeypatch.setenv("AWS_PROFILE", "works")
        with service(answer(EMPTY_PAGE)) as served:
            monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", served.url)
            ask(dynamodb_client())
        [(headers, _)] = served.requests
        assert "Credential=of-the-profile/" in headers["authorization"]
        assert "/eu-north-1/dynamodb/aws4_request" in headers["authorization"]

        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        monkeypatch.delenv("AWS_PROFILE")
        with pytest.raises(NoCredentialsError):
            dynamodb_client()


def test_credentials_are_shown_without_their_secrets() -> None:
    assert SECRET not in repr(KEY)
    assert "a-session-token" not in repr(KEY)
