"""Every policy that was ever in force, with its evidence, and the way back to any of them.

| pk | sk | |
|---|---|---|
| ``POLICY`` | version | written once; never expires |
| ``CURRENT`` | ``POLICY`` | a copy of the one in force, which the router reads |
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from greenstream.aws import items
from greenstream.aws.dynamo_store import CURRENT, understood
from greenstream.aws.table import naming
from greenstream.domain.policy import Policy
from greenstream.ports.policy_log import PolicyVersion, UnknownVersionError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

VERSIONS: Final[items.Item] = {"S": "POLICY"}


class DynamoPolicies:
    """A `PolicyLog` on the readings' table.

    Parameters
    ----------
    client
        From `greenstream.aws.client.dynamodb_client`.
    table_name
        The table.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def write(self, policy: Policy, evidence: Mapping[str, Any], at: datetime) -> None:
        """Keep a policy; a version already there stays as it was, since it may have been judged.

        Raises
        ------
        StoreError
            When the write failed.
        """
        item = items.from_policy(policy) | {
            "pk": VERSIONS,
            "sk": {"S": policy.version},
            "written_at": items.epoch(at),
            "evidence": {"S": json.dumps(evidence)},
        }
        with naming("PutItem"):
            try:
                self._client.put_item(
                    TableName=self._table_name,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return

    def enforce(self, version: str) -> None:
        """Copy a version to where the router reads it; within minutes it decides by it.

        Raises
        ------
        UnknownVersionError
            Where there is no such version.
        StoreError
            When the store failed.
        """
        kept = {one.policy.version: one.policy for one in self.versions()}
        if version not in kept:
            raise UnknownVersionError(f"{version} is none of {', '.join(kept) or 'no versions'}")
        with naming("PutItem"):
            self._client.put_item(
                TableName=self._table_name,
                Item=items.from_policy(kept[version]) | {"pk": CURRENT, "sk": VERSIONS},
            )

    def versions(self) -> tuple[PolicyVersion, ...]:
        """Return what was kept, oldest first; damaged ones are logged and passed over.

        Raises
        ------
        StoreError
            When the query failed.
        """
        with naming("Query"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table_name,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": VERSIONS},
                ConsistentRead=True,
            )
            found = [item for page in pages for item in page["Items"]]
        return tuple(sorted(understood(found, _version), key=lambda one: one.written_at))


def _version(item: Mapping[str, Any]) -> PolicyVersion:
    return PolicyVersion(
        items.to_policy(item),
        items.moment(item["written_at"]),
        json.loads(item["evidence"]["S"]),
    )
