"""The answer of ``/v1/window`` as a JSON object."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from greenstream.api.question import WindowQuestion
from greenstream.api.rendering import tenths, utc
from greenstream.domain.comparability import Comparability, Counting
from greenstream.domain.window import Window
from greenstream.domain.zones import Zone

Json = dict[str, Any]


def window(
    question: WindowQuestion,
    chosen: Mapping[str, Window],
    unknown: Mapping[str, str],
    now: datetime,
    counting: Counting,
    *,
    simulated: bool | None,
) -> Json:
    """Return the answer of ``/v1/window``: each zone's window, and the best of one kind.

    The best is the window with the lowest figure. Where scopes or factor sets differ, the answer
    says so.

    Parameters
    ----------
    question
        The question.
    chosen
        The chosen window by zone.
    unknown
        The reason by zone why it has no window: ``not_read``, ``no_forecast`` or ``too_short``.
    now
        The present, in UTC.
    counting
        The ways in which the forecasts of the windows are counted.
    simulated
        Whether a simulator made a forecast; ``None`` when no forecast is known.
    """
    comparable = counting.comparability is not Comparability.MIXED
    unread = [zone for zone, why in unknown.items() if why == "not_read"]
    best = min(chosen, key=lambda zone: (chosen[zone].gco2_kwh, chosen[zone].start), default=None)
    return {
        "as_of": utc(now),
        "simulated": simulated,
        "degraded": bool(unread),
        "degraded_reason": f"the store did not give forecasts of {', '.join(unread)}"
        if unread
        else None,
        "duration_min": round(question.duration.total_seconds() / 60),
        "within_h": round(question.within.total_seconds() / 3600),
        "comparable": counting.comparability if chosen else None,
        "scopes": sorted(counting.scopes),
        "factor_sets": sorted(counting.factor_sets),
        "best": {"zone": best, **_window(chosen[best])} if best and comparable else None,
        "zones": [
            _zone(zone, chosen.get(zone.zone), unknown.get(zone.zone)) for zone in question.zones
        ],
        "without_forecast": [zone for zone, why in unknown.items() if why == "no_forecast"],
    }


def _zone(zone: Zone, chosen: Window | None, why: str | None) -> Json:
    return {
        "zone": zone.zone,
        "name": zone.name,
        "window": None if chosen is None else _window(chosen),
        "why_none": why,
    }


def _window(chosen: Window) -> Json:
    forecast = chosen.forecast
    return {
        "start": utc(chosen.start),
        "end": utc(chosen.end),
        "gco2_kwh": tenths(chosen.gco2_kwh),
        "at_once_gco2_kwh": tenths(chosen.at_once_gco2_kwh),
        "signal": forecast.signal,
        "basis": forecast.basis,
        "scope": forecast.scope,
        "factor_set": forecast.factor_set,
        "provider": forecast.provider,
        "provider_zone": forecast.provider_zone,
        "issued_at": utc(forecast.issued_at),
        "simulated": forecast.simulated,
    }
