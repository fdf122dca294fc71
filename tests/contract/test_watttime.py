"""WattTime's readings, forecasts and plans, with small fixtures and the simulator."""

import json
from contextlib import suppress
from datetime import datetime, timedelta

import httpx
import pytest

from greenstream.domain.errors import (
    InvalidError,
    NoDataError,
    PermanentError,
    TransientError,
)
from greenstream.domain.reading import Basis, Quality, Scope, Signal
from greenstream.ingest.collect import collect
from greenstream.ports.provider import Batch
from greenstream.ports.store import StoreError
from infra.local.upstream import watttime, wire
from tests.builders import MARGINAL_DIRECT
from tests.contract.provider_wire import Silent
from tests.contract.watttime_account import (
    HOUR,
    NOW,
    PASSWORD,
    PRESENT,
    START,
    Api,
    Log,
    Sandbox,
    access,
    forecast,
    historical,
    only,
    reasons,
    run,
    stamp,
)
from tests.fakes.memory_store import MemoryStore


class TestTheReading:
    def test_is_the_newest_historical_point_in_g_per_kwh(self) -> None:
        batch = run()
        reading = only(batch)

        assert batch.errors == ()
        assert reading.gco2_kwh == pytest.approx(425.01605069)
        assert reading.gco2_low == reading.gco2_kwh == reading.gco2_high
        assert (reading.signal, reading.basis, reading.scope) == (
            Signal.MARGINAL,
            Basis.DIRECT,
            Scope.CONSUMPTION,
        )
        assert reading.quality is Quality.MEASURED
        assert (reading.zone, reading.provider_zone) == ("CAISO_NORTH", "CAISO_NORTH")
        assert reading.fetched_at == NOW

    def test_point_time_is_the_start_of_the_period_that_meta_names(self) -> None:
        reading = only(run())
        assert reading.valid_from == START
        assert reading.valid_to == START + timedelta(seconds=300)

        hourly = historical(START - timedelta(hours=1))
        hourly["data"] = hourly["data"][-1:]
        hourly["meta"]["data_point_period_seconds"] = 3600
        assert only(run(historical=hourly)).valid_to == START

    def test_follows_the_points_that_were_missed_since_the_last_stored_one(self) -> None:
        sandbox = Sandbox(Api())
        sandbox.run()
        sandbox.now += timedelta(minutes=15)
        late = historical(newest=START + timedelta(minutes=15), count=6)
        late["data"][3]["value"] = -1
        sandbox.api.answers = {"/v3/historical": late}

        def ends(batch: Batch) -> list[datetime]:
            return [
                reading.valid_to
                for reading in batch.readings
                if reading.quality is Quality.MEASURED
            ]

        missed = [START + timedelta(minutes=minutes) for minutes in (15, 20)]
        [unacknowledged] = list(sandbox.provider().fetch(sandbox.now))
        assert ends(unacknowledged) == missed, "the point between them is not an emission rate"
        assert reasons(unacknowledged) == {(InvalidError, "CAISO_NORTH", "negative")}
        assert ends(sandbox.run()) == missed, "nobody said that they were stored"
        assert ends(sandbox.run()) == missed[-1:]

    def test_a_store_failure_leaves_the_progress_marker_where_it_was(self) -> None:
        sandbox = Sandbox(Api())
        sandbox.run()
        before = dict(sandbox.session.stored)
        sandbox.now += timedelta(minutes=15)
        late = historical(newest=START + timedelta(minutes=15), count=6)
        sandbox.api.answers = {"/v3/historical": late}

        for store in (MemoryStore(unreachable=True), MemoryStore()):
            assert sandbox.session.stored == before
            with suppress(StoreError):
                collect(sandbox.provider(), store, clock=lambda: sandbox.now, telemetry=Silent())
        kept = store.history(
            "CAISO_NORTH", "watttime", MARGINAL_DIRECT, since=NOW - HOUR, until=NOW + HOUR
        )
        assert [reading.valid_to for reading in kept] == [
            START + timedelta(minutes=minutes) for minutes in (10, 15, 20)
        ]

    def test_is_an_estimate_where_the_point_was_imputed(self) -> None:
        batch = run(historical=historical(imputed_data_used=True))
        assert only(batch).quality is Quality.ESTIMATED

    def test_was_published_when_the_point_was_last_updated(self) -> None:
        at = NOW - timedelta(minutes=1)
        assert only(run(historical=historical(last_updated=stamp(at)))).published_at == at
        assert only(run()).published_at is None

    def test_is_the_forecasts_present_point_when_the_history_is_late(self) -> None:
        late = historical(START - timedelta(minutes=30))
        measured, expected = run(historical=late).readings

        assert measured.quality is Quality.MEASURED
        assert expected.quality is Quality.FORECAST
        assert expected.gco2_kwh == pytest.approx(453.59237)
        assert expected.valid_from == PRESENT
        assert expected.published_at == PRESENT

    @pytest.mark.parametrize(
        ("late_min", "quality"), [(10, Quality.MEASURED), (11, Quality.FORECAST)]
    )
    def test_is_from_history_until_two_periods_after_its_end(
        self, late_min: int, quality: Quality
    ) -> None:
        end = NOW - timedelta(minutes=late_min)
        batch = run(historical=historical(end - timedelta(minutes=5)))
        assert batch.readings[-1].quality is quality

    def test_is_the_forecasts_first_point_when_that_starts_within_the_next_period(self) -> None:
        batch = run(
            historical=historical(count=1) | {"data": []},
            forecast=forecast(START + timedelta(minutes=10)),
        )
        assert only(batch).valid_from == START + timedelta(minutes=10)
        assert reasons(batch) == {(NoDataError, "CAISO_NORTH", None)}

    def test_does_not_depend_on_order_or_repetition_of_points(self) -> None:
        body = historical()
        body["data"] = [*reversed(body["data"]), body["data"][0]]
        assert only(run(historical=body)) == only(run())

    def test_is_the_point_before_an_instant_with_two_values(self) -> None:
        body = historical()
        body["data"].append(body["data"][-1] | {"value": 12})
        batch = run(historical=body)
        assert reasons(batch) == {(InvalidError, "CAISO_NORTH", "contradiction")}
        assert only(batch).valid_to == START, "the point before it"

    @pytest.mark.parametrize(
        "time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:00Z"]
    )
    def test_is_not_affected_by_a_point_at_the_ends_of_the_calendar(self, time: str) -> None:
        body = historical()
        body["data"].append({"point_time": time, "value": 12})
        batch = run(historical=body)
        assert only(batch) == only(run())
        assert reasons(batch) == {(InvalidError, "CAISO_NORTH", "malformed")}

    def test_of_a_simulator_is_marked_as_simulated(self) -> None:
        batch = Sandbox(Api(), simulated=True).run()
        assert only(batch).simulated
        assert batch.forecasts[0].simulated


