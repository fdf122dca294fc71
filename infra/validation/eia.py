"""Right factor, in the United States: recorded mixes beside the CO2 that EIA computes of them.

EIA's workbook of a balancing authority (``recordings/eia930/NYIS.xlsx``) has the CO2 intensity of
what is generated, by the hour. Ours is the mean of the mixes that were recorded in the same hours,
each times this package's factors, by a reading that shares no code with the collectors but the
factors. A grid is not run where either side is not recorded, and the row says which.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from functions.eia.workbook import HOUR, hours_of
from greenstream.domain.errors import InvalidError
from greenstream.domain.intensity import factor_tables, mix_intensity
from greenstream.domain.reading import Basis
from infra.validation.mixes import nyiso_by_hand
from infra.validation.row import Material, Row

QUESTION: Final = "right factor"
LIMIT_PERCENT: Final = 10
"""Ours may differ by this share of EIA's mean: EIA's factors are of another edition."""

LEAST_HOURS: Final = 20

Figures = Mapping[datetime, float]
"""Intensities in g/kWh (average, direct) by a moment in each interval, or by the end of an hour."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid: its zone, EIA's code, and how its recorded mixes are read.

    ``why_none`` says why they cannot be compared by the hour, where they cannot.
    """

    zone: str
    code: str
    recorded: str = ""
    read: Callable[[Path], Figures] | None = None
    why_none: str = ""


def rows(material: Material) -> Iterator[Row]:
    """Yield a row for each grid."""
    for grid in GRIDS:
        yield _row(grid, material.recordings)


def _row(grid: Grid, recordings: Path) -> Row:
    against = f"EIA's CO2 intensity of what {grid.zone} generates, by the hour (form 930)"
    ours = hourly(grid, recordings)
    file = recordings / "eia930" / f"{grid.code}.xlsx"
    missing = [] if file.is_file() else [f"EIA's workbook {grid.code}.xlsx is not recorded"]
    if grid.read is None:
        missing.append(grid.why_none)
    elif not ours:
        missing.append("no day of the grid is recorded")
    else:
        mean = fmean(ours.values())
        missing += [f"ours would be {len(ours)} hours, {mean:.0f} g/kWh on average"] * bool(missing)
    if missing:
        return Row.not_run(QUESTION, against, "; ".join(missing))
    try:
        hours = hours_of(file.read_bytes(), grid.code, min(ours) - HOUR)
    except InvalidError as error:
        return Row.not_run(QUESTION, against, f"the workbook cannot be read: {error.message}")
    theirs = {
        hour.end: hour.generated_gco2_kwh for hour in hours if hour.generated_gco2_kwh is not None
    }
    pairs = [(ours[end], theirs[end]) for end in ours.keys() & theirs.keys()]
    if len(pairs) < LEAST_HOURS:
        return Row.not_run(QUESTION, against, f"only {len(pairs)} hours are recorded on both sides")
    difference = fmean(mine - its for mine, its in pairs)
    percent = 100 * difference / fmean(its for _, its in pairs)
    return Row.judged(
        QUESTION,
        against,
        f"{len(pairs)} hours: ours less EIA's is {difference:+.1f} g/kWh on average, "
        f"{percent:+.1f} % of EIA's",
        f"at most {LIMIT_PERCENT} % of EIA's mean",
        held=abs(percent) <= LIMIT_PERCENT,
    )


def hourly(grid: Grid, recordings: Path) -> dict[datetime, float]:
    """Return the mean of the recorded mixes of each hour, by its end."""
    if grid.read is None:
        return {}
    by_hour: dict[datetime, list[float]] = {}
    for path in sorted(recordings.glob(grid.recorded)):
        for at, gco2_kwh in grid.read(path).items():
            begin = at.replace(minute=0, second=0, microsecond=0)
            by_hour.setdefault(begin + HOUR, []).append(gco2_kwh)
    return {end: fmean(figures) for end, figures in by_hour.items()}


def nyiso(path: Path) -> Figures:
    """Read a day of NYISO, whose stamps are the ends of the intervals."""
    return {end - timedelta(seconds=1): figure for end, figure in nyiso_by_hand(path).items()}


def pjm(path: Path) -> Figures:
    """Read an answer of PJM's Data Miner, whose stamps are the beginnings of hours in UTC."""
    mixes: dict[datetime, dict[str, float]] = {}
    for item in json.loads(path.read_bytes())["items"]:
        begin = datetime.fromisoformat(item["datetime_beginning_utc"]).replace(tzinfo=UTC)
        mixes.setdefault(begin, {})[item["fuel_type"]] = float(item["mw"])
    return _figures("PJM", mixes)


def isone(path: Path) -> Figures:
    """Read a day of ISO New England, whose stamps hold until the next one."""
    mixes: dict[datetime, dict[str, float]] = {}
    for row in json.loads(path.read_bytes())["GenFuelMixes"]["GenFuelMix"]:
        at = datetime.fromisoformat(row["BeginDate"]).astimezone(UTC)
        mixes.setdefault(at, {})[row["FuelCategory"]] = float(row["GenMw"])
    return _figures("ISONE", mixes)


def ercot(path: Path) -> Figures:
    """Read ERCOT's dashboard, whose stamps are near the ends of intervals of five minutes."""
    mixes: dict[datetime, dict[str, float]] = {}
    for day in json.loads(path.read_bytes())["data"].values():
        for stamp, fuels in day.items():
            at = datetime.strptime(stamp, "%Y-%m-%d %H:%M:%S%z").astimezone(UTC)
            mixes[at] = {fuel: float(row["gen"]) for fuel, row in fuels.items()}
    return _figures("Ercot", mixes)


def _figures(table: str, mixes: Mapping[datetime, Mapping[str, Any]]) -> Figures:
    factors = factor_tables()[table, Basis.DIRECT]
    return {
        at: mix_intensity(mix, factors, provider="recorded", zone=table).gco2_kwh
        for at, mix in mixes.items()
    }


GRIDS: Final = (
    Grid("NYISO", "NYIS", "nyiso/2025*rtfuelmix.csv", nyiso),
    Grid("PJM", "PJM", "pjm/gen_by_fuel_2025*.json", pjm),
    Grid(
        "CAISO_NORTH",
        "CISO",
        why_none="of the California ISO only single quoted rows are recorded, no whole hour",
    ),
    Grid("MISO", "MISO", why_none="of MISO only two moments are recorded, no whole hour"),
    Grid("ERCOT", "ERCO", "ercot/fuel-mix_*WHOLE.json", ercot),
    Grid("ISONE", "ISNE", "isone/genfuelmix_day_????????.json", isone),
)
