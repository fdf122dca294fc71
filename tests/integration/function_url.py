"""The router behind WSGI: each request becomes an event as a Function URL makes it.

A Function URL gives the path as it was requested, with its escapes, where WSGI decodes it.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


def application(
    respond: Callable[[Mapping[str, Any]], Mapping[str, Any]],
) -> Callable[[Environ, StartResponse], Iterable[bytes]]:
    """Return a WSGI application that serves a handler of Function URL events."""

    def app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        answer = respond(_event(environ))
        status = HTTPStatus(answer["statusCode"])
        start_response(f"{status.value} {status.phrase}", list(answer["headers"].items()))
        return [answer["body"].encode()]

    return app


def _event(environ: Environ) -> Mapping[str, Any]:
    headers = {
        name.removeprefix("HTTP_").replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return {
        "version": "2.0",
        "rawPath": quote(environ["PATH_INFO"].encode("latin-1")),
        "rawQueryString": environ["QUERY_STRING"],
        "headers": headers,
        "requestContext": {"http": {"method": environ["REQUEST_METHOD"]}},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }
