"""Reads the points of an ENTSO-E Period, MW by position: they are the bulk of every document."""

import math
from functools import lru_cache
from typing import Final, NamedTuple

from lxml import etree

from greenstream.domain.errors import InvalidError
from greenstream.domain.mix import Refusal
from greenstream.domain.plausibility import rules_of_provider

NAME: Final = "entsoe"
ABSENT: Final = "None"


class Texts(NamedTuple):
    """The texts of a Period's points, each in the order of the points; `ABSENT` where none is."""

    positions: list[str]
    quantities: list[str]


def texts_of(period: etree._Element) -> Texts:
    """Return the texts of the points of a Period, of whatever form they are."""
    texts = Texts([], [])
    for point in period.iterfind("{*}Point"):
        by_name = {
            child.tag.rpartition("}")[2]: str(child.text)
            for child in point.iterchildren(etree.Element)
        }
        texts.positions.append(by_name.get("position", ABSENT))
        texts.quantities.append(by_name.get("quantity", ABSENT))
    return texts


def quantities_of(texts: Texts, count: int, zone: str) -> list[float] | dict[int, float | Refusal]:
    """Return a Period's quantities in MW, and where one is refused, why.

    The texts are read all at once where all can be believed, and else one by one. A quantity is
    refused as ``not_a_number``, as ``implausible_mw``, or as ``contradiction`` where its position
    has two. The other positions stand.

    Parameters
    ----------
    texts
        The texts of its points.
    count
        How many positions the Period has; the first is 1.
    zone
        The zone's name, for errors.

    Returns
    -------
    list[float] | dict[int, float | Refusal]
        A list where every position has its quantity, in the order of the positions. Else the
        quantities and the refusals by position.

    Raises
    ------
    InvalidError
        ``malformed`` when a position cannot be read or is outside of the Period, since it is not
        known then which slots the points belong to.
    """
    try:
        quantities = list(map(float, texts.quantities))
        if texts.positions == _each_position(count) and _believable(quantities):
            return quantities
        positions = list(map(int, texts.positions))
    except ValueError:
        return _singly(texts, count, zone)
    mw: dict[int, float | Refusal] = dict(zip(positions, quantities, strict=True))
    if (
        not mw
        or len(mw) < len(positions)
        or not 1 <= min(positions) <= max(positions) <= count
        or not _believable(quantities)
    ):
        return _singly(texts, count, zone)
    return mw


def _believable(quantities: list[float]) -> bool:
    greatest_mw = rules_of_provider(NAME).greatest_fuel_mw
    return (
        math.isfinite(sum(quantities))
        and -greatest_mw <= min(quantities) <= max(quantities) <= greatest_mw
    )


@lru_cache(maxsize=4)  # the Periods of a document have the same length, and it may be great
def _each_position(count: int) -> list[str]:
    return list(map(str, range(1, count + 1)))


def _singly(texts: Texts, count: int, zone: str) -> dict[int, float | Refusal]:
    by_position: dict[int, float | Refusal] = {}
    for position, quantity in zip(*texts, strict=True):
        try:
            at = int(position)
        except ValueError as error:
            raise invalid(f"a point has position {position[:20]!r}", "malformed", zone) from error
        if not 1 <= at <= count:
            raise invalid(f"a period of {count} has position {at}", "malformed", zone)
        mw = _quantity(at, quantity)
        before = by_position.setdefault(at, mw)
        if isinstance(before, float) and before != mw:
            by_position[at] = (
                mw
                if isinstance(mw, Refusal)
                else Refusal("contradiction", f"position {at} has {before} and {mw} MW")
            )
    return by_position


def _quantity(at: int, text: str) -> float | Refusal:
    try:
        mw = float(text)
    except ValueError:
        mw = math.nan
    if not math.isfinite(mw):
        return Refusal("not_a_number", f"position {at} has {text[:20]!r} MW")
    if abs(mw) > rules_of_provider(NAME).greatest_fuel_mw:
        return Refusal("implausible_mw", f"position {at} has {mw} MW")
    return mw


def invalid(what: str, reason: str, zone: str) -> InvalidError:
    """Return the error that refuses a zone's document and is counted under ``reason``."""
    return InvalidError(what, reason=reason, provider=NAME, zone=zone)
