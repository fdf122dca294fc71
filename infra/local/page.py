"""The status page on this machine: its files, and the router's answers under ``/api``.

In the cloud the Worker serves both. Here a server of the standard library does, so that the page
needs no Node.
"""

import argparse
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

from greenstream.cli.errors import RefusedError
from infra.local.deploying import ROOT
from infra.local.guard import foreign
from infra.local.ports import HOST
from infra.local.processes import StackError, write_whole
from infra.local.stack import LocalStack

PUBLIC: Final = ROOT / "infra/worker/public"
API: Final = "/api"
CONTENT_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",  # so that an edited file is shown at once
}

Ask = Callable[[str], Any]
"""A function that returns the JSON of a path with its query in the router's API, as `Stack.get`."""


@contextmanager
def serving(ask: Ask, *, port: int = 0) -> Iterator[str]:
    """Serve the page on this machine alone and yield its address.

    Parameters
    ----------
    ask
        Answers the requests of the page; a `RefusedError` is passed on, and any other
        `StackError` becomes problem details with status 502.
    port
        The port to serve on; 0 means any free one.
    """

    class Handler(_Handler):
        answer = staticmethod(ask)

    with ThreadingHTTPServer((HOST, port), Handler) as server:
        Handler.port = server.server_port
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    answer: Ask
    port: int

    def do_GET(self) -> None:
        names = {name.lower() for name in self.headers}
        headers = {name: self.headers.get_all(name, []) for name in names}
        if (reason := foreign(headers, self.port)) is not None:
            self._send(HTTPStatus.FORBIDDEN, "text/plain; charset=utf-8", reason.encode())
        elif self.path.startswith(f"{API}/"):
            self._relay(self.path.removeprefix(API))
        else:
            self._file(self.path.partition("?")[0])

    def _relay(self, path: str) -> None:
        try:
            self._send(HTTPStatus.OK, "application/json", json.dumps(self.answer(path)).encode())
        except RefusedError as error:
            self._send(error.status, "application/problem+json", error.text.encode())
        except StackError as error:
            status = HTTPStatus.BAD_GATEWAY
            problem = {"title": status.phrase, "status": int(status), "detail": str(error)}
            self._send(status, "application/problem+json", json.dumps(problem).encode())

    def _file(self, path: str) -> None:
        # The path is looked up among the files' names, so that no path leads out of the folder.
        files = {f"/{file.name}": file for file in PUBLIC.iterdir() if file.suffix in CONTENT_TYPES}
        file = files.get("/index.html" if path == "/" else path)
        if file is None:
            self._send(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"There is no such file.")
        else:
            self._send(HTTPStatus.OK, CONTENT_TYPES[file.suffix], file.read_bytes())

    def _send(self, status: int, content_type: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, "Content-Type": content_type}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        try:
            self.end_headers()
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has gone, which is not an error

    def log_message(self, *_: object) -> None:
        """Log nothing, because the terminal shows the stack."""


def main() -> None:
    """Serve the page for the stack whose records are in a folder, until a signal ends it."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.page", description=__doc__)
    parser.add_argument("state_dir", type=Path, help="the folder of the stack's records")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--ready-file",
        type=Path,
        required=True,
        help="the file to which the page's address is written",
    )
    arguments = parser.parse_args()
    local = LocalStack(arguments.state_dir)

    def ask(path: str) -> Any:  # noqa: ANN401 - JSON
        stack = local.running()  # read each time, since a new deployment may have a new address
        if stack is None:
            raise StackError("no stack runs here")
        return stack.get(path)

    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, ends
    )  # before any thread starts, so that no thread receives them
    with serving(ask, port=arguments.port) as url:
        write_whole(arguments.ready_file, {"page_url": url})
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
