"""What a kWh that a grid imports emits: the links' power and the figures of the grids behind them.

Pure. A link is a cable to another grid.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from greenstream.domain.intensity import Factor


class Link(NamedTuple):
    """A link during an interval: its mean power, imports above zero, and its factor.

    The power is in MW or in any other unit that all links share. The factor is that of the grid
    behind the link, and has a value.
    """

    power: float
    factor: Factor


@dataclass(frozen=True, slots=True)
class ImportFactors:
    """The factors of a grid's imports.

    Parameters
    ----------
    importing
        The links that import, of which there is at least one.
    measured
        Whether their powers are those of the interval. The shares of a year say nothing sure of an
        hour, so that the bounds then are those of the cleanest and the dirtiest link.
    """

    importing: tuple[Link, ...]
    measured: bool = True

    def of_grid(self) -> Factor:
        """Return the factor for the grid as a whole, which imports through all links, g/kWh."""
        if not self.measured:
            return self._within_any_link(self._mean())
        low = _mean((link.power, link.factor.low_gco2_kwh) for link in self.importing)
        high = _mean((link.power, link.factor.high_gco2_kwh) for link in self.importing)
        value = self._mean()
        return Factor(value, min(low, value), max(high, value))

    def of_part(
        self, implied_gco2_kwh: float | None = None, published: Mapping[str, float] | None = None
    ) -> Factor:
        """Return the factor for a part of the grid, g/kWh.

        Which links a part draws from is not known, so that the bounds are those of the cleanest
        and the dirtiest link. The value is the grid's, unless a publisher's figure of the part
        says more: then as much of the link with the greatest (or the least) published factor takes
        the place of the grid's shares as makes the publisher's own factor of the imports come out.

        Parameters
        ----------
        implied_gco2_kwh
            What the publisher counted for a kWh of the part's imports.
        published
            What the publisher counts for each link, g/kWh, by the zone behind it.
        """
        value = self._mean()
        if implied_gco2_kwh is None or published is None:
            return self._within_any_link(value)

        def counted(link: Link) -> float:
            return published[link.factor.neighbour or ""]

        whole = _mean((link.power, counted(link)) for link in self.importing)
        choose = max if implied_gco2_kwh > whole else min
        most = choose(counted(link) for link in self.importing)
        if most == whole:
            return self._within_any_link(value)
        moved = min(1.0, (implied_gco2_kwh - whole) / (most - whole))
        there = _mean(
            (link.power, link.factor.gco2_kwh or 0.0)
            for link in self.importing
            if counted(link) == most
        )
        return self._within_any_link(value + moved * (there - value))

    def _mean(self) -> float:
        return _mean((link.power, link.factor.gco2_kwh or 0.0) for link in self.importing)

    def _within_any_link(self, gco2_kwh: float) -> Factor:
        """Return a factor with the bounds of any link; rounding may have carried it past them."""
        low = min(link.factor.low_gco2_kwh for link in self.importing)
        high = max(link.factor.high_gco2_kwh for link in self.importing)
        return Factor(min(max(gco2_kwh, low), high), low, high)


def import_factors(links: Iterable[Link], *, measured: bool = True) -> ImportFactors | None:
    """Return the factors of the imports through some links; ``None`` where no link imports."""
    importing = tuple(link for link in links if link.power > 0)
    return ImportFactors(importing, measured) if importing else None


def _mean(weighed: Iterable[tuple[float, float]]) -> float:
    """Return the mean of figures, each after its weight."""
    pairs = list(weighed)
    return sum(power * figure for power, figure in pairs) / sum(power for power, _ in pairs)
