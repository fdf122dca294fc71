"""The board of a provider: its newest readings and its status, in one packed item.

The document has the members ``provider``, ``kinds``, ``columns``, ``status``, ``spare_at`` (when
the board was last copied, in seconds since the epoch) and ``forecasts``, which notes the forecasts
that are stored (`greenstream.aws.dynamo_forecasts`). ``kinds`` lists signal, basis, scope and
quality of readings, and ``columns`` has a row for each source and kind:

| column | |
|---|---|
| ``z``, ``p`` | the zone, and the provider's own name of the area |
| ``k`` | the position in ``kinds`` |
| ``g`` | the intensity in mg/kWh |
| ``l``, ``h`` | how far the bounds are below and above it in mg/kWh; ``null`` is 0 |
| ``c`` | the coverage in ten-thousandths; ``null`` is 1 |
| ``t``, ``d`` | the end of the interval in seconds since the epoch, and its length in seconds |
| ``u``, ``f`` | when the figure was published (or ``null``) and fetched, in the same seconds |
| ``s`` | 1 for a simulated figure, else ``null`` |
| ``a`` | the figure that the publisher states itself, in mg/kWh, or ``null`` |
| ``x`` | the factor set; ``null`` is the usual one of the provider |

A column that is ``null`` in every row is left out. Whole numbers compress best, and the store keeps
no more decimals. A reading's detail is in the history only.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Any, Final

from greenstream.aws.item_schema import DECODE_ERRORS
from greenstream.aws.packed_rows import (
    Document,
    Row,
    check_columns,
    instant_of,
    row_numbers,
    scaled,
    seconds,
    short,
    with_rows,
)
from greenstream.domain.drift import first_hour_about
from greenstream.domain.factor_sets import usual_factor_set
from greenstream.domain.reading import Basis, Kind, Quality, Reading, Scope, Signal, kind_of
from greenstream.ports.store import ProviderState, ProviderStatus

logger = logging.getLogger(__name__)

MAX_ERROR_CHARS: Final = 300
"""How many characters of an error's text a status keeps, since every snapshot reads it."""

RELATED: Final = timedelta(days=7)
"""The age, against the newest reading of a board, from which a reading is not compared with its
profile any more. No policy lets a reading stand for longer (`greenstream.domain.policy`)."""

FULL: Final = 10_000
"""A coverage of 1, in ten-thousandths."""

_TIMES: Final = ("u", "f")
"""The columns that say when a figure was published and fetched. The others say what it states."""

ALWAYS: Final = ("z", "p", "k", "g", "t", "d", "f")
"""The columns that every board has."""


class StoredBoard:
    """A `greenstream.ports.store.Board` whose readings are decoded when they are asked for.

    Parameters
    ----------
    document
        The document of the board's item.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the document is no board.
    """

    def __init__(self, document: Document) -> None:
        self.provider: str = document["provider"]
        self.status = None if document["status"] is None else decode_status(document)
        self._kinds = [_kind(names) for names in document["kinds"]]
        self._columns: Mapping[str, list[Any]] = document["columns"]
        self._length = check_columns(document, ALWAYS)
        self._decoded: dict[str, tuple[Reading, ...]] = {}

    @cached_property
    def unknown(self) -> int:
        """How many readings are of a kind, scope or quality that this code does not know."""
        if None not in self._kinds:
            return 0
        return sum(self._kinds[number] is None for number in self._columns["k"])

    @cached_property
    def simulated(self) -> bool | None:
        """Whether a simulator made any of the data, or ``None`` if there is none."""
        if self.status is None and not self._length:
            return None
        of_status = self.status is not None and self.status.simulated
        return of_status or any(self._columns.get("s", ()))

    @cached_property
    def hours(self) -> frozenset[int]:
        """The UTC hours of day whose profile the readings are compared with."""
        ends, lengths = self._columns["t"], self._columns["d"]
        oldest = max(ends, default=0) - RELATED.total_seconds()
        first = {
            first_hour_about(end - length / 2)
            for end, length in zip(ends, lengths, strict=True)
            if end >= oldest
        }
        return frozenset(first | {(hour + 1) % 24 for hour in first})

    def readings_of(self, provider_zone: str) -> tuple[Reading, ...]:
        """Return the newest readings of an area, by the provider's name of the area."""
        known = self._decoded.get(provider_zone)
        if known is None:
            rows = self._rows_by_area.get(provider_zone, ())
            known = self._decoded[provider_zone] = tuple(self._readings(rows))
        return known

    def __iter__(self) -> Iterator[Reading]:
        """Iterate over all newest readings."""
        for provider_zone in self._rows_by_area:
            yield from self.readings_of(provider_zone)

    @cached_property
    def _rows_by_area(self) -> Mapping[str, list[int]]:
        return row_numbers(self._columns["p"])

    def _readings(self, rows: Iterable[int]) -> Iterator[Reading]:
        for number in rows:
            row = {name: column[number] for name, column in self._columns.items()}
            kind = self._kinds[row["k"]]
            if kind is None:
                continue
            try:
                yield decode_row(row, self.provider, *kind)
            except DECODE_ERRORS:
                logger.exception("a reading of BOARD#%s is damaged and is skipped", self.provider)


def _kind(names: Iterable[str]) -> tuple[Kind, Scope, Quality] | None:
    """Return a row's kind, scope and quality, or ``None`` where this code does not know them."""
    signal, basis, scope, quality = names
    try:
        return kind_of(Signal(signal), Basis(basis)), Scope(scope), Quality(quality)
    except ValueError:
        return None


