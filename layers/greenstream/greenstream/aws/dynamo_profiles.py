"""The hour profiles on the table: an item ``CURRENT / PROFILE#hour#provider`` for each hour of day.

The hour comes first in the sort key, so that one query reads a few hours of all providers.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from greenstream.aws.attributes import CURRENT, Item
from greenstream.aws.item_schema import DECODE_ERRORS, SchemaError
from greenstream.aws.packed_items import PackedWriter, unpack
from greenstream.aws.packed_rows import Document, Row, SourceKey, rows, scaled, with_rows
from greenstream.aws.profile_items import ALWAYS, HourPart, StoredHour, decode_mean, encode_hour
from greenstream.aws.table import Table
from greenstream.domain.profile import HOURS_A_DAY, HourProfile, spread_of

if TYPE_CHECKING:
    from greenstream.domain.reading import Kind

logger = logging.getLogger(__name__)

PREFIX: Final = "PROFILE#"

MAX_SPARE_HOURS: Final = 3
"""How many hours that are not needed one query reads, where otherwise a second query would follow.
A query takes twenty times as long as an hour more, and an hour of 350 zones costs a read unit at
most."""

MAX_QUERIES: Final = 3
"""How many queries a read of some hours may take. Where the hours lie in more stretches, one query
reads from the first hour to the last."""


def hour_key(provider: str, hour: int) -> Item:
    """Return the key of one hour of day of a provider's profiles."""
    return {"pk": CURRENT, "sk": {"S": f"{PREFIX}{hour:02d}#{provider}"}}


def _hour_and_provider(sk: str) -> tuple[int, str]:
    """Return what a sort key states.

    Raises
    ------
    ValueError
        When the sort key is not one of an hour of profiles.
    """
    hour, _, provider = sk.removeprefix(PREFIX).partition("#")
    if sk != f"{PREFIX}{int(hour):02d}#{provider}":
        raise ValueError(f"{sk} is no key of an hour")
    return int(hour), provider


def _document(item: Mapping[str, Any]) -> Document:
    """Return the document of an hour's item.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the item is damaged, or is another
        hour than its key says.
    """
    document = unpack(item)
    stated = document["hour"], document["provider"]
    if stated != _hour_and_provider(item["sk"]["S"]):
        raise ValueError(f"the document is of {stated}")
    return document


@dataclass(frozen=True, slots=True)
class _Remembered:
    """An item as it was read, the hour that stands for it, and the name of its damage, if any."""

    item: Mapping[str, Any]
    stored: StoredHour | None
    damage: str | None = None


class StoredProfiles:
    """The `greenstream.ports.store.Profiles` of some hours, decoded when a zone is asked for.

    Parameters
    ----------
    hours
        The hours of day, each with what the table has of it.
    damaged
        The names of the items that could not be decoded.
    """

    def __init__(
        self, hours: tuple[tuple[int, StoredHour], ...], damaged: tuple[str, ...] = ()
    ) -> None:
        self.damaged = damaged
        self.hours = hours
        self._zones: dict[str, tuple[HourProfile, ...]] = {}

    def has_the_same_as(self, other: "StoredProfiles") -> bool:
        """Return whether both have the same objects for the same hours, and the same damage."""
        return self.hours == other.hours and self.damaged == other.damaged

    def of(self, zone: str) -> tuple[HourProfile, ...]:
        """Return the profile of each source and kind of a zone.

        The spread of the day is the one that was known when the newest of the hours was computed.
        """
        known = self._zones.get(zone)
        if known is None:
            known = self._zones[zone] = tuple(self._profiles(zone))
        return known

    def __iter__(self) -> Iterator[HourProfile]:
        """Iterate over all profiles."""
        for zone in sorted({zone for _, stored in self.hours for zone in stored.zones}):
            yield from self.of(zone)

    def _profiles(self, zone: str) -> Iterator[HourProfile]:
        parts: defaultdict[tuple[str, Kind], dict[int, HourPart]] = defaultdict(dict)
        for hour, stored in self.hours:
            try:
                for part in stored.of(zone):
                    parts[stored.provider, part.kind][hour] = part
            except DECODE_ERRORS:
                logger.exception("a profile of %s in hour %d is damaged", zone, hour)
        for (provider, kind), by_hour in sorted(parts.items()):
            newest = max(by_hour.values(), key=lambda part: part.mean.computed_at)
            yield HourProfile(
                zone=zone,
                kind=kind,
                scope=newest.scope,
                factor_set=newest.factor_set,
                provider=provider,
                hours={hour: part.mean for hour, part in by_hour.items()},
                simulated=any(part.simulated for part in by_hour.values()),
                day_spread_gco2_kwh=newest.day_spread_gco2_kwh,
            )


