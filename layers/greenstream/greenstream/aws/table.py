"""Requests to one table. Each request is one atomic step, and each write has its own condition."""

from collections.abc import Collection, Mapping
from itertools import count
from typing import Any, Final

from greenstream.aws.attributes import Item
from greenstream.aws.dynamodb import ConditionFailedError, DynamoDb
from greenstream.ports.store import StoreError

CUT_OFF: Final = "DynamoDB Query was answered in part"
"""The error when a Query has no items in its answer."""


class Table:
    """A table with the keys ``pk`` and ``sk``. Every method may raise `StoreError`.

    Parameters
    ----------
    client
        The client that `greenstream.aws.client.dynamodb_client` makes.
    name
        The table's name.
    """

    def __init__(self, client: DynamoDb, name: str) -> None:
        self._client = client
        self._name = name

    def put(
        self, item: Item, condition: str | None = None, values: Item | None = None
    ) -> tuple[bool, Mapping[str, Any]]:
        """Replace a whole item if the condition holds for the existing one.

        Parameters
        ----------
        condition
            The item is replaced in any case if there is no condition.
        values
            What the names ``:name`` of the condition stand for.

        Returns
        -------
        bool
            Whether the condition held.
        Mapping
            The item that existed before; it is empty if there was none.
        """
        request: dict[str, Any] = {
            "TableName": self._name,
            "Item": item,
            "ReturnValues": "ALL_OLD",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if condition is not None:
            request["ConditionExpression"] = condition
        if values is not None:
            request["ExpressionAttributeValues"] = values
        try:
            answer = self._client.put_item(**request)
        except ConditionFailedError as refused:
            return False, refused.item
        return True, answer.get("Attributes", {})

    def update(
        self,
        key: Item,
        attributes: Mapping[str, Any],
        condition: str,
        values: Item,
        *,
        only_if_missing: Collection[str] = (),
    ) -> tuple[bool, Mapping[str, Any]]:
        """Set attributes of an item if the condition holds; the item is made if it is missing.

        Parameters
        ----------
        attributes
            The attributes by name. One that is ``None`` is removed from the item.
        condition
            May name each of the attributes as ``#name``, and their new values as ``:name``.
        only_if_missing
            Names of attributes that keep the value they have.

        Returns
        -------
        bool
            Whether the condition held.
        Mapping
            The existing item if the condition did not hold, else an empty mapping.
        """
        assigned = {name: value for name, value in attributes.items() if value is not None}
        removed = [f"#{name}" for name in attributes if name not in assigned]
        changes = "SET " + ", ".join(
            f"#{name} = "
            + (f"if_not_exists(#{name}, :{name})" if name in only_if_missing else f":{name}")
            for name in assigned
        )
        try:
            self._client.update_item(
                TableName=self._name,
                Key=key,
                UpdateExpression=f"{changes} REMOVE {', '.join(removed)}" if removed else changes,
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in attributes},
                ExpressionAttributeValues={
                    **values,
                    **{f":{name}": value for name, value in assigned.items()},
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailedError as refused:
            return False, refused.item
        return True, {}

    def query(
        self, condition: str, values: Item, *, pages: int | None = None, consistent: bool = False
    ) -> list[Mapping[str, Any]]:
        """Return the items of a partition in the order of their sort keys.

        Parameters
        ----------
        pages
            The greatest number of pages to read, of a megabyte each; all if ``None``.
        consistent
            Whether the items include each write that has been answered, which costs twice as much.
        """
        items: list[Mapping[str, Any]] = []
        start: Item = {}
        for number in count(1):
            page = self._client.query(
                TableName=self._name,
                KeyConditionExpression=condition,
                ExpressionAttributeValues=values,
                ConsistentRead=consistent,
                **start,
            )
            if "Items" not in page:
                raise StoreError(CUT_OFF)
            items += page["Items"]
            if "LastEvaluatedKey" not in page or number == pages:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        return items

    def last(self, condition: str, values: Item) -> Mapping[str, Any]:
        """Return the item with the greatest sort key of a partition, or an empty mapping."""
        page = self._client.query(
            TableName=self._name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=values,
            ScanIndexForward=False,
            Limit=1,
        )
        if "Items" not in page:
            raise StoreError(CUT_OFF)
        return page["Items"][0] if page["Items"] else {}
