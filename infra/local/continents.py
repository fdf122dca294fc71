"""The continent of each country, from the list that the status page uses too."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

PAGE_LIST: Final = Path(__file__).resolve().parents[1] / "worker/public/continents.js"
"""The status page's list, by the groups of the United Nations' standard M49."""

ELSEWHERE: Final = "Elsewhere"
"""The group of a country that the list does not name."""

_LINE: Final = re.compile(r'^  "?([A-Z][A-Za-z ]+)"?: "([A-Z ]+)",$', re.MULTILINE)


@cache
def _by_country() -> Mapping[str, str]:
    lines = _LINE.findall(PAGE_LIST.read_text(encoding="utf-8"))
    return {country: continent for continent, countries in lines for country in countries.split()}


def continents() -> tuple[str, ...]:
    """Return the continents in the order in which the status page shows them."""
    return (*dict.fromkeys(_by_country().values()), ELSEWHERE)


def continent_of(country: str) -> str:
    """Return the continent of a country by its ISO 3166-1 code."""
    return _by_country().get(country, ELSEWHERE)
