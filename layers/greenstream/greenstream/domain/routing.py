"""The decision: which POP, why, and every candidate's figures. Pure, total, deterministic.

Latency is a constraint and carbon the objective (ADR 0004). The words are attributional and
location-based: a difference against a baseline, never "avoided" emissions.
"""

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from itertools import takewhile
from operator import attrgetter
from typing import Final
from zlib import crc32

from greenstream.domain.comparability import (
    Counting,
    known_difference_gco2_kwh,
    why_unsure,
)
from greenstream.domain.decision import Candidate, Decision, Exclusion, Ranked, Reason
from greenstream.domain.explanation import explain, lowest_expected, rests_on_fallback
from greenstream.domain.ladder import ZoneCarbon
from greenstream.domain.policy import Policy

_ranked_of: Final = partial(tuple.__new__, Ranked)
"""Makes a verdict of its three fields: ``Ranked._make``, without a call of a Python function."""


def decide(
    candidates: Iterable[Candidate],
    policy: Policy,
    current: str | None = None,
    counting: Counting | None = None,
) -> Decision:
    """Choose a POP.

    Eligible is a candidate within ``max_latency_ms``; where some round trips are known, an
    unknown round trip is not within. Where some carbon is known, a candidate without a figure
    cannot be ranked. None eligible: the nearest. Score: ``adj_carbon + latency_price *
    latency_ms``. A visitor who is on ``current`` stays there unless another score beats its score
    by ``switch_margin``, and by what the two figures are known to differ by their scopes and factor
    sets (`greenstream.domain.comparability`). The lowest such score is taken.

    For a visitor who has no eligible POP yet, a near-tie with the lowest score (`Policy.tie_share`,
    `Policy.tie_gco2_kwh`) goes to a POP whose own grid is known, then to the shorter round trip. A
    visitor who is on that POP stays there, also where the margin is narrower than the near-tie: the
    same figures do not move a visitor whom they have just placed. Candidates that are equal in all
    of this are ordered by a checksum of their names, so that neither the alphabet nor the order of
    the question favours a POP.

    Parameters
    ----------
    current
        The POP that the visitor is on.
    counting
        The ways in which the candidates' figures were counted, where they are known already.

    Raises
    ------
    ValueError
        Without any candidate.
    """
    eligible, excluded = _rank(list(candidates), policy)
    ranked = [*eligible, *excluded]
    if not ranked:
        raise ValueError("a decision needs at least one candidate")
    chosen, reason = _choose(ranked, eligible, policy, current)
    others = tuple([entry for entry in ranked if entry is not chosen])
    baseline = _nearest(ranked)
    if counting is None:
        counting = Counting.of([candidate.carbon for candidate, _, _ in ranked])
    return Decision(
        chosen=chosen,
        reason=reason,
        text=explain(chosen, reason, ranked, eligible, policy, counting),
        candidates=(chosen, *others),
        counting=counting,
        baseline=baseline,
        attributed_difference_gco2_kwh=_difference(baseline, chosen.candidate),
    )


def _nearest(ranked: Sequence[Ranked]) -> Candidate | None:
    """Return the candidate of the shortest round trip that is known, the best ranked of equals."""
    known = [candidate for candidate, _, _ in ranked if candidate.latency_ms is not None]
    return min(known, key=attrgetter("latency_ms"), default=None)


def _rank(candidates: Sequence[Candidate], policy: Policy) -> tuple[list[Ranked], list[Ranked]]:
    """Return the eligible candidates and the others with their verdicts, the lowest score first.

    It works on lists with one entry for each candidate, since there may be hundreds of them.
    """
    limit_ms, price = policy.max_latency_ms, policy.latency_price_gco2_kwh_ms
    latencies_ms = [candidate.latency_ms for candidate in candidates]
    adj_carbons = [candidate.carbon.adj_carbon_gco2_kwh for candidate in candidates]
    nothing = [None] * len(candidates)
    unknown_rtt = None if latencies_ms == nothing else Exclusion.UNKNOWN_RTT
    no_carbon = None if adj_carbons == nothing else Exclusion.NO_CARBON
    outside = Exclusion.OUTSIDE_LIMIT
    exclusions = [
        (unknown_rtt if ms is None else outside if ms > limit_ms else None)
        or (no_carbon if gco2 is None else None)
        for ms, gco2 in zip(latencies_ms, adj_carbons, strict=True)
    ]
    scores = [
        None if gco2 is None else gco2 + price * (ms or 0.0)
        for ms, gco2 in zip(latencies_ms, adj_carbons, strict=True)
    ]
    by_score = [math.inf if score is None else score for score in scores]
    order = sorted(range(len(candidates)), key=by_score.__getitem__)
    if len(set(by_score)) < len(by_score):  # equal scores are rare where round trips are known
        by_latency = [math.inf if ms is None else ms for ms in latencies_ms]
        by_draw = [draw(candidate.pop) for candidate in candidates]
        order.sort(key=list(zip(by_score, by_latency, by_draw, strict=True)).__getitem__)
    ranked = list(map(_ranked_of, zip(candidates, exclusions, scores, strict=True)))
    eligible: list[Ranked] = []
    excluded: list[Ranked] = []
    for nth in order:
        (eligible if exclusions[nth] is None else excluded).append(ranked[nth])
    return eligible, excluded


