"""The status page's server: early departures are not errors, and other origins are refused."""

import socket
import struct
import threading
from urllib.parse import urlsplit

import httpx
import pytest

from infra.local.page import serving

AT_ONCE = struct.pack("ii", 1, 0)  # Closes with a reset, as a browser does when it gives up.
PATIENCE_S = 10.0


def test_a_visitor_who_leaves_before_the_answer_is_not_logged_as_an_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = set(threading.enumerate())
    asked, left = threading.Event(), threading.Event()

    def ask(_: str) -> object:
        asked.set()
        left.wait(PATIENCE_S)
        return "x" * 10_000_000

    with serving(ask) as url:
        address = urlsplit(url)
        with socket.create_connection((address.hostname or "", address.port or 0)) as visitor:
            visitor.sendall(
                f"GET /api/v1/zones HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode()
            )
            assert asked.wait(PATIENCE_S)
            visitor.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        left.set()
        for thread in set(threading.enumerate()) - before:
            if "process_request" in thread.name:
                thread.join(PATIENCE_S)

    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "pages.example"),
        ("Host", "127.0.0.1:1"),
        ("Origin", "http://pages.example"),
        ("Origin", "null"),
    ],
)
def test_a_page_of_another_origin_is_refused(header: str, value: str) -> None:
    asked: list[str] = []
    with serving(asked.append) as url, httpx.Client(trust_env=False) as client:
        for path in ("", "api/v1/zones"):
            assert client.get(url + path, headers={header: value}).status_code == 403
        assert asked == []
        assert client.get(f"{url}api/v1/zones").is_success
