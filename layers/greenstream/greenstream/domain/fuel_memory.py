"""Remembers what a source used to report, for longer than its provider looks back.

A fuel that is absent from all mixes of a window would otherwise be missed by nobody.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import ProviderRules, SourceRules

LIFE: Final = timedelta(days=14)
"""How long a fuel is missed. After that the source counts as one that does not report it any more,
as when a plant was closed."""

DAY: Final = timedelta(days=1)


class LastReport(NamedTuple):
    """What a fuel made when it was last reported, in MW, and when that was (UTC).

    For the sun it is the greatest power of a day.
    """

    mw: float
    at: datetime


class FuelMemory:
    """The last report of each fuel of a source that the source reports all the time.

    These are sun and wind and the fuels that the rules call usual. Other fuels may truly stop
    being reported when their plants stand still.

    Parameters
    ----------
    provider, source
        The rules for all sources of the provider, and for this source.
    """

    def __init__(self, provider: ProviderRules, source: SourceRules) -> None:
        self._solar = provider.solar
        usual = source.usual | source.needed_by_day | provider.solar | provider.wind
        self._fuels = usual - provider.storage
        self._last: dict[str, LastReport] = {}

    def learn(self, mixes: Sequence[Mix]) -> None:
        """Remember what mixes report that are believed, oldest first."""
        left = set(self._fuels - self._solar)
        for mix in reversed(mixes):  # of these fuels only the last report counts
            if not left:
                break
            for fuel in left & mix.generation_mw.keys():
                self._learn(fuel, LastReport(mix.generation_mw[fuel], mix.valid_from))
                left.remove(fuel)
        for fuel in self._fuels & self._solar:
            for mix in mixes:
                if fuel in mix.generation_mw:
                    self._learn(fuel, LastReport(mix.generation_mw[fuel], mix.valid_from))

    def knows_only(self, fuels: AbstractSet[str]) -> bool:
        """Return whether these are all the fuels that are remembered, or more."""
        return self._last.keys() <= fuels

    def learn_carried(self, carried: Mapping[str, LastReport]) -> None:
        """Remember what an earlier process carried on in a stored reading (see `carried_by`)."""
        for fuel, report in carried.items():
            if fuel in self._fuels:
                self._learn(fuel, report)

    def absent_mw(self, mix: Mix, sunlight: Callable[[Mix], float]) -> dict[str, float]:
        """Return what the fuels that a mix lacks are likely to make, in MW.

        A mix from before the last report of a fuel lacks it too: when a feed loses a fuel, it loses
        it in the past that it repeats as well, and that is no correction.

        Parameters
        ----------
        mix
            The mix.
        sunlight
            Returns the share of its greatest power that the sun has at least in a mix: 0 at night
            and 1 by day.
        """
        return {
            fuel: report.mw * (sunlight(mix) if fuel in self._solar else 1.0)
            for fuel, report in self._absent_from(mix)
            if abs(mix.valid_from - report.at) <= LIFE
        }

    def carried_by(self, mix: Mix) -> dict[str, LastReport]:
        """Return the last reports, made before a mix, of the fuels that it lacks.

        They are to be stored with the mix, so that a new process knows them.
        """
        return {
            fuel: report
            for fuel, report in self._absent_from(mix)
            if timedelta(0) < mix.valid_from - report.at <= LIFE
        }

    def _absent_from(self, mix: Mix) -> Iterator[tuple[str, LastReport]]:
        """Yield the last report of each fuel that a mix lacks and that made something."""
        if self._last.keys() <= mix.generation_mw.keys():  # mostly nothing is lost
            return
        for fuel, report in self._last.items():
            if report.mw > 0 and fuel not in mix.generation_mw:
                yield fuel, report

    def _learn(self, fuel: str, report: LastReport) -> None:
        known = self._last.get(fuel)
        if known is not None:
            later = report.at - known.at
            if fuel in self._solar:
                if later < DAY and not (report.mw >= known.mw and later > -DAY):
                    return
            elif later < timedelta(0):
                return
        self._last[fuel] = report
