"""What passes between the server and a provider: a request, its answer, the provider itself."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

JSON = "application/json; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """A request as a provider sees it: path below its origin, header names in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A whole HTTP answer; the server adds length, date and the simulation's own header."""

    body: bytes
    content_type: str = JSON
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(document: object, status: int = 200) -> Answer:
    """Answer with ``document`` as compact JSON."""
    return Answer(json.dumps(document, separators=(",", ":")).encode(), JSON, status)


PayloadFault = Callable[[str, Mapping[str, Any]], str]
"""Spoils a good body as the real provider has been seen to; takes the fault's own fields."""


@dataclass(frozen=True)
class Provider:
    """One simulated API.

    Parameters
    ----------
    name
        Its name in faults and counts, and its mount below the base URL (``/<name>``).
    origins
        ``scheme://host`` values it stands for behind the proxy.
    answer
        Pure: the answer to a request at an aware UTC time.
    zone
        The zone a request asks for, or None when it asks for several.
    zones
        Every zone that can be asked for.
    routes
        What it serves, for people to read.
    payload_faults
        Faults of its own format, by name.
    """

    name: str
    origins: frozenset[str]
    answer: Callable[[Request, datetime], Answer]
    zone: Callable[[Request], str | None]
    zones: frozenset[str]
    routes: tuple[str, ...]
    payload_faults: Mapping[str, PayloadFault]
