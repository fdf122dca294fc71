"""The treatment of the Dutch "Other" (B20) in figures: `python -m tests.bench.nl_treatment`.

For each hour of the recorded day 2024-09-02 the script prints "Other", the part of it that counts
as embedded solar, the coverage, and the lifecycle intensity computed in five ways. It then prints
the day's means beside published yearly means and the traces of 2022. One day cannot be validated
against another year: those lines only bound what is plausible. If the first argument names the
file of a solar forecast (A69), the script compares with that forecast too.
"""

import csv
import statistics
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from lxml import etree

from functions.entsoe.document import read
from functions.entsoe.mix import OTHER, SOLAR, batch_of, solar_in_other, table_of
from functions.entsoe.slots import slots
from greenstream.domain.intensity import mix_intensity
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.reading import Basis
from greenstream.domain.zones import zones

SHARED = Path(__file__).parents[3] / "shared"
RECORDING = SHARED / "recordings/entsoe/A75_NL_2024-09-02_A03.xml"
TRACE = SHARED / "datasets/carbon/NL_2022.csv"
ZONE = "ENTSOE_NL"
NIGHT_MW = 1.0


def intensity(slot: Mix, solar_mw: float, other_gco2_kwh: float | None, basis: Basis) -> float:
    """Return the intensity (g/kWh) with ``solar_mw`` of "Other" as solar and a factor for the rest.

    A factor of ``None`` leaves the rest unknown, as the collector does.
    """
    table = table_of(ZONE, basis)
    if other_gco2_kwh is not None:
        given = replace(table.factors[OTHER], gco2_kwh=other_gco2_kwh)
        table = replace(table, factors={**table.factors, OTHER: given})
    mix = dict(slot.generation_mw)
    mix[SOLAR] += solar_mw
    mix[OTHER] -= solar_mw
    return mix_intensity(mix, table, provider="bench", zone=ZONE).gco2_kwh


def night_base_mw(found: Sequence[Mix]) -> float:
    """Return the mean "Other" (MW) of the slots whose metered solar is below `NIGHT_MW`."""
    return statistics.mean(
        slot.generation_mw[OTHER] for slot in found if slot.generation_mw[SOLAR] < NIGHT_MW
    )


