"""The types that the server and the simulated providers share."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """A request to a provider. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer. The server adds the length, the date and the header of the simulation."""

    body: bytes
    content_type: str = JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(document: object, status: int = 200) -> Answer:
    """Return an answer with ``document`` as compact JSON."""
    return Answer(json.dumps(document, separators=(",", ":")).encode(), JSON, status)


PayloadFault = Callable[[str, Mapping[str, Any]], str]
"""Changes a good body in a way in which the provider may fail. It gets the fault's fields."""


@dataclass(frozen=True)
class Provider:
    """One simulated API.

    Parameters
    ----------
    name
        The name in faults and counts, and the path below the base URL (``/<name>``).
    origins
        The real API's ``scheme://host`` values, for which the proxy uses this provider.
    answer
        Returns the answer to a request at a time (aware UTC).
    zone
        Returns the zone that a request is about, or None when it is about several.
    zones
        The names of all zones.
    routes
        The paths of the API, for readers.
    payload_faults
        The faults that are specific to the format, by name.
    account
        What a request about the account and not about a zone, such as a login, is answered with
        for a good account that is within its limits, by the request's path.
    """

    name: str
    origins: frozenset[str]
    answer: Callable[[Request, datetime], Answer]
    zone: Callable[[Request], str | None]
    zones: frozenset[str]
    routes: tuple[str, ...]
    payload_faults: Mapping[str, PayloadFault]
    account: Mapping[str, Callable[[Request, datetime], Answer]] = field(default_factory=dict)
