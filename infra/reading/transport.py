"""Answers every HTTP request of this process from a function, so that none leaves the machine.

A provider sends its requests through httpx. The gridstatus library sends its own through requests
and urllib, whose addresses are fixed in its code. All three are led to the function at the place
where they would connect.
"""

import io
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import Message
from http import HTTPStatus
from typing import Any, Final
from unittest.mock import patch
from urllib.response import addinfourl

import httpx
import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_encoding_from_headers

from infra.local.upstream.wire import Answer

Answerer = Callable[[str, dict[str, str]], Answer]
"""Returns the answer to a request from its whole URL and its headers, names in lower case."""

CONTENT_TYPE: Final = "content-type"


@contextmanager
def answered_by(answer: Answerer) -> Iterator[None]:
    """Let the function answer all requests of httpx, requests and urllib while the block runs.

    The function is called from the thread of each request.
    """
    timeout_s = socket.getdefaulttimeout()  # the gridstatus provider sets one for the process
    try:
        with (
            patch.object(httpx.HTTPTransport, "handle_request", _of_httpx(answer)),
            patch.object(HTTPAdapter, "send", _of_requests(answer)),
        ):
            urllib.request.install_opener(
                urllib.request.build_opener(urllib.request.ProxyHandler({}), _OfUrllib(answer))
            )
            yield
    finally:
        urllib.request.install_opener(None)  # the next request makes a new one
        socket.setdefaulttimeout(timeout_s)


def _of_httpx(answer: Answerer) -> Callable[[httpx.HTTPTransport, httpx.Request], httpx.Response]:
    def handle_request(_: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        given = answer(str(request.url), _lowered(request.headers))
        kind = {CONTENT_TYPE: given.content_type}
        return httpx.Response(given.status, headers=kind, content=given.body, request=request)

    return handle_request


def _of_requests(answer: Answerer) -> Callable[..., requests.Response]:
    def send(_: HTTPAdapter, request: requests.PreparedRequest, **_options: Any) -> Any:  # noqa: ANN401 - as requests calls it
        given = answer(str(request.url), _lowered(request.headers))
        response = requests.Response()
        response.status_code = given.status
        response.reason = _phrase(given.status)
        response.headers[CONTENT_TYPE] = given.content_type
        response.encoding = get_encoding_from_headers(response.headers)
        response.raw = io.BytesIO(given.body)
        response.url, response.request = str(request.url), request
        return response

    return send


class _OfUrllib(urllib.request.HTTPHandler, urllib.request.HTTPSHandler):
    """Stands for both of urllib's handlers, since an opener leaves out those it is given."""

    def __init__(self, answer: Answerer) -> None:
        super().__init__()
        self._answer = answer

    def http_open(self, req: urllib.request.Request) -> Any:  # noqa: ANN401 - urllib's own type
        """Answer a request."""
        given = self._answer(req.full_url, _lowered(dict(req.header_items())))
        headers = Message()
        headers[CONTENT_TYPE] = given.content_type
        response: Any = addinfourl(io.BytesIO(given.body), headers, req.full_url, given.status)
        response.msg = _phrase(given.status)
        return response

    def https_open(self, req: urllib.request.Request) -> Any:  # noqa: ANN401 - urllib's own type
        """Answer a request."""
        return self.http_open(req)


def _lowered(headers: Any) -> dict[str, str]:  # noqa: ANN401 - each library has its own mapping
    return {name.lower(): str(value) for name, value in headers.items()}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
