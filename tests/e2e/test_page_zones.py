"""The status page in a real browser: the table of zones."""

import re
from datetime import timedelta

from playwright.sync_api import expect

from greenstream.domain.zones import zones
from tests.e2e.scene import DAY_GCO2_KWH, Scene
from tests.e2e.visiting import PHONE, Visit, needs_chromium

pytestmark = needs_chromium

FOLDED = '#zones .group button[aria-expanded="false"]:visible'


class TestZones:
    def test_the_table_lists_every_zone_with_figure_kind_source_and_rung(
        self, visit: Visit
    ) -> None:
        page = visit.open()
        for _ in range(page.locator(FOLDED).count()):
            page.locator(FOLDED).first.click()
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
        page.get_by_label("Find").fill("GBR-")
        british = page.locator("#zones tbody").filter(has_text="Europe").locator(".cell-name")
        expect(british.first).to_contain_text("North Scotland")
        page.get_by_role("columnheader", name="Zone").get_by_role("button").click()
        expect(british.first).to_contain_text("East England")
        page.get_by_label("Find").fill("neso live")
        shown = page.locator("tr[data-zone]")
        expect(shown).to_have_count(sum(zone.startswith("GBR") for zone in DAY_GCO2_KWH))
        expect(page.locator("#zones-shown")).to_contain_text(f"5 zones of {len(zones())} match")

    def test_the_zones_of_the_decision_come_first_and_the_continents_are_folded(
        self, visit: Visit
    ) -> None:
        page = visit.open()
        first = page.locator("#zones tbody").first
        expect(first.locator("tr[data-zone]")).to_have_count(6)
        expect(page.locator("tr[data-zone]")).to_have_count(6)
        europe = page.locator("#zones .group button").filter(has_text="Europe")
        europe.click()
        expect(visit.row("ENTSOE_FR")).to_be_visible()
        europe.click()
        expect(visit.row("ENTSOE_FR")).to_have_count(0)
        expect(visit.row("NYISO")).to_be_visible()

    def test_a_zones_history_is_requested_only_when_its_row_is_seen(
        self, visit: Visit, scene: Scene
    ) -> None:
        visit.page.set_viewport_size({"width": PHONE, "height": 600})
        page = visit.open()
        assert not [path for path in scene.asked if "history_h" in path]
        visit.row("NYISO").scroll_into_view_if_needed()
        line = visit.row("NYISO").locator(".spark").get_by_role("img")
        expect(line).to_have_attribute("aria-label", "24 h: 192 to 320 g/kWh")
        assert page.locator(".spark svg").count() <= 3
        assert not [path for path in scene.asked if "history_h" in path and "ENTSOE_FR" in path]


class TestAnOpenedZone:
    def test_shows_two_days_the_forecast_the_mix_the_sources_and_the_usual_values(
        self, visit: Visit, scene: Scene
    ) -> None:
        fuels = {"gas": 30.0, "wind": 60.0, "solar": 10.0, "coal": 0.0}
        scene.same_hour("GBR-13", 188)
        soon = scene.now + timedelta(minutes=1)
        scene.read("GBR-13", 140, valid_to=soon, detail={"share_percent": fuels})
        scene.forecast("GBR-13", [150, 160, 90, 120])
        page = visit.open()
        assert not [path for path in scene.asked if "history_h=48" in path]
        visit.row("GBR-13").locator(".open-zone").click()

        panel = page.locator('[data-panel="GBR-13"]')
        expect(panel.get_by_role("img")).to_have_attribute(
            "aria-label", "Past 48 h: 92 to 153 g/kWh; forecast: 90 to 160 g/kWh"
        )
        expect(panel.locator(".mix dt")).to_have_text(["wind", "gas", "solar"])
        expect(panel.locator(".mix dd span")).to_have_text(["60 %", "30 %", "10 %"])
        for text in (
            "140 g/kWh. Live",
            "Line: NESO, average, direct, consumption. Band: bounds.",
            "Dashed: forecast of NESO, issued 16:00:00 UTC.",
            "Cleanest hour of the next 24:",
            "at 90 g/kWh, against 150 at once, by the forecast.",
            "the zone is in Europe/London",
            "NESO 13 \N{MIDDLE DOT} working \N{MIDDLE DOT} newest figure is current",
            "Elexon GB \N{MIDDLE DOT} never run \N{MIDDLE DOT} no figure",
            "188 g/kWh at this hour of the last week",
            "152 g/kWh (5\N{EN DASH}244) in the mean of 2023",
        ):
            expect(panel).to_contain_text(text)
        assert [path for path in scene.asked if path == "/v1/zones/GBR-13?history_h=48"]
        assert not visit.complaints

    def test_stays_open_in_a_link_and_closes_again(self, visit: Visit) -> None:
        page = visit.open("?zone=ENTSOE_FR")
        panel = page.locator('[data-panel="ENTSOE_FR"]')
        expect(panel.get_by_role("img")).to_be_visible()
        expect(panel).to_contain_text("Nothing is known of the coming hours")
        button = visit.row("ENTSOE_FR").locator(".open-zone")
        expect(button).to_have_attribute("aria-expanded", "true")
        button.press("Enter")
        expect(panel).to_have_count(0)
        assert page.url == visit.url

    def test_that_cannot_be_loaded_says_so(self, visit: Visit) -> None:
        visit.page.route("**/api/v1/zones/NYISO?*", lambda route: route.abort())
        page = visit.open("?zone=NYISO")
        expect(page.locator('[data-panel="NYISO"]')).to_contain_text(
            "The zone could not be loaded: no connection."
        )


class TestSourcesThatContradictEachOther:
    def test_are_marked_named_and_explained_with_the_one_that_stands(
        self, visit: Visit, scene: Scene
    ) -> None:
        scene.read("GBR", 4.0, valid_to=scene.now)
        scene.read("GBR", 180.0, valid_to=scene.now, source=1)
        scene.read("GBR-13", 3.0, valid_to=scene.now)
        visit.open()

        visit.page.get_by_label("Find").fill("GBR elexon")
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
        expect(visit.page.locator('#map [data-pop="lon"]')).to_have_class(
            "pop step-2 hollow candidate"
        )
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
