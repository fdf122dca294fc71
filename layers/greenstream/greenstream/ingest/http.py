"""HTTP GET requests with limits on time and size, and with the project's own errors.

No other module of the ingest layer imports httpx. Two limits hold for each exchange:

- A deadline over the whole exchange. The time-outs of httpx hold for one socket operation, so an
  upstream that sends a byte a second would never reach them. The deadline counts from the start of
  the exchange but can only end an established connection. Name resolution is limited by the
  resolver's own time-outs, and connecting by `CONNECT_TIMEOUT_S` for each address of the name.
- A limit on the size of the decoded body, which is decompressed piece by piece.
"""

import base64
import json
import logging
import math
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Self, cast

import httpx

from greenstream.domain.errors import InvalidError, ThrottledError, TransientError
from greenstream.ingest.deadline import CHECKS, Connection, DeadlineWatch
from greenstream.ingest.redaction import without_secrets

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 10.0
MAX_RETRY_AFTER_S: Final = 5.0
HTTP_TOO_MANY_REQUESTS: Final = 429
HTTP_SERVER_ERROR: Final = 500
GZIP: Final = "gzip"
PIECE_BYTES: Final = 65_536
QUOTED_BYTES: Final = 60
"""How much of a body that is not JSON an error quotes."""

# At INFO, httpx logs every address with its query, which holds the key of some APIs.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Response:
    """An upstream's answer.

    Parameters
    ----------
    status
        Below 500 and never 429.
    headers
        With names in lower case.
    body
        The whole decoded body, as the upstream sent it.
    credentials
        What the request sent as credentials. It is cut out of any text that quotes the answer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    credentials: frozenset[str] = field(default=frozenset(), repr=False)

    def json(self, *, provider: str, zone: str | None = None) -> Any:  # noqa: ANN401
        """Return the body parsed as JSON.

        Parameters
        ----------
        provider, zone
            Named in the error.

        Raises
        ------
        InvalidError
            ``not_json``; the message quotes the content type and the first bytes of the body.
        """
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            kind = self.headers.get("content-type", "no content type")
            quoted = without_secrets(f"{kind} {self.body[:QUOTED_BYTES]!r}", *self.credentials)
            raise InvalidError(
                f"the answer is not JSON ({len(self.body)} bytes of {quoted})",
                reason="not_json",
                provider=provider,
                zone=zone,
            ) from error

    def refusal(self) -> str:
        """Return the reason that the upstream gives for a refusal, without credentials.

        The reason is in the member ``error``, in ``message`` (in which gateways give it), or in
        both. Without either, the content type of the answer is returned.
        """
        answer: object = None
        with suppress(ValueError, RecursionError):
            answer = json.loads(self.body)
        members = answer if isinstance(answer, dict) else {}
        error = members.get("error")
        said = error.get("message", error) if isinstance(error, dict) else error
        reasons = [str(reason).strip() for reason in (said, members.get("message")) if reason]
        text = ": ".join(dict.fromkeys(reasons))
        text = text or self.headers.get("content-type", "no reason given").strip()
        return without_secrets(text, *self.credentials)


@cache
def _tls() -> ssl.SSLContext:
    """Return the TLS context of the process.

    It is made once, because loading the CA bundle is most of the cost of making a client.
    """
    return ssl.create_default_context()


@dataclass(slots=True)
class HttpClient:
    """Sends GET requests to one provider's API; use it as a context manager for each run.

    Parameters
    ----------
    provider
        The provider's name, for errors.
    base_url
        Scheme, host and path prefix, without a trailing slash.
    deadline_s
        Wall-clock limit of one attempt, up to the last byte. When resolving a name or connecting
        takes longer, the attempt fails only afterwards.
    max_bytes
        Limit of the decoded body. It also stops a decompression bomb.
    attempts
        How often a request is tried on connection faults, 429 and 5xx. Attempts are one second
        apart, or as long as Retry-After asks, up to `MAX_RETRY_AFTER_S`.
    transport, sleep, monotonic
        Replaced by tests.

    Attributes
    ----------
    credentials
        All credentials that the run has sent so far. No error, log line or item may contain them.
    """

    provider: str
    base_url: str
    deadline_s: float = 12.0
    max_bytes: int = 8_000_000
    attempts: int = 2
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    credentials: set[str] = field(default_factory=set, init=False, repr=False)
    _client: httpx.Client | None = None
    _watch: DeadlineWatch | None = None
    _connection: Connection = field(default_factory=Connection)

    def __enter__(self) -> Self:
        self.credentials.clear()
        # There is one client for each run. A client of the process would keep sockets that are dead
        # when a frozen sandbox goes on.
        self._client = httpx.Client(
            transport=self.transport,
            verify=_tls(),
            headers={"Accept-Encoding": GZIP},
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
        )
        self._watch = DeadlineWatch(self._connection, self.deadline_s / CHECKS)
        self._watch.begin()
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None and self._watch is not None:
            self._watch.end()
            self._client.close()
            self._client = self._watch = None
            self._connection.close()

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        zone: str | None = None,
    ) -> Response:
        """Return the answer of ``base_url + path``.

        Parameters
        ----------
        path
            Begins with a slash.
        params
            The query.
        headers
            The credentials of this request. The answer is returned as it came, even when it repeats
            them; they are cut out of any text that quotes it.
        zone
            Named in errors.

        Raises
        ------
        TransientError
            When every attempt was refused, reset, too slow or answered with 5xx;
            `ThrottledError` when the last one was answered with 429.
        InvalidError
            ``too_large``, or ``not_http`` when the answer is not valid HTTP.
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
        attempts = f" in {self.attempts} attempts" if self.attempts > 1 else ""
        raise refused(
            f"HTTP {response.status} from {path}{attempts}",
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
            raise RuntimeError("HttpClient must be used in a with block")
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
                extensions={"trace": self._connection.traced},
            ) as response:
                for piece in _unpacked(response):
                    body += piece
                    if len(body) > self.max_bytes:
                        raise InvalidError(
                            f"the answer of {path} is larger than {self.max_bytes} bytes",
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

    httpx would decompress everything that one read of the socket returns at once, through as many
    encodings as the answer names: 64 kB can become 67 MB, or 68 GB when compressed twice.

    A gzip body may consist of several members, one after the other (RFC 1952, section 2.2).

    Raises
    ------
    zlib.error, httpx.DecodingError
        When the body is not the gzip that it claims to be, ends early or has another encoding.
    """
    encoding = response.headers.get("content-encoding", "identity").lower()
    raw = cast("httpx.SyncByteStream", response.stream)
    if encoding not in (GZIP, "identity"):
        raise httpx.DecodingError(f"the content encoding is {encoding[:40]!r}")
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
    """Yield each credential in a request's headers, without its scheme.

    Of Basic credentials, the user name and the password are yielded as well.
    """
    for value in headers.values():
        scheme, _, credential = value.strip().rpartition(" ")
        if credential:
            yield credential
        if scheme.lower() == "basic":
            with suppress(ValueError):
                pair = base64.b64decode(credential).decode()
                yield from filter(None, (pair, *pair.split(":", 1)))


def _retry_after_s(headers: Mapping[str, str]) -> float:
    """Return how long to wait before the next attempt, in seconds."""
    value = headers.get("retry-after", "")
    # isdigit accepts characters, such as a superscript two, that float does not.
    is_seconds = value.isascii() and value.isdigit()
    return min(float(value), MAX_RETRY_AFTER_S) if is_seconds else 1.0
