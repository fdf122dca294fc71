"""Reads the half hours and their figures from NESO's answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

from functions.eso.shares import NUMBER
from greenstream.domain.errors import InvalidError, NoDataError
from greenstream.domain.reading import MAX_GCO2_KWH

NAME: Final = "eso"
NATIONAL: Final = "national"
"""The nation's name among the sources of zones, beside the numbers of the regions."""

HALF_HOUR: Final = timedelta(minutes=30)
LEAST_WHOLE: Final = 1
"""NESO publishes whole g/kWh, so that a figure between 0 and this one is in another unit."""

FIGURES: Final = ("forecast", "actual")
"""The members of ``intensity`` that are figures in g/kWh."""

REVISED_SHARE: Final = 0.25
"""The share by which a forecast may differ between two answers of one run. Polled every minute for
three and a half hours, the forecast of an ended half hour never changed; a revision in between is
small beside two figures of different origin (180 and 101)."""

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


def national_half_hours(data: object, zone: str) -> list[HalfHour | InvalidError]:
    """Read the national answer, which is a list of half hours.

    A half hour that cannot be read is returned as an error, so that only that half hour is lost.

    Raises
    ------
    InvalidError
        ``malformed``, when the answer is no list.
    NoDataError
        When the list is empty.
    """
    if not isinstance(data, list):
        raise malformed(f"national data is {type(data).__name__}, not a list", zone)
    if not data:
        raise NoDataError("the answer holds no half hour", provider=NAME, zone=zone)
    return [_half_hour(row, _interval(row), zone) for row in data]


def generation_half_hours(data: object, zone: str) -> list[HalfHour | InvalidError]:
    """Read an answer with the nation's mixes, which have no intensity beside them.

    An answer about a range is a list of half hours; an answer about the present is one half hour.

    Raises
    ------
    InvalidError
        ``malformed``, when the answer has another shape.
    """
    half_hours: list[HalfHour | InvalidError] = []
    for row in data if isinstance(data, list) else [data]:
        if not isinstance(row, dict) or not isinstance(row.get("generationmix"), list):
            raise malformed("the nation's generation has no mix", zone)
        interval = _interval(row)
        if isinstance(interval, InvalidError):
            half_hours.append(malformed(interval.message, zone))
        else:
            half_hours.append(HalfHour(*interval, {}, row["generationmix"]))
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


def _half_hour(
    row: object, interval: _Interval | InvalidError, zone: str | None = None
) -> HalfHour | InvalidError:
    if not isinstance(row, dict) or not isinstance(intensity := row.get("intensity"), dict):
        return malformed("a half hour has no intensity", zone)
    if isinstance(interval, InvalidError):
        return malformed(interval.message, zone)
    valid_from, valid_to = interval
    return HalfHour(valid_from, valid_to, intensity, row.get("generationmix"))


def _interval(row: object) -> _Interval | InvalidError:
    """Return the start and end of a row, or of an entry with all regions."""
    stamps = row if isinstance(row, dict) else {}
    try:
        valid_from, valid_to = _moment(str(stamps.get("from"))), _moment(str(stamps.get("to")))
    except InvalidError as error:
        return error
    if valid_to - valid_from != HALF_HOUR or valid_from.minute % 30:
        return malformed(f"{valid_from} to {valid_to} is not half an hour of the clock")
    return valid_from, valid_to


class Figures:
    """The half hours of one zone, each with the figures that all its rows agree on.

    The order of the rows does not matter. Where one row lacks a figure (null) and another has it,
    they agree.

    Parameters
    ----------
    rows
        Half hours of the zone, from one answer or from several.
    zone
        The zone, named in errors.
    """

    def __init__(self, rows: Iterable[HalfHour], zone: str) -> None:
        self._rows: dict[datetime, list[HalfHour]] = {}
        self._zone = zone
        for row in rows:
            self._rows.setdefault(row.valid_from, []).append(row)

    def __iter__(self) -> Iterator[datetime]:
        """Yield the start of each half hour in UTC, the earliest first."""
        return iter(sorted(self._rows))

    def at(self, start: datetime, listed: "Figures | None" = None) -> HalfHour:
        """Return the half hour that begins at ``start``.

        Parameters
        ----------
        start
            The start in UTC; one of those that the iteration yields.
        listed
            Half hours of the same zone from another answer. It must agree with this one, and what
            this one lacks is taken from it. A forecast may have been revised between the two
            answers, so it may differ by `REVISED_SHARE`.

        Raises
        ------
        InvalidError
            ``contradiction`` when two rows have different figures.
        """
        merged = self._merged(self._rows[start], 0.0)
        if listed is None or start not in listed._rows:  # noqa: SLF001 - of this class
            return merged
        return self._merged((merged, listed.at(start)), REVISED_SHARE)

    def mix_at(self, start: datetime) -> object:
        """Return the mix of the half hour that begins at ``start``; ``None`` where there is none.

        Raises
        ------
        InvalidError
            As `at` raises.
        """
        return self.at(start).mix if start in self._rows else None

    def forecasts_beside(self, start: datetime) -> tuple[float, float] | None:
        """Return the forecasts, g/kWh, of the half hours before and after the one at ``start``.

        The result is ``None`` when one of the two is absent, has no number or contradicts itself.
        """
        beside: list[float] = []
        for neighbour in (start - HALF_HOUR, start + HALF_HOUR):
            try:
                forecast = self.at(neighbour).intensity.get("forecast")
            except (LookupError, InvalidError):
                return None
            if not isinstance(forecast, NUMBER) or not 0 <= forecast <= MAX_GCO2_KWH:
                return None
            beside.append(forecast)
        before, after = beside
        return before, after

    def check_unit(self) -> None:
        """Check that the answer is in g/kWh, which a figure of 0 does not tell.

        Raises
        ------
        InvalidError
            ``wrong_unit`` when at least half of the forecasts above 0 are below 1.
        """
        figures = [
            forecast
            for rows in self._rows.values()
            for row in rows
            if isinstance(forecast := row.intensity.get("forecast"), NUMBER) and forecast > 0
        ]
        small = [figure for figure in figures if figure < LEAST_WHOLE]
        if small and 2 * len(small) >= len(figures):
            raise InvalidError(
                f"{len(small)} of {len(figures)} forecasts are below {LEAST_WHOLE} g/kWh, such as"
                f" {small[0]:g}",
                reason="wrong_unit",
                provider=NAME,
                zone=self._zone,
            )

    def _merged(self, rows: Sequence[HalfHour], revised_share: float) -> HalfHour:
        intensity: dict[str, Any] = {}
        for row in rows:
            for key, value in row.intensity.items():
                known = intensity.setdefault(key, value)
                if known is None:
                    intensity[key] = value
                elif value is not None and not _agree(key, known, value, revised_share):
                    raise InvalidError(
                        f"the half hour at {stamp(row.valid_from)} has two {key} figures,"
                        f" {known!r:.40} and {value!r:.40}",
                        reason="contradiction",
                        provider=NAME,
                        zone=self._zone,
                    )
        mix = next((row.mix for row in rows if row.mix is not None), None)
        return HalfHour(rows[0].valid_from, rows[0].valid_to, intensity, mix)


def _agree(key: str, figure: object, other: object, revised_share: float) -> bool:
    if figure == other or key not in FIGURES:
        return True
    if key != "forecast" or not isinstance(figure, NUMBER) or not isinstance(other, NUMBER):
        return False
    if max(abs(figure), abs(other)) > MAX_GCO2_KWH:  # which no float may hold
        return False
    return abs(figure - other) <= revised_share * max(figure, other)


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
