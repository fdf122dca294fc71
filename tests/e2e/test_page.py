"""The status page in a real browser, with the real router on a store that the test fills."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Dialog, Locator, Page, Route, expect, sync_playwright

from greenstream.domain.decision import Exclusion, Reason
from greenstream.domain.ladder import Rung
from greenstream.domain.places import pops
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.zones import zones
from infra.local.page import serving
from infra.local.stack import ROOT, LocalStack
from infra.registry import COLLECTORS
from tests.e2e.scene import DAY_GCO2_KWH, Scene

CHROMIUM = shutil.which("chromium")
PHONE, TABLET, DESKTOP, WIDE = 390, 768, 1280, 1920
HOSTILE = (
    '<img src=x onerror="document.title=1"><script>document.title=2</script>\u202e"\'&' + "W" * 400
)

RUNNABLE = """() => [...document.querySelectorAll('*')].flatMap(each => [...each.attributes])
    .filter(({name, value}) => name.startsWith('on') || /^\\s*javascript:/i.test(value)
        && ['href', 'src', 'xlink:href', 'action', 'formaction'].includes(name))
    .map(({name, value}) => `${name}=${value}`)"""
"""A script that returns every attribute of the page that a browser would execute."""

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

expect.set_options(timeout=15_000)  # a shared machine may be slow

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: chromium is not installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*arguments, "--disable-component-update"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("GREENSTREAM_ARTIFACTS") or tmp_path_factory.mktemp("screens"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def scene() -> Scene:
    return Scene()


@dataclass
class Visit:
    """One visitor's browser window; it records errors, warnings and requests to other hosts."""

    page: Page
    url: str
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self._asked(request.url))

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.url, "data:")):
            self.elsewhere.append(url)

    def open(self) -> Page:
        self.page.goto(self.url)
        expect(self.page.locator("#updated")).to_contain_text("Last updated")
        return self.page

    def refresh(self) -> None:
        with self.page.expect_response("**/api/v1/zones"):
            self.page.get_by_role("button", name="Refresh").click()

    def row(self, zone: str) -> Locator:
        return self.page.locator(f'tr[data-zone="{zone}"]')

    def is_wider_than_its_window(self) -> bool:
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth"))


@pytest.fixture
def visit(browser: Browser, scene: Scene) -> Iterator[Visit]:
    with serving(scene.ask) as url:
        context = browser.new_context(viewport={"width": DESKTOP, "height": 900})
        yield Visit(context.new_page(), url)
        context.close()


def unfold(page: Page) -> None:
    """Open everything that can be opened, so that the checks see all of it."""
    for _ in range(page.locator('#zones button[aria-expanded="false"]').count()):
        page.locator('#zones button[aria-expanded="false"]').first.click()
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true })")


