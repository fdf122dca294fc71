"""Reads the half hours and their figures from NESO's answers."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.intensity import publisher_tables
from greenstream.domain.plausibility import rules_of_provider
from greenstream.domain.reading import Basis, check_gco2_kwh

NAME: Final = "eso"
HALF_HOUR: Final = timedelta(minutes=30)
NUMBER: Final = (int, float)
WHOLE_PERCENT: Final = 100

_Interval = tuple[datetime, datetime]
"""Start and end, UTC."""


class HalfHour(NamedTuple):
    """One half hour of one region or of the nation; a run reads about nine hundred.

    Parameters
    ----------
    valid_from, valid_to
        Start and end, UTC.
    intensity
        The member ``intensity``: figures in g/kWh and their ``index``.
    mix
        The member ``generationmix``, unchecked.
    """

    valid_from: datetime
    valid_to: datetime
    intensity: Mapping[str, Any]
    mix: object


def national_half_hours(data: object, zone: str) -> list[HalfHour]:
    """Read the national answer, which is a list of half hours.

    Raises
    ------
    InvalidError
        ``malformed``.
    NoDataError
        When the list is empty.
    """
    if not isinstance(data, list):
        raise malformed(f"national data is {type(data).__name__}, not a list", zone)
    if not data:
        raise NoDataError("the answer holds no half hour", provider=NAME, zone=zone)
    half_hours: list[HalfHour] = []
    for row in data:
        half_hour = _half_hour(row, _interval(row))
        if isinstance(half_hour, InvalidError):
            raise half_hour
        half_hours.append(half_hour)
    return half_hours


def regional_half_hours(data: object) -> Iterator[tuple[str, HalfHour | InvalidError]]:
    """Yield the region id and the half hour of each entry of a regional answer.

    An answer about all regions is a list of half hours with ``regions``. An answer about one
    region is an object, or a list of one object, that has the region's half hours in ``data``.

    A half hour that cannot be read is yielded as an error, so that only its own region is lost.

    Raises
    ------
    InvalidError
        ``malformed``, when the answer has another shape.
    """
    for entry in data if isinstance(data, list) else [data]:
        if not isinstance(entry, dict):
            raise malformed(f"a regional entry is {type(entry).__name__}")
        if isinstance(entry.get("regions"), list):
            interval = _interval(entry)
            for region in entry["regions"]:
                yield _region_id(region), _half_hour(region, interval)
        elif isinstance(entry.get("data"), list):
            for row in entry["data"]:
                yield _region_id(entry), _half_hour(row, _interval(row))
        else:
            raise malformed(f"a regional entry has only the members {sorted(map(str, entry))[:8]}")


def _region_id(row: object) -> str:
    if not isinstance(row, dict):
        raise malformed(f"a region is {type(row).__name__}")
    region = row.get("regionid")
    if type(region) is not int:  # isinstance would accept true and false
        raise malformed(f"regionid is {region!r}")
    return str(region)


def _half_hour(row: object, interval: _Interval | InvalidError) -> HalfHour | InvalidError:
    if not isinstance(row, dict) or not isinstance(intensity := row.get("intensity"), dict):
        return malformed("a half hour has no intensity")
    if isinstance(interval, InvalidError):
        return interval
    valid_from, valid_to = interval
    return HalfHour(valid_from, valid_to, intensity, row.get("generationmix"))


def _interval(row: object) -> _Interval | InvalidError:
    """Return the start and end of a row, or of an entry with all regions."""
    stamps = row if isinstance(row, dict) else {}
    try:
        valid_from, valid_to = _moment(str(stamps.get("from"))), _moment(str(stamps.get("to")))
    except InvalidError as error:
        return error
    if valid_to - valid_from != HALF_HOUR:
        return malformed(f"{valid_from} to {valid_to} is not half an hour")
    return valid_from, valid_to


def gco2_kwh_of(half_hour: HalfHour, key: str, zone: str) -> float:
    """Return a figure of a half hour in g/kWh, checked against its index and its mix.

    Parameters
    ----------
    key
        ``forecast`` or ``actual``.

    Raises
    ------
    InvalidError
        ``not_a_number``, ``negative``, ``too_high``; ``wrong_unit`` when the figure is far below
        what its index or the combustion in its mix implies.
    """
    _, _, intensity, mix = half_hour
    gco2_kwh = check_gco2_kwh(intensity.get(key), provider=NAME, zone=zone)
    index, burnt = str(intensity.get("index")), burnt_gco2_kwh(mix)
    least = rules_of_provider(NAME).least_gco2_kwh.get(index, 0.0)
    if 0 < gco2_kwh < max(least, burnt / 2 - 1):
        raise InvalidError(
            f"{gco2_kwh} with index {index!r:.40} and {burnt:.0f} g/kWh from combustion is in"
            " another unit",
            reason="wrong_unit",
            provider=NAME,
            zone=zone,
        )
    return gco2_kwh


@cache
def _combustion_gco2_kwh() -> dict[str, float]:
    """Return NESO's own factors, g/kWh, of the fuels that are burnt inside Great Britain."""
    factors = publisher_tables()["neso", Basis.DIRECT].factors
    return {
        fuel: factor.gco2_kwh for fuel, factor in factors.items() if factor.gco2_kwh is not None
    }


def burnt_gco2_kwh(mix: object) -> float:
    """Return what the combustion in a mix emits, in g per kWh of the whole mix.

    The result is 0 without a mix. It only serves as a cross-check, so entries that cannot be read
    or hold no percentage are ignored.
    """
    if not isinstance(mix, list):
        return 0.0
    factors, weighted = _combustion_gco2_kwh(), 0.0
    try:
        for entry in mix:
            fuel = entry["fuel"]
            if fuel in factors and 0 <= (perc := entry["perc"]) <= WHOLE_PERCENT:
                weighted += factors[fuel] * perc
    except (LookupError, TypeError):
        entries = (
            (str(entry.get("fuel")), entry.get("perc")) for entry in mix if isinstance(entry, dict)
        )
        weighted = sum(
            factors[fuel] * perc
            for fuel, perc in entries
            if fuel in factors and isinstance(perc, NUMBER) and 0 <= perc <= WHOLE_PERCENT
        )
    return weighted / WHOLE_PERCENT


@lru_cache(maxsize=256)  # All regions of a half hour repeat the same two times.
def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise malformed(f"time {text!r} is not YYYY-MM-DDThh:mmZ") from error


def stamp(moment: datetime) -> str:
    """Return an instant as the API expects it, to the minute."""
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def malformed(what: str, zone: str | None = None) -> InvalidError:
    """Return the error for an answer whose shape is not the API's."""
    return InvalidError(what, reason="malformed", provider=NAME, zone=zone)
