"""A router on the loopback address, which may serve signed requests only."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import urlsplit

from tests.router_client import Client


@dataclass
class ServedRouter:
    """A router's client, and the signature of each request; an unsigned one has an empty one."""

    client: Client
    needs_signature: bool = False
    signatures: list[str] = field(default_factory=list)

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve the router while the block runs, and give its address."""
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                target = urlsplit(self.path)
                signature = self.headers.get("Authorization", "")
                served.signatures.append(signature)
                if served.needs_signature and not signature:
                    self.reply(403, '{"Message":"Forbidden"}')
                else:
                    answer = served.client.ask(target.path, target.query)
                    self.reply(answer.status, answer.text)

            def reply(self, status: int, text: str) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                """Keep the test's output clean."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()
