"""These tests cover POST /v1/latency and the effect of measured round trips on a decision."""

import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenstream.api.report import MAX_BYTES, MAX_SAMPLES
from greenstream.domain.places import colos
from greenstream.domain.roundtrips import TRUSTED_SAMPLES
from tests.builders import NOW
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Answer, Client, a_reading_of
from tests.storing import put_reading

SAMPLE = {"colo": "SJC", "pop": "sfo", "rtt_ms": 12.3}


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    put_reading(store, a_reading_of("NYISO", 260))
    return store


@pytest.fixture
def client(store: MemoryStore) -> Client:
    return Client(store)


def fields(answer: Answer, status: int = 400) -> list[str]:
    assert answer.status == status, answer.text
    return [error["field"] for error in answer.body["errors"]]


class TestReports:
    def test_samples_are_stored_by_colo_and_pop_and_counted(
        self, client: Client, store: MemoryStore
    ) -> None:
        answer = client.report(
            {"samples": [SAMPLE, SAMPLE | {"rtt_ms": 14}, SAMPLE | {"pop": "lax", "rtt_ms": 9}]}
        )

        assert (answer.status, answer.body) == (202, {"accepted": 3})
        assert answer.headers["Cache-Control"] == "no-store"
        kept = {(figure.colo, figure.pop): figure for figure in store.latencies()}
        assert {path: (figure.votes_ms, figure.samples) for path, figure in kept.items()} == {
            ("SJC", "sfo"): ((13.2,), 2),
            ("SJC", "lax"): ((9.0,), 1),
        }
        assert {figure.updated_at for figure in kept.values()} == {NOW}

    def test_a_body_in_base64_is_read_as_the_platform_sends_it(self, client: Client) -> None:
        sent = json.dumps({"samples": [SAMPLE]}).encode()

        assert client.report(sent, "Application/JSON; charset=utf-8").status == 202

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"rtt_ms": 0.09}, "rtt_ms"),
            ({"rtt_ms": 60_000.1}, "rtt_ms"),
            ({"rtt_ms": 10**400}, "rtt_ms"),
            ({"rtt_ms": True}, "rtt_ms"),
            ({"rtt_ms": "12"}, "rtt_ms"),
            ({"rtt_ms": None}, "rtt_ms"),
            ({"pop": "atlantis"}, "pop"),
            ({"pop": ["sfo"]}, "pop"),
            ({"colo": "sjc"}, "colo"),
            ({"colo": "SJC1"}, "colo"),
            ({"colo": 7}, "colo"),
            ({"colo": ["SJC"]}, "colo"),
            ({"colo": "ZZZ"}, "colo"),
            ({"ip": "203.0.113.7"}, "ip"),
            ({"<script>": 1}, "member"),
        ],
    )
    def test_the_sample_and_the_field_at_fault_are_named_and_nothing_is_stored(
        self, client: Client, store: MemoryStore, change: dict[str, object], field: str
    ) -> None:
        answer = client.report({"samples": [SAMPLE] * 3 + [SAMPLE | change]})

        assert fields(answer) == [f"samples[3].{field}"]
        assert "script" not in answer.text
        assert store.latencies() == ()

    def test_the_refusal_of_an_unknown_colo_names_similar_codes(self, client: Client) -> None:
        [error] = client.report({"samples": [SAMPLE | {"colo": "AMZ"}]}).body["errors"]

        assert error == {
            "field": "samples[0].colo",
            "detail": "does not know AMZ; of 339 colos, near it are AMD (Ahmedabad), AMM (Amman), "
            "AMS (Amsterdam)",
            "allowed": None,
        }

    def test_an_empty_pop_is_refused_as_one_name_and_not_as_a_list(self, client: Client) -> None:
        [error] = client.report({"samples": [SAMPLE | {"pop": " "}]}).body["errors"]

        assert (error["field"], error["detail"]) == ("samples[0].pop", "is empty")

    @pytest.mark.parametrize("name", SAMPLE)
    def test_a_missing_field_is_named(self, client: Client, name: str) -> None:
        left = {key: value for key, value in SAMPLE.items() if key != name}

        assert fields(client.report({"samples": [left]})) == [f"samples[0].{name}"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ("", "body"),
            ("{", "body"),
            (b"\xff\xfe{}", "body"),
            ("[" * 10_000, "body"),
            ('{"samples": [{"colo": "SJC", "pop": "sfo", "rtt_ms": NaN}]}', "body"),
            ("[]", "body"),
            ("7", "body"),
            ("{}", "samples"),
            ({"samples": []}, "samples"),
            ({"samples": {}}, "samples"),
            ({"samples": [{}] * (MAX_SAMPLES + 1)}, "samples"),
            ({"samples": [SAMPLE], "at": 1}, "at"),
            ({"samples": [7]}, "samples[0]"),
        ],
        ids=str,
    )
    def test_a_body_that_is_no_report_is_refused_by_name(
        self, client: Client, body: object, field: str
    ) -> None:
        assert fields(client.report(body)) == [field]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ('{"samples": [], "samples": [%s]}', "samples"),
            ('{"samples": [%s, {"colo": "SJC", "pop": "sfo", "pop": "lax", "rtt_ms": 5}]}', "pop"),
            ('{"samples": [%s], "<script>": 1, "<script>": 2}', "member"),
        ],
    )
    def test_a_member_given_twice_is_refused_by_name(
        self, client: Client, store: MemoryStore, body: str, field: str
    ) -> None:
        assert fields(client.report(body % json.dumps(SAMPLE))) == [field]
        assert store.latencies() == ()

    def test_of_a_hundred_faults_only_the_first_are_listed(self, client: Client) -> None:
        assert len(fields(client.report({"samples": [SAMPLE | {"pop": "x"}] * 100}))) == 20

    def test_a_body_marked_as_base64_must_be_valid_base64(self, client: Client) -> None:
        event = {
            "rawPath": "/v1/latency",
            "headers": {"content-type": "application/json"},
            "requestContext": {"http": {"method": "POST"}},
            "body": "{}",
            "isBase64Encoded": True,
        }
        assert fields(client.send(event)) == ["body"]

    def test_a_body_that_is_too_large_is_not_parsed(self, client: Client) -> None:
        assert fields(client.report(" " * (MAX_BYTES + 1)), 413) == ["body"]
        assert fields(client.report(" " * MAX_BYTES)) == ["body"]

    @pytest.mark.parametrize(
        "content_type", ["", "text/plain", "application/x-www-form-urlencoded"]
    )
    def test_only_json_is_accepted(self, client: Client, content_type: str) -> None:
        answer = client.report({"samples": [SAMPLE]}, content_type)

        assert fields(answer, 415) == ["content-type"]

    @settings(deadline=None)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["samples", "colo", "pop", "rtt_ms"]) | st.text(max_size=3),
                    inner,
                )
            ),
        )
        | st.binary(max_size=40)
    )
    def test_any_report_is_stored_or_refused_by_name(self, body: object) -> None:
        answer = Client(MemoryStore()).report(body)

        assert answer.status == 202 or all(fields(answer))