class ProfileReader:
    """Reads hours of profiles, and decodes only the items that have changed.

    Parameters
    ----------
    table
        The table.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._remembered: dict[str, _Remembered] = {}
        self._last = StoredProfiles(())

    def read(self, hours: Collection[int]) -> StoredProfiles:
        """Return the profiles of all sources with the means of these UTC hours of day.

        For a damaged item the last good one stands that is in memory. Where all is as it was at
        the last read, the result is the same object, so that what was derived from it can stay.

        Raises
        ------
        StoreError
            When a query failed.
        """
        asked: list[tuple[int, StoredHour]] = []
        damaged = []
        for first, last in _stretches(hours):
            for item in query_hours(self._table, first, last):
                sk = item["sk"]["S"]
                known = self._remembered.get(sk)
                if known is None or known.item != item:
                    known = self._remembered[sk] = self._decoded(item, known)
                if known.damage is not None:
                    damaged.append(known.damage)
                if known.stored is not None:
                    asked.append((_hour_and_provider(sk)[0], known.stored))
        read = StoredProfiles(
            tuple([(hour, stored) for hour, stored in asked if hour in hours]), tuple(damaged)
        )
        before = self._last
        if read.has_the_same_as(before):
            return before
        self._last = read
        return read

    def _decoded(self, item: Mapping[str, Any], last: _Remembered | None) -> _Remembered:
        sk = item["sk"]["S"]
        good = None if last is None else last.stored
        try:
            return _Remembered(item, StoredHour(_document(item)))
        except SchemaError as error:
            return _Remembered(item, good, f"{sk} ({error})")
        except DECODE_ERRORS:
            return _Remembered(item, good, sk)


def _stretches(hours: Collection[int]) -> list[tuple[int, int]]:
    """Return the first and the last hour of each stretch of hours, at most `MAX_QUERIES`.

    Hours that lie apart by at most `MAX_SPARE_HOURS` belong to one stretch.
    """
    stretches: list[tuple[int, int]] = []
    for hour in sorted(set(hours)):
        if stretches and hour - stretches[-1][1] <= MAX_SPARE_HOURS + 1:
            stretches[-1] = (stretches[-1][0], hour)
        else:
            stretches.append((hour, hour))
    return [(stretches[0][0], stretches[-1][1])] if len(stretches) > MAX_QUERIES else stretches


def query_hours(table: Table, first: int, last: int) -> list[Mapping[str, Any]]:
    """Return the items of some hours of day of all providers.

    Raises
    ------
    StoreError
        When the query failed.
    """
    return table.query(
        "pk = :pk AND sk BETWEEN :first AND :last",
        {
            ":pk": CURRENT,
            ":first": {"S": f"{PREFIX}{first:02d}#"},
            ":last": {"S": f"{PREFIX}{last:02d}#~"},
        },
    )


class ProfileWriter:
    """Writes hours of the profiles of one provider.

    Parameters
    ----------
    table
        The table.
    packed
        Writes packed items.
    provider
        The provider's name in the zone table.
    """

    def __init__(self, table: Table, packed: PackedWriter, provider: str) -> None:
        self._table = table
        self._packed = packed
        self._provider = provider

    def write(self, profiles: Sequence[HourProfile]) -> None:
        """Set each hour of some profiles, unless the mean that the table has of it stays.

        Which one stays, `greenstream.domain.profile.HourMean.replaces` says.

        A damaged item is replaced. The hours that other sources had in it come back when they
        are computed again, a day later.

        Raises
        ------
        StoreError
            When a request failed. Some hours may have been set.
        """
        changed: defaultdict[int, dict[SourceKey, Row]] = defaultdict(dict)
        for profile in profiles:
            for hour in profile.hours:
                row = encode_hour(profile, hour)
                key = (profile.zone, str(profile.kind.signal), str(profile.kind.basis))
                changed[hour][key] = _standing(row, changed[hour].get(key)) or row
        keys = {hour_key(self._provider, hour)["sk"]["S"]: hour for hour in range(HOURS_A_DAY)}
        items = {
            keys[item["sk"]["S"]]: item
            for item in query_hours(self._table, 0, HOURS_A_DAY - 1)
            if item["sk"]["S"] in keys
        }
        stored = {hour: rows(self._good(item, hour)) for hour, item in items.items()}
        for hour, by_source in sorted(changed.items()):
            for key, row in by_source.items():
                means = [
                    decode_mean(standing)
                    for other in range(HOURS_A_DAY)
                    if (
                        standing := _standing(
                            changed[other].get(key), stored.get(other, {}).get(key)
                        )
                    )
                ]
                spread = spread_of(means)
                if spread is not None:
                    row["y"] = scaled(spread)
            merged = partial(self._merged, hour=hour, by_source=by_source)
            self._packed.merge(hour_key(self._provider, hour), items.get(hour, {}), merged)

    def _good(self, item: Mapping[str, Any], hour: int) -> Document:
        """Return the document of an item; an empty one where it is missing or damaged."""
        try:
            if item:
                document = _document(item)
                StoredHour(document)
                rows(document)
                return document
        except DECODE_ERRORS:
            logger.warning("%s is damaged", item["sk"]["S"])
        return with_rows({"provider": self._provider, "hour": hour}, {}, ALWAYS)

    def _merged(
        self, item: Mapping[str, Any], hour: int, by_source: Mapping[SourceKey, Row]
    ) -> Document | None:
        document = self._good(item, hour)
        known = rows(document)
        newer = {
            key: row for key, row in by_source.items() if _standing(row, known.get(key)) is row
        }
        return with_rows(document, known | newer, ALWAYS) if newer else None


def _standing(row: Row | None, stored: Row | None) -> Row | None:
    """Return which row of an hour stands: the new one, where it replaces the stored one."""
    if row is None or stored is None:
        return row or stored
    return row if decode_mean(row).replaces(decode_mean(stored)) else stored
