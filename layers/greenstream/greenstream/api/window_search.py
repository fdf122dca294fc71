"""Finds the cleanest window of each zone that a question asks about, by what is known of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from greenstream.api.question import WindowQuestion
from greenstream.domain.comparability import Comparability, Counting
from greenstream.domain.outlook import Outlook, OutlookRung
from greenstream.domain.policy import RankedScope
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast
from greenstream.domain.window import Window, cleanest, same_kind
from greenstream.domain.zones import Zone

ForecastsOf = Callable[[Zone], Iterable[Forecast] | None]
"""Answers the forecasts of a zone; ``None`` where the store does not answer."""

ProfilesOf = Callable[[Zone], Iterable[HourProfile] | None]
"""Answers the hour profiles of a zone, with all hours; ``None`` where the store does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search for windows came to.

    Parameters
    ----------
    chosen
        The window by zone, for the zones that have one.
    counting
        The ways in which the figures of these windows are counted.
    why_no_forecast
        Why a zone's window rests on no forecast: the store did not give any (``not_read``), there
        is none (``no_forecast``), none covers a window (``too_short``), or those that do are of
        another kind than is asked for or than the other zones have (``other_kind``).
    simulated
        Whether a simulator made any of the forecasts and profiles that were read; ``None`` where
        there is none.
    unread
        What the store did not give.
    """

    chosen: Mapping[str, Window]
    counting: Counting
    why_no_forecast: Mapping[str, str]
    simulated: bool | None
    unread: tuple[str, ...]


def find(
    question: WindowQuestion,
    earliest: datetime,
    forecasts_of: ForecastsOf,
    profiles_of: ProfilesOf,
    scope: RankedScope,
) -> Search:
    """Find the cleanest window of each zone.

    Profiles and yearly means are looked at where the forecasts do not suffice: where a zone has
    none that covers a window, or where the zones have none of one kind.

    Parameters
    ----------
    question
        The question.
    earliest
        The earliest start, in UTC.
    forecasts_of, profiles_of
        Answer what is stored about a zone.
    scope
        The scope that the policy ranks.
    """
    zones = {asked.zone.zone: asked.zone.ranked(scope) for asked in question.asked}
    read = {name: forecasts_of(zone) for name, zone in zones.items()}
    outlooks = {
        name: [Outlook.of_forecast(forecast) for forecast in _in_order(read[name] or (), zone)]
        for name, zone in zones.items()
    }
    windows = {name: list(_windows(outlooks[name], question, earliest)) for name in zones}
    chosen, counting = same_kind(windows, question.kinds)
    unread = [f"forecasts of {name}" for name in zones if read[name] is None]
    if len(chosen) < len(zones) or counting.comparability is Comparability.MIXED:
        latest = earliest + question.within
        for name, zone in zones.items():
            profiles = profiles_of(zone)
            if profiles is None and "hour profiles" not in unread:
                unread.append("hour profiles")
            outlooks[name] += _profiled(profiles or (), zone, earliest, latest)
            means = [Outlook.of_annual_mean(mean, earliest, latest) for mean in zone.annual_means]
            windows[name] = list(_windows([*outlooks[name], *means], question, earliest))
        chosen, counting = same_kind(windows, question.kinds)
    known = [outlook.simulated for of_zone in outlooks.values() for outlook in of_zone]
    return Search(
        chosen=chosen,
        counting=counting,
        why_no_forecast={
            name: _why_no_forecast(read[name], windows[name])
            for name in zones
            if name not in chosen or chosen[name].outlook.rung is not OutlookRung.FORECAST
        },
        simulated=any(known) if known else None,
        unread=tuple(unread),
    )


def first_start(now: datetime) -> datetime:
    """Return the first whole minute that has not begun, to the second, as answers state times."""
    earliest = now.replace(second=0, microsecond=0)
    return earliest if now.second == 0 else earliest + timedelta(minutes=1)


def _why_no_forecast(forecasts: Iterable[Forecast] | None, windows: Iterable[Window]) -> str:
    if forecasts is None:
        return "not_read"
    if not list(forecasts):
        return "no_forecast"
    has_window = any(window.outlook.rung is OutlookRung.FORECAST for window in windows)
    return "other_kind" if has_window else "too_short"


def _windows(
    outlooks: Iterable[Outlook], question: WindowQuestion, earliest: datetime
) -> Iterator[Window]:
    latest = earliest + question.within
    for outlook in outlooks:
        window = cleanest(outlook, duration=question.duration, earliest=earliest, latest=latest)
        if window is not None:
            yield window


def _in_order(forecasts: Iterable[Forecast], zone: Zone) -> list[Forecast]:
    """Return the forecasts of the zone's sources, in the order of the sources."""
    order = [(source.provider, source.provider_zone) for source in zone.sources]
    listed = [
        forecast for forecast in forecasts if (forecast.provider, forecast.provider_zone) in order
    ]
    return sorted(
        listed, key=lambda forecast: order.index((forecast.provider, forecast.provider_zone))
    )


def _profiled(
    profiles: Iterable[HourProfile], zone: Zone, earliest: datetime, latest: datetime
) -> list[Outlook]:
    """Return the outlooks of a zone's profiles, in the order of its sources."""
    order = [source.provider for source in zone.sources]
    listed = [profile for profile in profiles if profile.provider in order]
    listed.sort(key=lambda profile: order.index(profile.provider))
    outlooks = [Outlook.of_profile(profile, earliest, latest) for profile in listed]
    return [outlook for outlook in outlooks if outlook is not None]
