"""These tests cover the decision: its laws, its reasons, and which figures may be compared."""

from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from greenstream.domain.comparability import Comparability
from greenstream.domain.decision import Candidate, Exclusion, LatencySource, Reason
from greenstream.domain.ladder import Rung, ZoneCarbon
from greenstream.domain.origin import NO_ORIGIN
from greenstream.domain.places import Pop, PopZone
from greenstream.domain.policy import Policy, RankingSignal
from greenstream.domain.ranking import FigureOf, like_for_like
from greenstream.domain.reading import Kind, Signal
from greenstream.domain.routing import decide, draw
from tests.builders import (
    AVERAGE_DIRECT,
    AVERAGE_LIFECYCLE,
    MARGINAL_DIRECT,
    a_candidate,
    a_figure,
)

POLICY = Policy()
grams = st.floats(min_value=0, max_value=1500).map(lambda value: round(value, 3))
millis = st.floats(min_value=0.1, max_value=300).map(lambda value: round(value, 2))
rows = st.lists(
    st.tuples(st.none() | grams, st.none() | millis, st.floats(0, 30_000)), min_size=1, max_size=7
)
known_rows = st.lists(st.tuples(grams, millis), min_size=1, max_size=6)


def field(drawn: list[tuple[float | None, float | None, float]]) -> list[Candidate]:
    return [
        a_candidate(f"pop{index}", gco2_kwh, latency_ms, age_s=age)
        for index, (gco2_kwh, latency_ms, age) in enumerate(drawn)
    ]


def known_field(drawn: list[tuple[float, float]]) -> list[Candidate]:
    return [a_candidate(f"pop{index}", *row) for index, row in enumerate(drawn)]


class TestLaws:
    @given(rows, st.none() | st.sampled_from(["pop0", "pop1", "nowhere"]))
    def test_it_is_total_and_lists_every_candidate_once(
        self, drawn: list[tuple[float | None, float | None, float]], current: str | None
    ) -> None:
        candidates = field(drawn)
        decision = decide(candidates, POLICY, current)

        listed = [entry.candidate.pop for entry in decision.candidates]
        assert sorted(listed) == sorted(candidate.pop for candidate in candidates)
        assert listed[0] == decision.chosen.candidate.pop
        assert decision.text

    @given(rows, st.randoms(use_true_random=False), st.none() | st.just("pop0"))
    def test_order_of_the_candidates_does_not_matter(
        self,
        drawn: list[tuple[float | None, float | None, float]],
        random: Random,
        current: str | None,
    ) -> None:
        candidates = field(drawn)
        shuffled = list(candidates)
        random.shuffle(shuffled)

        assert decide(candidates, POLICY, current) == decide(shuffled, POLICY, current)

    @given(rows, st.none() | st.sampled_from(["pop0", "pop1"]))
    def test_an_ineligible_pop_is_never_chosen_while_an_eligible_one_exists(
        self, drawn: list[tuple[float | None, float | None, float]], current: str | None
    ) -> None:
        decision = decide(field(drawn), POLICY, current)

        assert decision.chosen.eligible or not any(entry.eligible for entry in decision.candidates)

    @given(known_rows, grams, millis, st.none() | st.just("pop0"))
    def test_adding_a_worse_candidate_never_changes_the_winner(
        self,
        drawn: list[tuple[float, float]],
        more_g: float,
        more_ms: float,
        current: str | None,
    ) -> None:
        candidates = known_field(drawn)
        before = decide(candidates, POLICY, current).chosen.candidate
        gco2_kwh = before.carbon.origin.gco2_kwh
        assert gco2_kwh is not None
        assert before.latency_ms is not None
        worse = a_candidate("worse", gco2_kwh + more_g, before.latency_ms + more_ms)

        assert decide([*candidates, worse], POLICY, current).chosen.candidate == before

    @given(known_rows, st.floats(0, 1), st.none() | st.sampled_from(["pop0", "pop1"]))
    def test_lowering_a_winners_carbon_never_makes_it_lose(
        self, drawn: list[tuple[float, float]], share: float, current: str | None
    ) -> None:
        winner = decide(known_field(drawn), POLICY, current).chosen.candidate.pop
        lowered = [
            (gco2_kwh * share if f"pop{index}" == winner else gco2_kwh, latency_ms)
            for index, (gco2_kwh, latency_ms) in enumerate(drawn)
        ]

        assert decide(known_field(lowered), POLICY, current).chosen.candidate.pop == winner

    @given(grams, millis, st.floats(600.001, 21_600))
    def test_a_stale_figure_never_beats_the_same_figure_fresh(
        self, gco2_kwh: float, latency_ms: float, age: float
    ) -> None:
        stale = a_candidate("a-stale", gco2_kwh, latency_ms, age_s=age)
        fresh = a_candidate("b-fresh", gco2_kwh, latency_ms)
        assume(age - 600 > 1e-3)

        assert decide([stale, fresh], POLICY).chosen.candidate.pop == "b-fresh"

    @given(rows, st.none() | st.sampled_from(["pop0", "pop1"]))
    def test_only_the_lowest_expected_figure_among_the_eligible_is_called_cleanest(
        self, drawn: list[tuple[float | None, float | None, float]], current: str | None
    ) -> None:
        decision = decide(field(drawn), POLICY, current)
        expected = [
            entry.candidate.carbon.expected_gco2_kwh
            for entry in decision.candidates
            if entry.eligible and entry.candidate.carbon.expected_gco2_kwh is not None
        ]
        says_so = "the cleanest" in decision.text
        if decision.reason is Reason.CLEANEST or says_so:
            assert decision.chosen.candidate.carbon.expected_gco2_kwh == min(expected)
        if decision.reason is Reason.CLEANEST:
            difference = decision.attributed_difference_gco2_kwh
            assert difference is None or difference >= 0

    @given(known_rows, grams, st.floats(0, 80), st.floats(0, 30_000))
    def test_adding_a_pop_never_raises_the_chosen_adjusted_carbon(
        self, drawn: list[tuple[float, float]], gco2_kwh: float, latency_ms: float, age: float
    ) -> None:
        """The law holds if all figures are of one kind and the policy considers carbon alone.

        Such a policy has no margin, no price of latency and no near-tie.
        """
        plain = Policy(latency_price_gco2_kwh_ms=0, switch_margin=0, tie_share=0, tie_gco2_kwh=0)
        fleet = [
            a_candidate(f"pop{index}", row[0], min(row[1], 80.0)) for index, row in enumerate(drawn)
        ]
        before = decide(fleet, plain).chosen.candidate.carbon.adj_carbon_gco2_kwh
        more = [*fleet, a_candidate("more", gco2_kwh, latency_ms, age_s=age)]
        after = decide(more, plain).chosen.candidate.carbon.adj_carbon_gco2_kwh

        assert before is not None
        assert after is not None
        assert after <= before


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

    def test_without_round_trips_the_only_figure_is_told_from_the_only_candidate(self) -> None:
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

    @given(
        st.lists(st.tuples(st.floats(0, 60), st.floats(1, 100)), min_size=1, max_size=6),
        st.none() | st.sampled_from(["pop0", "pop1"]),
    )
    def test_what_was_decided_stands_while_the_figures_do(
        self, drawn: list[tuple[float, float]], current: str | None
    ) -> None:
        fleet = known_field(drawn)
        here = decide(fleet, POLICY, current).chosen.candidate.pop

        assert decide(fleet, POLICY, here).chosen.candidate.pop == here

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


