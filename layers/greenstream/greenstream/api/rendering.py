"""How figures are written into answers: two renderers of a zone's figure, side by side.

`carbon` returns the figure as a JSON object, for answers that hold a few figures. `carbon_text`
returns the same members as JSON text, because an answer of ``/v1/route`` may hold hundreds of
candidates, and encoding them as objects would take longer than the rest of the answer. Both
renderers stand in this module so that whoever changes a member changes it in both;
``tests/unit/test_rendering.py`` holds the text equal to the object.

Numbers are rounded to what the figures can bear: g/kWh and milliseconds to one decimal, seconds
to whole numbers. Times are UTC to the second. A missing figure is ``null``, never zero.
"""

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from greenstream.api.view import View
from greenstream.domain.disputes import Claim, Dispute
from greenstream.domain.ladder import Freshness, FreshnessCounts, Rung, ZoneCarbon, counts_of
from greenstream.domain.origin import Origin

Json = dict[str, Any]

CarbonText = tuple[str, str]
"""The text of a figure in two parts (`carbon_text`)."""

JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
"""The encoder of all answers."""

_RUNG_TEXT: Final = {rung: f'"rung":"{rung}",' for rung in Rung}


def utc(moment: datetime | None) -> str | None:
    """Return an aware UTC time as ``YYYY-MM-DDThh:mm:ssZ``."""
    return None if moment is None else moment.isoformat()[:19] + "Z"


def tenths(value: float | None) -> float | None:
    """Return a figure rounded to one decimal."""
    return None if value is None else round(value, 1)


def tenths_text(value: float | None) -> str:
    """Return `tenths` of a finite figure as JSON text."""
    return "null" if value is None else f"{value:.1f}"


def head(view: View, now: datetime, *, simulated: bool) -> Json:
    """Return the first members of an answer without figures: its instant, what limits its worth."""
    reason = view.degraded_reason
    return {
        "as_of": utc(now),
        "simulated": simulated,
        "degraded": reason is not None,
        "degraded_reason": reason,
    }


def figures_head(view: View, now: datetime, figures: Sequence[ZoneCarbon]) -> Json:
    """Return `counted_head` of these figures."""
    counts = counts_of(Counter([figure.rung for figure in figures]))
    return counted_head(
        view, now, counts, simulated=any(figure.origin.simulated for figure in figures)
    )


def counted_head(view: View, now: datetime, counts: FreshnessCounts, *, simulated: bool) -> Json:
    """Return the first members of an answer that rests on figures, which have been counted.

    The answer is degraded too where none of its figures is live, so that nothing that rests on
    usual values alone passes for a measurement.
    """
    reason = degraded_reason(view, counts)
    return {
        "as_of": utc(now),
        "simulated": simulated,
        "degraded": reason is not None,
        "degraded_reason": reason,
        **freshness(counts),
    }


def degraded_reason(view: View, counts: FreshnessCounts) -> str | None:
    """Return why an answer on these figures is worse than usual; ``None`` when it is not."""
    parts = [] if view.degraded_reason is None else [view.degraded_reason]
    if counts.freshness is not Freshness.LIVE:
        known = f"{counts.fallback} rest on usual values" if counts.fallback else "none is known"
        parts.append(f"none of the {sum(counts)} figures is live; {known}")
    return "; ".join(parts) or None


def freshness(counts: FreshnessCounts) -> Json:
    """Return the members ``freshness`` and ``figures`` of an answer."""
    return {"freshness": counts.freshness, "figures": counts._asdict()}


@lru_cache(maxsize=2048)
def carbon(figure: ZoneCarbon) -> Mapping[str, Any]:
    """Return a zone's figure as an object, made once for all answers of its second."""
    origin = figure.origin
    return {
        **_said(origin),
        "adj_carbon_gco2_kwh": tenths(figure.adj_carbon_gco2_kwh),
        "expected_gco2_kwh": tenths(figure.expected_gco2_kwh),
        "penalty_gco2_kwh": tenths(figure.penalty_gco2_kwh),
        "penalty_capped": figure.penalty_capped,
        "doubt_gco2_kwh": tenths(figure.doubt_gco2_kwh),
        "age_s": None if figure.age_s is None else round(figure.age_s),
        "rung": figure.rung,
        **_source(origin),
        **_disputed(figure.disputed),
    }


