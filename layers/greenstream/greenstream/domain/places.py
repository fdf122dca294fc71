"""Places where a request can be served: where they stand and which zones power them.

The table is data (``data/pops.json``), and each row names its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from greenstream.domain.tables import load


@dataclass(frozen=True, slots=True, kw_only=True)
class PopZone:
    """A zone that may answer for a POP; ``proxy`` when it is not the grid the POP draws from."""

    zone: str
    proxy: bool
    proxy_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop:
    """A point of presence: where it stands (degrees) and its zones in order of preference."""

    pop: str
    name: str
    country: str
    lat: float
    lon: float
    zones: tuple[PopZone, ...]
    source: str


SEED_POPS: Final = ("sfo", "lax", "iad", "nyc", "lon", "ams")
"""The POPs a question without ``pops`` is about."""


@cache
def pops() -> Mapping[str, Pop]:
    """Return every POP by its name, in the table's order."""
    return {row["pop"]: _pop(row) for row in load("pops.json")["pops"]}


def _pop(row: Mapping[str, Any]) -> Pop:
    return Pop(
        pop=row["pop"],
        name=row["name"],
        country=row["country"],
        lat=row["lat"],
        lon=row["lon"],
        zones=tuple(
            PopZone(
                zone=entry["zone"],
                proxy=entry["proxy"],
                proxy_reason=entry.get("proxy_reason", ""),
            )
            for entry in row["zones"]
        ),
        source=row["source"],
    )
