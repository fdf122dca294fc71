"""A client of the table that counts its calls and breaks one of them."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from greenstream.ports.store import StoreError
from tests.table_client import TableClient


@dataclass
class Watched:
    """A client that counts its calls, and breaks one of them before or after it has acted."""

    client: TableClient
    breaks_at: int = 0
    after_acting: bool = False
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.client, name)
        if name not in ("put_item", "update_item", "query"):
            return method

        def call(**arguments: Any) -> Any:
            self.calls[name] += 1
            breaks = self.calls.total() == self.breaks_at
            answer = None if breaks and not self.after_acting else method(**arguments)
            if breaks:
                raise StoreError("the table does not answer")
            return answer

        return call
