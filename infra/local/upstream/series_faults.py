"""Faults of a series that is well written and wrong: it repeats itself, lacks half, or jumps."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

FROZEN_SLOTS = 8
"""How many of the newest slots repeat the slot before them."""

JUMP = 100
"""The factor of the one impossible value."""

Row = dict[str, Any]
RowsFault = Callable[[Sequence[Row]], list[Row]]


def rows_faults(slot: str, fuel: str, mw: str, jumps: str) -> Mapping[str, RowsFault]:
    """Return the faults ``half_mix``, ``frozen`` and ``spike`` for a list of rows.

    Parameters
    ----------
    slot, fuel, mw
        The names of the members of a row that hold its slot, its fuel and its power. The slots sort
        by time.
    jumps
        The fuel whose power in the newest slot is `JUMP` times too great under ``spike``.
    """

    def half_mix(rows: Sequence[Row]) -> list[Row]:
        names = sorted({row[fuel] for row in rows})
        return [row for row in rows if row[fuel] in names[::2]]

    def frozen(rows: Sequence[Row]) -> list[Row]:
        slots = sorted({row[slot] for row in rows})
        if len(slots) <= FROZEN_SLOTS:
            return list(rows)
        last = {row[fuel]: row[mw] for row in rows if row[slot] == slots[-1 - FROZEN_SLOTS]}
        stands = set(slots[-FROZEN_SLOTS:])
        return [row | {mw: last[row[fuel]]} if row[slot] in stands else row for row in rows]

    def spike(rows: Sequence[Row]) -> list[Row]:
        newest = max((row[slot] for row in rows), default=None)
        return [
            row | {mw: float(row[mw]) * JUMP} if (row[slot], row[fuel]) == (newest, jumps) else row
            for row in rows
        ]

    return {"half_mix": half_mix, "frozen": frozen, "spike": spike}
