"""The documents of packed items: rows by source and kind, stored by column.

The values of a column are alike, so that columns compress well. Each row has the columns ``z``, the
zone, and ``k``, a position in the document's list ``kinds``, whose members are lists of names that
begin with signal and basis. A column or a member that later code adds needs no new schema number:
readers ignore what they do not know, and a writer copies it in the rows that it leaves unchanged.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

Document = dict[str, Any]
"""The content of a packed item, as JSON has it."""

Row = dict[str, Any]
"""A row: its values by column, without nulls. ``k`` holds the names instead of their position."""

SourceKey = tuple[str, str, str]
"""The zone, the signal and the basis of a row."""


def rows(document: Document) -> dict[SourceKey, Row]:
    """Return the rows of a document by source and kind.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the document is damaged.
    """
    columns, kinds = document["columns"], document["kinds"]
    by_source: dict[SourceKey, Row] = {}
    for values in zip(*columns.values(), strict=True):
        named = zip(columns, values, strict=True)
        row = {name: value for name, value in named if value is not None}
        row["k"] = kinds[row["k"]]
        by_source[row["z"], row["k"][0], row["k"][1]] = row
    return by_source


def with_rows(
    document: Document, by_source: Mapping[SourceKey, Row], always: Collection[str]
) -> Document:
    """Return a document with other rows. Its other members stay, also those of later code.

    The rows are sorted, so that equal rows give an equal document.

    Parameters
    ----------
    always
        The columns that the document has even if it has no row. Any other column that is null in
        every row is left out.
    """
    kinds: dict[tuple[str, ...], int] = {}
    in_order = sorted(by_source, key=lambda key: (*key[1:], key[0]))
    numbered = [
        {**by_source[key], "k": kinds.setdefault(tuple(by_source[key]["k"]), len(kinds))}
        for key in in_order
    ]
    names = dict.fromkeys([*always, *(name for row in numbered for name in row)])
    columns = {name: [row.get(name) for row in numbered] for name in names}
    return {**document, "kinds": [list(names) for names in kinds], "columns": columns}


def check_columns(document: Document, always: Collection[str]) -> int:
    """Return how many rows a document has.

    Raises
    ------
    ValueError
        When a column has another length.
    KeyError
        When a column is missing that every such document has.
    """
    columns = document["columns"]
    length = len(columns["k"])
    for name in (*always, *columns):
        if len(columns[name]) != length:
            raise ValueError(f"the column {name} does not have {length} rows")
    return length


def row_numbers(column: Collection[str]) -> Mapping[str, list[int]]:
    """Return the positions of each value of a column."""
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number, value in enumerate(column):
        numbers[value].append(number)
    return numbers


def short(value: float, decimals: int = 3) -> float:
    """Return a number as documents hold it: rounded, and an integer where it is whole."""
    rounded = round(value, decimals)
    whole = int(rounded)
    return whole if whole == rounded else rounded


def scaled(value: float, decimals: int = 3) -> int:
    """Return a number, rounded to some decimals, as a whole number of its last decimal."""
    return round(round(value, decimals) * int(10**decimals))


def seconds(instant: datetime) -> float:
    """Return an instant as documents hold it: seconds since the epoch, to the microsecond."""
    return short(instant.timestamp(), 6)


def instant_of(epoch_s: float) -> datetime:
    """Return the instant, in UTC, of a number that `seconds` made."""
    return datetime.fromtimestamp(epoch_s, tz=UTC)
