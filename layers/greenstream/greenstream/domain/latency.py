"""What a round trip should take when nobody has measured it: great-circle distance, one line."""

import math
from typing import Final

UnitVector = tuple[float, float, float]
"""A point of the unit sphere."""

EARTH_RADIUS_KM: Final = 6371.0088
"""Mean radius of the Earth, (2a + b) / 3 of the WGS 84 ellipsoid (IUGG)."""

BASE_RTT_MS: Final = 3.1
"""Round trip over no distance: last metres, switches, end hosts."""

RTT_MS_PER_KM: Final = 0.0158
"""Round trip per great-circle km: light in fibre needs 0.0098 ms, the rest is detour."""


def unit_vector(lat: float, lon: float) -> UnitVector:
    """Return where a point of the Earth's surface lies on the unit sphere.

    Parameters
    ----------
    lat, lon
        Degrees: latitude in [-90, 90], longitude in [-180, 180].

    Raises
    ------
    ValueError
        When a coordinate is not a number or is out of bounds.
    """
    for name, value, bound in (("latitude", lat, 90), ("longitude", lon, 180)):
        if not -bound <= value <= bound:  # also refuses NaN
            raise ValueError(f"{name} {value} is not within {bound} degrees of zero")
    phi, theta = math.radians(lat), math.radians(lon)
    return math.cos(phi) * math.cos(theta), math.cos(phi) * math.sin(theta), math.sin(phi)


def km_between(here: UnitVector, there: UnitVector) -> float:
    """Return the distance along the Earth's surface, km, from the chord between two points."""
    # Rounding may carry antipodes a hair above one.
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.dist(here, there) / 2))


def great_circle_km(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Return the distance along the Earth's surface between two points given in degrees, km.

    Raises
    ------
    ValueError
        When a coordinate is not a number or is out of bounds.
    """
    return km_between(unit_vector(lat1, lon1), unit_vector(lat2, lon2))


def estimate_rtt_ms(km: float) -> float:
    """Return the round trip to expect over a great-circle distance, ms.

    Least-absolute-deviation line through 1,122 round trips between 34 Google Cloud regions
    (umassos/decarbonization-potential at 3493a63, Apache-2.0; fitted November 2026). Fitted on
    half of the regions and judged on the other half, both ways: within 5,000 km the median
    error is 3 to 4 ms (p90 7 to 14), over all distances 13 to 21 ms (p90 64 to 80), for the long
    paths go round continents. A cloud's own backbone was measured, so a visitor's last mile
    comes on top. ``tests/bench/latency_fit.py`` repeats the fit.

    Raises
    ------
    ValueError
        When the distance is negative or not a number.
    """
    if not km >= 0:
        raise ValueError(f"a distance of {km} km")
    return BASE_RTT_MS + RTT_MS_PER_KM * km