class TestLooks:
    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("width", [PHONE, TABLET, DESKTOP, WIDE])
    def test_the_page_has_no_console_error_accessibility_fault_overflow_or_foreign_request(
        self, visit: Visit, scene: Scene, artifacts: Path, theme: Any, width: int
    ) -> None:
        scene.ran("entsoe", error="503 from the platform")
        visit.page.emulate_media(color_scheme=theme)
        visit.page.set_viewport_size({"width": width, "height": 900})
        page = visit.open()
        unfold(page)
        visit.row("GBR-13").scroll_into_view_if_needed()
        expect(visit.row("GBR-13").locator(".spark svg")).to_be_attached()

        page.screenshot(path=artifacts / f"page-{theme}-{width}.png", full_page=True)
        found = Axe().run(page).response["violations"]
        assert not [
            (rule["id"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in found
        ]
        assert not visit.is_wider_than_its_window()
        assert not visit.complaints
        assert not visit.elsewhere

    def test_the_chosen_theme_survives_a_reload(self, visit: Visit) -> None:
        page = visit.open()
        paper = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(paper)
        page.get_by_role("button", name="Dark theme").click()
        dark = page.evaluate(paper)
        assert dark != light
        page.reload()
        assert page.evaluate(paper) == dark
        expect(page.get_by_role("button", name="Light theme")).to_be_visible()


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
            "5 of 6 candidates have a live figure; 1 has a fallback."
        )
        page.get_by_label("Your place").select_option("Amsterdam")
        expect(page.locator("#sentence")).to_contain_text("from Amsterdam goes to London")

    def test_claims_no_difference_from_a_grid_whose_figure_is_borrowed(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_label("Latitude").fill("34.1")
        page.get_by_label("Longitude").fill("-118.2")
        expect(page.locator("#sentence")).to_contain_text("from this position goes to San Fran")
        expect(page.locator("#reason")).not_to_contain_text("attributional")

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
            "a lower figure of another is older."
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
            "Not drawn, because the round trip is unknown: London, San Francisco, Los Angeles "
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


class TestTheAgeOfAFigure:
    def test_shows_reading_expected_value_and_capped_penalty(
        self, visit: Visit, scene: Scene, artifacts: Path
    ) -> None:
        scene.same_hour("GBR-13", 188)
        scene.client.clock.forward(150 * 60)
        scene.ran("eso")
        page = visit.open()
        page.get_by_label("Your place").select_option("London")
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
        page.get_by_label("Your place").select_option("London")
        expect(page.locator("#chart .label.chosen")).to_contain_text("137 → 128 +10 (capped)")
        assert not visit.complaints

    def test_a_penalty_below_its_cap_is_not_called_capped(self, visit: Visit, scene: Scene) -> None:
        scene.client.clock.forward(12 * 60)
        page = visit.open()
        page.get_by_label("Your place").select_option("London")
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
        live = len(DAY_GCO2_KWH)
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
        page.get_by_label("Your place").select_option("Amsterdam")
        expect(page.locator("#headline")).to_have_text(
            f"Nothing is live: {len(zones())} of {len(zones())} zones have a fallback figure."
        )
        expect(page.locator("#headline")).to_have_class("headline not-live")
        expect(page.locator("#sentence")).to_have_text(
            "Nothing is live. A request from Amsterdam goes to London, where the grid is usually "
            "at 188 g/kWh at this hour: by its fallback figure, it is the cleanest within the "
            "limit."
        )
        expect(page.locator("#reason")).to_contain_text("None of the figures is live.")
        expect(page.locator("#reason")).to_contain_text("the two figures are not both live")
        expect(page.locator("#counts")).to_have_text(
            "Nothing is live: 6 of 6 candidates have a fallback figure."
        )
        expect(page.locator("#map-counts")).to_contain_text("Nothing is live")
        expect(page.locator(":is(.mark, .pop).hollow")).to_have_count(6 + len(pops()))
        expect(page.locator(":is(.mark, .pop).solid")).to_have_count(0)
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


class TestZones:
    def test_the_table_lists_every_zone_with_figure_kind_source_and_rung(
        self, visit: Visit
    ) -> None:
        page = visit.open()
        expect(page.locator("tr[data-zone]")).to_have_count(len(zones()))
        dutch = visit.row("ENTSOE_NL")
        for text in (
            "Netherlands",
            "271",
            "244\N{EN DASH}325",
            "average, direct",
            "production, measured",
            "ENTSO-E",
            "partly known",
        ):
            expect(dutch).to_contain_text(text)

    def test_the_table_can_be_sorted_and_searched(self, visit: Visit) -> None:
        page = visit.open()
        british = page.locator("#zones tbody").nth(1).locator("tr[data-zone] .cell-name")
        expect(british.first).to_contain_text("North Scotland")
        page.get_by_role("columnheader", name="Zone").get_by_role("button").click()
        expect(british.first).to_contain_text("East England")
        page.get_by_label("Find").fill("neso live")
        shown = page.locator("tr[data-zone]")
        expect(shown).to_have_count(sum(zone.startswith("GBR") for zone in DAY_GCO2_KWH))
        expect(page.locator("#zones-shown")).to_contain_text(f"5 zones of {len(zones())} match")

    def test_a_group_of_zones_can_be_folded(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_role("button", name="European mainland").click()
        expect(visit.row("ENTSOE_NL")).to_have_count(0)
        expect(visit.row("NYISO")).to_be_visible()

    def test_a_zones_history_is_requested_only_when_the_zone_is_opened(
        self, visit: Visit, scene: Scene
    ) -> None:
        visit.page.set_viewport_size({"width": PHONE, "height": 600})
        page = visit.open()
        assert not [path for path in scene.asked if "history_h" in path]
        visit.row("NYISO").scroll_into_view_if_needed()
        line = visit.row("NYISO").locator(".spark").get_by_role("img")
        expect(line).to_have_attribute("aria-label", "24 h: 192 to 320 g/kWh")
        assert page.locator(".spark svg").count() <= 3
        assert not [path for path in scene.asked if "history_h" in path and "ENTSOE" in path]


class TestSourcesThatContradictEachOther:
    def test_are_marked_named_and_explained_with_the_one_that_stands(
        self, visit: Visit, scene: Scene
    ) -> None:
        scene.read("GBR", 4.0, valid_to=scene.now)
        scene.read("GBR", 180.0, valid_to=scene.now, source=1)
        scene.read("GBR-13", 3.0, valid_to=scene.now)
        visit.open()

        status = visit.row("GBR").locator(".cell-rung")
        expect(status).to_contain_text("disputed")
        status.locator("summary").click()
        expect(status).to_contain_text(
            "The sources of GBR contradict each other: Elexon 180 g/kWh, NESO 4. Elexon stands, "
            "the nearer to the usual 152 g/kWh."
        )
        expect(visit.row("GBR").locator(".cell-provider")).to_contain_text("Elexon")


class TestAKilledProvider:
    def test_its_zone_grows_stale_then_falls_back(self, visit: Visit, scene: Scene) -> None:
        scene.same_hour("GBR-13", 188)
        visit.open()
        row = visit.row("GBR-13")
        expect(row.locator(".rung")).to_have_text("Live")

        scene.client.clock.forward(150 * 60)
        scene.ran("eso", error="connection refused")
        visit.refresh()
        expect(row.locator(".rung")).to_have_text("Stale")
        expect(row.locator(".cell-age")).to_contain_text("2 h 30 min")
        expect(row.locator(".cell-age")).to_contain_text("+10 (capped)")
        expect(row.locator(".cell-adj")).to_contain_text("142 expected by now")
        provider = visit.page.locator("#providers li").filter(has_text=re.compile("^NESO"))
        expect(provider).to_contain_text("failing")
        expect(provider).to_contain_text("connection refused")
        expect(provider).to_contain_text("2 h 30 min old")

        scene.client.clock.forward(46 * 3600)
        visit.refresh()
        expect(row.locator(".rung")).to_have_text("Same hour, 7 days")
        expect(row.locator(".cell-gco2")).to_contain_text("188")
        expect(row.locator(".cell-age")).to_contain_text("+24 (capped)")
        expect(visit.page.locator('#map [data-pop="lon"]')).to_have_class("pop step-3 hollow")
        expect(visit.page.locator("#headline")).to_contain_text("Nothing is live")

        scene.client.clock.forward(60)
        scene.past_day("GBR-13", 122)
        scene.ran("eso")
        visit.refresh()
        expect(row.locator(".rung")).to_have_text("Live")
        expect(visit.page.locator("#headline")).to_contain_text(
            f"1 of {len(zones())} zones has a live figure"
        )
        expect(provider).to_contain_text("working")


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
        for name in ("pops", "policy", "zones", "providers", "route"):
            expect(notice).to_contain_text(f"{name}: no answer in 8 s")

    @pytest.mark.parametrize("hanging", ["pops", "policy", "providers", "zones", "route?*"])
    def test_each_part_is_drawn_as_soon_as_its_answer_arrives(
        self, visit: Visit, hanging: str
    ) -> None:
        parts = {
            "#age-cost:not(:empty)": ["policy"],
            "#providers li": ["providers"],
            "#zones .cell-gco2": ["zones"],
            "#sentence strong": ["pops", "route?*"],
            "#map .pop.step-1": ["pops", "route?*"],
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


class TestHostileStrings:
    @pytest.mark.parametrize(
        "hostile",
        [
            HOSTILE,
            "<img src=x onerror=alert(1)>",
            "javascript:alert(1)",
            "</script><script>alert(1)</script>",
            "{{constructor.constructor('alert(1)')()}} ${alert(1)} <%= alert(1) %>",
            "\"onmouseover='alert(1)' style=x:expression(alert(1)) '",
            "<svg><animate onbegin=alert(1) attributeName=x></svg>&lt;script&gt;",
        ],
    )
    def test_are_shown_as_text_and_run_nothing(
        self, visit: Visit, scene: Scene, hostile: str
    ) -> None:
        def spoil(route: Route) -> None:
            body = route.fetch().json()
            for zone in body.get("zones", []):
                zone |= {"name": hostile, "provider": hostile, "provider_zone": hostile}
                zone |= {"note": hostile, "rung": hostile, "signal": hostile, "scope": hostile}
                zone |= {"country": hostile, "basis": hostile, "quality": hostile}
            for candidate in body.get("candidates", []):
                candidate |= {"provider": hostile, "rung": hostile, "proxy_reason": hostile}
                candidate |= {"zone": hostile, "provider_zone": hostile, "signal": hostile}
            body |= {"reason_text": hostile} if "candidates" in body else {}
            body |= {"degraded": True, "degraded_reason": hostile}
            route.fulfill(json=body)

        ran: list[str] = []

        def heard(dialog: Dialog) -> None:
            ran.append(dialog.message)
            dialog.dismiss()

        visit.page.on("dialog", heard)
        scene.ran("eso", error=hostile, kind=hostile)
        for path in ("zones", "route?*"):
            visit.page.route(f"**/api/v1/{path}", spoil)
        page = visit.open()
        title = page.title()
        unfold(page)
        page.locator('#map [data-pop="cdg"] .dot').hover()
        for place in ("#providers .error", ".notice.degraded", "#reason"):
            expect(page.locator(place)).to_contain_text(hostile)
        expect(visit.row("NYISO").locator(".cell-name")).to_contain_text(hostile)
        assert page.locator("img, animate, body script").count() == 0
        assert page.evaluate(RUNNABLE) == []
        assert page.title() == title
        assert not ran
        assert not visit.is_wider_than_its_window()
        assert not visit.complaints, "the browser blocked something that should not be there"
        assert not visit.elsewhere


class TestTheServer:
    def test_forbids_all_but_its_own_scripts_and_styles(self, visit: Visit) -> None:
        policy = httpx.get(visit.url).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert "unsafe" not in policy

    @pytest.mark.parametrize("path", ["../page.py", "%2e%2e/page.py", "../../../README.md", ".git"])
    def test_serves_nothing_but_the_page(self, visit: Visit, path: str) -> None:
        assert httpx.get(visit.url + path).status_code == 404

    def test_turns_a_silent_router_into_problem_details(self, visit: Visit, scene: Scene) -> None:
        scene.down = True
        answer = httpx.get(f"{visit.url}api/v1/zones")
        assert answer.status_code == 502
        assert answer.headers["content-type"] == "application/problem+json"
        assert "does not answer" in json.loads(answer.text)["detail"]


class TestOnTheRealStack:
    def test_shows_the_deployed_routers_answers(
        self, browser: Browser, tmp_path: Path, artifacts: Path
    ) -> None:
        local = LocalStack(tmp_path / "state")
        local.up(upstream="simulated", auth="iam")
        ready = tmp_path / "page.json"
        command = [sys.executable, "-m", "infra.local.page", str(local.state_dir)]
        server = subprocess.Popen([*command, "--ready-file", str(ready)], cwd=ROOT)
        try:
            page = browser.new_page(viewport={"width": DESKTOP, "height": 900})
            visit = Visit(page, page_url(ready))
            visit.open()
            expect(page.locator(".notice.simulated")).to_be_visible()
            expect(visit.row("NYISO").locator(".rung")).to_have_text("Live")
            expect(visit.row("GBR-13").locator(".rung")).to_have_text("Live")
            page.screenshot(path=artifacts / "page-real-stack.png", full_page=True)
            assert not visit.complaints
            local.down()
            visit.refresh()
            expect(page.locator(".notice.failed")).to_contain_text("no stack runs here")
            page.close()
        finally:
            local.down()
            server.terminate()
            assert server.wait(timeout=10) == 0
        assert not visit.elsewhere


def page_url(ready: Path) -> str:
    """Wait for the server's address."""
    deadline = time.monotonic() + 20
    while not ready.exists() or not (text := ready.read_text()):
        assert time.monotonic() < deadline, "the page's server did not start"
        time.sleep(0.05)
    return str(json.loads(text)["page_url"])