class TestTheForecast:
    def test_reaches_a_day_ahead_from_the_present_period(self) -> None:
        [ahead] = run().forecasts

        assert len(ahead.points) == 288
        assert ahead.issued_at == PRESENT
        assert ahead.points[0].valid_from <= NOW < ahead.points[0].valid_to
        assert ahead.points[-1].valid_to - ahead.points[0].valid_from == timedelta(hours=24)
        assert ahead.points[1].gco2_kwh == pytest.approx(1001 * 0.45359237)

    def test_has_no_point_of_the_past(self) -> None:
        [ahead] = run(forecast=forecast(PRESENT - timedelta(minutes=20))).forecasts
        assert ahead.points[0].valid_from == PRESENT

    def test_that_starts_after_the_next_period_gives_no_reading(self) -> None:
        late = forecast()
        late["data"] = late["data"][3:]
        batch = run(historical=httpx.Response(404, json={"error": "none"}), forecast=late)
        assert batch.readings == ()
        assert (NoDataError, "CAISO_NORTH", None) in reasons(batch)

    def test_is_cut_to_a_day(self) -> None:
        [ahead] = run(forecast=forecast(count=5000)).forecasts
        assert len(ahead.points) == 289
        assert ahead.points[-1].valid_from < NOW + timedelta(hours=24)

    def test_older_than_an_hour_is_no_data(self) -> None:
        batch = run(
            historical=historical(START - timedelta(hours=1)),
            forecast=forecast(NOW - timedelta(hours=2)),
        )
        assert only(batch).quality is Quality.MEASURED
        assert batch.forecasts == ()
        assert reasons(batch) == {(NoDataError, "CAISO_NORTH", None)}

    def test_issued_in_the_future_is_refused(self) -> None:
        batch = run(forecast=forecast(NOW + timedelta(hours=1)))
        assert reasons(batch) == {(InvalidError, "CAISO_NORTH", "future")}

    def test_has_a_hole_where_a_point_is_bad(self) -> None:
        body = forecast()
        body["data"][200]["value"] = None
        batch = run(forecast=body)
        assert len(batch.readings) == 1
        (whole,), (holed,) = run().forecasts, batch.forecasts
        assert holed.points == (*whole.points[:200], *whole.points[201:])
        assert reasons(batch) == {(InvalidError, "CAISO_NORTH", "not_a_number")}


