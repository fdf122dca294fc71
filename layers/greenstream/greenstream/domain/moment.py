"""An instant under a policy, and what an age means then. Pure.

Many sources publish at the same minute, so that few ages stand behind hundreds of figures. What
depends on the instant, the policy and an age alone is computed once for all of them.
"""

from datetime import datetime
from typing import Final, NamedTuple

from greenstream.domain.drift import between_hours, doubt_share, persistence
from greenstream.domain.freshness import age_s, price_of_age_gco2_kwh
from greenstream.domain.policy import FreshnessModel, Policy


class Age(NamedTuple):
    """An age, and what it means for every figure of this age.

    Parameters
    ----------
    age_s
        The age in seconds; 0 while the figure's interval has not ended.
    persistence
        The share of a distance from the profile that persists at this age.
    doubt_share
        The standard error of the expected value, as a share of the zone's own spread.
    price_gco2_kwh
        The price of the age before any cap, g/kWh.
    """

    age_s: float
    persistence: float
    doubt_share: float
    price_gco2_kwh: float


NO_AGE: Final = Age(age_s=0.0, persistence=1.0, doubt_share=0.0, price_gco2_kwh=0.0)
"""The age of a figure whose interval has not ended."""


class _Ages(dict[datetime, Age]):
    """The ages of a moment by the end of the interval; each is computed when it is asked for."""

    def __init__(self, now: datetime, policy: Policy) -> None:
        super().__init__()
        self._now = now
        self._policy = policy

    def __missing__(self, valid_to: datetime) -> Age:
        seconds = age_s(valid_to, self._now)
        share = persistence(seconds, self._policy.drift_half_life_s)
        price = price_of_age_gco2_kwh(seconds, self._policy)
        age = self[valid_to] = Age(seconds, share, doubt_share(share), price)
        return age


class Moment:
    """An instant under a policy.

    Parameters
    ----------
    now
        The instant, in UTC.
    policy
        The policy.
    """

    def __init__(self, now: datetime, policy: Policy) -> None:
        self.now = now
        self.policy = policy
        self.between = between_hours(now)
        self.drifts = policy.freshness_model is not FreshnessModel.PENALTY
        self.ages = _Ages(now, policy)
        """The age of the figures whose interval ended at an instant."""
