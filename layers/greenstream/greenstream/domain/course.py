"""How a zone usually changes in the course of a day: its hour profile, read at an instant. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Self

from greenstream.domain.drift import Between
from greenstream.domain.profile import HourProfile


class Usual(NamedTuple):
    """A figure that is usual, g/kWh, and the last instant at which it stands for what is usual."""

    gco2_kwh: float
    stands_until: datetime


class Course:
    """A profile between the middles of its hours.

    An hour counts where enough days stand behind it, and as long as its mean is recent enough.

    Parameters
    ----------
    hours
        What is usual in the UTC hours of day that count.
    """

    def __init__(self, hours: Mapping[int, Usual]) -> None:
        self._hours = hours

    @classmethod
    def of(cls, profile: HourProfile) -> Self:
        """Return the course of a profile."""
        return cls(
            {
                hour: Usual(mean.gco2_kwh, mean.stands_until)
                for hour, mean in profile.hours.items()
                if mean.is_usual
            }
        )

    def at(self, between: Between) -> Usual | None:
        """Return what is usual between two hours: linear between the middles of the hours.

        ``None`` where either hour is not known.
        """
        first, second, share = between
        before, after = self._hours.get(first), self._hours.get(second)
        if before is None or after is None:
            return None
        gco2_kwh = before.gco2_kwh * (1.0 - share) + after.gco2_kwh * share
        return Usual(gco2_kwh, min(before.stands_until, after.stands_until))
