"""Spread: shares of the traffic instead of one winner, so that not everyone moves at once. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from greenstream.domain.policy import Policy
from greenstream.domain.routing import Decision, Ranked

DEFAULT_CAPACITY: Final = 1.0
"""A POP's weight where the policy names none."""


def shares(decision: Decision, policy: Policy) -> Mapping[str, float]:
    """Return the share of each POP that gets any; they sum to one, the largest first.

    Eligible POPs share whose scores the switch margin cannot tell from the best one's
    (``score < best / (1 - switch_margin)``), by capacity, and less the further a score is from
    the best: nothing is left at the margin's edge, so that no share jumps when a score crosses
    it. Where nothing is ranked by score, the chosen POP gets all.
    """
    weights = _weights(decision.candidates, policy)
    if not weights:
        return {decision.chosen.candidate.pop: 1.0}
    total = sum(weights.values())
    return {
        pop: weight / total
        for pop, weight in sorted(weights.items(), key=lambda share: (-share[1], share[0]))
    }


def _weights(ranked: Iterable[Ranked], policy: Policy) -> Mapping[str, float]:
    scores = {
        entry.candidate.pop: entry.score
        for entry in ranked
        if entry.eligible and entry.score is not None
    }
    best = min(scores.values(), default=0.0)
    room = best / (1 - policy.switch_margin) - best
    return {
        pop: policy.capacity.get(pop, DEFAULT_CAPACITY) * nearness
        for pop, score in scores.items()
        if (nearness := 1.0 if score == best else 1 - (score - best) / room if room else 0.0) > 0
    }
