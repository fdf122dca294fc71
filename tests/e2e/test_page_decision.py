"""The status page in a real browser: the question and the decision."""

import itertools
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from greenstream.domain.decision import Exclusion, Reason
from greenstream.domain.ladder import Rung
from greenstream.domain.places import places, pops
from greenstream.domain.zones import zones
from tests.e2e.scene import Scene
from tests.e2e.visiting import DESKTOP, PHONE, Visit, needs_chromium

pytestmark = needs_chromium

GAIN = """async ([chosen, nearest, comparable = "same_kind"]) => {
    const { gain } = await import("/gain.js");
    const baseline = { pop: "nyc", expected_gco2_kwh: nearest, gco2_kwh: nearest,
        attributed_difference_gco2_kwh: nearest - chosen };
    const candidates = [{ pop: "sfo", gco2_kwh: chosen, expected_gco2_kwh: chosen }];
    return gain({ baseline, candidates, comparable, pop: "sfo" }, () => "New York");
}"""
"""A script that returns what the page says of a chosen figure and of the nearest place's."""


class TestTheDecision:
    def test_is_stated_in_a_sentence_with_its_reason(self, visit: Visit) -> None:
        page = visit.open()
        expect(page.locator("#sentence")).to_have_text(
            "A request from New York goes to San Francisco, where the grid is at 214 g/kWh, "
            "three quarters of New York\N{RIGHT SINGLE QUOTATION MARK}s 288: it is the cleanest "
            "within the limit."
        )
        expect(page.locator("#reason")).to_contain_text("is the cleanest of 4 within 80 ms")
        expect(page.locator("#reason")).to_contain_text(
            "By the values expected now, its grid is 74 g/kWh below the grid of the nearest, "
            "New York (attributional, location-based)."
        )
        expect(page.locator("#counts")).to_have_text(
            "4 of 6 candidates have a live figure; 2 have a fallback."
        )
        page.get_by_label("Request from").fill("Amsterdam")
        expect(page.locator("#sentence")).to_contain_text("from Amsterdam goes to London")

    def test_says_that_a_difference_from_a_yearly_mean_is_not_of_live_figures(
        self, visit: Visit
    ) -> None:
        """The grid of Los Angeles has no live feed."""
        page = visit.open()
        page.get_by_label("Request from").fill("34.1, -118.2")
        expect(page.locator("#sentence")).to_contain_text("from 34.1, -118.2 goes to San Fran")
        expect(page.locator("#reason")).to_contain_text("the two figures are not both live")

    def test_follows_the_place_and_the_limit(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_label("Request from").fill("London")
        expect(page.locator("#sentence")).to_contain_text("from London goes to London")
        page.get_by_label("Request from").fill("New York")
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
        page.get_by_label("Request from").fill("95, 10")
        page.get_by_label("Rank by").select_option("average")
        expect(page.locator("#from-error")).to_have_text(
            "A latitude is between \N{MINUS SIGN}90 and 90, and a longitude between "
            "\N{MINUS SIGN}180 and 180."
        )
        page.get_by_label("Request from").fill("9.5, 10")
        expect(page.locator("#sentence")).to_contain_text("from 9.5, 10")
        expect(page.locator("#from-error")).to_be_empty()
        assert not [path for path in scene.asked if "lat=95" in path]

    def test_marks_one_winner_and_gives_every_figure_as_a_table(self, visit: Visit) -> None:
        page = visit.open()
        expect(page.locator("#chart .ring:not(.nearest)")).to_have_count(1)
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
        page.get_by_label("Request from").fill("London")
        expect(page.locator("#sentence")).to_have_text(
            "A request from London goes to Amsterdam, where the grid is at 141 g/kWh, "
            "3 % more than London\N{RIGHT SINGLE QUOTATION MARK}s 137: "
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
        page.get_by_label("Request from").fill("Amsterdam")
        expect(page.locator("#sentence")).to_contain_text(
            "goes to Amsterdam, where the grid is at 138 g/kWh: "
            "it scores nearly as well as the best, and is nearer."
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

    @pytest.mark.parametrize(
        ("rtt", "reason"),
        [
            ("nyc:90", "none with known carbon is within the limit"),
            ("nyc:3", "no carbon is known"),
        ],
    )
    def test_the_nearest_is_not_said_to_be_nearer_than_an_unknown_round_trip(
        self, visit: Visit, rtt: str, reason: str
    ) -> None:
        def with_round_trips(route: Route) -> None:
            address = route.request.url.partition("?")[0]
            answer = route.fetch(url=f"{address}?pops=nyc,lon&rtt={rtt}").json()
            if reason == "no carbon is known":
                answer["reason"] = "latency_only_no_carbon"
            route.fulfill(json=answer)

        visit.page.route("**/api/v1/route?*max_latency_ms*", with_round_trips)
        page = visit.open()
        expect(page.locator("#sentence")).to_contain_text(
            f"it is the nearest of those whose round trip is known, and {reason}."
        )
        expect(page.locator("#reason")).to_contain_text(
            "It is also the nearest of those whose round trip is known."
        )

    def test_without_a_place_no_round_trip_is_claimed(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_label("Request from").fill("")
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

    @pytest.mark.parametrize("theme", ["light", "dark"])
    @pytest.mark.parametrize("width", [PHONE, DESKTOP])
    @pytest.mark.parametrize("number", [6, 61, 300])
    def test_labels_cover_no_other_label_and_cross_no_limit(
        self, visit: Visit, artifacts: Path, number: int, width: int, theme: Any
    ) -> None:
        visit.page.emulate_media(color_scheme=theme)
        visit.page.set_viewport_size({"width": width, "height": 900})
        among = {6: "", 61: "to=all", 300: f"to={','.join(list(places())[:300])}"}[number]
        page = visit.open(f"?from=Frankfurt&{among}")
        expect(page.locator("#chart-key")).to_contain_text("chosen")
        page.locator("#decision").screenshot(
            path=artifacts / f"page-decision-{number}-{width}-{theme}.png"
        )
        for name in ("chosen", "nearest"):
            expect(page.locator(f"#chart .label.{name}")).to_have_count(1)
        boxes = page.locator("#chart .label").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().toJSON())"
        )
        limit = page.locator("#chart .limit line").evaluate(
            "line => line.getBoundingClientRect().left"
        )
        assert not [box for box in boxes if box["left"] < limit - 1 and box["right"] > limit + 1]
        covered = [
            (a, b)
            for a, b in itertools.combinations(boxes, 2)
            if a["left"] < b["right"] - 1
            and b["left"] < a["right"] - 1
            and a["top"] < b["bottom"] - 3
            and b["top"] < a["bottom"] - 3
        ]
        assert not covered
        assert not visit.is_wider_than_its_window()
        assert not visit.complaints

    @pytest.mark.parametrize("place", ["London", "Amsterdam", "Stockholm", "Warsaw"])
    def test_the_chosen_pop_is_named_in_the_chart_however_crowded_it_is(
        self, visit: Visit, scene: Scene, place: str
    ) -> None:
        for zone in zones():
            if zone.startswith("ENTSOE"):
                scene.read(zone, 5, valid_to=scene.now + timedelta(minutes=1), gco2_high=500)
        visit.page.set_viewport_size({"width": PHONE, "height": 900})
        page = visit.open()
        page.get_by_label("Request from").fill(place)
        page.get_by_label("Choose from").select_option("all")
        expect(page.locator("#chart .mark")).to_have_count(len(pops()))
        chosen = page.locator("#sentence strong").inner_text()
        expect(page.locator("#chart .label.chosen")).to_have_text(chosen)


class TestTheQuestion:
    def test_takes_any_name_of_a_place_and_says_it_back(self, visit: Visit, scene: Scene) -> None:
        page = visit.open()
        for typed, named in (
            ("LHR", "London"),
            ("aws:ap-northeast-1", "Tokyo"),
            ("ap-southeast-2", "Sydney"),
            ("S\u00e3o Paulo", "S\u00e3o Paulo"),
        ):
            page.get_by_label("Request from").fill(typed)
            expect(page.locator("#sentence")).to_contain_text(f"A request from {named} goes to")
        assert any("from=aws%3Aap-northeast-1" in path for path in scene.asked)

    def test_compares_places_of_ones_own_choice(self, visit: Visit, scene: Scene) -> None:
        page = visit.open()
        page.get_by_label("Choose from").select_option("places of my choice")
        expect(page.locator("#chosen-places li")).to_have_count(6)
        for pop in ("sfo", "lax", "iad", "nyc"):
            page.locator("#chosen-places").get_by_role("button", name=f"({pop})").click()
        for typed in ("CDG", "aws:eu-north-1"):
            page.get_by_label("Add a place").fill(typed)
            page.keyboard.press("Enter")
        expect(page.locator("#chosen-places li")).to_have_count(4)
        expect(page.locator("#chart .mark")).to_have_count(4)
        assert any(path.endswith("pops=lon,ams,cdg,aws:eu-north-1") for path in scene.asked)
        assert page.url.endswith("to=lon,ams,cdg,aws:eu-north-1")

    def test_a_link_shows_what_its_sender_saw(self, visit: Visit) -> None:
        page = visit.open("?from=Madrid&to=cdg,gcp:europe-north1&limit=120&signal=average")
        expect(page.locator("#sentence")).to_contain_text("from Madrid goes to")
        expect(page.locator("#chart .limit text")).to_have_text("limit 120 ms")
        expect(page.get_by_label("Rank by")).to_have_value("average")
        expect(page.locator("#chosen-places li")).to_have_count(2)

    @pytest.mark.parametrize(
        ("field", "value", "set_to"),
        [
            ("limit", "abc", "80 ms"),
            ("limit", "80ms", "80 ms"),
            ("limit", "83", "85 ms"),
            ("limit", "1000", "300 ms"),
            ("signal", "cheapest", "automatic: a kind that all have"),
        ],
    )
    def test_a_value_of_the_address_that_a_field_cannot_take_is_named_beside_it(
        self, visit: Visit, field: str, value: str, set_to: str
    ) -> None:
        page = visit.open(f"?{field}={value}")
        note = page.locator(f"#{field}-error")
        expect(note).to_have_text(
            f"The address has \N{LEFT DOUBLE QUOTATION MARK}{value}\N{RIGHT DOUBLE QUOTATION MARK}"
            f", which this field cannot take. It is set to: {set_to}."
        )
        expect(page.locator(f"#{field}")).not_to_have_attribute("aria-invalid", "true")
        page.get_by_label("Request from").fill("Madrid")
        expect(page.locator("#sentence")).to_contain_text("from Madrid")
        expect(note).to_be_empty()
        assert not visit.complaints

    @pytest.mark.parametrize("query", ["signal=Average&limit=80.0", "signal=AVERAGE&limit="])
    def test_a_value_of_the_address_may_be_written_in_another_way(
        self, visit: Visit, query: str
    ) -> None:
        page = visit.open(f"?{query}&to=ALL")
        expect(page.get_by_label("Rank by")).to_have_value("average")
        expect(page.locator("#to")).to_have_value("all")
        expect(page.locator("#limit-shown")).to_have_text("80 ms")
        for field in ("signal", "limit"):
            expect(page.locator(f"#{field}-error")).to_be_empty()

    def test_the_usual_question_leaves_the_address_empty(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_label("Request from").fill("Madrid")
        expect(page.locator("#sentence")).to_contain_text("from Madrid")
        assert page.url.endswith("?from=Madrid")
        page.get_by_label("Request from").fill("New York")
        expect(page.locator("#sentence")).to_contain_text("from New York")
        assert page.url == visit.url

    def test_offers_near_names_beside_the_field_and_asks_nothing(
        self, visit: Visit, scene: Scene
    ) -> None:
        page = visit.open()
        origin = page.get_by_label("Request from")
        origin.fill("Amsterdan")
        error = page.locator("#from-error")
        expect(error).to_contain_text("No place is called \N{LEFT DOUBLE QUOTATION MARK}Amsterdan")
        expect(origin).to_have_attribute("aria-invalid", "true")
        expect(page.get_by_role("alert").filter(has_text="Amsterdan")).to_be_visible()
        assert not [path for path in scene.asked if "Amsterdan" in path]
        error.get_by_role("button", name="Amsterdam (ams)").click()
        expect(page.locator("#sentence")).to_contain_text("from Amsterdam goes to")
        expect(error).to_be_empty()
        expect(origin).not_to_have_attribute("aria-invalid", "true")
        assert not visit.complaints

    def test_asks_which_place_of_a_city_is_meant(self, visit: Visit) -> None:
        page = visit.open("?to=lon")
        page.get_by_label("Add a place").fill("tokyo")
        page.get_by_role("button", name="Add", exact=True).click()
        error = page.locator("#to-error")
        expect(error).to_contain_text("is the name of several places. Which one?")
        error.get_by_role("button", name="AWS region").click()
        expect(page.locator("#chosen-places")).to_contain_text("aws:ap-northeast-1")
        expect(page.locator("#chart .mark, #chart-key span")).not_to_have_count(0)

    def test_a_place_that_the_address_names_twice_is_asked_about_once(self, visit: Visit) -> None:
        visit.open("?to=lon,nyc,lon,LON")
        expect(visit.page.locator("#own-count")).to_have_text("2 places")
        expect(visit.page.locator("#to-error")).to_be_empty()

    def test_a_link_to_an_unknown_place_is_refused_beside_its_field(
        self, visit: Visit, scene: Scene
    ) -> None:
        visit.page.goto(f"{visit.url}?to=lon,nope")
        expect(visit.page.locator("#to-error")).to_contain_text("No place is called nope")
        expect(visit.page.locator("#sentence")).to_contain_text("The question cannot be asked yet")
        visit.page.get_by_role("button", name="Remove nope").click()
        expect(visit.page.locator("#sentence")).to_contain_text("goes to London")
        assert not [path for path in scene.asked if "nope" in path]
        assert not visit.complaints

    def test_what_the_router_says_of_a_field_is_shown_beside_it(self, visit: Visit) -> None:
        refusal = {"status": 400, "errors": [{"field": "pops", "detail": "does not know lon"}]}
        visit.page.route("**/api/v1/route?*", lambda route: route.fulfill(status=400, json=refusal))
        visit.page.goto(visit.url)
        expect(visit.page.locator("#to-error")).to_have_text("The router does not know lon.")
        expect(visit.page.locator(".notice.failed")).to_have_count(0)


class TestTheGain:
    @pytest.mark.parametrize(
        ("chosen", "nearest", "words"),
        [
            (3, 200, "next to nothing beside"),
            (20, 200, "a tenth of"),
            (70, 200, "about a third of"),
            (100, 200, "half of"),
            (134, 200, "two thirds of"),
            (180, 200, "10 % less than"),
            (199, 200, "about the same as"),
            (230, 200, "15 % more than"),
        ],
    )
    def test_is_said_in_words(
        self, visit: Visit, chosen: float, nearest: float, words: str
    ) -> None:
        visit.page.goto(visit.url)
        said = visit.page.evaluate(GAIN, [chosen, nearest])
        assert said == f"{words} New York\N{RIGHT SINGLE QUOTATION MARK}s {nearest}"

    def test_is_left_unsaid_where_the_figures_may_not_be_compared(self, visit: Visit) -> None:
        visit.page.goto(visit.url)
        assert visit.page.evaluate(GAIN, [100, 200, "mixed"]) == ""


class TestWords:
    def test_are_explained_where_they_stand_with_the_keyboard(self, visit: Visit) -> None:
        page = visit.open()
        page.get_by_role("button", name="What is meant by round trip?").focus()
        note = page.locator("#term-rtt")
        expect(note).not_to_be_visible()
        page.keyboard.press("Enter")
        expect(note).to_be_visible()
        expect(note).to_contain_text("there and back, in milliseconds")
        expect(note).to_be_in_viewport(ratio=1)
        page.keyboard.press("Escape")
        expect(note).not_to_be_visible()
