"""These tests check which POPs share the traffic, and that no share changes abruptly."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.decision import Candidate
from greenstream.domain.policy import Policy
from greenstream.domain.routing import decide
from greenstream.domain.split import shares
from tests.builders import a_candidate

POPS = ("ams", "lon", "nyc", "sfo", "iad")

Figures = tuple[float | None, float | None]
"""A candidate's intensity in g/kWh and its round trip in ms; None if unknown."""


def a_fleet(figures: Sequence[Figures]) -> list[Candidate]:
    return [
        a_candidate(pop, gco2_kwh, latency_ms)
        for pop, (gco2_kwh, latency_ms) in zip(POPS, figures, strict=False)
    ]


fleets = st.lists(
    st.tuples(
        st.none() | st.floats(0, 500),
        st.none() | st.floats(0, 200),
    ),
    min_size=1,
    max_size=len(POPS),
).map(a_fleet)
policies = st.builds(
    Policy,
    switch_margin=st.floats(0, 0.9),
    capacity=st.dictionaries(st.sampled_from(POPS), st.floats(0.001, 1000)),
)


@given(fleets, policies)
def test_shares_sum_to_one_and_only_the_eligible_get_any(
    fleet: list[Candidate], policy: Policy
) -> None:
    decision = decide(fleet, policy)
    found = shares(decision, policy)

    assert sum(found.values()) == pytest.approx(1)
    assert all(share > 0 for share in found.values())
    if decision.chosen.eligible:
        assert set(found) <= {each.candidate.pop for each in decision.candidates if each.eligible}
    else:
        assert found == {decision.chosen.candidate.pop: 1.0}


@given(fleets, st.floats(0, 0.9))
def test_a_better_score_never_gets_less_at_equal_capacity(
    fleet: list[Candidate], margin: float
) -> None:
    policy = Policy(split_margin=margin)
    decision = decide(fleet, policy)
    found = shares(decision, policy)
    ranked = [each for each in decision.candidates if each.eligible and each.score is not None]

    for one in ranked:
        for other in ranked:
            if (one.score or 0) <= (other.score or 0):
                assert found.get(one.candidate.pop, 0) >= found.get(other.candidate.pop, 0)


@given(st.floats(1, 500), st.floats(0.01, 0.9), st.floats(0.001, 1000))
def test_a_share_fades_to_nothing_at_the_margins_edge(
    best: float, margin: float, capacity: float
) -> None:
    policy = Policy(split_margin=margin, latency_price_gco2_kwh_ms=0, capacity={"lon": capacity})
    edge = best / (1 - margin)

    def share_of_lon(gco2_kwh: float) -> float:
        fleet = [a_candidate("ams", best), a_candidate("lon", gco2_kwh)]
        return shares(decide(fleet, policy), policy).get("lon", 0.0)

    assert share_of_lon(edge * 1.000001) == 0
    assert share_of_lon(edge - (edge - best) * 1e-7) < 1e-6 * max(1, capacity)
    assert share_of_lon(best) == pytest.approx(capacity / (1 + capacity))


@given(
    st.lists(st.tuples(st.floats(2, 500), st.floats(0, 80)), min_size=1, max_size=3),
    st.lists(st.tuples(st.none() | st.floats(2, 500), st.none() | st.floats(0, 200)), max_size=2),
    st.integers(0, len(POPS) - 1),
    st.floats(0.01, 0.5),
)
def test_a_small_step_of_a_score_is_a_small_step_of_every_share(
    eligible: list[Figures], others: list[Figures], which: int, margin: float
) -> None:
    """The score of any POP may change; at least one POP is within the limit and has a figure."""
    policy = Policy(split_margin=margin)
    figures = [*eligible, *others]
    fleet = a_fleet(figures)
    gco2_kwh, latency_ms = figures[which % len(figures)]
    figures[which % len(figures)] = (gco2_kwh and gco2_kwh * (1 + 1e-9), latency_ms)
    nudged = a_fleet(figures)
    before = shares(decide(fleet, policy), policy)
    after = shares(decide(nudged, policy), policy)

    for pop in POPS:
        assert after.get(pop, 0) == pytest.approx(before.get(pop, 0), abs=1e-4)


def test_capacity_weighs_where_scores_are_equal() -> None:
    policy = Policy(capacity={"sfo": 2})
    fleet = [a_candidate("sfo", 100), a_candidate("nyc", 100)]

    assert shares(decide(fleet, policy), policy) == {
        "sfo": pytest.approx(2 / 3),
        "nyc": pytest.approx(1 / 3),
    }


def test_a_single_eligible_pop_gets_all_traffic() -> None:
    assert shares(decide([a_candidate("sfo", 100)], Policy()), Policy()) == {"sfo": 1.0}


def test_the_visitors_current_pop_does_not_change_the_shares() -> None:
    fleet = [a_candidate("sfo", 100), a_candidate("nyc", 101)]

    assert shares(decide(fleet, Policy(), "nyc"), Policy()) == shares(
        decide(fleet, Policy()), Policy()
    )


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_an_impossible_capacity_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="capacity of sfo"):
        Policy(capacity={"sfo": weight})
