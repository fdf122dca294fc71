"""Judges the rows of a grid, and chooses those that can be believed.

The file of a day grows while it is read, so that its last row may be half written. That row gives
way to the one before it, and is no fault. Every other row that is refused has a reason.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from functions.gridstatus.faults import NAME, invalid
from functions.gridstatus.rows import Row
from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.fuel_memory import FuelMemory
from greenstream.domain.holes import holes
from greenstream.domain.intensity import factor_tables
from greenstream.domain.judging import judge
from greenstream.domain.mix import Mix, Refusal
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from greenstream.domain.reading import FUTURE_TOLERANCE, Basis, Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ingest.last_reports import learn_stored, mix_of

OLDEST_ROW: Final = timedelta(hours=23)
"""The age from which on a row is never believed. CAISO's rows name no day, and the library puts a
table whose last stamp is ahead of the clock on the day before."""

PAST: Final = timedelta(hours=26)
"""How far back believed rows are remembered. A row is compared with the same time of the day before
and with the least of a day."""

CUT_RATIO: Final = 0.2
"""The share of its value before up to which a value may be the beginning of a number. A number that
is cut short has at most a tenth of its value, and the value itself may have moved."""

CUT_SHARE: Final = 0.01
"""Only a fuel with more than this share of the mix is looked at for a number that is cut short."""

CUT_STEP: Final = timedelta(minutes=5)
"""The longest step over which values are compared to find a number that is cut short. Over an hour
the sun may really set."""

RENAMED_RATIO: Final = 0.5
RENAMED_SHARE: Final = 0.05
"""A fuel that no factor table names stands for a fuel that is gone where it makes at least this
ratio of what that one made, or this share of the mix where nothing is known of that one."""


class JudgedRow(NamedTuple):
    """A row, the mix that it was judged by, and why it is refused (``None`` if it is believed)."""

    row: Row
    mix: Mix
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Believed:
    """What can be believed of a grid's tables.

    Parameters
    ----------
    rows
        The believed rows of the last 23 hours, oldest first.
    refused
        The refused rows of the last 23 hours, oldest first, each with its error. A last row that
        is half written is not among them.
    mixes
        The mixes of the believed rows, for a later run to judge by.
    """

    rows: tuple[Row, ...]
    refused: tuple[tuple[datetime, InvalidError], ...]
    mixes: tuple[Mix, ...]

    def errors(self, after: datetime | None) -> list[InvalidError]:
        """Return an error for each reason for which rows were refused that are to be reported.

        These are the rows after the progress marker. Without a marker only the rows after the
        newest believed row are reported, since the others were so when they were new.
        """
        since = after or (self.rows[-1].valid_to if self.rows else None)
        return holes(
            (start, error) for start, error in self.refused if since is None or start >= since
        )


class Past:
    """What is known of a grid from earlier runs.

    Parameters
    ----------
    zone, source
        The zone and its source of the rows.
    """

    def __init__(self, zone: Zone, source: Source) -> None:
        self.memory = FuelMemory(rules_of_provider(NAME), rules_of_source(NAME, zone.zone))
        self.mixes: tuple[Mix, ...] = ()
        """The mixes that were believed in the last 26 hours, oldest first."""
        self._listed = _listed(source)

    def remember(self, mixes: Sequence[Mix]) -> None:
        """Remember mixes that are believed, oldest first."""
        if not mixes:
            return
        self.memory.learn(mixes)
        earlier = [mix for mix in self.mixes if mix.valid_from < mixes[0].valid_from]
        newest_to = mixes[-1].valid_to
        self.mixes = tuple(mix for mix in (*earlier, *mixes) if newest_to - mix.valid_to <= PAST)

    def learn(self, stored: Sequence[Reading]) -> None:
        """Remember the mixes of stored readings, oldest first, and what they carry on."""
        learn_stored(self.memory, stored)
        mixes = [mix for mix in map(mix_of, stored) if mix is not None]
        self.remember([mix._replace(generation_mw=self._named(mix)) for mix in mixes])

    def _named(self, mix: Mix) -> dict[str, float]:
        return {fuel: mw for fuel, mw in mix.generation_mw.items() if fuel in self._listed}


def believed(
    all_rows: Sequence[Row], zone: Zone, source: Source, now: datetime, past: Past
) -> Believed:
    """Judge the rows by the rules of the grid and by its past.

    Parameters
    ----------
    all_rows
        The rows, oldest first.
    zone, source
        The zone and its source of the rows.
    now
        Aware UTC.
    past
        What earlier runs have believed. Of its mixes only those from before the rows are used.

    Raises
    ------
    NoDataError
        When fewer than two rows are of the last 23 hours, since a half-written row is recognised by
        the row before it.
    """
    recent = [
        judged
        for judged in _judged(all_rows, source, zone, now, past)
        if now - judged.row.valid_to <= OLDEST_ROW
    ]
    if len(recent) <= 1:
        raise NoDataError(
            f"the table has {len(recent)} usable row{'' if recent else 's'}",
            provider=NAME,
            zone=zone.zone,
        )
    if _is_half_written(recent[-1], recent[-2], now - timedelta(seconds=source.max_age_s)):
        recent.pop()
    return Believed(
        rows=tuple(judged.row for judged in recent if judged.refusal is None),
        refused=tuple(
            (judged.row.valid_from, invalid(refusal.message, refusal.reason, zone.zone))
            for judged in recent
            if (refusal := judged.refusal) is not None
        ),
        mixes=tuple(judged.mix for judged in recent if judged.refusal is None),
    )


def _judged(
    all_rows: Sequence[Row], source: Source, zone: Zone, now: datetime, past: Past
) -> list[JudgedRow]:
    provider, rules = rules_of_provider(NAME), rules_of_source(NAME, zone.zone)
    listed = _listed(source)
    last_mw: dict[str, float] = {}
    mixes: list[Mix] = []
    for row in all_rows:
        mw = _as_listed(row.fuel_mw, listed, rules.needed, last_mw)
        last_mw |= mw
        refusal = row.refusal or _out_of_range(row, provider.greatest_fuel_mw)
        if row.valid_from - now > FUTURE_TOLERANCE:
            refusal = Refusal("future", f"the row at {row.valid_from} is in the future")
        mixes.append(Mix(row.valid_from, row.valid_to, mw, refusal=refusal))
    earlier = [mix for mix in past.mixes if mixes and mix.valid_from < mixes[0].valid_from]
    return [
        JudgedRow(row, mix, refusal)
        for row, (mix, refusal) in zip(
            all_rows, judge(mixes, provider, rules, before=earlier, memory=past.memory), strict=True
        )
    ]


def _listed(source: Source) -> Collection[str]:
    return factor_tables()[source.provider_zone, Basis.DIRECT].factors.keys()


def _out_of_range(row: Row, greatest_mw: float) -> Refusal | None:
    for fuel, mw in row.fuel_mw.items():
        if not math.isfinite(mw) or abs(mw) > greatest_mw:
            return Refusal("implausible_mw", f"{fuel} makes {mw:g} MW")
    return None


def _as_listed(
    fuel_mw: Mapping[str, float],
    listed: Collection[str],
    needed: Collection[str],
    last_mw: Mapping[str, float],
) -> dict[str, float]:
    """Return MW by the names that the factor table of the grid has.

    A fuel with a new name counts as the fuels that are gone, if it is large enough for them. A new
    fuel beside all others is left out, since the rows before it did not lack it.
    """
    here = {fuel: mw for fuel, mw in fuel_mw.items() if fuel in listed}
    new_mw = sum(mw for fuel, mw in fuel_mw.items() if fuel not in listed and mw > 0)
    gone = [fuel for fuel in {*needed, *last_mw} if fuel not in here]
    if not new_mw or not gone or not math.isfinite(new_mw):
        return here
    weights = {fuel: max(0.0, last_mw.get(fuel, 0.0)) for fuel in gone}
    total_mw = sum(weights.values())
    if total_mw:
        stands_for = new_mw >= RENAMED_RATIO * total_mw
    else:
        whole_mw = new_mw + sum(mw for mw in here.values() if mw > 0)
        stands_for = new_mw >= RENAMED_SHARE * whole_mw
        weights, total_mw = dict.fromkeys(gone, 1.0), float(len(gone))
    if stands_for:
        here |= {fuel: new_mw * weight / total_mw for fuel, weight in weights.items()}
    return here


def _is_half_written(last: JudgedRow, before: JudgedRow, live_since: datetime) -> bool:
    """Return whether the last row is still being written, so that it gives way to the one before.

    It then lacks fuels, or ends in the middle of a number. When fuels are missing and the row
    before is not live any more, the last row has had its time.
    A row that is refused as `false_zero` gives way only where a number above 0 is cut short.
    """
    if before.refusal is not None:
        return False
    if last.refusal is not None and last.refusal.reason != "false_zero":
        return last.refusal.reason == "missing_fuel" and before.row.valid_to >= live_since
    return last.row.valid_to - before.row.valid_to <= CUT_STEP and any(
        mw > CUT_SHARE * before.row.generation_mw
        and 0 <= (here := last.row.fuel_mw.get(fuel, mw)) <= CUT_RATIO * mw
        and (here > 0 or last.refusal is None)
        for fuel, mw in before.row.fuel_mw.items()
    )
