"""Reads NESO's generation mixes, which every published figure of a region follows from."""

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final, NamedTuple

from greenstream.domain.intensity import publisher_tables
from greenstream.domain.reading import Basis

NUMBER: Final = (int, float)
WHOLE_PERCENT: Final = 100
IMPORTS: Final = "imports"
"""NESO's name of what is imported."""

ROUNDED_PERCENT: Final = 0.5
"""How far the shares of a whole mix may be from 100 % together. Each of the nine is rounded to one
decimal, and 954 published mixes of 2022, 2023 and 2026 sum to 99.8 to 100.2 %."""


class Shares(NamedTuple):
    """What a generation mix says about the figure beside it.

    Parameters
    ----------
    burnt_gco2_kwh
        What the combustion inside Great Britain emits, in g per kWh of the whole mix.
    percent
        The shares in per cent, by NESO's name of the fuel. A share that cannot be read is absent.
    whole_percent
        The sum of all shares in per cent, or ``None`` when the mix is absent or a share in it
        cannot be read.
    """

    burnt_gco2_kwh: float
    percent: Mapping[str, float]
    whole_percent: float | None

    @property
    def imports_percent(self) -> float:
        """The share that is imported, in per cent."""
        return self.percent.get(IMPORTS, 0.0)

    @property
    def is_whole(self) -> bool:
        """Whether the mix names all that was generated."""
        whole = self.whole_percent
        return whole is not None and abs(whole - WHOLE_PERCENT) <= ROUNDED_PERCENT

    def implied_import_gco2_kwh(self, published_gco2_kwh: float) -> float | None:
        """Return what NESO counted for a kWh of imports, g/kWh, in the figure that it published.

        Its figure is the sum of the shares times its factors, without a term for losses, so that
        what the other fuels leave is the imports' part. ``None`` where nothing is imported.
        """
        if self.imports_percent <= 0:
            return None
        rest_gco2_kwh = published_gco2_kwh - self.burnt_gco2_kwh
        return rest_gco2_kwh / self.imports_percent * WHOLE_PERCENT


NOTHING: Final = Shares(0.0, MappingProxyType({}), None)


def shares_of(mix: object) -> Shares:
    """Read a member ``generationmix``. Shares that are no percentage are left out."""
    if not isinstance(mix, list) or not mix:
        return NOTHING
    factors = _combustion_gco2_kwh()
    weighted = whole = 0.0
    percent: defaultdict[str, float] = defaultdict(float)
    readable = True
    for entry in mix:
        named = entry if isinstance(entry, dict) else {}
        fuel, perc = named.get("fuel"), named.get("perc")
        if (
            not isinstance(fuel, str)
            or isinstance(perc, bool)  # which is a number to Python
            or not isinstance(perc, NUMBER)
            or not 0 <= perc <= WHOLE_PERCENT
        ):
            readable = False
            continue
        whole += perc
        percent[fuel] += perc
        if fuel in factors:
            weighted += factors[fuel] * perc
    return Shares(weighted / WHOLE_PERCENT, percent, whole if readable else None)


@cache
def _combustion_gco2_kwh() -> dict[str, float]:
    """Return NESO's own factors, g/kWh, of the fuels that are burnt inside Great Britain."""
    factors = publisher_tables()["neso", Basis.DIRECT].factors
    return {
        fuel: factor.gco2_kwh
        for fuel, factor in factors.items()
        if factor.gco2_kwh is not None and factor.neighbour is None
    }


@cache
def link_gco2_kwh() -> dict[str, float]:
    """Return NESO's own factors, g/kWh, of the imports that it names, by the zone behind them."""
    factors = publisher_tables()["neso", Basis.DIRECT].factors
    return {
        factor.neighbour: factor.gco2_kwh
        for factor in factors.values()
        if factor.neighbour is not None and factor.gco2_kwh is not None
    }
