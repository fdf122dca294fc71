"""WattTime's wire format, logins and plans, with small fixtures and real answers."""

import base64
import csv
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from functions.watttime.answers import endpoints_by_region, series_of, token_of
from functions.watttime.provider import WattTime
from functions.watttime.readings import gco2_kwh_of
from functions.watttime.session import Session
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.domain.reading import Basis, Quality, Reading, Scope, Signal
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch
from greenstream.ports.secrets import SecretsError
from greenstream.ports.store import StoreError
from greenstream.ports.telemetry import Telemetry
from infra.local.upstream import watttime, wire
from tests.builders import MARGINAL_DIRECT, a_source, a_zone, stored
from tests.contract.provider_cases import Silent
from tests.fakes.memory_store import MemoryStore

NOW = datetime(2026, 11, 22, 16, 7, tzinfo=UTC)
START = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
PRESENT = datetime(2026, 11, 22, 16, 5, tzinfo=UTC)
HOUR = timedelta(hours=1)
USER, PASSWORD = "grid-user", "pass-MARKED-word"
BAD_LOGIN = "<html><head><title>403 Forbidden</title></head><body>nginx</body></html>"


def stamp(moment: datetime) -> str:
    return moment.isoformat()


def meta(**changes: Any) -> dict[str, Any]:
    return {
        "data_point_period_seconds": 300,
        "region": "CAISO_NORTH",
        "warnings": [],
        "signal_type": "co2_moer",
        "model": {"date": "2023-03-01"},
        "units": "lbs_co2_per_mwh",
    } | changes


def historical(
    newest: datetime = START, value: Any = 937, count: int = 3, **flags: Any
) -> dict[str, Any]:
    """Return points up to ``newest``, which has the given value and flags."""
    starts = [newest - timedelta(minutes=5 * back) for back in reversed(range(count))]
    rows: list[dict[str, Any]] = [{"point_time": stamp(at), "value": 900} for at in starts]
    rows[-1] |= {"value": value, "imputed_data_used": False} | flags
    return {"data": rows, "meta": meta()}


def forecast(first: datetime = PRESENT, count: int = 288) -> dict[str, Any]:
    return {
        "data": [
            {"point_time": stamp(first + timedelta(minutes=5 * step)), "value": 1000.0 + step}
            for step in range(count)
        ],
        "meta": meta(generated_at=stamp(first), generated_at_period_seconds=300),
    }


def access(*regions: str, endpoints: tuple[str, ...] = ("v3/historical", "v3/forecast")) -> Any:
    rows = [
        {"region": region, "endpoints": [{"endpoint": name, "models": []} for name in endpoints]}
        for region in regions
    ]
    return {
        "signal_types": [
            {"signal_type": "co2_moer", "regions": rows},
            {"signal_type": "health_damage", "regions": [{"region": "ALL", "endpoints": []}]},
        ]
    }


@dataclass
class Api:
    """The API as an account sees it. It counts logins and refuses old tokens."""

    answers: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)

    @property
    def logins(self) -> int:
        return self.asked.count("/login")

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(path)
        self.requests.append(request)
        if path not in self.answers and path == "/login":
            pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
            assert request.headers["Authorization"] == f"Basic {pair}"
            token = f"token-MARKED-{self.logins}"
            self.valid.add(token)
            return httpx.Response(200, json={"token": token})
        if path != "/login":
            kind, _, token = request.headers["Authorization"].partition(" ")
            assert kind == "Bearer"
            if token not in self.valid:
                return httpx.Response(401, json={"error": "Invalid token", "message": "expired"})
        body = self.answers[path] if path in self.answers else GOOD[path]
        if isinstance(body, Exception):
            raise body
        return body if isinstance(body, httpx.Response) else httpx.Response(200, json=body)


GOOD: Mapping[str, Any] = {
    "/v3/my-access": access("CAISO_NORTH"),
    "/v3/historical": historical(),
    "/v3/forecast": forecast(),
}


class Log:
    """Telemetry that remembers its lines and counts."""

    def __init__(self) -> None:
        self.lines: list[dict[str, object]] = []

    def event(self, level: str, message: str, **fields: object) -> None:
        self.lines.append({"level": level, "message": message, **fields})

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        raise AssertionError("a provider counts nothing itself")


FAULTS: Mapping[str, Any] = {
    "good": {},
    "token refused": {"/v3/historical": httpx.Response(401, json={"error": "Invalid token"})},
    "login cut": {"/login": httpx.Response(200, content=b'{"token": "token-MARKED')},
    "login refused": {"/login": httpx.Response(403, html=BAD_LOGIN)},
    "throttled": {"/v3/forecast": httpx.Response(429)},
    "down": {"/v3/historical": httpx.Response(500), "/v3/my-access": httpx.Response(500)},
    "reset": {"/v3/historical": httpx.ReadError("reset")},
    "garbage": {"/v3/forecast": httpx.Response(200, content=b"\xff\x00")},
}


