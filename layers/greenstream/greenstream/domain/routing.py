"""The decision: which POP, why, and every candidate's figures. Pure, total, deterministic.

Latency is a constraint and carbon the objective; the words are attributional and
location-based: a difference against a baseline, never "avoided" emissions.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from greenstream.domain.ladder import OBSERVED, Rung, ZoneCarbon
from greenstream.domain.places import Pop
from greenstream.domain.policy import Policy, RankingSignal
from greenstream.domain.reading import Basis, Kind, Signal

AVERAGE: Final = (Kind(Signal.AVERAGE, Basis.DIRECT), Kind(Signal.AVERAGE, Basis.LIFECYCLE))
MARGINAL: Final = (Kind(Signal.MARGINAL, Basis.DIRECT), Kind(Signal.MARGINAL, Basis.LIFECYCLE))
_SHARED_BY_SIGNAL: Final = {
    RankingSignal.AUTO: AVERAGE + MARGINAL,
    RankingSignal.AVERAGE: AVERAGE,
    RankingSignal.MARGINAL: MARGINAL,
}

CarbonOf = Callable[[str, tuple[Kind, ...] | None], ZoneCarbon]
"""Answers a zone's carbon for the kinds asked for (``None``: any kind)."""

Standing = tuple[ZoneCarbon, str, bool]
"""What a POP is ranked by: its zone's figure, the proxy reason, and whether it is a proxy."""


class Reason(StrEnum):
    """Why the POP was chosen."""

    CLEANEST = "cleanest"
    STAYED = "stayed_within_margin"
    NEAREST = "nearest_none_within_limit"
    NO_CARBON = "latency_only_no_carbon"
    NO_LATENCY = "carbon_only_no_latency"
    NOTHING_KNOWN = "nothing_known"


class LatencySource(StrEnum):
    """Where a round trip comes from, the most trusted first."""

    REQUEST = "request"
    MEASURED = "measured"
    DISTANCE = "distance"
    UNKNOWN = "unknown"


# A question makes hundreds of the next two: a frozen dataclass would take four times as long.


class Candidate(NamedTuple):
    """A POP that could serve: its round trip (ms, ``None`` if unknown) and its zone's carbon.

    ``latency_samples`` is how many stand behind a measured round trip.
    """

    pop: str
    latency_ms: float | None
    latency_source: LatencySource
    carbon: ZoneCarbon
    latency_samples: int | None = None
    proxy: bool = False
    proxy_reason: str = ""


