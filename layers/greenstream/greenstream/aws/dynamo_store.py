"""The store on DynamoDB: one table, written so that neither order nor repetition matters.

| pk | sk | what is replaced only by something greater |
|---|---|---|
| ``CURRENT`` | ``BOARD#provider`` | a reading: ``valid_to``, then as in the history |
| | | the status: ``last_run_at`` |
| ``CURRENT`` | ``PROFILE#hour#provider`` | a mean: ``computed_at`` |
| ``CURRENT`` | ``POLICY`` | (always replaced) |
| ``SPARE`` | ``BOARD#provider`` | ``copied_at`` |
| ``HISTORY#zone#provider#signal#basis`` | ``valid_to`` | ``revision``, ``fetched_at`` |
| ``FORECAST#zone`` | ``provider#signal#basis`` | ``issued_at`` |
| ``LATENCY`` | ``colo#pop`` | ``samples``, which grows with every write |

The versions of the policy are in the partition ``POLICY`` (`greenstream.aws.dynamo_policies`).
"""

import time
from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from greenstream.aws.dynamo_boards import BoardReader, BoardWriter
from greenstream.aws.dynamo_forecasts import DynamoForecasts
from greenstream.aws.dynamo_history import DynamoHistory
from greenstream.aws.dynamo_latencies import DynamoLatencies
from greenstream.aws.dynamo_profiles import ProfileReader, ProfileWriter, StoredProfiles
from greenstream.aws.dynamo_recording import DynamoRecording
from greenstream.aws.dynamodb import DynamoDb
from greenstream.aws.packed_items import PackedWriter
from greenstream.aws.table import Table
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.roundtrips import MeasuredRtt
from greenstream.ports.store import Snapshot


class DynamoStore:
    """A `greenstream.ports.store.Store` on one table.

    Parameters
    ----------
    client
        The client that `greenstream.aws.client.dynamodb_client` makes.
    table_name
        The name of a table with the string keys ``pk`` and ``sk`` and with its time to live on
        ``expires_at``.
    clock
        Returns the present, which decides when a board is copied.
    sleep
        Waits for some seconds, while another writer changes the same item.
    """

    def __init__(
        self,
        client: DynamoDb,
        table_name: str,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._table = Table(client, table_name)
        self._history = DynamoHistory(self._table)
        self._forecasts = DynamoForecasts(self._table)
        self._latencies = DynamoLatencies(self._table)
        self._boards = BoardReader(self._table)
        self._profiles = ProfileReader(self._table)
        self._packed = PackedWriter(self._table, sleep)
        self._clock = clock

    def recording(self, provider: str) -> DynamoRecording:
        """Begin to store what one run of a provider brings."""
        return DynamoRecording(
            self._history,
            self._forecasts,
            BoardWriter(self._table, self._history, self._packed, self._clock, provider),
            ProfileWriter(self._table, self._packed, provider),
        )

    def snapshot(self) -> Snapshot:
        """Read the boards and the policy by one query: `BoardReader.snapshot`."""
        return self._boards.snapshot()

    def profiles(self, hours: Collection[int]) -> StoredProfiles:
        """Read hours of day of all profiles: `ProfileReader.read`."""
        return self._profiles.read(hours)

    def history(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return the readings with ``since < valid_to <= until``: `DynamoHistory.readings`."""
        return self._history.readings(zone, provider, kind, since=since, until=until)

    def versions(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return all versions of the readings of `history`: `DynamoHistory.versions`."""
        return self._history.versions(zone, provider, kind, since=since, until=until)

    def forecasts(self, zone: str) -> tuple[Forecast, ...]:
        """Return a zone's forecasts: `DynamoForecasts.read`."""
        return self._forecasts.read(zone)

    def record_latency(self, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime) -> bool:
        """Add a report of round trips (ms) to what is known: `DynamoLatencies.record`."""
        return self._latencies.record(colo, pop, rtts_ms, at)

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        """Return the round trips of a colo, or of all colos: `DynamoLatencies.read`."""
        return self._latencies.read(colo)
