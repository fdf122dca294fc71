"""Whatever event or request the router gets, it gives an answer or a refusal with a named reason.

The real router with its real telemetry answers events of any shape, sent directly or over HTTP.
Its answers are JSON under `nosniff` and contain no markup of the caller: a browser that opens an
answer finds nothing to run, whether or not it respects the content type.
"""

import base64
import io
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from threading import Thread
from typing import Any, cast
from wsgiref.simple_server import WSGIRequestHandler, make_server

import hypothesis
import pytest
import schemathesis
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenstream.api import openapi
from greenstream.api.fields import MAX_ERRORS, MAX_QUERY_CHARS
from greenstream.api.question import PARAMETERS
from greenstream.api.report import MAX_BYTES, MAX_SAMPLES, SAMPLE_FIELDS
from greenstream.api.router import Router
from greenstream.aws.dynamo_latencies import encode_round_trips
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.dynamodb import ConditionFailedError
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.places import colos, pops
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.roundtrips import VOTES, add_report
from greenstream.domain.zones import zones
from tests.builders import NOW
from tests.fakes.memory_store import MemoryStore
from tests.integration import function_url
from tests.integration import test_router_fuzz as described
from tests.router_client import Log, SetClock, a_reading_of
from tests.storing import put_profile, put_reading

SUITE = "input"
WHOLE = os.environ.get("CHAOS") == "whole"
ASKED: Counter[str] = Counter()
Record = Callable[[str, object], None]

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
            assert headers.get("Content-Type") == (None if status == 304 else "application/json")
            MOST["answer_bytes"] = max(MOST["answer_bytes"], size)
            assert size < MAX_ANSWER_BYTES
        if text:
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


@pytest.fixture
def desk() -> Desk:
    return Desk()


def event(
    *, path: object = "/v1/route", query: object = "", method: object = "GET", **more: Any
) -> dict[str, Any]:
    http = {"http": {"method": method, "path": path, "sourceIp": "203.0.113.7"}}
    return {"requestContext": http, "rawPath": path, "rawQueryString": query, "headers": {}} | more


def report(body: object, **more: Any) -> dict[str, Any]:
    headers = {"content-type": "application/json"}
    return event(path="/v1/latency", method="POST", headers=headers, body=body) | more


# --- untrusted input ----------------------------------------------------------------------------

MARKED = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "\"'><svg/onload=alert(1)>",
)
HOSTILE = (
    *MARKED,
    "x\r\nSet-Cookie: a=b",
    "x\nX-Injected: 1",
    "\r\n\r\nHTTP/1.1 200 OK",
    "\0",
    "a\0b",
    "\ud800",
    "\N{RIGHT-TO-LEFT OVERRIDE}\N{ZERO WIDTH JOINER}",
    "\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}",
    "..",
    "../../etc/passwd",
    "%2e%2e%2f",
    "%00",
    "%",
    "%zz",
    "%c0%af",
    "%ed%a0%80",
    "%u0041",
    "%0d%0aSet-Cookie:%20a=b",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "__proto__",
    "' OR 1=1 --",
    "x" * 5_000,
)
NUMBERS = (
    *("nan", "NaN", "inf", "-inf", "Infinity", "1e309", "-1e309", "1e-999", "1e9999"),
    *("-0", "-0.0", "+1", " 1", "1 ", "1_0", "0x10", "1,5", "1.", ".5", ".", "-", "1e", "1e5e5"),
    *("\N{FULLWIDTH DIGIT ONE}", "\N{ARABIC-INDIC DIGIT THREE}", "0" * 400 + "1", "9" * 5_000),
)
NAMES = sorted({name for names in PARAMETERS.values() for name in names})
PLAIN = (*pops(), *zones(), "sfo:1", "auto", "average", "true", "AMS", "60", "24", "40.7", "-74")
PATHS = (
    *(path.replace("{zone}", "NYISO") for path in PARAMETERS),
    *("/", "/v1/pops", "/v1/places", "/v1/providers", "/v1/policy", "/v1/health"),
    *("/v1/latency", "/openapi.json"),
    *("/v1/zones/", "/v1/zones/..%2f..", "/v1/route/", "//v1/route", "/v1/./route", "/V1/route"),
    *("/v1/zones/NYISO%00", "/v1/zones/NYISO/../PJM", "/v1/zones/\ud800", "/%e0%80%af", "*"),
)
METHODS = ("GET", "HEAD", "POST", "PUT", "OPTIONS", "get", "TRACE", "", "G\r\nET")

