"""The status page in a real browser: refreshes, and answers that fail."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from infra.registry import COLLECTORS
from tests.e2e.scene import Scene
from tests.e2e.visiting import Visit, needs_chromium

pytestmark = needs_chromium

PATIENT = """window.waiting = [];
AbortSignal.timeout = () => {
    const patience = new AbortController();
    window.waiting.push(patience);
    return patience.signal;
};
window.losePatience = () => {
    const lost = new DOMException("no answer", "TimeoutError");
    for (const each of window.waiting.splice(0)) each.abort(lost);
};"""
"""A script that replaces the page's timeouts; they expire only when the test says so."""


class TestRefresh:
    def test_happens_every_ten_seconds_and_pauses_while_the_page_is_hidden(
        self, visit: Visit, scene: Scene
    ) -> None:
        visit.page.clock.install()
        page = visit.open()
        with page.expect_response("**/api/v1/zones"):
            page.clock.run_for(10_000)
        page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        asked = len(scene.asked)
        page.clock.run_for(60_000)
        expect(page.locator("#updated")).to_contain_text("paused")
        assert len(scene.asked) == asked
        with page.expect_response("**/api/v1/zones"):
            page.evaluate(
                "Object.defineProperty(document, 'hidden', {value: false});"
                "document.dispatchEvent(new Event('visibilitychange'))"
            )
        expect(page.locator("#updated")).to_contain_text("every 10 s")

    def test_shows_the_time_of_the_last_refresh(self, visit: Visit) -> None:
        visit.page.clock.install()
        page = visit.open()
        expect(page.locator("#as-of")).to_have_text("As of 16:00:00 UTC")
        page.clock.run_for(7_000)
        expect(page.locator("#updated")).to_contain_text("Last updated 7 s ago")


class TestTrouble:
    def test_a_failed_refresh_leaves_the_last_figures_on_the_page_and_says_so(
        self, visit: Visit, scene: Scene
    ) -> None:
        page = visit.open()
        scene.down = True
        visit.refresh()
        notice = page.get_by_role("status").filter(has_text="The last refresh failed")
        expect(notice).to_contain_text("the router does not answer")
        expect(notice).to_contain_text("This page shows data from 16:00:00 UTC")
        expect(visit.row("NYISO").locator(".cell-gco2")).to_contain_text("288")
        scene.down = False
        visit.refresh()
        expect(page.locator(".notice")).to_have_count(0)

    def test_a_router_that_is_down_at_the_start_is_reported_until_it_answers(
        self, visit: Visit, scene: Scene
    ) -> None:
        scene.down = True
        visit.page.goto(visit.url)
        expect(visit.page.locator(".notice")).to_contain_text("The last refresh failed")
        scene.down = False
        visit.refresh()
        expect(visit.page.locator("#chart .mark")).to_have_count(6)
        expect(visit.page.locator(".notice")).to_have_count(0)

    def test_a_router_that_hangs_from_the_start_is_reported_after_one_refresh(
        self, visit: Visit
    ) -> None:
        visit.page.add_init_script(PATIENT)
        visit.page.route("**/api/v1/**", lambda _: None)
        with visit.page.expect_request("**/api/v1/route?*"):
            visit.page.goto(visit.url)
        visit.page.evaluate("losePatience()")
        notice = visit.page.get_by_role("status").filter(has_text="The last refresh failed")
        for name in ("places", "policy", "zones", "providers", "route"):
            expect(notice).to_contain_text(f"{name}: no answer in 8 s")

    @pytest.mark.parametrize("hanging", ["places", "policy", "providers", "zones", "route?*"])
    def test_each_part_is_drawn_as_soon_as_its_answer_arrives(
        self, visit: Visit, hanging: str
    ) -> None:
        parts = {
            "#age-cost:not(:empty)": ["policy"],
            "#providers li": ["providers"],
            "#zones tbody:not([hidden])": ["zones"],
            "#sentence strong": ["places", "route?*"],
            "#map .pop.step-1": ["places", "route?*", "zones"],
        }
        visit.page.add_init_script(PATIENT)
        visit.page.route(f"**/api/v1/{hanging}", lambda _: None)
        visit.page.goto(visit.url)
        for part in (part for part, needed in parts.items() if hanging not in needed):
            expect(visit.page.locator(part).first).to_be_attached()
        for part in (part for part, needed in parts.items() if hanging in needed):
            expect(visit.page.locator(part)).to_have_count(0)

    def test_simulated_data_are_labelled_before_every_answer_has_arrived(
        self, visit: Visit, scene: Scene
    ) -> None:
        scene.read("NYISO", 250, valid_to=scene.now + timedelta(minutes=1), simulated=True)
        visit.page.add_init_script(PATIENT)
        visit.page.route("**/api/v1/policy", lambda _: None)
        visit.page.goto(visit.url)
        expect(visit.page.locator(".notice.simulated")).to_be_visible()

    def test_failing_providers_are_listed_at_the_top_with_the_time_of_their_last_success(
        self, visit: Visit, scene: Scene
    ) -> None:
        scene.client.clock.forward(180)
        scene.ran("eso", error="connection refused")
        scene.ran("watttime", error="403 Forbidden")
        scene.unconfigured("electricitymaps")
        page = visit.open()
        notice = page.get_by_role("status").filter(has_text="providers are failing")
        expect(notice).to_contain_text(
            f"2 of {len(COLLECTORS)} providers are failing: WattTime, which has never succeeded, "
            "NESO since 16:00:00 UTC."
        )
        expect(notice).not_to_contain_text("Electricity Maps")
        notice.get_by_role("link", name="Providers").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Providers")).to_be_in_viewport()

        scene.client.clock.forward(60)
        scene.ran("watttime")
        visit.refresh()
        expect(page.locator(".notice.failing")).to_contain_text(
            f"1 of {len(COLLECTORS)} providers is failing: NESO"
        )
        scene.client.clock.forward(60)
        scene.ran("eso")
        visit.refresh()
        expect(page.locator(".notice")).to_have_count(0)

    def test_a_degraded_answer_is_shown_with_its_reason(self, visit: Visit, scene: Scene) -> None:
        visit.open()
        scene.store.unreachable = True
        scene.client.clock.forward(60)
        visit.refresh()
        expect(visit.page.locator(".notice.degraded")).to_contain_text("Degraded")

    def test_simulated_data_are_labelled(self, visit: Visit, scene: Scene) -> None:
        scene.read("NYISO", 250, valid_to=scene.now + timedelta(minutes=1), simulated=True)
        page = visit.open()
        expect(page.locator(".notice.simulated")).to_contain_text("No figure on this page is real")
