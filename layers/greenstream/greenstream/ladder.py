"""What stands for a zone's carbon now: the ladder from a live reading down to nothing known.

Every zone always has an answer, and the rung says which, so that nobody mistakes a fallback
for a measurement.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from greenstream.freshness import age_s, penalty_gco2_kwh
from greenstream.policy import Policy
from greenstream.reading import Kind, Quality, Reading, Scope
from greenstream.zones import Source, Zone

FULL_COVERAGE: Final = 0.7
"""Share of known generation from which a computed value counts as wholly live (DESIGN §4)."""


PROFILE_LIFE: Final = timedelta(days=7)
"""How long the mean of an hour of day may stand for that hour."""


class Rung(StrEnum):
    """How good a zone's figure is, best first."""

    LIVE = "live"
    LIVE_PARTIAL = "live_partial"
    STALE = "stale"
    SAME_HOUR = "same_hour_7d"
    ANNUAL_MEAN = "annual_mean"
    NONE = "none"


OBSERVED: Final = frozenset({Rung.LIVE, Rung.LIVE_PARTIAL, Rung.STALE})
"""The rungs that rest on a provider's own reading for about now."""


@dataclass(frozen=True, slots=True)
class HourMean:
    """Mean of one UTC hour of day over the week before ``computed_at``, g/kWh."""

    gco2_kwh: float
    computed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HourProfile:
    """A zone's week by UTC hour of day; hours may be missing."""

    zone: str
    kind: Kind
    scope: Scope
    provider: str
    hours: Mapping[int, HourMean]
    simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneCarbon:
    """A zone's figure now: value and bounds in g/kWh, its age, and what its age costs.

    ``age_s`` is ``None`` where no reading stands behind the value (the rungs below stale);
    these carry the penalty of the oldest age a reading may have, so that the penalty never
    falls as data grow older. All figures are ``None`` on the rung ``none``.
    """

    zone: str
    rung: Rung
    kind: Kind | None = None
    scope: Scope | None = None
    gco2_kwh: float | None = None
    gco2_low: float | None = None
    gco2_high: float | None = None
    age_s: float | None = None
    penalty_gco2_kwh: float | None = None
    provider: str | None = None
    provider_zone: str | None = None
    quality: Quality | None = None
    coverage: float | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    fetched_at: datetime | None = None
    simulated: bool = False
    note: str | None = None

    @property
    def adj_carbon_gco2_kwh(self) -> float | None:
        """The value plus its freshness penalty: what is ranked."""
        if self.gco2_kwh is None or self.penalty_gco2_kwh is None:
            return None
        return self.gco2_kwh + self.penalty_gco2_kwh


def zone_carbon(
    zone: Zone,
    readings: Iterable[Reading],
    profiles: Iterable[HourProfile],
    *,
    now: datetime,
    policy: Policy,
    kinds: tuple[Kind, ...] | None = None,
) -> ZoneCarbon:
    """Return the zone's best figure of the kinds asked for, the most wanted kind first.

    Parameters
    ----------
    readings, profiles
        The newest reading of each of the zone's sources and kinds, and its hour profiles;
        those of unlisted sources or other kinds are passed over. A source may be shared: the
        national figure of Great Britain stands behind each of its regions.
    kinds
        Kinds that may answer; ``None`` for any, in the order of the zone's sources.
    """
    wanted = kinds if kinds is not None else _kinds_of(zone)
    observed = [
        (age_s(reading.valid_to, now), wanted.index(kind), order, source, reading)
        for reading in readings
        if (kind := reading.kind) in wanted
        for order, source in enumerate(zone.sources)
        if (source.provider, source.provider_zone) == (reading.provider, reading.provider_zone)
    ]
    live = [entry for entry in observed if entry[0] <= entry[3].max_age_s]
    for rung, entries in (
        (Rung.LIVE, [entry for entry in live if entry[4].coverage >= FULL_COVERAGE]),
        (Rung.LIVE_PARTIAL, live),
    ):
        if entries:
            chosen = min(entries, key=lambda entry: (entry[2], entry[1]))
            return _from_reading(zone, rung, chosen[4], chosen[0], policy)
    stale = [entry for entry in observed if entry[0] <= policy.max_stale_s]
    if stale:
        chosen = min(stale, key=lambda entry: entry[:3])
        return _from_reading(zone, Rung.STALE, chosen[4], chosen[0], policy)
    return _from_the_past(zone, profiles, now=now, policy=policy, wanted=wanted)


def _from_reading(
    zone: Zone, rung: Rung, reading: Reading, age: float, policy: Policy
) -> ZoneCarbon:
    return ZoneCarbon(
        zone=zone.zone,
        rung=rung,
        kind=reading.kind,
        scope=reading.scope,
        gco2_kwh=reading.gco2_kwh,
        gco2_low=reading.gco2_low,
        gco2_high=reading.gco2_high,
        age_s=age,
        penalty_gco2_kwh=_penalty(age, policy),
        provider=reading.provider,
        provider_zone=reading.provider_zone,
        quality=reading.quality,
        coverage=reading.coverage,
        valid_from=reading.valid_from,
        valid_to=reading.valid_to,
        fetched_at=reading.fetched_at,
        simulated=reading.simulated,
    )


def _from_the_past(
    zone: Zone,
    profiles: Iterable[HourProfile],
    *,
    now: datetime,
    policy: Policy,
    wanted: tuple[Kind, ...],
) -> ZoneCarbon:
    penalty = _penalty(_oldest_age_s(zone.sources, policy), policy)
    by_kind = {
        profile.kind: (profile, mean.gco2_kwh)
        for profile in profiles
        if profile.zone == zone.zone
        and (mean := profile.hours.get(now.hour)) is not None
        and now - mean.computed_at <= PROFILE_LIFE
    }
    for kind in wanted:
        if kind in by_kind:
            profile, value = by_kind[kind]
            return ZoneCarbon(
                zone=zone.zone,
                rung=Rung.SAME_HOUR,
                kind=kind,
                scope=profile.scope,
                gco2_kwh=value,
                gco2_low=value,
                gco2_high=value,
                penalty_gco2_kwh=penalty,
                provider=profile.provider,
                quality=Quality.ESTIMATED,
                simulated=profile.simulated,
                note=f"mean of {now.hour:02d}:00-{now.hour:02d}:59 UTC over the last 7 days",
            )
    for kind in wanted:
        for published in zone.annual_means:
            if published.kind == kind:
                return ZoneCarbon(
                    zone=zone.zone,
                    rung=Rung.ANNUAL_MEAN,
                    kind=kind,
                    scope=published.scope,
                    gco2_kwh=published.gco2_kwh,
                    gco2_low=published.gco2_kwh,
                    gco2_high=published.gco2_kwh,
                    penalty_gco2_kwh=penalty,
                    quality=Quality.ESTIMATED,
                    note=f"published mean of {published.year}: {published.source}",
                )
    return ZoneCarbon(zone=zone.zone, rung=Rung.NONE, note="no figure of the kind asked for")


def _oldest_age_s(sources: tuple[Source, ...], policy: Policy) -> float:
    return max([policy.max_stale_s, *(source.max_age_s for source in sources)])


def _penalty(age: float, policy: Policy) -> float:
    return penalty_gco2_kwh(
        age, grace_s=policy.penalty_grace_s, slope_gco2_kwh_min=policy.penalty_slope_gco2_kwh_min
    )


def _kinds_of(zone: Zone) -> tuple[Kind, ...]:
    kinds = [kind for source in zone.sources for kind in source.kinds]
    kinds += [mean.kind for mean in zone.annual_means]
    return tuple(dict.fromkeys(kinds))
