"""The expected value of an old figure, the doubt about it, and the penalty for its age."""

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.aws.profile_items import decode_mean, encode_hour
from greenstream.domain.course import Course
from greenstream.domain.drift import (
    between_hours,
    doubt_share,
    expected_gco2_kwh,
    persistence,
    unprofiled_spread_gco2_kwh,
)
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.freshness import penalty_gco2_kwh
from greenstream.domain.ladder import Ladder, Rung, ZoneCarbon
from greenstream.domain.moment import Moment
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.profile import HourMean, HourProfile, profile_of
from greenstream.domain.reading import Reading, Scope
from greenstream.domain.zones import Zone
from tests.builders import AVERAGE_DIRECT, NOW, a_reading, a_source, a_zone

HALF_LIFE_S = 18 * 3600.0
CAPPED = Policy(penalty_cap_doubts=1.0)
DRIFT = Policy(freshness_model=FreshnessModel.DRIFT)
PENALTY = Policy(freshness_model=FreshnessModel.PENALTY)
SLOPE = {hour: 100.0 + 10 * hour for hour in range(24)}
FLAT = dict.fromkeys(range(24), 200.0)
figures = st.floats(min_value=0, max_value=2000)


def a_profile(hours: dict[int, float], **changes: Any) -> HourProfile:
    spread, days = changes.pop("spread", 40.0), changes.pop("days", 7)
    computed_at = changes.pop("computed_at", NOW - timedelta(hours=1))
    fields: dict[str, Any] = {
        "zone": "Z",
        "kind": AVERAGE_DIRECT,
        "factor_set": GREENSTREAM,
        "scope": Scope.PRODUCTION,
        "provider": "p",
        "hours": {hour: HourMean(mean, computed_at, spread, days) for hour, mean in hours.items()},
    }
    return HourProfile(**fields | changes)


def carbon(
    reading: Reading | None,
    *profiles: HourProfile,
    policy: Policy = CAPPED,
    zone: Zone | None = None,
) -> ZoneCarbon:
    readings = [] if reading is None else [reading]
    return Ladder(zone or a_zone(), readings, profiles).at(Moment(NOW, policy))


class TestPersistence:
    def test_it_halves_with_every_half_life(self) -> None:
        assert [persistence(n * HALF_LIFE_S, HALF_LIFE_S) for n in range(3)] == [1, 0.5, 0.25]

    def test_the_expected_value_goes_from_the_reading_to_the_profile(self) -> None:
        assert expected_gco2_kwh(300, 200, 120, persistence=1) == 220
        assert expected_gco2_kwh(300, 200, 120, persistence=0.5) == 170
        assert expected_gco2_kwh(300, 200, 120, persistence=0) == 120

    @given(figures, figures, figures, st.floats(min_value=0, max_value=1))
    def test_it_is_never_below_zero(self, v: float, then: float, now: float, share: float) -> None:
        assert expected_gco2_kwh(v, then, now, share) >= 0

    def test_the_doubt_grows_from_none_to_the_zones_own_spread(self) -> None:
        assert doubt_share(1) == 0
        assert doubt_share(0.6) == pytest.approx(0.8)
        assert doubt_share(0) == 1


class TestCourse:
    def at(self, hour: int, minute: int = 0, second: int = 0) -> float:
        at = NOW.replace(hour=hour, minute=minute, second=second)
        usual = Course(a_profile(SLOPE)).usual(at)
        assert usual is not None
        return usual.gco2_kwh

    def test_the_middle_of_an_hour_is_its_mean(self) -> None:
        assert self.at(9, 30) == SLOPE[9]

    def test_between_two_middles_it_is_straight(self) -> None:
        assert self.at(10, 0) == pytest.approx(195)
        assert self.at(10, 15) == pytest.approx(197.5)

    def test_midnight_lies_between_the_last_hour_and_the_first(self) -> None:
        assert self.at(0) == pytest.approx((SLOPE[23] + SLOPE[0]) / 2)

    def test_it_does_not_jump_at_the_full_hour(self) -> None:
        assert self.at(9, 59, 59) == pytest.approx(self.at(10), abs=0.01)

    def test_beside_a_missing_hour_nothing_is_known(self) -> None:
        course = Course(a_profile({9: 100.0}))
        assert course.usual(NOW.replace(hour=9, minute=15)) is None

    def test_it_stands_for_what_is_usual_until_the_older_of_its_hours_is_a_week_old(self) -> None:
        older, newer = HourMean(100, NOW - timedelta(days=2)), HourMean(200, NOW)
        course = Course(replace(a_profile({}), hours={9: newer, 10: older}))
        ten = NOW.replace(hour=10, minute=0)
        last = NOW + timedelta(days=5)
        assert course.usual(ten) == (150, last)
        assert course.usual_gco2_kwh(between_hours(ten), last) == 150
        assert course.usual_gco2_kwh(between_hours(ten), last + timedelta(seconds=1)) is None


