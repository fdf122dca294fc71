"""``greenstream route --url`` asks a router over HTTP, here on the loopback address."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from greenstream.cli.main import main
from greenstream.cli.route import BY_MEANS
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client


def run(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str, str]:
    """Run the command, and return its exit code and its output."""
    code = main(["--state-dir", str(folder), "route", *words])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture
def url() -> Iterator[str]:
    """Serve a router on the loopback address."""
    client = Client(MemoryStore())

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = urlsplit(self.path)
            answer = client.ask(target.path, target.query)
            self.send_response(answer.status)
            self.end_headers()
            self.wfile.write(answer.text.encode())

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_named_router_is_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, url: str
) -> None:
    code, out, _ = run(capsys, tmp_path, "--url", url, "--pops", "LHR,ams", "--allow", "GB")

    assert code == 0
    assert BY_MEANS not in out
    assert out.splitlines()[-1].split()[:2] == ["lhr", "GBR-13"]


def test_the_refusal_of_a_named_router_is_shown_in_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, url: str
) -> None:
    code, _, err = run(capsys, tmp_path, "--url", url, "--pops", "sydny")
    assert (code, "pops: does not know sydny" in err) == (1, True)


def test_a_router_that_is_not_there_is_said_to_be_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, _, err = run(capsys, tmp_path, "--url", "http://127.0.0.1:1")
    assert (code, "the router cannot be asked" in err) == (1, True)
