"""The store on DynamoDB: one table, written so that order and repetition do not matter.

| pk | sk | guarded by |
|---|---|---|
| ``CURRENT`` | ``READING#zone#provider#signal#basis`` | ``valid_to``, then as the history |
| ``CURRENT`` | ``PROVIDER#name`` | ``last_run_at`` |
| ``CURRENT`` | ``PROFILE#zone#provider#signal#basis`` | each hour by its ``computed_at`` |
| ``CURRENT`` | ``POLICY`` | |
| ``HISTORY#zone#provider#signal#basis`` | ``valid_to`` | ``revision``, ``fetched_at`` |
| ``FORECAST#zone`` | ``provider#signal#basis`` | ``issued_at`` |
| ``LATENCY`` | ``colo#pop`` | ``samples``, which grows with every write |

Versions of the policy lie under ``POLICY`` (`greenstream.aws.dynamo_policies`). Each item carries
``schema`` (ADR 0014). An item of the history also carries ``earlier``: what it said before its
revisions.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, TypeVar

from greenstream.aws import items
from greenstream.aws.items import Item
from greenstream.aws.table import Table
from greenstream.domain.policy import Policy
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.roundtrips import MeasuredRtt, learnt
from greenstream.ports.store import ProviderStatus, Put, PutOutcome, Snapshot

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SLOW_LIFE: Final = timedelta(minutes=5)
"""How old policy and profiles may be in a snapshot: they change by the night and by the hour,
and reading them every time would more than double a snapshot's cost."""

FIRST_FAST_SK: Final = "PROVIDER"
"""Sort key from which ``CURRENT`` is read every time; POLICY and PROFILE# sort before it."""

CURRENT: Final[Item] = {"S": "CURRENT"}
LATENCY: Final[Item] = {"S": "LATENCY"}

LATENCY_PAGES: Final = 4
"""Megabytes of measured round trips read at once: room for those of every colo of the edge (330)
to every POP, and for the tuner, which reads them all. Whoever holds the reporters' key could name
17,576 colos."""

