"""Mixes as NESO publishes them: a list of all nine fuels, in its order, in per cent."""

from typing import Any, Final

FUELS: Final = (
    "biomass",
    "coal",
    "imports",
    "gas",
    "nuclear",
    "other",
    "hydro",
    "solar",
    "wind",
)


def whole_mix(**percent: float) -> list[dict[str, Any]]:
    """Return a mix with these shares; the fuels that are not named have 0."""
    return [{"fuel": fuel, "perc": percent.get(fuel, 0)} for fuel in FUELS]


def mix_of(gco2_kwh: float) -> list[dict[str, Any]]:
    """Return a mix of gas, which NESO and this package count with 394 g/kWh, and wind."""
    gas = round(gco2_kwh / 3.94, 1)
    return whole_mix(gas=gas, wind=round(100 - gas, 1))
