"""What stands for a zone's carbon now: the ladder from a live reading down to nothing known.

Every zone always has an answer, and the rung says which kind of answer it is, so that nobody
mistakes a fallback for a measurement.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from enum import StrEnum
from itertools import combinations
from typing import Final, NamedTuple

from greenstream.domain.course import Course
from greenstream.domain.disputes import Dispute, dispute_among
from greenstream.domain.drift import unprofiled_spread_gco2_kwh
from greenstream.domain.feed import Feed
from greenstream.domain.freshness import price_of_age_gco2_kwh
from greenstream.domain.moment import NO_AGE, Age, Moment
from greenstream.domain.origin import NO_ORIGIN, Origin
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourProfile, week_in_words
from greenstream.domain.reading import Kind, Reading
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


_LIVE: Final = Rung.LIVE
"""A name for what hundreds of figures ask for: Python 3.11 looks members up by a function."""

LIVE_RUNGS: Final = frozenset({Rung.LIVE, Rung.LIVE_PARTIAL})
"""The rungs that rest on a provider's own reading within its source's usual age."""

USUAL_RUNGS: Final = frozenset({Rung.SAME_HOUR, Rung.ANNUAL_MEAN})
"""The rungs whose figures are usual values and no measurement of about now."""

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


def counts_of(rungs: Counter[Rung]) -> FreshnessCounts:
    """Return how many figures are live, fallbacks and none, of the number on each rung."""
    live, none = sum([rungs[rung] for rung in LIVE_RUNGS]), rungs[Rung.NONE]
    return FreshnessCounts(live, rungs.total() - live - none, none)


class ZoneCarbon(NamedTuple):  # hundreds a second: a frozen dataclass would take four times as long
    """A zone's figure now: what it rests on, its age, and what its age costs it.

    ``origin`` has what the source said (or the mean that stands in for it),
    ``expected_gco2_kwh`` is the value expected by now, and ``penalty_gco2_kwh`` the price of age;
    ``penalty_capped`` says that the price would be higher without its cap. ``doubt_gco2_kwh`` is
    the standard error of the expected value, ``None`` under the freshness model ``penalty``.
    ``disputed`` names two live sources that contradict each other, of which this figure is that of
    the source that stands, or rests on it.
    ``age_s`` is ``None`` where no reading stands behind the value (the rungs below stale). All
    figures are ``None`` on the rung ``none``.
    """

    zone: str
    rung: Rung
    origin: Origin
    expected_gco2_kwh: float | None = None
    age_s: float | None = None
    penalty_gco2_kwh: float | None = None
    penalty_capped: bool = False
    doubt_gco2_kwh: float | None = None
    disputed: Dispute | None = None

    def __hash__(self) -> int:
        """Return a hash of the fields that distinguish figures in a cache."""
        return hash((self.zone, self.rung, self.origin, self.age_s))

    @property
    def adj_carbon_gco2_kwh(self) -> float | None:
        """The expected value plus the price of age: what is ranked."""
        if self.expected_gco2_kwh is None or self.penalty_gco2_kwh is None:
            return None
        return self.expected_gco2_kwh + self.penalty_gco2_kwh


class _Preferred(NamedTuple):
    """The kinds that may answer, their feeds in order, and whether two feeds may disagree.

    They may where they would if both were measured now. Whether both are live, and how much their
    ages excuse, depends on the instant: a dispute is looked for at each instant, but only among
    such feeds.
    """

    wanted: tuple[Kind, ...]
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
        self._profiles: defaultdict[Kind, list[HourProfile]] = defaultdict(list)
        for profile in self._usual.values():
            if profile.zone == zone.zone and profile.provider in providers:
                self._profiles[profile.kind].append(profile)
        for of_kind in self._profiles.values():
            of_kind.sort(key=lambda profile: providers.index(profile.provider))
        self._hours: dict[tuple[Kind, str, int, str], Origin] = {}
        self._annual_means = {
            mean.kind: (mean, Origin.of_annual_mean(mean))
            for mean in reversed(zone.annual_means)  # the first of a kind stands
        }
        self._sourced = tuple(
            (order, source, reading)
            for reading in readings
            for order, source in enumerate(zone.sources)
            if source.provider == reading.provider and source.provider_zone == reading.provider_zone
        )
        self._preferred: dict[tuple[Kind, ...] | None, _Preferred] = {}
        self._has_independent_sources = any(
            first.data_of.isdisjoint(second.data_of)
            for first, second in combinations(zone.sources, 2)
        )

    def at(self, moment: Moment, kinds: tuple[Kind, ...] | None = None) -> ZoneCarbon:
        """Return the zone's best figure of the kinds asked for, the most wanted kind first.

        ``kinds`` may answer; ``None`` for any, in the order of the zone's sources.
        """
        preferred = self._preferred.get(kinds) or self._of_kinds(kinds, moment)
        wanted, feeds, contradict = preferred
        if contradict and (dispute := self._dispute(_live(feeds, moment), moment)):
            loser = dispute.against
            trusted = tuple(
                feed
                for feed in feeds
                if feed.kind != loser.kind or feed.data_of.isdisjoint(loser.data_of)
            )
            figure = self._best(trusted, wanted, moment)
            disputed = figure.origin.kind == loser.kind
            return figure._replace(disputed=dispute) if disputed else figure
        return self._best(feeds, wanted, moment)

    def rung_of(self, reading: Reading, moment: Moment) -> Rung | None:
        """Return the rung on which one of the readings may stand; ``None`` where it is too old."""
        for feed in self._of_kinds(None, moment).feeds:
            if feed.reading is reading:
                age = moment.ages[feed.valid_to]
                if age.age_s <= feed.max_age_s:
                    return Rung.LIVE if feed.whole else Rung.LIVE_PARTIAL
                return Rung.STALE if _is_stale(feed, age, moment) else None
        return None

    def _of_kinds(self, kinds: tuple[Kind, ...] | None, moment: Moment) -> _Preferred:
        """Return what answers for some kinds, put in order once."""
        preferred = self._preferred.get(kinds)
        if preferred is None:
            preferred = self._preferred[kinds] = self._prefer(kinds, moment)
        return preferred

    def _prefer(self, kinds: tuple[Kind, ...] | None, moment: Moment) -> _Preferred:
        """Return what answers for some kinds, as long as the readings are the newest."""
        wanted = kinds if kinds is not None else self._zone.kinds
        feeds = self._in_order(wanted)
        contradict = (
            self._has_independent_sources
            and self._dispute([(feed, NO_AGE) for feed in feeds], moment) is not None
        )
        return _Preferred(wanted, feeds, contradict)

    def _dispute(self, aged: Iterable[tuple[Feed, Age]], moment: Moment) -> Dispute | None:
        """Return the dispute among feeds of these ages."""
        claims = [feed.claim_at(age, moment) for feed, age in aged]
        return dispute_among(claims, self._yearly_mean_gco2_kwh)

    def _yearly_mean_gco2_kwh(self, kind: Kind) -> float | None:
        known = self._annual_means.get(kind)
        return None if known is None else known[0].gco2_kwh

    def _best(self, feeds: Iterable[Feed], wanted: tuple[Kind, ...], moment: Moment) -> ZoneCarbon:
        """Return the best figure of these feeds, or what stands in for them."""
        partial = None
        stale: list[tuple[float, int, int, Feed, Age]] = []
        for feed in feeds:
            age = moment.ages[feed.valid_to]
            if age.age_s <= feed.max_age_s:
                if feed.whole:
                    return self._from_reading(_LIVE, feed, age, moment)
                partial = partial or (feed, age)
            elif _is_stale(feed, age, moment):
                stale.append((age.age_s, feed.wish, feed.order, feed, age))
        if partial:
            return self._from_reading(Rung.LIVE_PARTIAL, *partial, moment)
        if stale:
            *_, feed, age = min(stale, key=lambda entry: entry[:3])
            return self._from_reading(Rung.STALE, feed, age, moment)
        return self._from_the_past(wanted, moment)

    def _in_order(self, wanted: tuple[Kind, ...]) -> tuple[Feed, ...]:
        """Return the readings that may answer: by source, then by how much the kind is wanted."""
        feeds = []
        for order, source, reading in self._sourced:
            kind = reading.kind
            if kind not in wanted:
                continue
            usual = self._usual.get((reading.zone, kind, reading.provider))
            profile = usual if reading.zone == self._zone.zone else None
            course = None if profile is None else Course(profile)
            middle = reading.valid_from + (reading.valid_to - reading.valid_from) / 2
            feeds.append(
                Feed(
                    order=order,
                    wish=wanted.index(kind),
                    valid_to=reading.valid_to,
                    max_age_s=source.max_age_s,
                    data_of=source.data_of,
                    whole=reading.coverage >= FULL_COVERAGE,
                    kind=kind,
                    reading=reading,
                    origin=Origin.of_reading(reading),
                    course=course,
                    then=None if course is None else course.usual(middle),
                    usual=None if usual is None else course or Course(usual),
                    spread_gco2_kwh=self._spread_gco2_kwh(profile, kind, reading.gco2_kwh),
                    unprofiled_spread_gco2_kwh=self._spread_gco2_kwh(None, kind, reading.gco2_kwh),
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

    def _from_reading(self, rung: Rung, feed: Feed, age: Age, moment: Moment) -> ZoneCarbon:
        expected = doubt = None
        if moment.drifts:
            expected = feed.drifted_gco2_kwh(age, moment)
            # The spread about the profile is not that of a reading which the profile has not moved.
            unmoved = expected is None
            spread = feed.unprofiled_spread_gco2_kwh if unmoved else feed.spread_gco2_kwh
            doubt = spread * age.doubt_share
        if expected is None:
            expected = feed.reading.gco2_kwh
        penalty, capped = age.price_gco2_kwh, False
        if penalty:
            penalty, capped = _capped(penalty, doubt, moment.policy)
        return ZoneCarbon(
            self._zone.zone, rung, feed.origin, expected, age.age_s, penalty, capped, doubt
        )

    def _from_the_past(self, wanted: tuple[Kind, ...], moment: Moment) -> ZoneCarbon:
        """Return the mean of this hour over the last week, else the yearly mean, else nothing."""
        zone, policy, hour = self._zone, moment.policy, moment.now.hour
        for kind in wanted:
            for profile in self._profiles.get(kind, ()):  # the first source's profile stands
                mean = profile.hours.get(hour)
                if mean is None or moment.now > mean.stands_until:
                    continue
                value, doubt = mean.gco2_kwh, None
                if moment.drifts:
                    doubt = self._spread_gco2_kwh(profile, kind, value)
                penalty, capped = _capped(self._oldest_price_gco2_kwh(policy), doubt, policy)
                origin = self._origin_of_hour(profile, moment)
                return ZoneCarbon(
                    zone=zone.zone,
                    rung=Rung.SAME_HOUR,
                    origin=origin,
                    expected_gco2_kwh=value,
                    penalty_gco2_kwh=penalty,
                    penalty_capped=capped,
                    doubt_gco2_kwh=doubt,
                )
        for kind in wanted:
            if kind in self._annual_means:
                published, origin = self._annual_means[kind]
                value = published.gco2_kwh
                return ZoneCarbon(
                    zone=zone.zone,
                    rung=Rung.ANNUAL_MEAN,
                    origin=origin,
                    expected_gco2_kwh=value,
                    # A price on every yearly mean would only favour zones with a source.
                    penalty_gco2_kwh=0.0 if moment.drifts else self._oldest_price_gco2_kwh(policy),
                    doubt_gco2_kwh=unprofiled_spread_gco2_kwh(value) if moment.drifts else None,
                )
        return ZoneCarbon(zone=zone.zone, rung=Rung.NONE, origin=NO_ORIGIN)

    def _origin_of_hour(self, profile: HourProfile, moment: Moment) -> Origin:
        hour = moment.now.hour
        week = week_in_words(profile.hours[hour].computed_at, moment.now)
        key = (profile.kind, profile.provider, hour, week)
        if (origin := self._hours.get(key)) is None:
            origin = self._hours[key] = Origin.of_hour(profile, hour, week)
        return origin

    def _oldest_price_gco2_kwh(self, policy: Policy) -> float:
        """Return the price of the oldest age that a reading of the zone may have, g/kWh."""
        ages = [policy.oldest_stale_s, *(source.max_age_s for source in self._zone.sources)]
        return price_of_age_gco2_kwh(max(ages), policy)


def _live(feeds: Iterable[Feed], moment: Moment) -> list[tuple[Feed, Age]]:
    """Return the feeds that are live, with their ages."""
    aged = [(feed, moment.ages[feed.valid_to]) for feed in feeds]
    return [(feed, age) for feed, age in aged if age.age_s <= feed.max_age_s]


def _is_stale(feed: Feed, age: Age, moment: Moment) -> bool:
    """Return whether a feed that is no longer live may still stand for now."""
    policy, age_s = moment.policy, age.age_s
    return age_s <= policy.max_stale_s or (
        age_s <= policy.oldest_stale_s and feed.drifted_gco2_kwh(age, moment) is not None
    )


def _capped(
    price_gco2_kwh: float, doubt_gco2_kwh: float | None, policy: Policy
) -> tuple[float, bool]:
    """Return the price of an age under its cap, g/kWh, and whether the cap makes it lower.

    ``doubt_gco2_kwh`` is ``None`` where nothing caps the price.
    """
    if doubt_gco2_kwh is None:
        return price_gco2_kwh, False
    most = policy.penalty_cap_doubts * doubt_gco2_kwh
    return (most, True) if most < price_gco2_kwh else (price_gco2_kwh, False)
