"""A policy log in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from greenstream.domain.policy import Policy
from greenstream.ports.policy_log import PolicyVersion


@dataclass
class MemoryPolicies:
    """A `greenstream.ports.policy_log.PolicyLog`; ``in_force`` is the version enforced last."""

    stored: dict[str, PolicyVersion] = field(default_factory=dict)
    in_force: str | None = None

    def write(self, policy: Policy, evidence: Mapping[str, Any], at: datetime) -> None:
        self.stored.setdefault(policy.version, PolicyVersion(policy, at, evidence))

    def enforce(self, version: str) -> None:
        self.in_force = self.stored[version].policy.version

    def versions(self) -> tuple[PolicyVersion, ...]:
        return tuple(self.stored.values())
