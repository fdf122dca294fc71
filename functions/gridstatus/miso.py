"""Reads MISO's fuel mix where the library refuses it as a whole, and checks its sum.

An answer has a line for each interval and category, with the power as text. The library turns it
into a table of eight categories. One that is absent from the answer, an empty figure, a decimal or
a line that comes twice makes it give up the whole answer; here they cost no more than their own
interval.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import pandas as pd

from greenstream.domain.mix import Refusal

EST: Final = timezone(timedelta(hours=-5), "EST")
"""MISO's clock, which has no daylight saving time."""

STAMP: Final = "%Y-%m-%d %I:%M:%S %p"
NEWEST: Final = "%d-%b-%Y - Interval %H:%M EST"
"""How an answer names the interval that its sum is of, which is the newest."""

NOT_INSIDE: Final = "Imports"
"""The category that stands for no generation inside MISO."""

Stamped = dict[pd.Timestamp, dict[str, float]]


def table_of(document: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[pd.Timestamp, Refusal]]:
    """Read an answer of MISO without the library.

    Parameters
    ----------
    document
        The parsed answer.

    Returns
    -------
    tuple
        MW by category in a row for each interval, which the stamp begins, and the refusals of
        intervals by their stamp: ``contradiction`` for a category with two figures,
        ``not_a_number`` for a figure that is no number. An empty figure is a category that was
        not reported.

    Raises
    ------
    KeyError, TypeError, ValueError
        When a line lacks a member or its stamp cannot be read.
    """
    mixes: Stamped = {}
    refusals: dict[pd.Timestamp, Refusal] = {}
    for line in document["Fuel"]["Type"]:
        stamp, category, text = _stamp(line["INTERVALEST"]), line["CATEGORY"], line["ACT"]
        mix = mixes.setdefault(stamp, {})
        if text is None or not str(text).strip():
            continue
        try:
            mw = float(str(text))
        except ValueError:
            refusals[stamp] = Refusal("not_a_number", f"{category} is {str(text)[:40]!r} MW")
            continue
        if mix.setdefault(category, mw) != mw:
            refusals[stamp] = Refusal(
                "contradiction", f"{category} is {mix[category]:g} and {mw:g} MW"
            )
    frame = pd.DataFrame(list(mixes.values()), index=pd.Index(list(mixes), name="Interval Start"))
    return frame.reset_index(), refusals


def refusal_of_sum(document: Mapping[str, Any]) -> Iterator[tuple[pd.Timestamp, Refusal]]:
    """Yield the newest interval and why it is refused, where its sum is not the one that is given.

    ``TotalMW`` is the sum of the categories above zero. Each is rounded to whole MW, so that the
    sum may be off by as many MW as there are categories. An answer without a sum, or whose sum
    names another interval than its lines do, is not checked.

    Parameters
    ----------
    document
        The parsed answer, of which the lines can be read.
    """
    try:
        total_mw = float(str(document["TotalMW"]))
        newest = pd.Timestamp(datetime.strptime(document["RefId"], NEWEST).replace(tzinfo=EST))
    except (KeyError, TypeError, ValueError):
        return
    figures_mw = [
        _mw(line["ACT"])
        for line in document["Fuel"]["Type"]
        if _stamp(line["INTERVALEST"]) == newest
    ]
    sum_mw = sum(mw for mw in figures_mw if mw > 0)
    if figures_mw and abs(sum_mw - total_mw) > len(figures_mw):
        yield (
            newest,
            Refusal(
                "contradiction",
                f"TotalMW is {total_mw:g}, and the figures above zero make {sum_mw:g} MW",
            ),
        )


def _stamp(text: str) -> pd.Timestamp:
    return pd.Timestamp(datetime.strptime(text, STAMP).replace(tzinfo=EST))


def _mw(text: object) -> float:
    """Return MW, and 0 for what is no number: it adds nothing to a sum."""
    try:
        return float(str(text))
    except ValueError:
        return 0.0
