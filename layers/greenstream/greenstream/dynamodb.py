"""The store on DynamoDB: one table, written so that order and repetition do not matter.

| pk | sk | guarded by |
|---|---|---|
| ``CURRENT`` | ``READING#zone#provider#signal#basis`` | ``valid_to``, then ``revision`` |
| ``CURRENT`` | ``PROVIDER#name`` | ``last_run_at`` |
| ``CURRENT`` | ``PROFILE#zone#provider#signal#basis`` | each hour by its ``computed_at`` |
| ``CURRENT`` | ``POLICY`` | |
| ``HISTORY#zone#provider#signal#basis`` | ``valid_to`` | ``revision`` |
| ``FORECAST#zone`` | ``provider#signal#basis`` | ``issued_at`` |
| ``LATENCY`` | ``colo#pop`` | ``samples``, which grows with every write |
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from botocore.session import get_session

from greenstream import items
from greenstream.items import Item
from greenstream.ladder import HourProfile
from greenstream.policy import Policy
from greenstream.reading import Forecast, Kind, Reading
from greenstream.roundtrips import MeasuredRtt, learnt
from greenstream.store import ProviderStatus, Put, PutOutcome, Snapshot, StoreError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SLOW_LIFE: Final = timedelta(minutes=5)
"""How old policy and profiles may be in a snapshot: they change by the night and by the hour,
and reading them every time would more than double a snapshot's cost."""

FIRST_FAST_SK: Final = "PROVIDER"
"""Sort key from which ``CURRENT`` is read every time; POLICY and PROFILE# sort before it."""

CURRENT: Final[Item] = {"S": "CURRENT"}
LATENCY: Final[Item] = {"S": "LATENCY"}

LATENCY_TRIES: Final = 3
"""Writes of a report: the first where nothing is known, then twice upon what was there."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


def dynamodb_client(
    *, connect_timeout_s: float = 1.0, read_timeout_s: float = 2.0, attempts: int = 3
) -> "DynamoDBClient":
    """Make a client; make it once per process, since that costs more than many calls.

    ``attempts`` counts the first try too. By botocore alone: boto3 would add a quarter to a cold
    start for S3 transfers and resources that nothing here uses.
    """
    client = get_session().create_client(
        "dynamodb",
        config=Config(
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
            retries={"total_max_attempts": attempts, "mode": "standard"},
        ),
    )
    return cast("DynamoDBClient", client)


@contextmanager
def naming(operation: str) -> Iterator[None]:
    """Turn the client library's errors into ours: operation and code, no address, no key."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "no code")
        raise StoreError(f"DynamoDB {operation} was refused: {code}") from error
    except (BotoCoreError, ResponseParserError) as error:
        raise StoreError(f"DynamoDB {operation} failed: {type(error).__name__}") from error


@dataclass(frozen=True, slots=True)
class _Slow:
    """The part of a snapshot that changes seldom, and when it was read."""

    read_at: datetime
    policy: Policy | None
    profiles: tuple[HourProfile, ...]
    damaged: tuple[str, ...]


