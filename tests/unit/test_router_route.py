"""GET /v1/route returns the chosen POP, the reason, and what is known about each candidate."""

from datetime import timedelta

import pytest

from greenstream.domain.latency import estimate_rtt_ms, great_circle_km
from greenstream.domain.places import colos, pops, seed_pops
from greenstream.domain.policy import Policy, RankingSignal
from greenstream.domain.profile import HourMean
from greenstream.domain.reading import Scope
from greenstream.domain.zones import zones
from tests.builders import AVERAGE_DIRECT, AVERAGE_LIFECYCLE, MARGINAL_DIRECT, NOW, an_hour_profile
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Answer, Client, a_reading_of
from tests.storing import put_profile, put_reading

CANDIDATE_FIELDS = [
    "pop",
    "zone",
    "proxy_zone",
    "proxy_reason",
    "eligible",
    "exclusion",
    "score",
    "latency_ms",
    "latency_source",
    "latency_samples",
    "gco2_kwh",
    "gco2_low",
    "gco2_high",
    "adj_carbon_gco2_kwh",
    "expected_gco2_kwh",
    "penalty_gco2_kwh",
    "penalty_capped",
    "doubt_gco2_kwh",
    "age_s",
    "rung",
    "signal",
    "basis",
    "scope",
    "factor_set",
    "quality",
    "provider",
    "provider_zone",
    "coverage",
    "valid_from",
    "valid_to",
    "simulated",
    "note",
]


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    for zone, gco2_kwh in (("CAISO_NORTH", 210.04), ("NYISO", 260), ("GBR-13", 120)):
        put_reading(store, a_reading_of(zone, gco2_kwh))
    return store


@pytest.fixture
def client(store: MemoryStore) -> Client:
    return Client(store)


def candidates(answer: Answer) -> dict[str, dict[str, object]]:
    assert answer.status == 200, answer.text
    return {candidate["pop"]: candidate for candidate in answer.body["candidates"]}


class TestTheDecision:
    def test_a_round_trip_of_minus_zero_is_zero(self, client: Client) -> None:
        answer = client.ask("/v1/route", "rtt=sfo:-0,nyc:10")
        assert "-0" not in answer.body["reason_text"]
        assert '"latency_ms":0.0' in answer.text

    def test_the_cleanest_within_the_limit_is_chosen_and_explained(self, client: Client) -> None:
        body = client.ask("/v1/route", "pops=sfo,nyc,lon&rtt=sfo:70,nyc:10,lon:90").body

        assert (body["pop"], body["zone"], body["reason"]) == ("sfo", "CAISO_NORTH", "cleanest")
        assert body["reason_text"].startswith("sfo (210 g/kWh average/direct")
        assert [candidate["pop"] for candidate in body["candidates"]] == ["sfo", "nyc", "lon"]
        assert [candidate["eligible"] for candidate in body["candidates"]] == [True, True, False]

    def test_the_difference_is_given_against_the_nearest_pop(self, client: Client) -> None:
        body = client.ask("/v1/route", "pops=sfo,nyc&rtt=sfo:70,nyc:10").body

        assert body["baseline"] == {
            "pop": "nyc",
            "zone": "NYISO",
            "gco2_kwh": 260,
            "expected_gco2_kwh": 260,
            "attributed_difference_gco2_kwh": 50,
        }

    def test_no_round_trip_known_means_no_baseline(self, client: Client) -> None:
        body = client.ask("/v1/route", "pops=sfo,nyc").body

        assert (body["baseline"], body["reason"]) == (None, "carbon_only_no_latency")

    def test_the_visitor_stays_where_the_gain_is_small(self, store: MemoryStore) -> None:
        put_reading(store, a_reading_of("PJM", 258))
        store.policy = Policy(version="calm", switch_margin=0.05)
        body = Client(store).ask("/v1/route", "pops=iad,nyc&current=nyc").body

        assert (body["pop"], body["reason"]) == ("nyc", "stayed_within_margin")

    def test_a_limit_in_the_question_overrides_the_policy(self, client: Client) -> None:
        asked = "pops=nyc,lon&rtt=nyc:10,lon:90"

        assert client.ask("/v1/route", asked).body["pop"] == "nyc"
        assert client.ask("/v1/route", asked + "&max_latency_ms=90").body["pop"] == "lon"

    def test_the_stored_policy_steers_and_is_named(self, store: MemoryStore) -> None:
        store.policy = Policy(version="night-7", max_latency_ms=5)
        body = Client(store).ask("/v1/route", "pops=nyc,lon&rtt=nyc:10,lon:20").body

        assert (body["policy"], body["reason"]) == ("night-7", "nearest_none_within_limit")

    def test_the_seed_pops_are_the_default(self, client: Client) -> None:
        assert set(candidates(client.ask("/v1/route"))) == set(seed_pops())


