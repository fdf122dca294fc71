"""A question may name any place of the world: POPs, colos and cloud regions, in any case."""

from collections import Counter

import pytest

from greenstream.domain.place_search import AmbiguousPlaceError, near, origin
from greenstream.domain.places import PlaceKind, UnknownPlaceError, colos, place, places, pops
from greenstream.domain.reading import Basis
from greenstream.domain.tables import load
from greenstream.domain.zones import zones
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client


@pytest.fixture
def client() -> Client:
    return Client(MemoryStore())


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("lon", "lon"),
        ("LON", "lon"),
        ("LHR", "lhr"),
        ("lhr", "lhr"),
        ("AMS", "ams"),
        ("aws:eu-west-2", "aws:eu-west-2"),
        ("AWS:EU-West-2", "aws:eu-west-2"),
        ("eu-west-2", "aws:eu-west-2"),
        ("gcp:europe-west2", "gcp:europe-west2"),
        ("europe-west2", "gcp:europe-west2"),
        ("azure:uksouth", "azure:uksouth"),
        ("UKSouth", "azure:uksouth"),
    ],
)
def test_a_name_means_one_place_in_any_case(text: str, name: str) -> None:
    assert place(text).pop == name


@pytest.mark.parametrize("text", ["", "xyz1", "sydney", "aws:", "eu-west", "\u017ffo"])
def test_no_other_text_means_a_place(text: str) -> None:
    with pytest.raises(UnknownPlaceError):
        place(text)


def test_the_table_has_every_colo_every_region_and_every_pop() -> None:
    kinds = Counter(known.kind for known in places().values())
    public = [known for known in places().values() if known.status == "public"]

    assert {colo.lower() for colo in colos()} <= places().keys()
    assert pops().items() <= places().items()
    assert Counter(known.pop.partition(":")[0] for known in public) == {
        "aws": 34,
        "gcp": 43,
        "azure": 46,
    }
    assert kinds[PlaceKind.REGION] == len(load("regions.json")["regions"]) == 149


def test_the_name_of_a_region_without_its_provider_is_of_one_provider_only() -> None:
    short = Counter(name.partition(":")[2] for name in places() if ":" in name)

    assert max(short.values()) == 1
    assert not short.keys() & places().keys()


def test_a_place_stands_in_its_country_and_draws_from_zones_with_means_on_both_bases() -> None:
    for known in places().values():
        assert -90 <= known.lat <= 90
        assert -180 <= known.lon <= 180
        assert known.zones, known.pop
        assert known.source, known.pop
        for entry in known.zones:
            means = zones()[entry.zone].annual_means
            assert {mean.basis for mean in means} == set(Basis), known.pop
            assert bool(entry.proxy_reason) == entry.proxy


def test_a_zone_of_another_country_is_a_proxy_with_its_reason() -> None:
    abroad = {
        known.pop: entry
        for known in places().values()
        for entry in known.zones
        if zones()[entry.zone].country != known.country
    }

    assert abroad["zdm"].proxy
    assert "Ramallah buys" in abroad["zdm"].proxy_reason
    # The grids of these places cross a border as one market.
    own = {name for name, entry in abroad.items() if not entry.proxy}
    assert {places()[name].country for name in own} <= {"GB", "LU", "PS"}


def test_a_pop_and_a_colo_of_one_code_draw_from_the_same_grid_but_in_los_angeles() -> None:
    rows = {row["colo"].lower(): row["zones"][0]["zone"] for row in load("colos.json")["colos"]}
    differing = {
        name for name, pop in pops().items() if name in rows and rows[name] != pop.zones[0].zone
    }

    assert differing <= {"lax"}  # the POP still has California's feed, because LADWP has none


def test_regions_whose_grid_was_in_doubt_say_how_the_doubt_was_decided() -> None:
    assert "decided for Bonneville" in place("us-west-2").source
    assert place("us-west-2").zones[0].proxy
    assert "decided for MISO" in place("us-central1").source
    assert place("eu-west-2").zones[0].zone == "GBR"
    assert [entry.zone for entry in place("gcp:us-west2").zones] == ["EIA_LDWP", "CAISO_NORTH"]


