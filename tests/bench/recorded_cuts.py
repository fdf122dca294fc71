"""The recordings of all providers but ENTSO-E, cut at every row.

`tests.bench.refusals` counts how many of these true rows the rules refuse.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import pandas as pd

from functions.electricitymaps.answers import reading_of
from functions.elexon.provider import grid_of
from functions.elexon.rows import slots_of
from functions.eso.half_hours import Figures, HalfHour, national_half_hours, regional_half_hours
from functions.eso.harmonised import Factors
from functions.eso.readings import Region as NesoRegion
from functions.gridstatus.believed import Past, believed
from functions.gridstatus.rows import Row, rows
from functions.watttime.answers import series_of
from functions.watttime.readings import Region as WattTimeRegion
from greenstream.domain.errors import GreenStreamError, InvalidError
from greenstream.domain.judging import judge
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import (
    ProviderRules,
    SourceRules,
    rules_of_provider,
    rules_of_source,
)
from greenstream.domain.reading import G_PER_KWH_PER_LB_PER_MWH, Basis, Forecast, Reading
from greenstream.domain.zones import Source, zones_of
from greenstream.ingest.links import Imports
from greenstream.ingest.stored_slots import ZoneSlots
from greenstream.ingest.week_means import WeekMeans
from tests.contract.neso_mixes import whole_mix

LOST: Final = "not read, and no rule says why"
HALF_WRITTEN: Final = "half written, or cut in a number"
MINUTE: Final = timedelta(minutes=1)


class Cut(NamedTuple):
    """A recording that is cut after a row: the mixes up to it, and why that row was refused.

    ``reasons`` is empty where the newest row was read. ``tried`` names the rules that the row of a
    publisher of intensities could have broken; for a grid they follow from its mixes.
    """

    mixes: Sequence[Mix]
    reasons: tuple[str, ...]
    tried: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recording:
    """A recording of one source, with the rules of the source and its cuts."""

    name: str
    provider: str
    zone: str
    cuts: Sequence[Cut]

    @property
    def rules(self) -> tuple[ProviderRules, SourceRules]:
        return rules_of_provider(self.provider), rules_of_source(self.provider, self.zone)


# --- US grids ---------------------------------------------------------------------------------


def gridstatus(folders: Iterable[Path]) -> Iterator[Recording | str]:
    """Yield the recordings of NYISO, California ISO and PJM, in ``nyiso``, ``caiso``, ``pjm``."""
    zones = {source.provider_zone: (zone, source) for zone, source in zones_of("gridstatus")}
    for path in sorted(found for folder in folders for found in folder.glob("*")):
        market = path.parent.name.upper()
        if market not in zones:
            continue
        frame = _table(path, market)
        if frame is None:
            yield f"{path.name}: no file of the feed that is read"
            continue
        zone, source = zones[market]
        all_rows = rows([frame], timedelta(seconds=source.cadence_s))
        cuts = []
        for count in range(2, len(all_rows) + 1):
            row = all_rows[count - 1]
            now = row.valid_to + 3 * MINUTE
            found = believed(all_rows[:count], zone, source, now, Past(zone, source))
            cuts.append(Cut(_mixes(all_rows[:count]), _why_not(row, found.rows, found.refused)))
        yield Recording(path.name, "gridstatus", zone.zone, cuts)


def _why_not(
    row: Row, read: Sequence[Row], refused: Sequence[tuple[datetime, InvalidError]]
) -> tuple[str, ...]:
    if read and read[-1] is row:
        return ()
    named = tuple(error.reason for start, error in refused if start == row.valid_from)
    return named or (HALF_WRITTEN,)


def _mixes(all_rows: Sequence[Row]) -> list[Mix]:
    return [Mix(row.valid_from, row.valid_to, row.fuel_mw) for row in all_rows]


def _table(path: Path, market: str) -> pd.DataFrame | None:
    """Return a file's table as the library does, or ``None`` for a file of another feed."""
    if market == "NYISO" and path.suffix == ".csv":
        return _pivoted(*_nyiso(path))
    if market == "PJM" and path.name.startswith("gen_by_fuel"):
        return _pivoted(*_pjm(path))
    if market == "CAISO" and path.name.startswith("fuelsource"):
        return _caiso(path)
    return None


