"""A model in memory of DynamoDB as far as the store uses it: every request is one atomic step.

The model knows only the expressions that the adapter writes and raises an error for any other. A
test in `test_delivery` sends the requests of its runs to real engines too and compares the answers.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, Final

from greenstream.aws.dynamodb import ConditionFailedError

Item = dict[str, Any]
Key = tuple[str, str]

_TOKEN: Final = re.compile(r"\s*([#:]?\w+(?:\[\d+\])?|<=|>=|[=<>(),])")
_ASSIGNMENT: Final = re.compile(r"(#?\w+) = (?:if_not_exists\((#?\w+), (:\w+)\)|(:\w+))")
_COMPARE: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": lambda one, other: bool(one == other),
    "<": lambda one, other: bool(one < other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    ">=": lambda one, other: bool(one >= other),
}


class TableModel:
    """A table with the keys ``pk`` and ``sk`` that has the methods of the client.

    A write replaces the stored item and never changes it in place, so a caller may keep a
    reference to an item that it has read.
    """

    def __init__(self) -> None:
        self.items: dict[Key, Item] = {}

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Write a whole item if the stored item meets the condition."""
        item = request["Item"]
        key = (item["pk"]["S"], item["sk"]["S"])
        before = self._checked("PutItem", key, request)
        self.items[key] = item
        return {"Attributes": before} if before else {}

    def update_item(self, **request: Any) -> dict[str, Any]:
        """Set attributes of an item if the condition is met; create the item if there is none."""
        key = (request["Key"]["pk"]["S"], request["Key"]["sk"]["S"])
        before = self._checked("UpdateItem", key, request)
        after = dict(before or request["Key"])
        names, values = request["ExpressionAttributeNames"], request["ExpressionAttributeValues"]
        setting, _, removing = request["UpdateExpression"].partition(" REMOVE ")
        understood = []
        for assignment in _ASSIGNMENT.finditer(setting):
            name, unless, first, always = assignment.groups()
            there = (before or {}).get(names.get(unless, unless))
            after[names.get(name, name)] = there or values[first or always]
            understood.append(assignment.group())
        if setting != "SET " + ", ".join(understood):
            raise NotImplementedError(setting)
        for name in removing.split(", ") if removing else ():
            after.pop(names.get(name, name), None)
        self.items[key] = after
        return {}

    def query(self, **request: Any) -> dict[str, Any]:
        """Return the items that match the key condition, in order, on one page."""
        found = [
            self.items[key]
            for key in sorted(self.items, reverse=not request.get("ScanIndexForward", True))
            if _holds(request["KeyConditionExpression"], self.items[key], request)
        ]
        return {"Items": found[: request.get("Limit")]}

    def _checked(self, operation: str, key: Key, request: Mapping[str, Any]) -> Item | None:
        before = self.items.get(key)
        if not _holds(request["ConditionExpression"], before or {}, request):
            told = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            raise ConditionFailedError(operation, (before or {}) if told else {})
        return before


def _holds(expression: str, item: Item, request: Mapping[str, Any]) -> bool:
    return _Expression(iter((*_tokens(expression), "")), item, request).whole()


@cache
def _tokens(expression: str) -> tuple[str, ...]:
    tokens = tuple(_TOKEN.findall(expression))
    if "".join(tokens) != re.sub(r"\s", "", expression):
        raise NotImplementedError(expression)
    return tokens


class _Expression:
    """A condition, evaluated while it is parsed: NOT binds tighter than AND, and AND than OR."""

    def __init__(self, tokens: Iterator[str], item: Item, request: Mapping[str, Any]) -> None:
        self._tokens = tokens
        self._item = item
        self._names = request.get("ExpressionAttributeNames", {})
        self._values = request["ExpressionAttributeValues"]
        self._next = next(tokens)

    def whole(self) -> bool:
        value = self._either()
        if self._next:
            raise NotImplementedError(self._next)
        return value

    def _take(self, expected: str | None = None) -> str:
        token = self._next
        if expected is not None and token != expected:
            raise NotImplementedError(f"{token} where {expected} belongs")
        self._next = next(self._tokens)
        return token

    def _either(self) -> bool:
        value = self._both()
        while self._next == "OR":
            self._take()
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._one()
        while self._next == "AND":
            self._take()
            value = self._one() and value
        return value

    def _one(self) -> bool:
        if self._next == "NOT":
            self._take()
            return not self._one()
        if self._next == "(":
            self._take()
            value = self._either()
            self._take(")")
            return value
        left = self._take()
        if self._next == "(":
            return self._function(left)
        operator = self._take()
        if operator == "BETWEEN":
            low = self._take()
            self._take("AND")
            high = self._take()
            return self._compare(left, ">=", low) and self._compare(left, "<=", high)
        return self._compare(left, operator, self._take())

    def _function(self, name: str) -> bool:
        self._take("(")
        value = self._operand(self._take())
        if name == "attribute_type":
            self._take(",")
            wanted = self._values[self._take()]["S"]
            self._take(")")
            return value is not None and wanted in value
        self._take(")")
        if name in ("attribute_exists", "attribute_not_exists"):
            return (value is not None) == (name == "attribute_exists")
        raise NotImplementedError(name)

    def _compare(self, left: str, operator: str, right: str) -> bool:
        """Compare two operands; an absent value or a mix of number and text is never true."""
        one, other = self._operand(left), self._operand(right)
        if one is None or other is None or one.keys() != other.keys():
            return False
        [kind] = one
        if kind not in ("S", "N"):
            raise NotImplementedError(kind)
        make = Decimal if kind == "N" else str
        return _COMPARE[operator](make(one[kind]), make(other[kind]))

    def _operand(self, token: str) -> dict[str, Any] | None:
        if token.startswith(":"):
            value: dict[str, Any] = self._values[token]
            return value
        name, _, index = token.partition("[")
        found: dict[str, Any] | None = self._item.get(self._names.get(name, name))
        if index:
            members = (found or {}).get("L", [])
            at = int(index.rstrip("]"))
            return members[at] if at < len(members) else None
        return found
