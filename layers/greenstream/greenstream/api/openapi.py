"""The description of the HTTP API (OpenAPI 3.1) that the router serves."""

import json
from functools import cache
from typing import Any

from greenstream.domain.places import colos, places
from greenstream.domain.residency import country_groups, known_countries
from greenstream.domain.tables import load
from greenstream.domain.zones import zones


def document() -> dict[str, Any]:
    """Return ``data/openapi.json``, with the names of what its parameters take."""
    from greenstream.domain import place_search  # noqa: PLC0415 - most questions need none

    described: dict[str, Any] = load("openapi.json")
    schemas = described["components"]["schemas"]
    schemas["PopName"]["enum"] = list(places())
    schemas["CityName"]["enum"] = list(place_search.cities())
    schemas["ZoneName"]["enum"] = list(zones())
    schemas["ColoName"]["enum"] = list(colos())
    schemas["CountryName"]["enum"] = [*country_groups(), *sorted(known_countries())]
    rtt = schemas["RttOfPop"]
    rtt["pattern"] = rtt["pattern"].replace("[a-z0-9:-]+", f"({'|'.join(places())})")
    return described


@cache
def text() -> str:
    """Return the document as compact JSON. It is made at the first request for it."""
    return json.dumps(document(), separators=(",", ":"))
