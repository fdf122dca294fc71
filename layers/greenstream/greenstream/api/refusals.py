"""What is wrong with a name that nothing has, in a sentence that names what may have been meant."""

import contextlib
import re
from collections.abc import Callable, Sequence
from typing import Final

from greenstream.domain.places import UnknownPlaceError, colos, near_colos, place, places
from greenstream.domain.residency import (
    UnknownCountryError,
    countries_of,
    country_groups,
    known_countries,
)
from greenstream.domain.zones import UnknownZoneError, zone, zones

_PLAIN: Final = re.compile(r"[\w.:-]{1,40}", re.ASCII)

_SAID: Final = re.compile(r"[\w.,:;|/+° -]{1,40}")
"""What may be sent back of a name: letters of any script and separators, but no markup."""

_OTHER_SEPARATORS: Final = re.compile(r"[;|/+\s]+")
"""What is typed between names in place of a comma. A plus in a query string is a space."""

_BETWEEN_NAMES: Final = re.compile(r"[,;|/+\s]+")
"""What is typed between names where one name is asked for."""


def unknown_parameter(name: str, known: Sequence[str]) -> str:
    """Return what is wrong with a parameter that a path does not take."""
    import difflib  # noqa: PLC0415 - most questions need none

    near = difflib.get_close_matches(name.lower(), known, n=1)
    return f"is not a parameter here; near it is {near[0]}" if near else "is not a parameter here"


def empty_name(example: str) -> str:
    """Return what is wrong with a list in which a name is missing."""
    return f"has an empty name in it; names are separated by commas, as in {example}"


def plain(text: str) -> str:
    """Return the text if it is a plain name, else nothing: markup is not sent back."""
    return text if _PLAIN.fullmatch(text) else ""


def shown(text: str) -> str:
    """Return the text of a name, or words for it where it is none: markup is not sent back."""
    return text if _SAID.fullmatch(text) else "what is given"


def unknown_place(text: str, *, alone: bool = False) -> tuple[tuple[str, ...], str]:
    """Return the names near one that no place has, and what is wrong with it.

    Parameters
    ----------
    text
        The name.
    alone
        Whether one name is asked for, and no list of names.
    """
    from greenstream.domain import place_search  # noqa: PLC0415 - most questions need none

    if not text.strip():
        return (), "is empty" if alone else empty_name("lon,ams")
    if (known := _zone_name(text)) and (near := place_search.of_zone(known)):
        return near, f"takes places, and {known} is a zone; its places include {', '.join(near)}"
    near = place_search.near(text)
    if near:
        return near, _near(text, [f"{name} ({places()[name].name})" for name in near])
    if not alone and (separated := _separated(text, _place_name)):
        return (), separated
    return near, (
        f"does not know {shown(text)}, and no name is like it; a name is a POP (lon), a Cloudflare "
        "data centre (LHR) or a cloud region (aws:eu-west-2), and /v1/places lists every name"
    )


def unknown_origin(text: str) -> tuple[tuple[str, ...], str]:
    """Return the places near a name that no place and no city has, and what is wrong with it."""
    near, said = unknown_place(text, alone=True)
    if near or not text.strip():
        return near, said
    return near, (
        f"does not know {shown(text)}, and no name is like it; it takes a place (lon, LHR or "
        "aws:eu-west-2), a city (London), or degrees north and east (48.1,11.6)"
    )


def unknown_zone(text: str, *, alone: bool = False) -> tuple[tuple[str, ...], str]:
    """Return the zones near a name that no zone has, and what is wrong with it.

    The parameters are those of `unknown_place`.
    """
    from greenstream.domain import place_search  # noqa: PLC0415 - most questions need none

    if not text.strip():
        return (), "is empty" if alone else empty_name("GBR-13,NYISO")
    if alone and (several := _several_zones(text)):
        return several, f"takes one zone, and here are several ({', '.join(several)})"
    if not alone and (separated := _separated(text, _zone_name)):
        return (), separated
    near = place_search.near_zones(text)
    if near:
        return near, _near(text, [f"{name} ({zones()[name].name})" for name in near])
    return near, (
        f"does not know {shown(text)}, and no zone is like it; /v1/zones lists every zone, and "
        "/v1/places says from which zones a place draws"
    )


def unknown_country(text: str) -> str:
    """Return what is wrong with a name that is no country with a place and no group of them."""
    from greenstream.domain import place_search  # noqa: PLC0415 - most questions need none

    if not text:
        return empty_name("CH,EU")
    if separated := _separated(text, _country_name):
        return separated
    near = place_search.country(text)
    if near in known_countries():
        return f"does not know {shown(text)}; a country is named by its two letters, as in {near}"
    groups = ", ".join(country_groups())
    return (
        f"does not know {shown(text)}: neither the two letters of a country that has a place (DE, "
        f"GB, US) nor {groups}"
    )


def unknown_colo(code: str) -> str:
    """Return what is wrong with a code of three capital letters that no colo has."""
    near = ", ".join(f"{colo.colo} ({colo.city})" for colo in near_colos(code))
    known = f"does not know {code}; of {len(colos())} colos,"
    return f"{known} near it are {near}" if near else f"{known} none has a code near it"


def _near(text: str, near: Sequence[str]) -> str:
    """Return what is wrong with a name, where others are near it."""
    return f"does not know {shown(text)}; near it {'is' if len(near) == 1 else 'are'} " + (
        ", ".join(near)
    )


def _separated(text: str, name_of: Callable[[str], str]) -> str:
    """Return what is wrong with several names that no comma separates; nothing where none is."""
    parts = [part for part in _OTHER_SEPARATORS.split(text) if part]
    if len(parts) == 1:
        return ""
    names = [name for part in parts if (name := name_of(part))]
    if not names:
        return ""
    example = ",".join(names) if len(names) == len(parts) else f"{names[0]},…"
    return f"takes {shown(text)} for one name; names are separated by commas, as in {example}"


def _several_zones(text: str) -> tuple[str, ...]:
    """Return the zones of a text that names several; none where a part of it is no zone."""
    names = tuple(_zone_name(part) for part in _BETWEEN_NAMES.split(text) if part)
    return names if len(names) > 1 and all(names) else ()


def _place_name(text: str) -> str:
    try:
        return place(text).pop
    except UnknownPlaceError:
        return ""


def _country_name(text: str) -> str:
    with contextlib.suppress(UnknownCountryError):
        countries_of([text])
        return text.upper()
    return ""


def _zone_name(text: str) -> str:
    try:
        return zone(text).zone
    except UnknownZoneError:
        return ""
