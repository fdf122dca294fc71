"""One hour of day of all profiles of a provider, in one packed item.

The document has the members ``provider``, ``kinds`` and ``columns``. ``kinds`` lists signal, basis
and scope of profiles, and ``columns`` has a row for each source and kind:

| column | |
|---|---|
| ``z``, ``k`` | the zone, and the position in ``kinds`` |
| ``g``, ``w`` | the mean of the hour and its spread in mg/kWh; a spread may be unknown (``null``) |
| ``n`` | the number of days behind the mean, or ``null`` |
| ``y`` | the spread of the whole day in mg/kWh when the mean was computed, or ``null`` |
| ``t`` | when the mean was computed, in seconds since the epoch |
| ``s`` | 1 where a simulator made the readings, else ``null`` |
| ``x`` | the factor set; ``null`` is the usual one of the provider |

A column that is ``null`` in every row is left out.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from greenstream.aws.packed_rows import (
    Document,
    Row,
    check_columns,
    instant_of,
    row_numbers,
    scaled,
    seconds,
)
from greenstream.domain.factor_sets import usual_factor_set
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Basis, Kind, Scope, Signal, kind_of

ALWAYS: Final = ("z", "k", "g", "t")
"""The columns that every hour has."""


class HourPart(NamedTuple):
    """What an hour of day says of one profile."""

    kind: Kind
    scope: Scope
    factor_set: str
    mean: HourMean
    day_spread_gco2_kwh: float | None
    simulated: bool


class StoredHour:
    """One hour of day of a provider's profiles, decoded when a zone is asked for.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the document is no such hour.
    """

    def __init__(self, document: Document) -> None:
        self.provider: str = document["provider"]
        self._kinds = [_kind(names) for names in document["kinds"]]
        self._columns: Mapping[str, list[Any]] = document["columns"]
        check_columns(document, ALWAYS)

    @cached_property
    def _rows_by_zone(self) -> Mapping[str, list[int]]:
        return row_numbers(self._columns["z"])

    @property
    def zones(self) -> Iterable[str]:
        """The zones that have a mean of this hour."""
        return self._rows_by_zone

    def of(self, zone: str) -> Iterator[HourPart]:
        """Yield what the hour says of a zone's profiles.

        Raises
        ------
        Exception
            One of `greenstream.aws.item_schema.DECODE_ERRORS` when a row is damaged.
        """
        for number in self._rows_by_zone.get(zone, ()):
            row = {name: column[number] for name, column in self._columns.items()}
            kind = self._kinds[row["k"]]
            if kind is not None:
                yield HourPart(
                    kind=kind[0],
                    scope=kind[1],
                    factor_set=row.get("x") or usual_factor_set(self.provider),
                    mean=decode_mean(row),
                    day_spread_gco2_kwh=in_gco2_kwh(row.get("y")),
                    simulated=bool(row.get("s")),
                )


def _kind(names: Iterable[str]) -> tuple[Kind, Scope] | None:
    """Return a row's kind and scope, or ``None`` where this code does not know them."""
    signal, basis, scope = names
    try:
        return kind_of(Signal(signal), Basis(basis)), Scope(scope)
    except ValueError:
        return None


def decode_mean(row: Row) -> HourMean:
    """Return the mean that a row holds.

    Raises
    ------
    Exception
        One of `greenstream.aws.item_schema.DECODE_ERRORS` when the row is damaged.
    """
    return HourMean(row["g"] / 1000, instant_of(row["t"]), in_gco2_kwh(row.get("w")), row.get("n"))


def in_gco2_kwh(mg_kwh: int | None) -> float | None:
    """Return a figure in g/kWh where it is known."""
    return None if mg_kwh is None else mg_kwh / 1000


def encode_hour(profile: HourProfile, hour: int) -> Row:
    """Return the row of one hour of a profile."""
    mean = profile.hours[hour]
    row: Row = {
        "z": profile.zone,
        "k": [profile.kind.signal, profile.kind.basis, profile.scope],
        "g": scaled(mean.gco2_kwh),
        "t": seconds(mean.computed_at),
    }
    if mean.spread_gco2_kwh is not None:
        row["w"] = scaled(mean.spread_gco2_kwh)
        if mean.days is not None:
            row["n"] = mean.days
    if profile.simulated:
        row["s"] = 1
    if profile.factor_set != usual_factor_set(profile.provider):
        row["x"] = profile.factor_set
    return row