texts = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from(HOSTILE)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | texts
anything = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3)
)
words = st.sampled_from((*PLAIN, *NUMBERS, *HOSTILE)) | texts
values = st.lists(words, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from([",", ":", "%2C", ";", "&", "="]).map(lambda by: by.join(parts))
)
pairs = st.tuples(st.sampled_from(NAMES) | words, values).map("=".join)
queries = st.lists(pairs, max_size=6).map("&".join) | texts | st.sampled_from(HOSTILE)
paths = st.sampled_from(PATHS) | texts.map("/v1/zones/".__add__) | texts.map("/".__add__)
headers = st.dictionaries(
    st.sampled_from(
        ["if-none-match", "content-type", "x-correlation-id", "cookie", "host", "accept-encoding"]
    )
    | texts,
    texts | st.sampled_from(["*", 'W/"x"', "application/json", "x" * 100_000]) | leaves,
    max_size=5,
)
samples = st.fixed_dictionaries(
    {},
    optional={
        "colo": st.sampled_from(["SJC", "AMS"]) | leaves,
        "pop": st.sampled_from(sorted(pops())) | leaves,
        "rtt_ms": st.floats(0, 60_000) | st.sampled_from([10**400, -1, 1e308, True]) | leaves,
        "ip": leaves,
    },
)
bodies = (
    st.fixed_dictionaries({"samples": st.lists(samples, max_size=5) | anything}).map(json.dumps)
    | anything.map(json.dumps)
    | texts
)
events = st.fixed_dictionaries(
    {},
    optional={
        "requestContext": st.fixed_dictionaries(
            {"http": st.fixed_dictionaries({"method": st.sampled_from(METHODS)})}
        )
        | st.fixed_dictionaries({"http": anything})
        | anything,
        "rawPath": paths | anything,
        "rawQueryString": queries | anything,
        "queryStringParameters": anything,
        "headers": headers | anything,
        "cookies": anything,
        "body": bodies | anything,
        "isBase64Encoded": st.booleans() | anything,
        "version": anything,
    },
)
many = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
)


def search(desk: Desk, sent: st.SearchStrategy[Any], record: Record, times: int = 1) -> None:
    """Send each example to the router; Hypothesis shrinks and shows a failure."""

    def ask(one: object) -> None:
        desk.ask(one)

    before = desk.cases
    how = settings(many, max_examples=(5_000 if WHOLE else 80) * times)
    how(given(sent)(ask))()
    record("cases", desk.cases - before)


def test_an_event_of_any_shape_gets_a_valid_answer(desk: Desk, record_property: Record) -> None:
    search(desk, events | anything, record_property)


def test_a_request_of_any_content_gets_a_valid_answer(desk: Desk, record_property: Record) -> None:
    sent = st.builds(
        lambda path, query, method, headers: event(
            path=path, query=query, method=method, headers=headers
        ),
        paths,
        queries,
        st.sampled_from(METHODS) | st.just("GET"),
        headers,
    )
    search(desk, sent, record_property, times=3)


def test_a_report_of_any_content_gets_a_valid_answer(desk: Desk, record_property: Record) -> None:
    encoded = bodies.map(
        lambda text: base64.b64encode(text.encode("utf-8", "surrogatepass")).decode()
    )
    sent = st.builds(report, bodies) | st.builds(
        report, encoded | bodies, isBase64Encoded=st.just(True)
    )
    search(desk, sent, record_property)


