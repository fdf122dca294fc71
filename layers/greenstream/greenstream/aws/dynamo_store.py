"""The store on DynamoDB: one table, written so that neither order nor repetition matters.

| pk | sk | an item is replaced only by a greater |
|---|---|---|
| ``CURRENT`` | ``READING#zone#provider#signal#basis`` | ``valid_to``, then as in the history |
| ``CURRENT`` | ``PROVIDER#name`` | ``last_run_at`` |
| ``CURRENT`` | ``PROFILE#zone#provider#signal#basis`` | ``computed_at``, hour by hour |
| ``CURRENT`` | ``POLICY`` | (always replaced) |
| ``HISTORY#zone#provider#signal#basis`` | ``valid_to`` | ``revision``, ``fetched_at`` |
| ``FORECAST#zone`` | ``provider#signal#basis`` | ``issued_at`` |
| ``LATENCY`` | ``colo#pop`` | ``samples``, which grows with every write |

The versions of the policy are in the partition ``POLICY`` (`greenstream.aws.dynamo_policies`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from greenstream.aws.attributes import Item, epoch, kind_key, source_key, to_instant
from greenstream.aws.current_items import (
    CURRENT,
    HOUR_NAMES,
    decode_current,
    encode_hour,
    encode_status,
)
from greenstream.aws.dynamo_history import DynamoHistory
from greenstream.aws.dynamo_latencies import DynamoLatencies
from greenstream.aws.dynamodb import DynamoDb
from greenstream.aws.item_schema import (
    DECODE_ERRORS,
    SCHEMA,
    SchemaError,
    decodable,
    leave_to_newer_code,
)
from greenstream.aws.reading_items import (
    decode_forecast,
    encode_forecast,
    encode_reading,
    same_figures,
)
from greenstream.aws.table import Table
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.roundtrips import MeasuredRtt
from greenstream.ports.store import ProviderStatus, Put, PutOutcome, Snapshot

SLOW_MAX_AGE: Final = timedelta(minutes=5)
"""How old the policy and the profiles of a snapshot may be.

The policy changes once a night and a profile once an hour. To read them with every snapshot would
more than double its cost.
"""

FIRST_FAST_SK: Final = "PROVIDER"
"""The sort key from which every snapshot reads ``CURRENT``. POLICY and PROFILE# sort before it."""


