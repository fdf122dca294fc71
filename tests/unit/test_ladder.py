"""The penalty for age, and the ladder from a live reading down to nothing known."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.freshness import age_s, penalty_gco2_kwh
from greenstream.domain.ladder import FULL_COVERAGE, Ladder, Rung, ZoneCarbon
from greenstream.domain.moment import Moment
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Zone
from tests.builders import (
    AVERAGE_LIFECYCLE,
    MARGINAL_DIRECT,
    NOW,
    a_reading,
    a_source,
    a_zone,
    an_hour_profile,
)

PLAIN = Policy(freshness_model=FreshnessModel.PENALTY)
ages = st.floats(min_value=0, max_value=10 * 86_400)


def carbon(zone: Zone, *readings: Reading, **changes: Any) -> ZoneCarbon:
    profiles = changes.pop("profiles", ())
    policy = changes.pop("policy", Policy())
    return Ladder(zone, readings, profiles).at(Moment(NOW, policy), **changes)


def a_profile(*, gco2_kwh: float = 300.0, computed_days_ago: float = 1) -> HourProfile:
    return an_hour_profile(
        hours={NOW.hour: HourMean(gco2_kwh, NOW - timedelta(days=computed_days_ago))},
    )


class TestPenalty:
    def test_the_seeds_formula(self) -> None:
        for fresh_sec, penalty in [(0, 0), (600, 0), (660, 1), (7200, 110), (86_400, 1430)]:
            assert penalty_gco2_kwh(fresh_sec, grace_s=600, slope_gco2_kwh_min=1) == penalty

    def test_a_value_inside_its_interval_has_no_age(self) -> None:
        assert age_s(NOW + timedelta(minutes=3), NOW) == 0
        assert age_s(NOW - timedelta(minutes=3), NOW) == 180

    @given(ages, ages)
    def test_it_never_falls_with_age(self, one: float, other: float) -> None:
        younger, older = sorted((one, other))
        assert penalty_gco2_kwh(younger, grace_s=600, slope_gco2_kwh_min=1) <= penalty_gco2_kwh(
            older, grace_s=600, slope_gco2_kwh_min=1
        )


class TestRungs:
    def test_live_within_the_sources_own_limit_and_says_its_age(self) -> None:
        answer = carbon(a_zone(), a_reading(age_s=1800))

        assert (answer.rung, answer.age_s) == (Rung.LIVE, 1800)
        half_the_doubt = 55 * (1 - 0.5 ** (1 / 18)) ** 0.5
        assert answer.penalty_gco2_kwh == pytest.approx(half_the_doubt)
        assert answer.adj_carbon_gco2_kwh == pytest.approx(200 + half_the_doubt)

    def test_the_first_live_source_wins_over_a_fresher_second(self) -> None:
        zone = a_zone(a_source("first"), a_source("second"))
        answer = carbon(zone, a_reading(provider="second"), a_reading(provider="first", age_s=900))

        assert answer.origin.provider == "first"

    def test_a_wholly_known_second_source_wins_over_a_partly_known_first(self) -> None:
        zone = a_zone(a_source("first"), a_source("second"))
        answer = carbon(
            zone, a_reading(provider="first", coverage=0.5), a_reading(provider="second")
        )

        assert (answer.origin.provider, answer.rung) == ("second", Rung.LIVE)

    def test_of_two_partly_known_live_sources_the_first_answers(self) -> None:
        zone = a_zone(a_source("first"), a_source("second"))
        answer = carbon(
            zone,
            a_reading(provider="first", coverage=0.5, age_s=900),
            a_reading(provider="second", coverage=0.6),
        )

        assert (answer.origin.provider, answer.rung) == ("first", Rung.LIVE_PARTIAL)

    @pytest.mark.parametrize(
        ("coverage", "rung"), [(FULL_COVERAGE, Rung.LIVE), (0.699, Rung.LIVE_PARTIAL)]
    )
    def test_seven_tenths_of_generation_known_is_wholly_live(
        self, coverage: float, rung: Rung
    ) -> None:
        assert carbon(a_zone(), a_reading(coverage=coverage)).rung is rung

    def test_a_partly_known_live_reading_shows_its_bounds(self) -> None:
        answer = carbon(a_zone(), a_reading(coverage=0.4, gco2_low=100.0, gco2_high=500.0))

        assert answer.rung is Rung.LIVE_PARTIAL
        origin = answer.origin
        assert (origin.gco2_low, origin.gco2_high, origin.coverage) == (100, 500, 0.4)

    def test_the_least_stale_stands_where_none_is_live(self) -> None:
        zone = a_zone(a_source("first"), a_source("second"))
        answer = carbon(
            zone,
            a_reading(provider="first", age_s=9000),
            a_reading(provider="second", age_s=8000),
        )

        assert (answer.rung, answer.origin.provider, answer.age_s) == (Rung.STALE, "second", 8000)

    def test_a_reading_stays_stale_up_to_the_policys_limit_and_no_further(self) -> None:
        zone = a_zone()
        assert carbon(zone, a_reading(age_s=6 * 3600)).rung is Rung.STALE
        assert carbon(zone, a_reading(age_s=6 * 3600 + 1)).rung is Rung.ANNUAL_MEAN

    def test_the_same_hour_of_the_last_week_comes_before_the_annual_mean(self) -> None:
        answer = carbon(a_zone(), profiles=[a_profile()])

        assert (answer.rung, answer.origin.gco2_kwh, answer.age_s) == (Rung.SAME_HOUR, 300, None)
        assert answer.origin.note is not None
        assert "16:00" in answer.origin.note

    @pytest.mark.parametrize(
        ("days", "end"),
        [
            (1, "over the last 7 days, of which 1 had a reading"),
            (3, "over the last 7 days, of which 3 had a reading"),
            (4, "over the last 7 days"),
            (None, "over the last 7 days"),
        ],
    )
    def test_a_mean_of_few_days_says_of_how_many(self, days: int | None, end: str) -> None:
        profile = a_profile()
        hours = {hour: replace(mean, days=days) for hour, mean in profile.hours.items()}

        answer = carbon(a_zone(), profiles=[replace(profile, hours=hours)])

        assert (answer.origin.note or "").endswith(end)

    @pytest.mark.parametrize(
        ("days_ago", "end"),
        [(1.4, "over the last 7 days"), (3.0, "over the 7 days up to 2026-11-19")],
    )
    def test_a_mean_from_before_an_outage_says_which_week_it_is_of(
        self, days_ago: float, end: str
    ) -> None:
        """While a source is silent, its last mean of an hour stands for up to a week."""
        answer = carbon(a_zone(), profiles=[a_profile(computed_days_ago=days_ago)])

        assert (answer.origin.note or "").endswith(end)

    def test_the_first_sources_hour_stands_before_anothers_in_whatever_order_they_come(
        self,
    ) -> None:
        zone = a_zone(a_source("first"), a_source("second"))
        first = replace(a_profile(gco2_kwh=300), provider="first")
        second = replace(a_profile(gco2_kwh=500), provider="second")
        for profiles in ([first, second], [second, first]):
            answer = carbon(zone, profiles=profiles)
            assert (answer.origin.provider, answer.origin.gco2_kwh) == ("first", 300)
        outdated = replace(a_profile(computed_days_ago=8), provider="first")
        assert carbon(zone, profiles=[outdated, second]).origin.provider == "second"

    def test_a_profile_older_than_a_week_does_not_stand(self) -> None:
        answer = carbon(a_zone(), profiles=[a_profile(computed_days_ago=7.1)])

        assert answer.rung is Rung.ANNUAL_MEAN

    def test_the_annual_mean_says_its_year(self) -> None:
        answer = carbon(a_zone())

        assert (answer.rung, answer.origin.gco2_kwh) == (Rung.ANNUAL_MEAN, 400)
        assert answer.origin.note == "published mean of 2023"

    def test_nothing_known_is_no_figure_and_never_zero(self) -> None:
        answer = carbon(a_zone(means=()))

        assert answer.rung is Rung.NONE
        assert answer.origin.gco2_kwh is None
        assert answer.adj_carbon_gco2_kwh is None

    def test_a_shared_source_answers_under_the_zones_own_name(self) -> None:
        zone = a_zone(
            a_source("eso", provider_zone="13"), a_source("eso", provider_zone="national")
        )
        answer = carbon(zone, a_reading(zone="GBR", provider="eso", provider_zone="national"))

        assert (answer.zone, answer.origin.provider_zone) == ("Z", "national")

    def test_a_shared_source_is_live_within_its_own_limit_not_the_regions(self) -> None:
        zone = a_zone(
            a_source("eso", provider_zone="13", max_age_s=7200),
            a_source("eso", provider_zone="national", max_age_s=1800),
        )
        national = a_reading(zone="GBR", provider="eso", provider_zone="national", age_s=3600)

        assert carbon(zone, national).rung is Rung.STALE

    def test_a_reading_of_an_unlisted_source_is_passed_over(self) -> None:
        assert carbon(a_zone(), a_reading(provider="stranger")).rung is Rung.ANNUAL_MEAN

    def test_only_the_kinds_asked_for_answer(self) -> None:
        zone = a_zone(a_source(), a_source("m", signal="marginal"))
        readings = (a_reading(), a_reading(provider="m", kind=MARGINAL_DIRECT))

        answer = carbon(zone, *readings, kinds=(MARGINAL_DIRECT,))
        assert answer.origin.kind == MARGINAL_DIRECT
        answer = carbon(zone, *readings, kinds=(AVERAGE_LIFECYCLE,))
        assert answer.rung is Rung.NONE

    def test_a_simulated_reading_says_so_on_every_rung(self) -> None:
        live = carbon(a_zone(), a_reading(simulated=True))
        partial = carbon(a_zone(), a_reading(simulated=True, coverage=0.4))
        stale = carbon(a_zone(), a_reading(simulated=True, age_s=3600))
        same_hour = carbon(a_zone(), profiles=[replace(a_profile(), simulated=True)])

        answers = [live, partial, stale, same_hour]
        assert [(answer.rung, answer.origin.simulated) for answer in answers] == [
            (Rung.LIVE, True),
            (Rung.LIVE_PARTIAL, True),
            (Rung.STALE, True),
            (Rung.SAME_HOUR, True),
        ]


@given(ages, ages, st.floats(min_value=0, max_value=1000))
def test_under_the_plain_formula_older_data_never_cost_less(
    one_age: float, other_age: float, gco2_kwh: float
) -> None:
    """On all rungs of the ladder, the penalty never falls as the same reading grows older."""
    zone = a_zone()
    fresh, late = (
        carbon(
            zone,
            a_reading(age_s=age, gco2_kwh=gco2_kwh),
            profiles=[a_profile()],
            policy=PLAIN,
        )
        for age in sorted((one_age, other_age))
    )

    assert fresh.penalty_gco2_kwh is not None
    assert late.penalty_gco2_kwh is not None
    assert fresh.penalty_gco2_kwh <= late.penalty_gco2_kwh


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["first", "second"]), ages, st.floats(0.2, 1)), max_size=4
    ),
    profiled=st.booleans(),
)
def test_every_zone_with_a_published_mean_always_has_an_answer(
    rows: list[tuple[str, float, float]], *, profiled: bool
) -> None:
    zone = a_zone(a_source("first"), a_source("second"))
    readings = [
        a_reading(provider=provider, age_s=age, coverage=coverage)
        for provider, age, coverage in rows
    ]
    answer = carbon(zone, *readings, profiles=[a_profile()] if profiled else [])

    assert answer.rung is not Rung.NONE
    assert answer.adj_carbon_gco2_kwh is not None
    assert (answer.age_s is None) == (answer.rung in (Rung.SAME_HOUR, Rung.ANNUAL_MEAN))


def test_under_the_plain_formula_slow_sources_keep_the_penalty_monotonic() -> None:
    """A source that is live for a day must not cost more than the fallback that replaces it."""
    zone = a_zone(a_source(max_age_s=86_400))
    live = carbon(zone, a_reading(age_s=86_400), policy=PLAIN)
    gone = carbon(zone, a_reading(age_s=86_401), policy=PLAIN)

    assert live.rung is Rung.LIVE
    assert gone.rung is Rung.ANNUAL_MEAN
    assert live.penalty_gco2_kwh == pytest.approx(gone.penalty_gco2_kwh)
