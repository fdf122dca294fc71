"""Search of places and zones by what a person types: names nearly right, and cities.

Only a name that nothing has comes here, so that the usual question loads none of it.
"""

import contextlib
import difflib
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from greenstream.domain.latency import great_circle_km
from greenstream.domain.places import PlaceKind, Pop, UnknownPlaceError, place, places
from greenstream.domain.zones import zones

MOST: Final = 5
"""How many near names are given at most."""

LIKENESS: Final = 0.7
"""From which likeness (difflib's ratio, 0 to 1) a name counts as near."""

SHORT: Final = 4
"""Letters of a name up to which names that differ from it in one letter are near too. For so few
letters difflib's ratio misses them: that of nyx and nyc is 0.67."""

BEGINNING: Final = 2
"""Letters of a name from which names that begin with it are near (``Germany`` and Luxembourg)."""

SAME_CITY_KM: Final = 120.0
"""How far apart the places of one city may be: an airport lies outside of its city."""

_ORDER: Final = (PlaceKind.POP, PlaceKind.REGION, PlaceKind.COLO)
"""Which row says where a city is: POPs and regions stand in the city, colos at its airport."""


class AmbiguousPlaceError(ValueError):
    """Several cities that are far from each other have the name."""


def origin(text: str) -> tuple[float, float]:
    """Return the position (degrees north and east) of a place or of a city that has places.

    Raises
    ------
    UnknownPlaceError
        When nothing has the name.
    AmbiguousPlaceError
        When cities far from each other have the name.
    """
    try:
        known = place(text)
    except UnknownPlaceError:
        here = _by_city().get(_folded(text), ())
        if not here:
            raise
        if _width_km(here) > SAME_CITY_KM:
            raise AmbiguousPlaceError(text) from None
        known = min(here, key=lambda known_place: _ORDER.index(known_place.kind))
    return known.lat, known.lon


def cities() -> tuple[str, ...]:
    """Return the names of cities that `origin` knows, in small letters without accents, sorted."""
    by_city = _by_city()
    return tuple(sorted(city for city in by_city if _width_km(by_city[city]) <= SAME_CITY_KM))


def near(text: str, *, most: int = MOST) -> tuple[str, ...]:
    """Return the names that may have been meant: the places of a city, else names alike."""
    folded = _folded(text)
    if here := _by_city().get(folded, ()):
        return tuple(known.pop for known in here[:most])
    by_alias = _aliases()
    alike = _alike(folded, by_alias, most=3 * most)
    return tuple(dict.fromkeys(name for alias in alike for name in by_alias[alias]))[:most]


def near_zones(text: str, *, most: int = MOST) -> tuple[str, ...]:
    """Return the zones that may have been meant: those of a place of that name, else names alike.

    A zone is alike by its own name (``ENTSOE_NL``, or ``NL`` alone), by the name of its grid
    (``Netherlands``), by what its providers call it (``US-CAL-CISO``, ``CISO``) and by the code of
    its country, of which the zone with the shortest name comes first: a whole before its parts.
    """
    folded = _folded(text)
    by_alias = _zone_aliases()
    meant = sorted(by_alias.get(folded, ()), key=len)
    with contextlib.suppress(UnknownPlaceError):
        meant += [entry.zone for entry in place(text).zones]
    meant += [entry.zone for here in _by_city().get(folded, ()) for entry in here.zones]
    if not meant:
        alike = _alike(folded, by_alias, most=3 * most)
        meant = [zone for alias in alike for zone in by_alias[alias]]
    return tuple(dict.fromkeys(meant))[:most]


def of_zone(name: str, *, most: int = MOST) -> tuple[str, ...]:
    """Return places of which the named zone is the first: those that stand on its grid."""
    on_grid = (known.pop for known in places().values() if known.zones[0].zone == name)
    return tuple(on_grid)[:most]


def country(text: str) -> str | None:
    """Return the country (ISO 3166-1 code) that a text names, by the names of its zones."""
    folded = _folded(text)
    countries = {
        zone.country
        for zone in zones().values()
        if f"{_folded(zone.name.replace(',', ' '))} ".startswith(f"{folded} ")
    }
    return countries.pop() if len(countries) == 1 else None


def _alike(folded: str, aliases: Collection[str], *, most: int) -> Sequence[str]:
    """Return the names that are like a text or begin with it.

    Of a short text these are also the names that differ in one letter.
    """
    alike = []
    if len(folded) >= BEGINNING:
        alike = [alias for alias in aliases if alias.startswith(f"{folded} ")]
    alike += difflib.get_close_matches(folded, aliases, n=most, cutoff=LIKENESS)
    if len(folded) <= SHORT:
        alike += [alias for alias in aliases if _differ_in_one_letter(alias, folded)]
    return alike


def _differ_in_one_letter(name: str, text: str) -> bool:
    same = sum(map(str.__eq__, name, text))
    return len(name) == len(text) == same + 1 or (name != text and sorted(name) == sorted(text))


@cache
def _by_city() -> Mapping[str, Sequence[Pop]]:
    by_city: dict[str, list[Pop]] = {}
    for known in places().values():
        for city in {_folded(known.name), _folded(known.name.partition(",")[0])}:
            by_city.setdefault(city, []).append(known)
    return by_city


@cache
def _aliases() -> Mapping[str, Sequence[str]]:
    """Return the names of the places by what may be typed for them."""
    by_alias: dict[str, list[str]] = {}
    for alias, name in _named():
        by_alias.setdefault(alias, []).append(name)
    return by_alias


@cache
def _zone_aliases() -> Mapping[str, Sequence[str]]:
    """Return the names of the zones by what may be typed for them."""
    by_alias: dict[str, list[str]] = {}
    for zone in zones().values():
        area = zone.zone.partition("_")[2]
        names = [zone.zone, area, zone.name, zone.name.partition(",")[0], zone.country]
        names += [source.provider_zone for source in zone.sources]
        for alias in dict.fromkeys(_folded(name) for name in names if name):
            by_alias.setdefault(alias, []).append(zone.zone)
    return by_alias


def _named() -> Iterator[tuple[str, str]]:
    for name, known in places().items():
        yield _folded(name), name
        if known.kind is PlaceKind.REGION:
            yield _folded(name.partition(":")[2]), name
        yield _folded(known.name.partition(",")[0]), name


def _folded(text: str) -> str:
    """Return the text in small letters without accents, with one space between words."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return " ".join(plain.lower().replace("-", " ").replace("_", " ").split()) or text


def _width_km(here: Sequence[Pop]) -> float:
    first = here[0]
    return max(great_circle_km(first.lat, first.lon, other.lat, other.lon) for other in here)