class TestSpread:
    def test_it_is_the_root_mean_square_of_the_hours_spreads(self) -> None:
        hours = {0: HourMean(100, NOW, 30.0, 7), 1: HourMean(100, NOW, 40.0, 7)}
        profile = replace(a_profile({}), hours=hours)
        assert profile.spread_gco2_kwh() == pytest.approx(math.sqrt((900 + 1600) / 2))

    def test_an_hour_of_fewer_than_four_days_does_not_count(self) -> None:
        hours = {0: HourMean(100, NOW, 30.0, 4), 1: HourMean(100, NOW, 400.0, 3)}
        assert replace(a_profile({}), hours=hours).spread_gco2_kwh() == 30

    def test_an_hour_that_had_run_out_when_the_newest_was_computed_does_not_count(self) -> None:
        last, past = (NOW - timedelta(days=7), NOW - timedelta(days=7, seconds=1))
        hours = {
            0: HourMean(100, NOW, 30.0, 4),
            1: HourMean(100, last, 40.0, 4),
            2: HourMean(100, past, 400.0, 4),
        }
        profile = replace(a_profile({}), hours=hours)
        assert profile.spread_gco2_kwh() == pytest.approx(math.sqrt((900 + 1600) / 2))

    def test_without_four_days_in_any_hour_there_is_none(self) -> None:
        assert a_profile(FLAT, days=3).spread_gco2_kwh() is None
        assert a_profile(FLAT, days=None).spread_gco2_kwh() is None

    def test_a_profile_counts_the_days_behind_each_hour(self) -> None:
        readings = [
            a_reading(gco2_kwh=100.0 + day, valid_to=NOW - timedelta(days=day, minutes=minute))
            for day in range(4)
            for minute in (5, 10)
        ]
        profile = profile_of(readings, NOW)

        assert profile is not None
        mean = profile.hours[15]
        assert (mean.gco2_kwh, mean.days) == (101.5, 4)
        assert mean.spread_gco2_kwh == pytest.approx(math.sqrt(1.25))
        assert profile_of([], NOW) is None


class TestExpectedValue:
    @pytest.mark.parametrize("policy", [CAPPED, DRIFT], ids=["capped", "drift"])
    def test_a_late_reading_moves_with_the_profile(self, policy: Policy) -> None:
        """From 13:57:30, the middle of the reading, to 16:00 the profile rises by 20.4 g/kWh."""
        answer = carbon(a_reading(age_s=7200, gco2_kwh=300.0), a_profile(SLOPE), policy=policy)
        then, now = 100 + 10 * (13 + 57.5 / 60 - 0.5), 100 + 10 * 15.5
        share = 0.5 ** (2 / 18)

        assert answer.origin.gco2_kwh == 300
        assert answer.expected_gco2_kwh == pytest.approx(now + share * (300 - then))
        assert answer.doubt_gco2_kwh == pytest.approx(40 * math.sqrt(1 - share**2))

    def test_a_reading_still_valid_is_itself_what_is_expected(self) -> None:
        answer = carbon(a_reading(valid_to=NOW + timedelta(minutes=3)), a_profile(SLOPE))

        assert answer.expected_gco2_kwh == answer.origin.gco2_kwh
        assert (answer.penalty_gco2_kwh, answer.doubt_gco2_kwh) == (0, 0)

    @pytest.mark.parametrize(
        "profile",
        [
            a_profile(SLOPE, provider="another"),
            a_profile({NOW.hour: 200.0}),
            a_profile(SLOPE, computed_at=NOW - timedelta(days=7.1)),
            a_profile(SLOPE, days=3),
        ],
        ids=["another provider's", "hours missing", "outlived", "of three days"],
    )
    def test_without_a_profile_that_fits_the_reading_itself_is_expected(
        self, profile: HourProfile
    ) -> None:
        assert carbon(a_reading(age_s=7200), profile).expected_gco2_kwh == 200

    def test_a_shared_reading_of_another_zone_is_not_moved_by_this_zones_profile(self) -> None:
        """Great Britain's figure replaces a region's, whose own profile does not apply to it."""
        answer = carbon(a_reading(zone="GBR", age_s=7200), a_profile(SLOPE))

        assert answer.expected_gco2_kwh == 200

    def test_the_plain_formula_expects_the_reading_whatever_the_profile(self) -> None:
        answer = carbon(a_reading(age_s=7200), a_profile(SLOPE), policy=PENALTY)

        assert (answer.expected_gco2_kwh, answer.penalty_gco2_kwh) == (200, 110)
        assert (answer.doubt_gco2_kwh, answer.penalty_capped) == (None, False)


