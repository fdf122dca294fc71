"""Whatever event or request the router gets, it gives an answer or a refusal with a named reason.

The real router with its real telemetry answers events of any shape, sent directly or over HTTP.
Its answers are JSON under `nosniff` and contain no markup of the caller: a browser that opens an
answer finds nothing to run, whether or not it respects the content type.
"""

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from greenstream.api import openapi
from greenstream.api.fields import MAX_ERRORS, MAX_QUERY_CHARS
from greenstream.api.question import PARAMETERS
from greenstream.api.report import MAX_BYTES, SAMPLE_FIELDS
from greenstream.domain.places import pops
from greenstream.domain.zones import zones
from tests.chaos.router_desk import ASKED, MOST, Desk, event, report
from tests.integration import function_url
from tests.integration import test_router_fuzz as described

SUITE = "input"
WHOLE = os.environ.get("CHAOS") == "whole"
Record = Callable[[str, object], None]


@pytest.fixture
def desk() -> Desk:
    return Desk()


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
    *("/", "/v1/pops", "/v1/places", "/v1/providers", "/v1/policy", "/v1/health", "/metrics"),
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
