"""Stores what one run of a provider brings: the history at once, the board at the end."""

from collections.abc import Mapping, Sequence
from typing import Any

from greenstream.aws.board_items import (
    ALWAYS,
    decode_row,
    encode_row,
    order_of,
    same_figures,
    with_status,
)
from greenstream.aws.dynamo_boards import BoardWriter
from greenstream.aws.dynamo_forecasts import (
    DynamoForecasts,
    Note,
    note_key,
    note_of,
    says_the_same,
)
from greenstream.aws.dynamo_history import DynamoHistory
from greenstream.aws.dynamo_profiles import ProfileWriter
from greenstream.aws.packed_rows import Document, Row, SourceKey, instant_of, rows, with_rows
from greenstream.aws.reading_items import encode_reading
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Basis, Forecast, Kind, Quality, Reading, Scope, Signal
from greenstream.ports.store import ProviderStatus, Put, PutOutcome


class DynamoRecording:
    """A `greenstream.ports.store.Recording` on the table.

    Of two versions of an interval the one with the later ``published_at`` stays, or the later
    ``fetched_at`` where the provider publishes no such time. ``fetched_at`` also decides between
    two versions of one publication.

    Parameters
    ----------
    history, forecasts
        The history and the forecasts on the table.
    board
        Reads and writes the provider's board.
    profiles
        Writes the provider's profiles.
    """

    def __init__(
        self,
        history: DynamoHistory,
        forecasts: DynamoForecasts,
        board: BoardWriter,
        profiles: ProfileWriter,
    ) -> None:
        self._history = history
        self._forecasts = forecasts
        self._board = board
        self._profiles = profiles
        self._item: Mapping[str, Any] | None = None
        self._read: dict[SourceKey, Row] = {}
        """The rows of the board as it was read."""
        self._rows: dict[SourceKey, Row] = {}
        """The newest row of each source and kind: of the board, or of this run."""
        self._brought: dict[tuple[SourceKey, float], Reading] = {}
        """The readings of this run that are at least as new as the board, by source and end."""
        self._notes: dict[str, Note] = {}
        """What the board notes of forecasts (member ``forecasts``)."""
        self._new_notes: dict[str, Note] = {}
        """What it shall note of the forecasts that this run has stored."""
        self._unpublished: list[HourProfile] = []

    def put_readings(self, readings: Sequence[Reading]) -> tuple[Put, ...]:
        """Write into the history what is new or revised, and return what each reading came to.

        Raises
        ------
        StoreError
            When the board could not be read, or a write failed.
        """
        self._read_board()
        return tuple([self._put(reading) for reading in readings])

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        """Store a forecast unless the board notes that its points are stored.

        Raises
        ------
        StoreError
            When the board could not be read, or the write failed.
        """
        self._read_board()
        key, note = note_key(forecast), note_of(forecast)
        if says_the_same(self._notes.get(key), note):
            return PutOutcome.DUPLICATE
        outcome = self._forecasts.write(forecast)
        if outcome is PutOutcome.STORED:
            self._notes[key] = self._new_notes[key] = note
        return outcome

    def put_profile(self, profile: HourProfile) -> None:
        """Set the hours that a profile has, at the next `publish`."""
        self._unpublished.append(profile)

    def publish(self, status: ProviderStatus | None = None) -> None:
        """Write the board, then the hours of the profiles.

        Raises
        ------
        StoreError
            When a request failed.
        """
        existing = self._read_board()
        if self._brought or self._new_notes or status is not None:
            self._board.write(existing, lambda document: self._merged(document, status))
            self._item = None
            self._brought.clear()
            self._new_notes.clear()
        if self._unpublished:
            self._profiles.write(self._unpublished)
            self._unpublished.clear()

    def _read_board(self) -> Mapping[str, Any]:
        if self._item is None:
            self._item = self._board.read()
            document = self._board.document(self._item)
            self._read = rows(document)
            self._rows = dict(self._read)
            self._notes = dict(document["forecasts"])
        return self._item

    def _put(self, reading: Reading) -> Put:
        row = encode_row(reading)
        key = (reading.zone, str(reading.signal), str(reading.basis))
        known = self._rows.get(key)
        if known is None or known["t"] < row["t"]:
            outcome = PutOutcome.STORED
        elif row["t"] < known["t"]:
            outcome = PutOutcome.LATE
        elif order_of(row) <= order_of(known) or (
            same_figures(row, known) and row.get("u") == known.get("u")
        ):
            outcome = PutOutcome.DUPLICATE
        else:
            outcome = PutOutcome.REVISED
        if outcome is not PutOutcome.DUPLICATE:
            self._history.write(reading, encode_reading(reading))
        if outcome is not PutOutcome.LATE:
            self._brought[key, row["t"]] = reading
            if known is None or order_of(known) < order_of(row):
                self._rows[key] = row
        if known is None:
            return Put(outcome, None)
        return Put(outcome, instant_of(known["t"] - known["d"]))

    def _merged(self, document: Document, status: ProviderStatus | None) -> Document | None:
        """Return the board with this run, or ``None`` if that changes nothing."""
        by_source = rows(document)
        provider = document["provider"]
        for (key, _), reading in self._brought.items():
            row, known = encode_row(reading), by_source.get(key)
            if known is None or known["t"] < row["t"] or known == self._read.get(key):
                continue
            if known["t"] > row["t"]:
                # A newer interval has hidden what other runs made of this one meanwhile.
                self._history.write(reading, encode_reading(reading))
            elif not same_figures(known, row):
                self._settle(reading, row, known, provider)
        for key, row in self._rows.items():
            known = by_source.get(key)
            if known is None or order_of(known) < order_of(row):
                by_source[key] = row
        merged = with_rows(document, by_source, ALWAYS)
        notes = document["forecasts"]
        newer = {
            key: note
            for key, note in self._new_notes.items()
            if key not in notes or notes[key][0] < note[0]
        }
        merged["forecasts"] = notes | newer
        if status is not None:
            merged = with_status(merged, status)
        return None if merged == document else merged

    def _settle(self, reading: Reading, row: Row, known: Row, provider: str) -> None:
        """Write the later of two versions of an interval into the history.

        Another run has put another version on the board since this run read it. The run whose
        version is the later one may not have written it into the history, since the board that it
        had read stated the same. The version of the other run has no detail here.
        """
        if order_of(known) < order_of(row):
            self._history.write(reading, encode_reading(reading))
        else:
            signal, basis, scope, quality = known["k"]
            kind = Kind(Signal(signal), Basis(basis))
            later = decode_row(known, provider, kind, Scope(scope), Quality(quality))
            self._history.write(later, encode_reading(later))
