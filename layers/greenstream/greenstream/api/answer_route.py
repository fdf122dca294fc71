"""The answer of ``/v1/route``: a decision as JSON text."""

import math
from collections.abc import Mapping, MutableMapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from json.encoder import encode_basestring_ascii as quoted
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

from greenstream.api.rendering import (
    JSON,
    CarbonText,
    Json,
    carbon_text,
    counted_head,
    tenths_text,
)
from greenstream.api.view import MAX_POP_SETS, View
from greenstream.domain.decision import Candidate, Decision, Exclusion, LatencySource
from greenstream.domain.places import PopZone
from greenstream.domain.policy import Policy
from greenstream.domain.ranking import Standings

_VERDICT_TEXT: Final[Mapping[Exclusion | None, str]] = {
    None: '"eligible":true,"exclusion":null,',
    **{exclusion: f'"eligible":false,"exclusion":"{exclusion}",' for exclusion in Exclusion},
}

MAX_LATENCIES: Final = 4096
"""How many round trips are cached as text: those of 300 POPs from a dozen positions."""

PIECES: Final = 3
"""The pieces of a candidate's text: what the visitor changes, and the two of `CarbonText`."""


class RouteText(NamedTuple):
    """An answer as text, its essence, its instant, and why it is worse than usual, if it is.

    The essence differs where the text differs. It is shorter, since it names the figures by a hash
    that is made once a second.
    """

    text: str
    essence: str
    as_of: str
    degraded_reason: str | None


class _Shared(NamedTuple):
    """What the answers of a second about the same POPs have in common, as text.

    ``as_of`` is the instant, and ``degraded_reason`` says why the answers are worse than usual.
    ``head`` has the members before those of the choice, and ``ranking`` those between the choice
    and what it is compared with. ``figures`` are by zone, and ``digest`` is a hash of them. All of
    it was written for a view whose ``degraded_reason`` is ``view_reason``.
    """

    view_reason: str | None
    as_of: str
    degraded_reason: str | None
    head: str
    ranking: str
    figures: Mapping[str, CarbonText]
    digest: str


_SHARED: Final[MutableMapping[Standings, _Shared]] = WeakKeyDictionary()
"""What `_shared_of` returns, as long as its standings are those of the present second."""


def route(
    decision: Decision,
    standings: Standings,
    view: View,
    policy: Policy,
    now: datetime,
    shares: Mapping[str, float] | None = None,
) -> RouteText:
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
    shared = _shared_of(standings, view, policy, now)
    chosen, difference = decision.chosen.candidate, decision.attributed_difference_gco2_kwh
    head = (
        f'{shared.head},"pop":{quoted(chosen.pop)},"zone":{quoted(chosen.carbon.zone)},'
        f'"reason":"{decision.reason}","reason_text":{quoted(decision.text)},{shared.ranking},'
        f'"baseline":{_baseline(decision.baseline, difference)},"split":{_split(shares)}'
    )
    pieces = _candidates(decision, standings, shared.figures)
    of_visitor = pieces[::PIECES]
    pieces[-1] = pieces[-1].removesuffix(",")
    return RouteText(
        text="".join([head, ',"candidates":[', *pieces, "]}"]),
        essence="".join([head, *of_visitor, shared.digest]),
        as_of=shared.as_of,
        degraded_reason=shared.degraded_reason,
    )


def _baseline(candidate: Candidate | None, difference: float | None) -> str:
    if candidate is None:
        return "null"
    carbon = candidate.carbon
    return (
        f'{{"pop":{quoted(candidate.pop)},"zone":{quoted(carbon.zone)},'
        f'"gco2_kwh":{tenths_text(carbon.origin.gco2_kwh)},'
        f'"expected_gco2_kwh":{tenths_text(carbon.expected_gco2_kwh)},'
        f'"attributed_difference_gco2_kwh":{tenths_text(difference)}}}'
    )


