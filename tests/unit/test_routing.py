"""The reason and the sentence of a decision in each of its cases."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.comparability import Comparability
from greenstream.domain.decision import Candidate, Exclusion, LatencySource, Reason
from greenstream.domain.ladder import Rung, ZoneCarbon
from greenstream.domain.policy import Policy
from greenstream.domain.routing import decide, draw
from tests.builders import (
    AVERAGE_LIFECYCLE,
    a_candidate,
    a_figure,
)

POLICY = Policy()


class TestReasons:
    def test_oslo_is_the_cleanest_whatever_the_age_of_its_figure(self) -> None:
        """Norway's figure is hours old and still far below Britain's, which is a forecast."""
        oslo = a_candidate("osl", 8, 3)
        oslo = oslo._replace(carbon=oslo.carbon._replace(penalty_gco2_kwh=2.5, age_s=9000))
        decision = decide([a_candidate("man", 44, 21), oslo], POLICY)

        assert (decision.chosen.candidate.pop, decision.reason) == ("osl", Reason.CLEANEST)

    def test_a_figure_chosen_for_its_freshness_is_not_called_the_cleanest(self) -> None:
        old = a_candidate("old", 100, 8, age_s=9000, penalty_gco2_kwh=30.0)
        decision = decide([old, a_candidate("fresh", 110, 9)], POLICY)

        assert (decision.chosen.candidate.pop, decision.reason) == ("fresh", Reason.FRESHER)
        assert "fresher than the lower figure of old" in decision.text
        assert "cleanest" not in decision.text
        assert decision.attributed_difference_gco2_kwh == -10

    @pytest.mark.parametrize(
        "chosen",
        [
            a_figure(105, age_s=10_800, penalty_gco2_kwh=1.0),
            a_figure(105, rung=Rung.ANNUAL_MEAN)._replace(age_s=None),
            a_figure(105, rung=Rung.SAME_HOUR, penalty_gco2_kwh=2.0)._replace(age_s=None),
            a_figure(105, age_s=1200, penalty_gco2_kwh=1.0),
        ],
        ids=["older", "yearly mean", "usual value of the hour", "of the same age"],
    )
    def test_a_figure_that_is_no_fresher_is_not_called_fresher(self, chosen: ZoneCarbon) -> None:
        """The price of an age is capped by the doubt, so that the fresher figure may pay more."""
        volatile = a_candidate("volatile", 100, 8, age_s=1200)
        steady = a_candidate("steady", None, 9)._replace(carbon=chosen)

        decision = decide([volatile, steady], POLICY)

        assert (decision.chosen.candidate.pop, decision.reason) == ("steady", Reason.AGE_PRICE)
        assert "fresher" not in decision.text
        assert "cleanest" not in decision.text
        assert (
            "because the price of its age makes the lower figure of volatile "
            "(100 g/kWh average/direct in Z, +10 for age, 8 ms) the higher one"
        ) in decision.text

    def test_a_longer_round_trip_is_said_of_a_pop_that_has_one(self) -> None:
        """The lowest of all figures is aged and near; the one that lost by distance is far."""
        aged = a_candidate("aged", 50, 1, age_s=9000, penalty_gco2_kwh=10.0)
        far = a_candidate("far", 58, 79)
        chosen = a_candidate("chosen", 58.5, 2)
        exact = Policy(tie_share=0, tie_gco2_kwh=0)

        decision = decide([aged, far, chosen], exact)

        assert (decision.chosen.candidate.pop, decision.reason) == ("chosen", Reason.NEARER)
        assert "the lower figure of far (58 g/kWh" in decision.text

    def test_a_figure_that_only_its_age_makes_the_higher_is_not_called_the_lower(self) -> None:
        far = a_candidate("far", 59, 79)
        chosen = a_candidate("chosen", 58.5, 2, age_s=9000, penalty_gco2_kwh=1.0)
        exact = Policy(tie_share=0, tie_gco2_kwh=0)
        lowest = a_candidate("lowest", 50, 3, age_s=9000, penalty_gco2_kwh=10.0)

        decision = decide([lowest, far, chosen], exact)

        assert (decision.chosen.candidate.pop, decision.reason) == ("chosen", Reason.NEARER)
        assert "lower figure of far" not in decision.text
        assert "the figure of far (59 g/kWh average/direct in Z, 79 ms)" in decision.text
        assert "which is lower only with the price of age" in decision.text

    def test_a_pop_chosen_for_its_round_trip_is_not_called_the_cleanest(self) -> None:
        dear = Policy(latency_price_gco2_kwh_ms=1)
        decision = decide([a_candidate("far", 100, 70), a_candidate("near", 120, 5)], dear)

        assert (decision.chosen.candidate.pop, decision.reason) == ("near", Reason.NEARER)
        assert "not worth its longer round trip" in decision.text

    def test_an_unknown_round_trip_is_said_to_be_unknown_and_not_outside(self) -> None:
        decision = decide([a_candidate("near", 100, 5), a_candidate("dark", 10, None)], POLICY)

        assert "the only one known to be within 80 ms" in decision.text
        assert "The round trip to dark is not known." in decision.text
        assert [entry.exclusion for entry in decision.candidates] == [None, Exclusion.UNKNOWN_RTT]

    def test_usual_values_alone_are_said_to_be_no_live_figures(self) -> None:
        mean = a_candidate("a", 100, 5, rung=Rung.ANNUAL_MEAN)
        assert "None of the figures is live." in decide([mean], POLICY).text
        live = a_candidate("b", 300, 5)
        assert "None of the figures is live." not in decide([mean, live], POLICY).text

    @pytest.mark.parametrize(
        ("rung", "what"),
        [
            (Rung.ANNUAL_MEAN, "the mean of a year and not live"),
            (Rung.SAME_HOUR, "the usual value of this hour and not live"),
            (Rung.STALE, "older than usual and not live"),
        ],
    )
    def test_while_nothing_is_live_the_lowest_figure_is_not_called_the_cleanest(
        self, rung: Rung, what: str
    ) -> None:
        pops = [a_candidate("a", 100, 5, rung=rung), a_candidate("b", 300, 5, rung=rung)]
        decision = decide(pops, POLICY)

        assert decision.reason is Reason.LOWEST_FALLBACK
        assert f"has the lowest figure of 2 within 80 ms, which is {what}." in decision.text
        assert "cleanest" not in decision.text
        alone = decide(pops[:1], POLICY)
        assert alone.reason is Reason.LOWEST_FALLBACK
        assert f"is the only candidate; its figure is {what}." in alone.text
        blind = decide([pop._replace(latency_ms=None) for pop in pops], POLICY)
        assert f"has the lowest figure of 2, which is {what}; no round trip" in blind.text

    @pytest.mark.parametrize("rung", [Rung.ANNUAL_MEAN, Rung.SAME_HOUR])
    def test_a_usual_value_is_not_called_the_cleanest_beside_live_figures(self, rung: Rung) -> None:
        decision = decide(
            [a_candidate("usual", 100, 5, rung=rung), a_candidate("live", 300, 5)], POLICY
        )
        assert (decision.chosen.candidate.pop, decision.reason) == ("usual", Reason.LOWEST_FALLBACK)

    def test_without_round_trips_the_only_known_figure_is_not_called_the_only_candidate(
        self,
    ) -> None:
        known = a_candidate("known", 100, None)
        mean = a_candidate("mean", 100, None, rung=Rung.ANNUAL_MEAN)
        dark = a_candidate("dark", None, None)

        assert "is the only candidate; no round trip" in decide([known], POLICY).text
        both = decide([known, dark], POLICY).text
        assert "is the only one with a known figure; no round trip" in both
        assert "is the only candidate; its figure is the mean of a year and not live; no" in (
            decide([mean], POLICY).text
        )
        assert "is the only one with a known figure; its figure is the mean of a year" in (
            decide([mean, dark], POLICY).text
        )

    def test_carbon_is_minimised_within_the_latency_limit(self) -> None:
        decision = decide(
            [
                a_candidate("near", 400, 5),
                a_candidate("clean", 100, 79),
                a_candidate("far", 10, 81),
            ],
            POLICY,
        )

        assert decision.chosen.candidate.pop == "clean"
        assert decision.reason is Reason.CLEANEST
        assert [entry.candidate.pop for entry in decision.candidates] == ["clean", "near", "far"]
        assert "the cleanest of 2 within 80 ms" in decision.text

    def test_a_near_tie_in_carbon_goes_to_the_nearer(self) -> None:
        decision = decide([a_candidate("far", 100, 75), a_candidate("near", 101, 5)], POLICY)
        assert decision.chosen.candidate.pop == "near"

    def test_equally_near_pops_beyond_the_limit_are_ranked_by_carbon(self) -> None:
        decision = decide([a_candidate("a", 300, 90), a_candidate("b", 200, 90)], POLICY)
        assert (decision.chosen.candidate.pop, decision.reason) == ("b", Reason.NEAREST)

    def test_ties_go_to_the_lower_round_trip(self) -> None:
        free = Policy(latency_price_gco2_kwh_ms=0)
        fleet = [a_candidate("a", 100, 9), a_candidate("b", 100, 8)]
        assert decide(fleet, free).chosen.candidate.pop == "b"

    @given(st.permutations(["lax", "sfo", "osl", "ams"]))
    def test_fully_equal_candidates_are_drawn_by_lot_whatever_their_name_and_place(
        self, names: list[str]
    ) -> None:
        fleet = [a_candidate(name, 100, 8) for name in names]
        chosen = decide(fleet, POLICY).chosen.candidate.pop

        assert chosen == min(names, key=draw)
        assert [draw(name) for name in sorted(names)] != sorted(map(draw, names))

    def test_a_near_tie_by_the_price_of_age_is_not_called_nearly_as_clean(self) -> None:
        aged = a_candidate("aged", 50, 10, age_s=9000, penalty_gco2_kwh=10.0)
        decision = decide([aged, a_candidate("near", 60.5, 5)], POLICY)

        assert decision.reason is Reason.NEAR_TIE_NEARER
        assert "scores nearly as well, with the price of age, as aged (" in decision.text
        assert decision.text.endswith("and it is nearer.")
        assert "clean" not in decision.text

    def test_a_near_tie_goes_to_the_pop_whose_own_grid_is_known(self) -> None:
        """San Francisco draws from the grid whose figure Los Angeles borrows."""
        lax = a_candidate("lax", 200, 5)._replace(proxy=True)
        decision = decide([lax, a_candidate("sfo", 200.5, 12)], POLICY)

        assert decision.chosen.candidate.pop == "sfo"
        assert decision.reason is Reason.NEAR_TIE_OWN_GRID
        assert "its figure is of its own grid" in decision.text
        assert decision.attributed_difference_gco2_kwh is None

    @pytest.mark.parametrize(
        ("near_gco2_kwh", "chosen", "reason"),
        [
            (10.9, "near", Reason.NEAR_TIE_NEARER),
            (11.1, "clean", Reason.CLEANEST),
            (10.0, "near", Reason.CLEANEST),
        ],
        ids=["within 1 g", "beyond 1 g", "equal"],
    )
    def test_a_near_tie_is_at_least_one_gram_wide(
        self, near_gco2_kwh: float, chosen: str, reason: Reason
    ) -> None:
        free = Policy(latency_price_gco2_kwh_ms=0)
        fleet = [a_candidate("clean", 10, 70), a_candidate("near", near_gco2_kwh, 5)]
        decision = decide(fleet, free)

        assert (decision.chosen.candidate.pop, decision.reason) == (chosen, reason)

    @pytest.mark.parametrize(("near_gco2_kwh", "chosen"), [(407.9, "near"), (408.1, "clean")])
    def test_a_near_tie_of_large_figures_is_two_percent_wide(
        self, near_gco2_kwh: float, chosen: str
    ) -> None:
        free = Policy(latency_price_gco2_kwh_ms=0)
        fleet = [a_candidate("clean", 400, 70), a_candidate("near", near_gco2_kwh, 5)]

        assert decide(fleet, free).chosen.candidate.pop == chosen

    def test_a_visitor_with_a_current_pop_moves_by_the_margin_and_not_by_the_near_tie(self) -> None:
        free = Policy(latency_price_gco2_kwh_ms=0)
        fleet = [a_candidate("here", 100, 70), a_candidate("near", 100.1, 5)]

        decision = decide(fleet, free, "here")
        assert (decision.chosen.candidate.pop, decision.reason) == ("here", Reason.CLEANEST)

    def test_the_same_figures_do_not_move_a_visitor_whom_they_have_just_placed(self) -> None:
        """Of clean grids a near-tie of 1 g/kWh is wider than the margin of 2 %."""
        fleet = [a_candidate("near", 8.8, 5), a_candidate("lower", 8.0, 20)]

        placed = decide(fleet, POLICY)
        again = decide(fleet, POLICY, placed.chosen.candidate.pop)

        assert (placed.chosen.candidate.pop, placed.reason) == ("near", Reason.NEAR_TIE_NEARER)
        assert (again.chosen.candidate.pop, again.reason) == ("near", Reason.NEAR_TIE_NEARER)
        assert decide(fleet, POLICY, "lower").chosen.candidate.pop == "lower"

    def test_a_near_tie_holds_no_visitor_on_another_pop(self) -> None:
        fleet = [
            a_candidate("near", 8.0, 5),
            a_candidate("lower", 7.5, 20),
            a_candidate("here", 8.4, 30),
        ]

        decision = decide(fleet, POLICY, "here")

        assert decision.chosen.candidate.pop == "lower"

    def test_the_visitor_stays_unless_the_best_is_better_by_the_margin(self) -> None:
        free = Policy(latency_price_gco2_kwh_ms=0, switch_margin=0.05)
        here, better = a_candidate("here", 100), a_candidate("better", 95)
        decision = decide([here, better], free, "here")
        assert (decision.chosen.candidate.pop, decision.reason) == ("here", Reason.STAYED)
        assert "better" in decision.text

        decision = decide([here, a_candidate("better", 94.9)], free, "here")
        assert decision.chosen.candidate.pop == "better"

    def test_a_current_pop_beyond_the_limit_does_not_hold_the_visitor(self) -> None:
        decision = decide(
            [a_candidate("here", 100, 90), a_candidate("there", 100, 10)], POLICY, "here"
        )
        assert decision.chosen.candidate.pop == "there"

    def test_none_within_the_limit_gives_the_nearest(self) -> None:
        decision = decide([a_candidate("a", 1, 200), a_candidate("b", 900, 100)], POLICY)
        assert (decision.chosen.candidate.pop, decision.reason) == ("b", Reason.NEAREST)

    @pytest.mark.parametrize("gco2_kwh", [100, None])
    def test_the_nearest_is_not_said_to_be_nearer_than_an_unknown_round_trip(
        self, gco2_kwh: float | None
    ) -> None:
        far = a_candidate("far", gco2_kwh, 90)
        dark = a_candidate("dark", gco2_kwh, None)

        text = decide([far, dark], POLICY).text
        assert "is the nearest of those whose round trip is known, because no" in text
        assert "The round trip to dark is not known." in text
        assert "is the nearest, because no" in decide([far], POLICY).text

    def test_without_any_carbon_latency_alone_decides(self) -> None:
        decision = decide([a_candidate("a", None, 50), a_candidate("b", None, 40)], POLICY)
        assert (decision.chosen.candidate.pop, decision.reason) == ("b", Reason.NO_CARBON)

    def test_without_any_latency_carbon_alone_decides(self) -> None:
        decision = decide([a_candidate("a", 300, None), a_candidate("b", 200, None)], POLICY)
        assert (decision.chosen.candidate.pop, decision.reason) == ("b", Reason.NO_LATENCY)
        assert decision.baseline is None

    def test_knowing_nothing_still_gives_an_answer(self) -> None:
        decision = decide([a_candidate("b", None, None), a_candidate("a", None, None)], POLICY)
        assert decision.reason is Reason.NOTHING_KNOWN
        assert "drawn from the candidates" in decision.text

    def test_no_candidate_is_a_callers_error(self) -> None:
        with pytest.raises(ValueError, match="at least one"):
            decide([], POLICY)

    def test_the_difference_is_attributed_against_the_nearest_pop(self) -> None:
        decision = decide([a_candidate("near", 400, 5), a_candidate("clean", 100, 60)], POLICY)

        assert decision.baseline is not None
        assert decision.baseline.pop == "near"
        assert decision.attributed_difference_gco2_kwh == 300

    def test_figures_of_two_kinds_have_no_difference(self) -> None:
        decision = decide(
            [
                a_candidate("near", 400, 5, kind=AVERAGE_LIFECYCLE),
                a_candidate("clean", 100, 60),
            ],
            POLICY,
        )

        assert decision.counting.comparability is Comparability.MIXED
        assert decision.attributed_difference_gco2_kwh is None

    @pytest.mark.parametrize("borrower", ["near", "far"])
    def test_a_borrowed_figure_makes_no_difference(self, borrower: str) -> None:
        near, far = a_candidate("near", 300, 2), a_candidate("far", 200, 10)
        both = [one._replace(proxy=one.pop == borrower) for one in (near, far)]

        assert decide(both, POLICY).attributed_difference_gco2_kwh is None
        assert decide([near, far], POLICY).attributed_difference_gco2_kwh == 100

    def test_the_nearest_differs_by_nothing_from_itself_on_a_borrowed_figure_too(self) -> None:
        only = a_candidate("lax", 300, 2)._replace(proxy=True)

        assert decide([only], POLICY).attributed_difference_gco2_kwh == 0

    def test_a_borrowed_grid_is_said_in_the_sentence(self) -> None:
        candidate = Candidate(
            pop="iad",
            latency_ms=10,
            latency_source=LatencySource.REQUEST,
            carbon=a_figure(200),
            proxy=True,
        )
        assert "neighbouring grid" in decide([candidate], POLICY).text
