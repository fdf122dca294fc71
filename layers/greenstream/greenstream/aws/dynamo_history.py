"""The history on the table: every interval of every source, with its earlier versions.

The partition ``HISTORY#zone#provider#signal#basis`` has one item for each interval, sorted by its
end. The item holds the latest version of the interval and, in ``earlier``, what its revisions have
superseded.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from greenstream.aws.attributes import Item, document, epoch, expiry, sortable, source_key
from greenstream.aws.item_schema import DECODE_ERRORS, decodable, leave_to_newer_code
from greenstream.aws.reading_items import (
    FIGURES,
    OPTIONAL,
    decode_reading,
    decode_versions,
    earlier_versions,
)
from greenstream.aws.table import Table
from greenstream.domain.reading import Kind, Reading

HISTORY_LIFE: Final = timedelta(days=30)
"""How long an item of the history outlives its interval, by the table's time to live."""


class DynamoHistory:
    """The history of readings.

    Parameters
    ----------
    table
        The table of all items.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def write(self, reading: Reading, item: Item) -> None:
        """Write a reading's interval unless the history has a later revision of it.

        The first version of an interval takes one write, and so do the same figures again. Other
        figures take a second write, which keeps the superseded version: a decision that was based
        on it can still be replayed.

        Parameters
        ----------
        reading
            The reading.
        item
            The same reading as `greenstream.aws.reading_items.encode_reading` encodes it.

        Raises
        ------
        StoreError
            When a write failed.
        """
        source = source_key(reading.zone, reading.provider, reading.kind)
        key: Item = {"pk": {"S": f"HISTORY#{source}"}, "sk": {"S": sortable(reading.valid_to)}}
        attributes: dict[str, Any] = {
            **dict.fromkeys(OPTIONAL),  # None removes what only the superseded version has.
            **item,
            "detail": document(reading.detail) if reading.detail else None,
            "expires_at": expiry(reading.valid_to + HISTORY_LIFE),
            "known_at": epoch(reading.fetched_at),
        }
        same = " AND ".join(
            f"attribute_not_exists(#{name})" if attributes[name] is None else f"#{name} = :{name}"
            for name in FIGURES
        )
        new = "NOT attribute_type(#revision, :number)"
        later = "#revision < :revision OR (#revision = :revision AND #fetched_at < :known_at)"
        first_or_same = f"{new} OR (({later}) AND {same})"
        # Another writer in between makes the loop run again. Each time the stored revision is a
        # later one, so the loop ends.
        while True:
            written, existing = self._table.update(
                key,
                attributes,
                first_or_same,
                {":number": {"S": "N"}},
                only_if_missing=["known_at"],
            )
            if written or leave_to_newer_code(existing):
                return
            try:
                tuple(decode_versions(existing, reading.zone, reading.provider, reading.kind))
            except DECODE_ERRORS:
                # A damaged version beside this one would make this one unreadable.
                earlier: dict[str, Any] = {"earlier": None}
            else:
                if _revision_order(existing) >= _revision_order(item):
                    return
                earlier = earlier_versions(existing)
            values = {":seen": existing["revision"]}
            unchanged = "#revision = :seen AND attribute_not_exists(#fetched_at)"
            if "fetched_at" in existing:
                values[":seen_at"] = existing["fetched_at"]
                unchanged = "#revision = :seen AND #fetched_at = :seen_at"
            written, _ = self._table.update(key, attributes | earlier, unchanged, values)
            if written:
                return

    def readings(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return the latest version of each interval with ``since < valid_to <= until``.

        The oldest interval comes first. Damaged items are logged and skipped.

        Raises
        ------
        StoreError
            When a query failed.
        """
        items = self._intervals(source_key(zone, provider, kind), since, until)
        readings = decodable(items, lambda item: decode_reading(item, zone, provider, kind))
        return tuple(reading for reading in readings if since < reading.valid_to <= until)

    def newest(self, zone: str, provider: str, kind: Kind) -> Reading | None:
        """Return the latest version of the newest interval, or ``None`` if there is none.

        A damaged item is logged and counts as none.

        Raises
        ------
        StoreError
            When the query failed.
        """
        pk = f"HISTORY#{source_key(zone, provider, kind)}"
        item = self._table.last("pk = :pk", {":pk": {"S": pk}})
        readings = decodable(
            [item] if item else [], lambda stored: decode_reading(stored, zone, provider, kind)
        )
        return next(readings, None)

    def versions(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return all versions of each interval with ``since < valid_to <= until``.

        The oldest interval comes first, and within it the oldest version. Damaged items are
        logged and skipped.

        Raises
        ------
        StoreError
            When a query failed.
        """
        items = self._intervals(source_key(zone, provider, kind), since, until)
        intervals = decodable(
            items, lambda item: tuple(decode_versions(item, zone, provider, kind))
        )
        return tuple(
            version
            for versions in intervals
            for version in versions
            if since < version.valid_to <= until
        )

    def _intervals(self, source: str, since: datetime, until: datetime) -> list[Mapping[str, Any]]:
        return self._table.query(
            "pk = :pk AND sk BETWEEN :since AND :until",
            {
                ":pk": {"S": f"HISTORY#{source}"},
                ":since": {"S": sortable(since)},
                ":until": {"S": sortable(until)},
            },
        )


def _revision_order(item: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """Return the numbers by which the later of two versions of an interval is the greater."""
    revision = item["revision"]
    return Decimal(revision["N"]), Decimal(item.get("fetched_at", revision)["N"])
