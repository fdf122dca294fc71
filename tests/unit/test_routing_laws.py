"""What holds of every decision, whatever its candidates: properties of generated ones."""

from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from greenstream.domain.decision import Candidate, Reason
from greenstream.domain.policy import Policy
from greenstream.domain.routing import decide
from tests.builders import (
    a_candidate,
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
