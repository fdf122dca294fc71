"""These tests cover GET /v1/window and the shares of GET /v1/route?split=true."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

import pytest

from greenstream.api.question import MAX_WINDOW_ZONES
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Basis, Forecast, ForecastPoint, Kind, Scope, Signal
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState, ProviderStatus
from tests.builders import AVERAGE_DIRECT, MARGINAL_DIRECT, NOW, an_hour_profile
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client, a_reading_of
from tests.storing import put_profile, put_reading, put_status

HALF_HOUR = timedelta(minutes=30)


def a_forecast(
    zone: str,
    values: Sequence[float],
    *,
    kind: Kind = AVERAGE_DIRECT,
    source: int = 0,
    simulated: bool = False,
) -> Forecast:
    feed = zones()[zone].sources[source]
    return Forecast(
        zone=zone,
        provider=feed.provider,
        provider_zone=feed.provider_zone,
        signal=kind.signal,
        basis=kind.basis,
        scope=Scope.CONSUMPTION,
        factor_set=GREENSTREAM,
        issued_at=NOW - HALF_HOUR,
        points=tuple(
            ForecastPoint(NOW + number * HALF_HOUR, NOW + (number + 1) * HALF_HOUR, value)
            for number, value in enumerate(values)
        ),
        simulated=simulated,
    )


def a_profile(zone: str, hours: Mapping[int, HourMean]) -> HourProfile:
    return an_hour_profile(
        zone=zone,
        provider="gridstatus",
        hours=hours,
    )


def tens(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), MAX_WINDOW_ZONES):
        yield names[start : start + MAX_WINDOW_ZONES]


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.put_forecast(a_forecast("GBR-13", [200, 180, 100, 120, 300]))
    store.put_forecast(a_forecast("NYISO", [90, 250, 250, 250]))
    return store


class TestWindows:
    def test_each_zone_has_its_cleanest_start_and_the_best_is_named(
        self, store: MemoryStore
    ) -> None:
        body = Client(store).ask("/v1/window", "zones=GBR-13,NYISO,PJM&duration_min=60").body
        lon, nyc, iad = body["zones"]

        assert (lon["window"]["start"], lon["window"]["end"], lon["window"]["gco2_kwh"]) == (
            "2026-11-22T17:00:00Z",
            "2026-11-22T18:00:00Z",
            110.0,
        )
        assert lon["window"]["at_once_gco2_kwh"] == 190.0
        assert nyc["window"]["gco2_kwh"] == 170.0
        assert (lon["why_no_forecast"], iad["why_no_forecast"]) == (None, "no_forecast")
        assert (iad["window"]["rung"], iad["window"]["start"]) == (
            "annual_mean",
            "2026-11-22T16:00:00Z",
        )
        assert body["without_forecast"] == ["PJM"]
        assert body["best"] == {"pop": None, "zone": "GBR-13", **lon["window"]}
        assert (body["degraded"], body["rungs"]) == (False, ["forecast", "annual_mean"])
        assert body["reason_text"] == (
            "Of 3 zones, the time with the lowest figure is 2026-11-22 17:00 to 18:00 UTC in "
            "GBR-13: 110 g/kWh average/direct by the forecast of eso; starting at once would be "
            "190 g/kWh. The figures of the zones differ in scope, factor set and what they rest on."
        )

    def test_an_hour_within_a_day_in_the_zones_of_the_seed_is_the_default(
        self, store: MemoryStore
    ) -> None:
        body = Client(store).ask("/v1/window").body

        assert (body["duration_min"], body["within_h"]) == (60, 24)
        assert [(zone["pop"], zone["zone"]) for zone in body["zones"]] == [
            ("sfo", "CAISO_NORTH"),
            ("lax", "EIA_LDWP"),
            ("iad", "PJM"),
            ("nyc", "NYISO"),
            ("lon", "GBR-13"),
            ("ams", "ENTSOE_NL"),
        ]

    def test_a_run_may_be_as_long_as_the_hours_that_contain_it(self, store: MemoryStore) -> None:
        body = Client(store).ask("/v1/window", "zones=NYISO&duration_min=60&within_h=1").body

        assert (body["duration_min"], body["within_h"]) == (60, 1)

    def test_the_start_is_not_in_the_past(self, store: MemoryStore) -> None:
        client = Client(store)
        client.clock.forward(61)
        body = client.ask("/v1/window", "zones=NYISO&duration_min=5").body

        assert body["zones"][0]["window"]["start"] == "2026-11-22T16:02:00Z"

    def test_a_forecast_without_such_a_stretch_is_distinguished_from_a_missing_forecast(
        self, store: MemoryStore
    ) -> None:
        body = Client(store).ask("/v1/window", "zones=NYISO,PJM&duration_min=121").body

        assert [zone["why_no_forecast"] for zone in body["zones"]] == ["too_short", "no_forecast"]
        assert {zone["window"]["rung"] for zone in body["zones"]} == {"annual_mean"}

    def test_a_marginal_forecast_stands_alone_and_not_beside_average_ones(
        self, store: MemoryStore
    ) -> None:
        store.put_forecast(a_forecast("CAISO_NORTH", [50] * 4, kind=MARGINAL_DIRECT))
        client = Client(store)
        alone = client.ask("/v1/window", "zones=CAISO_NORTH").body["zones"][0]
        lon, sfo = client.ask("/v1/window", "zones=GBR-13,CAISO_NORTH").body["zones"]

        assert alone["window"]["signal"] == "marginal"
        assert [lon["window"]["rung"], sfo["window"]["rung"]] == ["forecast", "annual_mean"]
        assert {lon["window"]["signal"], sfo["window"]["signal"]} == {"average"}
        assert sfo["why_no_forecast"] == "other_kind"

    @pytest.mark.parametrize(
        ("query", "signals", "without"),
        [
            ("signal=marginal", [None, "marginal"], ["GBR-13"]),
            ("signal=average", ["average", "average"], ["CAISO_NORTH"]),
            ("basis=lifecycle", ["average", "average"], ["GBR-13", "CAISO_NORTH"]),
        ],
    )
    def test_the_question_may_ask_for_one_signal_and_one_basis(
        self, store: MemoryStore, query: str, signals: list[str | None], without: list[str]
    ) -> None:
        store.put_forecast(a_forecast("CAISO_NORTH", [50] * 4, kind=MARGINAL_DIRECT))
        body = Client(store).ask("/v1/window", f"zones=GBR-13,CAISO_NORTH&{query}").body

        windows = [zone["window"] for zone in body["zones"]]
        assert [window and window["signal"] for window in windows] == signals
        assert body["without_forecast"] == without
        if query == "basis=lifecycle":
            assert {window["basis"] for window in windows} == {"lifecycle"}

    def test_where_no_figure_of_the_kind_is_known_the_answer_says_so(
        self, store: MemoryStore
    ) -> None:
        body = Client(store).ask("/v1/window", "zones=NYISO&signal=marginal&basis=direct").body

        assert (body["comparable"], body["best"]) == (None, None)
        assert body["reason_text"] == (
            "No figure of the kind marginal/direct is known for what is asked about."
        )

    def test_without_a_forecast_the_hour_profile_stands_in_with_its_spread(
        self, store: MemoryStore
    ) -> None:
        hours = {hour: HourMean(400.0 - 10 * hour, NOW, 31.0, 7) for hour in range(24)}
        put_profile(store, a_profile("PJM", hours))
        body = Client(store).ask("/v1/window", "zones=PJM&duration_min=120").body
        [pjm] = body["zones"]

        assert pjm["window"]["rung"] == "same_hour_7d"
        assert (pjm["window"]["start"], pjm["window"]["gco2_kwh"]) == (
            "2026-11-22T22:00:00Z",
            175.0,
        )
        assert (pjm["window"]["spread_gco2_kwh"], pjm["window"]["age_s"]) == (31.0, 0)
        assert (pjm["why_no_forecast"], body["rungs"]) == ("no_forecast", ["same_hour_7d"])
        assert (
            "the hour profile of gridstatus, from which the grid is usually 31"
            in (body["reason_text"])
        )

    def test_every_zone_of_the_world_has_a_window(self) -> None:
        client = Client(MemoryStore())
        for ten in tens(list(zones())):
            rows = client.ask("/v1/window", f"zones={','.join(ten)}").body["zones"]
            assert {row["window"]["rung"] for row in rows} == {"annual_mean"}
            assert all(row["window"]["note"] for row in rows)

    def test_a_yearly_mean_says_nothing_about_when(self) -> None:
        body = Client(MemoryStore()).ask("/v1/window", "zones=NYISO,PJM").body

        assert body["reason_text"] == (
            "No forecast and no hour profile at hand covers 60 min in NYISO, so that no time is "
            "known to be cleaner than 2026-11-22 16:00 to 17:00 UTC: its yearly mean is 237 g/kWh "
            "average/direct, the lowest of 2 zones."
        )

    @pytest.mark.parametrize("asked", ["duration_min=151", "basis=lifecycle"])
    def test_a_forecast_that_does_not_serve_is_not_said_to_be_unknown(
        self, store: MemoryStore, asked: str
    ) -> None:
        """The forecast is of 150 minutes of the direct basis."""
        body = Client(store).ask("/v1/window", f"zones=GBR-13&{asked}").body

        assert body["zones"][0]["window"]["rung"] == "annual_mean"
        assert body["reason_text"].startswith("No forecast and no hour profile at hand covers ")
        assert body["zones"][0]["window"]["note"].startswith("no forecast or hour profile covers")

    def test_a_dip_that_its_neighbours_contradict_is_not_chosen(self) -> None:
        store = MemoryStore()
        store.put_forecast(a_forecast("GBR-13", [203, 84, 193, 190, 150, 140, 150, 190]))
        body = Client(store).ask("/v1/window", "zones=GBR-13&duration_min=30").body

        assert body["best"]["start"] == "2026-11-22T18:30:00Z"


class TestPlaces:
    def test_a_place_alone_is_asked_about_by_the_zone_that_it_draws_from(
        self, store: MemoryStore
    ) -> None:
        for origin in ("London", "LHR", "51.5,-0.1"):
            [row] = Client(store).ask("/v1/window", f"from={origin}").body["zones"]
            assert row["zone"] == "GBR-13"
        [region] = Client(store).ask("/v1/window", "from=aws:eu-west-2").body["zones"]
        assert (region["pop"], region["zone"]) == ("aws:eu-west-2", "GBR")

    def test_places_are_answered_by_their_names_with_their_round_trips(
        self, store: MemoryStore
    ) -> None:
        body = Client(store).ask("/v1/window", "pops=LHR,nyc&from=london").body
        lhr, nyc = body["zones"]

        assert (lhr["pop"], nyc["pop"], body["best"]["pop"]) == ("lhr", "nyc", "lhr")
        assert lhr["latency_ms"] < 10 < nyc["latency_ms"]
        assert lhr["within_limit"] is nyc["within_limit"] is True

    def test_a_place_beyond_the_limit_is_shown_and_not_chosen(self, store: MemoryStore) -> None:
        client = Client(store)
        asked = "pops=lon,nyc&from=new%20york&max_latency_ms="
        body = client.ask("/v1/window", f"{asked}30").body

        assert [row["within_limit"] for row in body["zones"]] == [False, True]
        assert body["best"]["pop"] == "nyc"
        none = client.ask("/v1/window", f"{asked}1").body
        assert (none["best"], none["reason_text"]) == (
            None,
            "Nothing that is asked about is within 1 ms.",
        )

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("zones=NYISO&pops=nyc", "pops"),
            ("zones=NYISO&from=nyc", "from"),
            ("pops=nyc&max_latency_ms=30", "max_latency_ms"),
            ("from=nyc&max_latency_ms=30", "max_latency_ms"),
        ],
    )
    def test_parameters_that_contradict_each_other_are_refused(
        self, store: MemoryStore, query: str, field: str
    ) -> None:
        answer = Client(store).ask("/v1/window", query)
        assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (
            400,
            [field],
        )


class TestTheStore:
    def test_the_kind_that_all_share_is_taken(self, store: MemoryStore) -> None:
        lifecycle = Kind(Signal.AVERAGE, Basis.LIFECYCLE)
        store.put_forecast(a_forecast("PJM", [400] * 4, kind=lifecycle))
        store.put_forecast(a_forecast("NYISO", [300] * 4, kind=lifecycle))
        body = Client(store).ask("/v1/window", "zones=NYISO,PJM").body

        assert {zone["window"]["basis"] for zone in body["zones"]} == {"lifecycle"}
        assert body["best"]["zone"] == "NYISO"

    def test_a_simulated_forecast_marks_the_answer(self) -> None:
        store = MemoryStore()
        store.put_forecast(a_forecast("GBR-13", [100] * 4, simulated=True))

        assert Client(store).ask("/v1/window", "zones=GBR-13").body["simulated"] is True

    def test_without_a_window_the_simulated_mark_follows_the_forecast_that_was_too_short(
        self,
    ) -> None:
        store = MemoryStore()
        store.put_forecast(a_forecast("GBR-13", [100], simulated=True))
        body = Client(store).ask("/v1/window", "zones=GBR-13").body

        assert ([zone["why_no_forecast"] for zone in body["zones"]], body["simulated"]) == (
            ["too_short"],
            True,
        )

    @pytest.mark.parametrize("simulated", [True, False])
    def test_without_a_forecast_the_simulated_mark_follows_the_readings_and_the_runs(
        self, *, simulated: bool
    ) -> None:
        store = MemoryStore()
        put_reading(store, a_reading_of("NYISO", 260, simulated=simulated))
        assert Client(store).ask("/v1/window", "zones=NYISO").body["simulated"] is simulated

        store = MemoryStore()
        run = ProviderStatus(
            provider="eso", state=ProviderState.OK, last_run_at=NOW, simulated=simulated
        )
        put_status(store, run)
        assert Client(store).ask("/v1/window", "zones=NYISO").body["simulated"] is simulated

    def test_where_nothing_is_known_the_answer_is_not_marked_as_real(self) -> None:
        assert Client(MemoryStore()).ask("/v1/window").body["simulated"] is None
        assert Client(MemoryStore(unreachable=True)).ask("/v1/window").body["simulated"] is None

    def test_a_failing_store_is_not_reported_as_a_missing_forecast(
        self, store: MemoryStore
    ) -> None:
        store.unreachable = True
        body = Client(store).ask("/v1/window", "zones=GBR-13,NYISO").body

        assert {zone["why_no_forecast"] for zone in body["zones"]} == {"not_read"}
        assert {zone["window"]["rung"] for zone in body["zones"]} == {"annual_mean"}
        assert body["degraded_reason"] == (
            "the store did not give forecasts of GBR-13, forecasts of NYISO, hour profiles"
        )


class TestSplit:
    @pytest.fixture
    def close(self) -> MemoryStore:
        store = MemoryStore(policy=Policy(capacity={"iad": 3}, latency_price_gco2_kwh_ms=0))
        for zone, gco2_kwh in (("NYISO", 200), ("PJM", 200), ("CAISO_NORTH", 400)):
            put_reading(store, a_reading_of(zone, gco2_kwh))
        return store

    def test_pops_within_the_margin_share_traffic_by_capacity(self, close: MemoryStore) -> None:
        body = Client(close).ask("/v1/route", "pops=nyc,iad,sfo&split=true").body

        assert body["split"] == [{"pop": "iad", "weight": 0.75}, {"pop": "nyc", "weight": 0.25}]
        assert body["pop"] == "iad"

    @pytest.mark.parametrize("query", ["", "&split=false"])
    def test_no_shares_are_given_unless_they_are_requested(
        self, close: MemoryStore, query: str
    ) -> None:
        assert Client(close).ask("/v1/route", f"pops=nyc,iad{query}").body["split"] is None

    def test_a_single_pop_within_the_limit_gets_all_traffic(self, close: MemoryStore) -> None:
        asked = "pops=nyc,iad&rtt=nyc:10,iad:300&split=true"

        assert Client(close).ask("/v1/route", asked).body["split"] == [{"pop": "nyc", "weight": 1}]