@pytest.mark.parametrize("depth", [100, 900, 100_000])
@pytest.mark.parametrize("name", ["rawPath", "rawQueryString", "headers", "body", "requestContext"])
def test_a_deeply_nested_event_gets_a_valid_answer(desk: Desk, name: str, depth: int) -> None:
    nested: list[Any] = []
    for _ in range(depth):
        nested = [nested]
    assert desk.ask(event() | {name: nested})["statusCode"] == 400


DEEP = "[" * 100_000
SAMPLE = '{"colo":"SJC","pop":"sfo","rtt_ms":12}'


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(DEEP, 413, id="deep and long"),
        pytest.param("[" * MAX_BYTES, 400, id="deep"),
        pytest.param('{"samples":' * 1_000 + "}" * 1_000, 400, id="deep objects"),
        pytest.param("[" * 4_000 + "]" * 4_000, 400, id="deep and closed"),
        pytest.param(" " * 6_000_000, 413, id="six megabytes"),
        pytest.param("9" * 16_000, 400, id="a large integer"),
        pytest.param('{"samples":[' + SAMPLE.replace("12", "1e999") + "]}", 400, id="1e999"),
        pytest.param('{"samples":[' + SAMPLE.replace("12", "-Infinity") + "]}", 400, id="inf"),
        pytest.param('{"samples":[' + SAMPLE.replace("sfo", "\\ud800") + "]}", 400, id="half"),
        pytest.param('{"\\ud800":1,"\\ud800":2}', 400, id="half a name, twice"),
        pytest.param("{" + ",".join(f'"{i}":1' for i in range(1_500)) + "}", 400, id="members"),
        pytest.param('{"samples":[' + ",".join(["{}"] * 100) + "]}", 400, id="empty samples"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_hostile_body_gets_the_status_that_names_its_fault(
    desk: Desk, body: str, status: int, *, packed: bool
) -> None:
    sent = base64.b64encode(body.encode("utf-8", "surrogatepass")).decode() if packed else body
    assert desk.ask(report(sent, isBase64Encoded=packed))["statusCode"] == status


@pytest.mark.parametrize("broken", ["%%%", "====", "YQ", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_invalid_base64_is_refused(desk: Desk, broken: str) -> None:
    answer = desk.ask(report(broken, isBase64Encoded=True))
    assert json.loads(answer["body"])["errors"][0]["detail"] == "is not base64"


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("&".join(["a"] * 5_000), id="5,000 parameters"),
        pytest.param("&".join(["lat=1"] * 1_600), id="one parameter 1,600 times"),
        pytest.param("a" * 6_000_000, id="six megabytes"),
        pytest.param("pops=" + "," * 9_000, id="9,000 commas"),
        pytest.param("rtt=" + "sfo:1," * 1_600, id="1,600 round trips"),
        pytest.param("lat=" + "9" * 9_000 + "&lon=0", id="9,000 digits"),
        pytest.param("lat=0." + "1" * 9_000 + "&lon=1e", id="9,000 decimals"),
        pytest.param("%" * 9_999, id="9,999 percent signs"),
        pytest.param("&".join(MARKED), id="markup"),
        pytest.param("&".join(f"{mark}={mark}" for mark in MARKED), id="markup twice"),
        pytest.param("signal=" + "%3Cscript%3E", id="markup, encoded"),
    ],
)
def test_a_hostile_query_is_refused_with_a_bounded_number_of_errors(desk: Desk, query: str) -> None:
    answer = desk.ask(event(query=query))
    assert answer["statusCode"] == 400
    assert len(json.loads(answer["body"])["errors"]) <= MAX_ERRORS


@pytest.mark.parametrize("value", [*HOSTILE, "x" * 65, "", " ", "a,b"])
def test_the_request_id_in_a_header_is_a_plain_name_or_one_that_we_made(
    desk: Desk, value: str
) -> None:
    sent = event(headers={"x-correlation-id": value, "if-none-match": value, "host": value})
    correlation = desk.ask(sent)["headers"]["X-Correlation-Id"]
    assert re.fullmatch(r"[0-9a-f]{32}", correlation) or correlation == value in ("..", "__proto__")


@pytest.mark.parametrize("name", ["pop", "LAT", "lat ", "lat[]", "__proto__", "constructor", ""])
def test_an_unknown_parameter_is_refused_by_name(desk: Desk, name: str) -> None:
    [error] = json.loads(desk.ask(event(query=f"{name}=1"))["body"])["errors"]
    assert error["field"] == (name if re.fullmatch(r"\w+", name) else "query")
    near = "; near it is " + {"pop": "pops"}.get(name, "lat")
    named = name == "pop" or name.lower().startswith("lat")
    assert error["detail"] == f"is not a parameter here{near if named else ''}"


@pytest.mark.parametrize(("path", "names"), [*PARAMETERS.items()])
def test_a_parameter_given_twice_is_refused_by_name(
    desk: Desk, path: str, names: tuple[str, ...]
) -> None:
    for name in names:
        query = f"{name}=x&%{ord(name[0]):02x}{name[1:]}=x"  # the same name, percent-encoded
        errors = json.loads(
            desk.ask(event(path=path.replace("{zone}", "NYISO"), query=query))["body"]
        )["errors"]
        assert {"field": name, "detail": "is given more than once", "allowed": None} in errors


@pytest.mark.parametrize("name", SAMPLE_FIELDS)
def test_a_member_given_twice_is_refused_by_name(desk: Desk, name: str) -> None:
    body = '{"samples":[' + SAMPLE.replace("}", f',"{name}":1}}') + "]}"
    [error] = json.loads(desk.ask(report(body))["body"])["errors"]
    assert error == {"field": name, "detail": "is given more than once", "allowed": None}


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_has_its_plain_meaning_or_is_refused(desk: Desk, number: str) -> None:
    answer = desk.ask(event(query=f"pops=sfo&lat={number}&lon=0"))
    seems = re.fullmatch(r"-?(0|0\.0|1\.|\.5|0*1|1e-999)", number, re.ASCII)
    assert (answer["statusCode"] == 200) == bool(seems)


def test_the_longest_answer_is_bounded(desk: Desk) -> None:
    query = f"pops={','.join(pops())}&split=true&lat=1&lon=1"
    assert len(query) < MAX_QUERY_CHARS
    assert desk.ask(event(query=query))["statusCode"] == 200
    assert desk.ask(event(path="/v1/zones"))["statusCode"] == 200


def test_the_largest_answers_time_and_memory_are_within_their_bounds(
    record_property: Record,
) -> None:
    """Record the largest figures of the tests above, which assert each one's limit."""
    for name, most in MOST.items():
        record_property(f"most_{name}", most)


# --- over HTTP ----------------------------------------------------------------------------------


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing, as there are thousands of requests."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    app = function_url.application(described.a_client().router.respond)
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


over_http = schemathesis.openapi.from_dict(
    openapi.document(), config=described.TOO_LARGE_IS_A_REFUSAL_TOO
)


@pytest.mark.skipif(not WHOLE, reason="left to the whole run: `make test` tries sixty of each")
@over_http.parametrize()
@settings(many, max_examples=400)
def test_every_route_over_http_behaves_as_the_description_says(
    case: schemathesis.Case[Any], address: str
) -> None:
    described.hold(case, address)
    ASKED["over_http"] += 1


@pytest.mark.skipif(not WHOLE, reason="left to the whole run")
def test_the_routes_received_more_than_3000_requests(record_property: Record) -> None:
    assert ASKED["over_http"] > 3_000
    record_property("cases", ASKED["over_http"])


# --- well-formed but false input ----------------------------------------------------------------

HONEST_MS, LIE_MS, LIMIT_MS = 40.0, 60_000.0, 80.0
MOVED: dict[str, float] = {}
"""The largest share of places that a false figure moved, by zone."""


class Reports:
    """Sends true or false reports of one path and asks for the router's decision after them."""

    def __init__(self) -> None:
        self._store = MemoryStore()
        for zone, gco2_kwh in (("CAISO_NORTH", 100), ("NYISO", 400)):
            put_reading(self._store, a_reading_of(zone, gco2_kwh))

    def send(self, rtt_ms: float, samples: int = 1, colo: str = "EWR") -> None:
        body = json.dumps({"samples": [{"colo": colo, "pop": "sfo", "rtt_ms": rtt_ms}] * samples})
        answer = Router(self._store, clock=SetClock(), telemetry=Log()).respond(report(body))
        assert answer["statusCode"] == 202

    def winner(self) -> str:
        """Return the chosen POP: the clean one, its RTT known only by reports, or the near one."""
        query = f"pops=sfo,nyc&colo=EWR&rtt=nyc:5&max_latency_ms={LIMIT_MS}"
        answer = Router(self._store, clock=SetClock(), telemetry=Log()).respond(event(query=query))
        return str(json.loads(answer["body"])["pop"])

    def until(self, winner: str, rtt_ms: float, samples: int = 1) -> int:
        """Send reports until this POP wins, and return how many that took."""
        for sent in range(1, 2 * VOTES):
            self.send(rtt_ms, samples)
            if self.winner() == winner:
                return sent
        return pytest.fail(f"{winner} never won")


@pytest.fixture
def reports() -> Reports:
    reports = Reports()
    for _ in range(VOTES):
        reports.send(HONEST_MS)
    assert reports.winner() == "sfo"
    return reports


@pytest.mark.parametrize("samples", [1, 100])
def test_eight_false_reports_in_a_row_move_the_winner_and_eight_true_ones_restore_it(
    reports: Reports, record_property: Record, samples: int
) -> None:
    """A report has one vote, whatever it holds; the last fifteen votes decide."""
    lies = reports.until("nyc", LIE_MS, samples)
    truths = reports.until("sfo", HONEST_MS)
    assert (lies, truths) == (VOTES // 2 + 1, VOTES // 2 + 1) == (8, 8)
    record_property("lies_in_a_row_that_move_the_winner", lies)
    record_property("truths_in_a_row_that_bring_it_back", truths)


@pytest.mark.parametrize(("lies_of_ten", "moved_at_most"), [(1, 0.0005), (2, 0.01), (3, 0.07)])
def test_a_liar_among_honest_reporters_seldom_moves_the_winner(
    record_property: Record, lies_of_ten: int, moved_at_most: float
) -> None:
    chance = Random(lies_of_ten)
    known, moved, reports = None, 0, 100_000 if WHOLE else 5_000
    for _ in range(reports):
        said = LIE_MS if chance.random() * 10 < lies_of_ten else HONEST_MS
        known = add_report(known, "EWR", "sfo", [said], NOW)
        moved += known.rtt_ms > LIMIT_MS
    assert moved / reports <= moved_at_most
    record_property(f"share_of_time_moved_by_{lies_of_ten}0_percent_of_lies", moved / reports)


def test_a_false_report_about_one_colo_affects_no_other_colo(reports: Reports) -> None:
    for colo in ("PHL", "IAD"):
        for _ in range(VOTES):
            reports.send(LIE_MS, colo=colo)
    assert reports.winner() == "sfo"


@pytest.mark.parametrize("lie_gco2_kwh", [0.0, 2000.0])
@pytest.mark.parametrize("zone", ["NYISO", "CAISO_NORTH", "GBR-13", "ENTSOE_NL"])
def test_a_false_upstream_figure_moves_visitors_only_within_their_latency_limit(
    record_property: Record, zone: str, lie_gco2_kwh: float
) -> None:
    """A false figure within valid bounds is accepted; nobody is sent further than the limit."""
    truth = {"NYISO": 260.0, "CAISO_NORTH": 210.0, "GBR-13": 120.0, "ENTSOE_NL": 240.0}
    chosen: list[list[str]] = []
    step = 5 if WHOLE else 15  # degrees
    for said in (truth, truth | {zone: lie_gco2_kwh}):
        store = MemoryStore()
        for name, gco2_kwh in said.items():
            put_reading(store, a_reading_of(name, gco2_kwh))
        router = Router(store, clock=SetClock(), telemetry=Log())
        chosen.append([])
        for lat in range(25, 61, step):
            for lon in range(-125, 31, step):
                answer = router.respond(event(query=f"lat={lat}&lon={lon}"))
                body = json.loads(answer["body"])
                first = body["candidates"][0]
                nearest = min(candidate["latency_ms"] for candidate in body["candidates"])
                assert first["latency_ms"] <= max(LIMIT_MS, nearest)
                chosen[-1].append(str(first["zone"]))
    moved = sum(before != after for before, after in zip(*chosen, strict=True))
    MOVED[zone] = max(MOVED.get(zone, 0.0), round(moved / len(chosen[0]), 2))
    record_property("share_of_places_moved_by_a_lying_zone", dict(MOVED))


@pytest.mark.parametrize("lie_gco2_kwh", [0.0, 2000.0])
@pytest.mark.parametrize("profiled", [True, False])
def test_a_lie_that_a_second_source_contradicts_moves_nobody(
    record_property: Record, lie_gco2_kwh: float, *, profiled: bool
) -> None:
    """Elexon contradicts NESO; the answer says so, and rests on the source that is usual."""
    truth = {"NYISO": 260.0, "CAISO_NORTH": 210.0, "ENTSOE_NL": 240.0}
    london = {"GBR-13": 120.0, "GBR": 120.0}
    chosen: list[list[str]] = []
    disputed = 0
    for neso_gco2_kwh in (london, dict.fromkeys(london, lie_gco2_kwh)):
        store = MemoryStore()
        for name, gco2_kwh in {**truth, **neso_gco2_kwh}.items():
            put_reading(store, a_reading_of(name, gco2_kwh))
        elexon = replace(a_reading_of("GBR", 130.0), provider="elexon", provider_zone="GB")
        put_reading(store, elexon)
        if profiled:
            put_profile(
                store,
                HourProfile(
                    zone="GBR",
                    kind=elexon.kind,
                    scope=elexon.scope,
                    factor_set=GREENSTREAM,
                    provider="eso",
                    hours={hour: HourMean(125.0, NOW, 20.0, 7) for hour in range(24)},
                ),
            )
        router = Router(store, clock=SetClock(), telemetry=Log())
        chosen.append([])
        for lat in range(25, 61, 5 if WHOLE else 15):
            for lon in range(-125, 31, 5 if WHOLE else 15):
                body = json.loads(router.respond(event(query=f"lat={lat}&lon={lon}"))["body"])
                chosen[-1].append(str(body["candidates"][0]["zone"]))
                disputed += any("disputed" in candidate for candidate in body["candidates"])
    moved = sum(before != after for before, after in zip(*chosen, strict=True))
    assert disputed == len(chosen[1])
    assert moved == 0
    record_property("share_of_places_moved_by_a_contradicted_lie", moved / len(chosen[0]))


def test_a_report_costs_at_most_two_writes_for_each_of_its_samples(record_property: Record) -> None:
    class Counted:
        """A table that knows every path: it refuses the first write and accepts the second."""

        writes = 0

        def update_item(self, **arguments: Any) -> None:
            self.writes += 1
            if arguments["ConditionExpression"].startswith("NOT"):
                known = add_report(None, "SJC", "sfo", [HONEST_MS], NOW)
                item = {**arguments["Key"], **encode_round_trips(known)}
                raise ConditionFailedError("UpdateItem", item)

    table = Counted()
    store = DynamoStore(cast("Any", table), "readings", clock=SetClock())
    most = list(colos())[:MAX_SAMPLES]
    sent = {"samples": [{"colo": colo, "pop": "sfo", "rtt_ms": 1} for colo in most]}
    answer = Router(store, clock=SetClock(), telemetry=Log()).respond(report(json.dumps(sent)))

    assert json.loads(answer["body"]) == {"accepted": MAX_SAMPLES}
    assert table.writes == 2 * MAX_SAMPLES
    record_property("writes_per_report_at_most", table.writes)
