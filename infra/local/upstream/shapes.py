"""Plausible curves of a day. They depend only on the time and a name, so each run is the same."""

import hashlib
import math
from datetime import datetime, timedelta
from functools import lru_cache

# Each is a centre and a width in local hours, and a height as a share of the mean.
NIGHT_DIP = (3.5, 3.0, -0.20)
MORNING_RISE = (9.0, 3.0, 0.06)
EVENING_PEAK = (18.5, 2.5, 0.17)
WEEKEND_SHARE = 0.94


@lru_cache(maxsize=65_536)
def noise(*key: object) -> float:
    """Return a number in [0, 1) that depends only on the key, on every machine and in every run."""
    digest = hashlib.sha256("|".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def drift(at: datetime, step: timedelta, name: str) -> float:
    """Return a smooth random curve in [-1, 1) at a time.

    There is a random value for each ``step``, with cosine interpolation between them.
    """
    position = at.timestamp() / step.total_seconds()
    slot = math.floor(position)
    weight = (1 - math.cos(math.pi * (position - slot))) / 2
    before, after = (noise(name, slot + offset) for offset in (0, 1))
    return 2 * (before * (1 - weight) + after * weight) - 1


def sun(at: datetime, latitude_deg: float, longitude_deg: float) -> float:
    """Return the sine of the sun's elevation at a UTC time, or 0 when the sun is down.

    This is the textbook formula with Cooper's approximation of the declination by the day of the
    year, and without the equation of time. Its error is up to a quarter of an hour.
    """
    day = at.timetuple().tm_yday
    declination = math.radians(-23.44) * math.cos(2 * math.pi * (day + 10) / 365.25)
    solar_hour = at.hour + at.minute / 60 + at.second / 3600 + longitude_deg / 15
    hour_angle = math.radians(15 * (solar_hour - 12))
    latitude = math.radians(latitude_deg)
    return max(
        0.0,
        math.sin(latitude) * math.sin(declination)
        + math.cos(latitude) * math.cos(declination) * math.cos(hour_angle),
    )


def bump(local: datetime, centre_h: float, width_h: float) -> float:
    """Return a bell curve with its peak of 1 at ``centre_h`` local time, also across midnight."""
    hour = local.hour + local.minute / 60 + local.second / 3600
    distance = abs((hour - centre_h + 12) % 24 - 12)
    return math.exp(-((distance / width_h) ** 2))


def demand(local: datetime) -> float:
    """Return the electricity demand at a local time as a share of its mean."""
    saturday = 5
    shape = 1 + sum(
        height * bump(local, centre, width)
        for centre, width, height in (NIGHT_DIP, MORNING_RISE, EVENING_PEAK)
    )
    return shape * (WEEKEND_SHARE if local.weekday() >= saturday else 1.0)
