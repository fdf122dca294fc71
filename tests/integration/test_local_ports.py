"""Two stacks, and other programs of the machine, want the same ports."""

import socket
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from infra.local import worker
from infra.local.ports import HOST, free_port, on_free_port
from infra.local.processes import StackError
from infra.local.worker import LocalWorker


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_a_server_whose_port_another_program_takes_meanwhile_starts_on_another() -> None:
    tried: list[int] = []
    with socket.socket() as other:

        def start(port: int) -> str:
            tried.append(port)
            if len(tried) == 1:
                other.bind((HOST, port))
                other.listen()
                raise StackError("ended while starting")
            return "started"

        assert on_free_port(0, start) == "started"
    assert len(set(tried)) == 2


def test_a_server_that_fails_for_another_reason_is_not_started_again() -> None:
    tried: list[int] = []

    def start(port: int) -> str:
        tried.append(port)
        raise StackError("a module is missing")

    with pytest.raises(StackError, match="a module is missing"):
        on_free_port(0, start)
    assert len(tried) == 1


FAKE_NODE = """#!{python}
import http.server, sys, time

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

port = int(sys.argv[sys.argv.index("--port") + 1])
try:
    server = http.server.HTTPServer(("127.0.0.1", port), Handler)
except OSError:
    time.sleep(1)  # as wrangler takes its time to notice
    sys.exit("Address already in use")
print(f"[wrangler:info] Ready on http://127.0.0.1:{{port}}", flush=True)
server.serve_forever()
"""


class Stranger(BaseHTTPRequestHandler):
    """The Worker of another checkout, which answers everybody."""

    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.end_headers()


def test_the_worker_of_another_checkout_is_not_taken_for_the_own_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = tmp_path / "node"
    node.write_text(FAKE_NODE.format(python=sys.executable))
    node.chmod(0o700)
    monkeypatch.setattr(worker, "NODE", node)
    own = LocalWorker(tmp_path)
    try:
        with ThreadingHTTPServer((HOST, 0), Stranger) as other:
            Thread(target=other.serve_forever, daemon=True).start()
            with pytest.raises(StackError, match="the Worker ended while starting"):
                own._start_on(other.server_port)
            other.shutdown()
        port = free_port(0)
        assert own._start_on(port) == f"http://{HOST}:{port}"
    finally:
        own.stop()
