"""The only room that knows httpx: one bounded GET, and our error tree instead of its own.

Bounds: a deadline over the whole exchange (httpx's time-outs are per socket operation, so an
upstream that drips a byte a second would never hit them) and a size limit on the decoded body.
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, Self

import httpx

from greenstream.errors import InvalidError, ThrottledError, TransientError

CONNECT_TIMEOUT_S: Final = 5.0
READ_TIMEOUT_S: Final = 10.0
MAX_RETRY_AFTER_S: Final = 5.0
HTTP_TOO_MANY_REQUESTS: Final = 429
HTTP_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Response:
    """An upstream's answer: status below 500 and not 429, headers in lower case, whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

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
            raise InvalidError(
                f"answer is not JSON ({kind}, {len(self.body)} bytes: {self.body[:60]!r})",
                reason="not_json",
                provider=provider,
                zone=zone,
            ) from error


@cache
def _tls() -> ssl.SSLContext:
    """Return the process's one TLS context: loading the CA bundle is most of a client's cost."""
    return ssl.create_default_context()


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
        Wall-clock limit of one attempt, from connect to the last byte.
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
    _client: httpx.Client | None = None

    def __enter__(self) -> Self:
        # A client per run, not per process: a frozen sandbox leaves dead keep-alive sockets.
        self._client = httpx.Client(
            transport=self.transport,
            verify=_tls(),
            headers=dict(self.headers),
            timeout=httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            follow_redirects=False,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def get(
        self,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        zone: str | None = None,
    ) -> Response:
        """GET ``base_url + path``.

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
        if self._client is None:
            raise RuntimeError("HttpClient is used outside its with block")
        ends_at = self.monotonic() + self.deadline_s
        body = bytearray()
        try:
            with self._client.stream(
                "GET",
                self.base_url + path,
                params=None if params is None else dict(params),
                headers=None if headers is None else dict(headers),
            ) as response:
                for chunk in response.iter_bytes():
                    body += chunk
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
                return Response(response.status_code, lowered, bytes(body))
        except httpx.TransportError as error:
            raise TransientError(
                f"{type(error).__name__} at {path}: {error}", provider=self.provider, zone=zone
            ) from error
        except (httpx.DecodingError, httpx.InvalidURL) as error:
            raise InvalidError(
                f"{type(error).__name__} at {path}: {error}",
                reason="not_http",
                provider=self.provider,
                zone=zone,
            ) from error


def _retry_after_s(headers: Mapping[str, str]) -> float:
    value = headers.get("retry-after", "")
    return min(float(value), MAX_RETRY_AFTER_S) if value.isdigit() else 1.0
