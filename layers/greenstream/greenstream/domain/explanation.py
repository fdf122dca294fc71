"""A decision in words: what was chosen, why, and what limits the answer. Pure."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from greenstream.domain.comparability import (
    Comparability,
    Counting,
    is_surely_lowest,
    known_difference_gco2_kwh,
)
from greenstream.domain.decision import Candidate, Exclusion, Ranked, Reason
from greenstream.domain.ladder import LIVE_RUNGS, Rung
from greenstream.domain.policy import Policy

VISIBLE_GCO2_KWH: Final = 0.5
"""A change smaller than this is not written, since the figures are written without decimals."""

_SENTENCES: Final = {
    Reason.NEAR_TIE_OWN_GRID: "nearly as clean as {best}, and its own grid's figure is known",
    Reason.NEAR_TIE_NEARER: "nearly as clean as {best}, and nearer",
    Reason.STAYED: "kept, since the best, {best}, is not better by {enough}",
    Reason.SURER: "surely better than the current one, which the lowest, {best}, is not",
    Reason.NEAREST: "the nearest, since no POP with known carbon is within {limit}",
    Reason.NO_CARBON: "the nearest, since no carbon figure is known for any candidate",
    Reason.NOTHING_KNOWN: "drawn from the candidates; neither carbon nor round trips are known",
}

NAMED_POPS: Final = 3
"""How many POPs a sentence names; the rest is counted."""


def explain(
    chosen: Ranked,
    reason: Reason,
    ranked: Sequence[Ranked],
    eligible: Sequence[Ranked],
    policy: Policy,
    counting: Counting,
) -> str:
    """Return the decision in plain sentences.

    Parameters
    ----------
    ranked, eligible
        Every candidate, and those that may be chosen for their carbon, the lowest score first.
    counting
        The ways in which the figures were counted.
    """
    why = _why(chosen, reason, ranked, eligible, policy)
    sentences = [f"{chosen.candidate.pop} ({_figures(chosen.candidate)}) is {why}."]
    if reason is not Reason.NO_LATENCY and reason is not Reason.NOTHING_KNOWN:
        unknown_rtt = Exclusion.UNKNOWN_RTT
        unknown = [entry.candidate.pop for entry in ranked if entry.exclusion is unknown_rtt]
        if unknown:
            sentences.append(f"The round trip to {_names(unknown)} is not known.")
    if counting.comparability is not Comparability.SAME_KIND:
        sentences.append(_ways(counting))
    if chosen.candidate.carbon.disputed is not None:
        sentences.append(chosen.candidate.carbon.disputed.text)
    if not any(entry.candidate.carbon.rung in LIVE_RUNGS for entry in ranked) and any(
        entry.candidate.carbon.rung is not Rung.NONE for entry in ranked
    ):
        sentences.append("None of the figures is live.")
    return " ".join(sentences)


def _why(
    chosen: Ranked,
    reason: Reason,
    ranked: Sequence[Ranked],
    eligible: Sequence[Ranked],
    policy: Policy,
) -> str:
    limit = f"{policy.max_latency_ms:g} ms"
    if reason is Reason.CLEANEST:
        return _cleanest(len(eligible), ranked, limit)
    if reason is Reason.LOWEST:
        return f"the lowest figure of {len(eligible)} within {limit}"
    if reason in (Reason.FRESHER, Reason.NEARER):
        lower = min(eligible, key=_expected_gco2_kwh).candidate
        figure = f"the lower figure of {lower.pop} ({_figures(lower)})"
        chosen_of = f"chosen of {len(eligible)} within {limit}"
        if reason is Reason.FRESHER:
            return f"{chosen_of}, since its figure is fresher than {figure}"
        return f"{chosen_of}, since {figure} is not worth its longer round trip"
    if reason is Reason.NO_LATENCY:
        lowest = _expected_gco2_kwh(chosen) <= min(map(_expected_gco2_kwh, eligible))
        others = (entry.candidate.carbon for entry in eligible)
        sure = is_surely_lowest(chosen.candidate.carbon, others)
        name = "the cleanest" if sure else "the lowest figure"
        what = name if lowest else "chosen by carbon and age"
        return f"{what} of {len(eligible)}; no round trip is known"
    best = f"{ranked[0].candidate.pop} ({_figures(ranked[0].candidate)})"
    margin = f"{100 * policy.switch_margin:g} %"
    known = known_difference_gco2_kwh(chosen.candidate.carbon, ranked[0].candidate.carbon)
    enough = (
        f"{margin} and by {known:.0f} g/kWh, as their ways of counting differ" if known else margin
    )
    return _SENTENCES[reason].format(best=best, enough=enough, limit=limit)


def _cleanest(eligible: int, ranked: Sequence[Ranked], limit: str) -> str:
    if eligible > 1:
        return f"the cleanest of {eligible} within {limit}"
    if len(ranked) == 1:
        return "the only candidate"
    unknown = any(entry.exclusion is Exclusion.UNKNOWN_RTT for entry in ranked)
    no_carbon = any(entry.exclusion is Exclusion.NO_CARBON for entry in ranked)
    known = " known to be" if unknown else ""
    return f"the only one{' with known carbon' if no_carbon else ''}{known} within {limit}"


def _expected_gco2_kwh(entry: Ranked) -> float:
    expected = entry.candidate.carbon.expected_gco2_kwh
    return float("inf") if expected is None else expected


@lru_cache(maxsize=64)
def _ways(counting: Counting) -> str:
    """Return the sentence that names what the figures do not have in common."""
    if counting.comparability is Comparability.MIXED:
        return "The figures are of different kinds and cannot be compared."
    parts = []
    if len(counting.scopes) > 1:
        parts.append(f"scope ({' and '.join(sorted(counting.scopes))})")
    if len(counting.factor_sets) > 1:
        parts.append(f"factor set ({' and '.join(sorted(counting.factor_sets))})")
    return f"The figures differ in {' and in '.join(parts)}."


def _names(pops: Sequence[str]) -> str:
    more = len(pops) - NAMED_POPS
    named = ", ".join(pops[:NAMED_POPS])
    return f"{named} and {more} more" if more > 0 else named


def _figures(candidate: Candidate) -> str:
    carbon = candidate.carbon
    parts = []
    gco2_kwh, expected = carbon.origin.gco2_kwh, carbon.expected_gco2_kwh
    if gco2_kwh is not None and expected is not None:
        parts.append(f"{gco2_kwh:.0f} g/kWh {carbon.origin.kind} in {carbon.zone}")
        if abs(expected - gco2_kwh) >= VISIBLE_GCO2_KWH:
            parts.append(f"{expected:.0f} expected by now")
    if carbon.penalty_gco2_kwh and carbon.penalty_gco2_kwh >= VISIBLE_GCO2_KWH:
        parts.append(f"+{carbon.penalty_gco2_kwh:.0f} for age")
    if carbon.rung is not Rung.LIVE:
        parts.append(str(carbon.rung))
    if candidate.latency_ms is not None:
        parts.append(f"{candidate.latency_ms:.0f} ms")
    if candidate.proxy:
        parts.append("a neighbouring grid's figure")
    return ", ".join(parts)
