"""Makes readings of a bidding zone's slots: which slots, by which factors, and what "Other" is."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Final

from functions.entsoe.points import NAME
from functions.entsoe.slots import COMPLETE_SHARE, Slot, complete_slots
from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.intensity import FactorTable, factor_tables, mix_intensity
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from greenstream.domain.reading import Basis, Quality, Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ports.provider import Batch

DEFAULT_TABLE: Final = "ENTSOE"
SOLAR, OTHER = "B16", "B20"
MIN_SLOTS: Final = 48
"""The fewest slots from which the solar share of "Other" is learned."""

MIN_R_SQUARED: Final = 0.8
"""The share of the variance of "Other" that the sun must explain."""


def batch_of(
    zone_slots: Sequence[Slot],
    zone: Zone,
    source: Source,
    *,
    fetched_at: datetime,
    after: datetime | None = None,
    simulated: bool = False,
) -> Batch:
    """Return the readings of a zone's newest complete slots, on each basis of the source.

    Operators publish half a day at once. Therefore every slot since ``after`` is read, so that the
    history has no gaps and the mean of an hour rests on the whole hour. A zone of quarter hours
    then costs 8,640 more writes a month (72 slots a day, two bases, two writes) than one slot an
    hour would: 0.03 USD for the five such zones of the table, and 0.23 USD if all 43 zones were
    such.

    Parameters
    ----------
    zone_slots
        The zone's slots, oldest first. The share of "Other" that is solar is learned from them.
    zone, source
        The zone and its source of the slots.
    fetched_at
        When the slots were fetched, in aware UTC.
    after
        The progress marker: the end of the newest slot that is stored. Without one, only the newest
        complete slot is read.
    simulated
        Whether a simulator stands for the platform.

    Returns
    -------
    Batch
        The readings, oldest first, and an error for each that is refused. Its window has those of
        all complete slots that are not refused.

    Raises
    ------
    NoDataError
        When no slot is complete.
    """
    rules = rules_of_source(NAME, zone.zone)
    complete = complete_slots(zone_slots, rules.needed, fetched_at)
    if not complete:
        missing = sorted(
            rules.needed - {fuel for slot in zone_slots for fuel in slot.generation_mw}
        )
        raise NoDataError(
            f"none of the {len(zone_slots)} slots has all main fuels"
            + (f", and none has {' '.join(missing)}" if missing else ""),
            provider=NAME,
            zone=zone.zone,
        )
    missed = [slot for slot in complete[:-1] if after is not None and slot.valid_to > after]
    readings_of = partial(
        _readings_of, zone_slots, zone, source, fetched_at=fetched_at, simulated=simulated
    )
    outcomes = list(readings_of((*missed, complete[-1])))
    return Batch(
        readings=tuple(outcome for outcome in outcomes if isinstance(outcome, Reading)),
        errors=tuple(outcome for outcome in outcomes if isinstance(outcome, InvalidError)),
        window=lambda: (
            outcome for outcome in readings_of(complete) if isinstance(outcome, Reading)
        ),
    )


def _readings_of(
    zone_slots: Sequence[Slot],
    zone: Zone,
    source: Source,
    chosen: Iterable[Slot],
    *,
    fetched_at: datetime,
    simulated: bool,
) -> Iterator[Reading | InvalidError]:
    """Yield the reading of each chosen slot on each basis, or the error that refuses it."""
    rules = rules_of_source(NAME, zone.zone)
    for slot in chosen:
        solar_mw = solar_in_other(zone_slots, slot) if rules.solar_in_other else 0.0
        for basis in source.bases:
            try:
                reading = _reading(slot, solar_mw, zone, source, basis, fetched_at)
                yield replace(reading, simulated=simulated)
            except InvalidError as error:
                yield error


def _reading(
    slot: Slot, solar_mw: float, zone: Zone, source: Source, basis: Basis, fetched_at: datetime
) -> Reading:
    reversible = rules_of_provider(NAME).reversible
    for fuel, mw in slot.generation_mw.items():
        if fuel not in reversible and mw < -COMPLETE_SHARE * slot.total_mw:
            raise InvalidError(
                f"{fuel} makes {mw} MW", reason="negative", provider=NAME, zone=zone.zone
            )
    mix_mw = dict(slot.generation_mw)
    if solar_mw:
        mix_mw[SOLAR] += solar_mw
        mix_mw[OTHER] -= solar_mw
    table = table_of(zone.zone, basis)
    value = mix_intensity(mix_mw, table, provider=NAME, zone=zone.zone)
    # What is attributed to solar is an estimate, so the bounds and the coverage do without it.
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


def solar_in_other(zone_slots: Sequence[Slot], slot: Slot) -> float:
    """Return the part of "Other" that rises and falls with the metered solar power.

    Solar systems that are too small for the operator's meters are reported under "Other", together
    with cogeneration. A linear regression of "Other" on the metered solar power separates them: the
    slope gives the solar part, and the rest of "Other" stays unknown. Nothing is attributed where
    the sun explains less than 80 % of the variance, as in dark weeks.

    The attributed part changes only the value, which is marked as estimated. The coverage still
    counts the fuels with a known factor. At the recorded noon of 2024-09-02 it is 0.26, and would
    be 0.83 with the estimate, so that the answer says ``live_partial`` and shows the bounds. A noon
    with a coverage below `reading.MIN_COVERAGE` is refused as ``low_coverage``.

    Parameters
    ----------
    zone_slots
        The slots that the regression is made of.
    slot
        The slot whose "Other" is divided.

    Returns
    -------
    float
        MW, between 0 and the slot's "Other".
    """
    pairs = [
        (past.generation_mw[SOLAR], past.generation_mw[OTHER])
        for past in zone_slots
        if SOLAR in past.generation_mw and OTHER in past.generation_mw
    ]
    if len(pairs) < MIN_SLOTS or not {SOLAR, OTHER} <= slot.generation_mw.keys():
        return 0.0
    sun, other = zip(*pairs, strict=True)
    try:
        slope, _ = statistics.linear_regression(sun, other)
        r_squared = statistics.correlation(sun, other) ** 2
    except statistics.StatisticsError:  # one of the two is constant
        return 0.0
    if slope <= 0 or r_squared < MIN_R_SQUARED:
        return 0.0
    return min(max(slope * slot.generation_mw[SOLAR], 0.0), max(slot.generation_mw[OTHER], 0.0))


def table_of(zone: str, basis: Basis) -> FactorTable:
    """Return a zone's factors: those published for it, and the platform's for all other fuels."""
    tables: Mapping[tuple[str, Basis], FactorTable] = factor_tables()
    common, own = tables[DEFAULT_TABLE, basis], tables.get((zone, basis))
    if own is None:
        return common
    return replace(own, factors={**common.factors, **own.factors})