@pytest.mark.parametrize(
    ("text", "lat", "lon"),
    [
        ("sydney", -33.9, 151.2),
        ("Tokyo", 35.7, 139.7),
        ("SÃO PAULO", -23.5, -46.6),
        ("new york", 40.7, -74.0),
        ("frankfurt", 50.1, 8.7),
        ("aws:eu-west-1", 53.3, -6.3),
    ],
)
def test_a_city_stands_where_its_places_stand(text: str, lat: float, lon: float) -> None:
    assert origin(text) == pytest.approx((lat, lon), abs=0.5)


def test_a_name_of_cities_far_from_each_other_is_ambiguous() -> None:
    with pytest.raises(AmbiguousPlaceError):
        origin("san jose")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("eu-west-9", "aws:eu-west-1"),
        ("uksoth", "azure:uksouth"),
        ("sydney", "aws:ap-southeast-2"),
        ("amstredam", "ams"),
        ("aws:us-eest-1", "aws:us-east-1"),
    ],
)
def test_names_nearly_right_are_near(text: str, names: str) -> None:
    assert names in near(text)


def test_nothing_is_near_nonsense() -> None:
    assert near("qqqqqqqqqqqq") == ()


class TestTheRouter:
    def test_places_are_asked_about_under_any_name_and_answered_under_their_own(
        self, client: Client
    ) -> None:
        answer = client.ask("/v1/route", "pops=LHR,eu-west-2,GCP:asia-southeast1,ams")

        assert answer.status == 200
        assert {row["pop"] for row in answer.body["candidates"]} == {
            "lhr",
            "aws:eu-west-2",
            "gcp:asia-southeast1",
            "ams",
        }
        assert all(row["rung"] == "annual_mean" for row in answer.body["candidates"])

    def test_two_names_of_one_place_are_one_place_given_twice(self, client: Client) -> None:
        [error] = client.ask("/v1/route", "pops=eu-west-2,AWS:eu-west-2").body["errors"]
        assert error["detail"] == "names aws:eu-west-2 more than once"

    def test_an_unknown_name_is_refused_with_near_names(self, client: Client) -> None:
        [error] = client.ask("/v1/route", "pops=sydney").body["errors"]

        assert error["detail"].startswith("does not know sydney; near it are ")
        assert {"syd", "aws:ap-southeast-2"} <= set(error["allowed"])

    def test_round_trips_and_the_current_place_take_the_same_names(self, client: Client) -> None:
        query = "rtt=aws:eu-west-2:12.5,LHR:3&current=eu-west-2"
        body = client.ask("/v1/route", query).body

        latencies = {row["pop"]: row["latency_ms"] for row in body["candidates"]}
        assert latencies == {"aws:eu-west-2": 12.5, "lhr": 3.0}

    def test_from_stands_for_the_visitors_position(self, client: Client) -> None:
        asked = "pops=aws:ap-southeast-2,aws:ap-northeast-1"
        [near_by, far] = client.ask("/v1/route", f"{asked}&from=sydney").body["candidates"]

        assert near_by["latency_ms"] < 20 < far["latency_ms"]
        assert near_by["latency_source"] == "distance"

    @pytest.mark.parametrize("text", ["LHR", "aws:eu-west-2", "London"])
    def test_from_takes_any_place_and_any_city(self, client: Client, text: str) -> None:
        [row] = client.ask("/v1/route", f"pops=lon&from={text}").body["candidates"]
        assert row["latency_ms"] < 20

    def test_from_and_a_position_are_a_contradiction(self, client: Client) -> None:
        [error] = client.ask("/v1/route", "from=syd&lat=1&lon=1").body["errors"]
        assert (error["field"], error["detail"]) == ("from", "cannot be given with lat and lon")

    def test_an_ambiguous_city_is_refused_with_its_places(self, client: Client) -> None:
        [error] = client.ask("/v1/route", "from=san%20jose").body["errors"]

        assert "cities far from each other" in error["detail"]
        assert {"sjc", "sjo"} <= set(error["allowed"])

    def test_an_unknown_city_is_refused(self, client: Client) -> None:
        [error] = client.ask("/v1/route", "from=sidney").body["errors"]
        assert (error["field"], "syd" in error["allowed"]) == ("from", True)

    def test_every_place_answers_with_a_figure_under_its_own_name(self, client: Client) -> None:
        names = list(places())
        for start in range(0, len(names), 250):
            asked = names[start : start + 250]
            rows = client.ask("/v1/route", f"pops={','.join(asked)}").body["candidates"]
            assert {row["pop"] for row in rows} == set(asked)
            assert all(row["gco2_kwh"] is not None for row in rows)

    def test_the_places_are_listed_with_what_is_known_of_them(self, client: Client) -> None:
        rows = {row["pop"]: row for row in client.ask("/v1/places").body["places"]}

        assert rows.keys() == places().keys()
        assert (rows["lhr"]["kind"], rows["lhr"]["colo"], rows["lhr"]["status"]) == (
            "colo",
            "LHR",
            None,
        )
        assert (rows["ams"]["kind"], rows["ams"]["colo"]) == ("pop", "AMS")
        assert (rows["aws:eu-west-2"]["status"], rows["aws:eu-west-2"]["colo"]) == ("public", None)