@dataclass(frozen=True, slots=True)
class _SlowPart:
    """The part of a snapshot that changes seldom, and when it was read."""

    read_at: datetime
    policy: Policy | None
    profiles: tuple[HourProfile, ...]
    damaged: tuple[str, ...]


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
        Returns the present, which decides when the policy and the profiles are read again.
    """

    def __init__(self, client: DynamoDb, table_name: str, *, clock: Callable[[], datetime]) -> None:
        self._table = Table(client, table_name)
        self._history = DynamoHistory(self._table)
        self._latencies = DynamoLatencies(self._table)
        self._clock = clock
        self._slow: _SlowPart | None = None

    def put_reading(self, reading: Reading) -> Put:
        """Write a reading into the history, and into ``CURRENT`` if it is its source's newest.

        The history is written first, so that a run that broke between the two writes is repaired
        when it is repeated.

        Of two versions of an interval the one with the later ``published_at`` stays, or the later
        ``fetched_at`` where the provider publishes no such time. ``fetched_at`` also decides
        between two versions of one publication, so that the end is the same in every order. The
        same figures fetched again are a duplicate. Superseded figures stay in the history (see
        `versions`), and only the history stores ``detail``. A damaged item is replaced, except for
        an item of the history that newer code wrote.

        Raises
        ------
        StoreError
            When either write failed.
        """
        item = encode_reading(reading)
        self._history.write(reading, item)
        source = source_key(reading.zone, reading.provider, reading.kind)
        written, existing_item = self._table.put(
            {"pk": CURRENT, "sk": {"S": f"READING#{source}"}} | item,
            "NOT attribute_type(valid_to, :number) OR NOT attribute_type(revision, :number)"
            " OR valid_to < :valid_to OR (valid_to = :valid_to AND (revision < :revision"
            " OR (revision = :revision AND fetched_at < :fetched_at)))",
            {
                ":number": {"S": "N"},
                ":valid_to": item["valid_to"],
                ":revision": item["revision"],
                ":fetched_at": epoch(reading.fetched_at),
            },
        )
        try:
            existing = decode_current(existing_item) if existing_item else None
        except DECODE_ERRORS:
            existing = None
        if not isinstance(existing, Reading):
            return Put(PutOutcome.STORED if written else PutOutcome.LATE, None)
        if existing.valid_to != reading.valid_to:
            outcome = PutOutcome.STORED if written else PutOutcome.LATE
        elif written and (
            existing.published_at != reading.published_at or not same_figures(existing_item, item)
        ):
            outcome = PutOutcome.REVISED
        else:
            outcome = PutOutcome.DUPLICATE
        return Put(outcome, existing.valid_from)

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
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

    def put_profile_hours(self, profile: HourProfile) -> None:
        """Set each hour of a profile, unless the store has a mean that was computed later.

        Raises
        ------
        StoreError
            When a write failed. The hours before it have been set.
        """
        source = source_key(profile.zone, profile.provider, profile.kind)
        shared = SCHEMA | {"scope": {"S": str(profile.scope)}}
        for hour, mean in profile.hours.items():
            name = HOUR_NAMES[hour]
            self._update_current(
                f"PROFILE#{source}",
                shared | {name: encode_hour(mean, profile)},
                guard=f"{name}[1]",
                value=epoch(mean.computed_at),
            )
        self._slow = None  # A writer of a profile sees it in its next snapshot.

    def put_status(self, status: ProviderStatus) -> None:
        """Record a run of a provider.

        When a later run has been recorded already, the success and the error of this run are
        still recorded where they are newer than the recorded ones.

        Raises
        ------
        StoreError
            When a write failed.
        """
        key = f"PROVIDER#{status.provider}"
        run, success, error = encode_status(status)
        newest = self._update_current(
            key, run | success | error, guard="last_run_at", value=run["last_run_at"]
        )
        for part, guard in ((success, "last_success_at"), (error, "last_error_at")):
            if not newest and guard in part:
                self._update_current(key, part, guard=guard, value=part[guard])

    def snapshot(self) -> Snapshot:
        """Read ``CURRENT`` by one query. The policy and the profiles may be `SLOW_MAX_AGE` old.

        Raises
        ------
        StoreError
            When the query failed.
        """
        now = self._clock()
        slow = self._slow
        if slow is not None and not timedelta(0) <= now - slow.read_at < SLOW_MAX_AGE:
            slow = None
        if slow is None:
            items = self._table.query("pk = :pk", {":pk": CURRENT})
        else:
            items = self._table.query(
                "pk = :pk AND sk >= :sk", {":pk": CURRENT, ":sk": {"S": FIRST_FAST_SK}}
            )
        values: list[Reading | ProviderStatus | HourProfile | Policy] = []
        damaged: list[str] = []
        for item in items:
            try:
                values.append(decode_current(item))
            except SchemaError as error:
                damaged.append(f"{item['sk']['S']} ({error})")
            except DECODE_ERRORS:
                damaged.append(item["sk"]["S"])
        if slow is None:
            slow = self._slow = _SlowPart(
                read_at=now,
                policy=next((value for value in values if isinstance(value, Policy)), None),
                profiles=tuple(value for value in values if isinstance(value, HourProfile)),
                damaged=tuple(sk for sk in damaged if sk < FIRST_FAST_SK),
            )
        return Snapshot(
            readings=tuple(value for value in values if isinstance(value, Reading)),
            profiles=slow.profiles,
            providers=tuple(value for value in values if isinstance(value, ProviderStatus)),
            policy=slow.policy,
            damaged=slow.damaged + tuple(sk for sk in damaged if sk >= FIRST_FAST_SK),
        )

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
        """Return a zone's forecasts. Damaged items are logged and skipped.

        Raises
        ------
        StoreError
            When the query failed.
        """
        items = self._table.query("pk = :pk", {":pk": {"S": f"FORECAST#{zone}"}})
        return tuple(decodable(items, lambda item: decode_forecast(item, zone)))

    def record_latency(self, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime) -> bool:
        """Add a report of round trips (ms) to what is known: `DynamoLatencies.record`."""
        return self._latencies.record(colo, pop, rtts_ms, at)

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        """Return the round trips of a colo, or of all colos: `DynamoLatencies.read`."""
        return self._latencies.read(colo)

    def _update_current(self, sk: str, attributes: Item, *, guard: str, value: Item) -> bool:
        """Set attributes of an item in ``CURRENT`` if its guard is missing or below the value.

        Returns whether they were set, or whether the item stays because newer code wrote it.
        """
        written, existing = self._table.update(
            {"pk": CURRENT, "sk": {"S": sk}},
            SCHEMA | attributes,
            f"(NOT attribute_type({guard}, :number) OR {guard} < :guard)"
            " AND (NOT attribute_type(#schema, :number) OR #schema <= :schema)",
            {":number": {"S": "N"}, ":guard": value},
        )
        return written or leave_to_newer_code(existing)
