"""Puts together the two areas of the Southwest Power Pool.

Each area has a file of its own, in which slots are missing. Where one of the two files lacks a
slot, the library's sum is the other area alone, and looks like the whole. Here such a slot is
refused.
"""

from collections.abc import Iterable, Mapping

import pandas as pd

from greenstream.domain.mix import Refusal

AREAS = ("SPP", "SWPW")


def table_of(by_area: pd.DataFrame) -> tuple[pd.DataFrame, dict[pd.Timestamp, Refusal]]:
    """Add up the areas in each slot that both have.

    Parameters
    ----------
    by_area
        The library's table with a row for each slot and area (``BAA``). It takes SPP's stamps for
        the start of a slot; they are its end, since SPP's file of a year begins five minutes after
        midnight and ends at midnight.

    Returns
    -------
    tuple
        MW by fuel in a row for each slot, which the stamp (``Time``) ends, and the refusals of
        slots by their stamp: ``missing_fuel`` where an area lacks the slot.
    """
    fuels = [
        column for column in by_area if column not in {"BAA", "Interval Start", "Interval End"}
    ]
    mixes: dict[pd.Timestamp, dict[str, float]] = {}
    areas: dict[pd.Timestamp, set[str]] = {}
    for row in by_area.to_dict("records"):
        mw = {str(fuel): float(row[fuel]) for fuel in fuels if not pd.isna(row[fuel])}
        if not mw:
            continue
        stamp = row["Interval Start"]
        areas.setdefault(stamp, set()).add(row["BAA"])
        mixes[stamp] = _sum([mixes.get(stamp, {}), mw])
    frame = pd.DataFrame(list(mixes.values()))
    frame.insert(0, "Time", pd.Series(list(mixes)))
    refusals = {
        stamp: Refusal("missing_fuel", f"the slot has no figures of {', '.join(lacking)}")
        for stamp, here in areas.items()
        if (lacking := [area for area in AREAS if area not in here])
    }
    return frame.sort_values("Time", ignore_index=True), refusals


def _sum(mixes: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = {}
    for mix in mixes:
        for fuel, mw in mix.items():
            total[fuel] = total.get(fuel, 0.0) + mw
    return total
