"""Figures that were counted in different ways: what is said of them, and what a move needs."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.comparability import (
    Comparability,
    Counting,
    Unsure,
    known_difference_gco2_kwh,
    why_unsure,
)
from greenstream.domain.decision import Candidate, Reason
from greenstream.domain.factor_sets import ELECTRICITYMAPS, GREENSTREAM, NESO
from greenstream.domain.ladder import Rung, ZoneCarbon
from greenstream.domain.policy import Policy, RankedScope
from greenstream.domain.reading import Kind, Scope
from greenstream.domain.routing import decide
from greenstream.domain.tables import load
from greenstream.domain.zones import zones
from tests.builders import (
    AVERAGE_DIRECT,
    AVERAGE_LIFECYCLE,
    MARGINAL_DIRECT,
    a_candidate,
    a_figure,
)

POLICY = Policy()
grams = st.floats(min_value=0, max_value=1500).map(lambda value: round(value, 3))
ways = st.tuples(
    st.sampled_from(["ENTSOE_CH", "ENTSOE_AT", "ENTSOE_FR", "NYISO", "GBR"]),
    st.sampled_from([AVERAGE_DIRECT, AVERAGE_LIFECYCLE]),
    st.sampled_from(Scope),
    st.sampled_from([GREENSTREAM, NESO, ELECTRICITYMAPS, "of_a_new_provider"]),
)
Way = tuple[str, Kind, Scope, str]


def counted(way: Way, gco2_kwh: float = 100.0) -> ZoneCarbon:
    zone, kind, scope, factor_set = way
    return a_figure(gco2_kwh, zone=zone, kind=kind, scope=scope, factor_set=factor_set)


def fleet_of(drawn: list[tuple[Way, float, float]]) -> list[Candidate]:
    return [
        a_candidate(f"pop{number}", None, latency_ms)._replace(carbon=counted(way, gco2_kwh))
        for number, (way, gco2_kwh, latency_ms) in enumerate(drawn)
    ]


fleets = st.lists(
    st.tuples(ways, grams, st.floats(min_value=1, max_value=120)), min_size=2, max_size=6
).map(fleet_of)


class TestKnownDifference:
    @given(ways)
    def test_one_way_of_counting_differs_by_nothing(self, way: Way) -> None:
        elsewhere = ("NYISO", *way[1:])
        assert known_difference_gco2_kwh(counted(way), counted(elsewhere)) == 0

    @given(ways, ways)
    def test_it_does_not_depend_on_the_order_nor_on_the_figures(self, a: Way, b: Way) -> None:
        first = known_difference_gco2_kwh(counted(a), counted(b))
        assert first == known_difference_gco2_kwh(counted(b, 900), counted(a, 3))

    @given(ways, ways)
    def test_another_scope_or_factor_set_of_one_kind_always_differs(self, a: Way, b: Way) -> None:
        differs = a[1] == b[1] and (a[2], a[3]) != (b[2], b[3])
        assert (known_difference_gco2_kwh(counted(a), counted(b)) > 0) is differs

    def test_the_zone_that_is_the_more_sensitive_to_its_scope_counts(self) -> None:
        production = counted(("ENTSOE_AT", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM))
        consumption = counted(("NYISO", AVERAGE_DIRECT, Scope.CONSUMPTION, GREENSTREAM))
        assert known_difference_gco2_kwh(production, consumption) == 78

    def test_a_zone_of_which_nothing_is_known_differs_by_the_mean(self) -> None:
        production = counted(("ENTSOE_FR", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM))
        consumption = counted(("NYISO", AVERAGE_DIRECT, Scope.CONSUMPTION, GREENSTREAM))
        assert known_difference_gco2_kwh(production, consumption) == 27


class TestComparability:
    @pytest.mark.parametrize(
        ("other", "verdict"),
        [
            (("NYISO", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM), Comparability.SAME_KIND),
            (("NYISO", AVERAGE_DIRECT, Scope.CONSUMPTION, GREENSTREAM), Comparability.MIXED_SCOPE),
            (("NYISO", AVERAGE_DIRECT, Scope.PRODUCTION, NESO), Comparability.MIXED_SCOPE),
            (("NYISO", AVERAGE_LIFECYCLE, Scope.PRODUCTION, GREENSTREAM), Comparability.MIXED),
            (("NYISO", MARGINAL_DIRECT, Scope.PRODUCTION, GREENSTREAM), Comparability.MIXED),
        ],
    )
    def test_the_verdict_on_two_figures(self, other: Way, verdict: Comparability) -> None:
        first = counted(("ENTSOE_FR", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM))
        assert Counting.of([first, counted(other)]).comparability is verdict

    def test_a_figure_that_is_not_known_does_not_count(self) -> None:
        first = counted(("ENTSOE_FR", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM))
        assert Counting.of([first, a_figure(None)]) == Counting.of([first])


class TestDecisions:
    @given(fleets, st.sampled_from(["pop0", "pop1"]))
    def test_a_move_needs_the_margin_and_the_known_difference(
        self, fleet: list[Candidate], current: str
    ) -> None:
        decision = decide(fleet, POLICY, current)
        before = next(e for e in decision.candidates if e.candidate.pop == current)
        chosen = decision.chosen
        if chosen is before or not before.eligible:
            return
        assert before.score is not None
        assert chosen.score is not None
        assert chosen.score < before.score * (1 - POLICY.switch_margin)
        known = known_difference_gco2_kwh(before.candidate.carbon, chosen.candidate.carbon)
        assert before.score - chosen.score >= known

    @given(fleets, st.sampled_from([None, "pop0", "pop1"]))
    def test_cleanest_is_said_only_where_no_other_can_be_as_clean(
        self, fleet: list[Candidate], current: str | None
    ) -> None:
        decision = decide(fleet, POLICY, current)
        chosen = decision.chosen.candidate.carbon
        if decision.reason is not Reason.CLEANEST:
            return
        for entry in decision.candidates:
            other = entry.candidate.carbon
            if entry.eligible and other != chosen:
                assert chosen.expected_gco2_kwh is not None
                assert other.expected_gco2_kwh is not None
                gap = other.expected_gco2_kwh - chosen.expected_gco2_kwh
                assert chosen.origin.kind == other.origin.kind
                assert gap >= known_difference_gco2_kwh(chosen, other)

    @given(fleets, st.sampled_from([None, "pop0"]))
    def test_figures_of_one_way_of_counting_are_decided_as_before(
        self, fleet: list[Candidate], current: str | None
    ) -> None:
        def all_counted(scope: Scope, factor_set: str) -> list[Candidate]:
            return [
                candidate._replace(
                    carbon=counted(
                        (candidate.carbon.zone, AVERAGE_DIRECT, scope, factor_set),
                        candidate.carbon.expected_gco2_kwh or 0.0,
                    )
                )
                for candidate in fleet
            ]

        first = decide(all_counted(Scope.PRODUCTION, GREENSTREAM), POLICY, current)
        second = decide(all_counted(Scope.CONSUMPTION, NESO), POLICY, current)
        assert first.chosen.candidate.pop == second.chosen.candidate.pop
        assert first.reason is second.reason
        assert first.reason not in (Reason.LOWEST, Reason.SURER)

    @given(fleets)
    def test_a_visitor_who_was_moved_stays_where_nothing_changes(
        self, fleet: list[Candidate]
    ) -> None:
        here = decide(fleet, POLICY, "pop0").chosen.candidate.pop
        again = decide(fleet, POLICY, here)
        known = [known_difference_gco2_kwh(a.carbon, b.carbon) for a, b in combinations(fleet, 2)]
        if not any(known):
            assert again.chosen.candidate.pop == here

    def test_a_lower_figure_of_another_scope_does_not_move_a_visitor(self) -> None:
        here = counted(("ENTSOE_AT", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM), 100)
        lower = counted(("GBR", AVERAGE_DIRECT, Scope.CONSUMPTION, GREENSTREAM), 60)
        fleet = [
            a_candidate("here", None, 10)._replace(carbon=here),
            a_candidate("lower", None, 10)._replace(carbon=lower),
        ]

        decision = decide(fleet, POLICY, "here")

        assert (decision.chosen.candidate.pop, decision.reason) == ("here", Reason.STAYED)
        assert "by 78 g/kWh" in decision.text
        assert "differ in scope (consumption and production)" in decision.text

    def test_generation_that_stands_for_consumption_is_named_where_consumption_is_ranked(
        self,
    ) -> None:
        used = counted(("ENTSOE_AT", AVERAGE_DIRECT, Scope.CONSUMPTION, GREENSTREAM), 40)
        generated = counted(("ENTSOE_FR", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM), 200)
        fleet = [
            a_candidate("vie", None, 10)._replace(carbon=used),
            a_candidate("cdg", None, 10)._replace(carbon=generated),
        ]
        consumption = Policy(version="traced-1", scope=RankedScope.CONSUMPTION)
        sentence = "What is generated stands for what is used at cdg, "

        assert sentence in decide(fleet, consumption).text
        assert sentence not in decide(fleet, POLICY).text
        assert sentence not in decide(fleet[:1], consumption).text

    def test_a_figure_that_is_surely_lower_is_taken_before_the_lowest(self) -> None:
        here = counted(("ENTSOE_AT", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM), 100)
        surer = counted(("ENTSOE_FR", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM), 70)
        lower = counted(("GBR", AVERAGE_DIRECT, Scope.CONSUMPTION, GREENSTREAM), 60)
        fleet = [
            a_candidate(pop, None, 10)._replace(carbon=carbon)
            for pop, carbon in (("here", here), ("surer", surer), ("lower", lower))
        ]

        decision = decide(fleet, POLICY, "here")

        assert (decision.chosen.candidate.pop, decision.reason) == ("surer", Reason.SURER)
        assert (
            "is lower than the current one's by more than their ways of counting differ, "
            "which is not true of the lowest figure, that of lower ("
        ) in decision.text
        assert "surely" not in decision.text

    def test_a_first_visitor_gets_the_lowest_figure_which_is_not_called_the_cleanest(self) -> None:
        higher = counted(("ENTSOE_AT", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM), 100)
        lower = counted(("GBR", AVERAGE_DIRECT, Scope.CONSUMPTION, GREENSTREAM), 60)
        fleet = [
            a_candidate("higher", None, 10)._replace(carbon=higher),
            a_candidate("lower", None, 10)._replace(carbon=lower),
        ]

        decision = decide(fleet, POLICY)

        assert (decision.chosen.candidate.pop, decision.reason) == ("lower", Reason.LOWEST)
        assert "cleanest" not in decision.text
        assert decision.text.count("counted alike") == 1
        assert decision.text.endswith(
            "so another grid may be as clean. The figures differ in scope (consumption and "
            "production)."
        )
        assert why_unsure(lower, [higher]) is Unsure.COUNTING

    def test_a_difference_beyond_what_the_scopes_make_is_the_cleanest(self) -> None:
        higher = counted(("ENTSOE_AT", AVERAGE_DIRECT, Scope.PRODUCTION, GREENSTREAM), 300)
        lower = counted(("GBR", AVERAGE_DIRECT, Scope.CONSUMPTION, GREENSTREAM), 60)
        fleet = [
            a_candidate("higher", None, 10)._replace(carbon=higher),
            a_candidate("lower", None, 10)._replace(carbon=lower),
        ]

        assert decide(fleet, POLICY, "higher").chosen.candidate.pop == "lower"
        assert decide(fleet, POLICY).reason is Reason.CLEANEST


def bounded(low: float, gco2_kwh: float, high: float, **changes: Any) -> ZoneCarbon:
    figure = a_figure(gco2_kwh, **changes)
    return figure._replace(origin=replace(figure.origin, gco2_low=low, gco2_high=high))


class TestWhatIsNotKnown:
    @pytest.mark.parametrize(
        ("lowest", "other", "unsure"),
        [
            (bounded(100, 100, 100), bounded(20, 110, 200), Unsure.BOUNDS),
            (bounded(30, 100, 300), bounded(110, 110, 110), Unsure.BOUNDS),
            (bounded(95, 100, 108), bounded(105, 110, 115), Unsure.BOUNDS),
            (bounded(95, 100, 104), bounded(105, 110, 115), None),
            (bounded(90, 100, 105), bounded(105, 110, 120), None),
            (bounded(0, 100, 101), bounded(109, 110, 900), None),
        ],
        ids=[
            "of the other",
            "of the lowest",
            "of both together",
            "narrow",
            "as wide as the gap",
            "away from the gap",
        ],
    )
    def test_bounds_wider_than_the_gap_leave_the_cleanest_open(
        self, lowest: ZoneCarbon, other: ZoneCarbon, unsure: Unsure | None
    ) -> None:
        fleet = [
            a_candidate("lowest", None, 10)._replace(carbon=lowest),
            a_candidate("other", None, 10)._replace(carbon=other),
        ]
        decision = decide(fleet, POLICY)

        assert why_unsure(lowest, [other, lowest]) is unsure
        assert decision.chosen.candidate.pop == "lowest"
        if unsure is None:
            assert decision.reason is Reason.CLEANEST
        else:
            assert decision.reason is Reason.LOWEST
            assert (
                "has the lowest figure of 2 within 80 ms, but what is not known of the mixes may "
                "make up for the gap, so another grid may be as clean."
            ) in decision.text

    @pytest.mark.parametrize("rung", [Rung.ANNUAL_MEAN, Rung.SAME_HOUR])
    @pytest.mark.parametrize(
        ("doubt_gco2_kwh", "is_open"), [(25.4, True), (12.0, False), (None, True)]
    )
    def test_a_usual_value_that_may_be_lower_by_now_leaves_the_cleanest_open(
        self, *, rung: Rung, doubt_gco2_kwh: float | None, is_open: bool
    ) -> None:
        """France's mean of 2022 was 62 g/kWh, and its grid had 30 in 2023."""
        france = a_figure(62, rung=rung, doubt_gco2_kwh=doubt_gco2_kwh, zone="ENTSOE_FR")
        fleet = [
            a_candidate("par", None, 10)._replace(carbon=france),
            a_candidate("lon", 50, 10),
        ]
        decision = decide(fleet, POLICY)
        blind = decide([candidate._replace(latency_ms=None) for candidate in fleet], POLICY)

        assert decision.chosen.candidate.pop == "lon"
        assert (decision.reason is Reason.LOWEST) is is_open
        for text in (decision.text, blind.text):
            assert ("cleanest" in text) is not is_open
            assert (
                "some figures are usual values, which may be wrong by more than the gap" in text
            ) is is_open

    def test_two_pops_on_one_grid_do_not_contradict_each_other(self) -> None:
        grid = bounded(50, 100, 300)
        fleet = [a_candidate(pop, None, 10)._replace(carbon=grid) for pop in ("sfo", "lax")]
        assert decide(fleet, POLICY).reason is Reason.CLEANEST


class TestTable:
    def test_each_zone_is_one_of_ours_and_has_one_row(self) -> None:
        named = [row["zone"] for row in load("differences.json")["scopes"]["zones"]]
        assert set(named) <= set(zones())
        assert len(named) == len(set(named))

    def test_each_pair_of_factor_sets_has_one_row_in_the_order_of_the_alphabet(self) -> None:
        pairs = [row["sets"] for row in load("differences.json")["factor_sets"]["pairs"]]
        assert all(pair == sorted(pair) for pair in pairs)
        assert len(pairs) == len({tuple(pair) for pair in pairs})
