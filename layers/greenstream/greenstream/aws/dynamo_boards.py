"""The boards on the table: all are read by one query, and each is written under a condition.

| pk | sk | |
|---|---|---|
| ``CURRENT`` | ``BOARD#provider`` | the newest readings and the status of a provider |
| ``SPARE`` | ``BOARD#provider`` | a copy of at most hourly age, for the time of damage |
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from greenstream.aws.attributes import CURRENT, Item
from greenstream.aws.board_items import (
    ALWAYS,
    StoredBoard,
    empty_board,
    encode_row,
    order_of,
)
from greenstream.aws.dynamo_history import DynamoHistory
from greenstream.aws.item_schema import DECODE_ERRORS, SchemaError, leave_to_newer_code
from greenstream.aws.packed_items import PackedWriter, pack, unpack
from greenstream.aws.packed_rows import (
    Document,
    Row,
    SourceKey,
    instant_of,
    rows,
    seconds,
    with_rows,
)
from greenstream.aws.policy_items import decode_policy
from greenstream.aws.table import Table
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Basis, Kind, Signal
from greenstream.domain.zones import zones_of
from greenstream.ports.store import Snapshot, StoreError

logger = logging.getLogger(__name__)

SPARE: Final[Item] = {"S": "SPARE"}
"""The partition key of the copies of the boards."""

PREFIX: Final = "BOARD#"
POLICY: Final = "POLICY"
"""The sort key of the policy in force. Boards sort before it, and profiles after it."""

SPARE_EVERY: Final = timedelta(hours=1)
"""How often a board is copied."""


def board_key(provider: str) -> Item:
    """Return the key of a provider's board."""
    return {"pk": CURRENT, "sk": {"S": f"{PREFIX}{provider}"}}


@dataclass(frozen=True, slots=True)
class _Remembered:
    """An item as it was read, what it stands for, and how an answer names its damage, if any."""

    item: Mapping[str, Any]
    value: StoredBoard | Policy | None
    damage: str | None = None


