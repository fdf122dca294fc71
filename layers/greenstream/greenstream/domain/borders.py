"""The borders between ENTSO-E's bidding zones, and the zones outside that deliver over them.

The table is data (``data/borders.json``) and names its sources.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from greenstream.domain.reading import Basis
from greenstream.domain.tables import load


@dataclass(frozen=True, slots=True)
class Border:
    """A border between two zones.

    Parameters
    ----------
    zones
        The names of both zones. The second may be an outer zone.
    eic
        The codes by which the platform knows the two sides. They are not always those of the zones.
    """

    zones: tuple[str, str]
    eic: tuple[str, str]

    @property
    def name(self) -> str:
        """The border's name in messages and in the details of readings."""
        return "-".join(self.zones)


@cache
def borders() -> tuple[Border, ...]:
    """Return every border, in the table's order."""
    return tuple(
        Border(tuple(row["zones"]), tuple(row["eic"])) for row in load("borders.json")["borders"]
    )


@cache
def outer_means_gco2_kwh() -> Mapping[str, Mapping[Basis, float]]:
    """Return the yearly mean of the generation of each outer zone, g/kWh by basis."""
    return {
        row["zone"]: {Basis(basis): float(value) for basis, value in row["gco2_kwh"].items()}
        for row in load("borders.json")["outer"]
    }
