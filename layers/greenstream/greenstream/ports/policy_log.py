"""The port behind which all policies that were ever in force are stored, with their evidence."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from greenstream.domain.policy import Policy


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """A policy, when it was first written, and what was known for it."""

    policy: Policy
    written_at: datetime
    evidence: Mapping[str, Any]


class UnknownVersionError(Exception):
    """There is no policy of that version; the message names those there are."""


class PolicyLog(Protocol):
    """Where versions are kept. Every method may raise `greenstream.ports.store.StoreError`."""

    def write(self, policy: Policy, evidence: Mapping[str, Any], at: datetime) -> None:
        """Keep a policy as a version of its own."""
        ...

    def enforce(self, version: str) -> None:
        """Put a version in force.

        Raises
        ------
        UnknownVersionError
            Where there is no such version.
        """
        ...

    def versions(self) -> tuple[PolicyVersion, ...]:
        """Return what was kept, oldest first."""
        ...
