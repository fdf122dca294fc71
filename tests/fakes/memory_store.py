"""The store in memory, with faults to order."""

from dataclasses import replace

from greenstream.domain.policy import Policy
from greenstream.ports.store import Snapshot, StoreError
from infra.local import memory_store


class MemoryStore(memory_store.MemoryStore):
    """While ``unreachable``, every call raises `StoreError`; each snapshot names ``damaged``."""

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        damaged: tuple[str, ...] = (),
        unreachable: bool = False,
    ) -> None:
        super().__init__(policy=policy)
        self.damaged = damaged
        self.unreachable = unreachable

    def snapshot(self) -> Snapshot:
        return replace(super().snapshot(), damaged=self.damaged)

    def _begin(self, operation: str) -> None:
        if self.unreachable:
            raise StoreError(f"memory {operation} failed: unreachable")
