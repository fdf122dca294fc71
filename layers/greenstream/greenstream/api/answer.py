"""What the router answers: decisions and figures as JSON objects.

Rounded to what the figures can bear: g/kWh to one decimal, milliseconds to one, seconds to
none. Times are UTC to the second. A missing figure is null, never zero.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from greenstream.api.view import View
from greenstream.domain.freshness import age_s
from greenstream.domain.ladder import FULL_COVERAGE, Rung, ZoneCarbon
from greenstream.domain.places import Pop
from greenstream.domain.policy import Policy, RankingSignal
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.routing import Candidate, Decision, Ranked
from greenstream.domain.zones import AnnualMean, Source, Zone
from greenstream.ports.store import ProviderStatus

Json = dict[str, Any]

JSON: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
"""How all answers are written."""

_AGELESS: Final = attrgetter(
    "kind",
    "scope",
    "quality",
    "provider",
    "provider_zone",
    "coverage",
    "valid_from",
    "valid_to",
    "simulated",
    "note",
)
"""Of a figure, what does not change from second to second."""


def utc(moment: datetime | None) -> str | None:
    """Return an aware UTC time as ``YYYY-MM-DDThh:mm:ssZ``."""
    return None if moment is None else moment.isoformat()[:19] + "Z"


def head(view: View, now: datetime, *, simulated: bool) -> Json:
    """Return what every answer begins with: its instant, and what to hold against it."""
    reason = view.degraded_reason
    return {
        "as_of": utc(now),
        "simulated": simulated,
        "degraded": reason is not None,
        "degraded_reason": reason,
    }


def route(
    decision: Decision,
    view: View,
    policy: Policy,
    ranking: RankingSignal,
    now: datetime,
    shares: Mapping[str, float] | None = None,
) -> Json:
    """Return the answer of ``/v1/route`` but for its last member, see `candidates`.

    ``shares`` where they were asked for.
    """
    chosen = decision.chosen.candidate
    carbons = [entry.candidate.carbon for entry in decision.candidates]
    return {
        **head(view, now, simulated=any(figure.simulated for figure in carbons)),
        "pop": chosen.pop,
        "zone": chosen.carbon.zone,
        "reason": decision.reason,
        "reason_text": decision.text,
        "comparable": decision.comparable,
        "ranking": {
            "asked": ranking,
            "kinds": sorted(map(str, {figure.kind for figure in carbons if figure.kind})),
        },
        "policy": policy.version,
        "baseline": _baseline(decision.baseline, decision.attributed_difference_gco2_kwh),
        "split": shares
        and [{"pop": pop, "weight": round(share, 6)} for pop, share in shares.items()],
    }


def _baseline(candidate: Candidate | None, difference: float | None) -> Json | None:
    if candidate is None:
        return None
    return {
        "pop": candidate.pop,
        "zone": candidate.carbon.zone,
        "gco2_kwh": tenths(candidate.carbon.gco2_kwh),
        "attributed_difference_gco2_kwh": tenths(difference),
    }


def candidates(decision: Decision) -> str:
    """Return the member ``candidates`` of ``/v1/route`` as JSON text.

    Text, since hundreds of objects that differ in three numbers take an encoder longer than the
    whole rest of an answer.

    Raises
    ------
    ValueError
        When a figure is infinite or no number.
    """
    scores = [entry.score for entry in decision.candidates if entry.score is not None]
    if not math.isfinite(sum(scores)):
        raise ValueError("a score that JSON cannot say")
    return f"[{','.join([_candidate(entry) for entry in decision.candidates])}]"


def _candidate(entry: Ranked) -> str:
    candidate, eligible, score = entry
    pop, latency_ms, latency_source, figure, samples, proxy, proxy_reason = candidate
    return (
        f"{_standing(pop, figure.zone, proxy_reason, proxy)}"
        f'"eligible":{"true" if eligible else "false"},'
        f'"score":{"null" if score is None else f"{score:.1f}"},'
        f'"latency_ms":{"null" if latency_ms is None else f"{latency_ms:.1f}"},'
        f'"latency_source":"{latency_source}",'
        f'"latency_samples":{"null" if samples is None else samples},'
        f"{_carbon_text(figure)}"
    )


@lru_cache(maxsize=2048)
def _standing(pop: str, zone: str, proxy_reason: str, proxy: bool) -> str:  # noqa: FBT001 - keywords cost
    """Return how a candidate begins: what the tables say of it, the same in every answer."""
    begun: Json = {
        "pop": pop,
        "zone": zone,
        "proxy_zone": proxy,
        "proxy_reason": proxy_reason or None,
    }
    return JSON.encode(begun)[:-1] + ","


@lru_cache(maxsize=2048)
def _carbon_text(figure: ZoneCarbon) -> str:
    """Return how a candidate ends: `carbon` as text, once for all answers of its second."""
    age_s = figure.age_s
    return (
        f'"gco2_kwh":{_tenths(figure.gco2_kwh)},'
        f'"gco2_low":{_tenths(figure.gco2_low)},'
        f'"gco2_high":{_tenths(figure.gco2_high)},'
        f'"adj_carbon_gco2_kwh":{_tenths(figure.adj_carbon_gco2_kwh)},'
        f'"penalty_gco2_kwh":{_tenths(figure.penalty_gco2_kwh)},'
        f'"age_s":{"null" if age_s is None else round(age_s)},'
        f'"rung":"{figure.rung}",{_origin_text(_AGELESS(figure))}'
    )


@lru_cache(maxsize=2048)
def carbon(figure: ZoneCarbon) -> Mapping[str, Any]:
    """Return a zone's figure; made once for all answers of its second."""
    return {
        "gco2_kwh": tenths(figure.gco2_kwh),
        "gco2_low": tenths(figure.gco2_low),
        "gco2_high": tenths(figure.gco2_high),
        "adj_carbon_gco2_kwh": tenths(figure.adj_carbon_gco2_kwh),
        "penalty_gco2_kwh": tenths(figure.penalty_gco2_kwh),
        "age_s": None if figure.age_s is None else round(figure.age_s),
        "rung": figure.rung,
        **_origin(_AGELESS(figure)),
    }


