"""The store in memory, with faults to order."""

from dataclasses import replace

from greenstream.domain.policy import Policy
from greenstream.domain.reading import Reading
from greenstream.ports.store import Put, Snapshot, StoreError
from infra.local import memory_store


class MemoryStore(memory_store.MemoryStore):
    """While ``unreachable``, every call raises `StoreError`; each snapshot names ``damaged``.

    ``delivered`` lists the readings of all runs, also those that were stored already.
    """

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        damaged: tuple[str, ...] = (),
        unreachable: bool = False,
    ) -> None:
        super().__init__(policy=policy)
        self.damaged = damaged
        self.delivered: list[Reading] = []
        self.unreachable = unreachable

    def recording(self, provider: str) -> "DeliveredRecording":
        del provider
        return DeliveredRecording(self, self.delivered)

    def snapshot(self) -> Snapshot:
        return replace(super().snapshot(), damaged=self.damaged)

    def _begin(self, operation: str) -> None:
        if self.unreachable:
            raise StoreError(f"memory {operation} failed: unreachable")


class DeliveredRecording(memory_store.MemoryRecording):
    """Also lists the readings that a run delivers, in ``delivered``."""

    def __init__(self, store: MemoryStore, delivered: list[Reading]) -> None:
        super().__init__(store)
        self.delivered = delivered

    def put(self, reading: Reading) -> Put:
        self.delivered.append(reading)
        return super().put(reading)
