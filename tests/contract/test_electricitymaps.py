"""Electricity Maps' wire format and plans, and the choice of the zones that a run asks for."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics

from functions.electricitymaps.answers import open_zones, reading_of
from functions.electricitymaps.feeds import feeds_of
from functions.electricitymaps.provider import RUNS_PER_HOUR, ElectricityMaps, Session
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
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.collect import CollectionFailedError, collect
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch
from greenstream.ports.secrets import SecretsError
from infra.local.upstream import electricitymaps, wire
from tests.builders import MARGINAL_DIRECT, a_reading, a_source, a_zone
from tests.fakes.memory_store import MemoryStore

NOW = datetime(2026, 11, 22, 16, 7, tzinfo=UTC)
HOUR = timedelta(hours=1)
TOKEN = "key-MARKED"


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def latest(zone: str = "FR", **changes: Any) -> dict[str, Any]:
    start = NOW.replace(minute=0)
    return {
        "zone": zone,
        "carbonIntensity": 48,
        "datetime": stamp(start),
        "updatedAt": stamp(start - timedelta(minutes=12)),
        "createdAt": stamp(start - timedelta(days=3)),
        "emissionFactorType": "direct",
        "isEstimated": True,
        "estimationMethod": "TIME_SLICER_AVERAGE",
    } | changes


def behind(there: str, basis: Basis = Basis.DIRECT) -> Source:
    return a_source(
        "electricitymaps",
        provider_zone=there,
        bases=(basis,),
        scope=Scope.CONSUMPTION,
        cadence_s=3600,
        max_age_s=7200,
    )


def pair(there: str, *others: Source, zone: str | None = None) -> tuple[Zone, Source]:
    """Return a zone whose other sources (by default none) precede Electricity Maps."""
    source = behind(there)
    return a_zone(*others, source, zone=zone or f"Z_{there}"), source


FRANCE = pair("FR")


@dataclass
class Sandbox:
    """A warm sandbox: its session survives runs, and the test sets its clock and its store."""

    wanted: tuple[tuple[Zone, Source], ...] = (FRANCE,)
    answers: Mapping[str, Any] = field(default_factory=dict)
    stored: list[Reading] = field(default_factory=list)
    now: datetime = NOW
    budget: int = 60
    token: str | None = TOKEN
    session: Session = field(default_factory=Session)
    simulated: bool = False
    requests: list[httpx.Request] = field(default_factory=list)
    keep: bool = False
    seconds_each: float = 0.0

    @property
    def asked(self) -> list[str]:
        """Return the requested zones in order. ``plan`` is the list of zones."""
        return [request.url.params.get("zone", "plan") for request in self.requests]

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        zone = request.url.params.get("zone")
        if zone is None:
            opened = {source.provider_zone: {"access": ["*"]} for _, source in self.wanted}
            body = self.answers.get("plan", opened)
        else:
            start = self.now.replace(minute=0)
            body = self.answers.get(zone, latest(zone, datetime=stamp(start)))
        if isinstance(body, Exception):
            raise body
        return body if isinstance(body, httpx.Response) else httpx.Response(200, json=body)

    def provider(self) -> ElectricityMaps:
        http = HttpClient(
            provider="electricitymaps",
            base_url="https://electricitymaps.test",
            transport=httpx.MockTransport(self.answer),
            attempts=1,
        )
        return ElectricityMaps(
            http=http,
            wanted=self.wanted,
            newest=lambda: self.stored,
            token=lambda: self.token,
            hourly_budget=self.budget,
            session=self.session,
            simulated=self.simulated,
            monotonic=lambda: self.seconds_each * len(self.requests),
        )

    def run(self) -> Batch:
        parts = list(self.provider().fetch(self.now))
        readings = tuple(reading for part in parts for reading in part.readings)
        if self.keep:
            self.stored = [*readings, *self.stored]
        return Batch(
            readings=readings,
            errors=tuple(error for part in parts for error in part.errors),
            unconfigured=tuple(zone for part in parts for zone in part.unconfigured),
            skipped=tuple(zone for part in parts for zone in part.skipped),
        )


def run(**answers: Any) -> Batch:
    return Sandbox(answers=answers).run()


def reasons(batch: Batch) -> set[tuple[type[GreenStreamError], str | None, str | None]]:
    return {(type(error), error.zone, getattr(error, "reason", None)) for error in batch.errors}


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


class TestTheChoiceOfZones:
    def test_leaves_out_a_zone_whose_own_source_is_live(self) -> None:
        sandbox = Sandbox(
            wanted=(pair("FR", a_source()),), stored=[a_reading(valid_to=NOW - HOUR / 4)]
        )
        batch = sandbox.run()
        assert sandbox.asked == []
        assert batch == Batch(skipped=("Z_FR",))

    @pytest.mark.parametrize(
        "reading",
        [
            pytest.param(a_reading(valid_to=NOW - HOUR), id="stale"),
            pytest.param(a_reading(valid_to=NOW, coverage=0.5), id="partly known"),
            pytest.param(a_reading(valid_to=NOW, kind=MARGINAL_DIRECT), id="marginal only"),
            pytest.param(a_reading(valid_to=NOW, provider="other"), id="of another zone"),
        ],
    )
    def test_has_a_zone_without_a_live_and_complete_figure_of_the_kind(
        self, reading: Reading
    ) -> None:
        marginal = a_source("p", signal=Signal.MARGINAL, bases=(Basis.DIRECT,))
        sandbox = Sandbox(wanted=(pair("FR", a_source(), marginal),), stored=[reading])
        assert [reading.zone for reading in sandbox.run().readings] == ["Z_FR"]

    def test_has_a_zone_whose_only_live_figure_is_shown_beside_the_others(self) -> None:
        sandbox = Sandbox(
            wanted=(pair("FR", replace(a_source(), beside=True)),),
            stored=[a_reading(valid_to=NOW - HOUR / 4)],
        )
        assert [reading.zone for reading in sandbox.run().readings] == ["Z_FR"]

    def test_has_no_zone_twice_for_one_hour(self) -> None:
        sandbox = Sandbox(keep=True)
        sandbox.run()
        sandbox.now = NOW.replace(minute=57)
        assert sandbox.run() == Batch(skipped=("Z_FR",))
        sandbox.now = NOW + HOUR
        assert len(sandbox.run().readings) == 1
        assert sandbox.asked == ["plan", "FR", "FR"]

    def test_has_a_shared_feed_once_under_the_grids_own_zone(self) -> None:
        national = a_source("eso", provider_zone="national")
        regions = tuple(
            pair("GB", a_source("eso", provider_zone=str(number)), national, zone=f"GBR-{number}")
            for number in (1, 2)
        )
        wanted = (*regions, pair("GB", national, zone="GBR"))
        live = a_reading(valid_to=NOW, provider="eso", provider_zone="1", zone="GBR-1")
        sandbox = Sandbox(wanted=wanted, stored=[live])

        assert [reading.zone for reading in sandbox.run().readings] == ["GBR"]
        assert sandbox.asked == ["plan", "GB"]

    def test_counts_as_many_runs_in_an_hour_as_the_template_schedules(self) -> None:
        template = Path(__file__).parents[2] / "template.yaml"
        rate = re.search(
            r"^  ElectricitymapsRate:\n    Type: String\n    Default: rate\((\d+) minutes\)$",
            template.read_text(),
            re.MULTILINE,
        )
        assert rate is not None
        assert int(rate[1]) * RUNS_PER_HOUR == 60

    def test_begins_with_the_zone_asked_longest_ago_within_the_runs_budget(self) -> None:
        wanted = tuple(pair(there) for there in ("AT", "BE", "CH", "DE", "ES", "FR"))
        sandbox = Sandbox(wanted=wanted, budget=3 * RUNS_PER_HOUR, keep=True)
        for _ in range(3):
            batch = sandbox.run()
            sandbox.now += HOUR / RUNS_PER_HOUR
        assert sandbox.asked == ["plan", "AT", "BE", "CH", "DE", "ES", "FR"]
        assert set(batch.skipped) == {zone.zone for zone, _ in wanted} - {"Z_FR"}

        sandbox.now = NOW + HOUR
        sandbox.run()
        assert sandbox.asked[-3:] == ["AT", "BE", "CH"]

    def test_puts_a_zone_that_failed_behind_the_others(self) -> None:
        sandbox = Sandbox(
            wanted=(pair("AT"), pair("BE")),
            budget=RUNS_PER_HOUR,
            answers={"AT": httpx.Response(500)},
        )
        for _ in range(3):
            sandbox.run()
            sandbox.now += HOUR / RUNS_PER_HOUR
        assert sandbox.asked == ["AT", "BE", "AT"]

    @pytest.mark.parametrize("budget", [1, 4, 7, 8, 25])
    def test_brings_figures_within_a_day_of_new_sandboxes_however_small_the_budget(
        self, budget: int
    ) -> None:
        """Every sandbox is new and knows the store only. The plan opens one of three zones."""
        said = "Request unauthorized for zoneKey=%s,requestType=latest,dataType=carbon-intensity."
        shut = {
            zone: httpx.Response(401, json={"error": said % zone, "message": "Upgrade."})
            for zone in ("AT", "BE")
        }
        plan = {"plan": {"FR": {"access": ["*"]}, "AT": {"access": []}, "BE": {"access": []}}}
        sandbox = Sandbox(
            wanted=(pair("AT"), pair("BE"), FRANCE),
            answers=shut | plan,
            budget=budget,
            keep=True,
        )
        for _ in range(24 * RUNS_PER_HOUR):
            sandbox.session = Session()
            sandbox.run()
            sandbox.now += HOUR / RUNS_PER_HOUR
        hours = {reading.valid_from for reading in sandbox.stored}
        assert len(hours) >= 12
        assert ("plan" in sandbox.asked) is (budget >= 2 * RUNS_PER_HOUR)

    def test_is_empty_when_the_hourly_budget_is_spent(self) -> None:
        sandbox = Sandbox(budget=3, answers={"FR": httpx.Response(500)})
        for _ in range(6):
            sandbox.run()
            sandbox.now += timedelta(minutes=5)
        assert len(sandbox.asked) == 3

    def test_is_empty_when_the_store_shows_that_another_sandbox_spent_the_budget(self) -> None:
        spent = [
            a_reading(
                valid_to=NOW - HOUR,
                provider="electricitymaps",
                zone=zone,
                fetched_at=NOW - timedelta(minutes=9),
            )
            for zone in "ABC"
        ]
        sandbox = Sandbox(budget=3, stored=spent)
        assert sandbox.run() == Batch(skipped=("Z_FR",))
        assert sandbox.asked == []

    def test_is_empty_late_in_a_run(self) -> None:
        sandbox = Sandbox(wanted=(pair("AT"), pair("BE"), pair("CH")), seconds_each=16)
        batch = sandbox.run()
        assert sandbox.asked == ["plan", "AT"]
        assert batch.skipped == ("Z_BE", "Z_CH")


def with_own(there: str) -> tuple[Zone, Source]:
    """Return a zone with a source of its own before Electricity Maps."""
    return pair(there, a_source(provider_zone=there))


def own(there: str, *, ended: timedelta, coverage: float = 1.0) -> Reading:
    """Return the figure of a zone's own source, which ended so long ago."""
    return a_reading(
        zone=f"Z_{there}", provider_zone=there, valid_to=NOW - ended, coverage=coverage
    )