def _origin(ageless: tuple[Any, ...]) -> Json:
    kind, scope, quality, provider, provider_zone, *rest = ageless
    coverage, valid_from, valid_to, simulated, note = rest
    return {
        "signal": kind and kind.signal,
        "basis": kind and kind.basis,
        "scope": scope,
        "quality": quality,
        "provider": provider,
        "provider_zone": provider_zone,
        "coverage": None if coverage is None else round(coverage, 3),
        "valid_from": utc(valid_from),
        "valid_to": utc(valid_to),
        "simulated": simulated,
        "note": note,
    }


@lru_cache(maxsize=512)  # all newest readings there are, twice over: what is over goes out first
def _origin_text(ageless: tuple[Any, ...]) -> str:
    """Return `_origin` as the end of an object, written once while its reading is the newest."""
    return JSON.encode(_origin(ageless))[1:]


def zones(figures: Iterable[tuple[Zone, ZoneCarbon]], view: View, now: datetime) -> Json:
    """Return the answer of ``/v1/zones``."""
    listed = list(figures)
    return {
        **head(view, now, simulated=any(figure.simulated for _, figure in listed)),
        "zones": [
            {"zone": zone.zone, "name": zone.name, "country": zone.country, **carbon(figure)}
            for zone, figure in listed
        ],
    }


def zone(entry: Zone, figure: ZoneCarbon, view: View, policy: Policy, now: datetime) -> Json:
    """Return all that the snapshot knows of a zone, for ``/v1/zones/{zone}``."""
    statuses = {status.provider: status for status in view.snapshot.providers}
    readings = view.readings.get(entry.zone, ())
    simulated = figure.simulated or any(reading.simulated for reading in readings)
    return {
        **head(view, now, simulated=simulated),
        "zone": entry.zone,
        "name": entry.name,
        "country": entry.country,
        "time_zone": entry.time_zone,
        **carbon(figure),
        "sources": [
            _source(source, readings, statuses.get(source.provider), policy, now)
            for source in entry.sources
        ],
        "profile": [_profile(profile) for profile in view.profiles.get(entry.zone, ())],
        "annual_means": [_annual_mean(mean) for mean in entry.annual_means],
    }


def _source(
    source: Source,
    readings: Sequence[Reading],
    status: ProviderStatus | None,
    policy: Policy,
    now: datetime,
) -> Json:
    own = [
        reading
        for reading in readings
        if (reading.provider, reading.provider_zone) == (source.provider, source.provider_zone)
    ]
    newest = max((reading.valid_to for reading in own), default=None)
    return {
        "provider": source.provider,
        "provider_zone": source.provider_zone,
        "signal": source.signal,
        "bases": source.bases,
        "scope": source.scope,
        "cadence_s": source.cadence_s,
        "max_age_s": source.max_age_s,
        "provider_state": status.state if status else "never_run",
        "newest_valid_to": utc(newest),
        "age_s": None if newest is None else round(age_s(newest, now)),
        "readings": [
            {**_reading(reading), "state": _state(reading, source, policy, now)} for reading in own
        ],
    }


