"""The origins to which the local Worker sends requests: one server with a path for each POP."""

import argparse
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from infra.local.processes import write_whole

PAGE = (
    "<!doctype html><meta charset=utf-8><title>{pop}</title>"
    "<h1>Served from {pop}</h1><p>{method} {path}</p>"
    '<p>Why: the response\'s x-greenstream headers, and <a href="/_greenstream/">the page</a>.</p>'
)


class Origin(BaseHTTPRequestHandler):
    """Answers every request with the POP for which it stands, the first part of the path."""

    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        pop, _, path = self.path.lstrip("/").partition("/")
        body = PAGE.format(
            pop=escape(pop), method=escape(self.command), path=escape(f"/{path}")
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_OPTIONS = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815


def main() -> None:
    """Serve on a free port of the loopback address, and write the address to the ready file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ready-file", type=Path, required=True)
    ready_file: Path = parser.parse_args().ready_file
    with ThreadingHTTPServer(("127.0.0.1", 0), Origin) as server:
        write_whole(ready_file, {"base_url": f"http://127.0.0.1:{server.server_port}"})
        server.serve_forever()


if __name__ == "__main__":
    main()
