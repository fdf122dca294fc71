"""The status page in a real browser: the question and the decision."""

from datetime import timedelta
from enum import StrEnum

import pytest
from playwright.sync_api import Route, expect

from greenstream.domain.decision import Exclusion, Reason
from greenstream.domain.ladder import Rung
from greenstream.domain.places import pops
from greenstream.domain.zones import zones
from tests.e2e.scene import Scene
from tests.e2e.visiting import DESKTOP, PHONE, Visit, needs_chromium

pytestmark = needs_chromium


class TestTheDecision:
    def test_is_stated_in_a_sentence_with_its_reason(self, visit: Visit) -> None:
        page = visit.open()
        expect(page.locator("#sentence")).to_have_text(
            "A request from New York goes to San Francisco, where the grid is at 214 g/kWh: "
            "it is the cleanest within the limit."
        )
        expect(page.locator("#reason")).to_contain_text("is the cleanest of 4 within 80 ms")
        expect(page.locator("#reason")).to_contain_text(
            "By the values expected now, its grid is 74 g/kWh below the grid of the nearest, "
            "New York (attributional, location-based)."
        )
        expect(page.locator("#counts")).to_have_text(
            "4 of 6 candidates have a live figure; 2 have a fallback."
        )
        page.get_by_label("Your place").select_option("Amsterdam")
        expect(page.locator("#sentence")).to_contain_text("from Amsterdam goes to London")

    def test_says_that_a_difference_from_a_yearly_mean_is_not_of_live_figures(
        self, visit: Visit
    ) -> None:
        """The grid of Los Angeles has no live feed."""
        page = visit.open()
        page.get_by_label("Latitude").fill("34.1")
        page.get_by_label("Longitude").fill("-118.2")
        expect(page.locator("#sentence")).to_contain_text("from this position goes to San Fran")
        expect(page.locator("#reason")).to_contain_text("the two figures are not both live")

    def test_follows_the_place_and_the_limit(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_label("Your place").select_option("London")
        expect(page.locator("#sentence")).to_contain_text("from London goes to London")
        page.get_by_label("Your place").select_option("New York")
        page.get_by_label("Longest round trip").fill("20")
        expect(page.locator("#sentence")).to_contain_text("New York goes to New York")
        expect(page.locator("#chart .limit text")).to_have_text("limit 20 ms")

    def test_follows_the_browsers_position_to_a_tenth_of_a_degree(
        self, visit: Visit, scene: Scene
    ) -> None:
        visit.page.context.grant_permissions(["geolocation"])
        visit.page.context.set_geolocation({"latitude": 52.3712, "longitude": 4.8955})
        page = visit.open()
        page.get_by_role("button", name="Use my position").click()
        expect(page.locator("#sentence")).to_contain_text("from your position goes to")
        asked = [path for path in scene.asked if "lat=52" in path]
        assert asked
        assert all("lat=52.4" in path and "lon=4.9" in path for path in asked)

    def test_a_number_that_is_no_latitude_is_not_sent_to_the_router(
        self, visit: Visit, scene: Scene
    ) -> None:
        page = visit.open()
        page.get_by_label("Latitude").fill("95")
        page.get_by_label("Rank by").select_option("average")
        page.get_by_label("Latitude").fill("10")
        expect(page.locator("#sentence")).to_contain_text("from this position")
        assert not [path for path in scene.asked if "lat=95" in path]

    def test_marks_one_winner_and_gives_every_figure_as_a_table(self, visit: Visit) -> None:
        page = visit.open()
        expect(page.locator("#chart .ring")).to_have_count(1)
        page.get_by_text("The figures of every candidate").click()
        expect(page.locator("#candidates tbody tr")).to_have_count(6)
        chosen = page.locator("#candidates tr.chosen")
        expect(chosen.get_by_role("rowheader")).to_have_text("San Francisco")
        expect(chosen).to_contain_text("chosen")
        london = page.locator("#candidates tr").filter(has_text="London")
        expect(london).to_contain_text("outside the limit")

    def test_says_why_a_fresher_figure_wins_and_that_it_is_not_the_lower(
        self, visit: Visit, scene: Scene
    ) -> None:
        scene.client.clock.forward(150 * 60)
        scene.read("ENTSOE_NL", 141, valid_to=scene.now)
        page = visit.open()
        page.get_by_label("Your place").select_option("London")
        expect(page.locator("#sentence")).to_have_text(
            "A request from London goes to Amsterdam, where the grid is at 141 g/kWh: "
            "the lower figure of another place is older."
        )
        expect(page.locator("#reason")).to_contain_text(
            "its grid is 4 g/kWh above the grid of the nearest, London "
            "(attributional, location-based; the two figures are not both live)"
        )

    def test_says_that_a_near_tie_is_a_near_tie(self, visit: Visit, scene: Scene) -> None:
        scene.client.clock.forward(60)
        scene.read("ENTSOE_NL", 138, valid_to=scene.now)
        page = visit.open()
        page.get_by_label("Your place").select_option("Amsterdam")
        expect(page.locator("#sentence")).to_contain_text(
            "goes to Amsterdam, where the grid is at 138 g/kWh: "
            "it is nearly the cleanest, and nearer."
        )

    def test_says_that_an_unknown_round_trip_is_unknown_and_not_that_it_is_outside_the_limit(
        self, visit: Visit
    ) -> None:
        def with_round_trips(route: Route) -> None:
            address = route.request.url.partition("?")[0]
            route.continue_(url=f"{address}?pops=nyc,iad,lon&rtt=nyc:3,iad:90")

        visit.page.route("**/api/v1/route?*max_latency_ms*", with_round_trips)
        page = visit.open()
        expect(page.locator("#sentence")).to_contain_text("it is the only one that may be chosen")
        expect(page.locator("#reason")).to_contain_text("The round trip to lon is not known.")
        expect(page.locator("#chart-key")).to_contain_text(
            "Not drawn, because the round trip is unknown: London."
        )
        page.get_by_text("The figures of every candidate").click()
        rows = page.locator("#candidates tr")
        expect(rows.filter(has_text="London")).to_contain_text("round trip unknown")
        expect(rows.filter(has_text="London")).not_to_contain_text("outside")
        expect(rows.filter(has_text="Ashburn")).to_contain_text("outside the limit")

    def test_without_a_place_no_round_trip_is_claimed(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_label("Latitude").fill("")
        expect(page.locator("#sentence")).to_contain_text(
            "only carbon counts, because no round trip is known"
        )
        expect(page.locator("#chart .mark")).to_have_count(0)
        expect(page.locator("#chart-key")).to_contain_text(
            "Not drawn, because the round trip is unknown: London, San Francisco, Amsterdam "
            "and 3 more."
        )

    @pytest.mark.parametrize(
        ("words", "known"), [("REASONS", Reason), ("EXCLUSIONS", Exclusion), ("RUNGS", Rung)]
    )
    def test_has_a_text_for_every_reason_that_the_router_may_give(
        self, visit: Visit, words: str, known: type[StrEnum]
    ) -> None:
        visit.page.goto(visit.url)
        keys = visit.page.evaluate(
            "async (words) => [...(await import('/words.js'))[words].keys()]", words
        )
        assert set(keys) == set(known)

    @pytest.mark.parametrize("width", [PHONE, DESKTOP])
    @pytest.mark.parametrize("among", ["", "all"])
    def test_labels_do_not_cover_each_other(self, visit: Visit, width: int, among: str) -> None:
        visit.page.set_viewport_size({"width": width, "height": 900})
        page = visit.open()
        page.get_by_label("Choose from").select_option(among)
        expect(page.locator("#chart .mark")).to_have_count(len(pops()) if among else 6)
        boxes = page.locator("#chart .label").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().toJSON())"
        )
        assert len(boxes) >= 6
        covered = [
            (a, b)
            for i, a in enumerate(boxes)
            for b in boxes[i + 1 :]
            if a["left"] < b["right"] - 1
            and b["left"] < a["right"] - 1
            and a["top"] < b["bottom"] - 2
            and b["top"] < a["bottom"] - 2
        ]
        assert not covered

    @pytest.mark.parametrize("place", ["London", "Amsterdam", "Stockholm", "Warsaw"])
    def test_the_chosen_pop_is_named_in_the_chart_however_crowded_it_is(
        self, visit: Visit, scene: Scene, place: str
    ) -> None:
        for zone in zones():
            if zone.startswith("ENTSOE"):
                scene.read(zone, 5, valid_to=scene.now + timedelta(minutes=1), gco2_high=500)
        visit.page.set_viewport_size({"width": PHONE, "height": 900})
        page = visit.open()
        page.get_by_label("Your place").select_option(place)
        page.get_by_label("Choose from").select_option("all")
        expect(page.locator("#chart .mark")).to_have_count(len(pops()))
        chosen = page.locator("#sentence strong").inner_text()
        expect(page.locator("#chart .label.chosen")).to_have_text(chosen)
