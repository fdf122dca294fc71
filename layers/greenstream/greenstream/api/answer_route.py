"""The answer of ``/v1/route``: a decision as JSON text."""

import math
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Final

from greenstream.api.rendering import JSON, Json, carbon_text, counted_head, tenths
from greenstream.api.view import MAX_POP_SETS, View
from greenstream.domain.decision import Candidate, Decision, Exclusion
from greenstream.domain.policy import Policy
from greenstream.domain.ranking import Standings

_EXCLUSION_TEXT: Final[Mapping[Exclusion | None, str]] = {
    None: "null",
    **{exclusion: JSON.encode(exclusion) for exclusion in Exclusion},
}


def route(
    decision: Decision,
    standings: Standings,
    view: View,
    policy: Policy,
    now: datetime,
    shares: Mapping[str, float] | None = None,
) -> str:
    """Return the whole answer as JSON text.

    The candidates are written as text and not encoded from objects: an answer may hold hundreds
    of candidates that differ in three numbers, and an encoder takes longer for them than for the
    rest of the answer. What does not depend on the visitor is written once for its second.

    Parameters
    ----------
    standings
        What the POPs of the decision are ranked by.
    now
        The instant of the answer, aware UTC.
    shares
        The share of each POP (they sum to 1) where the question asks for a split.

    Raises
    ------
    ValueError
        When a figure is infinite or not a number.
    """
    chosen = decision.chosen.candidate
    body = {
        **counted_head(view, now, standings.counts, simulated=standings.simulated),
        "pop": chosen.pop,
        "zone": chosen.carbon.zone,
        "reason": decision.reason,
        "reason_text": decision.text,
        "comparable": decision.counting.comparability,
        "ranking": {
            "asked": standings.ranking,
            "kinds": standings.kinds,
            "scopes": sorted(decision.counting.scopes),
            "factor_sets": sorted(decision.counting.factor_sets),
        },
        "policy": policy.version,
        "baseline": _baseline(decision.baseline, decision.attributed_difference_gco2_kwh),
        "split": shares
        and [{"pop": pop, "weight": round(share, 6)} for pop, share in shares.items()],
    }
    return f'{JSON.encode(body)[:-1]},"candidates":{_candidates(decision, standings)}}}'


def _baseline(candidate: Candidate | None, difference: float | None) -> Json | None:
    if candidate is None:
        return None
    return {
        "pop": candidate.pop,
        "zone": candidate.carbon.zone,
        "gco2_kwh": tenths(candidate.carbon.origin.gco2_kwh),
        "expected_gco2_kwh": tenths(candidate.carbon.expected_gco2_kwh),
        "attributed_difference_gco2_kwh": tenths(difference),
    }


def _candidates(decision: Decision, standings: Standings) -> str:
    scores = [score for _, _, score in decision.candidates if score is not None]
    if not math.isfinite(sum(scores)):
        raise ValueError("a score is infinite or not a number, which JSON cannot express")
    texts = _texts(standings)
    written = []
    for candidate, exclusion, score in decision.candidates:
        pop, latency_ms, latency_source, _, samples, _, _ = candidate
        before, after = texts[pop]
        written.append(
            f'{before}"eligible":{"true" if exclusion is None else "false"},'
            f'"exclusion":{_EXCLUSION_TEXT[exclusion]},'
            f'"score":{"null" if score is None else f"{score:.1f}"},'
            f'"latency_ms":{"null" if latency_ms is None else f"{latency_ms:.1f}"},'
            f'"latency_source":"{latency_source}",'
            f'"latency_samples":{"null" if samples is None else samples},{after}'
        )
    return f"[{','.join(written)}]"


@lru_cache(maxsize=MAX_POP_SETS)
def _texts(standings: Standings) -> Mapping[str, tuple[str, str]]:
    """Return by POP the text before and after the members of a candidate that a visitor changes.

    It is written once for all answers of a second about the same POPs. All POPs of a zone are
    ranked by the same figure, so that its text is written once for each zone.
    """
    figures = {figure.zone: figure for figure, _, _ in standings.by_pop.values()}
    by_zone = {zone: carbon_text(figure) for zone, figure in figures.items()}
    return {
        pop: (_place_text(pop, figure.zone, proxy_reason, proxy), by_zone[figure.zone])
        for pop, (figure, proxy_reason, proxy) in standings.by_pop.items()
    }


@lru_cache(maxsize=2048)
def _place_text(pop: str, zone: str, proxy_reason: str, proxy: bool) -> str:  # noqa: FBT001 - keyword arguments cost time
    """Return the first members of a candidate, which are the same in every answer."""
    members: Json = {
        "pop": pop,
        "zone": zone,
        "proxy_zone": proxy,
        "proxy_reason": proxy_reason or None,
    }
    return JSON.encode(members)[:-1] + ","
