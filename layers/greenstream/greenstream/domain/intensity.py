"""Fuel mix (MW by fuel) to carbon intensity (g/kWh), with what is unknown said.

A fuel without a factor lowers coverage and widens the bounds; it never gets a silent factor.
Factor tables are data (``data/factors.json``), versioned, a source in every row.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from greenstream.domain.errors import InvalidError
from greenstream.domain.reading import Basis
from greenstream.domain.tables import load

UNLISTED_LOW_GCO2_KWH: Final = 0.0
UNLISTED_HIGH_GCO2_KWH: Final = 1200.0
"""Bounds of a fuel that the table does not name: from wind to lignite (IPCC AR5 WG3 Annex III
gives coal up to 910; lignite stations reach about 1,200)."""


@dataclass(frozen=True, slots=True)
class Factor:
    """Emission factor of a fuel, g/kWh; ``gco2_kwh`` is ``None`` where only bounds are known.

    A factor may have both, apart: imports whose mean over a year is published, while what they
    are in one hour is not.
    """

    gco2_kwh: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class FactorTable:
    """Factors by fuel name, as the provider spells it, for one grid on one basis."""

    table: str
    basis: Basis
    version: str
    factors: Mapping[str, Factor]


@dataclass(frozen=True, slots=True)
class Intensity:
    """Intensity of a mix, g/kWh, its bounds, and the share of generation with a known factor."""

    gco2_kwh: float
    gco2_low: float
    gco2_high: float
    coverage: float
    generation_mw: float
    unlisted: tuple[str, ...]


@cache
def factor_tables() -> Mapping[tuple[str, Basis], FactorTable]:
    """Return the shipped tables by name and basis."""
    data = load("factors.json")
    return {
        (row["table"], Basis(row["basis"])): FactorTable(
            table=row["table"],
            basis=Basis(row["basis"]),
            version=data["version"],
            factors={fuel: _factor(entry) for fuel, entry in row["fuels"].items()},
        )
        for row in data["tables"]
    }


def mix_intensity(
    generation_mw: Mapping[str, float], table: FactorTable, *, provider: str, zone: str
) -> Intensity:
    """Return the intensity of a fuel mix.

    The value is the mean over generation with a known factor, held within the bounds that the
    unknown rest allows. A factor with a value and bounds apart (a yearly mean) counts as known,
    for the value and for coverage; its doubt is in the bounds alone. Power below zero is not
    generation (station use at night, pumping, charging, export) and is left out.

    Parameters
    ----------
    generation_mw
        MW by fuel name; every fuel present must be a number (absent is absent, not zero).

    Raises
    ------
    InvalidError
        ``not_a_number`` for a missing or infinite MW, ``no_generation`` when nothing runs.
    """
    known_mw = total_mw = known_gco2 = low_gco2 = high_gco2 = 0.0
    lowest, highest = math.inf, 0.0
    unlisted: list[str] = []
    for fuel, mw in generation_mw.items():
        if not math.isfinite(mw):
            raise InvalidError(
                f"{fuel} is {mw} MW", reason="not_a_number", provider=provider, zone=zone
            )
        if mw <= 0:
            continue
        factor = table.factors.get(fuel)
        if factor is None:
            unlisted.append(fuel)
            factor = Factor(None, UNLISTED_LOW_GCO2_KWH, UNLISTED_HIGH_GCO2_KWH)
        total_mw += mw
        lowest, highest = min(lowest, factor.low), max(highest, factor.high)
        low_gco2 += mw * factor.low
        high_gco2 += mw * factor.high
        if factor.gco2_kwh is not None:
            known_mw += mw
            known_gco2 += mw * factor.gco2_kwh
    if total_mw <= 0:
        raise InvalidError(
            "no generation in the mix", reason="no_generation", provider=provider, zone=zone
        )
    # Rounding may carry a mean beyond what it is a mean of (1200 * 0.857 / 0.857 > 1200).
    low = min(max(low_gco2 / total_mw, lowest), highest)
    high = min(max(high_gco2 / total_mw, lowest), highest)
    known_mean = known_gco2 / known_mw if known_mw else (low + high) / 2
    return Intensity(
        gco2_kwh=min(max(known_mean, low), high),
        gco2_low=low,
        gco2_high=high,
        coverage=known_mw / total_mw,
        generation_mw=total_mw,
        unlisted=tuple(unlisted),
    )


def _factor(entry: Mapping[str, Any]) -> Factor:
    value = entry["gco2_kwh"]
    return Factor(
        None if value is None else float(value),
        float(entry.get("low", value)),
        float(entry.get("high", value)),
    )
