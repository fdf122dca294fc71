"""The status page in a real browser: the map of the world, and the coverage beside it."""

import itertools

import pytest
from playwright.sync_api import expect

from greenstream.domain.places import colos, places, seed_pops
from tests.e2e.scene import Scene
from tests.e2e.visiting import DESKTOP, PHONE, Visit, needs_chromium

pytestmark = needs_chromium

FIGURES = """async () => {
    const [{ places }, { zones }] = await Promise.all(
        ["places", "zones"].map(async (path) => (await fetch(`api/v1/${path}`)).json())
    );
    const { figuresOf } = await import("/map.js");
    return Object.fromEntries([...figuresOf(places, zones)].map(([pop, { zone }]) => [pop, zone]));
}"""
"""A script that returns the zone whose figure the page shows for each place."""


class TestTheMap:
    def test_names_the_six_core_places_and_others_under_the_pointer(self, visit: Visit) -> None:
        page = visit.open()
        labels = page.locator("#map .map-labels text")
        expect(labels).to_have_count(len(seed_pops()))
        assert set(labels.all_text_contents()) == {places()[pop].name for pop in seed_pops()}

        page.get_by_role("button", name="Europe", exact=True).first.click()
        page.locator('#map [data-pop="cdg"] .dot').hover()
        expect(page.locator("#map .map-label text")).to_contain_text("Paris")
        for text in (
            "Paris (cdg)",
            "35 g/kWh",
            "ENTSOE_FR, average, direct, production, live",
            "ENTSO-E",
        ):
            expect(page.locator("#pop-details")).to_contain_text(text)

    @pytest.mark.parametrize("width", [PHONE, DESKTOP])
    def test_no_label_covers_another_one_or_leaves_the_map(self, visit: Visit, width: int) -> None:
        visit.page.set_viewport_size({"width": width, "height": 900})
        page = visit.open()
        expect(page.locator("#map .map-labels text")).to_have_count(len(seed_pops()))
        frame = page.locator("#map").bounding_box()
        assert frame is not None
        boxes = page.locator("#map .map-labels text").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().toJSON())"
        )
        for box in boxes:
            assert frame["x"] <= box["left"] < box["right"] <= frame["x"] + frame["width"]
        for a, b in itertools.combinations(boxes, 2):
            assert (
                a["right"] < b["left"] + 2
                or b["right"] < a["left"] + 2
                or a["bottom"] < b["top"] + 3
                or b["bottom"] < a["top"] + 3
            )

    def test_can_be_used_with_the_keyboard(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_role("button", name="Oceania", exact=True).click()
        oceania = page.get_by_role("group", name="Places, Oceania")
        expect(oceania.locator('[tabindex="0"]')).to_have_count(1)
        oceania.locator('[tabindex="0"]').focus()
        expect(page.locator("#pop-details")).to_contain_text("Kuching")
        page.keyboard.press("ArrowLeft")  # wraps around to the easternmost
        expect(page.locator("#pop-details")).to_contain_text("Suva")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#pop-details")).to_contain_text("Kuching")
        expect(oceania.locator('[tabindex="0"]')).to_have_count(1)

    def test_the_chosen_part_of_the_world_stays_in_the_address(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_role("button", name="Asia", exact=True).first.click()
        assert "map=Asia" in page.url
        page.reload()
        expect(page.get_by_role("group", name="Places, Asia")).to_be_attached()

    def test_a_place_is_shown_by_the_zone_that_the_router_ranks_it_by(
        self, visit: Visit, scene: Scene
    ) -> None:
        shown = visit.open().evaluate(FIGURES)
        ranked: dict[str, str] = {}
        names = list(places())
        for start in range(0, len(names), 300):
            path = f"/v1/route?signal=any&pops={','.join(names[start : start + 300])}"
            ranked |= {row["pop"]: row["zone"] for row in scene.ask(path)["candidates"]}
        assert shown == ranked

    def test_counts_the_places_beside_it_by_what_their_figure_rests_on(self, visit: Visit) -> None:
        page = visit.open()
        row = page.locator("#coverage tbody tr").first
        expect(row).to_contain_text("Cloudflare data centres")
        numbers = [int(text) for text in row.locator("td").all_inner_texts()]
        assert numbers[0] == len(colos()) == sum(numbers[1:])
        assert numbers[1] > 0
        expect(page.locator("#coverage-feeds")).to_contain_text("ENTSO-E")

    def test_colour_is_the_figure_and_age_another_mark(self, visit: Visit, scene: Scene) -> None:
        visit.open()
        london = visit.page.locator('#map [data-pop="lon"]')
        expect(london).to_have_class("pop step-2 solid candidate")
        scene.client.clock.forward(150 * 60)
        visit.refresh()
        expect(london).to_have_class("pop step-2 old candidate")

    def test_is_drawn_at_the_next_refresh_when_its_outline_could_not_be_loaded(
        self, visit: Visit
    ) -> None:
        visit.page.route("**/outline.json", lambda route: route.abort(), times=1)
        visit.page.goto(visit.url)
        expect(visit.page.locator(".notice.failed")).to_contain_text("map:")
        visit.refresh()
        expect(visit.page.locator("#map .land")).to_have_count(1)
        expect(visit.page.locator(".notice.failed")).to_have_count(0)
