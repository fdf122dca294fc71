"""One table's requests: each is one atomic step, guarded by its own condition."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from greenstream.aws.items import Item
from greenstream.ports.store import StoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@contextmanager
def naming(operation: str) -> Iterator[None]:
    """Turn the client library's errors into ours: operation and code, no address, no key."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "no code")
        raise StoreError(f"DynamoDB {operation} was refused: {code}") from error
    except (BotoCoreError, ResponseParserError) as error:
        raise StoreError(f"DynamoDB {operation} failed: {type(error).__name__}") from error


class Table:
    """A table keyed by ``pk`` and ``sk``. Every method may raise `StoreError`.

    Writes return whether their condition held, and what was there before.
    """

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def put(self, item: Item, condition: str, values: Item) -> tuple[bool, Mapping[str, Any]]:
        """Write a whole item."""
        with naming("PutItem"):
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
                there: Item = refused.response.get("Item", {})  # type: ignore[assignment]
                return False, there
            return True, answer.get("Attributes", {})

    def set(
        self,
        key: Item,
        attributes: Mapping[str, Any],
        condition: str,
        values: Item,
        *,
        once: Collection[str] = (),
    ) -> tuple[bool, Mapping[str, Any]]:
        """Set attributes of an item, made if it is not there; what was there only if refused.

        An attribute given as ``None`` is removed; one named in ``once`` stays if it is there.
        """
        told = {name: value for name, value in attributes.items() if value is not None}
        gone = [f"#{name}" for name in attributes if name not in told]
        changes = "SET " + ", ".join(
            f"#{name} = " + (f"if_not_exists(#{name}, :{name})" if name in once else f":{name}")
            for name in told
        )
        with naming("UpdateItem"):
            try:
                self._client.update_item(
                    TableName=self._name,
                    Key=key,
                    UpdateExpression=f"{changes} REMOVE {', '.join(gone)}" if gone else changes,
                    ConditionExpression=condition,
                    ExpressionAttributeNames={f"#{name}": name for name in attributes},
                    ExpressionAttributeValues={
                        **values,
                        **{f":{name}": value for name, value in told.items()},
                    },
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as refused:
                there: Item = refused.response.get("Item", {})  # type: ignore[assignment]
                return False, there
            return True, {}

    def query(
        self, condition: str, values: Item, *, pages: int | None = None
    ) -> list[Mapping[str, Any]]:
        """Return the items of a partition, all ``pages`` of a megabyte or as many as are given."""
        found: list[Mapping[str, Any]] = []
        start: Item = {}
        for read in count(1):
            with naming("Query"):
                page = self._client.query(
                    TableName=self._name,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    **start,
                )
            if "Items" not in page:  # cut off in its head, an answer comes as one that is empty
                raise StoreError("DynamoDB Query was answered in part")
            found += page["Items"]
            if "LastEvaluatedKey" not in page or read == pages:
                break
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        return found
