"""How a zone usually changes in the course of a day: its hour profile, read at an instant. Pure."""

from datetime import datetime
from typing import NamedTuple

from greenstream.domain.drift import Between, between_hours
from greenstream.domain.profile import HOURS_A_DAY, HourProfile


class Usual(NamedTuple):
    """A figure that is usual, g/kWh, and the last instant at which it stands for what is usual."""

    gco2_kwh: float
    stands_until: datetime


class _Stretch(NamedTuple):
    """The means of an hour and of the next one, g/kWh, and how long both stand."""

    first_gco2_kwh: float
    second_gco2_kwh: float
    stands_until: datetime


class Course:
    """A profile between the middles of its hours.

    An hour counts where enough days stand behind it, and as long as its mean is recent enough.

    Parameters
    ----------
    profile
        The profile.
    """

    def __init__(self, profile: HourProfile) -> None:
        hours = {hour: mean for hour, mean in profile.hours.items() if mean.is_usual}
        self._stretches = {
            hour: _Stretch(
                mean.gco2_kwh, after.gco2_kwh, min(mean.stands_until, after.stands_until)
            )
            for hour, mean in hours.items()
            if (after := hours.get((hour + 1) % HOURS_A_DAY)) is not None
        }

    def usual(self, at: datetime) -> Usual | None:
        """Return what is usual at an instant of any day; ``None`` where it is not known."""
        between = between_hours(at)
        stretch = self._stretches.get(between.first)
        if stretch is None:
            return None
        # The caller learns until when the figure stands, so an outdated one is returned too.
        gco2_kwh = self.usual_gco2_kwh(between, stretch.stands_until)
        return None if gco2_kwh is None else Usual(gco2_kwh, stretch.stands_until)

    def usual_gco2_kwh(self, between: Between, now: datetime) -> float | None:
        """Return what is usual between two hours, g/kWh; ``None`` where nothing stands now."""
        first, _, share = between
        stretch = self._stretches.get(first)
        if stretch is None:
            return None
        first_gco2_kwh, second_gco2_kwh, stands_until = stretch
        if now > stands_until:
            return None
        return first_gco2_kwh * (1.0 - share) + second_gco2_kwh * share
