"""The split of traffic: several POPs get shares, so that not all visitors move at once.

The functions are pure.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from greenstream.domain.decision import Decision, Ranked
from greenstream.domain.policy import Policy

DEFAULT_CAPACITY: Final = 1.0
"""The weight of a POP for which the policy names none."""


def shares(decision: Decision, policy: Policy) -> Mapping[str, float]:
    """Return each POP's share of the traffic.

    An eligible POP takes part when its score is within the split margin of the best score, that
    is when ``score < limit`` with ``limit = best / (1 - split_margin)``. Its weight is its
    capacity times ``(limit - score) / (limit - best)``, and its capacity alone when it has the
    best score. The weight falls to zero at the limit, so that no share jumps when a score crosses
    it.

    Parameters
    ----------
    decision
        The decision, whose candidates have scores in g/kWh.
    policy
        The policy, which names the split margin (a share) and the capacities.

    Returns
    -------
    Mapping
        The share by POP, the largest first. The shares sum to one. When no candidate has a
        score, the chosen POP gets everything.
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
    room = best / (1 - policy.split_margin) - best
    return {
        pop: policy.capacity.get(pop, DEFAULT_CAPACITY) * nearness
        for pop, score in scores.items()
        if (nearness := 1.0 if score == best else 1 - (score - best) / room if room else 0.0) > 0
    }
