"""These tests check which readings and forecasts are valid, and the reason given for a refusal."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.errors import InvalidError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.reading import Forecast, ForecastPoint, Quality, Scope, gco2_kwh_from_lb_mwh
from tests.builders import AVERAGE_DIRECT, NOW, a_reading


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"gco2_kwh": float("nan")}, "not_a_number"),
        ({"gco2_kwh": float("inf")}, "not_a_number"),
        ({"gco2_kwh": None}, "not_a_number"),
        ({"gco2_kwh": "211"}, "not_a_number"),
        ({"gco2_kwh": True}, "not_a_number"),
        ({"gco2_kwh": -0.1}, "negative"),
        ({"gco2_kwh": 2000.1}, "too_high"),
        ({"gco2_low": 201.0}, "bad_bounds"),
        ({"gco2_high": 199.0}, "bad_bounds"),
        ({"gco2_high": float("nan")}, "bad_bounds"),
        ({"valid_from": datetime(2026, 11, 22, 15, 55)}, "naive_time"),  # noqa: DTZ001
        ({"valid_from": NOW.astimezone(timezone(timedelta(hours=-5)))}, "naive_time"),
        ({"published_at": datetime(2026, 11, 22, 15, 55)}, "naive_time"),  # noqa: DTZ001
        ({"valid_from": NOW}, "bad_interval"),
        ({"valid_from": NOW + timedelta(minutes=1)}, "bad_interval"),
        ({"valid_from": datetime(1, 1, 1, tzinfo=UTC)}, "bad_interval"),
        ({"factor_set": ""}, "bad_factor_set"),
        ({"factor_set": "two words"}, "bad_factor_set"),
        ({"coverage": 0.19}, "low_coverage"),
        ({"coverage": 1.01}, "low_coverage"),
        ({"coverage": float("nan")}, "low_coverage"),
    ],
)
def test_an_impossible_reading_is_refused_by_name(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidError) as refused:
        a_reading(**changes)
    assert (refused.value.reason, refused.value.provider, refused.value.zone) == (reason, "p", "Z")


def ahead_by(minutes: float, quality: Quality) -> None:
    start = NOW + timedelta(minutes=minutes)
    a_reading(
        valid_from=start,
        valid_to=start + timedelta(minutes=5),
        fetched_at=NOW,
        quality=quality,
    )


def test_a_measurement_of_the_future_is_refused_beyond_ten_minutes_of_clock_skew() -> None:
    ahead_by(10, Quality.MEASURED)
    with pytest.raises(InvalidError) as refused:
        ahead_by(10.1, Quality.MEASURED)
    assert refused.value.reason == "future"


def test_a_forecast_may_be_of_the_future() -> None:
    ahead_by(600, Quality.FORECAST)


def test_a_true_zero_is_a_reading() -> None:
    assert a_reading(gco2_kwh=0.0).gco2_kwh == 0


def test_a_thousand_pounds_per_megawatt_hour() -> None:
    assert gco2_kwh_from_lb_mwh(1000) == pytest.approx(453.59237)
    assert gco2_kwh_from_lb_mwh(937) == pytest.approx(425.01605069)  # as in WattTime's own data


@given(st.floats(min_value=0, max_value=4000))
def test_the_conversion_is_linear(lb_mwh: float) -> None:
    assert gco2_kwh_from_lb_mwh(2 * lb_mwh) == pytest.approx(2 * gco2_kwh_from_lb_mwh(lb_mwh))


def a_forecast(*points: ForecastPoint) -> Forecast:
    return Forecast(
        zone="Z",
        provider="p",
        provider_zone="z",
        signal=AVERAGE_DIRECT.signal,
        basis=AVERAGE_DIRECT.basis,
        scope=Scope.PRODUCTION,
        factor_set=GREENSTREAM,
        issued_at=NOW,
        points=points,
    )


def point(hour: int, gco2_kwh: float = 100.0, hours: int = 1) -> ForecastPoint:
    start = datetime(2026, 11, 22, hour, tzinfo=UTC)
    return ForecastPoint(start, start + timedelta(hours=hours), gco2_kwh)


def test_a_forecast_is_a_series_of_intervals_with_holes_allowed() -> None:
    assert len(a_forecast(point(1), point(2), point(5)).points) == 3


def test_a_forecast_reaches_ten_days_ahead_and_no_further() -> None:
    """The limit also excludes the year 9999, for which no time to live can be calculated."""

    def until(end: datetime) -> Forecast:
        return a_forecast(point(1), ForecastPoint(NOW, end, 100.0))

    assert until(NOW + timedelta(days=10)).points
    for end in (NOW + timedelta(days=10, seconds=1), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(InvalidError) as refused:
            until(end)
        assert refused.value.reason == "bad_interval"


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        ((), "empty"),
        ((point(2), point(1)), "bad_interval"),
        ((point(1, hours=2), point(2)), "bad_interval"),
        ((point(1, hours=0),), "bad_interval"),
        ((point(1, gco2_kwh=-1),), "negative"),
        ((point(1, gco2_kwh=float("nan")),), "not_a_number"),
    ],
)
def test_an_impossible_forecast_is_refused(points: tuple[ForecastPoint, ...], reason: str) -> None:
    with pytest.raises(InvalidError) as refused:
        a_forecast(*points)
    assert refused.value.reason == reason
