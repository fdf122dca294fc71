"""Decisions are compared with the nearest POP and with the best POP that never changes."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from greenstream.api.decision_log import COMPARED, DecisionLog
from greenstream.domain.attribution import Comparison, best_static
from greenstream.domain.decision import Candidate, Decision
from greenstream.domain.ladder import Rung
from greenstream.domain.policy import Policy
from greenstream.domain.routing import decide
from greenstream.domain.zones import zones
from tests.builders import AVERAGE_DIRECT, MARGINAL_DIRECT, NOW, a_candidate, standings_of

POLICY = Policy(max_latency_ms=80, latency_price_gco2_kwh_ms=0)


def mean_of(zone: str) -> float:
    return next(m.gco2_kwh for m in zones()[zone].annual_means if m.kind == AVERAGE_DIRECT)


def decided(*candidates: Candidate) -> Decision:
    return decide(candidates, POLICY)


def compared(*decisions: Decision) -> Comparison:
    comparison = Comparison()
    for decision in decisions:
        comparison.add(decision)
    return comparison


def near(gco2_kwh: float | None = 300.0, **changes: Any) -> Candidate:
    """Return the nearest POP. Its grid, PJM, has the highest yearly mean of the three grids."""
    return a_candidate("iad", gco2_kwh, 5.0, zone="PJM", **changes)


def usual(gco2_kwh: float | None = 200.0, **changes: Any) -> Candidate:
    """Return a POP in Great Britain, whose grid has the lowest yearly mean of the three grids."""
    return a_candidate("lon", gco2_kwh, 70.0, zone="GBR-13", **changes)


def cleanest_now(gco2_kwh: float = 100.0, **changes: Any) -> Candidate:
    return a_candidate("sfo", gco2_kwh, 60.0, zone="CAISO_NORTH", **changes)


def test_the_zones_of_this_page_differ_by_the_year() -> None:
    assert mean_of("GBR-13") < mean_of("CAISO_NORTH") < mean_of("PJM")


class TestBestStatic:
    def test_it_is_the_cleanest_by_the_year_whatever_is_cleanest_now(self) -> None:
        static = best_static(decided(near(), usual(), cleanest_now()))

        assert static is not None
        assert static.pop == "lon"

    def test_it_is_within_the_latency_limit(self) -> None:
        far = a_candidate("lon", 10.0, 120.0, zone="GBR-13")
        static = best_static(decided(near(), far, cleanest_now()))

        assert static is not None
        assert static.pop == "sfo"

    def test_it_is_the_nearest_where_nothing_is_within_the_limit(self) -> None:
        far, farther = (a_candidate(pop, 10.0, ms) for pop, ms in (("lon", 120.0), ("sfo", 130.0)))
        static = best_static(decided(far, farther))

        assert static is not None
        assert static.pop == "lon"

    def test_a_pop_on_a_neighbouring_grids_figure_is_never_the_best_static_choice(self) -> None:
        static = best_static(decided(near(), usual()._replace(proxy=True), cleanest_now()))

        assert static is not None
        assert static.pop == "sfo"

    def test_without_a_published_mean_of_the_kind_there_is_none(self) -> None:
        marginal = a_candidate("sfo", 400.0, 5.0, zone="CAISO_NORTH", kind=MARGINAL_DIRECT)

        assert best_static(decided(marginal)) is None


class TestComparison:
    def test_it_adds_up_the_chosen_and_the_alternative_figures(self) -> None:
        decision = decided(near(), usual(), cleanest_now())
        twice = compared(decision, decision)

        assert twice.means() == {
            "decisions": 2,
            "fallback_decisions": 0,
            "uncompared_decisions": 0,
            "delivered_gco2_kwh": 100,
            "nearest_gco2_kwh": 300,
            "best_static_gco2_kwh": 200,
            "added_rtt_ms": 55,
        }

    @pytest.mark.parametrize(
        "decision",
        [
            decided(near(None), usual(), cleanest_now()),
            decided(near(kind=MARGINAL_DIRECT), usual(), cleanest_now()),
            decided(a_candidate("sfo", 100.0, None, zone="CAISO_NORTH")),
            decided(near()._replace(proxy=True), usual(), cleanest_now()),
            decided(near(), usual(), cleanest_now()._replace(proxy=True)),
        ],
        ids=[
            "nothing known of the nearest",
            "of two kinds",
            "no round trip known",
            "a neighbour's figure for the nearest",
            "a neighbour's figure for the chosen",
        ],
    )
    def test_decisions_that_cannot_be_compared_are_counted_as_such(
        self, decision: Decision
    ) -> None:
        assert compared(decision).means() == {
            "decisions": 0,
            "fallback_decisions": 0,
            "uncompared_decisions": 1,
        }

    @pytest.mark.parametrize(
        ("decision", "difference", "hidden_loss"),
        [
            (
                decided(near(rung=Rung.ANNUAL_MEAN, doubt_gco2_kwh=85.0), usual(), cleanest_now()),
                200,
                0,
            ),
            (
                decided(
                    near(120.0, rung=Rung.SAME_HOUR, doubt_gco2_kwh=40.0),
                    usual(),
                    cleanest_now(doubt_gco2_kwh=30.0),
                ),
                20,
                30,
            ),
            (decided(near(), usual(rung=Rung.SAME_HOUR), cleanest_now()), 200, 0),
            (decided(near(rung=Rung.ANNUAL_MEAN, doubt_gco2_kwh=85.0)), 0, 0),
        ],
        ids=[
            "the nearest by its yearly mean, far dirtier",
            "the nearest by its profile, hardly dirtier: sqrt(40^2 + 30^2) - 20",
            "the best static by its profile",
            "the nearest is chosen: nothing is lost against itself",
        ],
    )
    def test_a_decision_on_usual_values_is_reported_with_the_loss_it_may_hide(
        self, decision: Decision, difference: float, hidden_loss: float
    ) -> None:
        assert compared(decision).means() == {
            "decisions": 0,
            "fallback_decisions": 1,
            "uncompared_decisions": 0,
            "fallback_difference_gco2_kwh": difference,
            "fallback_hidden_loss_gco2_kwh": hidden_loss,
        }


@dataclass
class Lines:
    lines: list[tuple[str, dict[str, object]]] = field(default_factory=list)

    def event(self, level: str, message: str, **fields: object) -> None:
        self.lines.append((message, fields))

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        pass

    def flush(self) -> None:
        pass


def test_the_decision_log_reports_the_comparison_of_each_minute_once() -> None:
    told, clock = Lines(), [NOW]

    def now() -> datetime:
        return clock[0]

    decision_log = DecisionLog(told, now)
    for _ in range(3):
        decision = decided(near(), usual(), cleanest_now())
        decision_log.decided(decision, standings_of(decision.candidates), degraded=False)
        decision_log.answered(200, dict, store_failing=None, every=1000)
    clock[0] += timedelta(minutes=2)
    decision_log.answered(200, dict, store_failing=None, every=1000)

    counts = [fields["decisions"] for message, fields in told.lines if message == COMPARED]
    assert counts == [1, 2]