class TestRoundTrips:
    def test_the_callers_own_beats_the_estimate_and_each_source_is_named(
        self, client: Client
    ) -> None:
        found = candidates(client.ask("/v1/route", "pops=sfo,lon&lat=51.5&lon=-0.1&rtt=sfo:141.96"))
        lon = pops()["lon"]

        assert (found["sfo"]["latency_ms"], found["sfo"]["latency_source"]) == (142.0, "request")
        assert found["lon"]["latency_source"] == "distance"
        assert found["lon"]["latency_ms"] == round(
            estimate_rtt_ms(great_circle_km(51.5, -0.1, lon.lat, lon.lon)), 1
        )

    def test_without_either_they_are_unknown_not_zero(self, client: Client) -> None:
        found = candidates(client.ask("/v1/route", "pops=sfo"))

        assert (found["sfo"]["latency_ms"], found["sfo"]["latency_source"]) == (None, "unknown")

    def test_the_parameter_lon_is_a_longitude_and_the_name_lon_a_pop(self, client: Client) -> None:
        found = candidates(client.ask("/v1/route", "pops=lon&lat=51.51&lon=-0.13&current=lon"))

        assert found["lon"]["latency_ms"] == round(estimate_rtt_ms(0), 1)

    def test_the_callers_round_trips_alone_determine_the_candidate_pops(
        self, client: Client
    ) -> None:
        found = candidates(client.ask("/v1/route", "rtt=nyc:3,lon:70"))

        assert {pop: entry["latency_ms"] for pop, entry in found.items()} == {"nyc": 3, "lon": 70}

    def test_the_position_of_the_visitor_adds_no_candidate_pops(self, client: Client) -> None:
        assert list(candidates(client.ask("/v1/route", "lat=51.5&lon=-0.1&rtt=nyc:75"))) == ["nyc"]

    def test_with_pops_a_part_of_them_may_be_the_callers_own(self, client: Client) -> None:
        found = candidates(client.ask("/v1/route", "pops=sfo,nyc&rtt=nyc:3"))

        assert {pop: entry["latency_source"] for pop, entry in found.items()} == {
            "sfo": "unknown",
            "nyc": "request",
        }

    @pytest.mark.parametrize("value", ["0", "60000", "1.5", ".5", "2e1"])
    def test_every_plain_number_is_understood(self, client: Client, value: str) -> None:
        found = candidates(client.ask("/v1/route", f"pops=sfo&rtt=sfo:{value}"))

        assert found["sfo"]["latency_ms"] == float(value)


class TestTheColo:
    def test_its_position_stands_for_the_visitors(self, client: Client) -> None:
        answer = client.ask("/v1/route", "pops=lax,lon,sfo&colo=LHR")
        london, lon = colos()["LHR"], pops()["lon"]
        km = great_circle_km(london.lat, london.lon, lon.lat, lon.lon)

        assert answer.body["pop"] == answer.body["baseline"]["pop"] == "lon"
        assert candidates(answer)["lon"]["latency_ms"] == round(estimate_rtt_ms(km), 1)
        assert candidates(answer)["lon"]["latency_source"] == "distance"

    def test_the_visitors_own_position_comes_before_it(self, client: Client) -> None:
        position = "pops=lax,lon,sfo&lat=37.77&lon=-122.42"

        assert (
            client.ask("/v1/route", f"{position}&colo=LHR").text
            == client.ask("/v1/route", position).text
        )

    @pytest.mark.parametrize("colo", ["lhr", "Lhr"])
    def test_its_code_may_be_in_lower_case(self, client: Client, colo: str) -> None:
        answer = client.ask("/v1/route", f"colo={colo}")

        assert answer.text == client.ask("/v1/route", "colo=LHR").text
        assert client.log.lines[0][2]["colo"] == "LHR"

    def test_its_table_is_not_read_for_a_question_that_names_none(self, client: Client) -> None:
        colos.cache_clear()
        client.ask("/v1/route", "lat=51.5&lon=-0.1")

        assert colos.cache_info().currsize == 0


