"""Computes an item's size by DynamoDB's published rule, which counts only names and values."""

import math
from collections.abc import Mapping
from typing import Any


def item_bytes(attributes: Mapping[str, Any]) -> int:
    """Return an item's size in bytes."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in attributes.items())


def _value_bytes(attribute: Mapping[str, Any]) -> int:
    [(kind, value)] = attribute.items()
    match kind:
        case "S":
            return len(value.encode())
        case "B":
            return len(value)
        case "N":
            return math.ceil(len(value.lstrip("-").replace(".", "").strip("0")) / 2) + 1
        case "L":
            return 3 + sum(1 + _value_bytes(member) for member in value)
        case "M":
            return 3 + item_bytes(value) + len(value)
        case _:
            return 1