class TestResidency:
    def test_allow_leaves_the_places_of_its_countries(self, client: Client) -> None:
        body = client.ask("/v1/route", "pops=lon,ams,sfo,zrh&allow=EU,gb").body
        assert {row["pop"] for row in body["candidates"]} == {"lon", "ams"}

    def test_the_economic_area_has_norway_and_not_switzerland(self, client: Client) -> None:
        body = client.ask("/v1/route", "pops=osl,zrh,ams&allow=EEA").body
        assert {row["pop"] for row in body["candidates"]} == {"osl", "ams"}

    def test_deny_comes_after_allow(self, client: Client) -> None:
        body = client.ask("/v1/route", "pops=ams,fra,cdg&allow=EU&deny=DE,FR").body
        assert [row["pop"] for row in body["candidates"]] == ["ams"]

    @pytest.mark.parametrize(("query", "field"), [("allow=JP", "allow"), ("deny=US,GB,EU", "deny")])
    def test_an_empty_rest_is_refused_in_words(
        self, client: Client, query: str, field: str
    ) -> None:
        [error] = client.ask("/v1/route", query).body["errors"]

        assert error["field"] == field
        assert error["detail"] == (
            "leaves none of what is asked about: "
            "sfo (US), lax (US), iad (US), nyc (US), lon (GB) and 1 more"
        )

    @pytest.mark.parametrize("country", ["UK", "ZZ", "EUROPE"])
    def test_an_unknown_country_is_refused(self, client: Client, country: str) -> None:
        [error] = client.ask("/v1/route", f"allow={country}").body["errors"]
        assert error["field"] == "allow"
        assert error["detail"].endswith(
            ": neither the two letters of a country that has a place (DE, GB, US) nor EU, EEA"
        )

    def test_a_current_place_that_is_not_allowed_holds_no_visitor(self, client: Client) -> None:
        answer = client.ask("/v1/route", "pops=lon,ams&current=lon&allow=EU&rtt=lon:1,ams:9")

        assert answer.status == 200
        assert [row["pop"] for row in answer.body["candidates"]] == ["ams"]

    def test_a_window_takes_places_and_countries(self, client: Client) -> None:
        body = client.ask("/v1/window", "pops=lon,eu-west-1,syd&deny=AU").body
        assert body["without_forecast"] == ["GBR-13", "ENTSOE_IE"]

        errors = client.ask("/v1/window", "zones=NYISO&allow=EU").body["errors"]
        assert [error["field"] for error in errors] == ["allow"]

    def test_a_window_of_zones_and_places_at_once_is_a_contradiction(self, client: Client) -> None:
        errors = client.ask("/v1/window", "zones=NYISO&pops=nyc").body["errors"]
        assert [error["field"] for error in errors] == ["pops"]
