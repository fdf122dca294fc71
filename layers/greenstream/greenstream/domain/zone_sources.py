"""What readers want to know of a zone's figures: where they come from, and how the hours vary.

It is read from ``data/zones.json`` when it is first asked for. No decision needs it.
"""

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from greenstream.domain.reading import Basis, Scope
from greenstream.domain.tables import load


class HourlySpread(NamedTuple):
    """How far the hours of a year lie from each other, in g/kWh.

    One hour in twenty was below ``p05_gco2_kwh``, and one above ``p95_gco2_kwh``.
    """

    basis: Basis
    scope: Scope
    mean_gco2_kwh: float
    std_gco2_kwh: float
    p05_gco2_kwh: float
    p95_gco2_kwh: float
    year: int
    source: str


class ZoneSources(NamedTuple):
    """Where the facts of a zone come from.

    ``annual_means`` has the source of each yearly mean, in the order of the zone's means.
    ``hourly_spread`` is ``None`` where the hours were not at hand.
    """

    source: str
    annual_means: tuple[str, ...]
    hourly_spread: HourlySpread | None


@cache
def zone_sources() -> Mapping[str, ZoneSources]:
    """Return the sources of every zone by its name."""
    return {
        row["zone"]: ZoneSources(
            source=row["source"],
            annual_means=tuple(mean["source"] for mean in row["annual_means"]),
            hourly_spread=HourlySpread(
                basis=Basis(spread["basis"]),
                scope=Scope(spread["scope"]),
                mean_gco2_kwh=spread["mean_gco2_kwh"],
                std_gco2_kwh=spread["std_gco2_kwh"],
                p05_gco2_kwh=spread["p05_gco2_kwh"],
                p95_gco2_kwh=spread["p95_gco2_kwh"],
                year=spread["year"],
                source=spread["source"],
            )
            if (spread := row.get("hourly_spread"))
            else None,
        )
        for row in load("zones.json")["zones"]
    }
