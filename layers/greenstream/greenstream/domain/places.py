"""Places: where a request can come from, and where it can be served.

A place is a POP of the package's own table, a data centre of Cloudflare (colo) or a cloud region.
The tables are data (``data/pops.json``, ``data/colos.json``, ``data/regions.json``), and each row
names its source.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
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


class PlaceKind(StrEnum):
    """From which table a place comes."""

    POP = "pop"
    COLO = "colo"
    REGION = "region"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop:
    """A place where a request can be served: where it stands, and its zones by preference.

    ``pop`` is the name that answers use: that of a POP or a colo's code in small letters (``lon``,
    ``lhr``), or a region with its provider (``aws:eu-west-2``). ``lat`` and ``lon`` are degrees
    north and east. ``seed`` is true of the POPs that a question which names none is about.
    ``source`` says how the grid of the place is known. ``status`` tells public regions from
    others, and is ``None`` for places that are no regions.
    """

    pop: str
    name: str
    country: str
    lat: float
    lon: float
    zones: tuple[PopZone, ...]
    source: str
    seed: bool = False
    kind: PlaceKind = PlaceKind.POP
    status: str | None = None


class UnknownPlaceError(ValueError):
    """No place has the name."""


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
    return {
        row["pop"]: _pop(row, row["pop"], row["name"], row["source"], PlaceKind.POP)
        for row in load("pops.json")["pops"]
    }


@cache
def seed_pops() -> tuple[str, ...]:
    """Return the names of the POPs that a question which names none is about."""
    return tuple(pop.pop for pop in pops().values() if pop.seed)


@cache
def places() -> Mapping[str, Pop]:
    """Return every place by its name: the POPs, then the other colos, then the cloud regions.

    A colo whose code is that of a POP is the same place, and has the POP's row. The tables of
    colos and regions are read at the first call, so that a program which asks about POPs alone
    pays nothing for them.
    """
    colo_rows = {row["colo"].lower(): row for row in load("colos.json")["colos"]}
    return {
        **pops(),
        **{
            name: _pop(row, name, row["city"], row["grid"], PlaceKind.COLO)
            for name, row in colo_rows.items()
            if name not in pops()
        },
        **{
            row["region"]: _pop(row, row["region"], row["name"], row["grid"], PlaceKind.REGION)
            for row in load("regions.json")["regions"]
        },
    }


def place(text: str) -> Pop:
    """Return the place that a name means, in capital or small letters.

    A region's name may lack its provider (``eu-west-2``) where one provider alone has it.

    Raises
    ------
    UnknownPlaceError
        When no place, or more than one, has the name.
    """
    if (known := pops().get(text)) is not None:
        return known
    name = text.lower() if text.isascii() else text
    if (known := pops().get(name) or places().get(name)) is not None:
        return known
    providers = _regions_by_short_name().get(name, ())
    if len(providers) != 1:
        raise UnknownPlaceError(text)
    return places()[providers[0]]


@cache
def _regions_by_short_name() -> Mapping[str, tuple[str, ...]]:
    """Return the regions by their names without the provider."""
    short: dict[str, tuple[str, ...]] = {}
    for name, known in places().items():
        if known.kind is PlaceKind.REGION:
            region = name.partition(":")[2]
            short[region] = (*short.get(region, ()), name)
    return short


def _pop(row: Mapping[str, Any], pop: str, name: str, source: str, kind: PlaceKind) -> Pop:
    return Pop(
        pop=pop,
        name=name,
        country=row["country"],
        lat=row["lat"],
        lon=row["lon"],
        zones=tuple(
            [
                PopZone(
                    zone=entry["zone"],
                    proxy=entry["proxy"],
                    proxy_reason=entry.get("proxy_reason", ""),
                )
                for entry in row["zones"]
            ]
        ),
        seed=row.get("seed", False),
        source=source,
        kind=kind,
        status=row.get("status"),
    )
