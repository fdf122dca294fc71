"""The status page in a real browser: ages of figures, and data that are not live."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Route, expect

from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.zones import zones
from tests.e2e.scene import DAY_GCO2_KWH, Scene
from tests.e2e.visiting import DESKTOP, PHONE, Visit, needs_chromium

pytestmark = needs_chromium


class TestTheAgeOfAFigure:
    def test_shows_reading_expected_value_and_capped_penalty(
        self, visit: Visit, scene: Scene, artifacts: Path
    ) -> None:
        scene.same_hour("GBR-13", 188)
        scene.client.clock.forward(150 * 60)
        scene.ran("eso")
        page = visit.open()
        page.get_by_label("Request from").fill("London")
        expect(page.locator("#sentence")).to_contain_text(
            "goes to London, where the grid is expected to be at 142 g/kWh by now"
        )
        label = page.locator("#chart .label.chosen")
        expect(label.locator("tspan")).to_have_text(["London", "137 → 142 +10 (capped)"])
        mark = page.locator("#chart .mark.chosen")
        expect(mark.locator("title")).to_have_text(
            "London: 137 g/kWh, 142 expected by now, +10 (capped) for age; "
            "stale, 2 h 30 min old, round trip 3 ms"
        )
        for part in (".figure", ".stem", ".cap"):
            expect(mark.locator(part)).to_have_count(1)
        page.get_by_text("The figures of every candidate").click()
        columns = page.locator("#candidates th[scope=col]").all_inner_texts()
        cells = page.locator("#candidates tr.chosen").locator("th, td").all_inner_texts()
        figures = dict(zip(columns, cells, strict=True))
        assert (figures["Figure"], figures["Expected now"], figures["Doubt"]) == (
            "137",
            "142",
            "20",
        )
        assert (figures["Penalty"], figures["adj_carbon"]) == ("+10 (capped)", "152")
        expect(page.locator("#pop-details")).to_contain_text(
            "137 g/kWh, 142 expected by now, +10 (capped) for age"
        )
        expect(page.locator("#pop-details")).to_contain_text("Ranked as 152 g/kWh")
        expect(visit.row("GBR-13").locator(".cell-age")).to_contain_text("+10 (capped)")
        expect(visit.row("GBR-13").locator(".cell-adj")).to_contain_text("142 expected by now")
        page.screenshot(path=artifacts / "page-aged.png")

    def test_an_expected_value_below_the_reading_is_drawn_too(
        self, visit: Visit, scene: Scene
    ) -> None:
        scene.same_hour("GBR-13", 40)
        scene.client.clock.forward(150 * 60)
        page = visit.open()
        expect(visit.row("GBR-13").locator(".cell-adj")).to_contain_text("128 expected by now")
        expect(visit.row("GBR-13").locator(".bar .figure")).to_have_count(1)
        page.get_by_label("Request from").fill("London")
        expect(page.locator("#chart .label.chosen")).to_contain_text("137 → 128 +10 (capped)")
        assert not visit.complaints

    def test_a_penalty_below_its_cap_is_not_called_capped(self, visit: Visit, scene: Scene) -> None:
        scene.client.clock.forward(12 * 60)
        page = visit.open()
        page.get_by_label("Request from").fill("London")
        expect(page.locator("#chart .label.chosen")).to_have_text("London137 +2")
        expect(visit.row("GBR-13").locator(".cell-age small")).to_have_text("+2")

    @pytest.mark.parametrize(
        ("policy", "law"),
        [
            (
                Policy(),
                [
                    "the value that is expected by now is ranked",
                    "is 0 until 10 min after the end of the interval that the figure describes",
                    "1 g/kWh for each further minute. The penalty is never more than half of the",
                    "an annual mean pays nothing",
                    "until it is 2 days old where the usual day of its grid is known, and 6 h",
                ],
            ),
            (Policy(penalty_cap_doubts=1.0), ["never more than the doubt"]),
            (Policy(penalty_cap_doubts=1.5), ["never more than 1.5 times the doubt"]),
            (
                Policy(freshness_model=FreshnessModel.DRIFT),
                ["the value that is expected by now is ranked", "Its age adds no penalty."],
            ),
            (
                Policy(freshness_model=FreshnessModel.PENALTY),
                [
                    "A figure is ranked as it was read",
                    "1 g/kWh for each further minute, without an upper limit",
                    "After 6 h a fallback replaces the reading and gets the penalty of that age",
                ],
            ),
        ],
        ids=["capped", "capped by the doubt", "capped by more", "drift", "penalty"],
    )
    def test_is_explained_by_the_formula_of_the_policy_in_force(
        self, visit: Visit, scene: Scene, policy: Policy, law: list[str]
    ) -> None:
        scene.store.policy = policy
        visit.open()
        for words in law:
            expect(visit.page.locator("#age-cost")).to_contain_text(words)

    def test_the_explanation_follows_a_new_policy(self, visit: Visit, scene: Scene) -> None:
        visit.open()
        scene.store.policy = Policy(version="plain-1", freshness_model=FreshnessModel.PENALTY)
        scene.client.clock.forward(60)
        visit.refresh()  # the page learns from the decision that the policy changed
        visit.refresh()
        expect(visit.page.locator("#age-cost")).to_contain_text("without an upper limit")


class TestFreshness:
    def test_the_headline_counts_what_is_live(self, visit: Visit) -> None:
        page = visit.open()
        live = len(DAY_GCO2_KWH) + 1  # San Diego shares the mix of the California ISO.
        expect(page.locator("#headline")).to_have_text(
            f"{live} of {len(zones())} zones have a live figure; "
            f"{len(zones()) - live} have a fallback."
        )
        expect(page.locator("#headline")).not_to_have_class("headline not-live")
        groups = page.locator("#zones .group .quiet").all_inner_texts()
        assert sum(int(text.rpartition("; ")[2].split()[0]) for text in groups) == live

    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("width", [PHONE, DESKTOP])
    def test_the_page_never_looks_healthy_without_live_figures(
        self, visit: Visit, scene: Scene, artifacts: Path, theme: Any, width: int
    ) -> None:
        scene.same_hour("GBR-13", 188)
        scene.client.clock.forward(49 * 3600)
        for provider in ("eso", "gridstatus", "entsoe"):
            scene.ran(provider)
        visit.page.emulate_media(color_scheme=theme)
        visit.page.set_viewport_size({"width": width, "height": 900})
        page = visit.open()
        page.get_by_label("Request from").fill("Amsterdam")
        expect(page.locator("#headline")).to_have_text(
            f"Nothing is live: {len(zones())} of {len(zones())} zones have a fallback figure."
        )
        expect(page.locator("#headline")).to_have_class("headline not-live")
        expect(page.locator("#sentence")).to_have_text(
            "Nothing is live. A request from Amsterdam goes to London, where the grid is usually "
            "at 188 g/kWh at this hour, about four fifths of "
            "Amsterdam\N{RIGHT SINGLE QUOTATION MARK}s 225: its figure is the lowest within the "
            "limit, but no live one."
        )
        expect(page.locator("#reason")).to_contain_text("None of the figures is live.")
        expect(page.locator("#reason")).to_contain_text("the two figures are not both live")
        expect(page.locator("#counts")).to_have_text(
            "Nothing is live: 6 of 6 candidates have a fallback figure."
        )
        expect(page.locator("#coverage-feeds")).to_have_text("No place has a live figure.")
        expect(page.locator("#chart .mark.hollow")).to_have_count(6)
        expect(page.locator("#map .pop.hollow").first).to_be_attached()
        expect(page.locator(":is(.mark, .pop):is(.solid, .old)")).to_have_count(0)
        expect(page.locator(".notice")).to_have_count(0)  # the headline says it already

        page.screenshot(path=artifacts / f"page-not-live-{theme}-{width}.png")
        assert not Axe().run(page).response["violations"]
        assert not visit.is_wider_than_its_window()
        assert not visit.complaints

    def test_a_zone_without_any_figure_is_not_called_a_fallback(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_label("Rank by").select_option("marginal")
        expect(page.locator("#sentence")).to_have_text(
            "Nothing is live. A request from New York goes to New York, whose grid has no known "
            "intensity: it is the nearest, and no carbon is known."
        )
        expect(page.locator("#counts")).to_have_text(
            "Nothing is live: none of 6 candidates has a known figure."
        )
        expect(page.locator("#headline")).to_contain_text("have a live figure")

    def test_a_failing_store_is_reported_beside_the_lack_of_live_figures(
        self, visit: Visit, scene: Scene
    ) -> None:
        visit.open()
        scene.store.unreachable = True
        scene.client.clock.forward(49 * 3600)
        visit.refresh()
        expect(visit.page.locator("#headline")).to_contain_text("Nothing is live")
        expect(visit.page.locator(".notice.degraded")).to_have_count(1)
        expect(visit.page.locator(".notice.degraded")).to_contain_text("the store failed")
        expect(visit.page.locator(".notice.degraded")).not_to_contain_text("none of the")

    def test_a_decision_without_live_figures_keeps_its_other_reason(self, visit: Visit) -> None:
        """A router process that has just started may be the only one that fails."""

        def without_store(route: Route) -> None:
            body = route.fetch().json()
            body |= {"freshness": "fallback", "figures": {"live": 0, "fallback": 6, "none": 0}}
            body |= {
                "degraded": True,
                "degraded_reason": "the store did not answer; "
                "none of the 6 figures is live; 6 rest on usual values",
            }
            route.fulfill(json=body)

        visit.page.route("**/api/v1/route?*max_latency_ms*", without_store)
        visit.open()
        expect(visit.page.locator(".notice.degraded")).to_have_text(
            "Degraded The router\N{RIGHT SINGLE QUOTATION MARK}s answers are worse than usual: "
            "the store did not answer."
        )
