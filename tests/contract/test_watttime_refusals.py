"""What WattTime may answer that is no reading: it is refused by name, or the run ends."""

import json
from datetime import timedelta
from typing import Any

import httpx
import pytest

from greenstream.domain.errors import (
    InvalidError,
    ThrottledError,
    TransientError,
)
from greenstream.domain.reading import Quality
from tests.contract.watttime_account import (
    NOW,
    START,
    Api,
    Sandbox,
    forecast,
    historical,
    meta,
    only,
    reasons,
    run,
)


class TestRefusals:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"units": "percentile"}, "wrong_unit"),
            ({"units": "g_co2_per_kwh"}, "wrong_unit"),
            ({"units": "LBS_CO2_PER_MWH"}, "wrong_unit"),
            ({"units": None}, "wrong_unit"),
            ({"region": "PJM_DC"}, "wrong_zone"),
            ({"signal_type": "health_damage"}, "wrong_signal"),
            ({"data_point_period_seconds": "300"}, "malformed"),
            ({"data_point_period_seconds": 0}, "malformed"),
            ({"data_point_period_seconds": True}, "malformed"),
        ],
    )
    def test_metadata_that_does_not_match_the_request_is_refused(
        self, change: dict[str, Any], reason: str
    ) -> None:
        bodies = {"historical": historical(), "forecast": forecast()}
        for body in bodies.values():
            body["meta"] |= change
        batch = run(**bodies)
        assert (batch.readings, batch.forecasts) == ((), ())
        assert reasons(batch) == {(InvalidError, "CAISO_NORTH", reason)}

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (None, "not_a_number"),
            ("937", "not_a_number"),
            (True, "not_a_number"),
            ([937], "not_a_number"),
            (-1, "negative"),
            (4500, "too_high"),
            pytest.param(10**400, "too_high", id="400 digits"),
            pytest.param(-(10**400), "negative", id="-400 digits"),
        ],
    )
    def test_a_value_that_is_not_an_emission_rate_is_refused(self, value: Any, reason: str) -> None:
        batch = run(historical=historical(value=value))
        assert reasons(batch) == {(InvalidError, "CAISO_NORTH", reason)}
        assert only(batch).valid_to == START, "the point before it"

    @pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity"])
    def test_a_value_that_json_does_not_allow_is_refused(self, literal: str) -> None:
        text = json.dumps(historical(value="VALUE")).replace('"VALUE"', literal)
        batch = run(historical=httpx.Response(200, text=text))
        assert (InvalidError, "CAISO_NORTH", "not_a_number") in reasons(batch)

    def test_a_true_zero_is_a_reading(self) -> None:
        """With curtailed solar power on the margin, the next kWh burns nothing."""
        assert only(run(historical=historical(value=0))).gco2_kwh == 0

    @pytest.mark.parametrize(
        "point_time", [None, 5, "", "now", "2026-11-22T16:00:00", "2026-11-22 16:00"]
    )
    def test_a_time_without_an_offset_or_in_another_form_is_refused(self, point_time: Any) -> None:
        batch = run(historical=historical(point_time=point_time))
        assert reasons(batch) == {(InvalidError, "CAISO_NORTH", "malformed")}
        assert only(batch).valid_to == START, "the point before it"

    def test_a_measurement_of_the_future_is_refused(self) -> None:
        batch = run(historical=historical(NOW + timedelta(hours=2)))
        assert (InvalidError, "CAISO_NORTH", "future") in reasons(batch)

    @pytest.mark.parametrize(
        "body",
        [
            None,
            [],
            "text",
            7,
            {"error": "x"},
            {"data": {}},
            {"data": []},
            {"data": [], "meta": []},
            {"data": [3], "meta": meta()},
            {"data": [{"value": 5}], "meta": meta()},
        ],
    )
    def test_a_malformed_answer_is_an_error(self, body: Any) -> None:
        raw = httpx.Response(200, content=json.dumps(body))
        batch = run(historical=raw, forecast=raw)
        assert (batch.readings, batch.forecasts) == ((), ())
        assert {error.kind for error in batch.errors} == {"invalid"}

    @pytest.mark.parametrize("body", [None, [], {}, {"signal_types": [{}]}, {"signal_types": 3}])
    def test_a_malformed_list_of_rights_opens_the_regions(self, body: Any) -> None:
        batch = run(**{"my-access": httpx.Response(200, content=json.dumps(body))})
        assert only(batch).quality is Quality.MEASURED
        assert reasons(batch) == {(InvalidError, None, "malformed")}

    @pytest.mark.parametrize(
        "fault", [httpx.Response(502), httpx.ConnectError("no"), httpx.ReadTimeout("slow")]
    )
    def test_an_outage_is_transient_and_leaves_the_other_regions(self, fault: Any) -> None:
        api = Api({"/v3/historical": fault})
        batch = Sandbox(api).run()
        assert only(batch).quality is Quality.FORECAST
        assert reasons(batch) == {(TransientError, "CAISO_NORTH", None)}
        assert api.asked.count("/v3/historical") == 2

    def test_after_a_429_the_run_asks_for_nothing_more(self) -> None:
        api = Api({"/v3/historical": httpx.Response(429)})
        batch = Sandbox(api).run()
        assert batch.readings == ()
        assert [type(error) for error in batch.errors] == [ThrottledError, TransientError]
        assert "/v3/forecast" not in api.asked

    def test_no_request_starts_late_in_a_run(self) -> None:
        sandbox = Sandbox(Api())

        def slow(request: httpx.Request) -> httpx.Response:
            sandbox.elapsed_s += 30
            return api(request)

        api, sandbox.api = sandbox.api, slow  # type: ignore[assignment]
        batch = sandbox.run()
        assert api.asked == ["/login", "/v3/my-access"]
        assert reasons(batch) == {(TransientError, "CAISO_NORTH", None)}
