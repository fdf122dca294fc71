"""The handler's start under AWS's runtime interface, with and without a table that answers.

The emulator starts the function with the first event, so the path ``/v1/pops``, which needs no
table, shows what the start alone asks.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from greenstream.api.snapshot_cache import FIRST_DEADLINE_S
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from tests.chaos.store_proxy import StoreProxy
from tests.integration import engines
from tests.integration.conftest import make_table
from tests.integration.runtime_interface import Runtime, event, runtime
from tests.router_client import a_reading_of
from tests.storing import put_reading
from tests.table_client import TableClient

TABLE = "readings"
ROUTER = engines.ROOT / "functions" / "router"
ROUTE = event("route") | {"rawQueryString": "pops=nyc"}


def body(router: Runtime, asked: dict[str, Any]) -> dict[str, Any]:
    answer = router.invoke(asked)
    assert answer["statusCode"] == 200, answer
    loaded: dict[str, Any] = json.loads(answer["body"])
    return loaded


def environment(address: str) -> dict[str, str]:
    return {"TABLE_NAME": TABLE, "AWS_ENDPOINT_URL_DYNAMODB": address}


def test_the_start_reads_the_table_and_the_first_answer_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engines.dynoxide(tmp_path) as address, StoreProxy(address, seed=1).running() as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        client = TableClient()
        make_table(client, TABLE)
        reading = a_reading_of("NYISO", 260, valid_to=utc_now() - timedelta(minutes=1))
        put_reading(DynamoStore(client, TABLE, clock=utc_now), reading)
        with runtime(ROUTER, environment(proxy.address), folder=tmp_path) as router:
            body(router, event("pops"))
            at_start = proxy.operations["Query"]
            first = body(router, ROUTE)
            assert (at_start >= 1, proxy.operations["Query"]) == (True, at_start)
        assert (first["degraded"], first["candidates"][0]["rung"]) == (False, "live")


@pytest.mark.parametrize(("kind", "reads"), [("on-demand", True), ("snap-start", False)])
def test_a_start_from_which_a_snapshot_is_taken_reads_nothing(
    tmp_path: Path, kind: str, *, reads: bool
) -> None:
    """The snapshot would hold readings of its day, and connections that exist no more."""
    with engines.dynoxide(tmp_path) as address, StoreProxy(address, seed=1).running() as proxy:
        started = {
            "AWS_ENDPOINT_URL_DYNAMODB": proxy.address,
            "AWS_LAMBDA_INITIALIZATION_TYPE": kind,
        }
        subprocess.run(
            [sys.executable, "-c", "import functions.router.app"],
            cwd=engines.ROOT,
            env=os.environ | started,
            check=True,
            timeout=60,
        )
        assert (proxy.operations.total() > 0) is reads


def test_the_start_does_not_wait_long_for_a_silent_table_and_the_first_answer_asks_again(
    tmp_path: Path,
) -> None:
    connections: list[socket.socket] = []
    with socket.create_server((engines.HOST, 0)) as silent:

        def accept() -> None:
            while True:
                try:
                    connections.append(silent.accept()[0])
                except OSError:
                    return

        accepting = threading.Thread(target=accept)
        accepting.start()
        address = f"http://{engines.HOST}:{silent.getsockname()[1]}"
        with runtime(ROUTER, environment(address), folder=tmp_path) as router:
            started = time.monotonic()
            body(router, event("pops"))
            waited_s = time.monotonic() - started
            at_start = len(connections)
            first = body(router, ROUTE)
        silent.shutdown(socket.SHUT_RDWR)
        accepting.join()
    assert (at_start, len(connections)) == (1, 2)
    assert waited_s < FIRST_DEADLINE_S + 4, "four seconds are for the start itself"
    assert first["degraded"] is True
    assert "ReadTimeoutError" in first["degraded_reason"]
    for connection in connections:
        connection.close()
