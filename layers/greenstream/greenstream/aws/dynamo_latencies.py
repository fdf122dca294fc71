"""Measured round trips on the table: the partition ``LATENCY`` has one item per colo and POP."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from greenstream.aws.attributes import Item, epoch, expiry, to_instant
from greenstream.aws.item_schema import (
    DECODE_ERRORS,
    SCHEMA,
    check_schema,
    decodable,
    leave_to_newer_code,
)
from greenstream.aws.table import Table
from greenstream.domain.roundtrips import LIFE, MAX_RTT_MS, MIN_RTT_MS, MeasuredRtt, add_report

LATENCY: Final[Item] = {"S": "LATENCY"}
"""The partition key."""

MAX_PAGES: Final = 4
"""How many megabytes of round trips are read at once.

They have room for all 339 colos of the edge with every POP, and for the tuner, which reads them
all. The router takes no other colo, but whatever else writes to the table could name 17,576.
"""

MAX_TRIES: Final = 3
"""How often one report is written: once as if nothing is known, then twice on what is known."""


class DynamoLatencies:
    """The round trips that reporters have measured.

    Parameters
    ----------
    table
        The table of all items.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def record(self, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime) -> bool:
        """Add a report of round trips (ms) to what is known of a colo and POP.

        The first write assumes that nothing is known. When it is refused, the refusal brings what
        is known, so that no read precedes the write.

        Returns
        -------
        bool
            ``False`` when other reporters wrote between all `MAX_TRIES` writes, or when newer
            code wrote the item. The report is lost then.

        Raises
        ------
        StoreError
            When a write failed.
        """
        sk: Item = {"S": f"{colo}#{pop}"}
        known: MeasuredRtt | None = None
        condition, guard = "NOT attribute_type(samples, :guard)", {"S": "N"}
        for _ in range(MAX_TRIES):
            attributes = encode_round_trips(add_report(known, colo, pop, rtts_ms, at))
            written, existing = self._table.update(
                {"pk": LATENCY, "sk": sk}, attributes, condition, {":guard": guard}
            )
            if written:
                return True
            if leave_to_newer_code(existing):
                return False
            try:
                known = decode_round_trips(existing)
            except DECODE_ERRORS:
                known = None  # The item is damaged or has gone, so this report is the first.
            if "N" in existing.get("samples", {}):
                condition, guard = "samples = :guard", existing["samples"]
            else:
                condition, guard = "NOT attribute_type(samples, :guard)", {"S": "N"}
        return False

    def read(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        """Return what is known of a colo's POPs, or of all colos, sorted by colo and POP.

        Damaged items are logged and skipped. At most `MAX_PAGES` megabytes are read.

        Raises
        ------
        StoreError
            When a query failed.
        """
        condition, values = "pk = :pk", {":pk": LATENCY}
        if colo is not None:
            condition += " AND begins_with(sk, :colo)"
            values[":colo"] = {"S": f"{colo}#"}
        items = self._table.query(condition, values, pages=MAX_PAGES)
        return tuple(decodable(items, decode_round_trips))


def encode_round_trips(measured: MeasuredRtt) -> Item:
    """Return a measured round trip's attributes without its key.

    The votes are one text, since a list of numbers takes four times as long to parse.
    """
    return SCHEMA | {
        "votes_ms": {"S": " ".join(f"{vote:.1f}" for vote in measured.votes_ms)},
        "samples": {"N": str(measured.samples)},
        "updated_at": epoch(measured.updated_at),
        "expires_at": expiry(measured.updated_at + LIFE),
    }


def decode_round_trips(item: Mapping[str, Any]) -> MeasuredRtt:
    """Return the measured round trip of an item; its sort key states the colo and the POP.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged.
    """
    check_schema(item)
    colo, pop = item["sk"]["S"].split("#")
    votes_ms = tuple(map(float, item["votes_ms"]["S"].split()))
    if not votes_ms or not all(MIN_RTT_MS <= vote <= MAX_RTT_MS for vote in votes_ms):
        raise ValueError(f"the votes {votes_ms} are not round trips in milliseconds")
    return MeasuredRtt(
        colo=colo,
        pop=pop,
        votes_ms=votes_ms,
        samples=int(item["samples"]["N"]),
        updated_at=to_instant(item["updated_at"]),
    )
