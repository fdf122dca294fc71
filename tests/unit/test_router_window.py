"""These tests cover GET /v1/window and the shares of GET /v1/route?split=true."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Basis, Forecast, ForecastPoint, Kind, Scope, Signal
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState, ProviderStatus
from tests.builders import AVERAGE_DIRECT, MARGINAL_DIRECT, NOW
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client, a_reading_of
from tests.storing import put_reading, put_status

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
        assert (iad["window"], iad["why_none"]) == (None, "no_forecast")
        assert body["without_forecast"] == ["PJM"]
        assert body["best"] == {"zone": "GBR-13", **lon["window"]}
        assert (body["comparable"], body["degraded"]) == ("same_kind", False)

    def test_an_hour_within_a_day_in_the_zones_of_the_seed_is_the_default(
        self, store: MemoryStore
    ) -> None:
        body = Client(store).ask("/v1/window").body

        assert (body["duration_min"], body["within_h"]) == (60, 24)
        assert [zone["zone"] for zone in body["zones"]] == [
            "CAISO_NORTH",
            "PJM",
            "NYISO",
            "GBR-13",
            "ENTSOE_NL",
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
        body = Client(store).ask("/v1/window", "zones=NYISO&duration_min=121").body

        assert (body["zones"][0]["why_none"], body["without_forecast"]) == ("too_short", [])
        assert (body["comparable"], body["best"]) == (None, None)

    def test_marginal_and_average_are_not_compared(self, store: MemoryStore) -> None:
        store.put_forecast(a_forecast("CAISO_NORTH", [50] * 4, kind=MARGINAL_DIRECT))
        body = Client(store).ask("/v1/window", "zones=GBR-13,CAISO_NORTH").body

        assert (body["comparable"], body["best"]) == ("mixed", None)
        assert [zone["window"]["signal"] for zone in body["zones"]] == ["average", "marginal"]

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

        assert ([zone["why_none"] for zone in body["zones"]], body["simulated"]) == (
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

        assert {zone["why_none"] for zone in body["zones"]} == {"not_read"}
        assert body["without_forecast"] == []
        assert body["degraded_reason"] == "the store did not give forecasts of GBR-13, NYISO"


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
