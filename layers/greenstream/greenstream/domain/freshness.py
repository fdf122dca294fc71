"""How old a figure is, and what its age costs it. Pure: the clock is an argument."""

from datetime import datetime

from greenstream.domain.policy import FreshnessModel, Policy


def age_s(valid_to: datetime, now: datetime) -> float:
    """Return the seconds since the value's interval ended; 0 while the value is still valid."""
    return max(0.0, (now - valid_to).total_seconds())


def penalty_gco2_kwh(age_s: float, *, grace_s: float, slope_gco2_kwh_min: float) -> float:
    """Return the price of age, g/kWh, before any cap.

    The formula is ``max(0, age_s - grace_s) / 60 * slope``: with the default grace of 600 s and
    slope of 1 g/kWh per minute this is ``max(0, age_s - 600) / 60``.
    """
    return max(0.0, age_s - grace_s) / 60.0 * slope_gco2_kwh_min


def price_of_age_gco2_kwh(age_s: float, policy: Policy) -> float:
    """Return the price of age under a policy, g/kWh, before any cap; nothing under ``drift``."""
    if policy.freshness_model is FreshnessModel.DRIFT:
        return 0.0
    return penalty_gco2_kwh(
        age_s, grace_s=policy.penalty_grace_s, slope_gco2_kwh_min=policy.penalty_slope_gco2_kwh_min
    )
