"""Single attributes of table items: figures, instants and keys.

The low-level client writes an attribute as a mapping of its type to its value, such as
``{"N": "1.5"}`` for a number. An instant is a number of seconds since the epoch, except in a sort
key: there it is ISO 8601 text of one width, which sorts in the order of time. A figure keeps three
decimals.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from greenstream.domain.reading import Kind

Item = dict[str, Any]
"""An item or a part of one, as the low-level client writes it: ``{"gco2_kwh": {"N": "1.5"}}``."""

CURRENT: Final[Item] = {"S": "CURRENT"}
"""The partition key of what the router reads for its decisions: boards, profiles, the policy."""


def number(value: float, decimals: int = 3) -> Item:
    """Return a figure as an attribute, rounded to ``decimals`` and without trailing zeros.

    Nothing below zero stays of what rounds to it: tables give 0 back for -0, so that the same
    figure would count as revised each time.
    """
    text = f"{value:z.{decimals}f}"
    return {"N": text.rstrip("0").rstrip(".") if "." in text else text}


def document(value: Mapping[str, Any]) -> Item:
    """Return a document as an attribute that holds it as JSON, with 0 for each -0."""
    return {"S": json.dumps(_without_minus_zero(value))}


def _without_minus_zero(value: Any) -> Any:  # noqa: ANN401 - any part of a JSON document
    if isinstance(value, float):
        return value + 0.0
    if isinstance(value, Mapping):
        return {name: _without_minus_zero(member) for name, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_minus_zero(member) for member in value]
    return value


def epoch(instant: datetime) -> Item:
    """Return an instant as an attribute: seconds since the epoch, exact to the microsecond."""
    return number(instant.timestamp(), 6)


def expiry(instant: datetime) -> Item:
    """Return an instant as the table's time to live needs it: whole seconds since the epoch."""
    return number(instant.timestamp(), 0)


def to_instant(attribute: Mapping[str, str]) -> datetime:
    """Return the instant of an attribute that `epoch` made, in UTC."""
    return datetime.fromtimestamp(float(attribute["N"]), tz=UTC)


def sortable(instant: datetime) -> str:
    """Return an instant as the text of a sort key, exact to the second."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")


def kind_key(prefix: str, kind: Kind) -> str:
    """Return ``prefix#signal#basis``."""
    return f"{prefix}#{kind.signal}#{kind.basis}"


def source_key(zone: str, provider: str, kind: Kind) -> str:
    """Return ``zone#provider#signal#basis``."""
    return kind_key(f"{zone}#{provider}", kind)
