"""Builds readings, zones and candidates for tests, with sensible defaults."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from greenstream.domain.decision import Candidate, LatencySource, Ranked
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.ladder import Rung, ZoneCarbon
from greenstream.domain.origin import NO_ORIGIN, Origin
from greenstream.domain.places import PopZone
from greenstream.domain.policy import RankingSignal
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.ranking import Standings
from greenstream.domain.reading import Basis, Kind, Quality, Reading, Scope, Signal
from greenstream.domain.zones import AnnualMean, Source, Zone
from greenstream.ports.provider import Batch

NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
AVERAGE_DIRECT = Kind(Signal.AVERAGE, Basis.DIRECT)
AVERAGE_LIFECYCLE = Kind(Signal.AVERAGE, Basis.LIFECYCLE)
MARGINAL_DIRECT = Kind(Signal.MARGINAL, Basis.DIRECT)


def a_reading(*, age_s: float = 0, kind: Kind = AVERAGE_DIRECT, **changes: Any) -> Reading:
    """Return a five-minute reading of zone Z from provider p, which ended ``age_s`` before NOW."""
    valid_to = changes.pop("valid_to", NOW - timedelta(seconds=age_s))
    value = changes.pop("gco2_kwh", 200.0)
    fields: dict[str, Any] = {
        "zone": "Z",
        "provider": "p",
        "provider_zone": "z",
        "signal": kind.signal,
        "basis": kind.basis,
        "scope": Scope.PRODUCTION,
        "factor_set": GREENSTREAM,
        "quality": Quality.MEASURED,
        "gco2_kwh": value,
        "gco2_low": value,
        "gco2_high": value,
        "valid_from": valid_to - timedelta(minutes=5),
        "valid_to": valid_to,
        "fetched_at": max(valid_to, NOW),
    }
    return Reading(**fields | changes)


def an_hour_profile(*, hours: Mapping[int, HourMean], **changes: Any) -> HourProfile:
    """Return a profile of direct averages; its zone is Z and its provider p by default."""
    fields: dict[str, Any] = {
        "zone": "Z",
        "provider": "p",
        "kind": AVERAGE_DIRECT,
        "scope": Scope.PRODUCTION,
        "factor_set": GREENSTREAM,
    }
    return HourProfile(hours=hours, **fields | changes)


def stored(batches: Iterable[Batch]) -> list[Batch]:
    """Return a provider's batches, each acknowledged as if all of it had been stored."""
    taken = []
    for batch in batches:
        batch.acknowledge()
        taken.append(batch)
    return taken


def a_source(provider: str = "p", *, max_age_s: int = 1800, **changes: Any) -> Source:
    """Return a source of average figures on both bases."""
    fields: dict[str, Any] = {
        "provider": provider,
        "provider_zone": "z",
        "signal": Signal.AVERAGE,
        "bases": (Basis.DIRECT, Basis.LIFECYCLE),
        "scope": Scope.PRODUCTION,
        "cadence_s": 300,
        "max_age_s": max_age_s,
        "data_of": frozenset({"the operator"}),
    }
    return Source(**fields | changes)


def a_zone(*sources: Source, zone: str = "Z", means: tuple[AnnualMean, ...] | None = None) -> Zone:
    """Return a zone with these sources (by default a single one) and a mean of 400 g/kWh."""
    if means is None:
        means = (
            AnnualMean(
                signal=Signal.AVERAGE,
                basis=Basis.DIRECT,
                scope=Scope.PRODUCTION,
                factor_set=GREENSTREAM,
                gco2_kwh=400.0,
                gco2_low=400.0,
                gco2_high=400.0,
                year=2023,
            ),
        )
    return Zone(
        zone=zone,
        name=zone,
        country="XX",
        time_zone="UTC",
        sources=sources or (a_source(),),
        annual_means=means,
    )


def a_figure(gco2_kwh: float | None, *, age_s: float = 0, **changes: Any) -> ZoneCarbon:
    """Return a zone's live figure with the default penalty; ``None`` makes an unknown figure."""
    if gco2_kwh is None:
        return ZoneCarbon(zone=changes.get("zone", "Z"), rung=Rung.NONE, origin=NO_ORIGIN)
    fields: dict[str, Any] = {
        "zone": "Z",
        "rung": Rung.LIVE,
        "origin": an_origin(
            gco2_kwh,
            kind=changes.pop("kind", AVERAGE_DIRECT),
            scope=changes.pop("scope", Scope.PRODUCTION),
            factor_set=changes.pop("factor_set", GREENSTREAM),
        ),
        "expected_gco2_kwh": gco2_kwh,
        "age_s": age_s,
        "penalty_gco2_kwh": max(0.0, age_s - 600) / 60,
    }
    return ZoneCarbon(**fields | changes)


@cache
def an_origin(
    gco2_kwh: float,
    kind: Kind = AVERAGE_DIRECT,
    scope: Scope = Scope.PRODUCTION,
    factor_set: str = GREENSTREAM,
) -> Origin:
    """Return what a figure rests on. Equal arguments make the same origin, so that figures on it
    are equal too.
    """
    return Origin(
        kind=kind,
        scope=scope,
        factor_set=factor_set,
        gco2_kwh=gco2_kwh,
        gco2_low=gco2_kwh,
        gco2_high=gco2_kwh,
    )


def a_candidate(
    pop: str, gco2_kwh: float | None, latency_ms: float | None = 10.0, **changes: Any
) -> Candidate:
    """Return a candidate POP with a live average figure."""
    return Candidate(
        pop=pop,
        latency_ms=latency_ms,
        latency_source=LatencySource.UNKNOWN if latency_ms is None else LatencySource.REQUEST,
        carbon=a_figure(gco2_kwh, **changes),
    )


def standings_of(ranked: Iterable[Ranked]) -> Standings:
    """Return the standings that ranked candidates came from."""
    candidates = [entry.candidate for entry in ranked]
    return Standings.of(
        [candidate.pop for candidate in candidates],
        [candidate.carbon for candidate in candidates],
        [
            PopZone(
                zone=candidate.carbon.zone,
                proxy=candidate.proxy,
                proxy_reason=candidate.proxy_reason,
            )
            for candidate in candidates
        ],
        RankingSignal.AUTO,
    )
