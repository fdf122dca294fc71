"""The port behind which all policies that have been in force are stored, with their evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from greenstream.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A stored policy.

    Parameters
    ----------
    policy
        The policy.
    written_at
        When the policy was first written, in UTC.
    evidence
        What the search found out about the policy, ready for JSON.
    """

    policy: Policy
    written_at: datetime
    evidence: Mapping[str, Any]


class UnknownVersionError(Exception):
    """No policy of that version is stored. The message names the stored versions."""


class PolicyLog(Protocol):
    """Stores the versions of the policy.

    Every method may raise `greenstream.ports.store.StoreError`.
    """

    def write(self, policy: Policy, evidence: Mapping[str, Any], at: datetime) -> None:
        """Store a policy as a version of its own.

        A version that is stored already stays unchanged.

        Parameters
        ----------
        policy
            The policy; its ``version`` is the key.
        evidence
            What the search found out about the policy, ready for JSON.
        at
            The present, in UTC.
        """
        ...

    def enforce(self, version: str) -> None:
        """Put a version in force.

        Raises
        ------
        UnknownVersionError
            When no policy of this version is stored.
        """
        ...

    def versions(self) -> tuple[PolicyVersion, ...]:
        """Return the stored versions, the oldest first."""
        ...