class TestThePlan:
    def test_opens_the_regions_that_my_access_lists(self) -> None:
        sandbox = Sandbox(Api(), zones=("PJM_DC", "CAISO_NORTH"))
        batch = sandbox.run()
        assert only(batch).zone == "CAISO_NORTH"
        assert (batch.errors, batch.unconfigured) == ((), ("PJM_DC",))
        assert sandbox.api.asked.count("/v3/historical") == 1

    def test_for_another_signal_opens_nothing(self) -> None:
        rights = access("CAISO_NORTH")
        rights["signal_types"][0]["signal_type"] = "co2_aoer"
        batch = run(**{"my-access": rights})
        assert batch.readings == ()
        assert reasons(batch) == {(PermanentError, "CAISO_NORTH", None)}

    def test_without_history_leaves_the_forecast(self) -> None:
        batch = run(**{"my-access": access("CAISO_NORTH", endpoints=("v3/forecast",))})
        assert only(batch).quality is Quality.FORECAST
        assert batch.errors == ()

    def test_that_cannot_be_read_opens_the_regions(self) -> None:
        batch = run(**{"my-access": httpx.Response(503)})
        assert only(batch).quality is Quality.MEASURED
        assert reasons(batch) == {(TransientError, None, None)}

    def test_that_excludes_a_region_is_reported_with_the_upstreams_text(self) -> None:
        said = {"error": "Invalid query parameters", "message": "Invalid scope. See plans."}
        batch = run(historical=httpx.Response(403, json=said))
        [error] = batch.errors
        assert isinstance(error, PermanentError)
        assert "Invalid scope. See plans." in str(error)
        assert only(batch).quality is Quality.FORECAST

    def test_is_read_again_after_a_day(self) -> None:
        sandbox = Sandbox(Api())
        sandbox.run()
        sandbox.now += timedelta(days=1)
        sandbox.run()
        assert sandbox.api.asked.count("/v3/my-access") == 2


def test_warnings_are_named_in_the_log_and_beside_the_reading() -> None:
    body = historical()
    body["meta"]["warnings"] = [
        {"type": "MODEL_MARKED_FOR_DEPRECATION", "message": "after 2024-12-04"},
        "free text",
    ]
    log = Log()
    reading = only(Sandbox(Api({"/v3/historical": body}), log=log).run())

    assert reading.detail["warnings"] == [
        "MODEL_MARKED_FOR_DEPRECATION: after 2024-12-04",
        "'free text'",
    ]
    assert [line["warning"] for line in log.lines] == reading.detail["warnings"]
    assert log.lines[0]["zone"] == "CAISO_NORTH"


def test_the_detail_of_a_reading_has_a_size_limit() -> None:
    body = historical(imputed_data_used="x" * 10_000)
    body["meta"] |= {"warnings": ["w" * 1000] * 1000, "model": {"date": "d" * 10_000}}
    reading = only(run(historical=body))
    assert len(json.dumps(dict(reading.detail))) < 4000
    assert reading.quality is Quality.ESTIMATED


class TestAgainstTheSimulator:
    """The simulator of the local stack answers."""

    @pytest.fixture
    def sandbox(self) -> Sandbox:
        account = watttime.Account()

        def answer(request: httpx.Request) -> httpx.Response:
            query, path = dict(request.url.params), request.url.path
            headers = {name.lower(): value for name, value in request.headers.items()}
            made = account.answer(wire.Request("GET", path, query, headers), sandbox.now)
            kind = {"content-type": made.content_type}
            return httpx.Response(made.status, content=made.body, headers=kind)

        sandbox = Sandbox(answer)  # type: ignore[arg-type]
        return sandbox

    def test_a_day_of_runs_has_the_simulators_values_and_no_error(self, sandbox: Sandbox) -> None:
        for _ in range(60):
            batch = sandbox.run()
            assert batch.errors == ()
            assert batch.readings[-1].gco2_kwh == pytest.approx(
                0.45359237 * watttime.moer_lb_mwh(batch.readings[-1].valid_from)
            )
            assert len(batch.forecasts[0].points) == 288
            sandbox.now += timedelta(minutes=25)

    def test_a_region_outside_the_plan_is_unconfigured_and_refused_credentials_are_an_error(
        self, sandbox: Sandbox
    ) -> None:
        sandbox.zones = ("CAISO_NORTH", "PJM_DC")
        batch = sandbox.run()
        assert (batch.errors, batch.unconfigured) == ((), ("PJM_DC",))
        sandbox.credentials = ("refused", PASSWORD)
        with pytest.raises(PermanentError, match="/login"):
            sandbox.run()