class Ranked(NamedTuple):
    """A candidate with the verdict on it; ``score`` in g/kWh, lower is better."""

    candidate: Candidate
    eligible: bool
    score: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer.

    ``candidates`` are in order of rank, the chosen first. ``baseline`` is the nearest POP;
    ``attributed_difference_gco2_kwh`` its intensity less the chosen one's (positive: the chosen
    POP's grid is cleaner), ``None`` where the two figures are not of one kind, or one of them is
    a neighbouring grid's: two POPs on one grid would seem to differ.
    """

    chosen: Ranked
    reason: Reason
    text: str
    candidates: tuple[Ranked, ...]
    comparable: bool
    baseline: Candidate | None
    attributed_difference_gco2_kwh: float | None


def like_for_like(
    pops: Sequence[Pop], carbon_of: CarbonOf, ranking: RankingSignal
) -> Mapping[str, Standing]:
    """Give each POP, by its name, the zone figure it is ranked by.

    A kind is shared when each POP has an observed figure of that kind, or has no observed
    figure at all and falls back to one of that kind. Where no kind is shared, average figures
    of either basis are used (or marginal ones, when these were asked for): a marginal figure
    is never ranked against an average one, except under ``any``.
    """
    if ranking is RankingSignal.ANY:
        return {pop.pop: _of_pop(pop, carbon_of, None) for pop in pops}
    shared = _SHARED_BY_SIGNAL[ranking]
    for kind in shared:
        figures = {}
        for pop in pops:
            figure, _, _ = figures[pop.pop] = _of_pop(pop, carbon_of, (kind,))
            if figure.rung in OBSERVED:
                continue
            if figure.rung is Rung.NONE or _of_pop(pop, carbon_of, None)[0].rung in OBSERVED:
                break
        else:
            return figures
    one_signal = MARGINAL if ranking is RankingSignal.MARGINAL else AVERAGE
    return {pop.pop: _of_pop(pop, carbon_of, one_signal) for pop in pops}


def _of_pop(pop: Pop, carbon_of: CarbonOf, kinds: tuple[Kind, ...] | None) -> Standing:
    """Return the first zone with an observed figure, else the first with any figure.

    A neighbour's grid stands in only where the POP's own has no figure at all: it says more of
    itself than of the POP, and ranked by it the router does worse than a fixed choice (ADR 15).
    """
    if not pop.zones:
        raise ValueError(f"{pop.pop} has no zone")
    standings = [
        (carbon_of(entry.zone, kinds), entry.proxy_reason, entry.proxy) for entry in pop.zones
    ]
    return min(standings, key=_trust)


def _trust(standing: Standing) -> tuple[bool, bool, bool]:
    figure, _, proxy = standing
    return figure.rung is Rung.NONE, proxy, figure.rung not in OBSERVED


def decide(candidates: Iterable[Candidate], policy: Policy, current: str | None = None) -> Decision:
    """Choose a POP.

    Eligible is a candidate within ``max_latency_ms``; where some round trips are known, an
    unknown one is not within. Where some carbon is known, a candidate without cannot be ranked.
    None eligible: the nearest. Score: ``adj_carbon + latency_price * latency_ms``. The visitor
    stays on ``current`` unless the best score is lower by ``switch_margin``. Ties go to the
    lower round trip, then to the name.

    Raises
    ------
    ValueError
        Without any candidate.
    """
    ranked = _rank(list(candidates), policy)
    if not ranked:
        raise ValueError("a decision needs at least one candidate")
    chosen, reason = _choose(ranked, policy, current)
    others = tuple(entry for entry in ranked if entry is not chosen)
    baseline = min(
        (entry.candidate for entry in ranked if entry.candidate.latency_ms is not None),
        key=lambda candidate: candidate.latency_ms or 0.0,
        default=None,
    )
    kinds = {entry.candidate.carbon.kind for entry in ranked if entry.candidate.carbon.kind}
    difference = _difference(baseline, chosen.candidate)
    return Decision(
        chosen=chosen,
        reason=reason,
        text=_explain(chosen, reason, ranked, policy),
        candidates=(chosen, *others),
        comparable=len(kinds) <= 1,
        baseline=baseline,
        attributed_difference_gco2_kwh=difference,
    )


def _rank(candidates: Sequence[Candidate], policy: Policy) -> list[Ranked]:
    limit_ms, price = policy.max_latency_ms, policy.latency_price_gco2_kwh_ms
    some_latency = any(candidate.latency_ms is not None for candidate in candidates)
    some_carbon = any(candidate.carbon.adj_carbon_gco2_kwh is not None for candidate in candidates)
    ranked = []
    for candidate in candidates:
        latency_ms, adj_carbon = candidate.latency_ms, candidate.carbon.adj_carbon_gco2_kwh
        within = latency_ms is not None and latency_ms <= limit_ms
        eligible = (within or not some_latency) and (adj_carbon is not None or not some_carbon)
        score = None if adj_carbon is None else adj_carbon + price * (latency_ms or 0.0)
        ranked.append(Ranked(candidate, eligible, score))
    return sorted(ranked, key=_order)


def _order(entry: Ranked) -> tuple[bool, float, float, str]:
    candidate, eligible, score = entry
    latency_ms = candidate.latency_ms
    return (
        not eligible,
        math.inf if score is None else score,
        math.inf if latency_ms is None else latency_ms,
        candidate.pop,
    )


def _choose(ranked: list[Ranked], policy: Policy, current: str | None) -> tuple[Ranked, Reason]:
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
    for entry in ranked:
        if (
            entry is not best
            and entry.candidate.pop == current
            and entry.eligible
            and entry.score is not None
            and best.score >= entry.score * (1 - policy.switch_margin)
        ):
            return entry, Reason.STAYED
    if best.candidate.latency_ms is None:
        return best, Reason.NO_LATENCY
    return best, Reason.CLEANEST


def _difference(baseline: Candidate | None, chosen: Candidate) -> float | None:
    if baseline is None or baseline.carbon.kind != chosen.carbon.kind:
        return None
    if baseline.pop != chosen.pop and (baseline.proxy or chosen.proxy):
        return None
    if baseline.carbon.gco2_kwh is None or chosen.carbon.gco2_kwh is None:
        return None
    return baseline.carbon.gco2_kwh - chosen.carbon.gco2_kwh


def _explain(chosen: Ranked, reason: Reason, ranked: Sequence[Ranked], policy: Policy) -> str:
    candidate = chosen.candidate
    figures = _figures(candidate)
    limit = f"{policy.max_latency_ms:g} ms"
    eligible = sum(entry.eligible for entry in ranked)
    match reason:
        case Reason.CLEANEST:
            what = f"the cleanest of {eligible} within {limit}"
            if eligible == 1:
                what = f"the only one within {limit}" if len(ranked) > 1 else "the only candidate"
        case Reason.STAYED:
            best = ranked[0].candidate
            what = (
                f"kept, since the best ({best.pop}, {_figures(best)}) is not better by "
                f"{policy.switch_margin:.0%}"
            )
        case Reason.NEAREST:
            what = f"the nearest, since none with known carbon is within {limit}"
        case Reason.NO_CARBON:
            what = "the nearest, since no carbon figure is known for any candidate"
        case Reason.NO_LATENCY:
            what = f"the cleanest of {eligible}; no round trip is known"
        case Reason.NOTHING_KNOWN:
            what = "the first by name; neither carbon nor round trips are known"
    return f"{candidate.pop} ({figures}) is {what}."


def _figures(candidate: Candidate) -> str:
    carbon = candidate.carbon
    parts = []
    if carbon.gco2_kwh is not None:
        parts.append(f"{carbon.gco2_kwh:.0f} g/kWh {carbon.kind} in {carbon.zone}")
    if carbon.penalty_gco2_kwh:
        parts.append(f"+{carbon.penalty_gco2_kwh:.0f} for age")
    if carbon.rung is not Rung.LIVE:
        parts.append(str(carbon.rung))
    if candidate.latency_ms is not None:
        parts.append(f"{candidate.latency_ms:.0f} ms")
    if candidate.proxy:
        parts.append("a neighbouring grid's figure")
    return ", ".join(parts)
