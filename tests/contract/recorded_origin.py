"""A local stand-in for the operators' hosts, which serves given bytes to the gridstatus library.

The library's addresses are fixed in its code, so the stand-in is its proxy.
"""

import asyncio
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event, Thread

import pytest
import trustme

from greenstream.domain.clock import utc_now
from infra.local.upstream.server import Upstream
from infra.local.upstream.wire import Answer, Provider, Request

HOSTS = (
    "www.caiso.com",
    "api.pjm.com",
    "public-api.misoenergy.org",
    "www.iso-ne.com",
    "www.ercot.com",
    "portal.spp.org",
)
STUCK_S = 60.0


@dataclass
class Origin:
    """Answers by the beginning of the path, else with 404, and remembers the requests."""

    answers: dict[str, Answer | Event] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def serve(
        self, path: str, body: bytes, content_type: str = "text/csv", status: int = 200
    ) -> None:
        self.answers[path] = Answer(body, content_type, status)

    def hang(self, path: str) -> Event:
        """Accept requests for the path, and answer them only when the returned event is set."""
        self.answers[path] = release = Event()
        return release

    def answer(self, request: Request, _now: datetime) -> Answer:
        self.requests.append(request)
        for path, answer in self.answers.items():
            if request.path.startswith(path):
                if isinstance(answer, Answer):
                    return answer
                answer.wait(STUCK_S)
        return Answer(b"Not Found", "text/html", 404)


@contextmanager
def serving(origin: Origin, folder: Path) -> Iterator[None]:
    """Make the origin the proxy of urllib and requests in this process, within the context."""
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*HOSTS).configure_cert(tls)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    origins = frozenset({"http://mis.nyiso.com", *(f"https://{host}" for host in HOSTS)})

    def answer(request: Request, now: datetime) -> Answer:
        return origin.answer(request, now)  # looked up late, since a test may replace it

    provider = Provider("recorded", origins, answer, lambda _: None, frozenset(), (), {})
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = Upstream([provider], utc_now, tls).listen("127.0.0.1", 0)
    port = asyncio.run_coroutine_threadsafe(server, loop).result()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
                patch.setenv(name, f"http://127.0.0.1:{port}")
            for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
                patch.delenv(name, raising=False)
            patch.setenv("REQUESTS_CA_BUNDLE", str(folder / "ca.pem"))
            patch.setenv("SSL_CERT_FILE", str(folder / "ca.pem"))  # what urllib reads
            urllib.request.install_opener(None)  # The proxies are read again.
            yield
    finally:
        urllib.request.install_opener(None)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
