"""Whether it is day or night in the middle of a zone throughout a mix.

Where the middle is not known, it is neither.
"""

from math import radians, sin

from greenstream.domain import sun
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import Middle


def is_day(middle: Middle | None, mix: Mix) -> bool:
    """Return whether every part of the zone has sun."""
    return middle is not None and min(_elevations_deg(middle, mix)) > sun.DAY_ABOVE_DEG


def is_night(middle: Middle | None, mix: Mix) -> bool:
    """Return whether no part of the zone has sun."""
    return middle is not None and max(_elevations_deg(middle, mix)) < sun.NIGHT_BELOW_DEG


def least_share(middle: Middle | None, mix: Mix) -> float:
    """Return the share of its greatest power that the sun has at least: 1 by day, and 0 at night.

    In between it is the sine of the sun's height, the share of its light that falls on a plane.
    """
    if middle is None:
        return 0.0
    height_deg = min(_elevations_deg(middle, mix))
    return 1.0 if height_deg > sun.DAY_ABOVE_DEG else max(0.0, sin(radians(height_deg)))


def _elevations_deg(middle: Middle, mix: Mix) -> tuple[float, float]:
    return (
        sun.elevation_deg(middle.latitude, middle.longitude, mix.valid_from),
        sun.elevation_deg(middle.latitude, middle.longitude, mix.valid_to),
    )