class TestAStoreThatDoesNotTake:
    def test_the_answer_says_so_and_allows_a_retry(self) -> None:
        answer = Client(MemoryStore(unreachable=True)).report({"samples": [SAMPLE]})

        assert answer.status == 503
        assert answer.headers["Retry-After"] == "1"

    def test_a_slow_store_is_abandoned_and_the_remaining_samples_are_not_accepted(self) -> None:
        class Slow(MemoryStore):
            def record_latency(self, colo: str, pop: str, rtts_ms: object, at: datetime) -> bool:
                slow.clock.forward(0.25)
                return True

        slow = Client(Slow())
        twelve = list(colos())[:12]

        answer = slow.report({"samples": [SAMPLE | {"colo": colo} for colo in twelve]})
        assert (answer.status, answer.body) == (202, {"accepted": 8})

    def test_a_report_lost_to_others_is_not_accepted(self) -> None:
        class Crowded(MemoryStore):
            def record_latency(self, colo: str, pop: str, rtts_ms: object, at: datetime) -> bool:
                return pop == "sfo"

        answer = Client(Crowded()).report({"samples": [SAMPLE, SAMPLE | {"pop": "lax"}]})
        assert answer.body == {"accepted": 1}


class TestDecisions:
    @pytest.fixture
    def measured(self, client: Client) -> Client:
        samples = [SAMPLE] * TRUSTED_SAMPLES + [SAMPLE | {"pop": "nyc", "rtt_ms": 70}]
        assert client.report({"samples": samples}).status == 202
        return client

    def latency(self, client: Client, query: str) -> dict[str, tuple[object, ...]]:
        listed = client.ask("/v1/route", f"pops=sfo,nyc&{query}").body["candidates"]
        names = ("latency_ms", "latency_source", "latency_samples")
        return {item["pop"]: tuple(item[name] for name in names) for item in listed}

    def test_round_trips_measured_for_the_colo_take_precedence_over_the_distance(
        self, measured: Client
    ) -> None:
        found = self.latency(measured, "colo=SJC&lat=37.4&lon=-121.9")

        assert found["sfo"] == (12.3, "measured", TRUSTED_SAMPLES)
        assert found["nyc"][1:] == ("distance", None), "one sample is no measurement yet"

    def test_the_callers_own_round_trip_takes_precedence_over_the_measured_one(
        self, measured: Client
    ) -> None:
        found = self.latency(measured, "colo=SJC&rtt=sfo:99")

        assert found["sfo"] == (99.0, "request", None)

    @pytest.mark.parametrize(("query", "source"), [("", "unknown"), ("colo=AMS", "distance")])
    def test_the_measurement_is_not_used_for_another_colo_or_without_a_colo(
        self, measured: Client, query: str, source: str
    ) -> None:
        assert self.latency(measured, query)["sfo"][1:] == (source, None)

    def test_a_measurement_expires_after_a_week_without_reports(self, measured: Client) -> None:
        assert self.latency(measured, "colo=SJC")["sfo"][1] == "measured"
        measured.clock.forward(7 * 86_400)

        assert self.latency(measured, "colo=SJC")["sfo"][1:] == ("distance", None)

    def test_unreadable_measurements_do_not_prevent_a_decision(self, store: MemoryStore) -> None:
        client = Client(store)
        store.unreachable = True

        assert self.latency(client, "colo=SJC&lat=1&lon=1")["sfo"][1] == "distance"