def forecast_mw(path: Path) -> dict[datetime, float]:
    """Read the solar forecast (MW by slot start) of an A69 document, curve A03."""
    document = etree.parse(str(path), etree.XMLParser(resolve_entities=False)).getroot()
    found: dict[datetime, float] = {}
    for series in document.iterfind("{*}TimeSeries"):
        if series.findtext("{*}MktPSRType/{*}psrType") != SOLAR:
            continue
        for period in series.iterfind("{*}Period"):
            begin = period.findtext("{*}timeInterval/{*}start") or ""
            start = datetime.strptime(begin, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
            points = {
                int(point.findtext("{*}position") or 0): float(point.findtext("{*}quantity") or 0)
                for point in period.iterfind("{*}Point")
            }
            last = 0.0
            for position in range(1, 97):
                last = points.get(position, last)
                found[start + timedelta(minutes=15 * (position - 1))] = last
    return found


def mwh(values: Sequence[float]) -> float:
    """Return the energy (MWh) of the power (MW) of quarter hours."""
    return sum(values) / 4


def weighted(values: Sequence[float], found: Sequence[Mix]) -> float:
    """Return the mean weighted by generation."""
    total = sum(slot.total_mw for slot in found)
    return sum(value * slot.total_mw for value, slot in zip(values, found, strict=True)) / total


def main() -> None:
    """Print the tables."""
    if not RECORDING.is_file():
        sys.exit(f"no recording at {RECORDING}: nothing is measured")
    zone = zones()[ZONE]
    [source] = [source for source in zone.sources if source.provider == "entsoe"]
    found = slots(read(RECORDING.read_bytes(), source.provider_zone, ZONE))
    rules = rules_of_source("entsoe", ZONE)
    solar = [solar_in_other(found, slot, rules).mw for slot in found]
    sun = [slot.generation_mw[SOLAR] for slot in found]
    other = [slot.generation_mw[OTHER] for slot in found]
    slope, base = statistics.linear_regression(sun, other)
    print(
        f"Other = {base:.0f} MW + {slope:.1f} x metered solar, "
        f"r2 {statistics.correlation(sun, other) ** 2:.3f}; night mean {night_base_mw(found):.0f}"
    )
    forecast = forecast_mw(Path(sys.argv[1])) if len(sys.argv) > 1 else {}
    ways: dict[str, list[float]] = {
        "as collected": [
            intensity(slot, mw, None, Basis.LIFECYCLE)
            for slot, mw in zip(found, solar, strict=True)
        ],
        "rest as gas": [
            intensity(slot, mw, 481.9, Basis.LIFECYCLE)
            for slot, mw in zip(found, solar, strict=True)
        ],
        "night base": [
            intensity(
                slot,
                max(0.0, slot.generation_mw[OTHER] - night_base_mw(found)),
                None,
                Basis.LIFECYCLE,
            )
            for slot in found
        ],
        "Other left out": [intensity(slot, 0.0, None, Basis.LIFECYCLE) for slot in found],
        "all Other 700": [intensity(slot, 0.0, 700.0, Basis.LIFECYCLE) for slot in found],
    }
    if forecast:
        ways["A69 solar"] = [
            intensity(
                slot,
                min(
                    max(forecast[slot.valid_from] - slot.generation_mw[SOLAR], 0.0),
                    slot.generation_mw[OTHER],
                ),
                None,
                Basis.LIFECYCLE,
            )
            for slot in found
        ]
    print("UTC    Other  solar   A69  cover  low  high  " + "  ".join(ways))
    for index in range(0, len(found), 8):
        slot = found[index]
        batch = batch_of(found, zone, source, fetched_at=slot.valid_to)
        [reading] = [reading for reading in batch.readings if reading.basis is Basis.LIFECYCLE]
        second = f"{forecast[slot.valid_from]:6.0f}" if forecast else "     -"
        print(
            f"{slot.valid_from:%H:%M} {slot.generation_mw[OTHER]:6.0f} {solar[index]:6.0f} {second}"
            f"  {reading.coverage:.2f} {reading.gco2_low:5.0f} {reading.gco2_high:5.0f}  "
            + "  ".join(f"{values[index]:{len(name)}.1f}" for name, values in ways.items())
        )
    for name, values in ways.items():
        print(f"day's mean, {name}: {weighted(values, found):.1f} g/kWh lifecycle")
    direct = [
        intensity(slot, mw, None, Basis.DIRECT) for slot, mw in zip(found, solar, strict=True)
    ]
    print(f"day's mean, as collected: {weighted(direct, found):.1f} g/kWh direct")
    print(
        f"solar in Other {mwh(solar) / 1000:.1f} GWh, metered {mwh(sun) / 1000:.1f}; "
        f"an average day of 2023 had {21_150 / 365:.1f} (Ember: 21.15 TWh)"
        + (f"; A69 foresaw {mwh(list(forecast.values())) / 1000:.1f}" if forecast else "")
    )
    for mean in zone.annual_means:
        print(f"published {mean.year} {mean.basis}: {mean.gco2_kwh}")
    if TRACE.is_file():
        with TRACE.open(newline="") as lines:
            rows = list(csv.DictReader(lines))
        year = [float(row["lifecycle_gco2_kwh"]) for row in rows]
        september = [
            float(row["lifecycle_gco2_kwh"]) for row in rows if "2022-09" in row["datetime_utc"]
        ]
        print(
            f"traces of 2022, flow-traced lifecycle: year {statistics.mean(year):.1f} "
            f"(published 398.2), September {statistics.mean(september):.1f}"
        )


if __name__ == "__main__":
    main()
