"""The log of policies on the table: every policy that has been in force, with its evidence.

| pk | sk | |
|---|---|---|
| ``POLICY`` | the version | is written once and never expires |
| ``CURRENT`` | ``POLICY`` | is a copy of the policy in force, which the router reads |
"""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from greenstream.aws.attributes import CURRENT, Item, document, epoch, to_instant
from greenstream.aws.dynamodb import DynamoDb
from greenstream.aws.item_schema import decodable
from greenstream.aws.policy_items import decode_policy, encode_policy
from greenstream.aws.table import Table
from greenstream.domain.policy import Policy
from greenstream.ports.policy_log import PolicyVersion, UnknownVersionError

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

    def __init__(self, client: DynamoDb, table_name: str) -> None:
        self._table = Table(client, table_name)

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
            "evidence": document(evidence),
        }
        self._table.put(item, "attribute_not_exists(pk)")

    def enforce(self, version: str) -> None:
        """Copy a version to the item that the router reads; it applies at the next read.

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
        self._table.put(encode_policy(policies[version]) | {"pk": CURRENT, "sk": POLICY})

    def versions(self) -> tuple[PolicyVersion, ...]:
        """Return the stored versions, the oldest first. Damaged items are logged and skipped.

        Raises
        ------
        StoreError
            When the query failed.
        """
        items = self._table.query("pk = :pk", {":pk": POLICY}, consistent=True)
        versions = decodable(items, _decode_version)
        return tuple(sorted(versions, key=lambda version: version.written_at))


def _decode_version(item: Mapping[str, Any]) -> PolicyVersion:
    return PolicyVersion(
        decode_policy(item), to_instant(item["written_at"]), json.loads(item["evidence"]["S"])
    )
