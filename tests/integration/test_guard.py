"""The guard before the emulated AWS, which admits the stack's own clients and nobody else."""

import base64
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.emulator import Emulator
from tests.integration.engines import HOST, emulated_aws

HEALTH = "/_ministack/health"
ELSEWHERE = "http://pages.example"


@pytest.fixture(scope="module", params=[False, True], ids=["open", "iam"])
def emulator(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Emulator]:
    iam: bool = request.param
    with emulated_aws(tmp_path_factory.mktemp("emulator"), iam=iam) as started:
        yield started


@pytest.fixture(scope="module")
def caller() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


def port_of(emulator: Emulator) -> int:
    return urlsplit(emulator.endpoint_url).port or 0


def bare(emulator: Emulator) -> str:
    """Return the address without the secret, which anybody can guess."""
    return f"http://{HOST}:{port_of(emulator)}"


def dynamodb(
    emulator: Emulator,
    *,
    endpoint_url: str = "",
    access_key_id: str = "",
    application: str | None = None,
) -> Any:
    named: dict[str, Any] = {"user_agent_appid": application}
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint_url or emulator.endpoint_url,
        region_name="eu-west-1",
        aws_access_key_id=access_key_id or emulator.access_key_id,
        aws_secret_access_key=emulator.secret_access_key,
        config=Config(proxies={}, retries={"total_max_attempts": 1}, **named),
    )


class TestAClientWithTheSecret:
    def test_is_admitted_under_every_name_of_this_machine(
        self, emulator: Emulator, caller: httpx.Client
    ) -> None:
        for name in ("127.0.0.1", "localhost", "LOCALHOST", "[::1]"):
            host = {"Host": f"{name}:{port_of(emulator)}"}
            assert caller.get(emulator.endpoint_url + HEALTH, headers=host).is_success

    def test_may_be_a_client_of_aws(self, emulator: Emulator) -> None:
        assert dynamodb(emulator).list_tables()["TableNames"] == []

    def test_may_send_the_secret_as_its_application_name(self, emulator: Emulator) -> None:
        secret = urlsplit(emulator.endpoint_url).path.removeprefix("/")
        client = dynamodb(emulator, endpoint_url=bare(emulator), application=secret)
        assert client.list_tables()["TableNames"] == []

    def test_is_refused_as_a_page_of_another_origin(
        self, emulator: Emulator, caller: httpx.Client
    ) -> None:
        own = bare(emulator)
        for origin in (ELSEWHERE, "null", f"http://{HOST}:1", own.replace("http", "https"), ""):
            answer = caller.get(emulator.endpoint_url + HEALTH, headers={"Origin": origin})
            assert (answer.status_code, "other origins" in answer.text) == (403, True), origin
        assert caller.get(emulator.endpoint_url + HEALTH, headers={"Origin": own}).is_success

    def test_is_refused_under_a_host_name_that_resolves_to_this_machine(
        self, emulator: Emulator, caller: httpx.Client
    ) -> None:
        port = port_of(emulator)
        for host in (
            "pages.example",
            f"pages.example:{port}",
            f"127.0.0.1.pages.example:{port}",
            HOST,
            f"{HOST}:1",
            f"bucket.s3.{HOST}:{port}",
        ):
            answer = caller.get(emulator.endpoint_url + HEALTH, headers={"Host": host})
            assert (answer.status_code, "Host header" in answer.text) == (403, True), host

    def test_is_refused_when_its_request_line_names_another_host(self, emulator: Emulator) -> None:
        path = urlsplit(emulator.endpoint_url).path
        target = f"http://pages.example{path}{HEALTH}"
        with socket.create_connection((HOST, port_of(emulator))) as line:
            line.sendall(
                f"GET {target} HTTP/1.1\r\nHost: {HOST}:{port_of(emulator)}\r\n\r\n".encode()
            )
            assert b" 403 " in line.recv(100)


