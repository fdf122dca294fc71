"""Requests to DynamoDB: botocore signs them, and urllib3 sends them over kept connections.

Botocore's own client is not used, since it reads half a megabyte of service descriptions at each
start (ADR 17). The methods have its names and take its arguments.
"""

import json
import math
import random
import re
import ssl
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit
from zlib import crc32

import urllib3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from urllib3 import HTTPResponse
from urllib3.exceptions import HTTPError, ProtocolError

from greenstream.ports.store import StoreError

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

SERVICE: Final = "dynamodb"
VERSION: Final = "DynamoDB_20120810"

PASSING_CODES: Final = (
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingException",
)
"""The codes of refusals that are over soon, as a status from 500 on is."""

FIRST_PAUSE_S: Final = 0.5
"""The longest pause before the second attempt, in seconds. It doubles with every attempt."""

SIGNATURE_LASTS_S: Final = 60.0
"""How long the signature of a read is used again, in seconds.

AWS accepts one for five minutes, as its refusal in boto/botocore#149 says. The minute leaves four
for clocks that differ."""

MAX_SIGNATURES: Final = 16
"""How many signatures are kept. The router repeats few reads: its boards and some hours."""

MAX_CONNECTIONS: Final = 10
"""How many idle connections are kept: more than a function has threads that ask at once."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request is signed with. Temporary credentials have a ``token``."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the service is.

    Parameters
    ----------
    url
        The address, ``http`` or ``https``.
    region
        The Region that the signatures are valid in.
    ca_bundle
        A PEM file of the authorities to trust instead of the system's.
    """

    url: str
    region: str
    ca_bundle: str | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may cost.

    Parameters
    ----------
    connect_timeout_s, read_timeout_s
        How long a request waits for a connection, and for each piece of an answer, in seconds.
    attempts
        How often a request is sent at most while it is throttled or the service fails; the first
        time counts. An idle connection that turns out to be closed costs no attempt.
    """

    connect_timeout_s: float = 1.0
    read_timeout_s: float = 2.0
    attempts: int = 3


USUAL_LIMITS: Final = Limits()


class ConditionFailedError(StoreError):
    """The condition of a write does not hold for the existing item.

    Parameters
    ----------
    item
        The existing item; it is empty if there is none.
    """

    def __init__(self, operation: str, item: Mapping[str, Any]) -> None:
        super().__init__(f"DynamoDB {operation} was refused: ConditionalCheckFailedException")
        self.item = item


class _PassingError(StoreError):
    """A failure that the same request may escape when it is sent again."""


class DynamoDb:
    """A client of DynamoDB, which several threads may share. Every request may raise `StoreError`.

    The message of an error names the operation and what went wrong, and neither an address nor a
    key.

    A request may reach the service twice: it is sent again after an answer that was lost. Each
    write of the store therefore has a condition under which a repetition does no harm.

    Parameters
    ----------
    endpoint
        The service.
    credentials
        Returns the credentials; each request asks for them, since they may be renewed meanwhile.
    limits
        The limits of one request.
    sleep
        Pauses between two attempts for a number of seconds.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        credentials: Callable[[], Credentials],
        limits: Limits = USUAL_LIMITS,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = endpoint.url.rstrip("/") + "/"
        self._region = endpoint.region
        self._credentials = credentials
        self._attempts = limits.attempts
        self._sleep = sleep
        self._signatures: dict[tuple[str, bytes, Credentials], tuple[float, dict[str, str]]] = {}
        """When a read was signed, and its headers, by its operation, body and credentials."""
        # One context serves all connections, since making one parses a file of 200 kB.
        tls = (
            {"ssl_context": ssl.create_default_context(cafile=endpoint.ca_bundle)}
            if endpoint.url.startswith("https:")
            else {}
        )
        self._connections = urllib3.connection_from_url(
            endpoint.url,
            maxsize=MAX_CONNECTIONS,
            timeout=urllib3.Timeout(connect=limits.connect_timeout_s, read=limits.read_timeout_s),
            retries=False,
            **tls,
        )

    def put_item(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Write a whole item."""
        return self._ask("PutItem", request)

    def update_item(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Change attributes of an item."""
        return self._ask("UpdateItem", request)

    def query(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Read a page of a partition."""
        return self._ask("Query", request)

    def close(self) -> None:
        """Close the idle connections."""
        self._connections.close()

    def _ask(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps(request, default=_as_text).encode()
        for attempt in range(1, self._attempts):
            try:
                return self._attempt(operation, body)
            except _PassingError:
                # Clients that failed together do not come back together.
                self._sleep(random.random() * FIRST_PAUSE_S * 2 ** (attempt - 1))  # noqa: S311
        return self._attempt(operation, body)

    def _attempt(self, operation: str, body: bytes) -> dict[str, Any]:
        try:
            answer = self._send(self._signed(operation, body), body)
        except HTTPError as error:
            raise _PassingError(f"DynamoDB {operation} failed: {type(error).__name__}") from error
        content = _content(operation, answer)
        if answer.status != 200:  # noqa: PLR2004 - HTTP's own
            self._signatures.clear()  # it may have been refused for its signature
            raise _refusal(operation, answer.status, content)
        return content

    def _signed(self, operation: str, body: bytes) -> dict[str, str]:
        """Return the headers of a request with its signature.

        The router repeats the same reads every few seconds, and to sign one takes a fifth of its
        time. The signature of a read is therefore used again for `SIGNATURE_LASTS_S`.
        """
        now, credentials = time.time(), self._credentials()
        key = (operation, body, credentials)
        signed_at, headers = self._signatures.get(key, (-math.inf, {}))
        if not 0.0 <= now - signed_at < SIGNATURE_LASTS_S:
            request = AWSRequest(
                method="POST",
                url=self.url,
                headers={
                    "Content-Type": "application/x-amz-json-1.0",
                    "X-Amz-Target": f"{VERSION}.{operation}",
                    "User-Agent": "greenstream",
                },
                data=body,
            )
            signer = SigV4Auth(cast("ReadOnlyCredentials", credentials), SERVICE, self._region)
            signer.add_auth(request)
            headers = dict(request.headers.items())
            if operation == "Query":
                if len(self._signatures) >= MAX_SIGNATURES:
                    self._signatures.clear()
                self._signatures[key] = now, headers
        return dict(headers)

    def _send(self, headers: Mapping[str, str], body: bytes) -> HTTPResponse:
        post = partial(
            self._connections.urlopen,
            "POST",
            urlsplit(self.url).path,
            body=body,
            headers=headers,
            enforce_content_length=True,
        )
        try:
            return cast("HTTPResponse", post())
        except ProtocolError as error:
            if not any(isinstance(cause, ConnectionError) for cause in error.args):
                raise
            # The service had closed an idle connection, and the next one is new.
            return cast("HTTPResponse", post())


def _content(operation: str, answer: HTTPResponse) -> dict[str, Any]:
    """Return the body of an answer as JSON. That of a refusal is empty where it is no JSON."""
    stated = answer.headers.get("x-amz-crc32")
    if stated is not None and stated != str(crc32(answer.data)):
        raise _PassingError(f"DynamoDB {operation} failed: the checksum of the answer is wrong")
    try:
        content = json.loads(answer.data, object_hook=_with_bytes)
    except ValueError:
        content = None
    if isinstance(content, dict):
        return content
    if answer.status == 200:  # noqa: PLR2004 - HTTP's own
        raise _PassingError(f"DynamoDB {operation} was answered in part")
    return {}


def _refusal(operation: str, status: int, content: Mapping[str, Any]) -> StoreError:
    code = str(content.get("__type", "")).rpartition("#")[2]
    if not re.fullmatch(r"\w{1,64}", code):
        code = f"HTTP {status}"
    if code == "ConditionalCheckFailedException":
        return ConditionFailedError(operation, content.get("Item", {}))
    passing = status >= 500 or code in PASSING_CODES  # noqa: PLR2004 - HTTP's own
    message = f"DynamoDB {operation} was refused: {code}"
    return _PassingError(message) if passing else StoreError(message)


def _as_text(value: object) -> str:
    """Return the base64 text by which JSON holds the bytes of a binary attribute."""
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} is no part of an item")
    return b64encode(value).decode()


def _with_bytes(value: dict[str, Any]) -> dict[str, Any]:
    """Decode a binary attribute. A map with the key ``B`` holds an attribute there, and no text."""
    binary = value.get("B")
    return {"B": b64decode(binary, validate=True)} if isinstance(binary, str) else value
