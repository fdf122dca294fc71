"""The schema number of items, and what happens to an item that this code cannot decode.

Every item carries its schema number (ADR 0014). The number changes only when a reader of the
version before would misread an item. An attribute that may be missing needs no new number, since
readers ignore attributes that they do not know.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

from greenstream.domain.errors import GreenStreamError

T = TypeVar("T")

logger = logging.getLogger(__name__)

SCHEMA: Final = {"schema": {"N": "2"}}
"""The attribute that every item of this code carries."""

DECODE_ERRORS: Final = (
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    AttributeError,
    OSError,
    GreenStreamError,
)
"""The errors that decoding a damaged item may raise. The last comes from the domain's checks."""


class SchemaError(ValueError):
    """An item has another schema number, which the message names."""


def check_schema(item: Mapping[str, Any]) -> None:
    """Refuse an item of another schema number.

    Raises
    ------
    SchemaError
        When the item's schema number is not the one of this code.
    KeyError
        When the item has no schema number.
    """
    if item["schema"] != SCHEMA["schema"]:
        [version] = item["schema"].values()
        raise SchemaError(f"schema {version!s:.20}")


def leave_to_newer_code(item: Mapping[str, Any]) -> bool:
    """Return whether newer code wrote an item, and log it if so.

    This code does not change such an item, since a half of it in an older shape would mislead.
    """
    version = item.get("schema", {}).get("N")
    if version is None or float(version) <= float(SCHEMA["schema"]["N"]):
        return False
    key = f"{item['pk']['S']} {item['sk']['S']}"
    logger.warning("the item %s has the newer schema %s and is left unchanged", key, version)
    return True


def decodable(
    items: Iterable[Mapping[str, Any]], decode: Callable[[Mapping[str, Any]], T]
) -> Iterator[T]:
    """Yield the decoded items. A damaged item is logged by its key and skipped."""
    for item in items:
        try:
            yield decode(item)
        except DECODE_ERRORS:
            logger.exception(
                "the item %s %s is damaged and is skipped", item["pk"]["S"], item["sk"]["S"]
            )