class EveryZone(dict[str, Any]):
    """Answers for any zone with its latest hour."""

    def get(self, zone: str, default: Any = None) -> Any:
        return default if zone == "plan" else default | {"zone": zone}


class TestTheOrderOfZones:
    """AT has no other source; the own figure of BE is absent, of CH old, of DE partly known."""

    WANTED = (with_own("DE"), with_own("CH"), with_own("BE"), pair("AT"))
    STORED = (own("DE", ended=timedelta(0), coverage=0.5), own("CH", ended=HOUR))

    def sandbox(self) -> Sandbox:
        return Sandbox(
            wanted=self.WANTED,
            stored=list(self.STORED),
            keep=True,
            answers=EveryZone(),
        )

    def test_is_that_of_their_need(self) -> None:
        sandbox = self.sandbox()
        sandbox.run()
        assert sandbox.asked == ["plan", "BE", "AT", "CH", "DE"]

    def test_counts_a_figure_that_has_become_old_like_any_other_old_one(self) -> None:
        sandbox = self.sandbox()
        sandbox.run()
        sandbox.now += HOUR
        sandbox.run()
        assert sandbox.asked[-4:] == ["BE", "AT", "DE", "CH"]

    def test_leaves_the_last_request_of_a_run_to_the_zone_that_has_waited_longest(self) -> None:
        others = ("FR", "ES", "PT", "IT-NO", "IT-SO", "PL")
        wanted = (*(pair(there) for there in others), *self.WANTED)
        sandbox = replace(self.sandbox(), budget=2 * RUNS_PER_HOUR, wanted=wanted)
        runs = []
        for _ in range(3 * RUNS_PER_HOUR):
            before = len(sandbox.asked)
            sandbox.run()
            runs.append(sandbox.asked[before:])
            sandbox.now += HOUR / RUNS_PER_HOUR
        assert {"CH", "DE"} <= set(sandbox.asked), "zones with less need are asked too"
        assert all(len(asked) <= 2 for asked in runs)
        neediest = [asked[0] for asked in runs[1:]]
        assert not {"CH", "DE"} & set(neediest), "but never before the neediest"

    @pytest.mark.parametrize("budget", [4, 25, 60])
    def test_keeps_within_the_budget_of_every_hour_over_all_zones_of_the_table(
        self, budget: int
    ) -> None:
        wanted = zones_of("electricitymaps")
        feeds = {source.provider_zone for _, source in wanted}
        assert len(feeds) > 150
        sandbox = Sandbox(wanted=wanted, budget=budget, keep=True, answers=EveryZone())
        sent: list[datetime] = []
        for _ in range(8 * RUNS_PER_HOUR):
            before = len(sandbox.requests)
            sandbox.run()
            sent += [sandbox.now] * (len(sandbox.requests) - before)
            sandbox.now += HOUR / RUNS_PER_HOUR
            within = [at for at in sent if sandbox.now - at <= HOUR]
            assert len(within) <= budget
        figures = [zone for zone in sandbox.asked if zone != "plan"]
        # No zone is asked twice while another one waits for the first time.
        assert len(set(figures)) == min(len(figures), len(feeds))


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