class TestTheFigures:
    def test_each_candidate_carries_every_field(self, client: Client) -> None:
        for candidate in candidates(client.ask("/v1/route")).values():
            assert list(candidate) == CANDIDATE_FIELDS

    def test_they_are_rounded_and_their_times_are_utc(self, client: Client) -> None:
        sfo = candidates(client.ask("/v1/route", "pops=sfo"))["sfo"]

        assert (sfo["gco2_kwh"], sfo["rung"], sfo["age_s"]) == (210.0, "live", 0)
        assert sfo["valid_to"] == "2026-11-22T16:00:00Z"

    def test_age_and_penalty_are_those_of_the_moment_of_the_answer(self, client: Client) -> None:
        client.ask("/v1/route", "pops=sfo")
        client.clock.forward(4)
        remembered = candidates(client.ask("/v1/route", "pops=sfo"))["sfo"]
        client.clock.forward(656)
        later = candidates(client.ask("/v1/route", "pops=sfo"))["sfo"]

        assert (remembered["age_s"], remembered["penalty_gco2_kwh"]) == (4, 0)
        assert (later["age_s"], later["penalty_gco2_kwh"]) == (660, 1.0)
        assert later["adj_carbon_gco2_kwh"] == 211.0

    def test_a_neighbouring_grids_figure_is_marked_as_such(self, client: Client) -> None:
        store = MemoryStore()
        put_reading(store, a_reading_of("CAISO_NORTH", 300, kind=MARGINAL_DIRECT))
        lax = candidates(Client(store).ask("/v1/route", "pops=lax&signal=marginal"))["lax"]

        assert (lax["zone"], lax["proxy_zone"]) == ("CAISO_NORTH", True)
        assert "LADWP" in str(lax["proxy_reason"])

    def test_los_angeles_is_ranked_by_its_own_utility(self, client: Client) -> None:
        lax = candidates(client.ask("/v1/route", "pops=lax"))["lax"]

        assert (lax["zone"], lax["proxy_zone"], lax["rung"]) == ("EIA_LDWP", False, "annual_mean")

    def test_without_a_reading_of_its_own_grid_a_pop_shows_that_grids_mean(
        self, client: Client
    ) -> None:
        iad = candidates(client.ask("/v1/route", "pops=iad"))["iad"]

        assert (iad["zone"], iad["proxy_zone"], iad["rung"]) == ("PJM", False, "annual_mean")

    def test_a_shared_national_source_stands_in_for_its_region(self) -> None:
        store = MemoryStore()
        put_reading(store, a_reading_of("GBR", 99))
        lon = candidates(Client(store).ask("/v1/route", "pops=lon"))["lon"]

        assert (lon["zone"], lon["provider_zone"], lon["gco2_kwh"]) == ("GBR-13", "national", 99)

    def test_a_simulated_figure_marks_the_whole_answer(self, store: MemoryStore) -> None:
        client = Client(store)
        assert client.ask("/v1/route").body["simulated"] is False
        put_reading(
            store, a_reading_of("NYISO", 1, valid_to=NOW + timedelta(minutes=5), simulated=True)
        )
        client.clock.forward(5)

        assert client.ask("/v1/route", "pops=nyc,sfo").body["simulated"] is True
        assert client.ask("/v1/route", "pops=sfo").body["simulated"] is False


