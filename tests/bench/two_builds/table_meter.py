"""A proxy before a DynamoDB server on this machine that counts requests and capacity units.

It asks the server for the consumed capacity of each request, so that a client need not. A write
that is refused by its condition is counted as one unit, since the server's error has no capacity.
``GET /`` returns what has been counted.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.integration.engines import HOST

READS = ("Query", "GetItem", "BatchGetItem", "Scan", "TransactGetItems")
REFUSED = "ConditionalCheckFailed"


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # an answer is sent as one piece, since two would wait for an acknowledgement
    server: "_Meter"

    def setup(self) -> None:
        """Open a connection to the server, which lives as long as the client's."""
        super().setup()
        self.upstream = HTTPConnection(self.server.upstream, timeout=30)

    def finish(self) -> None:
        """Close both connections."""
        super().finish()
        self.upstream.close()

    def do_POST(self) -> None:
        """Send the request on, and count it."""
        operation = self.headers["X-Amz-Target"].partition(".")[2]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if operation in READS or operation.endswith("Item"):
            body["ReturnConsumedCapacity"] = "TOTAL"
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in ("content-length", "host", "connection", "accept-encoding")
        }
        self.upstream.request("POST", "/", json.dumps(body), headers)
        answer = self.upstream.getresponse()
        content = answer.read()
        self.server.count(operation, body, json.loads(content or b"{}"))
        self._send(answer.status, content, answer.getheaders())

    def do_GET(self) -> None:
        """Return what has been counted."""
        self._send(200, json.dumps(self.server.counted()).encode(), [])

    def _send(self, status: int, content: bytes, headers: list[tuple[str, str]]) -> None:
        self.send_response(status)
        for name, value in headers:
            if name.lower().startswith(("x-amz", "content-type")):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Log nothing."""


class _Meter(ThreadingHTTPServer):
    """The server with its counts."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__((HOST, 0), _Handler)
        self.upstream = upstream.removeprefix("http://")
        self._counts = Counter(requests=0, profile_requests=0)
        self._units = {"read_units": 0.0, "write_units": 0.0}
        self._lock = threading.Lock()

    def count(self, operation: str, request: dict[str, Any], answer: dict[str, Any]) -> None:
        """Count a request and its answer."""
        consumed = answer.get("ConsumedCapacity", {})
        rows = consumed if isinstance(consumed, list) else [consumed]
        units = sum(float(row.get("CapacityUnits", 0.0)) for row in rows)
        if REFUSED in str(answer.get("__type", "")):
            units = 1.0
        with self._lock:
            self._counts["requests"] += 1
            self._counts["profile_requests"] += _of_profiles(request)
            self._units["read_units" if operation in READS else "write_units"] += units

    def counted(self) -> dict[str, float]:
        """Return all counts."""
        with self._lock:
            return {**self._counts, **self._units}


def _of_profiles(request: dict[str, Any]) -> bool:
    """Return whether a request reads the history for an hour profile, or concerns a profile."""
    key = request.get("Key", request.get("Item", {}))
    sort_key = key.get("sk", {}).get("S", "")
    partition = request.get("ExpressionAttributeValues", {}).get(":pk", {}).get("S", "")
    return bool(sort_key.startswith("PROFILE#") or partition.startswith("HISTORY#"))


@contextmanager
def metered(upstream: str) -> Iterator[str]:
    """Run the proxy before a server, and yield the address for clients."""
    meter = _Meter(upstream)
    thread = threading.Thread(target=meter.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{HOST}:{meter.server_address[1]}"
    finally:
        meter.shutdown()
        meter.server_close()
        thread.join()
