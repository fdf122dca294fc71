"""The only room that knows httpx: one bounded GET, and our error tree instead of its own.

Bounds: a deadline over the exchange (httpx's time-outs are per socket operation, so an upstream
that drips a byte a second, in headers or body, would never hit them) and a size limit on the
decoded body, which is unpacked a piece at a time. The deadline runs from the start but ends only a
connection that stands: name resolution is bounded by the resolver's own time-outs alone, and
connecting by `CONNECT_TIMEOUT_S` for each address that the name has.
"""

import base64
import json
import logging
import math
import os
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from threading import Event, Thread
from typing import Any, Final, Self, cast

import httpx

from greenstream.domain.errors import InvalidError, ThrottledError, TransientError
from greenstream.ingest.redaction import without_secrets

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 10.0
MAX_RETRY_AFTER_S: Final = 5.0
HTTP_TOO_MANY_REQUESTS: Final = 429
HTTP_SERVER_ERROR: Final = 500
GZIP: Final = "gzip"
PIECE_BYTES: Final = 65_536
QUOTED_BYTES: Final = 60
LOOKS: Final = 10
"""How often the deadline is looked at while it runs: so much of it may a silent answer outlast."""

# At INFO it repeats every address with its query, where some APIs want their key.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Response:
    """An upstream's answer: status below 500 and not 429, headers in lower case, whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    credentials: frozenset[str] = field(default=frozenset(), repr=False)
    """What was sent and must not be shown where the answer is quoted."""

    def json(self, *, provider: str, zone: str | None = None) -> Any:  # noqa: ANN401
        """Parse the body as JSON.

        Raises
        ------
        InvalidError
            ``not_json``, with the content type and the first bytes of what came instead.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            kind = self.headers.get("content-type", "no content type")
            said = without_secrets(f"{kind} {self.body[:QUOTED_BYTES]!r}", *self.credentials)
            raise InvalidError(
                f"answer is not JSON ({len(self.body)} bytes of {said})",
                reason="not_json",
                provider=provider,
                zone=zone,
            ) from error

    def refusal(self) -> str:
        """Return the upstream's own words on why it refused, or the kind of what came instead."""
        answer: object = None
        with suppress(ValueError, RecursionError):
            answer = json.loads(self.body)
        said = answer.get("error") if isinstance(answer, dict) else None
        said = said.get("message", said) if isinstance(said, dict) else said
        text = str(said or self.headers.get("content-type", "no reason given")).strip()
        return without_secrets(text, *self.credentials)


@cache
def _tls() -> ssl.SSLContext:
    """Return the process's one TLS context: loading the CA bundle is most of a client's cost."""
    return ssl.create_default_context()


