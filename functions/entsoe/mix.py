"""Makes readings of a bidding zone's slots: which slots, by which factors, and what "Other" is."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from functions.entsoe.points import NAME, invalid
from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.fuel_memory import FuelMemory
from greenstream.domain.intensity import FactorTable, mix_intensity, table_over
from greenstream.domain.judging import Judged, judge
from greenstream.domain.mix import Mix, Refusal
from greenstream.domain.other_sun import NO_SUN, SunInOther, sun_in_other
from greenstream.domain.plausibility import SourceRules, rules_of_provider, rules_of_source
from greenstream.domain.reading import Basis, Quality, Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ingest.last_reports import carrying
from greenstream.ingest.stored_slots import ZoneSlots
from greenstream.ingest.week_means import MixFactors, WeekMeans
from greenstream.ports.provider import Batch

DEFAULT_TABLE: Final = "ENTSOE"
SOLAR, OTHER = "B16", "B20"


class Known(NamedTuple):
    """What is known of a zone: its stored window, what it used to report, and its last week."""

    stored: ZoneSlots
    memory: FuelMemory
    week: WeekMeans


def batch_of(
    zone_slots: Sequence[Mix],
    zone: Zone,
    source: Source,
    *,
    fetched_at: datetime,
    known: Known | None = None,
    simulated: bool = False,
) -> Batch:
    """Return the readings of a zone's slots that can be believed and are not stored yet.

    Operators publish half a day at once, and correct what they have published. Therefore every slot
    is read that is missing in the store or has changed, so that the history has no gaps and the
    mean of an hour rests on the whole hour. The newest slot is always read. A zone of quarter hours
    then costs 8,640 more writes a month (72 slots a day, two bases, two writes) than one slot an
    hour would: 0.03 USD for the five such zones of the table, and 0.23 USD if all 44 zones were
    such.

    Parameters
    ----------
    zone_slots
        The zone's slots, oldest first. Each is judged by the zone's rules and by the slots before
        it, and the share of "Other" that is solar is learned from them.
    zone, source
        The zone and its source of the slots.
    fetched_at
        When the slots were fetched, in aware UTC. Slots that have not ended are not read: with
        curve A03 a Period may repeat its last value into the future.
    known
        What is known of the zone from earlier runs; it learns what the slots report that are
        believed. While nothing is stored, only the newest slot that is believed is read.
    simulated
        Whether a simulator stands for the platform.

    Returns
    -------
    Batch
        The readings, oldest first, and an error for each that is refused. Slots that are refused
        for one reason have one error together. Its window has those of all slots that are not
        refused.

    Raises
    ------
    NoDataError
        When no slot has ended.
    """
    ended = [slot for slot in zone_slots if slot.valid_to <= fetched_at]
    if not ended:
        raise NoDataError(
            f"none of the {len(zone_slots)} slots has ended", provider=NAME, zone=zone.zone
        )
    stored, memory, week = known or Known(
        ZoneSlots(source.kinds, timedelta(0), ()), memory_of(zone), WeekMeans(provider=NAME)
    )
    judged = judge(ended, rules_of_provider(NAME), rules_of_source(NAME, zone.zone), memory=memory)
    believed = [mix for mix, refusal in judged if refusal is None]
    memory.learn(believed)
    open_slots = [
        slot
        for slot in believed[:-1]
        if stored.asks_for(slot.valid_to, fetched_at, slot.generation_mw)
    ]
    chosen = (*open_slots, *believed[-1:])
    after = stored.newest
    unseen = [slot for slot in judged if after is None or not believed or slot.mix.valid_to > after]

    def readings_of(slots: Iterable[Mix]) -> Iterator[Reading | InvalidError]:
        for outcome in _readings_of(believed, zone, source, slots, week, fetched_at=fetched_at):
            if isinstance(outcome, Reading):
                yield replace(carrying(memory, outcome), simulated=simulated)
            else:
                yield outcome

    outcomes = list(readings_of(chosen))
    readings = [outcome for outcome in outcomes if isinstance(outcome, Reading)]
    return Batch(
        readings=tuple(
            reading
            for reading in readings
            if reading.valid_to == believed[-1].valid_to or stored.lacks(reading)
        ),
        acknowledge=partial(
            stored.remember,
            {slot.valid_to: slot.generation_mw for slot in chosen},
            readings,
            fetched_at,
        ),
        errors=(
            *_refusals(unseen, zone.zone),
            *(outcome for outcome in outcomes if isinstance(outcome, InvalidError)),
        ),
        window=lambda: (
            outcome for outcome in readings_of(believed) if isinstance(outcome, Reading)
        ),
    )


def memory_of(zone: Zone) -> FuelMemory:
    """Return a new memory of what a zone reports."""
    return FuelMemory(rules_of_provider(NAME), rules_of_source(NAME, zone.zone))


def _refusals(judged: Iterable[Judged], zone: str) -> Iterator[InvalidError]:
    """Yield one error for each reason, with the words of the newest slot that it refuses."""
    by_reason: dict[str, list[tuple[Mix, Refusal]]] = {}
    for mix, refusal in judged:
        if refusal is not None:
            by_reason.setdefault(refusal.reason, []).append((mix, refusal))
    for reason, slots in by_reason.items():
        newest, refusal = slots[-1]
        others = f", and {len(slots) - 1} before it" if slots[1:] else ""
        slot = f"the slot of {newest.valid_from:%Y-%m-%dT%H:%MZ}{others}"
        yield invalid(f"{slot}: {refusal.message}", reason, zone)


def _readings_of(
    believed: Sequence[Mix],
    zone: Zone,
    source: Source,
    chosen: Iterable[Mix],
    week: WeekMeans,
    *,
    fetched_at: datetime,
) -> Iterator[Reading | InvalidError]:
    """Yield the reading of each chosen slot on each basis, or the error that refuses it."""
    rules = rules_of_source(NAME, zone.zone)
    for slot in chosen:
        sun = solar_in_other(believed, slot, rules)
        for basis in source.bases:
            table = table_of(zone.zone, basis)
            factors = week.factors(zone.zone, table, slot.generation_mw, fetched_at)
            try:
                yield _reading(slot, sun, zone, source, factors, fetched_at)
            except InvalidError as error:
                yield error


def _reading(
    slot: Mix,
    sun: SunInOther,
    zone: Zone,
    source: Source,
    factors: MixFactors,
    fetched_at: datetime,
) -> Reading:
    mix_mw = dict(slot.generation_mw)
    if sun.mw:
        mix_mw[SOLAR] += sun.mw
        mix_mw[OTHER] -= sun.mw
    table, storage = factors
    value = mix_intensity(mix_mw, table, provider=NAME, zone=zone.zone)
    # What is attributed to solar is an estimate, so the bounds and the coverage do without it.
    bounds = mix_intensity(slot.generation_mw, table, provider=NAME, zone=zone.zone)
    return Reading(
        zone=zone.zone,
        provider=NAME,
        provider_zone=source.provider_zone,
        signal=source.signal,
        basis=table.basis,
        scope=source.scope,
        factor_set=GREENSTREAM,
        quality=Quality.ESTIMATED if sun.mw or not sun.known else Quality.MEASURED,
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
            "usual_but_absent": sorted(
                rules_of_source(NAME, zone.zone).usual - slot.generation_mw.keys()
            ),
            "solar_in_other_mw": round(sun.mw, 2),
            "split_of_other_known": sun.known,
            **storage,
            "factors": table.version,
            "unlisted": list(value.unlisted),
        },
    )


def solar_in_other(zone_slots: Sequence[Mix], slot: Mix, rules: SourceRules) -> SunInOther:
    """Return the solar part of a slot's "Other" by a zone's rules: see `other_sun`.

    The part changes only the value, which is marked as estimated. The coverage still counts the
    fuels with a known factor. At the recorded noon of 2024-09-02 it is 0.26, and would be 0.83 with
    the estimate, so that the answer says ``live_partial`` and shows the bounds. A noon with a
    coverage below `reading.MIN_COVERAGE` is refused as ``low_coverage``.
    """
    if not rules.solar_in_other:
        return NO_SUN
    return sun_in_other(zone_slots, slot, solar=SOLAR, other=OTHER, middle=rules.middle)


def table_of(zone: str, basis: Basis) -> FactorTable:
    """Return a zone's factors: those published for it, and the platform's for all other fuels."""
    return table_over(DEFAULT_TABLE, zone, basis)
