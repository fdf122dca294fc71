"""These tests cover the search for the cleanest window of a forecast."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenstream.domain.comparability import Comparability
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.outlook import Outlook, OutlookRung
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.ranking import AVERAGE, MARGINAL
from greenstream.domain.reading import Forecast, ForecastPoint, Kind, Scope
from greenstream.domain.window import Window, cleanest, same_kind
from tests.builders import AVERAGE_DIRECT, AVERAGE_LIFECYCLE, MARGINAL_DIRECT, NOW, an_hour_profile

MINUTE = timedelta(minutes=1)
KINDS = AVERAGE + MARGINAL
Step = tuple[int, int, float]
"""A gap in minutes, the length in minutes of the interval after it, and its g/kWh."""


def a_forecast(*steps: Step, start: datetime = NOW, kind: Kind = AVERAGE_DIRECT) -> Forecast:
    points = []
    for gap, length, gco2_kwh in steps:
        start += gap * MINUTE
        points.append(ForecastPoint(start, start + length * MINUTE, gco2_kwh))
        start += length * MINUTE
    return Forecast(
        zone="Z",
        provider="p",
        provider_zone="z",
        signal=kind.signal,
        basis=kind.basis,
        scope=Scope.PRODUCTION,
        factor_set=GREENSTREAM,
        issued_at=NOW,
        points=tuple(points),
    )


def best(forecast: Forecast, minutes: int, *, within_h: float = 24) -> Window | None:
    return cleanest(
        Outlook.of_forecast(forecast),
        duration=minutes * MINUTE,
        earliest=NOW,
        latest=NOW + timedelta(hours=within_h),
    )


def test_the_window_is_the_stretch_with_the_lowest_mean() -> None:
    window = best(a_forecast((0, 60, 300), (0, 60, 100), (0, 60, 200)), 60)

    assert window is not None
    assert (window.start, window.end) == (NOW + 60 * MINUTE, NOW + 120 * MINUTE)
    assert (window.gco2_kwh, window.at_once_gco2_kwh) == (100, 300)


def test_intervals_weigh_by_their_overlap() -> None:
    window = best(a_forecast((0, 60, 300), (0, 60, 100), (0, 60, 200)), 90)

    assert window is not None
    assert window.start == NOW + 60 * MINUTE
    assert window.gco2_kwh == pytest.approx((60 * 100 + 30 * 200) / 90)


def test_the_first_of_equals_is_taken() -> None:
    window = best(a_forecast(*[(0, 30, 0.1 + 0.2)] * 7), 45)

    assert window is not None
    assert window.start == NOW


def test_a_gap_is_never_bridged() -> None:
    window = best(a_forecast((0, 60, 100), (1, 120, 500)), 90)

    assert window is not None
    assert (window.start, window.gco2_kwh) == (NOW + 61 * MINUTE, 500)
    assert window.at_once_gco2_kwh is None
    assert best(a_forecast((0, 60, 100), (1, 60, 500)), 90) is None


def test_nothing_before_now_nor_after_the_horizon_counts() -> None:
    forecast = a_forecast((0, 120, 1), (0, 120, 300), (0, 600, 2), start=NOW - 2 * 60 * MINUTE)
    window = best(forecast, 60, within_h=2)

    assert window is not None
    assert (window.start, window.gco2_kwh) == (NOW, 300)


steps = st.lists(
    st.tuples(st.sampled_from([0, 0, 0, 7]), st.integers(1, 40), st.integers(0, 500)),
    min_size=1,
    max_size=8,
)


@settings(deadline=None)
@given(steps, st.integers(5, 90), st.integers(-60, 30))
def test_no_start_on_any_minute_is_cleaner_and_the_mean_is_true(
    drawn: list[Step], duration_min: int, offset: int
) -> None:
    forecast = a_forecast(*drawn, start=NOW + offset * MINUTE)
    minutes = {
        NOW + minute * MINUTE: point.gco2_kwh
        for minute in range(240)
        for point in Outlook.of_forecast(forecast).points
        if point.valid_from <= NOW + minute * MINUTE < point.valid_to
    }
    means = {}
    for start in minutes:
        stretch = [minutes.get(start + minute * MINUTE) for minute in range(duration_min)]
        known = [value for value in stretch if value is not None]
        if len(known) == duration_min:
            means[start] = sum(known) / duration_min
    window = best(forecast, duration_min, within_h=4)

    if window is None:
        assert means == {}
    else:
        assert window.gco2_kwh == pytest.approx(min(means.values()), abs=1e-5)
        assert means[window.start] == pytest.approx(window.gco2_kwh, abs=1e-5)
        assert window.at_once_gco2_kwh == (
            pytest.approx(means[NOW], abs=1e-5) if NOW in means else None
        )


def a_window(kind: Kind) -> Window:
    window = best(a_forecast((0, 60, 100), kind=kind), 60)
    assert window is not None
    return window


class TestDips:
    """A single interval that both its neighbours contradict is no reason to choose a window.

    NESO's forecast of 2023 had two such half hours, and by the actual figures both were false.
    """

    @pytest.mark.parametrize("minutes", [30, 45, 60])
    def test_a_dip_of_a_single_half_hour_is_not_chosen(self, minutes: int) -> None:
        day = [(0, 30, value) for value in (203, 84, 193, 190, 150, 140, 150, 190)]
        window = best(a_forecast(*day), minutes)

        assert window is not None
        assert window.start >= NOW + 120 * MINUTE

    def test_the_mean_counts_the_dip_as_the_lower_of_its_neighbours(self) -> None:
        window = best(a_forecast((0, 30, 200), (0, 30, 20), (0, 30, 180)), 90)

        assert window is not None
        assert window.gco2_kwh == pytest.approx((200 + 180 + 180) / 3)

    def test_two_half_hours_confirm_each_other(self) -> None:
        window = best(a_forecast((0, 30, 200), (0, 30, 60), (0, 30, 62), (0, 30, 190)), 60)

        assert window is not None
        assert window.gco2_kwh == 61

    @pytest.mark.parametrize(
        ("beside", "low"), [(200, 151), (20, 10.5), (4, 1)], ids=["little", "clean", "hydro"]
    )
    def test_what_grids_truly_do_is_no_dip(self, beside: float, low: float) -> None:
        window = best(a_forecast((0, 30, beside), (0, 30, low), (0, 30, beside)), 30)

        assert window is not None
        assert window.gco2_kwh == low

    def test_an_hour_is_no_short_dip(self) -> None:
        window = best(a_forecast((0, 60, 300), (0, 60, 100), (0, 60, 200)), 60)

        assert window is not None
        assert window.gco2_kwh == 100

    def test_a_neighbour_across_a_gap_contradicts_nothing(self) -> None:
        window = best(a_forecast((0, 30, 200), (30, 30, 60), (0, 30, 200)), 30)

        assert window is not None
        assert window.gco2_kwh == 60


def a_profile(hours: Mapping[int, float], *, days: int = 6, age_h: float = 20) -> HourProfile:
    return an_hour_profile(
        hours={
            hour: HourMean(value, NOW - timedelta(hours=age_h), 20.0, days)
            for hour, value in hours.items()
        },
    )


class TestProfiles:
    """NOW is 16:00 UTC."""

    def outlook(self, profile: HourProfile) -> Outlook | None:
        return Outlook.of_profile(profile, NOW, NOW + timedelta(hours=24))

    def test_the_hours_of_day_repeat_until_the_horizon_and_the_spread_is_given(self) -> None:
        hours = dict.fromkeys(range(24), 300.0) | {3: 100.0, 12: 200.0}
        outlook = self.outlook(a_profile(hours))
        assert outlook is not None
        window = cleanest(
            outlook, duration=90 * MINUTE, earliest=NOW, latest=NOW + timedelta(hours=24)
        )

        assert window is not None
        assert window.start == NOW + 10.5 * 60 * MINUTE
        assert window.gco2_kwh == pytest.approx((60 * 100 + 30 * 300) / 90)
        assert (outlook.rung, outlook.spread_gco2_kwh) == (OutlookRung.SAME_HOUR, 20.0)
        assert outlook.note == "no forecast: the mean of each hour of day over the last 7 days"

    def test_an_hour_that_is_not_known_is_a_gap(self) -> None:
        hours = dict.fromkeys(range(24), 300.0) | {3: 100.0, 5: 100.0}
        del hours[4]
        outlook = self.outlook(a_profile(hours))
        assert outlook is not None
        window = cleanest(
            outlook, duration=90 * MINUTE, earliest=NOW, latest=NOW + timedelta(hours=24)
        )

        assert window is not None
        assert window.start == NOW + timedelta(hours=10, minutes=30), "it ends where 4:00 begins"
        assert window.gco2_kwh == pytest.approx((60 * 100 + 30 * 300) / 90)

    @pytest.mark.parametrize(("known", "has_outlook"), [(24, True), (18, True), (17, False)])
    def test_a_few_hours_that_were_read_by_chance_say_nothing_of_the_day(
        self, known: int, *, has_outlook: bool
    ) -> None:
        outlook = self.outlook(a_profile(dict.fromkeys(range(known), 300.0)))

        assert (outlook is not None) is has_outlook

    def test_only_the_hours_asked_about_need_to_be_known(self) -> None:
        profile = a_profile(dict.fromkeys(range(16, 22), 300.0))

        assert Outlook.of_profile(profile, NOW, NOW + timedelta(hours=6)) is not None
        assert Outlook.of_profile(profile, NOW, NOW + timedelta(hours=12)) is None

    def test_a_profile_from_before_an_outage_says_which_week_it_is_of(self) -> None:
        outlook = self.outlook(a_profile(dict.fromkeys(range(24), 300.0), age_h=72))

        assert outlook is not None
        assert outlook.note == (
            "no forecast: the mean of each hour of day over the 7 days up to 2026-11-19"
        )

    @pytest.mark.parametrize(("age_h", "days"), [(20, 1), (72, 6)])
    def test_the_note_and_the_age_are_of_the_hours_asked_about(
        self, age_h: float, days: int
    ) -> None:
        profile = a_profile(dict.fromkeys(range(16, 22), 300.0))
        other = a_profile({3: 300.0}, days=days, age_h=age_h)
        profile = replace(profile, hours={**profile.hours, **other.hours})
        outlook = Outlook.of_profile(profile, NOW, NOW + timedelta(hours=6))

        assert outlook is not None
        assert outlook.made_at == NOW - timedelta(hours=20)
        assert outlook.note == "no forecast: the mean of each hour of day over the last 7 days"

    def test_too_few_days_are_said_and_give_no_spread(self) -> None:
        outlook = self.outlook(a_profile(dict.fromkeys(range(24), 300.0), days=2))

        assert outlook is not None
        assert outlook.spread_gco2_kwh is None
        assert outlook.note is not None
        assert outlook.note.endswith(", of which 2 had a reading")

    def test_a_mean_older_than_a_week_does_not_stand(self) -> None:
        hours = dict.fromkeys(range(24), 300.0)
        assert self.outlook(a_profile(hours, age_h=168)) is not None
        assert self.outlook(a_profile(hours, age_h=169)) is None


class TestLikeForLike:
    def test_the_kind_that_all_share_is_taken(self) -> None:
        direct, lifecycle = a_window(AVERAGE_DIRECT), a_window(AVERAGE_LIFECYCLE)

        chosen, counting = same_kind({"A": [direct, lifecycle], "B": [lifecycle]}, KINDS)

        assert chosen == {"A": lifecycle, "B": lifecycle}
        assert counting.comparability is Comparability.SAME_KIND

    def test_a_zone_without_a_forecast_does_not_affect_the_others(self) -> None:
        marginal = a_window(MARGINAL_DIRECT)

        chosen, counting = same_kind({"A": [marginal], "B": []}, KINDS)

        assert chosen == {"A": marginal}
        assert counting.comparability is Comparability.SAME_KIND

    def test_where_no_zone_has_a_forecast_no_window_is_chosen(self) -> None:
        assert same_kind({}, KINDS)[0] == {}
        assert same_kind({"A": []}, KINDS)[0] == {}

    def test_zones_that_share_no_kind_are_reported_as_mixed(self) -> None:
        direct, marginal = a_window(AVERAGE_DIRECT), a_window(MARGINAL_DIRECT)

        chosen, counting = same_kind({"A": [direct], "B": [marginal]}, KINDS)

        assert chosen == {"A": direct, "B": marginal}
        assert counting.comparability is Comparability.MIXED

    def test_forecasts_of_two_factor_sets_are_reported(self) -> None:
        ours = a_window(AVERAGE_DIRECT)
        theirs = replace(ours, outlook=replace(ours.outlook, factor_set="neso"))

        _, counting = same_kind({"A": [ours], "B": [theirs]}, KINDS)

        assert counting.comparability is Comparability.MIXED_SCOPE
        assert counting.factor_sets == {"greenstream", "neso"}

    def test_a_kind_in_which_each_zone_has_its_best_rung_comes_first(self) -> None:
        direct, marginal = a_window(AVERAGE_DIRECT), a_window(MARGINAL_DIRECT)
        mean = replace(direct, outlook=replace(direct.outlook, rung=OutlookRung.ANNUAL_MEAN))

        alone, _ = same_kind({"A": [marginal, mean]}, KINDS)
        both, counting = same_kind({"A": [marginal, mean], "B": [direct]}, KINDS)

        assert alone == {"A": marginal}
        assert both == {"A": mean, "B": direct}
        assert counting.comparability is Comparability.SAME_KIND

    def test_no_other_kind_than_the_ones_asked_for_is_chosen(self) -> None:
        marginal = a_window(MARGINAL_DIRECT)

        assert same_kind({"A": [marginal]}, AVERAGE)[0] == {}
