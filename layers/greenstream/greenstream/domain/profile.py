"""What a zone's carbon usually is at each hour of the day, from its own last week."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from greenstream.domain.reading import Kind, Scope

PROFILE_LIFE: Final = timedelta(days=7)
"""How long the mean of an hour of day may stand for that hour."""


@dataclass(frozen=True, slots=True)
class HourMean:
    """Mean of one UTC hour of day over the week before ``computed_at``, g/kWh.

    ``spread_gco2_kwh`` is the standard deviation about that mean, where it was kept.
    """

    gco2_kwh: float
    computed_at: datetime
    spread_gco2_kwh: float | None = None

    def stands_at(self, now: datetime) -> bool:
        """Return whether the mean is recent enough to stand for its hour at this instant."""
        return now - self.computed_at <= PROFILE_LIFE


@dataclass(frozen=True, slots=True, kw_only=True)
class HourProfile:
    """A zone's week by UTC hour of day; hours may be missing."""

    zone: str
    kind: Kind
    scope: Scope
    provider: str
    hours: Mapping[int, HourMean]
    simulated: bool = False
