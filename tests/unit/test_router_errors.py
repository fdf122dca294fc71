"""The router refuses invalid requests with problem details that name the field."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from greenstream.api.fields import MAX_ERRORS, MAX_QUERY_CHARS
from greenstream.api.question import MAX_LATENCY_MS, MAX_POPS, PARAMETERS
from greenstream.domain.places import pops, seed_pops
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourMean
from greenstream.domain.roundtrips import MAX_RTT_MS
from greenstream.domain.zones import zones
from greenstream.ports.store import Snapshot
from tests.builders import NOW, an_hour_profile
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Answer, Client, a_reading_of
from tests.storing import put_profile, put_reading

EVENTS = Path(__file__).parents[1] / "events"
PATHS = [
    "/",
    "/v1/route",
    "/v1/window",
    "/v1/zones",
    "/v1/pops",
    "/v1/places",
    "/v1/providers",
    "/v1/policy",
    "/v1/health",
    "/openapi.json",
]
NAMES = sorted({name for names in PARAMETERS.values() for name in names})


A_GET: dict[str, Any] = {"requestContext": {"http": {"method": "GET"}}}


def a_client() -> Client:
    store = MemoryStore()
    put_reading(store, a_reading_of("NYISO", 260))
    return Client(store)


@pytest.fixture
def client() -> Client:
    return a_client()


def problem(answer: Answer, status: int) -> list[dict[str, Any]]:
    assert answer.status == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.body
    assert list(body) == ["type", "title", "status", "detail", "errors"]
    assert body["status"] == status
    errors: list[dict[str, Any]] = body["errors"]
    return errors


class TestQueries:
    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("lat=1", "lon"),
            ("lon=1", "lat"),
            ("lat=90.1&lon=0", "lat"),
            ("lat=0&lon=-180.5", "lon"),
            *(
                (f"lat={text}&lon=0", "lat")
                for text in ("", "NaN", "inf", "1e999", "1_0", "٣", "x")
            ),
            ("lat=0x10&lon=0", "lat"),
            ("max_latency_ms=-1", "max_latency_ms"),
            ("max_latency_ms=60001", "max_latency_ms"),
            ("max_latency_ms=", "max_latency_ms"),
            ("pops=", "pops"),
            ("pops=sfo,", "pops"),
            ("pops=xyz", "pops"),
            ("pops=sfo,lon,sfo", "pops"),
            ("current=xyz", "current"),
            ("current=lon&pops=sfo,nyc", "current"),
            ("current=cdg", "current"),
            ("colo=", "colo"),
            ("colo=AM", "colo"),
            ("colo=AMS1", "colo"),
            ("colo=ÄMS", "colo"),
            ("colo=\u017fin", "colo"),
            ("colo=ZZZ", "colo"),
            ("signal=greenest", "signal"),
            ("rtt=", "rtt"),
            ("rtt=sfo", "rtt"),
            ("rtt=sfo:", "rtt"),
            ("rtt=sfo:-1", "rtt"),
            ("rtt=sfo:nan", "rtt"),
            ("rtt=xyz:1", "rtt"),
            ("rtt=sfo:1,sfo:2", "rtt"),
            ("rtt=nyc:1&pops=sfo", "rtt"),
            ("signal=auto&signal=auto", "signal"),
            ("split=yes", "split"),
            ("split=", "split"),
            ("carbon=1", "carbon"),
            ("=1", "query"),
            ("%3Cscript%3E=1", "query"),
        ],
    )
    def test_route_names_the_field_at_fault(self, client: Client, query: str, field: str) -> None:
        errors = problem(client.ask("/v1/route", query), 400)

        assert [error["field"] for error in errors] == [field]

    @pytest.mark.parametrize(
        ("path", "query", "field"),
        [
            ("/v1/zones", "signal=auto", "signal"),
            ("/v1/zones", "basis=both", "basis"),
            ("/v1/zones", "zone=NYISO", "zone"),
            *(
                ("/v1/zones/NYISO", f"history_h={hours}", "history_h")
                for hours in ("0", "49", "1.5", "-1", "", "x", "1e1000")
            ),
            ("/v1/window", "zones=ATLANTIS", "zones"),
            ("/v1/window", "zones=NYISO,NYISO", "zones"),
            ("/v1/window", "zones=", "zones"),
            ("/v1/window", "zones=" + ",".join(list(zones())[:11]), "zones"),
            ("/v1/window", "duration_min=4", "duration_min"),
            ("/v1/window", "duration_min=1441", "duration_min"),
            ("/v1/window", "duration_min=7.5", "duration_min"),
            ("/v1/window", "duration_min=61&within_h=1", "duration_min"),
            ("/v1/window", "within_h=0", "within_h"),
            ("/v1/window", "within_h=73", "within_h"),
            ("/v1/window", "signal=any", "signal"),
            ("/openapi.json", "a=b", "a"),
            ("/v1/pops", "pop=sfo", "pop"),
            ("/v1/providers", "a=b", "a"),
            ("/v1/policy", "a=b", "a"),
            ("/v1/health", "a=b", "a"),
            ("/", "a=b", "a"),
        ],
    )
    def test_the_other_routes_name_the_field_at_fault_too(
        self, client: Client, path: str, query: str, field: str
    ) -> None:
        errors = problem(client.ask(path, query), 400)

        assert [error["field"] for error in errors] == [field]

    def test_all_faults_are_listed_in_one_answer(self, client: Client) -> None:
        errors = problem(client.ask("/v1/route", "pops=xyz&lat=100&lon=0&signal=no"), 400)

        assert {error["field"] for error in errors} == {"pops", "lat", "signal"}

    def test_the_allowed_values_are_listed(self, client: Client) -> None:
        [error] = problem(client.ask("/v1/route", "signal=no"), 400)
        assert error["allowed"] == ["auto", "average", "marginal", "any"]

    def test_a_round_trip_to_a_pop_that_is_not_asked_about_is_refused(self, client: Client) -> None:
        [error] = problem(client.ask("/v1/route", "pops=sfo,lax&rtt=sfo:3,nyc:1,lon:2"), 400)

        assert error == {
            "field": "rtt",
            "detail": "names nyc, lon, which the question does not ask about",
            "allowed": ["sfo", "lax"],
        }

    @pytest.mark.parametrize(
        ("query", "asked"),
        [
            ("pops=sfo,lax&current=nyc", ["sfo", "lax"]),
            ("rtt=sfo:3&current=nyc", ["sfo"]),
            ("current=cdg", list(seed_pops())),
        ],
    )
    def test_a_current_pop_that_is_not_asked_about_is_refused(
        self, client: Client, query: str, asked: list[str]
    ) -> None:
        [error] = problem(client.ask("/v1/route", query), 400)

        assert (error["field"], error["allowed"]) == ("current", asked)
        assert error["detail"].endswith("which the question does not ask about")

    @pytest.mark.parametrize("query", ["pops=xyz&rtt=nyc:1&current=nyc", "rtt=xyz:1&current=cdg"])
    def test_where_the_pops_are_at_fault_the_other_fields_are_not_compared_with_them(
        self, client: Client, query: str
    ) -> None:
        [error] = problem(client.ask("/v1/route", query), 400)

        assert error["field"] == query.partition("=")[0]

    @pytest.mark.parametrize(
        ("colo", "detail"),
        [
            ("lrh", "does not know LRH; of 339 colos, near it are LHR (London), ZRH (Zurich)"),
            ("ZZZ", "does not know ZZZ; of 339 colos, none has a code near it"),
            ("AMS1", "must be three letters, as in AMS"),
        ],
    )
    def test_the_refusal_of_an_unknown_colo_names_similar_codes(
        self, client: Client, colo: str, detail: str
    ) -> None:
        [error] = problem(client.ask("/v1/route", f"colo={colo}"), 400)

        assert error == {"field": "colo", "detail": detail, "allowed": None}

    def test_of_many_faults_only_the_first_are_listed(self, client: Client) -> None:
        query = "&".join(f"n{number}=1" for number in range(1000))
        assert len(problem(client.ask("/v1/route", query), 400)) == MAX_ERRORS

    def test_a_query_longer_than_any_valid_one_is_not_parsed(self, client: Client) -> None:
        longest = "pops=sfo&" + "a" * (MAX_QUERY_CHARS - 9)
        assert [error["field"] for error in problem(client.ask("/v1/route", longest), 400)] == [
            "query"
        ]
        [error] = problem(client.ask("/v1/pops", longest + "a"), 400)
        assert error["detail"] == f"is longer than {MAX_QUERY_CHARS} characters"

    def test_the_longest_valid_query_is_accepted(self) -> None:
        rtts = ",".join(f"{pop}:{MAX_RTT_MS - 0.12345:.5f}" for pop in pops())
        asked = urlencode({"pops": ",".join(pops()), "rtt": rtts}) + "&" + "x" * 300
        assert len(asked) * MAX_POPS / len(pops()) < MAX_QUERY_CHARS

    @pytest.mark.parametrize(
        ("rtt", "detail"),
        [
            (":5", "has an empty name in it; names are separated by commas, as in lon,ams"),
            ("sfo:1,:5", "has an empty name in it; names are separated by commas, as in lon,ams"),
            (
                "<b>:5",
                (
                    "does not know what is given, and no name is like it; a name is a POP (lon), "
                    "a Cloudflare data centre (LHR) or a cloud region (aws:eu-west-2), and "
                    "/v1/places lists every name"
                ),
            ),
        ],
    )
    def test_a_round_trip_to_no_name_is_refused_in_a_whole_sentence(
        self, client: Client, rtt: str, detail: str
    ) -> None:
        [error] = problem(client.ask("/v1/route", f"rtt={rtt}"), 400)
        assert (error["field"], error["detail"]) == ("rtt", detail)

    @pytest.mark.parametrize(
        ("path", "query", "field", "detail"),
        [
            ("route", "pops=nyx", "pops", "does not know nyx; near it is nyc (New York)"),
            (
                "route",
                "pops=lon;ams",
                "pops",
                "takes lon;ams for one name; names are separated by commas, as in lon,ams",
            ),
            (
                "route",
                "pops=lon%20ams",
                "pops",
                "takes lon ams for one name; names are separated by commas, as in lon,ams",
            ),
            (
                "window",
                "zones=GBR-13;nyiso",
                "zones",
                "takes GBR-13;nyiso for one name; names are separated by commas, as in GBR-13,NYI",
            ),
            (
                "route",
                "pops=nyiso",
                "pops",
                "takes places, and NYISO is a zone; its places include nyc, buf",
            ),
            ("route", "pops=lon,LON", "pops", "names lon more than once"),
            ("route", "allow=germany", "allow", "does not know germany; a country is named by its"),
            (
                "route",
                "deny=UK",
                "deny",
                "does not know UK: neither the two letters of a country that has a place (DE, GB, ",
            ),
            ("route", "allow=holland", "allow", "does not know holland: neither the two letters"),
            (
                "route",
                "max_latency_ms=80ms",
                "max_latency_ms",
                "must be a number of milliseconds from 0 to 60000",
            ),
            (
                "window",
                "within_h=100",
                "within_h",
                "must be a number of hours from 1 to 72",
            ),
            ("route", "from=48.1N,11.6E", "from", "does not know 48.1N,11.6E, and no name is like"),
            ("window", "zones=PJN", "zones", "does not know PJN; near it is PJM "),
            ("window", "zones=lon", "zones", "does not know lon; near it is GBR-13 (London)"),
            (
                "route",
                "allow=EU;CH",
                "allow",
                "takes EU;CH for one name; names are separated by commas, as in EU,CH",
            ),
            (
                "route",
                "signal=green",
                "signal",
                "cannot be green; it is one of auto, average, marginal, any",
            ),
            ("route", "pop=lon", "pop", "is not a parameter here; near it is pops"),
            (
                "route",
                "from=148.1,11.6",
                "from",
                "must give degrees north from -90 to 90 and then degrees east from -180 to 180, ",
            ),
            ("route", "from=48.1", "from", "must give degrees north from -90 to 90 and then"),
            ("route", "from=48,1,11,6", "from", "must give degrees north from -90 to 90 and then"),
            ("window", "from=%E2%88%9233.9,151.2", "from", "must give degrees north from -90 to"),
            (
                "route",
                "from=xanadu",
                "from",
                (
                    "does not know xanadu, and no name is like it; it takes a place (lon, LHR or "
                    "aws:eu-west-2), a city (London), or degrees north and east (48.1,11.6)"
                ),
            ),
        ],
    )
    def test_a_value_that_is_nearly_right_is_refused_with_what_may_have_been_meant(
        self, client: Client, path: str, query: str, field: str, detail: str
    ) -> None:
        [error] = problem(client.ask(f"/v1/{path}", query), 400)
        assert error["field"] == field
        assert error["detail"].startswith(detail)

    @pytest.mark.parametrize(
        ("path", "query", "plain"),
        [
            ("route", "pops=LON,%20Ams&signal=Average", "pops=lon,ams&signal=average"),
            ("route", "from=48.1,11.6", "lat=48.1&lon=11.6"),
            ("route", "allow=us,%20eu", "allow=US,EU"),
            ("window", "zones=nyiso,%20gbr-13", "zones=NYISO,GBR-13"),
            ("zones/nyiso", "", ""),
        ],
    )
    def test_case_and_a_space_beside_a_comma_change_nothing(
        self, client: Client, path: str, query: str, plain: str
    ) -> None:
        answer = client.ask(f"/v1/{path}", query)
        assert answer.status == 200
        assert answer.body == client.ask(f"/v1/{path.replace('nyiso', 'NYISO')}", plain).body

    def test_too_many_pops_are_refused_as_such(self, client: Client) -> None:
        [error] = problem(client.ask("/v1/route", "pops=" + ",".join(["sfo"] * 301)), 400)
        assert error["detail"] == "takes at most 300 names"

    def test_the_limit_has_the_same_bounds_as_in_a_policy(self) -> None:
        Policy(max_latency_ms=MAX_LATENCY_MS)
        with pytest.raises(ValueError, match="max_latency_ms"):
            Policy(max_latency_ms=MAX_LATENCY_MS * 1.001)

    def test_markup_is_not_sent_back(self, client: Client) -> None:
        markup = "%3Cscript%3Ealert(1)%3C/script%3E"
        for path, query in (
            ("/v1/route", f"pops={markup}&rtt={markup}:1&signal={markup}&{markup}={markup}"),
            (f"/v1/zones/{markup}", ""),
            ("/v1/zones/<script>", ""),
            ("/<script>", ""),
        ):
            answer = client.ask(path, query)
            assert 400 <= answer.status < 500
            assert "script" not in answer.text.lower()
            assert answer.headers["X-Content-Type-Options"] == "nosniff"


class TestPathsAndMethods:
    @pytest.mark.parametrize("path", ["/v1", "/v1/route/", "/v2/route", "//", "/%2e"])
    def test_an_unknown_path_is_not_found(self, client: Client, path: str) -> None:
        problem(client.ask(path), 404)

    @pytest.mark.parametrize(
        ("name", "near"),
        [
            ("PJN", "PJM"),
            ("CAISO", "CAISO_NORTH"),
            ("NL", "ENTSOE_NL"),
            ("DE", "ENTSOE_DE_LU"),
            ("germany", "ENTSOE_DE_LU"),
            ("LHR", "GBR-13"),
            ("tokyo", "JP_TK"),
            ("GB", "GBR"),
            ("US-CAL-CISO", "CAISO_NORTH"),
            ("ERCO", "ERCOT"),
            ("10YGR-HTSO-----Y", "ENTSOE_GR"),
        ],
    )
    def test_an_unknown_zone_is_not_found_and_near_names_are_given(
        self, client: Client, name: str, near: str
    ) -> None:
        [error] = problem(client.ask(f"/v1/zones/{name}"), 404)

        assert error["field"] == "zone"
        assert near in error["allowed"]
        assert f"{near} ({zones()[near].name})" in error["detail"]

    @pytest.mark.parametrize("name", ["GBR%2D13", "gbr%2d13", "%47BR-13"])
    def test_a_zones_name_may_have_escapes(self, client: Client, name: str) -> None:
        assert client.ask(f"/v1/zones/{name}").body["zone"] == "GBR-13"

    @pytest.mark.parametrize("name", ["GBR-13,NYISO", "gbr-13%20nyiso", "GBR-13%3BNYISO"])
    def test_a_zone_is_asked_for_alone(self, client: Client, name: str) -> None:
        [error] = problem(client.ask(f"/v1/zones/{name}"), 404)

        assert error["detail"] == "takes one zone, and here are several (GBR-13, NYISO)"

    @pytest.mark.parametrize("name", ["ATLANTIS", "", "x/y", "%FF%fe", "%zz"])
    def test_a_zone_that_nothing_is_near_is_not_found(self, client: Client, name: str) -> None:
        [error] = problem(client.ask(f"/v1/zones/{name}"), 404)

        assert (error["field"], error["allowed"]) == ("zone", None)

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
    @pytest.mark.parametrize("path", [*PATHS, "/v1/zones/NYISO"])
    def test_only_get_and_head_are_allowed(self, client: Client, path: str, method: str) -> None:
        answer = client.ask(path, method=method)

        problem(answer, 405)
        assert answer.headers["Allow"] == "GET, HEAD"

    def test_head_is_get_without_its_body(self, client: Client) -> None:
        got = client.ask("/v1/route", x_correlation_id="one")
        head = client.ask("/v1/route", method="HEAD", x_correlation_id="one")

        assert (head.status, head.headers, head.text) == (200, got.headers, "")


class TestTheUnexpected:
    class Broken(MemoryStore):
        def snapshot(self) -> Snapshot:
            raise ZeroDivisionError("secret inner working")

    def test_a_fault_of_our_own_is_logged_and_the_answer_shows_no_internals(self) -> None:
        client = Client(self.Broken())
        answer = client.ask("/v1/route")

        assert problem(answer, 500) == []
        assert "secret" not in answer.text
        assert [line[0] for line in client.log.lines] == ["exception", "info"]

    @pytest.mark.parametrize("path", ["/v1/zones/NYISO", "/v1/zones", "/v1/route"])
    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_figure_that_is_no_number_is_a_fault_not_broken_json(
        self, path: str, value: float
    ) -> None:
        store = MemoryStore()
        put_profile(
            store,
            an_hour_profile(
                zone="NYISO",
                provider="gridstatus",
                hours={NOW.hour: HourMean(value, NOW)},
            ),
        )
        problem(Client(store).ask(path), 500)

    @pytest.mark.parametrize(
        "event",
        [
            None,
            [],
            "GET /",
            {},
            {"rawPath": "/v1/route"},
            {"requestContext": None},
            {"requestContext": {"http": "GET"}},
            {"requestContext": {"http": {"method": None}}},
            A_GET | {"rawPath": 7},
            A_GET | {"rawQueryString": ["lat=1"]},
            A_GET | {"headers": "x"},
            A_GET | {"body": {"samples": []}},
        ],
        ids=str,
    )
    def test_an_event_that_is_no_request_is_refused(self, client: Client, event: Any) -> None:
        answer = client.router.respond(event)

        assert answer["statusCode"] == 400
        assert json.loads(answer["body"])["detail"] == "The event is no HTTP request."

    @pytest.mark.parametrize("name", ["if-none-match", "content-type", "x-correlation-id"])
    def test_a_header_that_is_no_text_is_ignored(self, client: Client, name: str) -> None:
        for method, path, status in (("GET", "/v1/route", 200), ("POST", "/v1/latency", 415)):
            http = {"http": {"method": method}}
            event = {"requestContext": http, "rawPath": path, "headers": {name: ["a"]}}
            assert client.send(event).status == status


words = st.sampled_from(
    [
        *NAMES,
        *pops(),
        *zones(),
        "sfo:1",
        "auto",
        "",
        "NaN",
        "1e999",
        "-0",
        "%",
        "%00",
        "%ff",
        "+",
    ]
)
values = st.lists(words | st.integers().map(str) | st.floats().map(str), max_size=4).map(",".join)
queries = st.text(max_size=60) | st.lists(
    st.tuples(st.sampled_from(NAMES) | words, values).map("=".join), max_size=5
).map("&".join)


@settings(deadline=None)
@given(st.sampled_from([*PATHS, "/v1/zones/NYISO"]), queries)
@example("/v1/route", "lat=-0&lon=-0")
def test_any_query_gets_an_answer_or_a_problem_that_names_a_field(path: str, query: str) -> None:
    answer = a_client().ask(path, query)

    if answer.status != 200:
        for error in problem(answer, 400):
            assert re.fullmatch(r"[\w.:-]{1,40}", error["field"])
            assert error["detail"]
    else:
        assert answer.body


@pytest.mark.parametrize("name", sorted(path.stem for path in EVENTS.glob("*.json")))
def test_a_whole_event_of_the_platform_is_answered(client: Client, name: str) -> None:
    event = json.loads((EVENTS / f"{name}.json").read_text())

    assert client.send(event).status == (202 if name == "latency" else 200)
