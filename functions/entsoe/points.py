"""Reads the points of an ENTSO-E Period, MW by position: they are the bulk of every document."""

import math
from functools import lru_cache
from typing import Final, cast

from lxml import etree

from greenstream.domain.errors import InvalidError
from greenstream.domain.mix import Refusal
from greenstream.domain.plausibility import rules_of_provider

NAME: Final = "entsoe"
BESIDE_POINTS: Final = ("timeInterval", "resolution")
"""The children of a Period besides its points."""


def quantities_of(period: etree._Element, count: int, zone: str) -> dict[int, float | Refusal]:
    """Return a Period's quantities in MW, by position, or why a quantity is refused.

    The points are read all at once where every point has the usual form, which takes a quarter of
    the time, and else one by one. A quantity is refused as ``not_a_number``, as ``implausible_mw``,
    or as ``contradiction`` where its position has two. The other positions stand.

    Parameters
    ----------
    period
        The element of the Period.
    count
        How many positions the Period has; the first is 1.
    zone
        The zone's name, for errors.

    Raises
    ------
    InvalidError
        ``malformed`` when a position cannot be read or is outside of the Period, since it is not
        known then which slots the points belong to.
    """
    texts = _usual_texts(period)
    try:
        positions, quantities = list(map(int, texts[::2])), list(map(float, texts[1::2]))
    except ValueError:
        return _singly(period, count, zone)
    mw: dict[int, float | Refusal] = dict(zip(positions, quantities, strict=True))
    greatest_mw = rules_of_provider(NAME).greatest_fuel_mw
    if (
        not mw
        or len(mw) < len(positions)
        or not 1 <= min(positions) <= max(positions) <= count
        or not math.isfinite(sum(quantities))
        or not -greatest_mw <= min(quantities) <= max(quantities) <= greatest_mw
    ):
        return _singly(period, count, zone)
    return mw


def _usual_texts(period: etree._Element) -> list[str]:
    """Return position, quantity, position, quantity, …, or nothing where a point is unusual.

    A usual Period has its points and two other children. A usual point has two children, first the
    position and then the quantity, each with one text: the parser drops the comments and processing
    instructions that would split it.
    """
    namespace = etree.QName(period).namespace
    if namespace is None:
        return []
    texts, pairs, odd = _usual(namespace)
    values = cast("list[str]", texts(period))
    points = len(period) - len(BESIDE_POINTS)
    usual = len(values) == 2 * points == 2 * pairs(period) and not odd(period)
    return values if usual else []


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


def _singly(period: etree._Element, count: int, zone: str) -> dict[int, float | Refusal]:
    by_position: dict[int, float | Refusal] = {}
    for point in period.iterfind("{*}Point"):
        texts = {
            child.tag.rpartition("}")[2]: child.text for child in point.iterchildren(etree.Element)
        }
        position = texts.get("position")
        try:
            at = int(position or "")
        except ValueError as error:
            raise invalid(
                f"a point has position {str(position)[:20]!r}", "malformed", zone
            ) from error
        if not 1 <= at <= count:
            raise invalid(f"a period of {count} has position {at}", "malformed", zone)
        mw = _quantity(at, texts.get("quantity"))
        before = by_position.setdefault(at, mw)
        if isinstance(before, float) and before != mw:
            by_position[at] = (
                mw
                if isinstance(mw, Refusal)
                else Refusal("contradiction", f"position {at} has {before} and {mw} MW")
            )
    return by_position


def _quantity(at: int, text: str | None) -> float | Refusal:
    try:
        mw = float(text or "")
    except ValueError:
        mw = math.nan
    if not math.isfinite(mw):
        return Refusal("not_a_number", f"position {at} has {str(text)[:20]!r} MW")
    if abs(mw) > rules_of_provider(NAME).greatest_fuel_mw:
        return Refusal("implausible_mw", f"position {at} has {mw} MW")
    return mw


def invalid(what: str, reason: str, zone: str) -> InvalidError:
    """Return the error that refuses a zone's document and is counted under ``reason``."""
    return InvalidError(what, reason=reason, provider=NAME, zone=zone)