class BoardReader:
    """Reads all boards and the policy, and decodes only the items that have changed.

    Parameters
    ----------
    table
        The table.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._remembered: dict[str, _Remembered] = {}

    def snapshot(self) -> Snapshot:
        """Read the boards and the policy by one query.

        For a damaged board the last good one stands: the one in memory, or its spare copy. The
        spare copy is read once for each state of a damaged board.

        Raises
        ------
        StoreError
            When the query failed.
        """
        items = self._table.query(
            "pk = :pk AND sk <= :last", {":pk": CURRENT, ":last": {"S": POLICY}}
        )
        remembered: dict[str, _Remembered] = {}
        for item in items:
            sk = item["sk"]["S"]
            known = self._remembered.get(sk)
            remembered[sk] = known if known is not None and known.item == item else self._read(item)
        self._remembered = remembered
        values = [known.value for known in remembered.values()]
        return Snapshot(
            boards=tuple(value for value in values if isinstance(value, StoredBoard)),
            policy=next((value for value in values if isinstance(value, Policy)), None),
            damaged=tuple(
                known.damage for known in remembered.values() if known.damage is not None
            ),
        )

    def _read(self, item: Mapping[str, Any]) -> _Remembered:
        sk = item["sk"]["S"]
        damage = sk
        try:
            value = decode_policy(item) if sk == POLICY else decode_board(item)
        except SchemaError as error:
            damage = f"{sk} ({error})"
        except DECODE_ERRORS:
            pass
        else:
            unknown = 0 if isinstance(value, Policy) else value.unknown
            return _Remembered(item, value, f"{sk} ({unknown} readings)" if unknown else None)
        if sk == POLICY:
            return _Remembered(item, None, damage)
        last = self._remembered[sk].value if sk in self._remembered else None
        return _Remembered(item, last or self._spare(sk), damage)

    def _spare(self, sk: str) -> StoredBoard | None:
        try:
            return decode_board(spare_of(self._table, sk))
        except DECODE_ERRORS:
            return None


def decode_board(item: Mapping[str, Any]) -> StoredBoard:
    """Return the board of an item, or of its spare copy.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged, or is the
        board of another provider than its key says.
    """
    document = unpack(item)
    check_provider(item, document)
    return StoredBoard(document)


def check_provider(item: Mapping[str, Any], document: Document) -> None:
    """Refuse a document that is not the one of its item's key.

    Raises
    ------
    ValueError
        When the document is of another provider.
    """
    provider = item["sk"]["S"].removeprefix(PREFIX)
    if not provider or document["provider"] != provider:
        raise ValueError(f"the board is not of the provider {provider}")


def spare_of(table: Table, sk: str) -> Mapping[str, Any]:
    """Return the item of a board's spare copy; it is empty if there is none.

    Raises
    ------
    StoreError
        When the query failed.
    """
    copies = table.query("pk = :pk AND sk = :sk", {":pk": SPARE, ":sk": {"S": sk}})
    return copies[0] if copies else {}


class BoardWriter:
    """Reads and writes the board of one provider.

    Parameters
    ----------
    table, history
        The table, and the history on it, from which a damaged board is repaired.
    packed
        Writes packed items.
    clock
        Returns the present, which decides when the board is copied.
    provider
        The provider's name in the zone table.
    """

    def __init__(
        self,
        table: Table,
        history: DynamoHistory,
        packed: PackedWriter,
        clock: Callable[[], datetime],
        provider: str,
    ) -> None:
        self._table = table
        self._history = history
        self._packed = packed
        self._clock = clock
        self._provider = provider
        self._key = board_key(provider)
        self._repaired: Document | None = None

    def read(self) -> Mapping[str, Any]:
        """Return the board's item as it is stored; it is empty if there is none.

        Raises
        ------
        StoreError
            When the query failed.
        """
        items = self._table.query(
            "pk = :pk AND sk = :sk", {":pk": self._key["pk"], ":sk": self._key["sk"]}
        )
        return items[0] if items else {}

    def document(self, item: Mapping[str, Any]) -> Document:
        """Return the content of the board's item; that of a damaged one is made anew.

        It is made of the spare copy and of the newest interval that the history has of each
        source. A board that newer code wrote counts as empty, since it is not written either.

        Raises
        ------
        StoreError
            When a query failed.
        """
        if not item:
            return empty_board(self._provider)
        try:
            document = _good(item)
        except DECODE_ERRORS:
            if leave_to_newer_code(item):
                return empty_board(self._provider)
            if self._repaired is None:
                logger.warning("the board of %s is damaged and is made anew", self._provider)
                self._repaired = self._made_anew()
            return self._repaired
        return document

    def write(
        self, existing: Mapping[str, Any], merged: Callable[[Document], Document | None]
    ) -> None:
        """Write what the board becomes (`PackedWriter.merge`), and copy it when that is due.

        Raises
        ------
        StoreError
            When the board could not be written. A failure of the copy is logged only.
        """
        now = self._clock()
        copy_is_due = False

        def change(item: Mapping[str, Any]) -> Document | None:
            nonlocal copy_is_due
            document = merged(self.document(item))
            if document is None:
                return None
            copied_at = document["spare_at"]
            copy_is_due = copied_at is None or now - instant_of(copied_at) >= SPARE_EVERY
            return {**document, "spare_at": seconds(now)} if copy_is_due else document

        written = self._packed.merge(self._key, existing, change)
        if written is not None and copy_is_due:
            try:
                self._copy(written, now)
            except StoreError as error:
                logger.warning("the board of %s was not copied: %s", self._provider, error)

    def _copy(self, document: Document, now: datetime) -> None:
        copied_at = {"N": str(seconds(now))}
        item = pack({**self._key, "pk": SPARE}, document, 1) | {"copied_at": copied_at}
        self._table.put(
            item,
            "NOT attribute_type(copied_at, :number) OR copied_at < :copied_at",
            {":number": {"S": "N"}, ":copied_at": copied_at},
        )

    def _made_anew(self) -> Document:
        try:
            document = _good(spare_of(self._table, self._key["sk"]["S"]))
        except DECODE_ERRORS:
            document = empty_board(self._provider)
        by_source = rows(document)
        sources = dict.fromkeys(by_source)
        for zone, source in zones_of(self._provider):
            sources |= dict.fromkeys((zone.zone, *kind) for kind in source.kinds)
        for key in sources:
            row = self._newest(key)
            if row is not None and (
                key not in by_source or order_of(by_source[key]) < order_of(row)
            ):
                by_source[key] = row
        return with_rows(document, by_source, ALWAYS)

    def _newest(self, key: SourceKey) -> Row | None:
        zone, signal, basis = key
        try:
            kind = Kind(Signal(signal), Basis(basis))
        except ValueError:  # a kind of later code
            return None
        reading = self._history.newest(zone, self._provider, kind)
        return None if reading is None else encode_row(reading)


def _good(item: Mapping[str, Any]) -> Document:
    """Return the document of a board's item, with all that a board needs to be merged.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged.
    """
    document = unpack(item)
    check_provider(item, document)
    StoredBoard(document)
    rows(document)
    for issued_s, checksum in document["forecasts"].values():
        instant_of(issued_s), int(checksum)
    spare_at = document["spare_at"]
    if spare_at is not None:
        instant_of(spare_at)
    return document