def _nyiso(path: Path) -> tuple[pd.DataFrame, str, str]:
    table = pd.read_csv(path)
    table.columns = pd.Index([name.replace("Gen MWh", "Gen MW") for name in table.columns])
    daylight = (table["Time Zone"] == "EDT").to_numpy(dtype=bool)
    table["Time"] = pd.to_datetime(table["Time Stamp"]).dt.tz_localize(
        "US/Eastern", ambiguous=daylight
    )
    return table, "Fuel Category", "Gen MW"


def _pjm(path: Path) -> tuple[pd.DataFrame, str, str]:
    if path.suffix == ".json":
        table = pd.DataFrame(json.loads(path.read_bytes())["items"])
    else:
        table = pd.read_csv(path)
    begins = pd.to_datetime(table["datetime_beginning_utc"], format="mixed").dt.tz_localize("UTC")
    table["Interval Start"] = table["Time"] = begins
    table["Interval End"] = begins + pd.Timedelta(hours=1)
    return table, "fuel_type", "mw"


def _pivoted(table: pd.DataFrame, fuel: str, mw: str) -> pd.DataFrame:
    index = [name for name in ("Time", "Interval Start", "Interval End") if name in table]
    return table.pivot_table(index=index, columns=fuel, values=mw, aggfunc="first").reset_index()


def _caiso(path: Path) -> pd.DataFrame:
    table = pd.read_csv(path).dropna(subset=["Solar"])
    named = {"Small hydro": "Small Hydro", "Natural gas": "Natural Gas"}
    table = table.rename(columns=named | {"Large hydro": "Large Hydro"})
    begins = pd.to_datetime(f"{path.name[11:18]}-01 " + table["Time"]).dt.tz_localize("US/Pacific")
    table["Time"] = table["Interval Start"] = begins
    table["Interval End"] = begins + pd.Timedelta(minutes=5)
    return table


# --- Great Britain's transmission system ------------------------------------------------------


def elexon(folders: Iterable[Path]) -> Iterator[Recording | str]:
    """Yield the recordings of Elexon: each slot is read as the newest."""
    zone, source = next(pair for pair in zones_of("elexon") if pair[0].zone == "GBR")
    rules = rules_of_provider("elexon"), rules_of_source("elexon", "GBR")
    for path in sorted(found for folder in folders for found in folder.glob("FUELINST*.json")):
        slots, _ = slots_of(json.loads(path.read_bytes()), zone.zone, datetime.now(tz=UTC))
        mixes = [slot.mix for slot in slots]
        cuts = []
        for count, slot in enumerate(slots, 1):
            end = slot.mix.valid_to
            grid = grid_of(zone, source, end, WeekMeans(provider="elexon"), simulated=False)
            refusal = judge(mixes[:count], *rules)[-1].refusal
            reasons = _outcome(grid.readings_of(slot), end)
            assert reasons is not None
            cuts.append(Cut(mixes[:count], (refusal.reason,) if refusal else reasons))
        yield Recording(path.name, "elexon", zone.zone, cuts)


# --- publishers of intensities ----------------------------------------------------------------


def _outcome(
    outcomes: Iterable[object], wanted_end: datetime, known_faults: tuple[str, ...] = ()
) -> tuple[str, ...] | None:
    """Return why a row was not read, or ``None`` where it is one of the known faults."""
    reasons: list[str] = []
    try:
        for outcome in outcomes:
            if isinstance(outcome, InvalidError):
                reasons.append(outcome.reason)
            if isinstance(outcome, Reading) and outcome.valid_to == wanted_end:
                return ()
    except InvalidError as error:
        reasons.append(error.reason)
    except GreenStreamError:
        reasons.append(LOST)
    if reasons and set(reasons) <= set(known_faults):
        return None
    return tuple(dict.fromkeys(reasons)) or (LOST,)


NESO_ACTUAL: Final = ("contradiction", "false_zero", "falsely_low", "wrong_unit")
NESO_REGION: Final = (
    "contradiction",
    "false_zero",
    "wrong_unit",
    "implausible_gco2",
    "missing_fuel: shares below 100 %",
    "mix_identity",
)
NESO_FORECAST: Final = ("falsely_low, falsely_high: between its neighbours",)


