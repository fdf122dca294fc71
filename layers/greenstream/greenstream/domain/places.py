"""Places: where a request can come from (colos) and where it can be served (POPs).

The tables are data (``data/colos.json``, ``data/pops.json``), and each row names its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from greenstream.domain.tables import load


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PopZone:
    """A zone whose figure may stand for a POP: an entry of the table, equal only to itself.

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


class Colo(NamedTuple):
    """A data centre of Cloudflare, which receives visitors' requests.

    ``lat`` and ``lon`` are degrees north and east, ``country`` is an ISO 3166-1 code. A colo is a
    tuple because the first question that names one makes all of them, and a tuple takes half of
    the time that a frozen dataclass takes.
    """

    colo: str
    city: str
    country: str
    lat: float
    lon: float


NEAR_COLOS: Final = 5
"""How many near colos an error names unless more are asked for."""


@cache
def colos() -> Mapping[str, Colo]:
    """Return every colo by its code (three capital letters), in the order of the codes.

    The table is read at the first call, so that a program which names no colo pays nothing for it.
    """
    return {
        row["colo"]: Colo(row["colo"], row["city"], row["country"], row["lat"], row["lon"])
        for row in load("colos.json")["colos"]
    }


def near_colos(code: str, *, most: int = NEAR_COLOS) -> list[Colo]:
    """Return the colos whose code may have been meant by a code that is not known.

    Such a code differs in one letter, or has the same letters in another order.
    """
    letters = sorted(code)
    near = [
        colo
        for known, colo in colos().items()
        if sum(map(str.__eq__, known, code)) == len(code) - 1 or sorted(known) == letters
    ]
    return near[:most]


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
