"""The points of an ENTSO-E Period: MW by position, the bulk of every document."""

import math
from functools import lru_cache
from typing import Final, cast

from lxml import etree

from greenstream.domain.errors import InvalidError
from greenstream.domain.plausibility import rules_of_provider

NAME: Final = "entsoe"
BESIDE_POINTS: Final = ("timeInterval", "resolution")
"""What a Period holds besides."""


def quantities_of(period: etree._Element, count: int, zone: str) -> dict[int, float]:
    """Return a Period's MW by position, at most ``count``.

    All at once where nothing is odd, which takes a quarter of the time, else point by point.

    Raises
    ------
    InvalidError
        ``not_a_number``, ``malformed``, ``implausible_mw`` or ``contradiction``.
    """
    texts = _usual_texts(period)
    try:
        positions, quantities = list(map(int, texts[::2])), list(map(float, texts[1::2]))
    except ValueError:
        return _singly(period, count, zone)
    found = dict(zip(positions, quantities, strict=True))
    greatest_mw = rules_of_provider(NAME).greatest_fuel_mw
    if (
        not found
        or len(found) < len(positions)
        or not 1 <= min(positions) <= max(positions) <= count
        or not math.isfinite(sum(quantities))
        or not -greatest_mw <= min(quantities) <= max(quantities) <= greatest_mw
    ):
        return _singly(period, count, zone)
    return found


def _usual_texts(period: etree._Element) -> list[str]:
    """Return position, quantity, position, quantity, …, or nothing where a point is odd.

    Usual is a Period of points and two other children, and a point of two children, a position
    and then a quantity, each of one text (the parser leaves nothing that would split it).
    """
    namespace = etree.QName(period).namespace
    if namespace is None:
        return []
    texts, pairs, odd = _usual(namespace)
    found = cast("list[str]", texts(period))
    points = len(period) - len(BESIDE_POINTS)
    usual = len(found) == 2 * points == 2 * pairs(period) and not odd(period)
    return found if usual else []


@lru_cache(maxsize=8)
def _usual(namespace: str) -> tuple[etree.XPath, ...]:
    return tuple(
        etree.XPath(path, namespaces={"n": namespace}, smart_strings=False)
        for path in (
            "n:Point/*/text()",
            "count(n:Point/n:position/following-sibling::n:quantity)",
            "boolean(n:Point/*[3])",
        )
    )


def _singly(period: etree._Element, count: int, zone: str) -> dict[int, float]:
    greatest_mw = rules_of_provider(NAME).greatest_fuel_mw
    found: dict[int, float] = {}
    for point in period.iterfind("{*}Point"):
        said = {
            child.tag.rpartition("}")[2]: child.text for child in point.iterchildren(etree.Element)
        }
        position, quantity = said.get("position"), said.get("quantity")
        try:
            at, mw = int(position or ""), float(quantity or "")
        except ValueError as error:
            raise invalid(
                f"point {str(position)[:20]!r} is {str(quantity)[:20]!r}", "not_a_number", zone
            ) from error
        if not 1 <= at <= count:
            raise invalid(f"position {at} of {count}", "malformed", zone)
        if not math.isfinite(mw):
            raise invalid(f"{mw} MW", "not_a_number", zone)
        if abs(mw) > greatest_mw:
            raise invalid(f"{mw} MW", "implausible_mw", zone)
        if found.setdefault(at, mw) != mw:
            raise invalid(f"position {at} is {found[at]} and {mw} MW", "contradiction", zone)
    return found


def invalid(what: str, reason: str, zone: str) -> InvalidError:
    """Return the refusal of a document of a zone."""
    return InvalidError(what, reason=reason, provider=NAME, zone=zone)