def test_a_zone_without_a_list_of_rights_is_tried() -> None:
    assert open_zones({"FR": {"zoneName": "France"}, "AT": {"access": []}}) == {"FR"}


def test_a_feed_of_one_zone_is_stored_under_that_zone() -> None:
    [feed] = feeds_of([FRANCE])
    assert (feed.zone.zone, feed.names) == ("Z_FR", ("Z_FR",))


class TestRealBytes:
    @pytest.mark.parametrize(
        ("name", "there", "gco2_kwh", "basis"),
        [
            ("v3_latest_BE_2024-11-28_no_token", "BE", 214, Basis.LIFECYCLE),
            ("v3_latest_US-CAR-DUK_2024-03-06", "US-CAR-DUK", 216, Basis.LIFECYCLE),
            ("v3_latest_US-MIDW-MISO_direct_2024-09-27", "US-MIDW-MISO", 506, Basis.DIRECT),
            ("v3_latest_US-MIDW-MISO_lifecycle_2024-09-24", "US-MIDW-MISO", 466, Basis.LIFECYCLE),
            ("v4_latest_DK-DK2_2026-08-22", "DK-DK2", 75, Basis.LIFECYCLE),
        ],
    )
    def test_every_recorded_answer_is_read(
        self, recordings: Path, name: str, there: str, gco2_kwh: float, basis: Basis
    ) -> None:
        body = json.loads((recordings / f"electricitymaps/{name}.json").read_bytes())
        start = datetime.fromisoformat(body["datetime"])
        reading = reading_of(
            body,
            "Z",
            behind(there, basis),
            fetched_at=start + timedelta(minutes=30),
            simulated=False,
        )
        assert (reading.gco2_kwh, reading.basis) == (gco2_kwh, basis)
        assert reading.quality is Quality.ESTIMATED
        assert reading.valid_to - reading.valid_from == HOUR

    def test_a_lifecycle_answer_is_never_taken_for_direct(self, recordings: Path) -> None:
        path = recordings / "electricitymaps/v3_latest_US-MIDW-MISO_lifecycle_2024-09-24.json"
        with pytest.raises(InvalidError) as caught:
            reading_of(
                json.loads(path.read_bytes()),
                "Z",
                behind("US-MIDW-MISO"),
                fetched_at=NOW,
                simulated=False,
            )
        assert caught.value.reason == "wrong_basis"

    @pytest.mark.parametrize(
        ("name", "status", "kind"),
        [
            ("co2signal_legacy_no_data", 200, NoDataError),
            ("v3_error_404_no_recent_data", 404, NoDataError),
        ],
    )
    def test_recorded_answers_without_data_are_no_data(
        self, recordings: Path, name: str, status: int, kind: type[GreenStreamError]
    ) -> None:
        content = (recordings / f"electricitymaps/{name}.json").read_bytes()
        assert reasons(run(FR=httpx.Response(status, content=content))) == {(kind, "Z_FR", None)}

    def test_a_recorded_refusal_of_the_key_is_permanent(self, recordings: Path) -> None:
        path = recordings / "electricitymaps/v3_error_401_invalid_token.json"
        with pytest.raises(PermanentError, match="Invalid auth-token"):
            run(plan=httpx.Response(401, content=path.read_bytes()))


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
