"""`make run` shows the decision, its figures and their freshness in the terminal."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

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
ZONES = (a_figure("PJM", 348.0),)


def shown(
    zones: Sequence[dict[str, Any]] = ZONES,
    candidates: Sequence[dict[str, Any]] = (),
    *,
    simulated: bool = False,
    of_zones: dict[str, Any] = LIVE,
    of_decision: dict[str, Any] = LIVE,
    degraded_reason: str | None = None,
    rows: int | None = None,
) -> list[str]:
    route = {
        "pop": "lax", "reason": "cleanest", "reason_text": "because", "candidates": candidates,
        "ranking": {"kinds": sorted({f"{one['signal']}/{one['basis']}" for one in candidates})},
        **of_decision,
    }  # fmt: skip
    listed = {"as_of": "2026-11-22T23:50:00Z", "simulated": simulated, "zones": zones}
    status = "ok" if degraded_reason is None else "degraded"
    health = {"status": status, "degraded_reason": degraded_reason, **of_zones}
    stack = replace(STACK, upstream="simulated" if simulated else "live")
    return render(stack, listed, route, health, rows).splitlines()


def row_of(zone: str, lines: list[str]) -> list[str]:
    (row,) = (line.split() for line in lines if line.startswith(f"{zone} "))
    return row


def test_a_zone_of_the_decision_shows_the_figure_it_is_ranked_by() -> None:
    newer = a_figure("CAISO_NORTH", 444.0, "marginal")
    ranked = a_figure(
        "CAISO_NORTH", 144.0, pop="lax", scope="consumption", factor_set="greenstream"
    )
    lines = shown((newer, a_figure("PJM", 348.0)), (ranked,))
    counted = ["consumption", "greenstream"]
    assert row_of("CAISO_NORTH", lines)[1:6] == ["144", "average", "direct", *counted]
    assert row_of("PJM", lines)[1:4] == ["348", "average", "direct"]
    assert lines[-1] == (
        "the first 1 zones show the figures that the decision compares (average/direct); "
        "the others show their best figure of any kind"
    )


def test_the_decisions_zones_come_first_each_once() -> None:
    zones = (a_figure("PJM", 348.0), a_figure("NYISO", 236.0), a_figure("CAISO_NORTH", 444.0))
    pair = (a_figure("CAISO_NORTH", 144.0, pop="lax"), a_figure("CAISO_NORTH", 144.0, pop="sfo"))
    lines = shown(zones, (*pair, a_figure("NYISO", 236.0, pop="nyc")))
    heading = next(index for index, line in enumerate(lines) if line.startswith("zone "))
    named = [line.split()[0] for line in lines[heading + 1 : heading + 4]]
    assert named == ["NYISO", "CAISO_NORTH", "PJM"]


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
            "PJM", 348.0, expected_gco2_kwh=351.2, penalty_gco2_kwh=2.5, penalty_capped=False,
            adj_carbon_gco2_kwh=353.7, age_s=750, provider="gridstatus",
        )  # fmt: skip
        lines = shown((figure,))
        assert row_of("PJM", lines) == [
            "PJM", "348", "average", "direct", "gridstatus", "750", "351.2", "2.5", "353.7", "live",
        ]  # fmt: skip
        assert not any("capped" in line for line in lines)

    def test_a_capped_penalty_is_marked_and_the_mark_is_explained(self) -> None:
        figure = a_figure("PJM", 348.0, penalty_gco2_kwh=7.5, penalty_capped=True)
        lines = shown((figure,))
        assert "7.5*" in row_of("PJM", lines)
        assert "* the penalty is capped: by its age alone it would be higher" in lines

    def test_a_disputed_figure_is_marked(self) -> None:
        lines = shown((a_figure("GBR", 180.0, disputed={"stands": {}, "against": {}}),))
        assert row_of("GBR", lines)[-2:] == ["live,", "disputed"]

    def test_of_a_zone_without_a_figure_no_figure_is_shown(self) -> None:
        unknown = {
            "zone": "PJM", "rung": "none", "gco2_kwh": None, "expected_gco2_kwh": None,
            "penalty_gco2_kwh": None, "penalty_capped": False, "adj_carbon_gco2_kwh": None,
        }  # fmt: skip
        assert row_of("PJM", shown((unknown,))) == ["PJM", "none"]


@pytest.mark.parametrize("reason", [None, "; ".join(["no run of eso has succeeded"] * 20)])
def test_a_page_fits_its_screen(reason: str | None) -> None:
    zones = tuple(a_figure(f"Z{number}", 1.0, penalty_capped=True) for number in range(60))
    candidate = a_figure("Z9", 1.0, pop="lax")
    lines = shown(zones, (candidate,), degraded_reason=reason, rows=40)
    assert len(lines) + AROUND <= 40
    assert any(line.startswith("… and ") for line in lines)
    assert row_of("Z9", lines)[1] == "1"
