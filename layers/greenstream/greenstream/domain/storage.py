"""What a kWh out of storage emits: the zone's own mean of the last week, and its losses.

Pure. When a battery or a pumped reservoir was charged is not reported, and neither is with what. It
gives back what the zone generated on other hours and days, so that it counts with the mean of a
whole week instead of the mix of the moment in which it is emptied.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from greenstream.domain.intensity import Factor, FactorTable, Storage
from greenstream.domain.profile import HOURS_A_DAY, HourProfile


def week_mean_gco2_kwh(profile: HourProfile, now: datetime) -> float | None:
    """Return the mean of a zone's last week by its hour profile, in g/kWh.

    Each hour of day counts alike, so that an hour with fewer readings weighs no less. ``None``
    where an hour is missing, is older than a week at ``now`` (UTC) or rests on too few days to be
    usual: the mean of a part of the day would lean to the sun or to the night.
    """
    means = [profile.hours.get(hour) for hour in range(HOURS_A_DAY)]
    usual = [
        mean.gco2_kwh
        for mean in means
        if mean is not None and mean.is_usual and now <= mean.stands_until
    ]
    return sum(usual) / HOURS_A_DAY if len(usual) == HOURS_A_DAY else None


def runs_storage(mix_mw: Mapping[str, float], table: FactorTable) -> bool:
    """Return whether storage gives back power in a mix (MW by fuel)."""
    return any(
        mw > 0 and fuel in table.factors and table.factors[fuel].storage is not None
        for fuel, mw in mix_mw.items()
    )


def with_storage(table: FactorTable, week_mean_gco2_kwh: float) -> FactorTable:
    """Return a table in which storage has the value that a week's mean (g/kWh) gives it.

    The bounds stay: what it was charged with may be the cleanest or the dirtiest of the grid.
    """
    return replace(
        table,
        factors={
            fuel: factor
            if factor.storage is None
            else _charged_with(factor, factor.storage, week_mean_gco2_kwh)
            for fuel, factor in table.factors.items()
        },
    )


def _charged_with(factor: Factor, storage: Storage, gco2_kwh: float) -> Factor:
    value = gco2_kwh / storage.round_trip + storage.making_gco2_kwh
    return replace(factor, gco2_kwh=min(max(value, factor.low_gco2_kwh), factor.high_gco2_kwh))
