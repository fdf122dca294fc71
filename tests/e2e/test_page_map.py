"""The status page in a real browser: the map."""

from playwright.sync_api import Route, expect

from tests.e2e.visiting import Visit, needs_chromium

pytestmark = needs_chromium


class TestTheMap:
    def test_can_be_used_with_the_keyboard(self, visit: Visit) -> None:
        page = visit.open()
        europe = page.get_by_role("group", name="Points of presence in Europe")
        expect(europe.locator('[tabindex="0"]')).to_have_count(1)
        europe.locator('[tabindex="0"]').focus()
        expect(page.locator("#pop-details")).to_contain_text("Lisbon (lis)")
        page.keyboard.press("ArrowRight")
        expect(page.locator("#pop-details")).to_contain_text("Cork (ork)")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")  # wraps around to the easternmost
        expect(page.locator("#pop-details")).to_contain_text("Bucharest (otp)")

    def test_describes_the_pop_under_the_pointer(self, visit: Visit) -> None:
        page = visit.open()
        page.locator('#map [data-pop="cdg"] .dot').hover()
        for text in ("Paris (cdg)", "35 g/kWh", "ENTSOE_FR, average, direct, live", "ENTSO-E"):
            expect(page.locator("#pop-details")).to_contain_text(text)

    def test_lists_the_pops_that_lie_outside_it(self, visit: Visit) -> None:
        def to_tokyo(route: Route) -> None:
            body = route.fetch().json()
            body["pops"][0] |= {"lat": 35.7, "lon": 139.7}
            route.fulfill(json=body)

        visit.page.route("**/api/v1/pops", to_tokyo)
        page = visit.open()
        page.locator("#map .elsewhere").get_by_role("button").focus()
        expect(page.locator("#pop-details")).to_contain_text("San Francisco (sfo)")

    def test_is_drawn_at_the_next_refresh_when_its_outline_could_not_be_loaded(
        self, visit: Visit
    ) -> None:
        visit.page.route("**/outline.json", lambda route: route.abort(), times=1)
        page = visit.open()
        expect(page.locator('#map [data-pop="cdg"]')).to_have_count(0)
        visit.refresh()
        expect(page.locator('#map [data-pop="cdg"]')).to_have_count(1)