def eso(folders: Iterable[Path]) -> Iterator[Recording | str]:
    """Yield the recordings of NESO, in ``neso``: each half hour is read as the newest."""
    for path in sorted(found for folder in folders for found in folder.glob("*")):
        if path.parent.name != "neso":
            continue
        if path.name.startswith("regional"):
            yield _neso_region(path)
        elif path.name.startswith(("national_", "intensity_polled")):
            yield _neso_nation(path)
            if not path.name.startswith("intensity_polled"):  # the same half hours many times
                yield _neso_forecasts(path)
        else:
            yield f"{path.name}: no half hours with figures"


def _neso_nation(path: Path) -> Recording:
    faults = ("false_zero",) if "false_zero" in path.name else ()
    cuts = []
    nothing = Figures([], "GBR")
    for half_hour, now in _neso_half_hours(path):
        if half_hour.intensity["actual"] is None:
            continue
        nation = _neso("GBR", "national", now)
        stored = ZoneSlots((), timedelta(hours=1), ())
        mixes = Figures([_mixed(half_hour, "actual")], "GBR")
        read = nation.national_readings(Figures([half_hour], "GBR"), nothing, mixes, stored)
        reasons = _outcome(read, half_hour.valid_to, faults)
        if reasons is not None:
            cuts.append(Cut((), reasons, (*NESO_ACTUAL, "implausible_gco2")))
    return Recording(path.name, "eso", "GBR", cuts)


def _neso_forecasts(path: Path) -> Recording:
    """Read each forecast between its neighbours, as in the list of a day ahead."""
    figures = Figures((half_hour for half_hour, _ in _neso_half_hours(path)), "GBR")
    cuts = []
    for start in figures:
        day = [start + step * 30 * MINUTE for step in range(-1, 2)]
        listed = Figures([figures.at(at) for at in day if at in set(figures)], "GBR")
        nation = _neso("GBR", "national", start)
        mixes = Figures([_mixed(listed.at(at), "forecast") for at in listed], "GBR")
        outcomes = [*nation.forecasts(listed, mixes)]
        reasons = {error.reason for error in outcomes if isinstance(error, InvalidError)}
        points = [
            point.valid_from
            for outcome in outcomes
            if isinstance(outcome, Forecast)
            for point in outcome.points
        ]
        read = start in points
        cuts.append(Cut((), () if read else tuple(sorted(reasons)) or (LOST,), NESO_FORECAST))
    return Recording(f"{path.name} (forecasts)", "eso", "GBR", cuts)


def _neso(zone: str, region: str, now: datetime) -> NesoRegion:
    return NesoRegion(
        zone=zone,
        region=region,
        bases=(Basis.DIRECT,),
        factors=Factors(Imports()),
        now=now,
        simulated=False,
    )


def _mixed(half_hour: HalfHour, key: str) -> HalfHour:
    """Return a half hour with a mix of gas and wind that its figure follows from.

    The mixes of the recorded national half hours were not recorded.
    """
    gas = min(100.0, max(0.0, (half_hour.intensity[key] or 0.0) / 3.94))
    return half_hour._replace(mix=whole_mix(gas=gas, wind=100 - gas))


def _neso_half_hours(path: Path) -> Iterator[tuple[HalfHour, datetime]]:
    """Yield the half hours of a national recording, each with the time that it was fetched."""
    if path.suffix == ".json":
        for row in national_half_hours(json.loads(path.read_bytes())["data"], "GBR"):
            assert isinstance(row, HalfHour)
            yield row, row.valid_to + 15 * MINUTE
    else:
        with path.open(newline="") as lines:
            yield from map(_neso_line, csv.DictReader(lines))


def _neso_line(line: Mapping[str, str]) -> tuple[HalfHour, datetime]:
    start = datetime.fromisoformat(line.get("from") or line["from_ts"]).astimezone(UTC)
    end = start + 30 * MINUTE
    figures = {
        "forecast": line.get("forecast") or line.get("forecast_gco2_kwh"),
        "actual": line.get("actual") or line.get("actual_gco2_kwh"),
    }
    intensity: dict[str, Any] = {
        key: float(text) if text else None for key, text in figures.items()
    }
    now = datetime.fromisoformat(line["fetched_at"]) if "fetched_at" in line else end + 15 * MINUTE
    return HalfHour(start, end, intensity | {"index": line["index"]}, None), now