def a_pop(name: str, *zones: str) -> Pop:
    return Pop(
        pop=name,
        name=name,
        country="XX",
        lat=0,
        lon=0,
        zones=tuple(
            PopZone(zone=zone, proxy=index > 0, proxy_reason="borrowed" if index else "")
            for index, zone in enumerate(zones)
        ),
        source="test",
    )


Known = dict[str, dict[Kind, Rung]]


class Table:
    """A fake of the ladder that has a given rung for each zone and kind."""

    def __init__(self, known: Known) -> None:
        self.known = known

    def __call__(self, kinds: tuple[Kind, ...] | None) -> FigureOf:
        return lambda zone: self.figure(zone, kinds)

    def figure(self, zone: str, kinds: tuple[Kind, ...] | None) -> ZoneCarbon:
        rungs = self.known.get(zone, {})
        order = list(Rung)
        options = sorted(
            (order.index(rungs[kind]), index, kind)
            for index, kind in enumerate(kinds if kinds is not None else rungs)
            if kind in rungs
        )
        if not options:
            return ZoneCarbon(zone=zone, rung=Rung.NONE, origin=NO_ORIGIN)
        rank, _, kind = options[0]
        return a_figure(200, zone=zone, kind=kind, rung=order[rank])


LIVE, MEAN = Rung.LIVE, Rung.ANNUAL_MEAN


def kinds_of(known: Known, ranking: RankingSignal = RankingSignal.AUTO) -> dict[str, str]:
    pops = [a_pop(zone.lower(), zone) for zone in known]
    ranked = like_for_like(pops, Table(known), ranking)
    kinds = [str(figure.origin.kind) for figure in ranked.figures]
    return dict(zip(ranked.names, kinds, strict=True))