class TestLimits:
    """A reading is used for 48 h if its profile is known, and otherwise for 6 h."""

    def test_a_reading_with_a_profile_is_used_for_48_hours(self) -> None:
        assert carbon(a_reading(age_s=48 * 3600), a_profile(FLAT)).rung is Rung.STALE
        assert carbon(a_reading(age_s=48 * 3600 + 1), a_profile(FLAT)).rung is Rung.SAME_HOUR

    def test_a_reading_without_a_profile_is_used_for_6_hours(self) -> None:
        assert carbon(a_reading(age_s=6 * 3600)).rung is Rung.STALE
        assert carbon(a_reading(age_s=6 * 3600 + 1)).rung is Rung.ANNUAL_MEAN

    def test_the_plain_formula_has_one_limit(self) -> None:
        late = a_reading(age_s=6 * 3600 + 1)
        assert carbon(late, a_profile(FLAT), policy=PENALTY).rung is Rung.SAME_HOUR


class TestPriceOfAge:
    """The penalty follows the owner's formula, but never exceeds the likely change of the grid."""

    def test_it_is_the_owners_formula_below_the_cap(self) -> None:
        answer = carbon(a_reading(age_s=660), a_profile(FLAT))
        assert (answer.penalty_gco2_kwh, answer.penalty_capped) == (1, False)

    def test_it_is_the_doubt_above_the_cap_and_says_so(self) -> None:
        answer = carbon(a_reading(age_s=7200), a_profile(FLAT))

        assert answer.penalty_gco2_kwh == answer.doubt_gco2_kwh
        assert answer.doubt_gco2_kwh == pytest.approx(40 * math.sqrt(1 - 0.5 ** (4 / 18)))
        assert answer.penalty_capped is True

    def test_without_a_profile_the_doubt_comes_from_the_yearly_mean(self) -> None:
        answer = carbon(a_reading(age_s=3 * 3600))  # The zone's published mean is 400 g/kWh.
        share = 0.5 ** (3 / 18)

        assert unprofiled_spread_gco2_kwh(400) == 110
        assert answer.penalty_gco2_kwh == pytest.approx(110 * math.sqrt(1 - share**2))

    def test_without_a_yearly_mean_the_doubt_comes_from_the_reading(self) -> None:
        answer = carbon(a_reading(age_s=3 * 3600), zone=a_zone(means=()))
        share = 0.5 ** (3 / 18)

        assert answer.doubt_gco2_kwh == pytest.approx(60 * math.sqrt(1 - share**2))

    def test_a_profile_of_too_few_days_counts_as_none(self) -> None:
        answer = carbon(a_reading(age_s=3 * 3600), a_profile(FLAT, days=3))
        assert answer.doubt_gco2_kwh == pytest.approx(110 * math.sqrt(1 - 0.5 ** (6 / 18)))

    @pytest.mark.parametrize(
        "profile",
        [
            a_profile({NOW.hour: 200.0}),
            a_profile(FLAT, computed_at=NOW - timedelta(days=7.1)),
        ],
        ids=["hours missing", "outlived"],
    )
    def test_a_reading_that_its_profile_does_not_move_has_the_doubt_of_one_without(
        self, profile: HourProfile
    ) -> None:
        """On a table's fourth day and after an outage the spread is known before the course is."""
        answer = carbon(a_reading(age_s=3 * 3600), profile)
        assert answer.doubt_gco2_kwh == pytest.approx(110 * math.sqrt(1 - 0.5 ** (6 / 18)))

    def test_the_mean_of_the_hour_pays_at_most_its_spread(self) -> None:
        answer = carbon(None, a_profile(FLAT))

        assert (answer.rung, answer.penalty_gco2_kwh) == (Rung.SAME_HOUR, 40)
        assert answer.penalty_capped is True

    def test_a_yearly_mean_pays_nothing_and_shows_its_doubt(self) -> None:
        answer = carbon(None)

        assert (answer.rung, answer.penalty_gco2_kwh) == (Rung.ANNUAL_MEAN, 0)
        assert answer.doubt_gco2_kwh == 110

    def test_drift_has_no_price(self) -> None:
        for reading, profiles in [
            (a_reading(age_s=7200), [a_profile(SLOPE)]),
            (a_reading(age_s=7200), []),
            (None, [a_profile(SLOPE)]),
            (None, []),
        ]:
            assert carbon(reading, *profiles, policy=DRIFT).penalty_gco2_kwh == 0

    def test_the_plain_formula_keeps_todays_price_below_stale(self) -> None:
        assert carbon(None, a_profile(FLAT), policy=PENALTY).penalty_gco2_kwh == 350
        assert carbon(None, policy=PENALTY).penalty_gco2_kwh == 350