@lru_cache(maxsize=1024)
def draw(pop: str) -> int:
    """Return a number that orders POPs which are equal in everything that matters."""
    return crc32(pop.encode())


def _choose(
    ranked: Sequence[Ranked], eligible: Sequence[Ranked], policy: Policy, current: str | None
) -> tuple[Ranked, Reason]:
    """Return the choice and its reason; both sequences have the lowest score first."""
    best = ranked[0]
    if not best.eligible:
        known = [entry for entry in ranked if entry.candidate.latency_ms is not None]
        # A tie in round trips goes to the better score: `ranked` is in that order already.
        nearest = min(known, key=lambda entry: entry.candidate.latency_ms or 0.0)
        return nearest, Reason.NEAREST
    if best.score is None:
        if best.candidate.latency_ms is None:
            return best, Reason.NOTHING_KNOWN
        return best, Reason.NO_CARBON
    here = None
    if current is not None:
        here = next((entry for entry in eligible if entry.candidate.pop == current), None)
    if here is None or here.score is None:
        chosen = _near_tie_winner(best.score, eligible, policy)
    elif here is best:
        chosen = best
    else:
        better = _worth_a_move(here, here.score, eligible, policy)
        if better is None:
            return here, Reason.STAYED
        if here is _near_tie_winner(best.score, eligible, policy):
            chosen = here
        elif better is not best:
            return better, Reason.SURER
        else:
            chosen = best
    return chosen, _reason(chosen, best, eligible)


def _worth_a_move(
    here: Ranked, score: float, eligible: Sequence[Ranked], policy: Policy
) -> Ranked | None:
    """Return the lowest score that is worth a move from the current POP, if there is one."""
    most = score * (1 - policy.switch_margin)
    figure = here.candidate.carbon
    for entry in eligible:
        if entry.score is None or entry.score >= most:
            return None
        if score - entry.score >= known_difference_gco2_kwh(figure, entry.candidate.carbon):
            return entry
    return None


def _near_tie_winner(lowest: float, eligible: Sequence[Ranked], policy: Policy) -> Ranked:
    """Return the POP that a near-tie with the lowest score goes to."""
    most = policy.near_tie_limit(lowest)
    near = takewhile(lambda entry: entry.score is not None and entry.score <= most, eligible)
    return min(near, key=_tie_order)


def _tie_order(entry: Ranked) -> tuple[bool, float]:
    """Order a near-tie; `min` keeps the order of rank among what is equal."""
    latency_ms = entry.candidate.latency_ms
    return entry.candidate.proxy, math.inf if latency_ms is None else latency_ms


def _reason(chosen: Ranked, best: Ranked, eligible: Sequence[Ranked]) -> Reason:
    if chosen.candidate.latency_ms is None:
        return Reason.NO_LATENCY
    carbon = chosen.candidate.carbon
    expected = (entry.candidate.carbon.expected_gco2_kwh for entry in eligible)
    if _is_lowest(carbon.expected_gco2_kwh, expected):
        if rests_on_fallback(chosen, eligible):
            return Reason.LOWEST_FALLBACK
        others = (entry.candidate.carbon for entry in eligible)
        return Reason.CLEANEST if why_unsure(carbon, others) is None else Reason.LOWEST
    if chosen is not best:
        own_grid = best.candidate.proxy and not chosen.candidate.proxy
        return Reason.NEAR_TIE_OWN_GRID if own_grid else Reason.NEAR_TIE_NEARER
    adjusted = (entry.candidate.carbon.adj_carbon_gco2_kwh for entry in eligible)
    if _is_lowest(carbon.adj_carbon_gco2_kwh, adjusted):
        lower = lowest_expected(eligible).candidate.carbon
        return Reason.FRESHER if _is_younger(carbon, lower) else Reason.AGE_PRICE
    return Reason.NEARER


def _is_younger(figure: ZoneCarbon, other: ZoneCarbon) -> bool:
    """Return whether a figure rests on a younger reading. A usual value rests on none."""
    if figure.age_s is None or other.age_s is None:
        return figure.age_s is not None
    return figure.age_s < other.age_s


def _is_lowest(value: float | None, values: Iterable[float | None]) -> bool:
    """Return whether none of the values is lower. The first one that is lower ends the search."""
    return value is not None and not any(other is not None and other < value for other in values)


def _difference(baseline: Candidate | None, chosen: Candidate) -> float | None:
    if baseline is None or baseline.carbon.origin.kind != chosen.carbon.origin.kind:
        return None
    if baseline.pop != chosen.pop and (baseline.proxy or chosen.proxy):
        return None
    nearest, taken = baseline.carbon.expected_gco2_kwh, chosen.carbon.expected_gco2_kwh
    return None if nearest is None or taken is None else nearest - taken
