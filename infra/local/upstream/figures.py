"""Faults of the figures, for any text format: not a number, negative, missing."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from infra.local.upstream.wire import PayloadFault


def negative(text: str) -> str:
    """Return a negative figure, also for zero."""
    return f"{-abs(float(text)) - 1:g}"


def figure_faults(before: str, after: str = "", *, null: str = "") -> dict[str, PayloadFault]:
    """Return the faults ``nan``, ``negative`` and ``null`` for a text format.

    Parameters
    ----------
    before, after
        Regular expressions for the text before and after a figure.
    null
        How the format writes a missing figure.
    """
    figure = re.compile(rf"({before})(-?\d[\d.eE+-]*)(?={after})")

    def fault_of(change: Callable[[str], str]) -> PayloadFault:
        def fault(body: str, _: Mapping[str, Any]) -> str:
            return figure.sub(lambda match: match[1] + change(match[2]), body)

        return fault

    return {
        "nan": fault_of(lambda _: "NaN"),
        "negative": fault_of(negative),
        "null": fault_of(lambda _: null),
    }
