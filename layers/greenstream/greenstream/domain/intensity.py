"""Carbon intensity (g/kWh) of a fuel mix (MW by fuel), with bounds for what is not known of it.

A fuel without a factor lowers the coverage and widens the bounds; no factor is assumed for it.
The factors are data (``data/factors.json``) with a version, and each row names its source.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from greenstream.domain.errors import InvalidError
from greenstream.domain.reading import Basis
from greenstream.domain.tables import load


@dataclass(frozen=True, slots=True)
class Storage:
    """What a kWh loses in storage, and what making the storage adds to it.

    ``round_trip`` is the share of what it takes that it gives back, above 0 and at most 1.
    ``making_gco2_kwh`` is 0 for the basis direct.
    """

    round_trip: float
    making_gco2_kwh: float = 0.0


@dataclass(frozen=True, slots=True)
class Factor:
    """Emission factor of a fuel and its bounds, g/kWh.

    ``gco2_kwh`` is ``None`` where only the bounds are known. A factor may also have a value and
    bounds that differ from it: of imports the mean over a year is published, while the mean of
    one hour is not. ``neighbour`` is the zone behind a link to another grid. ``storage`` is what
    is known of a fuel that gives back what it took (see `greenstream.domain.storage`).
    """

    gco2_kwh: float | None
    low_gco2_kwh: float
    high_gco2_kwh: float
    neighbour: str | None = None
    storage: Storage | None = None


@dataclass(frozen=True, slots=True)
class FactorTable:
    """Factors of one grid (or of one publisher) on one basis, by fuel as the provider spells it.

    ``unlisted`` has the bounds of a fuel that the table does not name.
    """

    table: str
    basis: Basis
    version: str
    factors: Mapping[str, Factor]
    unlisted: Factor


@dataclass(frozen=True, slots=True)
class Intensity:
    """Intensity of a mix and its bounds, g/kWh.

    ``coverage`` is the share of the generation, from 0 to 1, that has a known factor;
    ``unlisted`` names the fuels that run and are not in the table.
    """

    gco2_kwh: float
    gco2_low: float
    gco2_high: float
    coverage: float
    generation_mw: float
    unlisted: tuple[str, ...]


@cache
def factor_tables() -> Mapping[tuple[str, Basis], FactorTable]:
    """Return our tables, with which intensities are computed, by name and basis."""
    return _tables("tables")


def table_over(common: str, own: str, basis: Basis) -> FactorTable:
    """Return a common table with the factors of an own one, if there is one, over its own."""
    below, above = factor_tables()[common, basis], factor_tables().get((own, basis))
    if above is None:
        return below
    return replace(above, factors={**below.factors, **above.factors})


@cache
def publisher_tables() -> Mapping[tuple[str, Basis], FactorTable]:
    """Return the tables that publishers of intensities use themselves, by name and basis.

    A publisher's figures are checked against its own factors; nothing is computed with them.
    """
    return _tables("publisher_tables")


@cache
def yearly_imports_gwh(table: str) -> Mapping[str, float]:
    """Return what a grid imported in a year, in GWh by the links that a table names."""
    return next(
        (row["gwh"] for row in load("factors.json")["yearly_imports"] if row["table"] == table), {}
    )


def mix_intensity(
    generation_mw: Mapping[str, float], table: FactorTable, *, provider: str, zone: str
) -> Intensity:
    """Return the intensity of a fuel mix.

    The value is the mean over the generation that has a known factor, held within the bounds
    that the unknown rest allows. A factor with a value and wider bounds (a yearly mean) counts as
    known for the value and for the coverage; its uncertainty is in the bounds alone. Power below
    zero is no generation (station use at night, pumping, charging, export) and is left out.

    Parameters
    ----------
    generation_mw
        MW by fuel name. A fuel that was not reported is left out of the mapping; it is not 0.
    provider, zone
        Named by the error.

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
            factor = table.unlisted
        total_mw += mw
        lowest, highest = min(lowest, factor.low_gco2_kwh), max(highest, factor.high_gco2_kwh)
        low_gco2 += mw * factor.low_gco2_kwh
        high_gco2 += mw * factor.high_gco2_kwh
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


def _tables(member: str) -> Mapping[tuple[str, Basis], FactorTable]:
    data = load("factors.json")
    unlisted = _factor({"gco2_kwh": None, **data["unlisted"]})
    return {
        (row["table"], Basis(row["basis"])): FactorTable(
            table=row["table"],
            basis=Basis(row["basis"]),
            version=data["version"],
            factors={fuel: _factor(entry) for fuel, entry in row["fuels"].items()},
            unlisted=unlisted,
        )
        for row in data[member]
    }


def _factor(entry: Mapping[str, Any]) -> Factor:
    value = entry["gco2_kwh"]
    round_trip = entry.get("round_trip")
    return Factor(
        None if value is None else float(value),
        float(entry.get("low_gco2_kwh", value)),
        float(entry.get("high_gco2_kwh", value)),
        entry.get("neighbour"),
        None if round_trip is None else Storage(round_trip, entry.get("making_gco2_kwh", 0.0)),
    )
