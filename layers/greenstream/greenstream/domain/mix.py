"""The mix of a source: the power of each fuel in one interval, and why a mix is refused."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

NOTHING: Final[Mapping[str, float]] = MappingProxyType({})


class Refusal(NamedTuple):
    """Why a mix is not believed: the name it is counted under, and what is wrong in words."""

    reason: str
    message: str


class Mix(NamedTuple):  # a run makes thousands, and a dataclass takes longer to make
    """The mean power by fuel in one interval.

    Parameters
    ----------
    valid_from, valid_to
        The interval, in aware UTC.
    generation_mw, consumption_mw
        Mean MW by fuel. Consumption is reported, but no rule uses it: storage that is absent is
        idle anyway, and no other plant stands still because its stations draw power.
    refusal
        Why the parser could not make sense of a figure in this interval. ``None`` where it could.
    """

    valid_from: datetime
    valid_to: datetime
    generation_mw: Mapping[str, float]
    consumption_mw: Mapping[str, float] = NOTHING
    refusal: Refusal | None = None

    @property
    def total_mw(self) -> float:
        """The sum of all generation above zero, in MW."""
        return sum(mw for mw in self.generation_mw.values() if mw > 0)
