"""These tests cover the search for the cleanest window of a forecast."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenstream.domain.comparability import Comparability
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.reading import Forecast, ForecastPoint, Kind, Scope
from greenstream.domain.window import Window, cleanest, same_kind
from tests.builders import AVERAGE_DIRECT, AVERAGE_LIFECYCLE, MARGINAL_DIRECT, NOW

MINUTE = timedelta(minutes=1)
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
        forecast,
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
        for point in forecast.points
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


class TestLikeForLike:
    def test_the_kind_that_all_share_is_taken(self) -> None:
        direct, lifecycle = a_window(AVERAGE_DIRECT), a_window(AVERAGE_LIFECYCLE)

        chosen, counting = same_kind({"A": [direct, lifecycle], "B": [lifecycle]})

        assert chosen == {"A": lifecycle, "B": lifecycle}
        assert counting.comparability is Comparability.SAME_KIND

    def test_a_zone_without_a_forecast_does_not_affect_the_others(self) -> None:
        marginal = a_window(MARGINAL_DIRECT)

        chosen, counting = same_kind({"A": [marginal], "B": []})

        assert chosen == {"A": marginal}
        assert counting.comparability is Comparability.SAME_KIND

    def test_where_no_zone_has_a_forecast_no_window_is_chosen(self) -> None:
        assert same_kind({})[0] == {}
        assert same_kind({"A": []})[0] == {}

    def test_zones_that_share_no_kind_are_reported_as_mixed(self) -> None:
        direct, marginal = a_window(AVERAGE_DIRECT), a_window(MARGINAL_DIRECT)

        chosen, counting = same_kind({"A": [direct], "B": [marginal]})

        assert chosen == {"A": direct, "B": marginal}
        assert counting.comparability is Comparability.MIXED

    def test_forecasts_of_two_factor_sets_are_reported(self) -> None:
        ours = a_window(AVERAGE_DIRECT)
        theirs = replace(ours, forecast=replace(ours.forecast, factor_set="neso"))

        _, counting = same_kind({"A": [ours], "B": [theirs]})

        assert counting.comparability is Comparability.MIXED_SCOPE
        assert counting.factor_sets == {"greenstream", "neso"}