class TestLikeForLike:
    def test_a_shared_average_on_the_direct_basis_comes_first(self) -> None:
        both = {AVERAGE_LIFECYCLE: LIVE, AVERAGE_DIRECT: LIVE, MARGINAL_DIRECT: LIVE}
        assert set(kinds_of({"A": both, "B": both}).values()) == {"average/direct"}

    def test_lifecycle_where_only_that_is_shared(self) -> None:
        drawn = kinds_of(
            {
                "A": {AVERAGE_DIRECT: LIVE, AVERAGE_LIFECYCLE: LIVE},
                "B": {AVERAGE_LIFECYCLE: LIVE, AVERAGE_DIRECT: MEAN},
            }
        )
        assert set(drawn.values()) == {"average/lifecycle"}

    def test_marginal_only_where_every_candidate_has_it(self) -> None:
        marginal = {MARGINAL_DIRECT: LIVE, AVERAGE_DIRECT: MEAN}
        assert set(kinds_of({"A": marginal, "B": marginal}).values()) == {"marginal/direct"}

    def test_a_zone_with_marginal_only_falls_back_to_its_average_mean(self) -> None:
        """Otherwise a marginal figure would be compared with an average figure."""
        drawn = kinds_of(
            {"A": {MARGINAL_DIRECT: LIVE, AVERAGE_DIRECT: MEAN}, "B": {AVERAGE_DIRECT: LIVE}}
        )
        assert drawn == {"a": "average/direct", "b": "average/direct"}

    def test_a_zone_without_any_reading_does_not_spoil_the_shared_kind(self) -> None:
        drawn = kinds_of({"A": {AVERAGE_DIRECT: LIVE}, "B": {AVERAGE_DIRECT: MEAN}})
        assert set(drawn.values()) == {"average/direct"}

    def test_a_kind_of_which_a_pop_has_no_figure_is_not_shared(self) -> None:
        drawn = kinds_of(
            {
                "A": {AVERAGE_DIRECT: LIVE, AVERAGE_LIFECYCLE: LIVE},
                "B": {AVERAGE_LIFECYCLE: MEAN},
            }
        )
        assert set(drawn.values()) == {"average/lifecycle"}

    def test_the_signal_any_takes_the_first_kind_that_each_zone_has(self) -> None:
        drawn = kinds_of(
            {"A": {MARGINAL_DIRECT: LIVE}, "B": {AVERAGE_DIRECT: LIVE}}, RankingSignal.ANY
        )
        assert drawn == {"a": "marginal/direct", "b": "average/direct"}

    def test_a_pops_own_annual_mean_comes_before_a_neighbours_reading(self) -> None:
        """With New York's figure, Ashburn would attract visitors to a dirtier grid (ADR 15)."""
        table = Table({"PJM": {AVERAGE_DIRECT: MEAN}, "NYISO": {AVERAGE_DIRECT: LIVE}})
        ranked = like_for_like([a_pop("iad", "PJM", "NYISO")], table, RankingSignal.AUTO)

        [figure], [entry] = ranked.figures, ranked.entries
        assert figure.zone == entry.zone == "PJM"
        assert (entry.proxy_reason, entry.proxy) == ("", False)

    def test_a_neighbour_stands_in_where_nothing_is_known_of_the_own_grid_and_says_so(self) -> None:
        table = Table({"NYISO": {AVERAGE_DIRECT: LIVE}})
        ranked = like_for_like([a_pop("iad", "PJM", "NYISO")], table, RankingSignal.AUTO)

        [figure], [entry] = ranked.figures, ranked.entries
        assert figure.zone == entry.zone == "NYISO"
        assert (entry.proxy_reason, entry.proxy) == ("borrowed", True)

    def test_the_first_of_two_own_grids_with_a_reading_is_used(self) -> None:
        pop = Pop(
            pop="x",
            name="x",
            country="XX",
            lat=0,
            lon=0,
            zones=tuple(PopZone(zone=zone, proxy=False, proxy_reason="") for zone in "AB"),
            source="test",
        )
        table = Table({"A": {AVERAGE_DIRECT: MEAN}, "B": {AVERAGE_DIRECT: Rung.STALE}})

        assert like_for_like([pop], table, RankingSignal.AUTO).figures[0].zone == "B"

    def test_a_pop_keeps_its_own_zone_while_that_has_a_reading(self) -> None:
        table = Table({"PJM": {AVERAGE_DIRECT: Rung.STALE}, "NYISO": {AVERAGE_DIRECT: LIVE}})
        ranked = like_for_like([a_pop("iad", "PJM", "NYISO")], table, RankingSignal.AUTO)

        assert ranked.figures[0].zone == "PJM"

    @given(
        st.dictionaries(
            st.sampled_from("ABCDEF"),
            st.dictionaries(
                st.sampled_from([AVERAGE_DIRECT, AVERAGE_LIFECYCLE, MARGINAL_DIRECT]),
                st.sampled_from([Rung.LIVE, Rung.STALE, Rung.ANNUAL_MEAN]),
            ),
            min_size=1,
        ),
        st.sampled_from([RankingSignal.AUTO, RankingSignal.AVERAGE, RankingSignal.MARGINAL]),
    )
    def test_marginal_and_average_are_never_ranked_together(
        self, known: Known, ranking: RankingSignal
    ) -> None:
        pops = [a_pop(zone.lower(), zone) for zone in known]
        ranked = like_for_like(pops, Table(known), ranking)

        kinds = {figure.origin.kind for figure in ranked.figures}
        signals = {kind.signal for kind in kinds if kind}
        assert len(signals) <= 1
        if ranking is not RankingSignal.AUTO:
            assert signals <= {Signal(str(ranking))}
