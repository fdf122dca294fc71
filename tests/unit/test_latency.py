import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.latency import (
    BASE_RTT_MS,
    EARTH_RADIUS_KM,
    estimate_rtt_ms,
    great_circle_km,
)
from greenstream.domain.places import pops

HALF_WAY_ROUND_KM = math.pi * EARTH_RADIUS_KM
LIGHT_IN_FIBRE_RTT_MS_PER_KM = 2 * 1.468 / 299_792.458 * 1000

points = st.tuples(st.floats(-90, 90, allow_nan=False), st.floats(-180, 180, allow_nan=False))
distances_km = st.floats(0, HALF_WAY_ROUND_KM)


@pytest.mark.parametrize(
    ("start", "end", "km"),
    [
        ((51.4706, -0.461941), (40.639447, -73.779317), 5540),  # Heathrow to JFK
        ((37.77, -122.42), (40.71, -74.01), 4130),  # San Francisco to New York
        ((51.51, -0.13), (52.37, 4.90), 357),  # London to Amsterdam
        ((0, 179.5), (0, -179.5), 111.2),  # across the date line
        ((90, 0), (-90, 0), HALF_WAY_ROUND_KM),
    ],
)
def test_known_distances_hold_within_one_percent(
    start: tuple[float, float], end: tuple[float, float], km: float
) -> None:
    assert great_circle_km(*start, *end) == pytest.approx(km, rel=0.01)


@given(points, points)
def test_distance_is_symmetric_and_never_above_half_the_circumference(
    a: tuple[float, float], b: tuple[float, float]
) -> None:
    there, back = great_circle_km(*a, *b), great_circle_km(*b, *a)
    assert there == pytest.approx(back, abs=1e-6)
    assert 0 <= there <= HALF_WAY_ROUND_KM + 1e-6


@given(points, points, points)
def test_a_detour_is_never_shorter(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]
) -> None:
    direct = great_circle_km(*a, *c)
    # The haversine is less precise near antipodes, so the test allows 0.5 km.
    assert direct <= great_circle_km(*a, *b) + great_circle_km(*b, *c) + 0.5


@given(points)
def test_the_distance_from_a_place_to_itself_is_zero(a: tuple[float, float]) -> None:
    assert great_circle_km(*a, *a) == 0


@pytest.mark.parametrize(
    ("lat", "lon", "named"),
    [
        (90.1, 0, "latitude 90.1"),
        (-91, 0, "latitude -91"),
        (0, 180.5, "longitude 180.5"),
        (math.nan, 0, "latitude nan"),
        (0, -math.inf, "longitude -inf"),
    ],
)
def test_an_impossible_coordinate_is_refused_by_name(lat: float, lon: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        great_circle_km(lat, lon, 0, 0)
    with pytest.raises(ValueError, match=named):
        great_circle_km(0, 0, lat, lon)


@given(distances_km, distances_km)
def test_a_greater_distance_never_gives_a_shorter_round_trip(a_km: float, b_km: float) -> None:
    near_km, far_km = sorted((a_km, b_km))
    assert estimate_rtt_ms(near_km) <= estimate_rtt_ms(far_km)


@given(distances_km)
def test_the_estimate_never_beats_light_in_fibre(km: float) -> None:
    assert estimate_rtt_ms(km) > LIGHT_IN_FIBRE_RTT_MS_PER_KM * km


def test_the_round_trip_at_distance_zero_is_above_zero() -> None:
    assert estimate_rtt_ms(0) == BASE_RTT_MS


@pytest.mark.parametrize("km", [-0.001, math.nan])
def test_an_impossible_distance_is_refused(km: float) -> None:
    with pytest.raises(ValueError, match="distance"):
        estimate_rtt_ms(km)


@pytest.mark.parametrize(
    ("start", "end", "least_ms", "most_ms"),
    [
        ("lon", "ams", 4, 15),
        ("nyc", "iad", 5, 15),
        ("sfo", "iad", 55, 75),
        ("lon", "nyc", 70, 95),
    ],
)
def test_estimates_between_pops_are_of_the_order_of_measured_round_trips(
    start: str, end: str, least_ms: float, most_ms: float
) -> None:
    a, b = pops()[start], pops()[end]
    assert least_ms <= estimate_rtt_ms(great_circle_km(a.lat, a.lon, b.lat, b.lon)) <= most_ms
