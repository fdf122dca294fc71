"""What stands for a zone's carbon now: the ladder from a live reading down to nothing known.

Every zone always has an answer, and the rung says which kind of answer it is, so that nobody
mistakes a fallback for a measurement.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from itertools import combinations
from typing import Final, NamedTuple

from greenstream.domain.disputes import Dispute, dispute_among
from greenstream.domain.drift import doubt_gco2_kwh, persistence, unprofiled_spread_gco2_kwh
from greenstream.domain.feed import Feed
from greenstream.domain.freshness import age_s, penalty_gco2_kwh
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Kind, Quality, Reading, Scope
from greenstream.domain.zones import Zone

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


LIVE_RUNGS: Final = frozenset({Rung.LIVE, Rung.LIVE_PARTIAL})
"""The rungs that rest on a provider's own reading within its source's usual age."""

OBSERVED: Final = frozenset({Rung.LIVE, Rung.LIVE_PARTIAL, Rung.STALE})
"""The rungs that rest on a provider's own reading for about now."""


class Freshness(StrEnum):
    """How good a set of figures is: whether any of them is live.

    ``live``: at least one figure is on a rung of `LIVE_RUNGS`. ``fallback``: none is, and at least
    one is known. ``none``: nothing is known.
    """

    LIVE = "live"
    FALLBACK = "fallback"
    NONE = "none"


class FreshnessCounts(NamedTuple):
    """How many figures are live, how many stand in for a live figure, how many are missing."""

    live: int
    fallback: int
    none: int

    @property
    def freshness(self) -> Freshness:
        """The verdict on the figures together."""
        if self.live:
            return Freshness.LIVE
        return Freshness.FALLBACK if self.fallback else Freshness.NONE


def counts_of(rungs: Iterable[Rung]) -> FreshnessCounts:
    """Return how many of these rungs are live, fallbacks and none."""
    live = fallback = none = 0
    for rung in rungs:
        if rung in LIVE_RUNGS:
            live += 1
        elif rung is Rung.NONE:
            none += 1
        else:
            fallback += 1
    return FreshnessCounts(live, fallback, none)


class ZoneCarbon(NamedTuple):  # hundreds a second: a frozen dataclass would take four times as long
    """A zone's figure now: value and bounds in g/kWh, its age, and what its age costs.

    ``gco2_kwh`` is what the source said (or the mean that stands in for it),
    ``expected_gco2_kwh`` the value expected by now, and ``penalty_gco2_kwh`` the price of age;
    ``penalty_capped`` says that the price would be higher without its cap. ``doubt_gco2_kwh`` is
    the standard error of the expected value, ``None`` under the freshness model ``penalty``.
    ``disputed`` names two live sources that contradict each other, of which this figure is that of
    the source that stands, or rests on it.
    ``age_s`` is ``None`` where no reading stands behind the value (the rungs below stale). All
    figures are ``None`` on the rung ``none``.
    """

    zone: str
    rung: Rung
    kind: Kind | None = None
    scope: Scope | None = None
    gco2_kwh: float | None = None
    gco2_low: float | None = None
    gco2_high: float | None = None
    expected_gco2_kwh: float | None = None
    age_s: float | None = None
    penalty_gco2_kwh: float | None = None
    penalty_capped: bool = False
    doubt_gco2_kwh: float | None = None
    provider: str | None = None
    provider_zone: str | None = None
    quality: Quality | None = None
    coverage: float | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    fetched_at: datetime | None = None
    simulated: bool = False
    note: str | None = None
    disputed: Dispute | None = None

    def __hash__(self) -> int:
        """Return a hash of the fields that distinguish figures in a cache."""
        return hash((self.zone, self.rung, self.provider, self.kind, self.age_s))

    @property
    def adj_carbon_gco2_kwh(self) -> float | None:
        """The expected value plus the price of age: what is ranked."""
        if self.expected_gco2_kwh is None or self.penalty_gco2_kwh is None:
            return None
        return self.expected_gco2_kwh + self.penalty_gco2_kwh


class _Price(NamedTuple):
    """What age does to a figure, g/kWh; the fields are those of `ZoneCarbon`."""

    penalty_gco2_kwh: float
    penalty_capped: bool


class _Preferred(NamedTuple):
    """The feeds of some kinds in order, and whether any two of them may contradict each other.

    They may where they would if both were measured now. Whether both are live, and how much their
    ages excuse, depends on the instant: a dispute is looked for at each instant, but only among
    such feeds.
    """

    feeds: tuple[Feed, ...]
    contradict: bool


