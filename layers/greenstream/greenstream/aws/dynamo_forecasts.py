"""The forecasts on the table: ``FORECAST#zone / provider#signal#basis``, the newest of each."""

import zlib
from typing import Final

from greenstream.aws.attributes import kind_key, to_instant
from greenstream.aws.item_schema import decodable
from greenstream.aws.packed_rows import seconds, short
from greenstream.aws.reading_items import decode_forecast, encode_forecast
from greenstream.aws.table import Table
from greenstream.domain.reading import Forecast
from greenstream.ports.store import PutOutcome

NOTED_S: Final = 3600
"""How long a note on the board says that the table has a forecast. After that the forecast is
written again even if it has not changed, in seconds."""

Note = list[float]
"""What the board says of a forecast: when it was issued, in seconds since the epoch, and a checksum
of its points."""


class DynamoForecasts:
    """The newest forecast of each source and kind.

    Parameters
    ----------
    table
        The table of all items.
    """

    def __init__(self, table: Table) -> None:
        self._table = table

    def write(self, forecast: Forecast) -> PutOutcome:
        """Store a forecast unless the store has it already or has one that was issued later.

        Returns
        -------
        PutOutcome
            ``stored``; ``duplicate`` when the stored forecast was issued at the same time;
            ``late`` when it was issued later.

        Raises
        ------
        StoreError
            When the write failed.
        """
        item = encode_forecast(forecast)
        written, existing = self._table.put(
            {
                "pk": {"S": f"FORECAST#{forecast.zone}"},
                "sk": {"S": kind_key(forecast.provider, forecast.kind)},
            }
            | item,
            "NOT attribute_type(issued_at, :number) OR issued_at < :issued_at",
            {":number": {"S": "N"}, ":issued_at": item["issued_at"]},
        )
        if written:
            return PutOutcome.STORED
        same = to_instant(existing["issued_at"]) == forecast.issued_at
        return PutOutcome.DUPLICATE if same else PutOutcome.LATE

    def read(self, zone: str) -> tuple[Forecast, ...]:
        """Return a zone's forecasts. Damaged items are logged and skipped.

        Raises
        ------
        StoreError
            When the query failed.
        """
        items = self._table.query("pk = :pk", {":pk": {"S": f"FORECAST#{zone}"}})
        return tuple(decodable(items, lambda item: decode_forecast(item, zone)))


def note_key(forecast: Forecast) -> str:
    """Return the name under which a board notes a forecast."""
    return kind_key(forecast.zone, forecast.kind)


def note_of(forecast: Forecast) -> Note:
    """Return what the board notes of a forecast that is stored."""
    points = [
        (seconds(point.valid_from), seconds(point.valid_to), short(point.gco2_kwh))
        for point in forecast.points
    ]
    stated = (forecast.provider_zone, str(forecast.scope), forecast.simulated, points)
    return [seconds(forecast.issued_at), zlib.crc32(repr(stated).encode())]


def says_the_same(note: Note | None, new: Note) -> bool:
    """Return whether a board's note says that the table has the points of a new forecast."""
    return note is not None and note[1] == new[1] and 0 <= new[0] - note[0] < NOTED_S
