"""Carbon traces and round trips from files, as plain arrays.

A carbon trace is a file ``<ZONE>_<YEAR>.csv`` with one row per step, hourly or finer, and the
columns ``datetime_utc`` (the start of the step), ``direct_gco2_kwh`` and ``lifecycle_gco2_kwh``.
Round trips are a CSV file with the column ``origin`` and a column for each place, in milliseconds.
"""

import csv
import math
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_NAME = re.compile(r"(?P<zone>.+)_(?P<year>\d{4})\.csv")


class TraceError(Exception):
    """A file cannot be used. The message names the file and the reason."""


@dataclass(frozen=True, slots=True)
class Trace:
    """The intensity of one zone in equal steps.

    Parameters
    ----------
    zone
        The zone's name.
    start_s
        The start of the first step in epoch seconds.
    step_s
        The length of a step in seconds.
    gco2_kwh
        The intensity of each step in g/kWh; NaN if it is missing.
    """

    zone: str
    start_s: int
    step_s: int
    gco2_kwh: Floats

    @property
    def end_s(self) -> int:
        """The end of the last step in epoch seconds."""
        return self.start_s + self.step_s * len(self.gco2_kwh)

    def silent(self) -> "Trace":
        """Return a trace of the same time whose every value is missing."""
        return replace(self, gco2_kwh=np.full(len(self.gco2_kwh), np.nan))

    def at(self, epoch_s: Ints) -> Floats:
        """Return the value in g/kWh at each instant (epoch seconds); NaN outside the trace."""
        index = (epoch_s - self.start_s) // self.step_s
        inside = (index >= 0) & (index < len(self.gco2_kwh))
        return np.where(inside, self.gco2_kwh[np.where(inside, index, 0)], np.nan)


@dataclass(frozen=True, slots=True)
class RoundTrips:
    """A table of round trips.

    Parameters
    ----------
    origins, places
        The names of its rows and columns.
    rtt_ms
        The round trips in milliseconds, origins by places; NaN if unknown.
    """

    origins: tuple[str, ...]
    places: tuple[str, ...]
    rtt_ms: Floats


def year_start_s(year: int) -> int:
    """Return the first instant of a UTC year in epoch seconds."""
    return int(datetime(year, 1, 1, tzinfo=UTC).timestamp())


def load_traces(
    folder: Path, years: Iterable[int], basis: str, zones: Collection[str] | None = None
) -> dict[str, Trace]:
    """Return the traces of a folder by zone.

    Where a zone lacks some of the years, its trace has NaN.

    Parameters
    ----------
    folder
        The folder of the files.
    years
        The years to read.
    basis
        ``direct`` or ``lifecycle``. A zone without any value on this basis is left out.
    zones
        The zones to read; all of the folder's zones if ``None``.

    Raises
    ------
    TraceError
        When a file is malformed, or no zone has any of the years.
    """
    wanted = set(years)
    rows: dict[str, list[tuple[int, float]]] = {}
    for path in sorted(folder.glob("*.csv")):
        match = _NAME.fullmatch(path.name)
        if match is None or (zones is not None and match["zone"] not in zones):
            continue
        if int(match["year"]) in wanted:
            rows.setdefault(match["zone"], []).extend(_rows(path, basis))
    traces = {zone: _trace(zone, of_zone) for zone, of_zone in rows.items() if _some_known(of_zone)}
    if not traces:
        raise TraceError(f"{folder} has no trace of {sorted(wanted)} on the {basis} basis")
    return traces


def _rows(path: Path, basis: str) -> list[tuple[int, float]]:
    rows = []
    number = 1
    with path.open(newline="", encoding="utf-8-sig") as file:
        try:
            for number, row in enumerate(csv.DictReader(file), start=2):  # noqa: B007 - for the error
                start = datetime.fromisoformat(row["datetime_utc"])
                value = row[f"{basis}_gco2_kwh"]
                known = _intensity(value) if value else math.nan  # A missing value is never zero.
                rows.append((int(_utc(start).timestamp()), known))
        except KeyError as error:
            raise TraceError(f"{path.name} has no column {error}") from error
        except (ValueError, TypeError, csv.Error) as error:
            raise TraceError(f"{path.name}, line {number}: {error}") from error
    return rows


def _intensity(text: str) -> float:
    value = float(text)
    if value < 0 or math.isinf(value):
        raise ValueError(f"{text} is no intensity in g/kWh")
    return value


def _some_known(rows: list[tuple[int, float]]) -> bool:
    return any(not math.isnan(value) for _, value in rows)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _trace(zone: str, rows: list[tuple[int, float]]) -> Trace:
    epochs, values = (np.array(column) for column in zip(*sorted(rows), strict=True))
    if len(epochs) == 1:
        raise TraceError(f"the trace of {zone} has a single value, which shows no step")
    step_s = int(np.diff(epochs).min())
    if step_s <= 0 or np.any((epochs - epochs[0]) % step_s):
        raise TraceError(f"the instants of the trace of {zone} are not in equal steps")
    trace = np.full((int(epochs[-1]) - int(epochs[0])) // step_s + 1, np.nan)
    trace[(epochs - epochs[0]) // step_s] = values
    return Trace(zone, int(epochs[0]), step_s, trace)


def load_round_trips(path: Path) -> RoundTrips:
    """Read a table of round trips. Of several rows or columns of one name the first is used.

    Raises
    ------
    TraceError
        When the table is malformed.
    """
    with path.open(newline="") as file:
        header, *body = csv.reader(file)
    places, origins = header[1:], [row[0] for row in body]
    try:
        table = np.array([[float(cell) if cell else np.nan for cell in row[1:]] for row in body])
    except ValueError as error:
        raise TraceError(f"{path.name}: {error}") from error
    if table.shape != (len(origins), len(places)):
        raise TraceError(f"{path.name} has rows of different length")
    return RoundTrips(
        tuple(dict.fromkeys(origins)),
        tuple(dict.fromkeys(places)),
        table[np.ix_(_firsts(origins), _firsts(places))],
    )


def _firsts(names: Sequence[str]) -> list[int]:
    return [names.index(name) for name in dict.fromkeys(names)]
