"""Weeks of readings for a table: real ones of another year or, without traces, made-up ones."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from greenstream.domain.reading import Reading, Scope
from greenstream.ports.store import Store
from greenstream_tuning.traces import load_traces
from tests.builders import a_reading

HOUR: Final = timedelta(hours=1)
WEEK: Final = timedelta(weeks=1)
YEAR: Final = 2023


@dataclass(frozen=True, slots=True)
class Grid:
    """A zone's source, its publication delay, and the grid's name in the published traces."""

    zone: str
    provider: str
    provider_zone: str
    told_after: timedelta
    trace: str
    scope: Scope = Scope.PRODUCTION


GRIDS: Final = (
    Grid("CAISO_NORTH", "gridstatus", "CAISO", timedelta(minutes=5), "US-CAL-CISO"),
    Grid("NYISO", "gridstatus", "NYISO", timedelta(minutes=5), "US-NY-NYIS"),
    Grid("PJM", "gridstatus", "PJM", 2 * HOUR, "US-MIDA-PJM"),
    Grid("GBR-13", "eso", "13", HOUR, "GB", Scope.CONSUMPTION),
    Grid("ENTSOE_DE_LU", "entsoe", "10Y1001A1001A82H", 3 * HOUR, "DE-LU"),
)

Values = Callable[[Grid, datetime], float]
"""A function that gives a grid's intensity, g/kWh, in the hour that begins at an instant."""


def readings(now: datetime, days: int, values: Values) -> Iterator[Reading]:
    """Yield each grid's hourly readings of the days before ``now`` that were published by then."""
    last = now.replace(minute=0, second=0, microsecond=0)
    for grid in GRIDS:
        for back in range(days * 24, 0, -1):
            begin = last - back * HOUR
            told_at = begin + HOUR + grid.told_after
            if told_at <= now:
                yield a_reading(
                    zone=grid.zone,
                    provider=grid.provider,
                    provider_zone=grid.provider_zone,
                    scope=grid.scope,
                    gco2_kwh=values(grid, begin),
                    valid_from=begin,
                    valid_to=begin + HOUR,
                    fetched_at=told_at,
                )


def made_up(grid: Grid, begin: datetime) -> float:
    """Return the intensity of a grid that is clean half the day; the hours differ between grids."""
    phase = begin.hour - 5 * GRIDS.index(grid)
    return 300.0 + 150.0 * math.sin(phase / 24 * math.tau)


def measured(carbon: Path, now: datetime) -> Values:
    """Return the figures of a year of traces, moved by whole weeks to end around ``now``."""
    traces = load_traces(carbon, [YEAR], "direct")
    weeks = math.ceil((now - datetime(YEAR, 12, 31, tzinfo=UTC)) / WEEK)

    def values(grid: Grid, begin: datetime) -> float:
        trace = traces[grid.trace]
        hour = (begin - weeks * WEEK).timestamp() - trace.start_s
        return float(trace.gco2_kwh[int(hour) // trace.step_s])

    return values


def put(store: Store, told: Iterable[Reading]) -> int:
    """Write readings through the port, and return their number."""
    by_provider: defaultdict[str, list[Reading]] = defaultdict(list)
    for reading in told:
        by_provider[reading.provider].append(reading)

    def write(provider: str) -> int:
        recording = store.recording(provider)
        puts = recording.put_readings(by_provider[provider])
        recording.publish()
        return len(puts)

    with ThreadPoolExecutor() as writers:
        return sum(writers.map(write, by_provider))
