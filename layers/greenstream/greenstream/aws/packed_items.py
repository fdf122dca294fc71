"""Items that hold many values in one compressed document: boards and hours of profiles.

A packed item has the attributes ``schema``, ``version``, ``checksum`` and ``data``. ``data`` is a
JSON document, compressed by zlib; ``checksum`` is the CRC-32 of ``data``, and ``version`` counts
the writes of the item. `greenstream.aws.packed_rows` describes the document.
"""

import json
import random
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from greenstream.aws.attributes import Item
from greenstream.aws.item_schema import SCHEMA, check_schema, leave_to_newer_code
from greenstream.aws.packed_rows import Document
from greenstream.aws.table import Table
from greenstream.ports.store import StoreError

TRIES: Final = 12
"""How often a writer tries to write an item that other writers change at the same time."""

FIRST_WAIT_S: Final = 0.02
LONGEST_WAIT_S: Final = 0.5
"""The bounds of the random wait between two tries: the longest first wait, which doubles with every
try, and the longest wait of all, in seconds."""

MAX_BYTES: Final = 8_000_000
"""The greatest size of a document before its compression. A thousand zones take about 0.2 MB."""

_MAX_VERSION: Final = 2**53
"""Versions from here on are damage, since nothing counts so far."""


def pack(key: Item, document: Document, version: int) -> Item:
    """Return the item that holds a document."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    data = zlib.compress(text.encode(), 9)
    return {
        **key,
        **SCHEMA,
        "version": {"N": str(version)},
        "checksum": {"N": str(zlib.crc32(data))},
        "data": {"B": data},
    }


def unpack(item: Mapping[str, Any]) -> Document:
    """Return the document of a packed item.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged or has another
        schema number.
    """
    check_schema(item)
    data = item["data"]["B"]
    if zlib.crc32(data) != int(item["checksum"]["N"]):
        raise ValueError("the checksum does not match the data")
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise ValueError("the data is not compressed by zlib") from error
    if not inflate.eof:
        raise ValueError("the data is cut off or too large")
    document = json.loads(text)
    if not isinstance(document, dict):
        raise TypeError("the document is not an object")
    return document


@dataclass(frozen=True, slots=True)
class PackedWriter:
    """Writes packed items that several writers may change at the same time.

    Parameters
    ----------
    table
        The table.
    sleep
        Waits for some seconds before the next try.
    """

    table: Table
    sleep: Callable[[float], None]

    def merge(
        self,
        key: Item,
        existing: Mapping[str, Any],
        merged: Callable[[Mapping[str, Any]], Document | None],
    ) -> Document | None:
        """Write what an item becomes, if nobody has changed the item since it was read.

        When somebody has, the item is merged again with what is there now, up to `TRIES` times.
        An item that newer code wrote stays as it is.

        Parameters
        ----------
        key
            The item's key.
        existing
            The item as it was read; empty where there was none.
        merged
            Returns the new document for an item as it is stored, or ``None`` to leave it. It is
            called once for each try.

        Returns
        -------
        Document or None
            The document that was written, or ``None`` if nothing was written.

        Raises
        ------
        StoreError
            When the table failed, or when other writers changed the item before each try.
        """
        for number in range(TRIES):
            if leave_to_newer_code(existing):
                return None
            document = merged(existing)
            if document is None:
                return None
            condition, values = _unchanged(existing)
            item = pack(key, document, _version(existing) + 1)
            written, existing = self.table.put(item, condition, values)
            if written:
                return document
            longest_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**number)
            self.sleep(random.uniform(0.0, longest_s))  # noqa: S311 - no secret depends on it
        raise StoreError(f"other writers changed {key['sk']['S']} before each of {TRIES} tries")


def _unchanged(existing: Mapping[str, Any]) -> tuple[str, Item]:
    """Return the condition that an item has not been written since it was read."""
    version = existing.get("version", {})
    if "N" in version:
        return "version = :version", {":version": version}
    return "NOT attribute_type(version, :number)", {":number": {"S": "N"}}


def _version(existing: Mapping[str, Any]) -> int:
    """Return the version of an item; 0 where there is none or a damaged one."""
    try:
        version = int(existing["version"]["N"])
    except (KeyError, TypeError, ValueError):
        return 0
    return version if 0 <= version < _MAX_VERSION else 0
