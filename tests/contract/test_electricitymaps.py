"""Electricity Maps' readings, its key and what is refused, with small fixtures."""

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import httpx
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from functions.electricitymaps.answers import open_zones
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.domain.errors import (
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.domain.reading import Basis, Quality, Scope, Signal
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ports.provider import Batch
from greenstream.ports.secrets import SecretsError
from infra.local.upstream import electricitymaps, wire
from tests.builders import a_zone
from tests.contract.electricitymaps_account import (
    FRANCE,
    HOUR,
    NOW,
    TOKEN,
    Sandbox,
    behind,
    latest,
    pair,
    reasons,
    run,
    stamp,
)
from tests.fakes.memory_store import MemoryStore


class TestTheReading:
    def test_is_average_direct_and_flow_traced_for_the_hour_that_the_stamp_starts(self) -> None:
        [reading] = run().readings

        assert reading.gco2_kwh == reading.gco2_low == reading.gco2_high == 48
        assert (reading.signal, reading.basis, reading.scope) == (
            Signal.AVERAGE,
            Basis.DIRECT,
            Scope.CONSUMPTION,
        )
        assert (reading.zone, reading.provider_zone) == ("Z_FR", "FR")
        assert reading.valid_from == NOW.replace(minute=0)
        assert reading.valid_to == NOW.replace(minute=0) + HOUR
        assert reading.published_at == NOW.replace(minute=0) - timedelta(minutes=12)
        assert reading.fetched_at == NOW
        assert reading.detail == {"estimation_method": "TIME_SLICER_AVERAGE"}

    @pytest.mark.parametrize(
        ("estimated", "quality"),
        [
            (True, Quality.ESTIMATED),
            (False, Quality.MEASURED),
            (None, Quality.ESTIMATED),
            ("no", Quality.ESTIMATED),
        ],
    )
    def test_is_measured_only_where_the_provider_says_so(
        self, estimated: Any, quality: Quality
    ) -> None:
        [reading] = run(FR=latest(isEstimated=estimated)).readings
        assert reading.quality is quality

    def test_is_requested_by_zone_and_basis_and_never_by_the_callers_address(self) -> None:
        sandbox = Sandbox()
        sandbox.run()
        request = sandbox.requests[-1]

        assert request.url.path == "/v3/carbon-intensity/latest"
        assert dict(request.url.params) == {
            "zone": "FR",
            "disableCallerLookup": "true",
            "emissionFactorType": "direct",
        }
        assert request.headers["auth-token"] == TOKEN

    def test_has_the_basis_of_its_source(self) -> None:
        source = behind("FR", Basis.LIFECYCLE)
        body = latest(emissionFactorType="lifecycle")
        sandbox = Sandbox(wanted=((a_zone(source), source),), answers={"FR": body})
        [reading] = sandbox.run().readings
        assert reading.basis is Basis.LIFECYCLE
        assert sandbox.requests[-1].url.params["emissionFactorType"] == "lifecycle"

    def test_of_a_simulator_is_marked_as_simulated(self) -> None:
        [reading] = Sandbox(simulated=True).run().readings
        assert reading.simulated

    def test_of_a_later_api_version_is_read(self) -> None:
        body = latest(flowTraced=True, temporalGranularity="hourly", _disclaimer="…")
        assert run(FR=body).errors == ()


class TestTheKey:
    def test_makes_the_zones_unconfigured_when_it_is_not_set(self) -> None:
        sandbox = Sandbox(token=None)
        assert sandbox.run() == Batch(unconfigured=("Z_FR",))
        assert sandbox.asked == []

    def test_stops_the_run_when_it_is_refused(self) -> None:
        refused = httpx.Response(401, json={"error": "Invalid auth-token"})
        sandbox = Sandbox(wanted=(FRANCE, pair("AT")), answers={"plan": refused})
        with pytest.raises(PermanentError, match="ELECTRICITYMAPS_TOKEN is refused: Invalid"):
            sandbox.run()
        assert sandbox.asked == ["plan"]

    def test_stops_the_run_when_it_is_refused_later(self) -> None:
        refused = httpx.Response(401, json={"error": "Invalid auth-token"})
        sandbox = Sandbox(wanted=(FRANCE, pair("AT")), answers={"FR": refused})
        with pytest.raises(PermanentError, match="Invalid auth-token"):
            sandbox.run()
        assert sandbox.asked == ["plan", "FR"]

    @pytest.mark.parametrize(
        "answer",
        [
            latest(),
            latest(carbonIntensity=-1),
            httpx.Response(401, json={"error": "Invalid auth-token"}),
            httpx.Response(429),
            httpx.Response(500),
            httpx.Response(200, content=b"<html>"),
            httpx.ReadError("reset"),
        ],
    )
    def test_occurs_in_no_address_log_answer_or_item(self, answer: Any) -> None:
        lines = StringIO()
        logger = Logger(service=f"electricitymaps {answer!r}", level="DEBUG", stream=lines)
        telemetry = PowertoolsTelemetry(logger, EphemeralMetrics())  # type: ignore[arg-type]
        sandbox, store = Sandbox(answers={"FR": answer}), MemoryStore()
        result = ""
        try:
            run = collect(sandbox.provider(), store, clock=lambda: NOW, telemetry=telemetry)
            result = json.dumps(run.as_dict())
        except CollectionFailedError:
            logger.exception("failed")
        assert '"message":"run"' in lines.getvalue()
        shown = [lines.getvalue(), result, repr(store.snapshot())]
        for text in [*shown, *(str(request.url) for request in sandbox.requests)]:
            assert "MARKED" not in text

    def test_is_refused_but_not_quoted_when_no_header_can_carry_it(self) -> None:
        sandbox = Sandbox(token="key-MARKED\nx")
        with pytest.raises(PermanentError, match="ELECTRICITYMAPS_TOKEN") as caught:
            sandbox.run()
        assert "MARKED" not in str(caught.value)
        assert sandbox.requests == []

    def test_is_not_reported_as_missing_when_it_cannot_be_read_now(self) -> None:
        def unreadable() -> str:
            raise SecretsError("Parameter Store refused")

        provider = replace(Sandbox().provider(), token=unreadable)
        with pytest.raises(TransientError, match="the secret store could not be read"):
            list(provider.fetch(NOW))

    def test_opens_the_zones_of_its_plan_which_is_read_once_a_day(self) -> None:
        plan = {
            "FR": {"zoneName": "France", "access": ["carbon-intensity/latest"]},
            "AT": {"access": ["zones"]},
        }
        sandbox = Sandbox(wanted=(FRANCE, pair("AT"), pair("BE")), answers={"plan": plan})
        batch = sandbox.run()
        assert [reading.zone for reading in batch.readings] == ["Z_FR"]
        assert batch.unconfigured == ("Z_AT", "Z_BE")
        assert batch.errors == ()
        sandbox.now += timedelta(hours=23)
        sandbox.run()
        assert sandbox.asked == ["plan", "FR", "FR"]
        sandbox.now += timedelta(hours=1)
        sandbox.run()
        assert sandbox.asked.count("plan") == 2

    def test_has_another_plan_after_a_change_of_its_value(self) -> None:
        sandbox = Sandbox()
        sandbox.run()
        sandbox.token = "another"
        sandbox.run()
        assert sandbox.asked == ["plan", "FR", "plan", "FR"]

    def test_tries_the_zones_when_its_plan_cannot_be_read(self) -> None:
        batch = run(plan=httpx.Response(503))
        assert len(batch.readings) == 1
        assert reasons(batch) == {(TransientError, None, None)}

    @pytest.mark.parametrize("token", ["z", "Key", "zoneKey"])
    def test_does_not_change_the_meaning_of_a_refusal_that_has_its_characters(
        self, token: str
    ) -> None:
        said = "Request unauthorized for zoneKey=FR,requestType=latest,dataType=carbon-intensity."
        refused = httpx.Response(401, json={"error": said, "message": "Upgrade."})
        sandbox = Sandbox(wanted=(FRANCE, pair("AT")), answers={"FR": refused}, token=token)
        batch = sandbox.run()
        assert [reading.zone for reading in batch.readings] == ["Z_AT"]
        assert reasons(batch) == {(PermanentError, "Z_FR", None)}
        assert "zoneKey" not in batch.errors[0].message

    def test_is_reported_once_when_its_plan_lacks_a_zone_after_all(self) -> None:
        said = "Request unauthorized for zoneKey=FR,requestType=latest,dataType=carbon-intensity."
        refused = httpx.Response(401, json={"error": said, "message": "Upgrade."})
        sandbox = Sandbox(wanted=(FRANCE, pair("AT")), answers={"FR": refused})
        batch = sandbox.run()
        assert [reading.zone for reading in batch.readings] == ["Z_AT"]
        assert reasons(batch) == {(PermanentError, "Z_FR", None)}
        assert said in str(batch.errors[0])
        assert sandbox.run().unconfigured == ("Z_FR",)

    def test_ends_the_run_when_it_is_throttled(self) -> None:
        sandbox = Sandbox(wanted=(FRANCE, pair("AT")), answers={"FR": httpx.Response(429)})
        with pytest.raises(ThrottledError):
            sandbox.run()
        assert sandbox.asked == ["plan", "FR"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"zone": "IE"}, "wrong_zone"),
            ({"zone": None}, "wrong_zone"),
            ({"emissionFactorType": "lifecycle"}, "wrong_basis"),
            ({"emissionFactorType": None}, "wrong_basis"),
            ({"temporalGranularity": "5_minutes"}, "wrong_granularity"),
            ({"flowTraced": False}, "wrong_scope"),
            ({"carbonIntensity": "48"}, "not_a_number"),
            ({"carbonIntensity": True}, "not_a_number"),
            ({"carbonIntensity": -1}, "negative"),
            ({"carbonIntensity": 2001}, "too_high"),
            pytest.param({"carbonIntensity": 10**400}, "too_high", id="400 digits"),
            ({"datetime": None}, "malformed"),
            ({"datetime": "2026-11-22T16:00:00"}, "malformed"),
            ({"datetime": "today"}, "malformed"),
            ({"datetime": "0001-01-01T00:00:00+14:00"}, "malformed"),
            ({"datetime": "0001-01-01T00:00:00Z"}, "bad_interval"),
            ({"datetime": "9999-12-31T23:00:00Z"}, "malformed"),
            ({"datetime": "9999-12-31T21:00:00Z"}, "future"),
            ({"updatedAt": "0001-01-01T00:00:00+14:00"}, "malformed"),
            ({"updatedAt": "9999-12-31T23:59:59-14:00"}, "malformed"),
            ({"datetime": stamp(NOW + HOUR)}, "future"),
            ({"updatedAt": 5}, "malformed"),
        ],
    )
    def test_a_wrong_or_impossible_field_is_refused_with_its_reason(
        self, change: dict[str, Any], reason: str
    ) -> None:
        batch = run(FR=latest(**change))
        assert batch.readings == ()
        assert reasons(batch) == {(InvalidError, "Z_FR", reason)}

    @pytest.mark.parametrize("body", [None, [], "text", 7, {}, {"error": "x"}])
    def test_a_malformed_answer_is_refused(self, body: Any) -> None:
        batch = run(FR=httpx.Response(200, content=json.dumps(body)))
        assert batch.readings == ()
        assert {error.kind for error in batch.errors} == {"invalid"}

    @pytest.mark.parametrize(
        "body",
        [
            latest(carbonIntensity=None),
            {"status": "no-data", "countryCode": "FR", "data": {}},
            httpx.Response(404, json={"error": 'No recent data for zone "FR"'}),
        ],
    )
    def test_a_missing_value_is_no_data_and_never_zero(self, body: Any) -> None:
        batch = run(FR=body)
        assert batch.readings == ()
        assert reasons(batch) == {(NoDataError, "Z_FR", None)}

    def test_a_true_zero_is_not_refused(self) -> None:
        """A zone with hydro and wind only burns nothing."""
        [reading] = run(FR=latest(carbonIntensity=0)).readings
        assert reading.gco2_kwh == 0

    @pytest.mark.parametrize("fault", [httpx.Response(502), httpx.ConnectTimeout("slow")])
    def test_an_outage_of_one_zone_leaves_the_other_zones(self, fault: Any) -> None:
        sandbox = Sandbox(wanted=(FRANCE, pair("AT")), answers={"FR": fault})
        batch = sandbox.run()
        assert [reading.zone for reading in batch.readings] == ["Z_AT"]
        assert reasons(batch) == {(TransientError, "Z_FR", None)}
        assert sandbox.asked == ["plan", "FR", "AT"]

    @pytest.mark.parametrize("body", [[], 7, {"FR": 1}, {"error": "x"}])
    def test_a_malformed_plan_is_refused(self, body: Any) -> None:
        with pytest.raises(InvalidError) as caught:
            open_zones(body)
        assert caught.value.reason == "malformed"


def test_every_zone_of_the_simulator_is_read_within_its_limit() -> None:
    """The simulator of the local stack answers a key with 30 requests an hour."""
    account = electricitymaps.Account()

    def answer(request: httpx.Request) -> httpx.Response:
        query, path = dict(request.url.params), request.url.path
        headers = {name.lower(): value for name, value in request.headers.items()}
        made = account.answer(wire.Request("GET", path, query, headers), sandbox.now)
        return httpx.Response(made.status, content=made.body)

    class Simulated(Sandbox):
        def answer(self, request: httpx.Request) -> httpx.Response:
            return answer(request)

    wanted = tuple(pair(there) for there in electricitymaps.MEAN_GCO2_KWH)
    sandbox = Simulated(wanted=wanted, budget=25, keep=True)
    for _ in range(6 * 6):
        assert sandbox.run().errors == ()
        sandbox.now += timedelta(minutes=10)

    assert {reading.zone for reading in sandbox.stored} == {zone.zone for zone, _ in wanted}