LATENCY_TRIES: Final = 3
"""Writes of a report: the first where nothing is known, then twice upon what was there."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Slow:
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
        From `dynamodb_client`.
    table_name
        A table with string keys ``pk`` and ``sk`` and time to live on ``expires_at``.
    clock
        Tells when policy and profiles are due to be read again.
    """

    def __init__(
        self, client: "DynamoDBClient", table_name: str, *, clock: Callable[[], datetime]
    ) -> None:
        self._table = Table(client, table_name)
        self._clock = clock
        self._slow: _Slow | None = None

    def put_reading(self, reading: Reading) -> Put:
        """Write the history first: whatever breaks in between, a repeated run repairs it.

        An interval is there once, in its latest revision: by ``published_at`` or, where the
        provider gives none, by ``fetched_at``, which also decides between two of one publication:
        whatever their order, all end alike. The same figures fetched again are a duplicate.
        Figures that it supersedes stay beside it (`versions`). ``detail`` is kept in the history
        only. What cannot be understood is written over, except by newer code's history.

        Raises
        ------
        StoreError
            When either write failed.
        """
        item = items.from_reading(reading)
        source = items.source_key(reading.zone, reading.provider, reading.kind)
        self._keep(source, reading, item)
        guards = {
            ":number": {"S": "N"},
            ":valid_to": item["valid_to"],
            ":revision": item["revision"],
            ":fetched_at": items.epoch(reading.fetched_at),
        }
        written, before = self._table.put(
            {"pk": CURRENT, "sk": {"S": f"READING#{source}"}} | item,
            "NOT attribute_type(valid_to, :number) OR NOT attribute_type(revision, :number)"
            " OR valid_to < :valid_to OR (valid_to = :valid_to AND (revision < :revision"
            " OR (revision = :revision AND fetched_at < :fetched_at)))",
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
        elif written and (
            there.published_at != reading.published_at or not items.same_figures(before, item)
        ):
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
        written, before = self._table.put(
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
            found = self._table.query("pk = :pk", {":pk": CURRENT})
        else:
            found = self._table.query(
                "pk = :pk AND sk >= :sk", {":pk": CURRENT, ":sk": {"S": FIRST_FAST_SK}}
            )
        decoded: list[Reading | ProviderStatus | HourProfile | Policy] = []
        damaged: list[str] = []
        for item in found:
            try:
                decoded.append(items.to_current(item))
            except items.SchemaError as error:
                damaged.append(f"{item['sk']['S']} ({error})")
            except items.NOT_OURS:
                damaged.append(item["sk"]["S"])
        if slow is None:
            slow = self._slow = _Slow(
                read_at=now,
                policy=next((one for one in decoded if isinstance(one, Policy)), None),
                profiles=tuple(one for one in decoded if isinstance(one, HourProfile)),
                damaged=tuple(sk for sk in damaged if sk < FIRST_FAST_SK),
            )
        return Snapshot(
            readings=tuple(one for one in decoded if isinstance(one, Reading)),
            profiles=slow.profiles,
            providers=tuple(one for one in decoded if isinstance(one, ProviderStatus)),
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
        found = self._intervals(items.source_key(zone, provider, kind), since, until)
        readings = understood(found, lambda item: items.to_reading(item, zone, provider, kind))
        return tuple(reading for reading in readings if since < reading.valid_to <= until)

    def versions(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        """Return what the readings of `history` said over time, each interval oldest first.

        Damaged ones are logged and passed over.

        Raises
        ------
        StoreError
            When a query failed.
        """
        found = self._intervals(items.source_key(zone, provider, kind), since, until)
        intervals = understood(
            found, lambda item: tuple(items.to_versions(item, zone, provider, kind))
        )
        return tuple(
            version
            for versions in intervals
            for version in versions
            if since < version.valid_to <= until
        )

    def forecasts(self, zone: str) -> tuple[Forecast, ...]:
        """Return the zone's forecasts; damaged ones are logged and passed over.

        Raises
        ------
        StoreError
            When the query failed.
        """
        found = self._table.query("pk = :pk", {":pk": {"S": f"FORECAST#{zone}"}})
        return tuple(understood(found, lambda item: items.to_forecast(item, zone)))

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
            written, there = self._table.set(
                {"pk": LATENCY, "sk": sk}, attributes, unchanged, {":guard": guard}
            )
            if written:
                return True
            if _is_newers(there):
                return False
            try:
                known = items.to_latency(there)
            except items.NOT_OURS:
                known = None  # damaged, or gone since: begun anew
            if "N" in there.get("samples", {}):
                unchanged, guard = "samples = :guard", there["samples"]
            else:
                unchanged, guard = "NOT attribute_type(samples, :guard)", {"S": "N"}
        return False

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        """Return what is known of a colo's POPs, or of all; damaged items are logged, passed over.

        Of more than `LATENCY_PAGES` the first by name.

        Raises
        ------
        StoreError
            When a query failed.
        """
        condition, values = "pk = :pk", {":pk": LATENCY}
        if colo is not None:
            condition += " AND begins_with(sk, :colo)"
            values[":colo"] = {"S": f"{colo}#"}
        found = self._table.query(condition, values, pages=LATENCY_PAGES)
        return tuple(understood(found, items.to_latency))

    def _keep(self, source: str, reading: Reading, item: Item) -> None:
        """Write an interval into the history unless a later revision is there.

        Its first version and the same figures again take one write; other figures take a second,
        which keeps the superseded ones: a decision that rested on them can still be replayed.
        """
        key: Item = {"pk": {"S": f"HISTORY#{source}"}, "sk": {"S": items.iso(reading.valid_to)}}
        kept: dict[str, Any] = {
            **dict.fromkeys(items.OPTIONAL),  # a revision keeps nothing of its predecessor's
            **item,
            "detail": {"S": json.dumps(dict(reading.detail))} if reading.detail else None,
            "expires_at": items.expiry(reading.valid_to + items.HISTORY_LIFE),
            "known_at": items.epoch(reading.fetched_at),
        }
        same = " AND ".join(
            f"attribute_not_exists(#{name})" if kept[name] is None else f"#{name} = :{name}"
            for name in items.FIGURES
        )
        new = "NOT attribute_type(#revision, :number)"
        later = "#revision < :revision OR (#revision = :revision AND #fetched_at < :known_at)"
        first_or_same = f"{new} OR (({later}) AND {same})"
        while True:  # round again only when another wrote in between, each time a later revision
            written, there = self._table.set(
                key, kept, first_or_same, {":number": {"S": "N"}}, once=["known_at"]
            )
            if written or _is_newers(there):
                return
            try:
                tuple(items.to_versions(there, reading.zone, reading.provider, reading.kind))
            except items.NOT_OURS:
                earlier: dict[str, Any] = {"earlier": None}  # beside it, it would hide this one
            else:
                if _order(there) >= _order(item):
                    return
                earlier = items.earlier_versions(there)
            seen = {":seen": there["revision"]}
            unchanged = "#revision = :seen AND attribute_not_exists(#fetched_at)"
            if "fetched_at" in there:
                seen[":seen_at"] = there["fetched_at"]
                unchanged = "#revision = :seen AND #fetched_at = :seen_at"
            written, _ = self._table.set(key, kept | earlier, unchanged, seen)
            if written:
                return

    def _update(self, sk: str, attributes: Item, *, guard: str, value: Item) -> bool:
        """Set attributes of an item in ``CURRENT`` if its guard is absent or below the value.

        An item that newer code wrote is left as it is: half of it in this shape would mislead.
        """
        written, there = self._table.set(
            {"pk": CURRENT, "sk": {"S": sk}},
            items.SCHEMA | attributes,
            f"(NOT attribute_type({guard}, :number) OR {guard} < :guard)"
            " AND (NOT attribute_type(#schema, :number) OR #schema <= :schema)",
            {":number": {"S": "N"}, ":guard": value},
        )
        return written or _is_newers(there)

    def _intervals(self, source: str, since: datetime, until: datetime) -> list[Mapping[str, Any]]:
        return self._table.query(
            "pk = :pk AND sk BETWEEN :since AND :until",
            {
                ":pk": {"S": f"HISTORY#{source}"},
                ":since": {"S": items.iso(since)},
                ":until": {"S": items.iso(until)},
            },
        )


def _order(item: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    """Return what decides which of two versions of an interval is the later."""
    revision = item["revision"]
    return Decimal(revision["N"]), Decimal(item.get("fetched_at", revision)["N"])


def _is_newers(item: Mapping[str, Any]) -> bool:
    """Return whether newer code wrote what is there, and tell: this code leaves it as it is."""
    if not items.is_newer(item):
        return False
    key = f"{item['pk']['S']} {item['sk']['S']}"
    logger.warning("item %s of schema %s is left as it is", key, item["schema"]["N"])
    return True


def understood(
    found: Iterable[Mapping[str, Any]], decode: Callable[[Mapping[str, Any]], T]
) -> Iterator[T]:
    """Yield what can be decoded; the rest is logged by its key."""
    for item in found:
        try:
            yield decode(item)
        except items.NOT_OURS:
            logger.exception("damaged item %s %s", item["pk"]["S"], item["sk"]["S"])
