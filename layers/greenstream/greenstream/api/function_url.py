"""HTTP requests and responses as events of a Lambda Function URL (payload format 2.0)."""

import base64
import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from http import HTTPStatus
from secrets import token_hex
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

from greenstream.api.fields import FieldError
from greenstream.api.rendering import JSON

SHARED: Final = "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400"
PRIVATE: Final = "no-store"

CORRELATION_HEADER: Final = "X-Correlation-Id"
_GIVEN_IDS: Final = (("headers", CORRELATION_HEADER.lower()), ("requestContext", "requestId"))
"""Where an event names the exchange: the caller's name for it goes before the platform's."""

_CORRELATION_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class NotARequestError(Exception):
    """An event is not an HTTP request as a Function URL sends it."""


class Request(NamedTuple):  # A frozen dataclass takes longer, and each answer makes one of each.
    """An HTTP request.

    Parameters
    ----------
    method, path, query
        The method, the path, and the query string without its question mark.
    headers
        The headers by their names in lower case, as the platform sends them.
    text, is_base64
        The body as the platform sends it, and whether it is encoded as base64.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, object]
    text: str
    is_base64: bool

    @classmethod
    def of_event(cls, event: Mapping[str, Any]) -> Self:
        """Read a Function URL event.

        Raises
        ------
        NotARequestError
            When the event is not an HTTP request. Whoever may invoke the function directly,
            without its URL, can send anything.
        """
        try:
            method = event["requestContext"]["http"]["method"]
        except (LookupError, TypeError) as error:
            raise NotARequestError from error
        path, query = event.get("rawPath") or "/", event.get("rawQueryString") or ""
        headers, text = event.get("headers") or {}, event.get("body") or ""
        texts = isinstance(method, str) and isinstance(path, str) and isinstance(query, str)
        if not (texts and isinstance(text, str) and isinstance(headers, dict)):
            raise NotARequestError
        return cls(
            method=method,
            path=path,
            query=query,
            headers=headers,
            text=text,
            is_base64=bool(event.get("isBase64Encoded")),
        )

    def header(self, name: str) -> str:
        """Return a header by its name in lower case; empty if it is missing or is not text."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""

    def body(self) -> bytes:
        """Return the body's bytes.

        Raises
        ------
        ValueError
            When the body is marked as base64 and is not base64.
        """
        if self.is_base64:
            return base64.b64decode(self.text, validate=True)
        return self.text.encode("utf-8", "surrogatepass")


class Reply(NamedTuple):
    """An answer before it is an HTTP response: ``body`` is an object, or text already.

    ``as_of`` is the instant of the answer as the body states it; the ETag leaves it out, so that
    two answers that differ only in their instant count as the same. It is made of ``essence`` where
    that is given: a shorter text, which differs where the body differs. ``log`` returns the fields
    that a log line of this answer adds, and is called for the answers that are logged only.
    ``store_failing`` is ``None`` where the answer says nothing of the store.
    """

    body: Mapping[str, Any] | str
    as_of: str | None = None
    essence: str | None = None
    status: HTTPStatus = HTTPStatus.OK
    cache_control: str = PRIVATE
    headers: Mapping[str, str] = MappingProxyType({})
    log: Callable[[], Mapping[str, object]] = dict
    store_failing: bool | None = None

    def text(self) -> str:
        """Return the body as text, which is JSON for an object.

        Raises
        ------
        ValueError
            When the body holds a number that JSON cannot express.
        """
        return self.body if isinstance(self.body, str) else JSON.encode(self.body)


def correlation_id(event: Mapping[str, Any]) -> str:
    """Return the id that names an exchange in its answer and in the log.

    It is the caller's correlation id if that is a plain name, else the platform's id of the
    request, which the platform's own log lines have too, else a new one.
    """
    for part, name in _GIVEN_IDS:
        members = event.get(part)
        given = members.get(name) if isinstance(members, dict) else None
        if isinstance(given, str) and _CORRELATION_ID.fullmatch(given):
            return given
    return token_hex(16)


def response(reply: Reply, request: Request | None, correlation: str) -> dict[str, Any]:
    """Return the response in the form that a Function URL expects.

    The status is 304 when the caller has the answer already, and the body of a ``HEAD`` is empty.

    Parameters
    ----------
    reply
        The answer.
    request
        The request, or ``None`` if the event was not one.
    correlation
        The correlation id.

    Raises
    ------
    ValueError
        When the body holds a number that JSON cannot express.
    """
    text = reply.text()
    status = reply.status
    problem = status >= HTTPStatus.BAD_REQUEST
    headers = {
        "Content-Type": "application/problem+json" if problem else "application/json",
        "Cache-Control": reply.cache_control,
        "X-Content-Type-Options": "nosniff",
        CORRELATION_HEADER: correlation,
        **reply.headers,
    }
    if reply.cache_control != PRIVATE:
        headers["ETag"] = tag = _etag(reply.as_of, reply.essence or text)
        known = "" if request is None else request.header("if-none-match")
        if known and _has(tag, known):
            status, text = HTTPStatus.NOT_MODIFIED, ""
            del headers["Content-Type"]
    if request is not None and request.method == "HEAD":
        text = ""
    return {"statusCode": int(status), "headers": headers, "body": text}


def _etag(as_of: str | None, text: str) -> str:
    """Return a weak ETag of the answer without its instant."""
    if as_of is not None:
        text = text.replace(f'"as_of":"{as_of}"', "", 1)
    return f'W/"{sha256(text.encode(), usedforsecurity=False).hexdigest()[:18]}"'


def _has(tag: str, if_none_match: str) -> bool:
    """Return whether a list of ETags includes this one by weak comparison (RFC 9110, 13.1.2)."""
    listed = {entry.strip().removeprefix("W/") for entry in if_none_match.split(",")}
    return "*" in listed or tag.removeprefix("W/") in listed


def problem(
    status: HTTPStatus,
    detail: str,
    *,
    errors: Iterable[FieldError] = (),
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Return problem details (RFC 9457) of the type ``about:blank``, which the status explains.

    Parameters
    ----------
    status
        The status, of 400 or above.
    detail
        What is wrong, in a sentence.
    errors
        The fields at fault.
    headers
        Headers to add to the response.
    """
    listed = tuple(errors)
    return Reply(
        status=status,
        headers=headers or {},
        body={
            "type": "about:blank",
            "title": status.phrase,
            "status": int(status),
            "detail": detail,
            "errors": [
                {"field": error.field, "detail": error.detail, "allowed": error.allowed or None}
                for error in listed
            ],
        },
        log=lambda: {"fields": [error.field for error in listed]} if listed else {},
    )
