"""Counts the moves that another way of counting would reverse.

``python tests/bench/flips.py ../shared`` asks for each hour and pair of zones whether a visitor is
moved from the one to the other, by the margin alone and with the known difference. A move is
reversed where the figures, counted alike, say the opposite: the biomass of NESO's figure at 0 as in
this package, or the generation of a zone raised by what its consumption is known to differ.

- Factor set: NESO's recorded half hours of London, beside each trace at the same hours of 2023.
- Scope: each trace of Europe as if it were the generation of its zone, beside each other trace as
  consumption, on the fifth day of each month of 2023.

The traces may not be passed on, so only the counts are printed.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from greenstream.domain.comparability import known_difference_gco2_kwh
from greenstream.domain.decision import Candidate, LatencySource
from greenstream.domain.factor_sets import ELECTRICITYMAPS, GREENSTREAM, NESO
from greenstream.domain.ladder import Rung, ZoneCarbon
from greenstream.domain.origin import Origin
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Basis, Kind, Scope, Signal
from greenstream.domain.routing import decide

POLICY: Final = Policy()
DIRECT: Final = Kind(Signal.AVERAGE, Basis.DIRECT)
ZONES: Final = {
    "BE": "ENTSOE_BE",
    "CH": "ENTSOE_CH",
    "CZ": "ENTSOE_CZ",
    "DE-LU": "ENTSOE_DE_LU",
    "ES": "ENTSOE_ES",
    "FI": "ENTSOE_FI",
    "FR": "ENTSOE_FR",
    "IE": "ENTSOE_IE",
    "IT": "ENTSOE_IT_NORTH",
    "NO": "ENTSOE_NO1",
    "SE": "ENTSOE_SE3",
}
BIOMASS_GCO2_KWH: Final = 120.0
"""What NESO counts for biomass and this package counts as 0 at the stack."""

Trace = Mapping[str, float]


class Case(NamedTuple):
    """A visitor on ``here``, another zone, and the figures as they are when counted alike."""

    here: ZoneCarbon
    there: ZoneCarbon
    alike: Callable[[ZoneCarbon], float]


def figure(zone: str, gco2_kwh: float, scope: Scope, factor_set: str) -> ZoneCarbon:
    """Return a live figure."""
    origin = Origin(
        kind=DIRECT,
        scope=scope,
        factor_set=factor_set,
        gco2_kwh=gco2_kwh,
        gco2_low=gco2_kwh,
        gco2_high=gco2_kwh,
    )
    return ZoneCarbon(
        zone, Rung.LIVE, origin, expected_gco2_kwh=gco2_kwh, age_s=0.0, penalty_gco2_kwh=0.0
    )


def moves(here: ZoneCarbon, there: ZoneCarbon, *, known: bool) -> bool:
    """Return whether the visitor is moved, with the known difference or by the margin alone."""
    if not known:
        there = there._replace(origin=here.origin)
    fleet = [
        Candidate("here", 10.0, LatencySource.REQUEST, here),
        Candidate("there", 10.0, LatencySource.REQUEST, there),
    ]
    return decide(fleet, POLICY, "here").chosen.candidate.pop == "there"


def count(name: str, cases: Iterator[Case]) -> None:
    """Print how many moves there are, and how many of them are reversed."""
    asked, tally = 0, {False: [0, 0], True: [0, 0]}
    for here, there, alike in cases:
        asked += 1
        reverse = alike(here) <= alike(there)
        for known, counts in tally.items():
            moved = moves(here, there, known=known)
            counts[0] += moved
            counts[1] += moved and reverse
    print(
        f"{name}: {asked} decisions; by the margin alone {tally[False][0]} moves,"
        f" {tally[False][1]} of them reversed; with the known difference {tally[True][0]} moves,"
        f" {tally[True][1]} of them reversed"
    )


def by_factor_set(shared: Path, traces: Mapping[str, Trace]) -> Iterator[Case]:
    """Yield London by NESO's factors beside each zone, both ways."""
    recorded = shared / "recordings/neso/regional_fw24h_regionid13_2026-05-05.json"
    for row in json.loads(recorded.read_bytes())["data"]["data"]:
        hour = f"2023{row['from'][4:13]}:00"
        shares = {entry["fuel"]: entry["perc"] / 100 for entry in row["generationmix"]}
        published = row["intensity"]["forecast"]
        harmonised = published - shares["biomass"] * BIOMASS_GCO2_KWH
        london = figure("GBR-13", published, Scope.CONSUMPTION, NESO)

        def alike(of: ZoneCarbon, harmonised: float = harmonised) -> float:
            return harmonised if of.zone == "GBR-13" else of.expected_gco2_kwh or 0.0

        for name, trace in traces.items():
            other = figure(ZONES[name], trace[hour], Scope.CONSUMPTION, GREENSTREAM)
            yield Case(london, other, alike)
            yield Case(other, london, alike)


def by_scope(traces: Mapping[str, Trace]) -> Iterator[Case]:
    """Yield each zone's generation beside each other zone's consumption, both ways."""
    for first, generation in traces.items():
        for second, consumption in traces.items():
            if first == second:
                continue
            for hour, gco2_kwh in generation.items():
                if hour[8:10] != "05":
                    continue
                here = figure(ZONES[first], gco2_kwh, Scope.PRODUCTION, ELECTRICITYMAPS)
                there = figure(ZONES[second], consumption[hour], Scope.CONSUMPTION, ELECTRICITYMAPS)
                known_gco2_kwh = known_difference_gco2_kwh(here, there)

                def alike(of: ZoneCarbon, raised_gco2_kwh: float = known_gco2_kwh) -> float:
                    added = raised_gco2_kwh if of.origin.scope is Scope.PRODUCTION else 0.0
                    return (of.expected_gco2_kwh or 0.0) + added

                yield Case(here, there, alike)
                yield Case(there, here, alike)


def read(path: Path) -> Trace:
    """Return the direct intensity of a year, by hour."""
    with path.open() as lines:
        return {
            row["datetime_utc"][:16].replace(" ", "T"): float(row["direct_gco2_kwh"])
            for row in csv.DictReader(lines)
            if row["direct_gco2_kwh"]
        }


def main(shared: Path) -> None:
    """Print the counts."""
    traces = {name: read(shared / f"datasets/carbon/{name}_2023.csv") for name in ZONES}
    common = set.intersection(*(set(trace) for trace in traces.values()))
    traces = {
        name: {hour: trace[hour] for hour in trace if hour in common}
        for name, trace in traces.items()
    }
    count("factor set", by_factor_set(shared, traces))
    count("scope", by_scope(traces))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
