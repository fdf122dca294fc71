"""These tests cover the routes for zones and their sources, POPs, providers, policy and health."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from greenstream.api.view import View
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.places import pops
from greenstream.domain.policy import Policy, RankedScope
from greenstream.domain.profile import HourMean
from greenstream.domain.reading import Basis, Forecast, ForecastPoint, Scope, Signal
from greenstream.domain.zone_sources import zone_sources
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState, ProviderStatus
from tests.builders import AVERAGE_LIFECYCLE, NOW, an_hour_profile
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client, a_reading_of
from tests.storing import put_profile, put_reading, put_status


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    put_reading(store, a_reading_of("NYISO", 260))
    put_reading(store, a_reading_of("NYISO", 312, kind=AVERAGE_LIFECYCLE))
    put_reading(store, a_reading_of("GBR-13", 120, age_s=2 * 3600 + 60))
    put_reading(store, a_reading_of("GBR", 140, age_s=600))
    return store


@pytest.fixture
def client(store: MemoryStore) -> Client:
    return Client(store)


class TestZones:
    def listed(self, client: Client, query: str = "") -> dict[str, dict[str, Any]]:
        return {zone["zone"]: zone for zone in client.ask("/v1/zones", query).body["zones"]}

    def test_every_zone_of_the_table_is_listed_with_its_best_figure(self, client: Client) -> None:
        listed = self.listed(client)

        assert list(listed) == list(zones())
        assert (listed["NYISO"]["gco2_kwh"], listed["NYISO"]["basis"]) == (260, "direct")
        assert (listed["NYISO"]["name"], listed["NYISO"]["country"]) == ("New York ISO", "US")
        assert listed["PJM"]["rung"] == "annual_mean"

    def test_signal_and_basis_narrow_the_figures(self, client: Client) -> None:
        assert self.listed(client, "basis=lifecycle")["NYISO"]["gco2_kwh"] == 312
        assert self.listed(client, "signal=average")["NYISO"]["gco2_kwh"] == 260
        marginal = self.listed(client, "signal=marginal&basis=direct")["NYISO"]
        assert (marginal["gco2_kwh"], marginal["rung"]) == (None, "none")


class TestOneZone:
    def test_it_shows_each_source_with_its_own_newest_reading_and_state(
        self, client: Client
    ) -> None:
        body = client.ask("/v1/zones/GBR-13").body
        own, national, elexon, last = body["sources"]

        assert (body["zone"], body["gco2_kwh"], body["rung"]) == ("GBR-13", 140, "live")
        assert (own["provider_zone"], own["age_s"]) == ("13", 7260)
        assert [reading["state"] for reading in own["readings"]] == ["stale"]
        assert (national["provider_zone"], national["age_s"]) == ("national", 600)
        assert [reading["state"] for reading in national["readings"]] == ["live"]
        assert own["provider_state"] == "never_run"
        assert (elexon["provider"], elexon["readings"]) == ("elexon", [])
        assert (last["provider_zone"], last["readings"]) == ("GB", [])

    def test_it_shows_readings_of_every_kind(self, client: Client) -> None:
        source = client.ask("/v1/zones/NYISO").body["sources"][0]

        assert {reading["basis"]: reading["gco2_kwh"] for reading in source["readings"]} == {
            "direct": 260,
            "lifecycle": 312,
        }

    def test_a_partly_known_and_an_expired_reading_say_so(self) -> None:
        store = MemoryStore()
        put_reading(store, a_reading_of("NYISO", 260, coverage=0.5))
        put_reading(store, a_reading_of("PJM", 260, age_s=7 * 3600))
        client = Client(store)

        states = {
            zone: client.ask(f"/v1/zones/{zone}").body["sources"][0]["readings"][0]["state"]
            for zone in ("NYISO", "PJM")
        }
        assert states == {"NYISO": "live_partial", "PJM": "expired"}

    @pytest.mark.parametrize(
        ("age_h", "days", "state"),
        [(7, 7, "stale"), (47, 7, "stale"), (49, 7, "expired"), (7, 3, "expired")],
    )
    def test_a_reading_that_stands_by_its_profile_is_not_called_expired(
        self, age_h: int, days: int, state: str
    ) -> None:
        store = MemoryStore()
        put_reading(store, a_reading_of("NYISO", 260, age_s=age_h * 3600))
        profile = an_hour_profile(
            zone="NYISO",
            provider="gridstatus",
            hours={hour: HourMean(250.0, NOW, 10.0, days) for hour in range(24)},
        )
        put_profile(store, profile)

        body = Client(store).ask("/v1/zones/NYISO").body

        assert body["sources"][0]["readings"][0]["state"] == state
        assert (body["rung"] == "stale") is (state == "stale")

    def test_a_source_that_never_gave_anything_has_no_age(self, client: Client) -> None:
        source = client.ask("/v1/zones/PJM").body["sources"][0]

        assert (source["newest_valid_to"], source["age_s"], source["readings"]) == (None, None, [])

    def test_it_shows_the_annual_means_with_their_source(self, client: Client) -> None:
        shown = client.ask("/v1/zones/PJM").body["annual_means"]

        assert [mean["year"] for mean in shown] == [m.year for m in zones()["PJM"].annual_means]
        assert [mean["source"] for mean in shown] == list(zone_sources()["PJM"].annual_means)

    def test_it_shows_where_the_facts_of_the_zone_come_from(self, client: Client) -> None:
        assert client.ask("/v1/zones/PJM").body["source"] == zone_sources()["PJM"].source

    def test_its_figure_follows_a_policy_of_another_scope_at_the_next_read(
        self, store: MemoryStore
    ) -> None:
        put_reading(store, a_reading_of("ENTSOE_ES", 100))
        put_reading(store, a_reading_of("ENTSOE_ES", 150, source=3))  # traced by `flows`
        same_boards = store.snapshot()
        before = View().renewed(same_boards, None, read_at=NOW)
        traced = Policy(version="traced-1", scope=RankedScope.CONSUMPTION)
        assert before.carbon_at(NOW, before.policy, None)("ENTSOE_ES").origin.gco2_kwh == 100

        after = before.renewed(replace(same_boards, policy=traced), None, read_at=NOW)
        assert after.carbon_at(NOW, after.policy, None)("ENTSOE_ES").origin.gco2_kwh == 150

    def test_it_shows_how_far_the_hours_of_a_year_lie_apart_where_that_is_known(
        self, client: Client
    ) -> None:
        spread = client.ask("/v1/zones/EIA_LDWP").body["hourly_spread"]

        assert spread["p05_gco2_kwh"] < spread["mean_gco2_kwh"] < spread["p95_gco2_kwh"]
        assert (spread["year"], bool(spread["source"])) == (2024, True)
        assert client.ask("/v1/zones/PJM").body["hourly_spread"] is None

    def test_it_shows_the_profile_by_hour(self, store: MemoryStore) -> None:
        put_profile(
            store,
            an_hour_profile(
                zone="NYISO",
                provider="gridstatus",
                hours={9: HourMean(250.26, NOW)},
            ),
        )
        [profile] = Client(store).ask("/v1/zones/NYISO").body["profile"]

        assert profile["hours_utc"] == {
            "09": {"gco2_kwh": 250.3, "computed_at": "2026-11-22T16:00:00Z"}
        }

    def test_it_shows_what_of_the_forecast_lies_ahead(self, store: MemoryStore) -> None:
        half_hour = timedelta(minutes=30)
        store.put_forecast(
            Forecast(
                zone="GBR-13",
                provider="eso",
                provider_zone="13",
                signal=Signal.AVERAGE,
                basis=Basis.DIRECT,
                scope=Scope.CONSUMPTION,
                factor_set=GREENSTREAM,
                issued_at=NOW,
                points=tuple(
                    ForecastPoint(NOW + step * half_hour, NOW + (step + 1) * half_hour, 100 + step)
                    for step in (-1, 0, 1)
                ),
            )
        )
        [forecast] = Client(store).ask("/v1/zones/GBR-13").body["forecasts"]

        assert [point["gco2_kwh"] for point in forecast["points"]] == [100, 101]

    def test_it_shows_history_only_when_asked(self, store: MemoryStore) -> None:
        for hours in (1, 2, 3, 50):
            put_reading(store, a_reading_of("PJM", hours, age_s=hours * 3600))
        client = Client(store)

        assert "history" not in client.ask("/v1/zones/PJM").body
        past = client.ask("/v1/zones/PJM", "history_h=3").body["history"]
        assert [interval["gco2_kwh"] for interval in past] == [2, 1]

    def test_the_history_comes_with_the_newest_mix_of_each_source(self, store: MemoryStore) -> None:
        for age_s, gas_mw in ((3600, 5000), (600, 6100.04)):
            put_reading(
                store,
                a_reading_of(
                    "NYISO", 250, age_s=age_s, detail={"fuel_mw": {"Gas": gas_mw, "Hydro": 0}}
                ),
            )
        client = Client(store)

        assert client.ask("/v1/zones/NYISO", "history_h=3").body["mixes"] == [
            {
                "provider": "gridstatus",
                "provider_zone": "NYISO",
                "valid_from": "2026-11-22T15:45:00Z",
                "valid_to": "2026-11-22T15:50:00Z",
                "unit": "MW",
                "fuels": {"Gas": 6100.0, "Hydro": 0},
            }
        ]
        assert client.ask("/v1/zones/GBR-13", "history_h=3").body["mixes"] == []
        assert "mixes" not in client.ask("/v1/zones/NYISO").body

    def test_shares_in_percent_are_a_mix_too(self, store: MemoryStore) -> None:
        detail = {"share_percent": {"gas": 41.2, "wind": 58.8}}
        put_reading(store, a_reading_of("GBR-13", 160, age_s=60, detail=detail))

        [mix] = Client(store).ask("/v1/zones/GBR-13", "history_h=1").body["mixes"]
        assert (mix["unit"], mix["fuels"]) == ("%", {"gas": 41.2, "wind": 58.8})

    def test_an_interval_under_way_belongs_to_the_history(self, store: MemoryStore) -> None:
        put_reading(store, a_reading_of("GBR-13", 95, valid_to=NOW + timedelta(minutes=4)))
        past = Client(store).ask("/v1/zones/GBR-13", "history_h=1").body["history"]

        assert [interval["gco2_kwh"] for interval in past] == [95]


class TestPops:
    def test_they_are_listed_with_place_zones_and_proxies(self, client: Client) -> None:
        listed = {pop["pop"]: pop for pop in client.ask("/v1/pops").body["pops"]}

        assert list(listed) == list(pops())
        iad = listed["iad"]
        assert (iad["lat"], iad["lon"]) == (39.04, -77.49)
        assert [(zone["zone"], zone["proxy_zone"]) for zone in iad["zones"]] == [
            ("PJM", False),
            ("NYISO", True),
        ]


class TestProviders:
    def listed(self, client: Client) -> dict[str, dict[str, Any]]:
        return {
            provider["provider"]: provider
            for provider in client.ask("/v1/providers").body["providers"]
        }

    def test_a_provider_that_never_ran_says_so(self, client: Client) -> None:
        listed = self.listed(client)

        assert set(listed) == {
            source.provider for zone in zones().values() for source in zone.sources
        }
        assert listed["eso"]["state"] == "never_run"
        assert "GBR-13" in listed["eso"]["zones"]

    def test_a_provider_that_ran_shows_success_error_and_age(self, store: MemoryStore) -> None:
        put_status(
            store,
            ProviderStatus(
                provider="eso",
                state=ProviderState.PARTIAL,
                last_run_at=NOW,
                last_success_at=NOW,
                newest_valid_to=NOW - timedelta(minutes=5),
                last_error="a region is missing",
                last_error_kind="invalid",
                last_error_at=NOW,
                stored=14,
                rejected={"negative": 1},
            ),
        )
        eso = self.listed(Client(store))["eso"]

        assert (eso["state"], eso["age_s"], eso["stored"]) == ("partial", 300, 14)
        assert eso["last_error"] == {
            "kind": "invalid",
            "text": "a region is missing",
            "at": "2026-11-22T16:00:00Z",
        }
        assert eso["rejected"] == {"negative": 1}


class TestPolicy:
    def test_the_default_stands_until_one_is_stored(self, store: MemoryStore) -> None:
        body = Client(store).ask("/v1/policy").body
        assert (body["stored"], body["version"], body["max_latency_ms"]) == (False, "default-2", 80)

        store.policy = Policy(version="night-7", max_latency_ms=60)
        body = Client(store).ask("/v1/policy").body
        assert (body["stored"], body["version"], body["max_latency_ms"]) == (True, "night-7", 60)


class TestHealth:
    @pytest.fixture
    def store(self, store: MemoryStore) -> MemoryStore:
        put_status(store, a_status("eso"))
        return store

    def reason(self, store: MemoryStore) -> Any:
        body = Client(store).ask("/v1/health").body
        assert body["status"] == ("ok" if body["degraded_reason"] is None else "degraded")
        return body["degraded_reason"]

    def test_it_is_ok_and_gives_the_age_of_the_newest_reading(self, client: Client) -> None:
        body = client.ask("/v1/health").body

        assert (body["status"], body["readings"], body["newest_age_s"]) == ("ok", 4, 0)
        assert (body["degraded_reason"], body["simulated"]) == (None, False)

    def test_it_is_degraded_with_the_reason_and_still_200(self) -> None:
        answer = Client(MemoryStore(unreachable=True)).ask("/v1/health")

        assert (answer.status, answer.body["status"]) == (200, "degraded")
        assert "nothing is remembered" in answer.body["degraded_reason"]
        assert "run" not in answer.body["degraded_reason"]
        assert answer.body["simulated"] is None

    def test_an_interval_under_way_is_no_newer_than_its_fetch(self) -> None:
        store = MemoryStore()
        fetched_at = NOW - timedelta(minutes=25)
        put_reading(
            store,
            a_reading_of(
                "GBR-13",
                120,
                valid_from=fetched_at,
                valid_to=NOW + timedelta(minutes=5),
                fetched_at=fetched_at,
            ),
        )
        body = Client(store).ask("/v1/health").body

        assert body["newest_age_s"] == 1500
        assert body["newest_valid_to"] == "2026-11-22T15:35:00Z"

    def test_failing_providers_degrade_it_whatever_is_still_valid(self) -> None:
        store = MemoryStore()
        put_reading(store, a_reading_of("GBR", 120, age_s=-1800))
        put_status(store, a_status("eso", ProviderState.FAILED, age_s=120))
        put_status(store, replace(a_status("entsoe", ProviderState.FAILED), last_success_at=None))

        assert self.reason(store) == (
            "no run of eso has succeeded since 2026-11-22T15:58:00Z; no run of entsoe has succeeded"
        )

    def test_a_silent_provider_degrades_it_once_its_figures_are_no_longer_live(
        self, store: MemoryStore
    ) -> None:
        live_for_s = zones()["GBR"].sources[0].max_age_s
        put_status(store, a_status("eso", age_s=live_for_s))
        assert self.reason(store) is None

        store = MemoryStore()
        put_reading(store, a_reading_of("PJM", 300))
        put_status(store, a_status("eso", ProviderState.PARTIAL, age_s=live_for_s + 1))
        assert self.reason(store) == "no run of eso has succeeded since 2026-11-22T13:59:59Z"

    def test_a_provider_without_its_key_is_no_failure(self, store: MemoryStore) -> None:
        put_status(store, a_status("watttime", ProviderState.UNCONFIGURED, age_s=86_400))
        assert self.reason(store) is None

    def test_a_provider_it_does_not_know_is_judged_by_its_runs_alone(
        self, store: MemoryStore
    ) -> None:
        put_status(store, a_status("ember", age_s=86_400))
        assert self.reason(store) is None

    def test_the_lack_of_any_run_is_reported(self) -> None:
        store = MemoryStore()
        put_reading(store, a_reading_of("PJM", 300))
        assert self.reason(store) == "no provider has reported a run"

    def test_the_lack_of_live_figures_is_reported_whatever_the_providers_runs_say(self) -> None:
        store = MemoryStore()
        put_status(store, a_status("eso"))
        body = Client(store).ask("/v1/health").body

        assert (body["status"], body["freshness"], body["figures"]["live"]) == (
            "degraded",
            "fallback",
            0,
        )
        zones_with_a_feed = [zone for zone in zones().values() if zone.own_sources]
        reason = f"none of the {len(zones_with_a_feed)} figures is live"
        assert reason in body["degraded_reason"]

    def test_it_reports_simulated_data(self, store: MemoryStore) -> None:
        put_status(store, replace(a_status("gridstatus"), simulated=True))
        assert Client(store).ask("/v1/health").body["simulated"] is True


def a_status(
    provider: str, state: ProviderState = ProviderState.OK, *, age_s: float = 0
) -> ProviderStatus:
    """Return the status of a provider whose last successful run was ``age_s`` ago."""
    at = NOW - timedelta(seconds=age_s)
    return ProviderStatus(provider=provider, state=state, last_run_at=NOW, last_success_at=at)


def test_the_index_lists_routes_that_answer(client: Client) -> None:
    for route in client.ask("/").body["routes"]:
        if route == "/v1/latency":
            assert client.ask(route).headers["Allow"] == "POST"
        else:
            assert client.ask(route.replace("{zone}", "NYISO")).status == 200


@pytest.mark.parametrize("path", ["/v1/providers", "/v1/policy", "/v1/health"])
def test_health_policy_and_provider_states_are_never_cached(client: Client, path: str) -> None:
    assert client.ask(path).headers["Cache-Control"] == "no-store"
