"""Carries what a source used to report from one process to the next, in its stored readings."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from greenstream.domain.fuel_memory import FuelMemory, LastReport
from greenstream.domain.mix import Mix
from greenstream.domain.reading import Reading
from greenstream.ingest.stored_slots import fuel_mw_of

LAST_REPORTED_MW: Final = "last_reported_mw"
"""The member of a reading's detail with the last report of each fuel that its mix lacks: MW, and
when that was."""


def carrying(memory: FuelMemory, reading: Reading) -> Reading:
    """Return a reading that carries on what is remembered of the fuels that its mix lacks."""
    mix = mix_of(reading)
    carried = memory.carried_by(mix) if mix else {}
    if not carried:
        return reading
    written = {fuel: [report.mw, report.at.isoformat()] for fuel, report in carried.items()}
    return replace(reading, detail={**reading.detail, LAST_REPORTED_MW: written})


def learn_stored(memory: FuelMemory, stored: Iterable[Reading]) -> None:
    """Let a memory learn from stored readings, oldest first, what their source used to report.

    A detail that is damaged is skipped.
    """
    for reading in stored:
        memory.learn_carried(_carried_by(reading))
        if mix := mix_of(reading):
            memory.learn([mix])


def mix_of(reading: Reading) -> Mix | None:
    """Return the mix that a reading was made of, or ``None`` where its detail has none."""
    fuel_mw = fuel_mw_of(reading)
    return None if fuel_mw is None else Mix(reading.valid_from, reading.valid_to, fuel_mw)


def _carried_by(reading: Reading) -> dict[str, LastReport]:
    carried = reading.detail.get(LAST_REPORTED_MW)
    if not isinstance(carried, Mapping):
        return {}
    try:
        return {
            fuel: LastReport(float(mw), datetime.fromisoformat(at).astimezone(UTC))
            for fuel, (mw, at) in carried.items()
        }
    except (TypeError, ValueError):
        return {}
