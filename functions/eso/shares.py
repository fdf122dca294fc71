"""Reads NESO's generation mixes, which every published figure of a region follows from."""

from functools import cache
from typing import Final, NamedTuple

from greenstream.domain.intensity import publisher_tables
from greenstream.domain.reading import Basis

NUMBER: Final = (int, float)
WHOLE_PERCENT: Final = 100
ROUNDED_PERCENT: Final = 1.0
"""How far the shares of a whole mix may be from 100 % together. Each of the nine is rounded to one
decimal, and 954 published mixes of 2022, 2023 and 2026 sum to 99.8 to 100.2 %."""


class Shares(NamedTuple):
    """What a generation mix says about the figure beside it.

    Parameters
    ----------
    burnt_gco2_kwh
        What the combustion inside Great Britain emits, in g per kWh of the whole mix.
    imports_percent
        The share that is imported, in per cent.
    whole_percent
        The sum of all shares in per cent, or ``None`` when the mix is absent or a share in it
        cannot be read.
    """

    burnt_gco2_kwh: float
    imports_percent: float
    whole_percent: float | None

    @property
    def is_whole(self) -> bool:
        """Whether the mix names all that was generated."""
        whole = self.whole_percent
        return whole is not None and abs(whole - WHOLE_PERCENT) <= ROUNDED_PERCENT


NOTHING: Final = Shares(0.0, 0.0, None)


def shares_of(mix: object) -> Shares:
    """Read a member ``generationmix``. Shares that are no percentage are left out."""
    if not isinstance(mix, list) or not mix:
        return NOTHING
    factors = _combustion_gco2_kwh()
    weighted = imports = whole = 0.0
    readable = True
    for entry in mix:
        named = entry if isinstance(entry, dict) else {}
        fuel, perc = named.get("fuel"), named.get("perc")
        if (
            not isinstance(fuel, str)
            or not isinstance(perc, NUMBER)
            or not 0 <= perc <= WHOLE_PERCENT
        ):
            readable = False
            continue
        whole += perc
        if fuel in factors:
            weighted += factors[fuel] * perc
        elif fuel == "imports":
            imports += perc
    return Shares(weighted / WHOLE_PERCENT, imports, whole if readable else None)


@cache
def _combustion_gco2_kwh() -> dict[str, float]:
    """Return NESO's own factors, g/kWh, of the fuels that are burnt inside Great Britain."""
    factors = publisher_tables()["neso", Basis.DIRECT].factors
    return {
        fuel: factor.gco2_kwh for fuel, factor in factors.items() if factor.gco2_kwh is not None
    }
