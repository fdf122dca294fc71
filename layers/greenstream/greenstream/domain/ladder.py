"""What stands for a zone's carbon now: the ladder from a live reading down to nothing known.

Every zone always has an answer, and the rung says which, so that nobody mistakes a fallback
for a measurement.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NamedTuple

from greenstream.domain.drift import (
    between_hours,
    error_gco2_kwh,
    expected_gco2_kwh,
    persistence,
    profile_at,
)
from greenstream.domain.freshness import age_s, penalty_gco2_kwh
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Kind, Quality, Reading, Scope
from greenstream.domain.zones import Source, Zone

FULL_COVERAGE: Final = 0.7
"""Share of known generation from which a computed value counts as wholly live."""


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


class ZoneCarbon(NamedTuple):  # hundreds a second: a frozen dataclass would take four times as long
    """A zone's figure now: value and bounds in g/kWh, its age, and what its age costs.

    ``age_s`` is ``None`` where no reading stands behind the value (the rungs below stale);
    these carry the penalty of the oldest age a reading may have, so that the penalty never
    falls as data grow older. Under the freshness model ``drift`` the penalty is the change
    expected since the reading, of either sign, and ``age_error_gco2_kwh`` the standard error of
    the value expected. All figures are ``None`` on the rung ``none``.
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
    age_error_gco2_kwh: float | None = None
    provider: str | None = None
    provider_zone: str | None = None
    quality: Quality | None = None
    coverage: float | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    fetched_at: datetime | None = None
    simulated: bool = False
    note: str | None = None

    def __hash__(self) -> int:
        """Return a hash of what tells figures apart: what is derived from one is kept by it."""
        return hash((self.zone, self.rung, self.provider, self.kind, self.age_s))

    @property
    def adj_carbon_gco2_kwh(self) -> float | None:
        """The value plus its freshness penalty: what is ranked."""
        if self.gco2_kwh is None or self.penalty_gco2_kwh is None:
            return None
        return self.gco2_kwh + self.penalty_gco2_kwh


@dataclass(frozen=True, slots=True, kw_only=True)
class _Feed:
    """A reading that may answer; ``order`` of its source and ``wish`` for its kind, best first."""

    order: int
    wish: int
    max_age_s: float
    whole: bool
    kind: Kind
    reading: Reading


