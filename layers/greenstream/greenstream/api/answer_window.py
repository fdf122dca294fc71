"""The answer of ``/v1/window`` as a JSON object."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from greenstream.api.question import WindowQuestion, ZoneAsked
from greenstream.api.rendering import tenths, utc
from greenstream.api.window_search import Search
from greenstream.domain.comparability import Comparability
from greenstream.domain.freshness import age_s
from greenstream.domain.outlook import OutlookRung
from greenstream.domain.window import Window

Json = dict[str, Any]

LEAST_SAID_GCO2_KWH: Final = 1.0
"""From which difference waiting is said to be better than starting at once, in g/kWh."""


def window(
    question: WindowQuestion, search: Search, now: datetime, *, simulated: bool | None
) -> Json:
    """Return the answer of ``/v1/window``: each zone's window, and the best of one kind.

    The best is the window with the lowest figure within the limit on latency. Where rungs, scopes
    or factor sets differ, the answer says so.

    Parameters
    ----------
    question
        The question.
    search
        What the search for windows came to.
    now
        The present, in UTC.
    simulated
        Whether a simulator made a figure; ``None`` when none is known.
    """
    chosen, counting = search.chosen, search.counting
    comparable = counting.comparability is not Comparability.MIXED
    near = [asked for asked in question.asked if question.is_near(asked)]
    best = min(
        [asked for asked in near if asked.zone.zone in chosen] if comparable else [],
        key=lambda asked: (chosen[asked.zone.zone].gco2_kwh, chosen[asked.zone.zone].start),
        default=None,
    )
    named = None if best is None else {"pop": best.pop, "zone": best.zone.zone}
    rungs = {window.outlook.rung for window in chosen.values()}
    return {
        "as_of": utc(now),
        "simulated": simulated,
        "degraded": bool(search.unread),
        "degraded_reason": f"the store did not give {', '.join(search.unread)}"
        if search.unread
        else None,
        "duration_min": round(question.duration.total_seconds() / 60),
        "within_h": round(question.within.total_seconds() / 3600),
        "comparable": counting.comparability if chosen else None,
        "kinds": sorted(map(str, counting.kinds)),
        "scopes": sorted(counting.scopes),
        "factor_sets": sorted(counting.factor_sets),
        "rungs": [rung for rung in OutlookRung if rung in rungs],
        "best": named and best and {**named, **_window(chosen[best.zone.zone], now)},
        "reason_text": _reason(question, best, search),
        "zones": [_zone(asked, question, search, now) for asked in question.asked],
        "without_forecast": list(search.why_no_forecast),
    }


def _zone(asked: ZoneAsked, question: WindowQuestion, search: Search, now: datetime) -> Json:
    zone = asked.zone
    chosen = search.chosen.get(zone.zone)
    return {
        "pop": asked.pop,
        "zone": zone.zone,
        "name": zone.name,
        "latency_ms": tenths(asked.latency_ms),
        "within_limit": question.is_near(asked),
        "window": None if chosen is None else _window(chosen, now),
        "why_no_forecast": search.why_no_forecast.get(zone.zone),
    }


def _window(chosen: Window, now: datetime) -> Json:
    outlook = chosen.outlook
    return {
        "start": utc(chosen.start),
        "end": utc(chosen.end),
        "gco2_kwh": tenths(chosen.gco2_kwh),
        "at_once_gco2_kwh": tenths(chosen.at_once_gco2_kwh),
        "spread_gco2_kwh": tenths(outlook.spread_gco2_kwh),
        "rung": outlook.rung,
        "signal": outlook.kind.signal,
        "basis": outlook.kind.basis,
        "scope": outlook.scope,
        "factor_set": outlook.factor_set,
        "provider": outlook.provider,
        "provider_zone": outlook.provider_zone,
        "made_at": utc(outlook.made_at),
        "age_s": None if outlook.made_at is None else round(age_s(outlook.made_at, now)),
        "note": outlook.note,
        "simulated": outlook.simulated,
    }


def _reason(question: WindowQuestion, best: ZoneAsked | None, search: Search) -> str:
    """Return the answer as sentences."""
    if best is None:
        return _why_none(question, search)
    window = search.chosen[best.zone.zone]
    where = best.zone.zone if best.pop is None else f"{best.pop} ({best.zone.zone})"
    count, asked = len(question.asked), "zones" if best.pop is None else "places"
    among = f"Of {count} {asked}, the" if count > 1 else "The"
    end = f"{window.end:%H:%M}"
    if window.end.date() != window.start.date():
        end = f"{window.end:%Y-%m-%d} {end}"
    figure = f"{tenths(window.gco2_kwh):.0f} g/kWh {window.outlook.kind}"
    if window.outlook.rung is OutlookRung.ANNUAL_MEAN:
        return (
            "No forecast and no hour profile at hand covers "
            f"{question.duration.total_seconds() / 60:.0f} min in {where}, so that no time is "
            f"known to be cleaner than {window.start:%Y-%m-%d %H:%M} to {end} UTC: "
            f"its yearly mean is {figure}"
            f"{f', the lowest of {count} {asked}' if count > 1 else ''}."
        )
    rungs = {other.outlook.rung for other in search.chosen.values()}
    differing = [
        name
        for name, ways in (
            ("scope", len(search.counting.scopes)),
            ("factor set", len(search.counting.factor_sets)),
            ("what they rest on", len(rungs)),
        )
        if ways > 1
    ]
    # Figures that are counted in several ways do not say which grid is the cleanest.
    best_time = "time with the lowest figure" if differing else "cleanest time"
    said = (
        f"{among} {best_time} is {window.start:%Y-%m-%d %H:%M} to {end} UTC in {where}: "
        f"{figure} by {_basis_of(window)}{_beside_now(window)}."
    )
    if differing:
        said += f" The figures of the {asked} differ in {_listed(differing)}."
    return said


def _why_none(question: WindowQuestion, search: Search) -> str:
    if not search.chosen:
        kinds = " or ".join(map(str, question.kinds))
        return f"No figure of the kind {kinds} is known for what is asked about."
    if search.counting.comparability is Comparability.MIXED:
        return "The figures are of several kinds, which are not compared, so that no best is named."
    return f"Nothing that is asked about is within {question.max_latency_ms:g} ms."


def _basis_of(window: Window) -> str:
    outlook = window.outlook
    if outlook.rung is OutlookRung.FORECAST:
        return f"the forecast of {outlook.provider}"
    spread = outlook.spread_gco2_kwh
    usual = "" if spread is None else f", from which the grid is usually {spread:.0f} g/kWh away"
    return f"the hour profile of {outlook.provider}{usual}"


def _beside_now(window: Window) -> str:
    at_once = window.at_once_gco2_kwh
    if at_once is None:
        return ""
    if at_once - window.gco2_kwh < LEAST_SAID_GCO2_KWH:
        return "; starting at once is as good"
    return f"; starting at once would be {tenths(at_once):.0f} g/kWh"


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
