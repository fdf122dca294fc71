"""`make run` shows the decision, its figures and their freshness in the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from greenstream.domain.places import places
from infra.local.continents import continent_of, continents
from infra.local.stack import Stack
from infra.local.view import AROUND, WIDTH, render

STACK = Stack(
    router_url="http://127.0.0.1:1/router", table="readings", region="eu-west-1",
    endpoint_url="http://127.0.0.1:1", access_key_id="", secret_access_key="",
    upstream="simulated", upstream_url=None, auth="none",
    functions={}, dead_letter_queue_url="", page_url="http://127.0.0.1:2/",
)  # fmt: skip


def a_figure(zone: str, gco2_kwh: float, signal: str = "average", **more: Any) -> dict[str, Any]:
    kind = {"signal": signal, "basis": "direct"}
    return {"zone": zone, "gco2_kwh": gco2_kwh, **kind, "rung": "live", **more}


LIVE = {"freshness": "live", "figures": {"live": 3, "fallback": 2, "none": 1}}
FALLBACK = {"freshness": "fallback", "figures": {"live": 0, "fallback": 5, "none": 1}}
NOTHING = {"freshness": "none", "figures": {"live": 0, "fallback": 0, "none": 6}}


def a_decision(
    pop: str = "lax",
    nearest: str = "lax",
    saved: float | None = 0.0,
    candidates: Sequence[dict[str, Any]] = (),
    **more: Any,
) -> dict[str, Any]:
    """Return an answer to a visitor; the nearest place has 200 g/kWh."""
    kinds = sorted({f"{one['signal']}/{one['basis']}" for one in candidates})
    return {
        "pop": pop, "reason_text": f"{pop}, because", "ranking": {"kinds": kinds},
        "baseline": {
            "pop": nearest, "expected_gco2_kwh": 200.0, "attributed_difference_gco2_kwh": saved
        },
        "candidates": candidates or (a_figure("PJM", 348.0, pop="iad"),), **LIVE, **more,
    }  # fmt: skip


def shown(
    candidates: Sequence[dict[str, Any]] = (),
    *,
    decisions: Mapping[str, dict[str, Any]] | None = None,
    zones: Sequence[dict[str, Any]] = (),
    simulated: bool = False,
    of_zones: dict[str, Any] = LIVE,
    of_decision: dict[str, Any] = LIVE,
    degraded_reason: str | None = None,
    rows: int | None = None,
    width: int | None = None,
) -> list[str]:
    routes = decisions or {"New York": a_decision(candidates=candidates, **of_decision)}
    listed = {"as_of": "2026-11-22T23:50:00Z", "simulated": simulated, "zones": zones}
    status = "ok" if degraded_reason is None else "degraded"
    health = {"status": status, "degraded_reason": degraded_reason, **of_zones}
    stack = replace(STACK, upstream="simulated" if simulated else "live")
    return render(stack, listed, routes, health, rows, width).splitlines()


def row_of(name: str, lines: list[str]) -> list[str]:
    (row,) = (line.split() for line in lines if line.startswith(f"{name} "))
    return row


def live_in(continent: str, lines: list[str]) -> int:
    (row,) = (line for line in lines if line.startswith(f"{continent} "))
    return int(row.removeprefix(continent).split()[0])


def in_words(lines: list[str]) -> str:
    return " ".join(lines)


class TestPops:
    def test_a_pop_shows_its_zone_and_the_figure_by_which_it_is_ranked(self) -> None:
        newer = a_figure("CAISO_NORTH", 444.0, "marginal")
        ranked = a_figure(
            "CAISO_NORTH", 144.0, pop="sfo", scope="consumption", factor_set="greenstream"
        )
        lines = shown((ranked,), zones=(newer,))
        counted = ["consumption", "greenstream"]
        assert row_of("sfo", lines)[1:7] == ["CAISO_NORTH", "144", "average", "direct", *counted]
        assert "the POPs show the figures that the decision compares (average/direct)" in lines

    def test_the_pops_come_first_in_the_tables_order(self) -> None:
        nyc, ams, sfo = (a_figure("Z", 1.0, pop=pop) for pop in ("nyc", "ams", "sfo"))
        lines = shown((nyc, ams, sfo), zones=(a_figure("PJM", 348.0),))
        heading = next(index for index, line in enumerate(lines) if line.startswith("POP "))
        assert [line.split()[0] for line in lines[heading + 1 : heading + 4]] == [
            "sfo", "nyc", "ams",
        ]  # fmt: skip
        assert heading < next(i for i, line in enumerate(lines) if line.startswith("A visitor"))

    def test_a_neighbours_grid_is_named_a_proxy(self) -> None:
        lines = shown((a_figure("CAISO_NORTH", 144.0, pop="lax", proxy_zone=True),))
        assert row_of("lax", lines)[-2:] == ["live,", "proxy"]

    @pytest.mark.parametrize("width", [80, 100, 120])
    def test_no_line_is_wider_than_the_terminal(self, width: int) -> None:
        figure = a_figure(
            "CAISO_NORTH", 144.0, pop="sfo", scope="consumption", factor_set="electricitymaps",
            provider="electricitymaps", age_s=113192, expected_gco2_kwh=145.0,
            penalty_gco2_kwh=7.6, penalty_capped=True, adj_carbon_gco2_kwh=152.6, proxy_zone=False,
        )  # fmt: skip
        zones = tuple(a_figure(zone, 1.0) for zone in ("PJM", "GBR-13", "ENTSOE_NL"))
        reason = "; ".join(["no run of eso has succeeded"] * 5)
        lines = shown((figure,), zones=zones, width=width, degraded_reason=reason)
        assert max(map(len, lines)) <= width
        assert row_of("sfo", lines)[:3] == ["sfo", "CAISO_NORTH", "144"]
        assert {"provider", "age", "rung"} <= set(row_of("POP", lines))


class TestTheDecisionThatIsShown:
    ON_A_PROXY = a_decision(
        "lax", "sfo", 90.0, (a_figure("CAISO_NORTH", 144.0, pop="lax", proxy_zone=True),)
    )
    NEAREST = a_decision("nyc", "nyc", 0.0)
    SAVES = a_decision("nyc", "iad", 50.0)

    def test_the_saving_stands_beside_the_nearest_place_in_words_and_numbers(self) -> None:
        lines = shown(decisions={"Ashburn": self.SAVES})
        assert (
            "A visitor in Ashburn: the request goes to nyc instead of iad, the nearest place: "
            "150 g/kWh expected, which is 50 g/kWh (25%) below iad's 200. nyc, because"
        ) in in_words(lines)

    def test_it_is_the_first_one_that_saves_and_rests_on_no_proxy(self) -> None:
        cities = {"Los Angeles": self.ON_A_PROXY, "New York": self.NEAREST, "Ashburn": self.SAVES}
        lines = shown(decisions=cities)
        assert any(line.startswith("A visitor in Ashburn:") for line in lines)
        assert (
            "of 3 visitors, one in each POP's city, 2 go to a place with less carbon than the "
            "nearest"
        ) in in_words(lines)

    def test_a_saving_between_figures_that_are_counted_alike_comes_first(self) -> None:
        sfo, iad, nyc = (
            a_figure("Z", 1.0, pop=pop, scope=scope)
            for pop, scope in (("sfo", "consumption"), ("iad", "production"), ("nyc", "production"))
        )
        cities = {
            "San Francisco": a_decision("nyc", "sfo", 90.0, (nyc, sfo)),
            "Ashburn": a_decision("nyc", "iad", 50.0, (nyc, iad, sfo)),
        }
        assert any(line.startswith("A visitor in Ashburn:") for line in shown(decisions=cities))

    def test_no_saving_is_preferred_to_a_proxy_and_said_plainly(self) -> None:
        lines = shown(decisions={"Los Angeles": self.ON_A_PROXY, "New York": self.NEAREST})
        assert (
            "A visitor in New York: the request goes to nyc, which is the nearest place too: "
            "no saving."
        ) in in_words(lines)

    def test_a_place_with_more_carbon_than_the_nearest_is_not_called_a_saving(self) -> None:
        lines = in_words(shown(decisions={"Ashburn": a_decision("nyc", "iad", -10.0)}))
        assert "210 g/kWh expected, which is 10 g/kWh (5%) above iad's 200." in lines
        assert "one in each POP's city, none goes to a place with less carbon" in lines

    def test_figures_that_cannot_be_compared_give_no_number(self) -> None:
        lines = in_words(shown(decisions={"Ashburn": a_decision("nyc", "iad", None)}))
        assert "goes to nyc instead of iad, the nearest place; their figures cannot be" in lines

    def test_without_a_nearest_place_nothing_is_compared(self) -> None:
        lines = shown(decisions={"Ashburn": a_decision("nyc", baseline=None)})
        assert "the request goes to nyc; the nearest place is not known." in in_words(lines)


class TestPlaces:
    def test_places_are_counted_by_continent_and_rung(self) -> None:
        nothing = shown()
        europe = sum(continent_of(place.country) == "Europe" for place in places().values())
        titles = ["places", "live", "live_partial", "hour", "profile", "yearly", "mean"]
        assert row_of("places", nothing) == [*titles, "nothing", "known"]
        assert row_of("Europe", nothing)[1:] == ["0", "0", "0", "0", str(europe)]

        british = [place for place in places().values() if place.zones[0].zone == "GBR-13"]
        some = shown(zones=(a_figure("GBR-13", 180.0),))
        assert british
        assert row_of("Europe", some)[1] == str(len(british))
        assert row_of("Europe", some)[-1] == str(europe - len(british))

    def test_a_neighbours_grid_counts_only_where_nothing_is_known_of_the_places_own(self) -> None:
        proxied = next(place for place in places().values() if place.zones[-1].proxy)
        own, neighbour = proxied.zones[0].zone, proxied.zones[-1].zone
        continent = continent_of(proxied.country)
        alone = shown(zones=(a_figure(neighbour, 1.0),))
        both = (a_figure(neighbour, 1.0), {**a_figure(own, 1.0), "rung": "annual_mean"})
        beside = shown(zones=both)
        assert live_in(continent, beside) < live_in(continent, alone)

    def test_every_place_is_on_a_continent(self) -> None:
        assert {continent_of(place.country) for place in places().values()} == set(continents()) - {
            "Elsewhere"
        }


class TestFreshness:
    def test_live_data_are_said_with_the_counts_that_health_gives(self) -> None:
        heading, *lines = shown()
        assert heading == "GreenStream — LIVE data — 2026-11-22T23:50:00Z"
        assert "health ok; zones that have a source: 3 live, 2 fallback, 1 none" in lines
        assert "figures of this decision: 3 live, 2 fallback, 1 none" in lines

    @pytest.mark.parametrize("freshness", [FALLBACK, NOTHING])
    def test_without_a_live_figure_nothing_is_called_live(self, freshness: dict[str, Any]) -> None:
        heading, *lines = shown(of_zones=freshness, of_decision=freshness)
        counts = ", ".join(f"{count} {name}" for name, count in freshness["figures"].items())
        assert heading == "GreenStream — nothing live — 2026-11-22T23:50:00Z"
        assert f"figures of this decision: nothing live ({counts})" in lines
        assert not any("LIVE" in line for line in lines)

    def test_a_decision_on_usual_values_is_not_hidden_by_other_zones_live_figures(self) -> None:
        heading, *lines = shown(of_zones=LIVE, of_decision=FALLBACK)
        assert "LIVE data" in heading
        assert "figures of this decision: nothing live (0 live, 5 fallback, 1 none)" in lines

    def test_simulated_data_are_never_called_live_data(self) -> None:
        heading = shown(simulated=True)[0]
        assert "SIMULATED data: no figure here is real" in heading
        assert "LIVE data" not in heading

    def test_simulated_data_can_be_without_a_live_figure_too(self) -> None:
        heading = shown(simulated=True, of_zones=FALLBACK)[0]
        assert "SIMULATED data: no figure here is real — nothing live — " in heading

    def test_why_health_is_degraded_is_said_in_its_own_words(self) -> None:
        reason = "; ".join(
            [
                "none of the 6 figures is live",
                *(
                    f"no run of {name} has succeeded since 2026-11-22T23:32:10Z"
                    for name in ("eso", "entsoe", "gridstatus", "watttime")
                ),
            ]
        )
        lines = shown(of_zones=FALLBACK, degraded_reason=reason)
        assert (
            "health degraded; zones that have a source: nothing live (0 live, 5 fallback, 1 none)"
        ) in lines
        assert reason in " ".join(lines)
        assert max(len(line) for line in lines if "no run of" in line) <= WIDTH


class TestPriceOfAge:
    def test_a_row_shows_reading_expected_value_penalty_and_their_sum(self) -> None:
        figure = a_figure(
            "PJM", 348.0, pop="iad", expected_gco2_kwh=351.2, penalty_gco2_kwh=2.5,
            penalty_capped=False, adj_carbon_gco2_kwh=353.7, age_s=750, provider="gridstatus",
        )  # fmt: skip
        lines = shown((figure,))
        assert row_of("iad", lines) == [
            "iad", "PJM", "348", "average", "direct", "gridstatus", "750", "351.2", "2.5", "353.7",
            "live",
        ]  # fmt: skip
        assert not any("capped" in line for line in lines)

    def test_a_capped_penalty_is_marked_and_the_mark_is_explained(self) -> None:
        figure = a_figure("PJM", 348.0, pop="iad", penalty_gco2_kwh=7.5, penalty_capped=True)
        lines = shown((figure,))
        assert "7.5*" in row_of("iad", lines)
        assert "* the penalty is capped: by its age alone it would be higher" in lines

    def test_a_disputed_figure_is_marked(self) -> None:
        disputed: dict[str, Any] = {"stands": {}, "against": {}}
        lines = shown((a_figure("GBR-13", 180.0, pop="lon", disputed=disputed),))
        assert row_of("lon", lines)[-2:] == ["live,", "disputed"]

    def test_of_a_zone_without_a_figure_no_figure_is_shown(self) -> None:
        unknown = {
            "pop": "iad", "zone": "PJM", "rung": "none", "gco2_kwh": None, "signal": "average",
            "basis": "direct", "expected_gco2_kwh": None,
            "penalty_gco2_kwh": None, "penalty_capped": False, "adj_carbon_gco2_kwh": None,
        }  # fmt: skip
        assert row_of("iad", shown((unknown,))) == ["iad", "PJM", "average", "direct", "none"]


@pytest.mark.parametrize("reason", [None, "; ".join(["no run of eso has succeeded"] * 5)])
def test_a_page_fits_a_small_screen_without_the_places(reason: str | None) -> None:
    lines = shown(degraded_reason=reason, rows=24, width=80)
    assert len(lines) + AROUND <= 24
    assert lines[-1] == "a higher terminal shows the places by continent as well"
    assert row_of("iad", lines)[1] == "PJM"