def _neso_region(path: Path) -> Recording:
    found = list(regional_half_hours(json.loads(path.read_bytes())["data"]))
    region = found[0][0]
    zone = f"GBR-{region}"
    half_hours = [half_hour for _, half_hour in found if isinstance(half_hour, HalfHour)]
    cuts = []
    for half_hour in half_hours:
        at = _neso(zone, region, half_hour.valid_from + MINUTE)
        read = (made for rows in [half_hours] for made in at.regional_readings(Figures(rows, zone)))
        reasons = _outcome(read, half_hour.valid_to)
        assert reasons is not None
        cuts.append(Cut((), reasons, NESO_REGION))
    return Recording(path.name, "eso", zone, cuts)


def watttime(folders: Iterable[Path]) -> Iterator[Recording | str]:
    """Yield the recordings of WattTime: each point is read as the newest of three hours."""
    zone = "CAISO_NORTH"
    for path in sorted(found for folder in folders for found in folder.glob("*moer_actual*.csv")):
        with path.open(newline="") as lines:
            points = [
                (
                    datetime.fromisoformat(line["time"]).replace(tzinfo=UTC),
                    float(line["Caiso_North"]),
                )
                for line in csv.DictReader(lines)
            ]
        cuts = []
        for count in range(1, len(points) + 1):
            cut = points[max(0, count - 36) : count]
            end = cut[-1][0] + 5 * MINUTE
            region = WattTimeRegion(zone=zone, region=zone, now=end, simulated=False)
            series = series_of(_moer_document(cut, zone), zone, zone)
            reasons = _outcome(region.historical(series, None), end)
            assert reasons is not None
            cuts.append(Cut((), reasons, ("contradiction", "implausible_gco2", "negative")))
        yield Recording(path.name, "watttime", zone, cuts)


def _moer_document(points: Sequence[tuple[datetime, float]], region: str) -> dict[str, Any]:
    meta = {"data_point_period_seconds": 300, "region": region, "warnings": []}
    rows = [
        {"point_time": start.isoformat(), "value": gco2_kwh / G_PER_KWH_PER_LB_PER_MWH}
        for start, gco2_kwh in points
    ]
    named = {"signal_type": "co2_moer", "units": "lbs_co2_per_mwh"}
    return {"data": rows, "meta": meta | named}


def electricitymaps(folders: Iterable[Path]) -> Iterator[Recording | str]:
    """Yield the recordings of Electricity Maps, in ``electricitymaps``: each hour is read alone."""
    _, source = zones_of("electricitymaps")[0]
    for path in sorted(found for folder in folders for found in folder.glob("v[34]_*.json")):
        if path.parent.name != "electricitymaps":
            continue
        answer = json.loads(path.read_bytes())
        hours = answer.get("history", [answer])
        if not all("carbonIntensity" in hour for hour in hours):
            yield f"{path.name}: no hour with a figure"
            continue
        cuts = [
            Cut((), _electricitymaps_hour(hour, source), ("sandbox", "wrong_zone", "wrong_basis"))
            for hour in hours
        ]
        yield Recording(path.name, "electricitymaps", answer["zone"], cuts)


def _electricitymaps_hour(hour: Mapping[str, Any], source: Source) -> tuple[str, ...]:
    start = datetime.fromisoformat(hour["datetime"])
    # The recorded zones are not in the zone table, and some have the other basis.
    asked = Source(
        **{
            name: getattr(source, name)
            for name in source.__slots__
            if name not in ("provider_zone", "bases")
        },
        provider_zone=hour["zone"],
        bases=(Basis(hour.get("emissionFactorType", "lifecycle")),),
    )
    read = (
        reading_of(answer, "Z", asked, fetched_at=start + 30 * MINUTE, simulated=False)
        for answer in [dict(hour)]
    )
    reasons = _outcome(read, start + 60 * MINUTE)
    assert reasons is not None
    return reasons
