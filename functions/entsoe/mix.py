"""From a bidding zone's slots to its readings: which slot, which factors, what "Other" is."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from functions.entsoe.document import COMPLETE_SHARE, Slot, complete_slots
from functions.entsoe.points import NAME
from greenstream.domain.errors import GreenStreamError, InvalidError, NoDataError
from greenstream.domain.intensity import FactorTable, factor_tables, mix_intensity
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from greenstream.domain.reading import Basis, Quality, Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ports.provider import Batch

DEFAULT_TABLE: Final = "ENTSOE"
SOLAR, OTHER = "B16", "B20"
MIN_SLOTS: Final = 48
MIN_R_SQUARED: Final = 0.8


def batch_of(
    found: Sequence[Slot],
    zone: Zone,
    source: Source,
    *,
    fetched_at: datetime,
    after: datetime | None = None,
    simulated: bool = False,
) -> Batch:
    """Return the readings of a zone's newest complete slot, on each basis of the source.

    Parameters
    ----------
    found
        The zone's slots, oldest first: what the sun explains of "Other" is learned from them.
    after
        End of the slot that was newest last time. Operators publish half a day at once; every
        slot since then comes too, oldest first, so that history has no holes and an hour's mean
        rests on the whole hour. A zone of quarter hours so costs 8,640 more writes a month
        (72 slots a day, two bases, two writes) than one slot an hour would: 0.03 USD for the
        five that the table has, 0.23 were all 43 such.

    Raises
    ------
    NoDataError
        When no slot is complete.
    """
    rules = rules_of_source(NAME, zone.zone)
    complete = complete_slots(found, rules.needed, fetched_at)
    if not complete:
        missing = sorted(rules.needed - {fuel for one in found for fuel in one.generation_mw})
        raise NoDataError(
            f"none of {len(found)} slots has all main fuels"
            + (f"; {' '.join(missing)} in none" if missing else ""),
            provider=NAME,
            zone=zone.zone,
        )
    missed = [slot for slot in complete[:-1] if after is not None and slot.valid_to > after]
    readings: list[Reading] = []
    errors: list[GreenStreamError] = []
    for slot in (*missed, complete[-1]):
        solar_mw = solar_in_other(found, slot) if rules.solar_in_other else 0.0
        for basis in source.bases:
            try:
                reading = _reading(slot, solar_mw, zone, source, basis, fetched_at)
                readings.append(replace(reading, simulated=simulated))
            except InvalidError as error:
                errors.append(error)
    return Batch(readings=tuple(readings), errors=tuple(errors))


def _reading(
    slot: Slot, solar_mw: float, zone: Zone, source: Source, basis: Basis, fetched_at: datetime
) -> Reading:
    reversible = rules_of_provider(NAME).reversible
    for fuel, mw in slot.generation_mw.items():
        if fuel not in reversible and mw < -COMPLETE_SHARE * slot.total_mw:
            raise InvalidError(
                f"{fuel} is {mw} MW", reason="negative", provider=NAME, zone=zone.zone
            )
    mix_mw = dict(slot.generation_mw)
    if solar_mw:
        mix_mw[SOLAR] += solar_mw
        mix_mw[OTHER] -= solar_mw
    table = table_of(zone.zone, basis)
    value = mix_intensity(mix_mw, table, provider=NAME, zone=zone.zone)
    # The share given to solar is an estimate: bounds and coverage hold without it.
    bounds = mix_intensity(slot.generation_mw, table, provider=NAME, zone=zone.zone)
    return Reading(
        zone=zone.zone,
        provider=NAME,
        provider_zone=source.provider_zone,
        signal=source.signal,
        basis=basis,
        scope=source.scope,
        quality=Quality.ESTIMATED if solar_mw else Quality.MEASURED,
        gco2_kwh=value.gco2_kwh,
        gco2_low=min(bounds.gco2_low, value.gco2_kwh),
        gco2_high=max(bounds.gco2_high, value.gco2_kwh),
        valid_from=slot.valid_from,
        valid_to=slot.valid_to,
        fetched_at=fetched_at,
        coverage=bounds.coverage,
        detail={
            "fuel_mw": dict(slot.generation_mw),
            "consumption_mw": dict(slot.consumption_mw),
            "solar_in_other_mw": round(solar_mw, 2),
            "factors": table.version,
            "unlisted": list(value.unlisted),
        },
    )


def solar_in_other(found: Sequence[Slot], slot: Slot) -> float:
    """Return the part of "Other" (MW) that rises and falls with the metered sun.

    Roof and field systems too small for the operator's meters are reported under "Other" there,
    with cogeneration. The window's "Other" is regressed on its metered solar: the slope tells the
    embedded solar from whatever else "Other" is, which stays unknown. Where the sun explains less
    than 80 % of the variance, as in dark weeks, nothing is attributed.

    What it attributes serves the value alone, which is marked as estimated. Coverage counts fuel
    with a known factor, as everywhere: 0.26 at the recorded noon of 2024-09-02 (0.83 with the
    estimate), so the answer says ``live_partial`` and shows the bounds. A noon of less than
    `reading.MIN_COVERAGE` is refused as ``low_coverage``.
    """
    pairs = [
        (one.generation_mw[SOLAR], one.generation_mw[OTHER])
        for one in found
        if SOLAR in one.generation_mw and OTHER in one.generation_mw
    ]
    if len(pairs) < MIN_SLOTS or not {SOLAR, OTHER} <= slot.generation_mw.keys():
        return 0.0
    sun, other = zip(*pairs, strict=True)
    try:
        slope, _ = statistics.linear_regression(sun, other)
        r_squared = statistics.correlation(sun, other) ** 2
    except statistics.StatisticsError:  # one of them never changes
        return 0.0
    if slope <= 0 or r_squared < MIN_R_SQUARED:
        return 0.0
    return min(max(slope * slot.generation_mw[SOLAR], 0.0), max(slot.generation_mw[OTHER], 0.0))


def table_of(zone: str, basis: Basis) -> FactorTable:
    """Return the factors of a zone: its own published ones over those of the whole platform."""
    tables: Mapping[tuple[str, Basis], FactorTable] = factor_tables()
    common, own = tables[DEFAULT_TABLE, basis], tables.get((zone, basis))
    if own is None:
        return common
    return replace(own, factors={**common.factors, **own.factors})
