"""Aligned columns of text, and ages and figures in words."""

from collections.abc import Sequence
from typing import Final

MINUTE_S: Final = 60
HOUR_S: Final = 3600
DAY_S: Final = 86_400


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines whose columns have one width each.

    Parameters
    ----------
    rows
        The rows, each with the same number of columns.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def figure(gco2_kwh: float | None) -> str:
    """Return a figure in g/kWh, or that it is unknown."""
    return "unknown" if gco2_kwh is None else f"{gco2_kwh:.0f} g/kWh"


def age(seconds: float | None) -> str:
    """Return an age in the largest unit of which it has two; nothing where there is no age."""
    if seconds is None:
        return ""
    for unit, length_s in (("d", DAY_S), ("h", HOUR_S), ("min", MINUTE_S)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit} old"
    return f"{seconds:.0f} s old"