class Ladder:
    """A zone's rungs, put in order once, so that each instant asks for nothing but ages.

    Parameters
    ----------
    zone
        The zone that is answered for.
    readings, profiles
        The newest reading of each of the zone's sources and kinds, and its hour profiles;
        those of unlisted sources or other kinds are passed over. A source may be shared: the
        national figure of Great Britain stands behind each of its regions.
    """

    def __init__(
        self, zone: Zone, readings: Iterable[Reading], profiles: Iterable[HourProfile]
    ) -> None:
        self._zone = zone
        providers = [source.provider for source in zone.sources]
        self._profiles = sorted(
            (each for each in profiles if each.zone == zone.zone and each.provider in providers),
            key=lambda profile: providers.index(profile.provider),
        )
        self._fed = tuple(
            (order, source, reading)
            for reading in readings
            for order, source in enumerate(zone.sources)
            if source.provider == reading.provider and source.provider_zone == reading.provider_zone
        )
        self._preferred: dict[tuple[Kind, ...], tuple[_Feed, ...]] = {}

    def at(
        self, now: datetime, policy: Policy, kinds: tuple[Kind, ...] | None = None
    ) -> ZoneCarbon:
        """Return the zone's best figure of the kinds asked for, the most wanted kind first.

        ``kinds`` may answer; ``None`` for any, in the order of the zone's sources.
        """
        wanted = kinds if kinds is not None else self._zone.kinds
        feeds = self._preferred.get(wanted)
        if feeds is None:
            feeds = self._preferred[wanted] = self._in_order(wanted)
        partial = None
        stale: list[tuple[float, int, int, _Feed]] = []
        for feed in feeds:
            age = age_s(feed.reading.valid_to, now)
            if age <= feed.max_age_s:
                if feed.whole:
                    return self._from_reading(Rung.LIVE, feed, age, now, policy)
                partial = partial or (feed, age)
            elif age <= policy.max_stale_s:
                stale.append((age, feed.wish, feed.order, feed))
        if partial:
            return self._from_reading(Rung.LIVE_PARTIAL, *partial, now, policy)
        if stale:
            age, _, _, feed = min(stale, key=lambda entry: entry[:3])
            return self._from_reading(Rung.STALE, feed, age, now, policy)
        return self._from_the_past(wanted, now, policy)

    def _in_order(self, wanted: tuple[Kind, ...]) -> tuple[_Feed, ...]:
        """Return what may answer: by source, then by how much its kind is wanted."""
        feeds = (
            _Feed(
                order=order,
                wish=wanted.index(kind),
                max_age_s=source.max_age_s,
                whole=reading.coverage >= FULL_COVERAGE,
                kind=kind,
                reading=reading,
            )
            for order, source, reading in self._fed
            if (kind := reading.kind) in wanted
        )
        return tuple(sorted(feeds, key=lambda feed: (feed.order, feed.wish)))

    def _from_reading(
        self, rung: Rung, feed: _Feed, age: float, now: datetime, policy: Policy
    ) -> ZoneCarbon:
        reading = feed.reading
        drift = _drift(reading, age, self._profiles, now=now, policy=policy)
        penalty, error = (_penalty(age, policy), None) if drift is None else drift
        return ZoneCarbon(
            zone=self._zone.zone,
            rung=rung,
            kind=feed.kind,
            scope=reading.scope,
            gco2_kwh=reading.gco2_kwh,
            gco2_low=reading.gco2_low,
            gco2_high=reading.gco2_high,
            age_s=age,
            penalty_gco2_kwh=penalty,
            age_error_gco2_kwh=error,
            provider=reading.provider,
            provider_zone=reading.provider_zone,
            quality=reading.quality,
            coverage=reading.coverage,
            valid_from=reading.valid_from,
            valid_to=reading.valid_to,
            fetched_at=reading.fetched_at,
            simulated=reading.simulated,
        )

    def _from_the_past(self, wanted: tuple[Kind, ...], now: datetime, policy: Policy) -> ZoneCarbon:
        zone = self._zone
        penalty = _penalty(_oldest_age_s(zone.sources, policy), policy)
        # Drift ends in the profile: when nothing outlives a reading's age, it is what is expected.
        drifts = policy.freshness_model is FreshnessModel.DRIFT
        by_kind = {
            profile.kind: (profile, mean.gco2_kwh)
            for profile in reversed(self._profiles)  # the first source's stands
            if (mean := profile.hours.get(now.hour)) is not None and mean.stands_at(now)
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
                    penalty_gco2_kwh=0.0 if drifts else penalty,
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


def _drift(
    reading: Reading,
    age: float,
    profiles: Iterable[HourProfile],
    *,
    now: datetime,
    policy: Policy,
) -> tuple[float, float | None] | None:
    """Return the change expected by now and its error, g/kWh; ``None`` for the model ``penalty``.

    ``None`` too where the reading's own zone and source have no profile, or one that lacks an hour
    that matters: a shared source's reading is of another zone than it stands for. A reading that
    is still valid is itself what is expected.
    """
    if policy.freshness_model is not FreshnessModel.DRIFT:
        return None
    if age == 0:
        return 0.0, 0.0
    own = (reading.zone, reading.kind, reading.provider)
    of_source = (
        profile for profile in profiles if (profile.zone, profile.kind, profile.provider) == own
    )
    profile = next(of_source, None)
    if profile is None:
        return None
    hours = profile.hours

    def mean_of(hour: int) -> float | None:
        mean = hours.get(hour)
        return mean.gco2_kwh if mean is not None and mean.stands_at(now) else None

    middle = reading.valid_from + (reading.valid_to - reading.valid_from) / 2
    then_gco2_kwh, now_gco2_kwh = profile_at(mean_of, middle), profile_at(mean_of, now)
    if then_gco2_kwh is None or now_gco2_kwh is None:
        return None
    share = persistence(age, policy.drift_half_life_s)
    value = expected_gco2_kwh(reading.gco2_kwh, then_gco2_kwh, now_gco2_kwh, share)
    spread = hours[between_hours(now)[0]].spread_gco2_kwh
    error = None if spread is None else error_gco2_kwh(spread, share)
    return value - reading.gco2_kwh, error


def _oldest_age_s(sources: tuple[Source, ...], policy: Policy) -> float:
    return max([policy.max_stale_s, *(source.max_age_s for source in sources)])


def _penalty(age: float, policy: Policy) -> float:
    return penalty_gco2_kwh(
        age, grace_s=policy.penalty_grace_s, slope_gco2_kwh_min=policy.penalty_slope_gco2_kwh_min
    )
