"""Reads ERCOT's dashboard of the fuel mix.

The answer has the stamps of yesterday and today, each with its fuels. A stamp is four seconds or
two before the end of its interval. The operator sometimes gives one interval under two stamps a few
seconds apart, out of order, and divides the fuels between them; the library makes two rows with
holes of it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pandas as pd

from greenstream.domain.mix import Refusal

PARTS_OF_STORAGE: Final = frozenset({"Power Storage Charging", "Power Storage Discharging"})
"""What the answer has since autumn 2026 beside ``Power Storage``, which is their sum."""

HALF_A_MINUTE: Final = timedelta(seconds=30)


def table_of(document: Mapping[str, Any]) -> tuple[pd.DataFrame, dict[pd.Timestamp, Refusal]]:
    """Read an answer of ERCOT.

    Parameters
    ----------
    document
        The parsed answer.

    Returns
    -------
    tuple
        MW by fuel in a row for each interval, which the stamp (``Time``) ends, and the refusals of
        intervals by their stamp: ``contradiction`` for a fuel with two figures.

    Raises
    ------
    KeyError, TypeError, ValueError, AttributeError
        When the answer has another form.
    """
    mixes: dict[pd.Timestamp, dict[str, float]] = {}
    refusals: dict[pd.Timestamp, Refusal] = {}
    for stamps in document["data"].values():
        for text, fuels in stamps.items():
            stamp = _end(text)
            mix = mixes.setdefault(stamp, {})
            for fuel, entry in fuels.items():
                mw = entry.get("gen")
                if fuel in PARTS_OF_STORAGE or mw is None:
                    continue
                if mix.setdefault(fuel, mw) != mw:
                    refusals[stamp] = Refusal(
                        "contradiction", f"{fuel} is {mix[fuel]:g} and {mw:g} MW"
                    )
    frame = pd.DataFrame(list(mixes.values()))
    frame.insert(0, "Time", pd.to_datetime(pd.Series(list(mixes), dtype="object"), utc=True))
    return frame.sort_values("Time", ignore_index=True), refusals


def _end(text: str) -> pd.Timestamp:
    """Return the whole minute next to a stamp, which is the end of its interval."""
    near = datetime.strptime(text, "%Y-%m-%d %H:%M:%S%z").astimezone(UTC) + HALF_A_MINUTE
    return pd.Timestamp(near.replace(second=0))