ages = st.floats(min_value=0, max_value=60 * 3600)
caps = st.sampled_from([0.0, 0.5, 1.0, 2.0])
profiles = st.one_of(
    st.just(()),
    st.builds(
        lambda spread, days, slope: (
            a_profile({h: 150.0 + slope * h for h in range(24)}, spread=spread, days=days),
        ),
        st.floats(0, 300),
        st.integers(1, 7),
        st.floats(-5, 20),
    ),
)


class TestLaws:
    @given(ages, caps, profiles, figures)
    def test_the_price_never_exceeds_its_cap_and_is_the_owners_below(
        self, age: float, cap: float, known: tuple[HourProfile, ...], gco2_kwh: float
    ) -> None:
        policy = Policy(penalty_cap_doubts=cap)
        answer = carbon(a_reading(age_s=age, gco2_kwh=gco2_kwh), *known, policy=policy)
        assert answer.penalty_gco2_kwh is not None
        if answer.age_s is None:
            return
        owners = penalty_gco2_kwh(answer.age_s, grace_s=600, slope_gco2_kwh_min=1)

        assert answer.doubt_gco2_kwh is not None
        assert answer.penalty_gco2_kwh <= cap * answer.doubt_gco2_kwh
        assert answer.penalty_capped == (answer.penalty_gco2_kwh < owners)
        if not answer.penalty_capped:
            assert answer.penalty_gco2_kwh == owners
        if answer.age_s <= 600:
            assert answer.penalty_gco2_kwh == 0

    @given(ages, ages, caps, profiles, st.sampled_from(FreshnessModel))
    def test_for_one_snapshot_it_never_falls_while_a_reading_ages_within_a_rung(
        self,
        one_age: float,
        other_age: float,
        cap: float,
        known: tuple[HourProfile, ...],
        model: FreshnessModel,
    ) -> None:
        policy = Policy(penalty_cap_doubts=cap, freshness_model=model)
        ladder = Ladder(a_zone(a_source()), [a_reading()], known)
        younger, older = (
            ladder.at(Moment(NOW + timedelta(seconds=age), policy))
            for age in sorted((one_age, other_age))
        )
        assert younger.penalty_gco2_kwh is not None
        assert older.penalty_gco2_kwh is not None
        if younger.rung is older.rung:
            assert younger.penalty_gco2_kwh <= older.penalty_gco2_kwh


@pytest.mark.parametrize(("spread", "days"), [(None, None), (12.5, None), (12.5, 5)])
def test_an_hours_spread_and_days_survive_the_table_where_they_are_known(
    spread: float | None, days: int | None
) -> None:
    profile = a_profile({9: 250.0}, spread=spread, days=days)

    assert decode_mean(encode_hour(profile, 9)) == profile.hours[9]
