"""The freshness model ``drift``: what an old figure is expected to be by now."""

import math
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.aws.current_items import decode_current, encode_hour
from greenstream.aws.item_schema import SCHEMA
from greenstream.domain.drift import error_gco2_kwh, expected_gco2_kwh, persistence, profile_at
from greenstream.domain.ladder import Ladder, Rung, ZoneCarbon
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Reading, Scope
from tests.builders import AVERAGE_DIRECT, NOW, a_reading, a_zone

HALF_LIFE_S = 18 * 3600.0
DRIFT = Policy(freshness_model=FreshnessModel.DRIFT, drift_half_life_s=HALF_LIFE_S)
SLOPE = {hour: 100.0 + 10 * hour for hour in range(24)}
figures = st.floats(min_value=0, max_value=2000)


def a_profile(hours: dict[int, float], **changes: Any) -> HourProfile:
    spread = changes.pop("spread", 40.0)
    computed_at = changes.pop("computed_at", NOW - timedelta(hours=1))
    fields: dict[str, Any] = {
        "zone": "Z",
        "kind": AVERAGE_DIRECT,
        "scope": Scope.PRODUCTION,
        "provider": "p",
        "hours": {hour: HourMean(mean, computed_at, spread) for hour, mean in hours.items()},
    }
    return HourProfile(**fields | changes)


def carbon(reading: Reading | None, *profiles: HourProfile, policy: Policy = DRIFT) -> ZoneCarbon:
    readings = [] if reading is None else [reading]
    return Ladder(a_zone(), readings, profiles).at(NOW, policy)


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

    def test_the_error_grows_from_none_to_the_zones_own_spread(self) -> None:
        assert error_gco2_kwh(40, 1) == 0
        assert error_gco2_kwh(40, 0.6) == pytest.approx(32)
        assert error_gco2_kwh(40, 0) == 40


class TestProfileAt:
    def at(self, hour: int, minute: int = 0) -> float | None:
        return profile_at(SLOPE.get, NOW.replace(hour=hour, minute=minute))

    def test_the_middle_of_an_hour_is_its_mean(self) -> None:
        assert self.at(9, 30) == SLOPE[9]

    def test_between_two_middles_it_is_straight(self) -> None:
        assert self.at(10, 0) == pytest.approx(195)
        assert self.at(10, 15) == pytest.approx(197.5)

    def test_midnight_lies_between_the_last_hour_and_the_first(self) -> None:
        assert self.at(0) == pytest.approx((SLOPE[23] + SLOPE[0]) / 2)

    def test_it_does_not_jump_at_the_full_hour(self) -> None:
        before = profile_at(SLOPE.get, datetime(2026, 5, 1, 9, 59, 59, tzinfo=NOW.tzinfo))
        assert before == pytest.approx(self.at(10), abs=0.01)

    def test_beside_a_missing_hour_nothing_is_known(self) -> None:
        assert profile_at({9: 100.0}.get, NOW.replace(hour=9, minute=15)) is None


class TestOnTheLadder:
    def test_the_default_policy_keeps_the_seeds_penalty_whatever_the_profile(self) -> None:
        answer = carbon(a_reading(age_s=7200), a_profile(SLOPE), policy=Policy())

        assert (answer.penalty_gco2_kwh, answer.age_error_gco2_kwh) == (110, None)

    def test_a_late_reading_moves_with_the_profile(self) -> None:
        """Read 13:55 to 14:00, asked at 16:00: the profile rose by 20.4 g over 2 h 2.5 min."""
        answer = carbon(a_reading(age_s=7200, gco2_kwh=300.0), a_profile(SLOPE))
        then, now = 100 + 10 * (13 + 57.5 / 60 - 0.5), 100 + 10 * 15.5
        share = 0.5 ** (2 / 18)

        assert answer.gco2_kwh == 300
        assert answer.adj_carbon_gco2_kwh == pytest.approx(now + share * (300 - then))
        assert answer.age_error_gco2_kwh == pytest.approx(40 * math.sqrt(1 - share**2))

    def test_the_change_expected_may_be_a_fall(self) -> None:
        falling = {hour: 340 - mean / 2 for hour, mean in SLOPE.items()}
        answer = carbon(a_reading(age_s=7200), a_profile(falling))

        assert answer.penalty_gco2_kwh is not None
        assert answer.penalty_gco2_kwh < 0

    def test_a_reading_still_valid_is_itself_what_is_expected(self) -> None:
        answer = carbon(a_reading(valid_to=NOW + timedelta(minutes=3)), a_profile(SLOPE))

        assert (answer.penalty_gco2_kwh, answer.age_error_gco2_kwh) == (0, 0)

    @pytest.mark.parametrize(
        "profile",
        [
            a_profile(SLOPE, provider="another"),
            a_profile({NOW.hour: 200.0}),
            a_profile(SLOPE, computed_at=NOW - timedelta(days=7.1)),
        ],
        ids=["another provider's", "hours missing", "outlived"],
    )
    def test_without_a_profile_that_fits_the_price_per_minute_remains(
        self, profile: HourProfile
    ) -> None:
        assert carbon(a_reading(age_s=7200), profile).penalty_gco2_kwh == 110

    def test_a_shared_reading_of_another_zone_is_not_aged_by_this_zones_profile(self) -> None:
        """Great Britain's figure stands in for a region, whose hours tell nothing of the nation."""
        answer = carbon(a_reading(zone="GBR", age_s=7200), a_profile(SLOPE))

        assert (answer.penalty_gco2_kwh, answer.age_error_gco2_kwh) == (110, None)

    def test_below_the_readings_the_hours_mean_is_expected_and_costs_nothing(self) -> None:
        answer = carbon(None, a_profile(SLOPE))

        assert (answer.rung, answer.penalty_gco2_kwh) == (Rung.SAME_HOUR, 0)

    def test_the_annual_mean_still_pays_for_knowing_nothing_of_now(self) -> None:
        assert carbon(None).penalty_gco2_kwh == 350

    def test_a_profile_without_spreads_gives_a_value_without_an_error(self) -> None:
        answer = carbon(a_reading(age_s=7200), a_profile(SLOPE, spread=None))

        assert answer.age_error_gco2_kwh is None
        assert answer.penalty_gco2_kwh != 110


@pytest.mark.parametrize("spread", [None, 12.5])
def test_an_hours_spread_survives_the_table_where_it_is_known(spread: float | None) -> None:
    profile = a_profile({9: 250.0}, spread=spread)
    key = {"sk": {"S": "PROFILE#Z#p#average#direct"}}
    about = SCHEMA | {"scope": {"S": "production"}}
    row = encode_hour(profile.hours[9], profile)

    assert decode_current(key | about | {"h09": row}) == profile