class Ladder:
    """A zone's rungs, put in order once, so that each instant asks for nothing but ages.

    Parameters
    ----------
    zone
        The zone that is answered for.
    readings, profiles
        The newest reading of each of the zone's sources and kinds, and its hour profiles; those of
        unlisted sources or other kinds are ignored. A source may be shared: the national figure of
        Great Britain stands behind each of its regions. The profiles of such a wider zone only
        decide which of its sources stands where two contradict each other.
    """

    def __init__(
        self, zone: Zone, readings: Iterable[Reading], profiles: Iterable[HourProfile]
    ) -> None:
        self._zone = zone
        self._usual = {
            (profile.zone, profile.kind, profile.provider): profile for profile in profiles
        }
        providers = [source.provider for source in zone.sources]
        self._profiles = sorted(
            (
                profile
                for profile in self._usual.values()
                if profile.zone == zone.zone and profile.provider in providers
            ),
            key=lambda profile: providers.index(profile.provider),
        )
        self._sourced = tuple(
            (order, source, reading)
            for reading in readings
            for order, source in enumerate(zone.sources)
            if source.provider == reading.provider and source.provider_zone == reading.provider_zone
        )
        self._preferred: dict[tuple[Kind, ...], _Preferred] = {}
        self._has_independent_sources = any(
            first.data_of.isdisjoint(second.data_of)
            for first, second in combinations(zone.sources, 2)
        )

    def at(
        self, now: datetime, policy: Policy, kinds: tuple[Kind, ...] | None = None
    ) -> ZoneCarbon:
        """Return the zone's best figure of the kinds asked for, the most wanted kind first.

        ``kinds`` may answer; ``None`` for any, in the order of the zone's sources.
        """
        wanted = kinds if kinds is not None else self._zone.kinds
        preferred = self._preferred.get(wanted)
        if preferred is None:
            in_order = self._in_order(wanted)
            contradict = (
                self._has_independent_sources
                and self._dispute([(feed, 0.0) for feed in in_order], now, policy) is not None
            )
            preferred = self._preferred[wanted] = _Preferred(in_order, contradict)
        feeds = preferred.feeds
        if preferred.contradict and (dispute := self._dispute(self._live(feeds, now), now, policy)):
            loser = dispute.against
            trusted = tuple(
                feed
                for feed in feeds
                if feed.kind != loser.kind or feed.data_of.isdisjoint(loser.data_of)
            )
            figure = self._best(trusted, wanted, now, policy)
            return figure._replace(disputed=dispute) if figure.kind == loser.kind else figure
        return self._best(feeds, wanted, now, policy)

    @staticmethod
    def _live(feeds: Iterable[Feed], now: datetime) -> list[tuple[Feed, float]]:
        """Return the feeds that are live, with their ages in seconds."""
        aged = [(feed, age_s(feed.reading.valid_to, now)) for feed in feeds]
        return [(feed, age) for feed, age in aged if age <= feed.max_age_s]

    def _dispute(
        self, aged: Iterable[tuple[Feed, float]], now: datetime, policy: Policy
    ) -> Dispute | None:
        """Return the dispute among feeds of these ages (s)."""
        claims = [feed.claim_at(age, now, policy) for feed, age in aged]
        return dispute_among(claims, self._yearly_mean_gco2_kwh)

    def _yearly_mean_gco2_kwh(self, kind: Kind) -> float | None:
        published = (mean.gco2_kwh for mean in self._zone.annual_means if mean.kind == kind)
        return next(published, None)

    def _best(
        self, feeds: Iterable[Feed], wanted: tuple[Kind, ...], now: datetime, policy: Policy
    ) -> ZoneCarbon:
        """Return the best figure of these feeds, or what stands in for them."""
        partial = None
        stale: list[tuple[float, int, int, Feed]] = []
        for feed in feeds:
            age = age_s(feed.reading.valid_to, now)
            if age <= feed.max_age_s:
                if feed.whole:
                    return self._from_reading(Rung.LIVE, feed, age, now, policy)
                partial = partial or (feed, age)
            elif age <= policy.max_stale_s or (
                age <= policy.oldest_stale_s and feed.drifted_gco2_kwh(age, now, policy)[1]
            ):
                stale.append((age, feed.wish, feed.order, feed))
        if partial:
            return self._from_reading(Rung.LIVE_PARTIAL, *partial, now, policy)
        if stale:
            age, _, _, feed = min(stale, key=lambda entry: entry[:3])
            return self._from_reading(Rung.STALE, feed, age, now, policy)
        return self._from_the_past(wanted, now, policy)

    def _in_order(self, wanted: tuple[Kind, ...]) -> tuple[Feed, ...]:
        """Return the readings that may answer: by source, then by how much the kind is wanted."""
        feeds = []
        for order, source, reading in self._sourced:
            if reading.kind not in wanted:
                continue
            usual = self._usual.get((reading.zone, reading.kind, reading.provider))
            profile = usual if reading.zone == self._zone.zone else None
            feeds.append(
                Feed(
                    order=order,
                    wish=wanted.index(reading.kind),
                    max_age_s=source.max_age_s,
                    data_of=source.data_of,
                    whole=reading.coverage >= FULL_COVERAGE,
                    kind=reading.kind,
                    reading=reading,
                    profile=profile,
                    usual=usual,
                    spread_gco2_kwh=self._spread_gco2_kwh(profile, reading.kind, reading.gco2_kwh),
                )
            )
        return tuple(sorted(feeds, key=lambda feed: (feed.order, feed.wish)))

    def _spread_gco2_kwh(
        self, profile: HourProfile | None, kind: Kind, otherwise_gco2_kwh: float
    ) -> float:
        """Return how far the zone usually is from its profile, from what is known of it."""
        spread = None if profile is None else profile.spread_gco2_kwh()
        if spread is not None:
            return spread
        mean = self._yearly_mean_gco2_kwh(kind)
        return unprofiled_spread_gco2_kwh(otherwise_gco2_kwh if mean is None else mean)

    def _from_reading(
        self, rung: Rung, feed: Feed, age: float, now: datetime, policy: Policy
    ) -> ZoneCarbon:
        reading = feed.reading
        expected, doubt = reading.gco2_kwh, None
        if policy.freshness_model is not FreshnessModel.PENALTY:
            expected, _ = feed.drifted_gco2_kwh(age, now, policy)
            doubt = doubt_gco2_kwh(feed.spread_gco2_kwh, persistence(age, policy.drift_half_life_s))
        penalty, capped = _priced(age, doubt, policy)
        return ZoneCarbon(
            zone=self._zone.zone,
            rung=rung,
            kind=feed.kind,
            scope=reading.scope,
            gco2_kwh=reading.gco2_kwh,
            gco2_low=reading.gco2_low,
            gco2_high=reading.gco2_high,
            expected_gco2_kwh=expected,
            age_s=age,
            penalty_gco2_kwh=penalty,
            penalty_capped=capped,
            doubt_gco2_kwh=doubt,
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
        """Return the mean of this hour over the last week, else the yearly mean, else nothing."""
        zone = self._zone
        by_kind = {
            profile.kind: (profile, mean.gco2_kwh)
            for profile in reversed(self._profiles)  # the first source's profile stands
            if (mean := profile.hours.get(now.hour)) is not None and mean.stands_at(now)
        }
        oldest_s = max([policy.oldest_stale_s, *(source.max_age_s for source in zone.sources)])
        plain = policy.freshness_model is FreshnessModel.PENALTY
        for kind in wanted:
            if kind in by_kind:
                profile, value = by_kind[kind]
                doubt = None if plain else self._spread_gco2_kwh(profile, kind, value)
                penalty, capped = _priced(oldest_s, doubt, policy)
                return ZoneCarbon(
                    zone=zone.zone,
                    rung=Rung.SAME_HOUR,
                    kind=kind,
                    scope=profile.scope,
                    gco2_kwh=value,
                    gco2_low=value,
                    gco2_high=value,
                    expected_gco2_kwh=value,
                    penalty_gco2_kwh=penalty,
                    penalty_capped=capped,
                    doubt_gco2_kwh=doubt,
                    provider=profile.provider,
                    quality=Quality.ESTIMATED,
                    simulated=profile.simulated,
                    note=f"mean of {now.hour:02d}:00-{now.hour:02d}:59 UTC over the last 7 days",
                )
        for kind in wanted:
            for published in zone.annual_means:
                if published.kind == kind:
                    value = published.gco2_kwh
                    return ZoneCarbon(
                        zone=zone.zone,
                        rung=Rung.ANNUAL_MEAN,
                        kind=kind,
                        scope=published.scope,
                        gco2_kwh=value,
                        gco2_low=value,
                        gco2_high=value,
                        expected_gco2_kwh=value,
                        # A price on every yearly mean would only favour zones with a source.
                        penalty_gco2_kwh=_priced(oldest_s, None, policy)[0] if plain else 0.0,
                        doubt_gco2_kwh=None if plain else unprofiled_spread_gco2_kwh(value),
                        quality=Quality.ESTIMATED,
                        note=f"published mean of {published.year}: {published.source}",
                    )
        return ZoneCarbon(zone=zone.zone, rung=Rung.NONE, note="no figure of the kind asked for")


def _priced(age: float, doubt_gco2_kwh: float | None, policy: Policy) -> _Price:
    """Return the price of an age; ``doubt_gco2_kwh`` is ``None`` where nothing caps it."""
    if policy.freshness_model is FreshnessModel.DRIFT:
        return _Price(0.0, penalty_capped=False)
    price = penalty_gco2_kwh(
        age, grace_s=policy.penalty_grace_s, slope_gco2_kwh_min=policy.penalty_slope_gco2_kwh_min
    )
    if doubt_gco2_kwh is None:
        return _Price(price, penalty_capped=False)
    most = policy.penalty_cap_doubts * doubt_gco2_kwh
    return _Price(min(price, most), penalty_capped=most < price)
