"""Points of presence (POPs): where a request can be served, and which zones power each place.

The table is data (``data/pops.json``), and each row names its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from greenstream.domain.tables import load


@dataclass(frozen=True, slots=True, kw_only=True)
class PopZone:
    """A zone whose figure may stand for a POP.

    ``proxy`` is true where the POP draws from another grid; ``proxy_reason`` then says why this
    zone stands in, and is empty otherwise.
    """

    zone: str
    proxy: bool
    proxy_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop:
    """A POP: where it stands, and its zones in order of preference.

    ``lat`` and ``lon`` are degrees north and east. ``seed`` is true of the POPs that a question
    which names none is about. ``source`` says how the grid of the place is known.
    """

    pop: str
    name: str
    country: str
    lat: float
    lon: float
    zones: tuple[PopZone, ...]
    source: str
    seed: bool = False


@cache
def pops() -> Mapping[str, Pop]:
    """Return every POP by its name, in the table's order."""
    return {row["pop"]: _pop(row) for row in load("pops.json")["pops"]}


@cache
def seed_pops() -> tuple[str, ...]:
    """Return the names of the POPs that a question which names none is about."""
    return tuple(pop.pop for pop in pops().values() if pop.seed)


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
        seed=row.get("seed", False),
        source=row["source"],
    )