def _state(reading: Reading, source: Source, policy: Policy, now: datetime) -> str:
    age = age_s(reading.valid_to, now)
    if age <= source.max_age_s:
        return Rung.LIVE if reading.coverage >= FULL_COVERAGE else Rung.LIVE_PARTIAL
    return Rung.STALE if age <= policy.max_stale_s else "expired"


def _kind(kind: Kind) -> Json:
    return {"signal": kind.signal, "basis": kind.basis}


def _reading(reading: Reading) -> Json:
    return {
        "provider": reading.provider,
        "provider_zone": reading.provider_zone,
        **_kind(reading.kind),
        "scope": reading.scope,
        "quality": reading.quality,
        "gco2_kwh": tenths(reading.gco2_kwh),
        "gco2_low": tenths(reading.gco2_low),
        "gco2_high": tenths(reading.gco2_high),
        "coverage": round(reading.coverage, 3),
        "valid_from": utc(reading.valid_from),
        "valid_to": utc(reading.valid_to),
        "published_at": utc(reading.published_at),
        "fetched_at": utc(reading.fetched_at),
        "simulated": reading.simulated,
    }


def _profile(profile: HourProfile) -> Json:
    return {
        "provider": profile.provider,
        **_kind(profile.kind),
        "scope": profile.scope,
        "simulated": profile.simulated,
        "hours_utc": {
            f"{hour:02d}": {
                "gco2_kwh": tenths(mean.gco2_kwh),
                "computed_at": utc(mean.computed_at),
            }
            for hour, mean in sorted(profile.hours.items())
        },
    }


def _annual_mean(mean: AnnualMean) -> Json:
    return {
        **_kind(mean.kind),
        "scope": mean.scope,
        "gco2_kwh": tenths(mean.gco2_kwh),
        "year": mean.year,
        "source": mean.source,
    }


def history(readings: Iterable[Reading]) -> list[Json]:
    """Return past readings as they were kept."""
    return [_reading(reading) for reading in readings]


def forecasts(kept: Iterable[Forecast], now: datetime) -> list[Json]:
    """Return what of the forecasts still lies ahead."""
    return [
        {
            "provider": forecast.provider,
            "provider_zone": forecast.provider_zone,
            **_kind(forecast.kind),
            "scope": forecast.scope,
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
        for forecast in kept
    ]


def pops(listed: Iterable[Pop]) -> Json:
    """Return the answer of ``/v1/pops``."""
    return {
        "pops": [
            {
                "pop": pop.pop,
                "name": pop.name,
                "country": pop.country,
                "lat": pop.lat,
                "lon": pop.lon,
                "zones": [
                    {
                        "zone": entry.zone,
                        "proxy_zone": entry.proxy,
                        "proxy_reason": entry.proxy_reason or None,
                    }
                    for entry in pop.zones
                ],
                "source": pop.source,
            }
            for pop in listed
        ]
    }


def providers(zones_by_provider: Mapping[str, Sequence[str]], view: View, now: datetime) -> Json:
    """Return the answer of ``/v1/providers``: every provider of the zone table, run or not."""
    statuses = {status.provider: status for status in view.snapshot.providers}
    return {
        **head(view, now, simulated=any(status.simulated for status in statuses.values())),
        "providers": [
            {
                "provider": provider,
                **_status(statuses.get(provider), now),
                "zones": list(zones_by_provider[provider]),
            }
            for provider in zones_by_provider
        ],
    }


def _status(status: ProviderStatus | None, now: datetime) -> Json:
    if status is None:
        return {"state": "never_run"}
    newest = status.newest_valid_to
    return {
        "state": status.state,
        "last_run_at": utc(status.last_run_at),
        "last_success_at": utc(status.last_success_at),
        "last_error": None
        if status.last_error is None
        else {
            "kind": status.last_error_kind,
            "text": status.last_error,
            "at": utc(status.last_error_at),
        },
        "newest_valid_to": utc(newest),
        "age_s": None if newest is None else round(age_s(newest, now)),
        "stored": status.stored,
        "rejected": dict(status.rejected),
        "unconfigured_zones": list(status.unconfigured_zones),
        "simulated": status.simulated,
    }


def policy(view: View) -> Json:
    """Return the answer of ``/v1/policy``: the numbers in force, units in their names."""
    numbers = view.policy
    return {
        "stored": view.snapshot.policy is not None,
        **{name: getattr(numbers, name) for name in Policy.__dataclass_fields__},
    }


def _tenths(value: float | None) -> str:
    if value is None:
        return "null"
    if not math.isfinite(value):
        raise ValueError(f"JSON cannot say {value}")
    return f"{value:.1f}"


def tenths(value: float | None) -> float | None:
    """Return a figure as answers give it, to one decimal."""
    return None if value is None else round(value, 1)
