"""These tests cover what all routes share: the ETag, the correlation id, the log, the metrics."""

import re
from collections.abc import Mapping
from datetime import timedelta

import pytest

from greenstream.domain.policy import Policy
from greenstream.ports.store import Snapshot
from tests.builders import NOW
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client, Log, SetClock, a_reading_of
from tests.storing import put_reading

CACHED = ["/", "/v1/route", "/v1/window", "/v1/zones", "/v1/zones/NYISO", "/v1/pops", "/v1/places"]


class Faulty(MemoryStore):
    """A store that raises an error outside its contract while ``broken`` is set."""

    broken = False

    def snapshot(self) -> Snapshot:
        if self.broken:
            raise ZeroDivisionError
        return super().snapshot()


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore(policy=Policy(log_every=1))
    put_reading(store, a_reading_of("NYISO", 260))
    put_reading(store, a_reading_of("CAISO_NORTH", 210))
    return store


@pytest.fixture
def client(store: MemoryStore) -> Client:
    return Client(store)


class TestTags:
    @pytest.mark.parametrize("path", [*CACHED, "/openapi.json"])
    def test_a_caller_with_a_current_copy_gets_status_304(self, client: Client, path: str) -> None:
        tag = client.ask(path).headers["ETag"]
        client.clock.forward(0.5)

        for listed in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            answer = client.ask(path, if_none_match=listed)
            assert (answer.status, answer.text) == (304, "")
            assert answer.headers["ETag"] == tag
            assert "Content-Type" not in answer.headers
        assert client.ask(path, if_none_match='W/"other"').status == 200

    def test_a_later_instant_alone_does_not_change_the_tag(self, store: MemoryStore) -> None:
        put_reading(store, a_reading_of("NYISO", 260, valid_to=NOW + timedelta(hours=1)))
        client = Client(store)
        first = client.ask("/v1/route", "pops=nyc")
        client.clock.forward(600)
        later = client.ask("/v1/route", "pops=nyc")

        assert later.body["as_of"] != first.body["as_of"]
        assert later.headers["ETag"] == first.headers["ETag"]

    def test_a_changed_figure_changes_the_tag(self, client: Client) -> None:
        first = client.ask("/v1/route", "pops=nyc").headers["ETag"]
        client.clock.forward(1)
        older = client.ask("/v1/route", "pops=nyc").headers["ETag"]

        assert older != first, "the figure's age has grown"

    @pytest.mark.parametrize("path", ["/v1/providers", "/v1/policy", "/v1/health", "/metrics"])
    def test_an_answer_that_is_never_cached_has_no_tag(self, client: Client, path: str) -> None:
        assert "ETag" not in client.ask(path, if_none_match="*").headers

    def test_a_refusal_has_no_tag(self, client: Client) -> None:
        answer = client.ask("/v1/route", "lat=1", if_none_match="*")

        assert answer.status == 400
        assert "ETag" not in answer.headers

    def test_head_has_the_tag_of_get(self, client: Client) -> None:
        tag = client.ask("/v1/route").headers["ETag"]

        assert client.ask("/v1/route", method="HEAD").headers["ETag"] == tag
        assert client.ask("/v1/route", method="HEAD", if_none_match=tag).status == 304


class TestNames:
    @pytest.mark.parametrize("name", ["a", "Visit-7_b.c", "x" * 64])
    def test_the_callers_correlation_id_is_used_and_logged(self, client: Client, name: str) -> None:
        answer = client.ask("/v1/route", x_correlation_id=name)

        assert answer.headers["X-Correlation-Id"] == name
        assert told(client)[-1]["correlation_id"] == name

    @pytest.mark.parametrize("name", ["", "x" * 65, "a b", "<b>", "a\nb", "é"])
    def test_an_invalid_correlation_id_is_replaced_by_our_own(
        self, client: Client, name: str
    ) -> None:
        own = [
            client.ask("/v1/route", x_correlation_id=name).headers["X-Correlation-Id"]
            for _ in range(2)
        ]

        assert own[0] != own[1]
        assert all(re.fullmatch(r"[0-9a-f]{32}", name) for name in own)

    @pytest.mark.parametrize("given", [{}, {"x-correlation-id": "a b"}])
    def test_the_platforms_request_id_is_used_where_the_caller_gives_none(
        self, client: Client, given: Mapping[str, str]
    ) -> None:
        answer = client.send(a_get("/v1/route", "5e2f4b0a-7d5c-4f43-9d0e-2f4f6f1f7a10", given))

        assert answer.headers["X-Correlation-Id"] == "5e2f4b0a-7d5c-4f43-9d0e-2f4f6f1f7a10"
        assert told(client)[-1]["correlation_id"] == "5e2f4b0a-7d5c-4f43-9d0e-2f4f6f1f7a10"

    def test_the_callers_correlation_id_goes_before_the_platforms_request_id(
        self, client: Client
    ) -> None:
        answer = client.send(a_get("/v1/route", "of-the-platform", {"x-correlation-id": "visit-7"}))

        assert answer.headers["X-Correlation-Id"] == "visit-7"

    @pytest.mark.parametrize("request_id", [None, 7, "", "a b", "x" * 65, ["a"]])
    def test_a_request_id_that_is_no_plain_name_is_replaced_by_our_own(
        self, client: Client, request_id: object
    ) -> None:
        answer = client.send(a_get("/v1/route", request_id, {}))

        assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Correlation-Id"])

    def test_a_refusal_and_a_fault_have_a_correlation_id_too(self, client: Client) -> None:
        assert client.ask("/none", x_correlation_id="n").headers["X-Correlation-Id"] == "n"
        store = Faulty()
        store.broken = True
        faulty = Client(store)
        broken = faulty.ask("/v1/route", x_correlation_id="n")
        assert (broken.status, broken.headers["X-Correlation-Id"]) == (500, "n")
        assert faulty.log.lines[0][2]["correlation_id"] == "n"