def decode_row(row: Row, provider: str, kind: Kind, scope: Scope, quality: Quality) -> Reading:
    """Return the reading of a row.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the row is damaged.
    """
    mg_kwh, coverage, published_s = row["g"], row.get("c"), row.get("u")
    as_published_mg_kwh = row.get("a")
    valid_to_s = row["t"]
    return Reading(
        zone=row["z"],
        provider=provider,
        provider_zone=row["p"],
        signal=kind.signal,
        basis=kind.basis,
        scope=scope,
        factor_set=row.get("x") or usual_factor_set(provider),
        quality=quality,
        gco2_kwh=mg_kwh / 1000,
        gco2_low=(mg_kwh - (row.get("l") or 0)) / 1000,
        gco2_high=(mg_kwh + (row.get("h") or 0)) / 1000,
        valid_from=instant_of(valid_to_s - row["d"]),
        valid_to=instant_of(valid_to_s),
        published_at=None if published_s is None else instant_of(published_s),
        fetched_at=instant_of(row["f"]),
        coverage=1.0 if coverage is None else coverage / 10_000,
        simulated=bool(row.get("s")),
        as_published_gco2_kwh=None if as_published_mg_kwh is None else as_published_mg_kwh / 1000,
    )


def encode_row(reading: Reading) -> Row:
    """Return the row of a reading."""
    mg_kwh = scaled(reading.gco2_kwh)
    row: Row = {
        "z": reading.zone,
        "p": reading.provider_zone,
        "k": [reading.signal, reading.basis, reading.scope, reading.quality],
        "g": mg_kwh,
        "t": seconds(reading.valid_to),
        "d": short((reading.valid_to - reading.valid_from).total_seconds(), 6),
        "f": seconds(reading.fetched_at),
    }
    if below := mg_kwh - scaled(reading.gco2_low):
        row["l"] = below
    if above := scaled(reading.gco2_high) - mg_kwh:
        row["h"] = above
    if reading.factor_set != usual_factor_set(reading.provider):
        row["x"] = reading.factor_set
    if (coverage := scaled(reading.coverage, 4)) != FULL:
        row["c"] = coverage
    if reading.published_at is not None:
        row["u"] = seconds(reading.published_at)
    if reading.simulated:
        row["s"] = 1
    if reading.as_published_gco2_kwh is not None:
        row["a"] = scaled(reading.as_published_gco2_kwh)
    return row


def order_of(row: Row) -> tuple[float, float, float]:
    """Return the numbers by which the newer of two rows of a source and kind is the greater."""
    published_s = row.get("u")
    fetched_s = row["f"]
    return row["t"], fetched_s if published_s is None else published_s, fetched_s


def same_figures(row: Row, other: Row) -> bool:
    """Return whether two rows state the same, whenever they were published and fetched."""
    names = (row.keys() | other.keys()).difference(_TIMES)
    return all(row.get(name) == other.get(name) for name in names)


def empty_board(provider: str) -> Document:
    """Return the board of a provider that has stored nothing."""
    return with_rows(
        {"provider": provider, "status": None, "spare_at": None, "forecasts": {}}, {}, ALWAYS
    )


def encode_status(status: ProviderStatus) -> dict[str, Any]:
    """Return a status as the board's member ``status``; an error's text is cut."""
    members: dict[str, Any] = {
        "state": status.state,
        "stored": status.stored,
        "rejected": dict(status.rejected),
        "unconfigured_zones": list(status.unconfigured_zones),
        "simulated": status.simulated,
        "last_error": status.last_error and status.last_error[:MAX_ERROR_CHARS],
        "last_error_kind": status.last_error_kind,
    }
    for name in ("last_run_at", "last_success_at", "newest_valid_to", "last_error_at"):
        instant = getattr(status, name)
        members[name] = None if instant is None else seconds(instant)
    return members


def decode_status(document: Document) -> ProviderStatus:
    """Return the status of a board that has one.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the status is damaged.
    """
    members = document["status"]
    times = {
        name: None if members[name] is None else instant_of(members[name])
        for name in ("last_success_at", "newest_valid_to", "last_error_at")
    }
    return ProviderStatus(
        provider=document["provider"],
        state=ProviderState(members["state"]),
        last_run_at=instant_of(members["last_run_at"]),
        last_error=members["last_error"],
        last_error_kind=members["last_error_kind"],
        stored=int(members["stored"]),
        rejected={why: int(count) for why, count in members["rejected"].items()},
        unconfigured_zones=tuple(members["unconfigured_zones"]),
        simulated=bool(members["simulated"]),
        **times,
    )


def with_status(document: Document, status: ProviderStatus) -> Document:
    """Return a board that also records a run.

    The run with the later clock is the last one. The last success and the last error are those of
    the latest runs that had one, so the end is the same in every order of the runs.
    """
    run, known = encode_status(status), document["status"]
    if known is None:
        return {**document, "status": run}
    last = run if known["last_run_at"] < run["last_run_at"] else known
    merged = dict(last)
    for at, names in (
        ("last_success_at", ("last_success_at", "newest_valid_to")),
        ("last_error_at", ("last_error_at", "last_error", "last_error_kind")),
    ):
        later = run[at] is not None and (known[at] is None or known[at] < run[at])
        merged |= {name: (run if later else known)[name] for name in names}
    return {**document, "status": merged}
