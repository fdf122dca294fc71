"""A router in this process that judges each of its own answers."""

import io
import json
import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from greenstream.api.exposition import CONTENT_TYPE
from greenstream.api.question import PARAMETERS
from greenstream.api.router import Router
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.domain.policy import Policy
from tests.fakes.memory_store import MemoryStore
from tests.metrics import samples_of
from tests.router_client import SetClock, a_reading_of
from tests.storing import put_reading

ASKED: Counter[str] = Counter()

MAX_REFUSAL_BYTES = 32_000
"""The largest refusal: it has twenty faults, each with the allowed values."""

MAX_ANSWER_BYTES = 2_000_000
"""The largest answer that the Worker reads (infra/worker/src/core/router.ts)."""

MAX_LINE_BYTES = 4_000
"""The longest log line; CloudWatch bills lines by their size."""

MAX_CALLS = 150_000
"""The most function calls to answer one event; times are not reliable on a shared machine."""

KILL_S = 10.0
"""Processor time after which one event is stopped, so that an endless loop fails the test."""

TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
FIELD_VALUE = re.compile(r"[\x20-\x7e]*")
INSIDE = re.compile(r"Traceback|\.py\b|/var/task|/opt/python|Error\(|object at 0x")
MARKUP = re.compile(r"[<>]|script|onerror|javascript", re.IGNORECASE)


MOST: Counter[str] = Counter()
"""The largest value of each figure over all tests."""


class Desk:
    """A router with its telemetry; it checks the rules for all answers on every answer."""

    def __init__(self) -> None:
        store = MemoryStore(policy=Policy(log_every=1))
        for zone, gco2_kwh in (("NYISO", 260), ("CAISO_NORTH", 210), ("GBR-13", 120)):
            put_reading(store, a_reading_of(zone, gco2_kwh))
        self._lines = io.BytesIO()
        # Standard output has this encoding too.
        stream = io.TextIOWrapper(self._lines, encoding="utf-8", write_through=True)
        logger = Logger(service="router", location=None, stream=stream)
        metrics = EphemeralMetrics(namespace="GreenStream", service="router")
        telemetry = PowertoolsTelemetry(logger, metrics)  # type: ignore[arg-type]
        self._router = Router(store, clock=SetClock(), telemetry=telemetry)
        self.cases = 0
        for path in PARAMETERS:  # fills the caches, which are no work of one event
            self.ask(event(path=path.replace("{zone}", "NYISO")))

    def ask(self, sent: object) -> Mapping[str, Any]:
        """Answer an event, and check the answer and the log lines against the rules."""
        self._lines.seek(0)
        self._lines.truncate()
        with counted_calls() as calls, killed_after(KILL_S):
            answer = self._router.respond(sent)
        self.cases += 1
        MOST["calls"] = max(MOST["calls"], *calls)
        assert calls[0] < MAX_CALLS
        self._hold(answer)
        for line in self._lines.getvalue().splitlines():
            MOST["line_bytes"] = max(MOST["line_bytes"], len(line))
            assert len(line) < MAX_LINE_BYTES
            assert json.loads(line)["message"] in ("answered", "compared")
        return answer

    def _hold(self, answer: Mapping[str, Any]) -> None:
        status, text, headers = answer["statusCode"], answer["body"], answer["headers"]
        assert set(answer) == {"statusCode", "headers", "body"}
        assert 200 <= status < 500, text
        for name, value in headers.items():
            assert TOKEN.fullmatch(name)
            assert FIELD_VALUE.fullmatch(value), "a line break would start another header"
        assert headers["X-Content-Type-Options"] == "nosniff"
        size = len(text.encode())
        if status >= 400:
            assert headers["Content-Type"] == "application/problem+json"
            assert headers["Cache-Control"] == "no-store"
            MOST["refusal_bytes"] = max(MOST["refusal_bytes"], size)
            assert size < MAX_REFUSAL_BYTES
            assert not MARKUP.search(text)
            assert not INSIDE.search(text)
        else:
            kinds = (None,) if status == 304 else ("application/json", CONTENT_TYPE)
            assert headers.get("Content-Type") in kinds
            MOST["answer_bytes"] = max(MOST["answer_bytes"], size)
            assert size < MAX_ANSWER_BYTES
        if text and headers["Content-Type"] == CONTENT_TYPE:
            assert samples_of(text)
        elif text:
            body = json.loads(text, parse_constant=pytest.fail)
            for error in body.get("errors", []) if status >= 400 else []:
                assert re.fullmatch(r"[\w.:\[\]-]{1,60}", error["field"])


@contextmanager
def counted_calls() -> Iterator[list[int]]:
    calls = [0]

    def count(_frame: object, kind: str, _argument: object) -> None:
        if kind in ("call", "c_call"):
            calls[0] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield calls
    finally:
        sys.setprofile(before)


@contextmanager
def killed_after(seconds: float) -> Iterator[None]:
    def end(*_: object) -> None:
        raise KeyboardInterrupt(f"{seconds} s of processor time for one event")

    before = signal.signal(signal.SIGVTALRM, end)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def event(
    *, path: object = "/v1/route", query: object = "", method: object = "GET", **more: Any
) -> dict[str, Any]:
    http = {"http": {"method": method, "path": path, "sourceIp": "203.0.113.7"}}
    return {"requestContext": http, "rawPath": path, "rawQueryString": query, "headers": {}} | more


def report(body: object, **more: Any) -> dict[str, Any]:
    headers = {"content-type": "application/json"}
    return event(path="/v1/latency", method="POST", headers=headers, body=body) | more