def _split(shares: Mapping[str, float] | None) -> str:
    if shares is None:
        return "null"
    return JSON.encode([{"pop": pop, "weight": round(share, 6)} for pop, share in shares.items()])


def _candidates(
    decision: Decision, standings: Standings, figures: Mapping[str, CarbonText]
) -> list[str]:
    """Return each candidate as `PIECES` pieces of text, of which a visitor changes the first."""
    scores = [score for _, _, score in decision.candidates if score is not None]
    if not math.isfinite(sum(scores)):
        raise ValueError("a score is infinite or not a number, which JSON cannot express")
    places = _place_texts(standings.names, standings.entries)
    pieces: list[str] = []
    for candidate, exclusion, score in decision.candidates:
        pop, latency_ms, latency_source, carbon, samples, _, _ = candidate
        of_visitor = (
            f"{places[pop]}{_VERDICT_TEXT[exclusion]}"
            f'"score":{"null" if score is None else f"{score:.1f}"},'
            f"{_latency_text(latency_ms, latency_source, samples)}"
        )
        pieces.append(of_visitor)
        pieces += figures[carbon.zone]
    return pieces


@lru_cache(maxsize=MAX_LATENCIES)
def _latency_text(latency_ms: float | None, source: LatencySource, samples: int | None) -> str:
    """Return the members of a candidate about its round trip."""
    return (
        f'"latency_ms":{"null" if latency_ms is None else f"{latency_ms:.1f}"},'
        f'"latency_source":"{source}",'
        f'"latency_samples":{"null" if samples is None else samples},'
    )


def _shared_of(standings: Standings, view: View, policy: Policy, now: datetime) -> _Shared:
    """Return what does not depend on the visitor, written once for a second and a set of POPs.

    All POPs of a zone are ranked by the same figure, so that its text is written once for each
    zone.
    """
    shared = _SHARED.get(standings)
    if shared is not None and shared.view_reason == view.degraded_reason:
        return shared
    head = counted_head(view, now, standings.counts, simulated=standings.simulated)
    counting = standings.counting
    ranking: Json = {
        "comparable": counting.comparability,
        "ranking": {
            "asked": standings.ranking,
            "kinds": standings.kinds,
            "scopes": sorted(counting.scopes),
            "factor_sets": sorted(counting.factor_sets),
        },
        "policy": policy.version,
    }
    by_zone = {figure.zone: figure for figure in standings.figures}
    figures = {zone: carbon_text(figure) for zone, figure in by_zone.items()}
    ageing, lasting = zip(*figures.values(), strict=True)
    shared = _SHARED[standings] = _Shared(
        view_reason=view.degraded_reason,
        as_of=head["as_of"],
        degraded_reason=head["degraded_reason"],
        head=JSON.encode(head)[:-1],
        ranking=JSON.encode(ranking)[1:-1],
        figures=figures,
        digest=_digest("".join(ageing)) + _digest_of_lasting(lasting),
    )
    return shared


def _digest(text: str) -> str:
    """Return a hash of a text; it only has to differ where the text does."""
    return sha256(text.encode(), usedforsecurity=False).hexdigest()


@lru_cache(maxsize=MAX_POP_SETS)
def _digest_of_lasting(texts: tuple[str, ...]) -> str:
    """Return a hash of the parts of the figures that do not age, made once while they stay."""
    return _digest("".join(texts))


@lru_cache(maxsize=MAX_POP_SETS)
def _place_texts(names: tuple[str, ...], entries: tuple[PopZone, ...]) -> Mapping[str, str]:
    """Return by POP the first members of a candidate, which stay the same while its zone does."""
    return {name: _place_text(name, entry) for name, entry in zip(names, entries, strict=True)}


def _place_text(pop: str, entry: PopZone) -> str:
    members: Json = {
        "pop": pop,
        "zone": entry.zone,
        "proxy_zone": entry.proxy,
        "proxy_reason": entry.proxy_reason or None,
    }
    return JSON.encode(members)[:-1] + ","