def carbon_text(figure: ZoneCarbon) -> CarbonText:
    """Return the members of `carbon` as text: those up to the last that ages, and the others.

    The second part ends with the closing brace and a comma, after which another object may follow.

    Raises
    ------
    ValueError
        When a figure is infinite or not a number.
    """
    said, lasting = _origin_text(figure.origin)
    _, rung, _, expected, age_s, penalty, capped, doubt, disputed = figure
    if not math.isfinite((expected or 0.0) + (penalty or 0.0) + (doubt or 0.0)):
        raise ValueError(f"{figure} cannot be written as JSON")
    if disputed is not None:
        lasting = f"{lasting[:-2]},{_members(_disputed(disputed))}}},"
    expected_text = "null" if expected is None else f"{expected:.1f}"
    penalty_text, adj_text = "0.0", expected_text  # as it is in a figure's first minutes
    if penalty != 0.0:
        penalty_text = "null" if penalty is None else f"{penalty:.1f}"
        adj = figure.adj_carbon_gco2_kwh
        adj_text = "null" if adj is None else f"{adj:.1f}"
    ageing = (
        f'{said}"adj_carbon_gco2_kwh":{adj_text},'
        f'"expected_gco2_kwh":{expected_text},'
        f'"penalty_gco2_kwh":{penalty_text},'
        f'"penalty_capped":{"true" if capped else "false"},'
        f'"doubt_gco2_kwh":{"null" if doubt is None else f"{doubt:.1f}"},'
        f'"age_s":{"null" if age_s is None else round(age_s)},'
        f"{_RUNG_TEXT[rung]}"
    )
    return ageing, lasting


def _said(origin: Origin) -> Json:
    """Return what the source said, which does not age."""
    return {
        "gco2_kwh": tenths(origin.gco2_kwh),
        "gco2_low": tenths(origin.gco2_low),
        "gco2_high": tenths(origin.gco2_high),
    }


def _source(origin: Origin) -> Json:
    """Return the other members that do not age: who said it, and of what."""
    kind, coverage = origin.kind, origin.coverage
    return {
        "signal": kind and kind.signal,
        "basis": kind and kind.basis,
        "scope": origin.scope,
        "factor_set": origin.factor_set,
        "quality": origin.quality,
        "provider": origin.provider,
        "provider_zone": origin.provider_zone,
        "coverage": None if coverage is None else round(coverage, 3),
        "valid_from": utc(origin.valid_from),
        "valid_to": utc(origin.valid_to),
        "simulated": origin.simulated,
        "note": origin.note,
    }


@lru_cache(maxsize=1024)  # The least recently used goes first, which is of a reading of the past.
def _origin_text(origin: Origin) -> tuple[str, str]:
    """Return as text the members of a figure that do not age: the first ones and the last ones.

    They are encoded once while their reading is the newest.
    """
    return _members(_said(origin)) + ",", _members(_source(origin)) + "},"


def _members(members: Json) -> str:
    """Return the members of an object as JSON text without its braces."""
    return JSON.encode(members)[1:-1]


def _disputed(dispute: Dispute | None) -> Json:
    """Return the member ``disputed`` of a figure, which only a disputed figure has."""
    if dispute is None:
        return {}
    return {
        "disputed": {
            "stands": _claim(dispute.stands),
            "against": _claim(dispute.against),
            "usual_gco2_kwh": tenths(dispute.usual_gco2_kwh),
        }
    }


def _claim(claim: Claim) -> Json:
    return {
        "provider": claim.provider,
        "zone": claim.zone,
        "gco2_kwh": tenths(claim.gco2_kwh),
        "gco2_low": tenths(claim.gco2_low),
        "gco2_high": tenths(claim.gco2_high),
    }
