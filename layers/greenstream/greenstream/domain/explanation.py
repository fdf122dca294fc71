"""A decision in words: what was chosen, why, and what limits the answer. Pure."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from greenstream.domain.comparability import (
    Comparability,
    Counting,
    Unsure,
    known_difference_gco2_kwh,
    why_unsure,
)
from greenstream.domain.decision import Candidate, Exclusion, Ranked, Reason
from greenstream.domain.ladder import LIVE_RUNGS, USUAL_RUNGS, Rung, ZoneCarbon
from greenstream.domain.policy import Policy, RankedScope
from greenstream.domain.reading import Scope

VISIBLE_GCO2_KWH: Final = 0.5
"""A change smaller than this is not written, since the figures are written without decimals."""

_SENTENCES: Final = {
    Reason.NEAR_TIE_OWN_GRID: "{nearly} {best}, and its figure is of its own grid",
    Reason.NEAR_TIE_NEARER: "{nearly} {best}, and it is nearer",
    Reason.STAYED: "is kept, because the best, {best}, is not better by {enough}",
    Reason.SURER: (
        "is chosen, because its figure is lower than the current one's by more than their ways of "
        "counting differ, which is not true of the lowest figure, that of {best}"
    ),
    Reason.NEAREST: (
        "is the nearest{of_known}, because no POP with known carbon is{known} within {limit}"
    ),
    Reason.NO_CARBON: "is the nearest{of_known}, because no candidate has a known carbon figure",
    Reason.NOTHING_KNOWN: (
        "was drawn from the candidates, because neither carbon nor round trips are known"
    ),
}
_UNSURE: Final = {
    Unsure.COUNTING: "the figures are not counted alike",
    Unsure.BOUNDS: "what is not known of the mixes may make up for the gap",
    Unsure.USUAL: "some figures are usual values, which may be wrong by more than the gap",
}
NOT_LIVE: Final = {
    Rung.STALE: "older than usual and not live",
    Rung.SAME_HOUR: "the usual value of this hour and not live",
    Rung.ANNUAL_MEAN: "the mean of a year and not live",
}
"""What a figure that is not live is, by its rung, as the end of a sentence."""

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
    sentences = [f"{chosen.candidate.pop} ({_figures(chosen.candidate)}) {why}."]
    if reason is not Reason.NO_LATENCY and reason is not Reason.NOTHING_KNOWN:
        unknown_rtt = Exclusion.UNKNOWN_RTT
        unknown = [entry.candidate.pop for entry in ranked if entry.exclusion is unknown_rtt]
        if unknown:
            sentences.append(f"The round trip to {_names(unknown)} is not known.")
    if counting.comparability is not Comparability.SAME_KIND:
        said = _UNSURE[Unsure.COUNTING] in why
        sentences.append(_ways(counting, said=said))
    if policy.scope is RankedScope.CONSUMPTION and Scope.PRODUCTION in counting.scopes:
        generated = [
            entry.candidate.pop
            for entry in ranked
            if entry.candidate.carbon.origin.scope is Scope.PRODUCTION
        ]
        sentences.append(
            f"What is generated stands for what is used at {_names(generated)}, "
            "of which no figure of consumption is known."
        )
    if chosen.candidate.carbon.disputed is not None:
        sentences.append(chosen.candidate.carbon.disputed.text)
    if not any(entry.candidate.carbon.rung in LIVE_RUNGS for entry in ranked) and any(
        entry.candidate.carbon.rung is not Rung.NONE for entry in ranked
    ):
        sentences.append("None of the figures is live.")
    return " ".join(sentences)


def rests_on_fallback(chosen: Ranked, eligible: Iterable[Ranked]) -> bool:
    """Return whether the claim to the lowest figure rests on fallback figures.

    It does where the chosen figure is a usual value, and where no eligible figure is live.
    """
    if chosen.candidate.carbon.rung in USUAL_RUNGS:
        return True
    return not any(entry.candidate.carbon.rung in LIVE_RUNGS for entry in eligible)


def _why(
    chosen: Ranked,
    reason: Reason,
    ranked: Sequence[Ranked],
    eligible: Sequence[Ranked],
    policy: Policy,
) -> str:
    """Return the rest of the sentence that begins with the chosen POP, its verb included."""
    limit = f"{policy.max_latency_ms:g} ms"
    of_all = f"of {len(eligible)} within {limit}"
    if reason in (Reason.CLEANEST, Reason.LOWEST_FALLBACK):
        claim = _only_one(ranked, limit) if len(eligible) == 1 else None
        if reason is Reason.CLEANEST:
            return claim or f"is the cleanest {of_all}"
        what = NOT_LIVE[chosen.candidate.carbon.rung]
        return f"{claim}; its figure is {what}" if claim else f"{_lowest(of_all)}, which is {what}"
    if reason is Reason.LOWEST:
        return _lowest_or_cleanest(chosen, eligible, of_all)
    if reason in (Reason.FRESHER, Reason.AGE_PRICE, Reason.NEARER):
        because = _why_not_the_lowest(chosen, reason, eligible)
        return f"was chosen from {len(eligible)} within {limit}, because {because}"
    if reason is Reason.NO_LATENCY:
        return f"{_by_carbon_alone(chosen, ranked, eligible)}; no round trip is known"
    best = f"{ranked[0].candidate.pop} ({_figures(ranked[0].candidate)})"
    enough = _enough(chosen, ranked[0], policy) if reason is Reason.STAYED else ""
    nearly = _nearly(chosen, ranked[0], policy)
    some_unknown = any(entry.exclusion is Exclusion.UNKNOWN_RTT for entry in ranked)
    return _SENTENCES[reason].format(
        best=best,
        enough=enough,
        limit=limit,
        nearly=nearly,
        of_known=" of those whose round trip is known" if some_unknown else "",
        known=" known to be" if some_unknown else "",
    )


def lowest_expected(eligible: Iterable[Ranked]) -> Ranked:
    """Return the candidate of the lowest expected figure, the first of equals.

    Raises
    ------
    ValueError
        Without any candidate.
    """
    return min(eligible, key=_expected_gco2_kwh)


def _why_not_the_lowest(chosen: Ranked, reason: Reason, eligible: Sequence[Ranked]) -> str:
    """Return why a candidate was chosen before one whose figure is lower."""
    if reason is Reason.NEARER:
        adj_carbon_gco2_kwh = _adj_carbon_gco2_kwh(chosen)
        lower = lowest_expected(
            entry for entry in eligible if _adj_carbon_gco2_kwh(entry) < adj_carbon_gco2_kwh
        )
        other = f"{lower.candidate.pop} ({_figures(lower.candidate)})"
        if _expected_gco2_kwh(lower) < _expected_gco2_kwh(chosen):
            return f"the lower figure of {other} is not worth its longer round trip"
        return (
            f"the figure of {other}, which is lower only with the price of age, "
            "is not worth its longer round trip"
        )
    lower = lowest_expected(eligible)
    figure = f"the lower figure of {lower.candidate.pop} ({_figures(lower.candidate)})"
    if reason is Reason.FRESHER:
        return f"its figure is fresher than {figure}"
    return f"the price of its age makes {figure} the higher one"


def _nearly(chosen: Ranked, best: Ranked, policy: Policy) -> str:
    """Return the words of a near-tie of scores: the grids tie too, or only their prices of age."""
    if _expected_gco2_kwh(chosen) <= policy.near_tie_limit(_expected_gco2_kwh(best)):
        return "is nearly as clean as"
    return "scores nearly as well, with the price of age, as"


def _enough(chosen: Ranked, best: Ranked, policy: Policy) -> str:
    """Return by how much the best would have to be better for a move from the chosen POP."""
    margin = f"{100 * policy.switch_margin:g} %"
    known = known_difference_gco2_kwh(chosen.candidate.carbon, best.candidate.carbon)
    if not known:
        return margin
    return f"{margin} and by {known:.0f} g/kWh, which two ways of counting may differ by"


def _lowest(of_all: str) -> str:
    return f"has the lowest figure {of_all}"


def _by_carbon_alone(chosen: Ranked, ranked: Sequence[Ranked], eligible: Sequence[Ranked]) -> str:
    if _expected_gco2_kwh(chosen) > min(map(_expected_gco2_kwh, eligible)):
        return f"was chosen by carbon and age from {len(eligible)}"
    if len(eligible) == 1:
        only = (
            "is the only candidate" if len(ranked) == 1 else "is the only one with a known figure"
        )
        what = NOT_LIVE.get(chosen.candidate.carbon.rung)
        return f"{only}; its figure is {what}" if what else only
    of_all = f"of {len(eligible)}"
    if rests_on_fallback(chosen, eligible):
        return f"{_lowest(of_all)}, which is {NOT_LIVE[chosen.candidate.carbon.rung]}"
    return _lowest_or_cleanest(chosen, eligible, of_all)


def _lowest_or_cleanest(chosen: Ranked, eligible: Iterable[Ranked], of_all: str) -> str:
    """Return the claim of the lowest figure, and why it may not be of the cleanest grid."""
    others = (entry.candidate.carbon for entry in eligible)
    unsure = why_unsure(chosen.candidate.carbon, others)
    if unsure is None:
        return f"is the cleanest {of_all}"
    return f"{_lowest(of_all)}, but {_UNSURE[unsure]}, so another grid may be as clean"


def _only_one(ranked: Sequence[Ranked], limit: str) -> str:
    if len(ranked) == 1:
        return "is the only candidate"
    unknown = any(entry.exclusion is Exclusion.UNKNOWN_RTT for entry in ranked)
    no_carbon = any(entry.exclusion is Exclusion.NO_CARBON for entry in ranked)
    known = " known to be" if unknown else ""
    return f"is the only one{' with known carbon' if no_carbon else ''}{known} within {limit}"


def _expected_gco2_kwh(entry: Ranked) -> float:
    expected = entry.candidate.carbon.expected_gco2_kwh
    return float("inf") if expected is None else expected


def _adj_carbon_gco2_kwh(entry: Ranked) -> float:
    adj_carbon = entry.candidate.carbon.adj_carbon_gco2_kwh
    return float("inf") if adj_carbon is None else adj_carbon


@lru_cache(maxsize=64)
def _ways(counting: Counting, *, said: bool) -> str:
    """Return the sentence that names what the figures do not have in common.

    Parameters
    ----------
    said
        Whether a sentence before has said that the figures are not counted alike.
    """
    if counting.comparability is Comparability.MIXED:
        return "The figures are of different kinds and cannot be compared."
    parts = []
    if len(counting.scopes) > 1:
        parts.append(f"scope ({_listed(counting.scopes)})")
    if len(counting.factor_sets) > 1:
        parts.append(f"factor set ({_listed(counting.factor_sets)})")
    subject = "The figures" if said else "The figures are not counted alike: they"
    return f"{subject} differ in {' and in '.join(parts)}."


def _listed(words: Iterable[str]) -> str:
    *first, last = sorted(words)
    return f"{', '.join(first)} and {last}"


def _names(pops: Sequence[str]) -> str:
    more = len(pops) - NAMED_POPS
    named = ", ".join(pops[:NAMED_POPS])
    return f"{named} and {more} more" if more > 0 else named


def _figures(candidate: Candidate) -> str:
    parts = _carbon_figures(candidate.carbon)
    if candidate.latency_ms is not None:
        parts += (f"{candidate.latency_ms:.0f} ms",)
    if candidate.proxy:
        parts += ("a neighbouring grid's figure",)
    return ", ".join(parts)


@lru_cache(maxsize=1024)
def _carbon_figures(carbon: ZoneCarbon) -> tuple[str, ...]:
    """Return what a zone's figure says, made once for all answers of its second."""
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
    return tuple(parts)