def a_get(path: str, request_id: object, headers: Mapping[str, str]) -> dict[str, object]:
    """Return an event with the platform's own id of the request."""
    return {
        "rawPath": path,
        "headers": headers,
        "requestContext": {"http": {"method": "GET"}, "requestId": request_id},
    }


def told(client: Client) -> list[Mapping[str, object]]:
    return [fields for _, message, fields in client.log.lines if message == "answered"]


class TestLines:
    def test_one_log_line_describes_the_decision(self, client: Client) -> None:
        client.ask("/v1/route", "pops=sfo,nyc&colo=EWR", x_correlation_id="visit-7")

        assert told(client) == [
            {
                "path": "/v1/route",
                "status": 200,
                "correlation_id": "visit-7",
                "duration_ms": 0.0,
                "pop": "sfo",
                "zone": "CAISO_NORTH",
                "reason": "cleanest",
                "colo": "EWR",
                "rungs": {"live": 2},
                "freshness": "live",
                "degraded": False,
                "store_failing": False,
            }
        ]

    def test_the_policy_says_how_many_answers_are_logged(self, store: MemoryStore) -> None:
        store.policy = Policy(log_every=10)
        client = Client(store)
        for _ in range(31):
            client.ask("/v1/route")

        assert len(told(client)) == 4

    def test_a_fault_is_always_logged(self) -> None:
        store = Faulty(policy=Policy(log_every=1000))
        client = Client(store)
        client.ask("/v1/route")
        client.clock.forward(6)
        store.broken = True
        client.ask("/v1/route")

        assert [line["status"] for line in told(client)] == [200, 500]

    def test_the_beginning_and_the_end_of_degradation_are_always_logged_with_the_reason(
        self, store: MemoryStore
    ) -> None:
        store.policy = Policy(log_every=1000)
        client = Client(store)
        for unreachable in (False, True, True, False, False):
            store.unreachable = unreachable
            client.ask("/v1/route")
            client.clock.forward(6)

        assert [line["degraded"] for line in told(client)] == [False, True, False]
        assert "the store failed" in str(told(client)[1]["degraded_reason"])

    def test_an_answer_is_sent_even_when_it_cannot_be_logged(self, store: MemoryStore) -> None:
        class Mute(Log):
            def flush(self) -> None:
                raise OSError("no room left")

        client = Client(store, SetClock(), Mute())
        assert client.ask("/v1/route").status == 200
        assert [level for level, _, _ in client.log.lines] == ["info", "info", "exception"]


class TestCounts:
    def test_the_first_decision_is_counted_at_once_and_then_once_a_minute(
        self, client: Client
    ) -> None:
        for _ in range(61):
            client.ask("/v1/route", "pops=sfo,nyc&rtt=nyc:10,sfo:20")
            client.clock.forward(1)

        first, minute = client.log.flushed
        assert first == {
            "Decisions": 1,
            "DegradedAnswers": 0,
            "RungLive": 2,
            "OldestRankedAge": 0,
            "AttributedDifference": 50,
        }
        assert (minute["Decisions"], minute["RungLive"]) == (60, 120)
        assert (minute["OldestRankedAge"], minute["AttributedDifference"]) == (60, 50)

    def test_degraded_answers_and_fallbacks_are_counted(self) -> None:
        client = Client(MemoryStore(unreachable=True))
        client.ask("/v1/route", "pops=nyc")

        [counts] = client.log.flushed
        assert (counts["DegradedAnswers"], counts["RungAnnualMean"]) == (1, 1)
        assert "AttributedDifference" not in counts

    def test_disputed_figures_are_counted_and_their_zones_logged(self, store: MemoryStore) -> None:
        for zone, source, gco2_kwh in (("GBR", 0, 4.0), ("GBR", 1, 180.0), ("GBR-13", 0, 3.0)):
            put_reading(store, a_reading_of(zone, gco2_kwh, source=source))
        client = Client(store, SetClock(), Log())
        answer = client.ask("/v1/route", "pops=lon,nyc").body
        health = client.ask("/v1/health").body

        [counts] = client.log.flushed
        assert counts["DisputedFigures"] == 1
        [logged] = [fields for _, _, fields in client.log.lines if fields.get("disputed")]
        assert logged["disputed"] == ["GBR-13"]
        [lon] = [candidate for candidate in answer["candidates"] if candidate["pop"] == "lon"]
        assert (lon["provider"], lon["disputed"]["against"]["provider"]) == ("elexon", "eso")
        assert "eso 4; elexon stands" in health["degraded_reason"]

    def test_without_a_decision_no_line_is_logged(self, client: Client) -> None:
        for path in ("/v1/zones", "/v1/health", "/nothing"):
            client.ask(path)

        assert client.log.flushed == []

    def test_a_clock_set_back_does_not_silence_it(self, client: Client) -> None:
        client.ask("/v1/route")
        client.clock.forward(-3600)
        client.ask("/v1/route")

        assert len(client.log.flushed) == 2
