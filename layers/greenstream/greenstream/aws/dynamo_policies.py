"""The log of policies on the table: every policy that has been in force, with its evidence.

| pk | sk | |
|---|---|---|
| ``POLICY`` | the version | is written once and never expires |
| ``CURRENT`` | ``POLICY`` | is a copy of the policy in force, which the router reads |
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from greenstream.aws.attributes import Item, epoch, to_instant
from greenstream.aws.current_items import CURRENT
from greenstream.aws.item_schema import decodable
from greenstream.aws.policy_items import decode_policy, encode_policy
from greenstream.aws.table import store_errors
from greenstream.domain.policy import Policy
from greenstream.ports.policy_log import PolicyVersion, UnknownVersionError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

POLICY: Final[Item] = {"S": "POLICY"}
"""The partition key of the versions, and the sort key of the policy in force."""


class DynamoPolicies:
    """A `greenstream.ports.policy_log.PolicyLog` on the readings' table.

    Parameters
    ----------
    client
        The client that `greenstream.aws.client.dynamodb_client` makes.
    table_name
        The table's name.
    """

    def __init__(self, client: "DynamoDBClient", table_name: str) -> None:
        self._client = client
        self._table_name = table_name

    def write(self, policy: Policy, evidence: Mapping[str, Any], at: datetime) -> None:
        """Store a policy as a version of its own.

        A version that is stored already stays unchanged, since it may have been judged.

        Raises
        ------
        StoreError
            When the write failed.
        """
        item = encode_policy(policy) | {
            "pk": POLICY,
            "sk": {"S": policy.version},
            "written_at": epoch(at),
            "evidence": {"S": json.dumps(evidence)},
        }
        with store_errors("PutItem"):
            try:
                self._client.put_item(
                    TableName=self._table_name,
                    Item=item,
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return

    def enforce(self, version: str) -> None:
        """Copy a version to the item that the router reads; it applies within minutes.

        Raises
        ------
        UnknownVersionError
            When no policy of this version is stored.
        StoreError
            When the table failed.
        """
        policies = {stored.policy.version: stored.policy for stored in self.versions()}
        if version not in policies:
            stored = ", ".join(policies) or "none"
            raise UnknownVersionError(
                f"{version} is not a stored version; the stored versions are: {stored}"
            )
        with store_errors("PutItem"):
            self._client.put_item(
                TableName=self._table_name,
                Item=encode_policy(policies[version]) | {"pk": CURRENT, "sk": POLICY},
            )

    def versions(self) -> tuple[PolicyVersion, ...]:
        """Return the stored versions, the oldest first. Damaged items are logged and skipped.

        Raises
        ------
        StoreError
            When the query failed.
        """
        with store_errors("Query"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table_name,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": POLICY},
                ConsistentRead=True,
            )
            items = [item for page in pages for item in page["Items"]]
        versions = decodable(items, _decode_version)
        return tuple(sorted(versions, key=lambda version: version.written_at))


def _decode_version(item: Mapping[str, Any]) -> PolicyVersion:
    return PolicyVersion(
        decode_policy(item), to_instant(item["written_at"]), json.loads(item["evidence"]["S"])
    )
