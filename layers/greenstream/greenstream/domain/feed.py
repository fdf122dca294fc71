"""A source's newest reading and hour profile, and what they say of an instant. Pure."""

from dataclasses import dataclass
from datetime import datetime

from greenstream.domain.disputes import Claim
from greenstream.domain.drift import doubt_gco2_kwh, expected_gco2_kwh, persistence, profile_at
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Kind, Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A reading that may answer; ``order`` of its source and ``wish`` for its kind, best first.

    ``profile`` is the hour profile of the reading's own zone, source and kind, if there is one: a
    shared source's reading is of another zone than the zone it stands for. ``spread_gco2_kwh`` is
    how far the zone usually is from its profile. ``usual`` is the hour profile of the reading's own
    zone, source and kind even where that zone is not the one that it stands for.
    """

    order: int
    wish: int
    max_age_s: float
    data_of: frozenset[str]
    whole: bool
    kind: Kind
    reading: Reading
    profile: HourProfile | None
    usual: HourProfile | None
    spread_gco2_kwh: float

    def drifted_gco2_kwh(self, age: float, now: datetime, policy: Policy) -> tuple[float, bool]:
        """Return the value expected by now, g/kWh, and whether the zone's profile says so.

        The reading itself is expected where it is still valid, and where its own zone and source
        have no profile, or a profile that lacks an hour that matters or has too few days behind it.
        """
        reading = self.reading
        if self.profile is None:
            return reading.gco2_kwh, False
        middle = reading.valid_from + (reading.valid_to - reading.valid_from) / 2
        then_gco2_kwh = _gco2_kwh_of(self.profile, middle, now)
        now_gco2_kwh = _gco2_kwh_of(self.profile, now, now)
        if then_gco2_kwh is None or now_gco2_kwh is None:
            return reading.gco2_kwh, False
        if age == 0:
            return reading.gco2_kwh, True
        share = persistence(age, policy.drift_half_life_s)
        return expected_gco2_kwh(reading.gco2_kwh, then_gco2_kwh, now_gco2_kwh, share), True

    def claim_at(self, age: float, now: datetime, policy: Policy) -> Claim:
        """Return what the reading of this age (s) claims, and what is usual by its profile."""
        reading = self.reading
        return Claim(
            provider=reading.provider,
            zone=reading.zone,
            kind=self.kind,
            scope=reading.scope,
            data_of=self.data_of,
            gco2_kwh=reading.gco2_kwh,
            gco2_low=reading.gco2_low,
            gco2_high=reading.gco2_high,
            usual_gco2_kwh=_gco2_kwh_of(self.usual, now, now),
            doubt_gco2_kwh=doubt_gco2_kwh(
                self.spread_gco2_kwh, persistence(age, policy.drift_half_life_s)
            ),
        )


def _gco2_kwh_of(profile: HourProfile | None, at: datetime, now: datetime) -> float | None:
    """Return the figure that a profile has at an instant, g/kWh, where it stands now."""
    if profile is None:
        return None
    hours = profile.hours

    def mean_of(hour: int) -> float | None:
        mean = hours.get(hour)
        usual = mean is not None and mean.is_usual and mean.stands_at(now)
        return mean.gco2_kwh if usual and mean is not None else None

    return profile_at(mean_of, at)