@dataclass(slots=True)
class _Line:
    """The connection in use, which can be hung up while something waits for it."""

    _socket: socket.socket | None = None

    def traced(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of a new connection, by a handle of our own: TLS takes the given one over."""
        if event == "connection.connect_tcp.complete":
            self.close()
            given: socket.socket = info["return_value"].get_extra_info("socket")
            self._socket = socket.socket(fileno=os.dup(given.fileno()))

    def hang_up(self) -> None:
        """End every wait for the other side."""
        if self._socket is not None:
            with suppress(OSError):  # the other side was faster
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give the handle back."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(slots=True)
class _Watch:
    """Hangs up a line that is late: one thread a run, as one a request costs as much as it does."""

    line: _Line
    every_s: float
    ends_at: float = math.inf
    """When the exchange under way is late, by `time.monotonic`."""

    _over: Event = field(default_factory=Event)

    def begin(self) -> None:
        """Look from now on, until `end`."""
        Thread(target=self._look, daemon=True).start()

    def end(self) -> None:
        """Look no more."""
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(self.every_s):
            if time.monotonic() > self.ends_at:
                self.line.hang_up()


@dataclass(slots=True)
class HttpClient:
    """GETs from one provider's base URL.

    Parameters
    ----------
    provider
        Name for errors.
    base_url
        Scheme, host and path prefix, without a trailing slash.
    deadline_s
        Wall-clock limit of one attempt, to the last byte; of a name that resolves slowly, and of
        its addresses that do not answer, it tells only afterwards.
    max_bytes
        Limit of the decoded body: a compressed bomb stops here.
    attempts
        Tries on connection faults, 429 and 5xx, one second (or Retry-After, up to 5 s) apart.
    transport, sleep, monotonic
        For tests.
    """

    provider: str
    base_url: str
    deadline_s: float = 12.0
    max_bytes: int = 8_000_000
    attempts: int = 2
    headers: Mapping[str, str] = field(default_factory=dict)
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    credentials: set[str] = field(default_factory=set, init=False, repr=False)
    """What this run has sent as credentials: no error, log line or item may show any of it."""

    _client: httpx.Client | None = None
    _watch: _Watch | None = None
    _line: _Line = field(default_factory=_Line)

    def __enter__(self) -> Self:
        self.credentials.clear()
        # A client per run, not per process: a frozen sandbox leaves dead keep-alive sockets.
        self._client = httpx.Client(
            transport=self.transport,
            verify=_tls(),
            headers={"Accept-Encoding": GZIP, **self.headers},
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
        )
        self._watch = _Watch(self._line, self.deadline_s / LOOKS)
        self._watch.begin()
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None and self._watch is not None:
            self._watch.end()
            self._client.close()
            self._client = self._watch = None
            self._line.close()

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        zone: str | None = None,
    ) -> Response:
        """GET ``base_url + path``.

        Parameters
        ----------
        headers
            The credentials of this request. The answer is returned as it came, even when it
            repeats them; they are cut out wherever it is quoted.

        Raises
        ------
        TransientError
            Refused, reset, timed out, 429 (`ThrottledError`) or 5xx, after all attempts.
        InvalidError
            ``too_large``, or ``not_http`` for what is no HTTP answer.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                response = self._once(path, params, headers, zone)
            except TransientError:
                if attempt == self.attempts:
                    raise
                self.sleep(1.0)
                continue
            throttled = response.status == HTTP_TOO_MANY_REQUESTS
            if not throttled and response.status < HTTP_SERVER_ERROR:
                return response
            if attempt < self.attempts:
                self.sleep(_retry_after_s(response.headers))
        refused = ThrottledError if throttled else TransientError
        raise refused(
            f"HTTP {response.status} from {path} in {self.attempts} attempts",
            provider=self.provider,
            zone=zone,
        )

    def _once(
        self,
        path: str,
        params: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
        zone: str | None,
    ) -> Response:
        if self._client is None or self._watch is None:
            raise RuntimeError("HttpClient is used outside its with block")
        ends_at = self.monotonic() + self.deadline_s
        body = bytearray()
        sent = frozenset(_credentials_in(headers or {}))
        self.credentials |= sent
        self._watch.ends_at = time.monotonic() + self.deadline_s
        try:
            with self._client.stream(
                "GET",
                self.base_url + path,
                params=None if params is None else dict(params),
                headers=None if headers is None else dict(headers),
                extensions={"trace": self._line.traced},
            ) as response:
                for piece in _unpacked(response):
                    body += piece
                    if len(body) > self.max_bytes:
                        raise InvalidError(
                            f"answer of {path} is over {self.max_bytes} bytes",
                            reason="too_large",
                            provider=self.provider,
                            zone=zone,
                        )
                    if self.monotonic() > ends_at:
                        raise TransientError(
                            f"{path} took over {self.deadline_s:g} s",
                            provider=self.provider,
                            zone=zone,
                        )
                lowered = {key.lower(): value for key, value in response.headers.items()}
                return Response(response.status_code, lowered, bytes(body), sent)
        except httpx.TransportError as error:
            late = self.monotonic() > ends_at
            what = f"took over {self.deadline_s:g} s: " if late else ""
            raise TransientError(
                f"{what}{type(error).__name__} at {path}: {without_secrets(str(error), *sent)}",
                provider=self.provider,
                zone=zone,
            ) from error
        except (zlib.error, httpx.DecodingError, httpx.InvalidURL) as error:
            raise InvalidError(
                f"{type(error).__name__} at {path}: {without_secrets(str(error), *sent)}",
                reason="not_http",
                provider=self.provider,
                zone=zone,
            ) from error
        finally:
            self._watch.ends_at = math.inf


def _unpacked(response: httpx.Response) -> Iterator[bytes]:
    """Yield the body without its content encoding, at most `PIECE_BYTES` at a time.

    httpx would unpack whatever one read of the socket brought in one go, and through as many
    encodings as are named: 64 kB can be 67 MB, or 68 GB when packed twice.

    Raises
    ------
    zlib.error, httpx.DecodingError
        When the body is not gzip as it says, ends early, or is packed in another way.
    """
    encoding = response.headers.get("content-encoding", "identity").lower()
    raw = cast("httpx.SyncByteStream", response.stream)
    if encoding not in (GZIP, "identity"):
        raise httpx.DecodingError(f"content encoding {encoding[:40]!r}")
    if encoding == "identity":
        yield from raw
        return
    member = None
    for chunk in raw:
        rest = chunk
        while rest:
            if member is None or member.eof:
                member = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            yield member.decompress(rest, PIECE_BYTES)
            rest = member.unused_data if member.eof else member.unconsumed_tail
    if member is not None and not member.eof:
        raise httpx.DecodingError("the gzip stream ends early")


def _credentials_in(headers: Mapping[str, str]) -> Iterator[str]:
    """Yield the credentials that a request's own headers hold, and what Basic ones are made of."""
    for value in headers.values():
        scheme, _, credential = value.strip().rpartition(" ")
        if credential:
            yield credential
        if scheme.lower() == "basic":
            with suppress(ValueError):
                pair = base64.b64decode(credential).decode()
                yield from filter(None, (pair, *pair.split(":", 1)))


def _retry_after_s(headers: Mapping[str, str]) -> float:
    value = headers.get("retry-after", "")
    seconds = value.isascii() and value.isdigit()  # there are digits of which no number is made
    return min(float(value), MAX_RETRY_AFTER_S) if seconds else 1.0
