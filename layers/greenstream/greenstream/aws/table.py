"""Requests to one table. Each request is one atomic step, and each write has its own condition."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from greenstream.aws.attributes import Item
from greenstream.ports.store import StoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@contextmanager
def store_errors(operation: str) -> Iterator[None]:
    """Translate the client library's errors into `StoreError`.

    The message names the operation and the error's code, and neither an address nor a key.

    Raises
    ------
    StoreError
        When the code inside raised an error of the client library.
    """
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "no code")
        raise StoreError(f"DynamoDB {operation} was refused: {code}") from error
    except (BotoCoreError, ResponseParserError) as error:
        raise StoreError(f"DynamoDB {operation} failed: {type(error).__name__}") from error


class Table:
    """A table with the keys ``pk`` and ``sk``. Every method may raise `StoreError`.

    Parameters
    ----------
    client
        The client that `greenstream.aws.client.dynamodb_client` makes.
    name
        The table's name.
    """

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def put(self, item: Item, condition: str, values: Item) -> tuple[bool, Mapping[str, Any]]:
        """Replace a whole item if the condition holds for the existing one.

        Returns
        -------
        bool
            Whether the condition held.
        Mapping
            The item that existed before; it is empty if there was none.
        """
        with store_errors("PutItem"):
            try:
                answer = self._client.put_item(
                    TableName=self._name,
                    Item=item,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_OLD",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as refused:
                existing: Item = refused.response.get("Item", {})  # type: ignore[assignment]
                return False, existing
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
        with store_errors("UpdateItem"):
            try:
                self._client.update_item(
                    TableName=self._name,
                    Key=key,
                    UpdateExpression=f"{changes} REMOVE {', '.join(removed)}"
                    if removed
                    else changes,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={f"#{name}": name for name in attributes},
                    ExpressionAttributeValues={
                        **values,
                        **{f":{name}": value for name, value in assigned.items()},
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as refused:
                existing: Item = refused.response.get("Item", {})  # type: ignore[assignment]
                return False, existing
            return True, {}

    def query(
        self, condition: str, values: Item, *, pages: int | None = None
    ) -> list[Mapping[str, Any]]:
        """Return the items of a partition in the order of their sort keys.

        Parameters
        ----------
        pages
            The greatest number of pages to read, of a megabyte each; all if ``None``.
        """
        items: list[Mapping[str, Any]] = []
        start: Item = {}
        for number in count(1):
            with store_errors("Query"):
                page = self._client.query(
                    TableName=self._name,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    **start,
                )
            # The client library returns an answer that was cut off in its head as an empty one.
            if "Items" not in page:
                raise StoreError("DynamoDB Query was answered in part")
            items += page["Items"]
            if "LastEvaluatedKey" not in page or number == pages:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        return items
