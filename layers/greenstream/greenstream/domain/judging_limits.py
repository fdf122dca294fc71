"""The limits by which a mix is refused, which hold for every source of mixes."""

from datetime import timedelta
from typing import Final

SHARE: Final = 0.02
"""The share of a mix that may be missing from it, and that stations may draw from the grid."""

FALSE_ZERO_ABOVE_MW: Final = 100.0
"""Sun or wind at exactly 0 MW is unreported where this time yesterday had more than this."""

DAY: Final = timedelta(days=1)
"""The time to the mix that a mix is compared with, since the sun follows the day."""

PART_OF_LEAST: Final = 0.5
"""A total below this share of the least of the last 24 hours is a part of the zone. It is not
compared with the same hour of yesterday, since small zones with much wind truly halve in a day."""

STORED_SUN_SHARE: Final = 1 / 3
"""The most that solar power may make at night, from stored heat, as a share of its greatest power.
The third is a judgement: the stored heat of Spain makes less."""
