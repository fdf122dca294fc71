"""Faults of the figures themselves, the same for every format: no number, below zero, nothing."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.upstream.wire import PayloadFault


def below_zero(text: str) -> str:
    """Give the figure with a wrong sign, true zeros included."""
    return f"{-abs(float(text)) - 1:g}"


def figure_faults(before: str, after: str = "", *, null: str = "") -> dict[str, PayloadFault]:
    """Make the faults ``nan``, ``negative`` and ``null`` of a text format.

    Parameters
    ----------
    before, after
        Patterns of what stands on either side of a figure.
    null
        How the format writes that there is none.
    """
    figure = re.compile(rf"({before})(-?\d[\d.eE+-]*)(?={after})")

    def making(change: Callable[[str], str]) -> PayloadFault:
        def fault(body: str, _: Mapping[str, Any]) -> str:
            return figure.sub(lambda found: found[1] + change(found[2]), body)

        return fault

    return {
        "nan": making(lambda _: "NaN"),
        "negative": making(below_zero),
        "null": making(lambda _: null),
    }
