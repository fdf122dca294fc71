"""Residency: in which countries a request may be served.

The groups of countries are data (``data/country_groups.json``), and each row names its source.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from greenstream.domain.places import places
from greenstream.domain.tables import load


class UnknownCountryError(ValueError):
    """A name is neither a country that has a place nor a group of countries."""


@cache
def country_groups() -> Mapping[str, frozenset[str]]:
    """Return the countries (ISO 3166-1 codes) of each group, by its name."""
    rows = load("country_groups.json")["groups"]
    return {row["group"]: frozenset(row["countries"]) for row in rows}


@cache
def known_countries() -> frozenset[str]:
    """Return the countries that have a place."""
    return frozenset(known.country for known in places().values())


def countries_of(names: Iterable[str]) -> frozenset[str]:
    """Return the countries that a list of countries and groups names, in any case.

    Raises
    ------
    UnknownCountryError
        With the first name that is neither a group nor a country with a place.
    """
    countries: set[str] = set()
    for text in names:
        name = text.upper() if text.isascii() else text
        group = country_groups().get(name)
        if group is None and name not in known_countries():
            raise UnknownCountryError(text)
        countries |= group or {name}
    return frozenset(countries)


@dataclass(frozen=True, slots=True)
class Residency:
    """The countries where requests may be served: ``None`` allows all, ``deny`` comes last."""

    allow: frozenset[str] | None = None
    deny: frozenset[str] = frozenset()

    def permits(self, country: str) -> bool:
        """Return whether a request may be served in the country (an ISO 3166-1 code)."""
        return (self.allow is None or country in self.allow) and country not in self.deny