@dataclass
class Sandbox:
    """A warm sandbox: its session survives runs, and the test moves its clock."""

    api: Api
    now: datetime = NOW
    session: Session = field(default_factory=Session)
    log: Telemetry = field(default_factory=Log)
    zones: tuple[str, ...] = ("CAISO_NORTH",)
    credentials: tuple[str | None, str | None] = (USER, PASSWORD)
    simulated: bool = False
    elapsed_s: float = 0.0

    def provider(self) -> WattTime:
        http = HttpClient(
            provider="watttime",
            base_url="https://watttime.test",
            transport=httpx.MockTransport(self.api),
            sleep=lambda _: None,
        )
        return WattTime(
            http=http,
            wanted=tuple(
                (a_zone(zone=zone), a_source("watttime", provider_zone=zone)) for zone in self.zones
            ),
            credentials=lambda: self.credentials,
            telemetry=self.log,
            session=self.session,
            simulated=self.simulated,
            clock=lambda: self.now,
            monotonic=lambda: self.elapsed_s,
        )

    def run(self) -> Batch:
        parts = stored(self.provider().fetch(self.now))
        return Batch(
            readings=tuple(reading for part in parts for reading in part.readings),
            forecasts=tuple(forecast for part in parts for forecast in part.forecasts),
            errors=tuple(error for part in parts for error in part.errors),
            unconfigured=tuple(zone for part in parts for zone in part.unconfigured),
        )


def run(**answers: Any) -> Batch:
    return Sandbox(Api({f"/v3/{name}": body for name, body in answers.items()})).run()


def reasons(batch: Batch) -> set[tuple[type[GreenStreamError], str | None, str | None]]:
    return {(type(error), error.zone, getattr(error, "reason", None)) for error in batch.errors}


def only(batch: Batch) -> Reading:
    [reading] = batch.readings
    return reading


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


class TestLogin:
    def test_is_made_once_and_its_token_used_by_every_request_and_run(self) -> None:
        sandbox = Sandbox(Api())
        for _ in range(5):
            assert sandbox.run().errors == ()
            sandbox.now += timedelta(minutes=5)
            sandbox.api.answers = {
                "/v3/historical": historical(sandbox.now),
                "/v3/forecast": forecast(sandbox.now),
            }
        assert sandbox.api.logins == 1
        assert sandbox.api.asked.count("/v3/my-access") == 1

    def test_is_renewed_shortly_before_the_token_expires(self) -> None:
        sandbox = Sandbox(Api())
        sandbox.run()
        sandbox.now += timedelta(minutes=27)
        sandbox.run()
        assert sandbox.api.logins == 1
        sandbox.now += timedelta(minutes=2)
        sandbox.run()
        assert sandbox.api.logins == 2

    def test_is_renewed_once_when_a_token_is_refused(self) -> None:
        sandbox = Sandbox(Api())
        sandbox.run()
        sandbox.api.valid.clear()
        assert sandbox.run().errors == ()
        assert sandbox.api.logins == 2

    def test_is_not_repeated_when_new_tokens_are_refused_too(self) -> None:
        refused = httpx.Response(401, json={"error": "Invalid token"})
        api = Api({f"/v3/{name}": refused for name in ("my-access", "historical", "forecast")})
        batch = Sandbox(api).run()
        assert api.logins == 1
        assert {type(error) for error in batch.errors} == {PermanentError}

    def test_with_a_wrong_password_is_an_error_and_ends_the_requests(self) -> None:
        api = Api({"/login": httpx.Response(403, html=BAD_LOGIN)})
        with pytest.raises(PermanentError, match=r"WATTTIME_USERNAME or WATTTIME_PASSWORD.*html"):
            Sandbox(api).run()
        assert api.asked == ["/login"]

    def test_is_repeated_with_new_credentials(self) -> None:
        sandbox = Sandbox(Api())
        sandbox.run()
        sandbox.credentials = ("another", "word")
        sandbox.api.answers = {"/login": httpx.Response(200, json={"token": "token-MARKED-1"})}
        assert sandbox.run().errors == ()
        assert sandbox.api.asked.count("/v3/my-access") == 2

    @pytest.mark.parametrize("credentials", [(None, None), (USER, None), (None, PASSWORD)])
    def test_is_not_tried_without_both_credentials(
        self, credentials: tuple[str | None, str | None]
    ) -> None:
        sandbox = Sandbox(Api(), credentials=credentials)
        assert sandbox.run() == Batch(unconfigured=("CAISO_NORTH",))
        assert sandbox.api.asked == []

    def test_with_credentials_that_cannot_be_read_now_is_a_transient_error(self) -> None:
        def unreadable() -> tuple[str, str]:
            raise SecretsError("Parameter Store refused")

        provider = replace(Sandbox(Api()).provider(), credentials=unreadable)
        with pytest.raises(TransientError, match="the secret store could not be read"):
            list(provider.fetch(NOW))

    @pytest.mark.parametrize(
        "body", [b'{"token": "MARKED', b"[]", b'{"token": 5}', b'{"token": "MAR\\nKED"}', b"\xff"]
    )
    def test_answer_without_a_usable_token_is_refused_and_never_quoted(self, body: bytes) -> None:
        with pytest.raises(InvalidError) as caught:
            token_of(body)
        assert caught.value.reason == "malformed"
        assert "MAR" not in str(caught.value)

    def test_puts_no_secret_into_an_address_or_an_error(self) -> None:
        api = Api({"/v3/historical": httpx.Response(400, json={"error": "INVALID", "docs": "x"})})
        batch = Sandbox(api).run()
        said = " ".join([*map(str, batch.errors), *(str(request.url) for request in api.requests)])
        assert "HTTP 400 from /v3/historical: INVALID" in said
        assert "MARKED" not in said

    def test_puts_no_secret_into_a_warning_that_is_logged_and_stored(self) -> None:
        repeated = {"type": "ECHO", "message": "Bearer token-MARKED-1"}
        series = historical()
        series["meta"]["warnings"] = [repeated]
        api = Api({"/v3/historical": series})
        log = Log()
        [reading] = (
            reading
            for reading in Sandbox(api, log=log).run().readings
            if reading.quality is not Quality.FORECAST
        )
        assert reading.detail["warnings"] == ["ECHO: Bearer [secret]"]
        assert [line["warning"] for line in log.lines] == ["ECHO: Bearer [secret]"]

    @pytest.mark.parametrize("fault", FAULTS)
    def test_puts_no_secret_into_logs_answers_or_the_store(self, fault: str) -> None:
        lines = StringIO()
        logger = Logger(service=f"watttime {fault}", level="DEBUG", stream=lines)
        telemetry = PowertoolsTelemetry(logger, EphemeralMetrics())  # type: ignore[arg-type]
        sandbox, store = Sandbox(Api(FAULTS[fault]), log=telemetry), MemoryStore()
        answer = ""
        try:
            run = collect(sandbox.provider(), store, clock=lambda: NOW, telemetry=telemetry)
            answer = json.dumps(run.as_dict())
        except CollectionFailedError:
            logger.exception("failed")
        assert '"message":"run"' in lines.getvalue()
        for text in (lines.getvalue(), answer, repr(store.snapshot())):
            assert "MARKED" not in text


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


