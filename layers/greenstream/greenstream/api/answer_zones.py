"""The answers of ``/v1/zones`` and ``/v1/zones/{zone}`` as JSON objects."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from greenstream.api.rendering import Json, carbon, figures_head, tenths, utc
from greenstream.api.view import View
from greenstream.domain.freshness import age_s
from greenstream.domain.ladder import Ladder, ZoneCarbon
from greenstream.domain.moment import Moment
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast, Reading
from greenstream.domain.zone_sources import HourlySpread, zone_sources
from greenstream.domain.zones import AnnualMean, Source, Zone
from greenstream.ports.store import ProviderStatus

MIX_UNITS: Final = {"fuel_mw": "MW", "share_percent": "%"}
"""The members of a reading's detail that hold a generation mix by fuel, with their units."""


def zones(figures: Iterable[tuple[Zone, ZoneCarbon]], view: View, now: datetime) -> Json:
    """Return the answer of ``/v1/zones``."""
    listed = list(figures)
    return {
        **figures_head(view, now, [figure for _, figure in listed]),
        "zones": [
            {"zone": zone.zone, "name": zone.name, "country": zone.country, **carbon(figure)}
            for zone, figure in listed
        ],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneReads:
    """What was read from the store for one zone beside the snapshot.

    ``forecasts``, ``profiles`` and ``history`` are ``None`` where the store did not answer.
    ``history`` is also ``None`` where it was not asked for, which ``asked_history`` says.
    """

    forecasts: Sequence[Forecast] | None
    profiles: Sequence[HourProfile] | None
    history: Sequence[Reading] | None
    asked_history: bool


def zone(
    entry: Zone,
    figure: ZoneCarbon,
    reads: ZoneReads,
    view: View,
    now: datetime,
) -> Json:
    """Return the answer of ``/v1/zones/{zone}``: all that is known of a zone."""
    statuses = {status.provider: status for status in view.snapshot.providers}
    readings = view.readings_of(entry.zone)
    ladder = Ladder(entry, readings, view.profiles_of(entry.zone))
    moment = Moment(now, view.policy)
    states = [(reading, ladder.rung_of(reading, moment) or "expired") for reading in readings]
    cited = zone_sources()[entry.zone]
    simulated = figure.origin.simulated or any(reading.simulated for reading in readings)
    body = {
        **figures_head(view, now, [figure]),
        "simulated": simulated,
        "zone": entry.zone,
        "name": entry.name,
        "country": entry.country,
        "time_zone": entry.time_zone,
        "source": cited.source,
        **carbon(figure),
        "sources": [
            _source(source, states, statuses.get(source.provider), now) for source in entry.sources
        ],
        "profile": [
            _profile(profile)
            for profile in (
                view.profiles_of(entry.zone) if reads.profiles is None else reads.profiles
            )
        ],
        "annual_means": [
            _annual_mean(mean, source)
            for mean, source in zip(entry.annual_means, cited.annual_means, strict=True)
        ],
        "hourly_spread": cited.hourly_spread and _hourly_spread(cited.hourly_spread),
        "forecasts": None
        if reads.forecasts is None
        else [_forecast(forecast, now) for forecast in reads.forecasts],
    }
    unread = ["forecasts"] if reads.forecasts is None else []
    if reads.asked_history:
        body["history"] = (
            None if reads.history is None else [_reading(reading) for reading in reads.history]
        )
        body["mixes"] = None if reads.history is None else _mixes(reads.history)
        unread += ["history"] if reads.history is None else []
    if reads.profiles is None:
        unread.append("the whole profile")
    if unread:
        reason = f"the store did not give {', '.join(unread)}"
        known = body["degraded_reason"]
        body["degraded"] = True
        body["degraded_reason"] = f"{known}; {reason}" if known else reason
    return body


def _source(
    source: Source,
    states: Iterable[tuple[Reading, str]],
    status: ProviderStatus | None,
    now: datetime,
) -> Json:
    """Return a source with its newest readings, of all readings of the zone with their states."""
    own = [
        (reading, state)
        for reading, state in states
        if (reading.provider, reading.provider_zone) == (source.provider, source.provider_zone)
    ]
    newest = max((reading.valid_to for reading, _ in own), default=None)
    return {
        "provider": source.provider,
        "provider_zone": source.provider_zone,
        "signal": source.signal,
        "bases": source.bases,
        "scope": source.scope,
        "cadence_s": source.cadence_s,
        "max_age_s": source.max_age_s,
        "beside": source.beside,
        "provider_state": status.state if status else "never_run",
        "newest_valid_to": utc(newest),
        "age_s": None if newest is None else round(age_s(newest, now)),
        "readings": [{**_reading(reading), "state": state} for reading, state in own],
    }


def _counted(figure: Reading | HourProfile | AnnualMean | Forecast) -> Json:
    """Return how a figure is counted: what decides which others it may be compared with."""
    return {
        "signal": figure.kind.signal,
        "basis": figure.kind.basis,
        "scope": figure.scope,
        "factor_set": figure.factor_set,
    }


def _bounded(figure: Reading | AnnualMean) -> Json:
    """Return a figure's value and the bounds within which the true value lies."""
    return {
        "gco2_kwh": tenths(figure.gco2_kwh),
        "gco2_low": tenths(figure.gco2_low),
        "gco2_high": tenths(figure.gco2_high),
    }


def _reading(reading: Reading) -> Json:
    return {
        "provider": reading.provider,
        "provider_zone": reading.provider_zone,
        **_counted(reading),
        "quality": reading.quality,
        **_bounded(reading),
        "as_published_gco2_kwh": tenths(reading.as_published_gco2_kwh),
        "coverage": round(reading.coverage, 3),
        "valid_from": utc(reading.valid_from),
        "valid_to": utc(reading.valid_to),
        "published_at": utc(reading.published_at),
        "fetched_at": utc(reading.fetched_at),
        "simulated": reading.simulated,
    }


def _mixes(history: Iterable[Reading]) -> list[Json]:
    """Return the newest generation mix of each source in a history."""
    newest: dict[tuple[str, str], Json] = {}
    for reading in sorted(history, key=lambda reading: reading.valid_to):
        for member, unit in MIX_UNITS.items():
            fuels = reading.detail.get(member)
            if isinstance(fuels, Mapping) and fuels:
                newest[reading.provider, reading.provider_zone] = {
                    "provider": reading.provider,
                    "provider_zone": reading.provider_zone,
                    "valid_from": utc(reading.valid_from),
                    "valid_to": utc(reading.valid_to),
                    "unit": unit,
                    "fuels": {
                        fuel: round(amount, 1)
                        for fuel, amount in fuels.items()
                        if isinstance(amount, int | float)
                    },
                }
    return list(newest.values())


def _profile(profile: HourProfile) -> Json:
    return {
        "provider": profile.provider,
        **_counted(profile),
        "simulated": profile.simulated,
        "hours_utc": {
            f"{hour:02d}": {
                "gco2_kwh": tenths(mean.gco2_kwh),
                "computed_at": utc(mean.computed_at),
            }
            for hour, mean in sorted(profile.hours.items())
        },
    }


def _annual_mean(mean: AnnualMean, source: str) -> Json:
    return {
        **_counted(mean),
        **_bounded(mean),
        "year": mean.year,
        "source": source,
    }


def _hourly_spread(spread: HourlySpread) -> Json:
    return {
        "basis": spread.basis,
        "scope": spread.scope,
        "mean_gco2_kwh": spread.mean_gco2_kwh,
        "std_gco2_kwh": spread.std_gco2_kwh,
        "p05_gco2_kwh": spread.p05_gco2_kwh,
        "p95_gco2_kwh": spread.p95_gco2_kwh,
        "year": spread.year,
        "source": spread.source,
    }


def _forecast(forecast: Forecast, now: datetime) -> Json:
    """Return a forecast without the points that are already past."""
    return {
        "provider": forecast.provider,
        "provider_zone": forecast.provider_zone,
        **_counted(forecast),
        "issued_at": utc(forecast.issued_at),
        "simulated": forecast.simulated,
        "points": [
            {
                "valid_from": utc(point.valid_from),
                "valid_to": utc(point.valid_to),
                "gco2_kwh": tenths(point.gco2_kwh),
            }
            for point in forecast.points
            if point.valid_to > now
        ],
    }
