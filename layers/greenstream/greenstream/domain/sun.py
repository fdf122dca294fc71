"""Where the sun stands: whether it is day or night at a place."""

from datetime import UTC, datetime
from math import asin, atan2, cos, degrees, radians, sin
from typing import Final

J2000: Final = datetime(2000, 1, 1, 12, tzinfo=UTC)
"""The epoch from which the formula counts its days."""

DAY_S: Final = 86_400.0


NIGHT_BELOW_DEG: Final = -6.0
"""The sun's elevation at the zone's middle below which no part of the zone has sun."""

DAY_ABOVE_DEG: Final = 10.0
"""The sun's elevation at the zone's middle above which every part of the zone has sun."""

NO_SUN_SHARE: Final = 0.01
"""Solar power below this share of another slot's counts as none beside it. Some operators report
the measuring noise of a night."""


def elevation_deg(latitude: float, longitude: float, at: datetime) -> float:
    """Return the sun's height above the horizon, in degrees. It is negative at night.

    The formula is that of the US Naval Observatory, "Computing approximate solar coordinates". Its
    error is within an arc minute from 1950 to 2050; refraction by the air (half a degree at the
    horizon) is left out.

    Parameters
    ----------
    latitude, longitude
        The place, in degrees north and east.
    at
        The instant, in aware UTC.
    """
    days = (at - J2000).total_seconds() / DAY_S
    anomaly = radians(357.529 + 0.98560028 * days)
    mean_longitude = 280.459 + 0.98564736 * days
    ecliptic = radians(mean_longitude + 1.915 * sin(anomaly) + 0.020 * sin(2 * anomaly))
    tilt = radians(23.439 - 0.00000036 * days)
    right_ascension = atan2(cos(tilt) * sin(ecliptic), cos(ecliptic))
    declination = asin(sin(tilt) * sin(ecliptic))
    sidereal_deg = 15 * (18.697374558 + 24.06570982441908 * days)
    hour_angle = radians(sidereal_deg + longitude) - right_ascension
    height = sin(radians(latitude)) * sin(declination)
    height += cos(radians(latitude)) * cos(declination) * cos(hour_angle)
    return degrees(asin(height))