class TestRealBytes:
    def test_the_rights_of_a_free_account_are_read(self, recordings: Path) -> None:
        body = json.loads((recordings / "watttime/my_access_free_2024-10.json").read_bytes())
        assert endpoints_by_region(body) == {
            "CAISO_NORTH": frozenset({"v3/historical", "v3/forecast"})
        }

    def test_the_vendors_historical_example_is_read(self, recordings: Path) -> None:
        body = json.loads((recordings / "watttime/historical_doc_example.json").read_bytes())
        series = series_of(body, "CAISO_NORTH", "CAISO_NORTH")
        assert [point.lb_mwh for point in series.points] == [870, 860]
        assert series.points[0].valid_to == series.points[1].valid_from
        assert series.warnings == ("EXAMPLE_WARNING: This is just an example",)

    def test_a_recorded_warning_is_read(self, recordings: Path) -> None:
        body = json.loads((recordings / "watttime/meta_with_real_warning_2024.json").read_bytes())
        series = series_of(body | {"data": []}, "Z", "ERCOT_SANANTONIO")
        assert series.warnings[0].startswith("MODEL_MARKED_FOR_DEPRECATION: You made a valid")

    def test_the_signal_index_is_never_a_reading(self, recordings: Path) -> None:
        body = json.loads((recordings / "watttime/signal_index_PSCO_2024-06-18.json").read_bytes())
        with pytest.raises(InvalidError) as caught:
            series_of(body, "PSCO", "PSCO")
        assert caught.value.reason == "wrong_unit"

    @pytest.mark.parametrize(
        ("name", "said"),
        [("error_403_invalid_scope.json", "free access to"), ("error_403_login.html", "text/html")],
    )
    def test_the_two_recorded_403s_are_distinguished(
        self, recordings: Path, name: str, said: str
    ) -> None:
        kind = "text/html" if name.endswith("html") else "application/json"
        content = (recordings / "watttime" / name).read_bytes()
        raw = httpx.Response(403, content=content, headers={"content-type": kind})
        batch = run(historical=raw)
        [error] = batch.errors
        assert isinstance(error, PermanentError)
        assert said in str(error)

    def test_a_days_published_values_are_converted_as_by_others(self, recordings: Path) -> None:
        path = recordings / "watttime/caiso_north_moer_actual_2023-06-08_gkwh.csv"
        with path.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        for row in rows:
            gco2_kwh = float(row["Caiso_North"])
            lb_mwh = round(gco2_kwh / 0.45359237, 3)
            assert gco2_kwh_of(lb_mwh, "CAISO_NORTH") == pytest.approx(gco2_kwh, abs=1e-3)
        assert len(rows) == 288


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
