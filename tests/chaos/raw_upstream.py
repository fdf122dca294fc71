"""An upstream that sends given bytes over a socket, and what reading them costs."""

import socket
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from greenstream.ingest.http import HttpClient, Response

MAX_BYTES = 1_000_000

ZEROS = b"\0" * 1_000_000


class Upstream:
    """A server that sends given pieces to every client and counts the pieces that it could send."""

    def __init__(self, pieces: Callable[[], Iterable[bytes]], pause_s: float = 0) -> None:
        self.said = 0
        self._pieces = pieces
        self._pause_s = pause_s
        self._over = Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                self._speak(connection)

    def _speak(self, connection: socket.socket) -> None:
        try:
            connection.recv(65_536)
            for piece in self._pieces():
                connection.sendall(piece)
                self.said += 1
                if self._over.wait(self._pause_s):
                    return
            connection.shutdown(socket.SHUT_WR)
            connection.recv(1)
        except OSError:  # the client closed the connection
            return

    def close(self) -> None:
        self._over.set()
        with suppress(OSError):  # it is closed already
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()


@contextmanager
def speaking(pieces: Callable[[], Iterable[bytes]], pause_s: float = 0) -> Iterator[Upstream]:
    upstream = Upstream(pieces, pause_s)
    try:
        yield upstream
    finally:
        upstream.close()


def asked(upstream: Upstream, *, deadline_s: float = 30.0) -> Response:
    client = HttpClient(
        provider="p",
        base_url=upstream.url,
        deadline_s=deadline_s,
        max_bytes=MAX_BYTES,
        attempts=1,
    )
    with client as http:
        return http.get("/now", zone="Z")


def peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        work()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def resident_bytes(work: Callable[[], object]) -> tuple[int, int]:
    """Return resident memory before the work and its peak during it; C libraries are included."""

    def told(name: str) -> int:
        [line] = [line for line in status.read_text().splitlines() if line.startswith(name)]
        return int(line.split()[1]) * 1024

    status = Path("/proc/self/status")
    Path("/proc/self/clear_refs").write_text("5")
    before = told("VmRSS")
    work()
    return before, told("VmHWM")


def answer(body: bytes, *headers: str, status: str = "200 OK") -> list[bytes]:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return ["\r\n".join(head).encode(), body]


def packed(megabytes: int) -> bytes:
    packing = zlib.compressobj(9, wbits=16 + zlib.MAX_WBITS)
    return b"".join(packing.compress(ZEROS) for _ in range(megabytes)) + packing.flush()


GZIP = "Content-Encoding: gzip"


HEAD = b"HTTP/1.1 200 OK\r\n"
