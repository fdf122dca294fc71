"""What a kWh that a grid imports emits: the links' power and the figures of the grids behind them.

Pure. A link is a cable to another grid.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from greenstream.domain.intensity import Factor

LEAST_MW: Final = 0.0
"""A link imports above this power. Below it, it exports, which is generation of the own grid."""


class Link(NamedTuple):
    """A link during an interval: its mean power in MW, imports above zero, and its factor.

    The factor is that of the grid behind the link, and has a value.
    """

    mw: float
    factor: Factor


class ImportFactors(NamedTuple):
    """The factor of a grid's imports, g/kWh, with its bounds.

    Parameters
    ----------
    of_grid
        For the grid as a whole, which imports through all links. Its bounds are those of the
        grids behind the links, by the links' power.
    of_part
        For a part of the grid. Which links a part draws from is not known, so the value is the
        grid's, and the bounds are those of the cleanest and the dirtiest importing link.
    """

    of_grid: Factor
    of_part: Factor


def import_factors(links: Iterable[Link]) -> ImportFactors | None:
    """Return the factors of the imports through some links; ``None`` where no link imports."""
    importing = [link for link in links if link.mw > LEAST_MW]
    whole_mw = sum(link.mw for link in importing)
    if not importing:
        return None

    def mean(gco2_kwh: Iterable[float | None]) -> float:
        weighed = zip(importing, gco2_kwh, strict=True)
        return sum(link.mw * (figure or 0.0) for link, figure in weighed) / whole_mw

    factors = [link.factor for link in importing]
    value = mean(factor.gco2_kwh for factor in factors)
    return ImportFactors(
        of_grid=_around(
            value,
            mean(factor.low_gco2_kwh for factor in factors),
            mean(factor.high_gco2_kwh for factor in factors),
        ),
        of_part=_around(
            value,
            min(factor.low_gco2_kwh for factor in factors),
            max(factor.high_gco2_kwh for factor in factors),
        ),
    )


def _around(gco2_kwh: float, low_gco2_kwh: float, high_gco2_kwh: float) -> Factor:
    """Return a factor whose bounds hold its value, which rounding may have carried past them."""
    return Factor(gco2_kwh, min(low_gco2_kwh, gco2_kwh), max(high_gco2_kwh, gco2_kwh))