class TestAClientWithoutTheSecret:
    @pytest.mark.parametrize(
        "path",
        [
            "",
            HEALTH,
            "/_ministack/reset",
            "/_ministack/rds/iam-auth",
            "/2015-03-31/functions/",
            "/_aws/lambda-url/guessed/v1/zones",
            f"/{'0' * 32}{HEALTH}",
            "/é",
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
    def test_is_refused_for_every_path_and_method(
        self, emulator: Emulator, caller: httpx.Client, method: str, path: str
    ) -> None:
        answer = caller.request(method, bare(emulator) + path)
        assert (answer.status_code, "secret" in answer.text) == (403, True)
        assert not [name for name in answer.headers if name.startswith("access-control")]

    def test_is_refused_with_a_shorter_or_longer_secret(
        self, emulator: Emulator, caller: httpx.Client
    ) -> None:
        secret = urlsplit(emulator.endpoint_url).path
        for path in (secret[:-1], secret + "0", f"/{secret}", f"/x{secret}"):
            assert caller.get(bare(emulator) + path + HEALTH).status_code == 403
        for agent in (f"app{secret[:-1]}", f"app{secret}0", secret):
            answer = caller.get(bare(emulator) + HEALTH, headers={"User-Agent": agent})
            assert answer.status_code == 403

    def test_is_refused_with_the_root_key_alone(self, emulator: Emulator) -> None:
        for application in (None, "app", "0" * 32):
            client = dynamodb(emulator, endpoint_url=bare(emulator), application=application)
            with pytest.raises(ClientError, match="403"):
                client.list_tables()

    def test_cannot_open_a_web_socket(self, emulator: Emulator) -> None:
        for prefix in ("", urlsplit(emulator.endpoint_url).path):
            request = (
                f"GET {prefix}/mqtt HTTP/1.1\r\nHost: {HOST}:{port_of(emulator)}\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}\r\n\r\n"
            )
            with socket.create_connection((HOST, port_of(emulator))) as line:
                line.sendall(request.encode())
                assert b" 403 " in line.recv(100)


class TestTheRootKey:
    @pytest.mark.parametrize("name", ["test", "000000000000"])
    def test_is_the_only_root_key_when_signatures_are_checked(
        self, name: str, tmp_path: Path
    ) -> None:
        with emulated_aws(tmp_path, iam=True) as emulator:
            assert dynamodb(emulator).list_tables()["TableNames"] == []
            with pytest.raises(ClientError, match="403"):
                dynamodb(emulator, access_key_id=name).list_tables()
            signed = {"X-Amz-Credential": f"{name}/20260101/eu-west-1/sts/aws4_request"}
            answer = httpx.get(emulator.endpoint_url, params=signed, trust_env=False)
            assert (answer.status_code, "not the stack's" in answer.text) == (403, True)


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="it reads Linux's tables of sockets")
class TestTheEmulator:
    def test_listens_on_no_port_but_that_of_the_guard(self, emulator: Emulator) -> None:
        listening = {
            f"socket:[{inode}]": (address, int(port, 16))
            for table in ("tcp", "tcp6")
            for address, port, inode in re.findall(
                r"^ *\d+: (\w+):(\w+) \w+:\w+ 0A (?:\S+ +){5}(\d+)",
                Path(f"/proc/net/{table}").read_text(),
                re.MULTILINE,
            )
        }
        guard = ("0100007F", port_of(emulator))  # This is 127.0.0.1 in the system's notation.
        [ports] = [
            ports
            for process in Path("/proc").glob("[0-9]*")
            if guard in (ports := {listening[held] for held in held_by(process) & set(listening)})
        ]
        assert ports == {guard}


def held_by(process: Path) -> set[str]:
    """Return the system's names of a process's open files; none for processes of other users."""
    held = set()
    with suppress(OSError):
        for opened in (process / "fd").iterdir():
            with suppress(OSError):
                held.add(str(opened.readlink()))
    return held


class TestEachEmulator:
    def test_has_a_secret_and_a_root_key_of_its_own(self) -> None:
        first, other = Emulator.new(HOST, 1), Emulator.new(HOST, 1)
        assert first.endpoint_url != other.endpoint_url
        assert first.access_key_id != other.access_key_id
        assert first.secret_access_key != other.secret_access_key
        assert len(urlsplit(first.endpoint_url).path) == 33