class TestLikeForLike:
    @pytest.fixture
    def mixed(self) -> Client:
        store = MemoryStore()
        put_reading(store, a_reading_of("NYISO", 260))
        put_reading(store, a_reading_of("NYISO", 300, kind=AVERAGE_LIFECYCLE))
        put_reading(store, a_reading_of("CAISO_NORTH", 250, kind=AVERAGE_LIFECYCLE))
        return Client(store)

    def test_all_are_ranked_by_the_kind_they_share(self, mixed: Client) -> None:
        body = mixed.ask("/v1/route", "pops=nyc,sfo").body

        assert body["ranking"] == {
            "asked": "auto",
            "kinds": ["average/lifecycle"],
            "scopes": ["consumption", "production"],
            "factor_sets": ["greenstream"],
        }
        assert body["comparable"] == "mixed_scope"

    def test_the_signal_any_mixes_kinds_and_says_so(self, mixed: Client) -> None:
        body = mixed.ask("/v1/route", "pops=nyc,sfo&signal=any").body

        assert body["ranking"]["kinds"] == ["average/direct", "average/lifecycle"]
        assert (body["ranking"]["asked"], body["comparable"]) == ("any", "mixed")

    def test_the_policy_says_which_signal_when_the_question_does_not(self) -> None:
        store = MemoryStore(policy=Policy(ranking_signal=RankingSignal.MARGINAL))
        body = Client(store).ask("/v1/route").body

        assert body["ranking"] == {
            "asked": "marginal",
            "kinds": [],
            "scopes": [],
            "factor_sets": [],
        }

    def test_each_question_within_one_second_is_ranked_by_its_own_signal(
        self, mixed: Client
    ) -> None:
        marginal = candidates(mixed.ask("/v1/route", "pops=nyc&signal=marginal"))["nyc"]
        average = candidates(mixed.ask("/v1/route", "pops=nyc&signal=average"))["nyc"]

        assert (marginal["signal"], average["signal"]) == (None, "average")

    def test_no_figure_of_the_signal_asked_for_is_null_not_zero(self, mixed: Client) -> None:
        found = candidates(mixed.ask("/v1/route", "pops=nyc&signal=marginal"))["nyc"]

        assert (found["gco2_kwh"], found["score"], found["rung"]) == (None, None, "none")


class TestOneTruth:
    """GET /v1/route has its own, faster writer of figures; its output equals that of the zones."""

    def test_a_candidates_figure_is_its_zones(self) -> None:
        store = MemoryStore()
        put_reading(store, a_reading_of("CAISO_NORTH", 210.04, age_s=4000))
        put_reading(store, a_reading_of("NYISO", 260.25, coverage=0.61237, gco2_high=270.0))
        put_reading(store, a_reading_of("GBR-13", 0.0, age_s=17 * 60.5))
        put_profile(
            store,
            an_hour_profile(
                zone="ENTSOE_NL",
                provider="entsoe",
                hours={NOW.hour: HourMean(333.35, NOW)},
                simulated=True,
            ),
        )
        client = Client(store)
        found = candidates(client.ask("/v1/route", "signal=any&pops=sfo,nyc,lon,ams,fra"))
        listed = {row["zone"]: row for row in client.ask("/v1/zones").body["zones"]}

        for candidate in found.values():
            figure = listed[candidate["zone"]]
            names = figure.keys() - {"name", "country"}
            assert {name: candidate[name] for name in names} == {
                name: figure[name] for name in names
            }
        assert [found[pop]["rung"] for pop in ("sfo", "nyc", "lon", "ams", "fra")] == [
            "stale",
            "live_partial",
            "live",
            "same_hour_7d",
            "annual_mean",
        ]


class TestSize:
    @pytest.mark.parametrize("kind", [AVERAGE_DIRECT, MARGINAL_DIRECT])
    @pytest.mark.parametrize("filled", ["live", "same_hour", "annual_mean"])
    def test_six_pops_fit_in_8_kb_whatever_stands_behind_them(
        self, filled: str, kind: object
    ) -> None:
        store = MemoryStore()
        for zone in zones().values():
            if filled == "live" and zone.sources:
                put_reading(store, a_reading_of(zone.zone, 1234.56, age_s=1234))
            if filled == "same_hour":
                put_profile(
                    store,
                    an_hour_profile(
                        zone=zone.zone,
                        scope=Scope.CONSUMPTION,
                        provider="electricitymaps",
                        hours={NOW.hour: HourMean(1234.56, NOW)},
                    ),
                )
        signal = "marginal" if kind is MARGINAL_DIRECT else "auto"
        answer = Client(store).ask("/v1/route", f"lat=40.7&lon=-74.0&signal={signal}")

        assert len(candidates(answer)) == 6
        assert len(answer.text.encode()) < 8192


class TestHeadersAndLog:
    def test_it_may_be_cached_and_outlive_the_router(self, client: Client) -> None:
        answer = client.ask("/v1/route")

        assert answer.headers["Content-Type"] == "application/json"
        assert (
            answer.headers["Cache-Control"]
            == "public, max-age=15, stale-while-revalidate=60, stale-if-error=86400"
        )