class DynamoStore:
    """A `greenstream.store.Store` on one table.

    Parameters
    ----------
    client
        From `dynamodb_client`.
    table_name
        A table with string keys ``pk`` and ``sk`` and time to live on ``expires_at``.
    clock
        Tells when policy and profiles are due to be read again.
    """

    def __init__(
        self, client: "DynamoDBClient", table_name: str, *, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._table_name = table_name
        self._clock = clock
        self._slow: _Slow | None = None

    def put_reading(self, reading: Reading) -> Put:
        """Write the history first: whatever breaks in between, a repeated run repairs it.

        An interval is there once, in its latest revision: by ``published_at`` or, where the
        provider gives none, by ``fetched_at``; the same figures fetched again are a duplicate.
        ``detail`` is kept in the history only. What cannot be understood is written over.

        Raises
        ------
        StoreError
            When either write failed.
        """
        item = items.from_reading(reading)
        source = items.source_key(reading.zone, reading.provider, reading.kind)
        guards = {
            ":number": {"S": "N"},
            ":valid_to": item["valid_to"],
            ":revision": item["revision"],
        }
        detail = {"detail": {"S": json.dumps(dict(reading.detail))}} if reading.detail else {}
        self._put(
            {
                "pk": {"S": f"HISTORY#{source}"},
                "sk": {"S": items.iso(reading.valid_to)},
                "expires_at": items.expiry(reading.valid_to + items.HISTORY_LIFE),
            }
            | item
            | detail,
            "NOT attribute_type(revision, :number) OR revision < :revision",
            {name: guards[name] for name in (":number", ":revision")},
        )
        written, before = self._put(
            {"pk": CURRENT, "sk": {"S": f"READING#{source}"}} | item,
            "NOT attribute_type(valid_to, :number) OR NOT attribute_type(revision, :number)"
            " OR valid_to < :valid_to OR (valid_to = :valid_to AND revision < :revision)",
            guards,
        )
        try:
            there = items.to_current(before) if before else None
        except items.NOT_OURS:
            there = None
        if not isinstance(there, Reading):
            return Put(PutOutcome.STORED if written else PutOutcome.LATE, None)
        if there.valid_to != reading.valid_to:
            outcome = PutOutcome.STORED if written else PutOutcome.LATE
        elif written and (reading.published_at or not items.same_figures(before, item)):
            outcome = PutOutcome.REVISED
        else:
            outcome = PutOutcome.DUPLICATE
        return Put(outcome, there.valid_from)

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        """Keep a forecast unless the same (``duplicate``) or one issued later (``late``) is there.

        Raises
        ------
        StoreError
            When the write failed.
        """
        item = items.from_forecast(forecast)
        written, before = self._put(
            {
                "pk": {"S": f"FORECAST#{forecast.zone}"},
                "sk": {"S": items.kind_key(forecast.provider, forecast.kind)},
            }
            | item,
            "NOT attribute_type(issued_at, :number) OR issued_at < :issued_at",
            {":number": {"S": "N"}, ":issued_at": item["issued_at"]},
        )
        if written:
            return PutOutcome.STORED
        same = items.moment(before["issued_at"]) == forecast.issued_at
        return PutOutcome.DUPLICATE if same else PutOutcome.LATE

    def put_profile_hours(self, profile: HourProfile) -> None:
        """Set each hour, unless a mean computed later is there.

        Raises
        ------
        StoreError
            When a write failed; the hours before it are set.
        """
        source = items.source_key(profile.zone, profile.provider, profile.kind)
        about = items.SCHEMA | {"scope": {"S": str(profile.scope)}}
        for hour, mean in profile.hours.items():
            name = items.HOUR_NAMES[hour]
            self._update(
                f"PROFILE#{source}",
                about | {name: items.from_hour(mean, profile)},
                guard=f"{name}[1]",
                value=items.epoch(mean.computed_at),
            )
        self._slow = None  # who writes a profile sees it in the next snapshot

    def put_status(self, status: ProviderStatus) -> None:
        """Record a run; one told late still adds its success and its error, where newer.

        Raises
        ------
        StoreError
            When a write failed.
        """
        key = f"PROVIDER#{status.provider}"
        run, success, error = items.from_status(status)
        newest = self._update(
            key, run | success | error, guard="last_run_at", value=run["last_run_at"]
        )
        for part, guard in ((success, "last_success_at"), (error, "last_error_at")):
            if not newest and guard in part:
                self._update(key, part, guard=guard, value=part[guard])

    def snapshot(self) -> Snapshot:
        """Query ``CURRENT`` once; policy and profiles may be `SLOW_LIFE` old.

        Raises
        ------
        StoreError
            When the query failed.
        """
        now = self._clock()
        slow = self._slow
        if slow is not None and not timedelta(0) <= now - slow.read_at < SLOW_LIFE:
            slow = None
        if slow is None:
            found = self._query("pk = :pk", {":pk": CURRENT})
        else:
            found = self._query(
                "pk = :pk AND sk >= :sk", {":pk": CURRENT, ":sk": {"S": FIRST_FAST_SK}}
            )
        understood: list[Reading | ProviderStatus | HourProfile | Policy] = []
        damaged: list[str] = []
        for item in found:
            try:
                understood.append(items.to_current(item))
            except items.NOT_OURS:
                damaged.append(item["sk"]["S"])
        if slow is None:
            slow = self._slow = _Slow(
                read_at=now,
                policy=next((one for one in understood if isinstance(one, Policy)), None),
                profiles=tuple(one for one in understood if isinstance(one, HourProfile)),
                damaged=tuple(sk for sk in damaged if sk < FIRST_FAST_SK),
            )
        return Snapshot(
            readings=tuple(one for one in understood if isinstance(one, Reading)),
            profiles=slow.profiles,
            providers=tuple(one for one in understood if isinstance(one, ProviderStatus)),
            policy=slow.policy,
            damaged=slow.damaged + tuple(sk for sk in damaged if sk >= FIRST_FAST_SK),
        )

    def history(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return the readings with ``since < valid_to <= until``.

        Damaged ones are logged and passed over.

        Raises
        ------
        StoreError
            When a query failed.
        """
        found = self._query(
            "pk = :pk AND sk BETWEEN :since AND :until",
            {
                ":pk": {"S": f"HISTORY#{items.source_key(zone, provider, kind)}"},
                ":since": {"S": items.iso(since)},
                ":until": {"S": items.iso(until)},
            },
        )
        readings = _understood(found, lambda item: items.to_reading(item, zone, provider, kind))
        return tuple(reading for reading in readings if since < reading.valid_to <= until)

    def forecasts(self, zone: str) -> tuple[Forecast, ...]:
        """Return the zone's forecasts; damaged ones are logged and passed over.

        Raises
        ------
        StoreError
            When the query failed.
        """
        found = self._query("pk = :pk", {":pk": {"S": f"FORECAST#{zone}"}})
        return tuple(_understood(found, lambda item: items.to_forecast(item, zone)))

    def record_latency(self, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime) -> bool:
        """Add a report upon what is there, unless others keep writing in between (``False``).

        What was there comes back with the refusal, so that no read goes before the write.

        Raises
        ------
        StoreError
            When a write failed.
        """
        sk: Item = {"S": f"{colo}#{pop}"}
        known: MeasuredRtt | None = None
        unchanged, guard = "NOT attribute_type(samples, :guard)", {"S": "N"}
        for _ in range(LATENCY_TRIES):
            attributes = items.from_latency(learnt(known, colo, pop, rtts_ms, at))
            with naming("UpdateItem"):
                try:
                    self._client.update_item(
                        TableName=self._table_name,
                        Key={"pk": LATENCY, "sk": sk},
                        UpdateExpression="SET "
                        + ", ".join(f"#{name} = :{name}" for name in attributes),
                        ConditionExpression=unchanged,
                        ExpressionAttributeNames={f"#{name}": name for name in attributes},
                        ExpressionAttributeValues={
                            ":guard": guard,
                            **{f":{name}": value for name, value in attributes.items()},
                        },
                        ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    )
                except self._client.exceptions.ConditionalCheckFailedException as refused:
                    there: Item = refused.response.get("Item", {})  # type: ignore[assignment]
                else:
                    return True
            try:
                known = items.to_latency(there)
            except items.NOT_OURS:
                known = None  # damaged, or gone since: begun anew
            if "N" in there.get("samples", {}):
                unchanged, guard = "samples = :guard", there["samples"]
            else:
                unchanged, guard = "NOT attribute_type(samples, :guard)", {"S": "N"}
        return False

    def latencies(self) -> tuple[MeasuredRtt, ...]:
        """Return what is known of every colo and POP; damaged items are logged and passed over.

        Raises
        ------
        StoreError
            When a query failed.
        """
        return tuple(_understood(self._query("pk = :pk", {":pk": LATENCY}), items.to_latency))

    def _put(self, item: Item, condition: str, values: Item) -> tuple[bool, Mapping[str, Any]]:
        """Return whether the item was written, and what was there before, empty if nothing."""
        with naming("PutItem"):
            try:
                answer = self._client.put_item(
                    TableName=self._table_name,
                    Item=item,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    ReturnValues="ALL_OLD",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except self._client.exceptions.ConditionalCheckFailedException as refused:
                there: Item = refused.response.get("Item", {})  # type: ignore[assignment]
                return False, there
            return True, answer.get("Attributes", {})

    def _update(self, sk: str, attributes: Item, *, guard: str, value: Item) -> bool:
        """Set attributes of an item in ``CURRENT`` if its guard is absent or below the value."""
        with naming("UpdateItem"):
            try:
                self._client.update_item(
                    TableName=self._table_name,
                    Key={"pk": CURRENT, "sk": {"S": sk}},
                    UpdateExpression="SET "
                    + ", ".join(f"#{name} = :{name}" for name in attributes),
                    ConditionExpression=(
                        f"NOT attribute_type({guard}, :number) OR {guard} < :guard"
                    ),
                    ExpressionAttributeNames={f"#{name}": name for name in attributes},
                    ExpressionAttributeValues={
                        ":number": {"S": "N"},
                        ":guard": value,
                        **{f":{name}": stated for name, stated in attributes.items()},
                    },
                )
            except self._client.exceptions.ConditionalCheckFailedException:
                return False
            return True

    def _query(self, condition: str, values: Item) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        start: Item = {}
        while True:
            with naming("Query"):
                page = self._client.query(
                    TableName=self._table_name,
                    KeyConditionExpression=condition,
                    ExpressionAttributeValues=values,
                    **start,
                )
            found += page["Items"]
            if "LastEvaluatedKey" not in page:
                return found
            start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _understood(
    found: Iterable[Mapping[str, Any]], decode: Callable[[Mapping[str, Any]], T]
) -> Iterator[T]:
    for item in found:
        try:
            yield decode(item)
        except items.NOT_OURS:
            logger.exception("damaged item %s %s", item["pk"]["S"], item["sk"]["S"])
