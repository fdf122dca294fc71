"""The true values of an interval, computed by the simulated upstreams' own functions."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import pytest

from greenstream.domain.intensity import Factor, factor_tables, mix_intensity
from greenstream.domain.reading import (
    Basis,
    Forecast,
    ForecastPoint,
    Quality,
    Reading,
    gco2_kwh_from_lb_mwh,
)
from infra.local.upstream import (
    aemo,
    aeso,
    caiso,
    eia,
    electricitymaps,
    elexon,
    energycharts,
    entsoe,
    ercot,
    hydroquebec,
    ieso,
    isone,
    kpx,
    miso,
    neso,
    nyiso,
    ons,
    pjm,
    taipower,
    watttime,
)

NATION = 18
TENTH = 0.1
"""Tolerance in gCO2/kWh of a figure whose import factor is stored with one decimal."""

ROUNDED = 1e-3
"""Tolerance in gCO2/kWh, since figures are stored with three decimals."""


def eso(reading: Reading, upstream_now: datetime) -> bool:
    """Return whether the figure follows from the shares, and NESO's own figure stays beside it."""
    start, region = reading.valid_from, NATION
    published: float | None = neso.actual_gco2_kwh(start, upstream_now)
    if reading.provider_zone != "national":
        region = int(reading.provider_zone)
        published = neso.forecast_gco2_kwh(start, region)
    if reading.basis is Basis.LIFECYCLE:
        published = None
    import_gco2_kwh = reading.detail["import_gco2_kwh"]
    assert isinstance(import_gco2_kwh, float)
    table = factor_tables()["NESO", reading.basis]
    imports = Factor(import_gco2_kwh, import_gco2_kwh, import_gco2_kwh)
    ours = mix_intensity(
        neso.mix(start, region),
        replace(table, factors={**table.factors, "imports": imports}),
        provider="eso",
        zone=reading.zone,
    )
    return reading.as_published_gco2_kwh == published and reading.gco2_kwh == pytest.approx(
        ours.gco2_kwh, abs=TENTH
    )


def watttimes(reading: Reading, _: datetime) -> bool:
    start = reading.valid_from
    if reading.quality is Quality.FORECAST:
        assert reading.published_at is not None
        lb_mwh = watttime.forecast_lb_mwh(start, reading.published_at)
    else:
        lb_mwh = watttime.moer_lb_mwh(start)
    return reading.gco2_kwh == pytest.approx(gco2_kwh_from_lb_mwh(lb_mwh), abs=ROUNDED)


def electricity_maps(reading: Reading, _: datetime) -> bool:
    true_gco2_kwh = electricitymaps.gco2_kwh(
        reading.provider_zone, reading.valid_from, str(reading.basis)
    )
    return reading.gco2_kwh == true_gco2_kwh


BY_END: Mapping[str, Callable[[str, datetime], Mapping[str, float]]] = {
    "ons": ons.generation_mw,
    "aemo": aemo.generation_mw,
    "ieso": ieso.generation_mw,
    "aeso": aeso.generation_mw,
    "hydroquebec": hydroquebec.generation_mw,
    "taipower": taipower.generation_mw,
    "kpx": kpx.generation_mw,
}
"""The simulators of national feeds, which give the power of an interval by its end."""


def without(mw: Mapping[str, float], *fuels: str) -> dict[str, float]:
    return {fuel: made for fuel, made in mw.items() if fuel not in fuels}


def a_mix(reading: Reading, _now: datetime) -> bool:
    """Return whether a reading's MW are the simulator's for its interval, with the same fuels."""
    zone, start = reading.provider_zone, reading.valid_from
    true_mw: Mapping[str, float]
    if zone == "NYISO":
        true_mw = nyiso.generation_mw(reading.valid_to)  # its stamps end a period
    elif zone == "CAISO":
        true_mw = caiso.generation_mw(start)
    elif zone == "GB":
        true_mw = elexon.generation_mw(start)
    elif reading.provider in BY_END:
        true_mw = BY_END[reading.provider](zone, reading.valid_to)
    elif zone == "MISO":
        true_mw = without(miso.generation_mw(start), "Imports")
    elif zone == "ISONE":
        true_mw = isone.generation_mw(start)
    elif zone == "Ercot":
        parts = ("Power Storage Charging", "Power Storage Discharging")
        true_mw = without(ercot.generation_mw(reading.valid_to), *parts)
    elif zone == "PJM":
        true_mw = pjm.generation_mw(start)
    elif reading.provider == "energycharts":
        true_mw, _ = energycharts.generation_mw(zone, start)
    else:
        true_mw, _ = entsoe.generation_mw(zone, start)
    stored_mw = reading.detail["fuel_mw"]
    assert isinstance(stored_mw, Mapping)
    return {str(fuel).lower(): mw for fuel, mw in stored_mw.items()} == pytest.approx(
        {fuel.lower(): mw for fuel, mw in true_mw.items()}, rel=1e-3
    )


def eia_hour(reading: Reading, _: datetime) -> bool:
    true_gco2_kwh = eia.consumed_gco2_kwh(reading.provider_zone, reading.valid_to)
    return reading.gco2_kwh == pytest.approx(true_gco2_kwh, abs=1e-3)


TRUE: Mapping[str, Callable[[Reading, datetime], bool]] = {
    "eso": eso,
    "watttime": watttimes,
    "electricitymaps": electricity_maps,
    "elexon": a_mix,
    "energycharts": a_mix,
    **dict.fromkeys(BY_END, a_mix),
    "eia": eia_hour,
    "entsoe": a_mix,
    "gridstatus": a_mix,
}


def is_true(reading: Reading, upstream_now: datetime) -> bool:
    """Return whether the provider, by its own clock, gives this value for exactly this interval."""
    return TRUE[reading.provider](reading, upstream_now)


def is_foretold(forecast: Forecast, point: ForecastPoint) -> bool:
    """Return whether the provider gives this value in its forecast."""
    if forecast.provider == "watttime":
        lb_mwh = watttime.forecast_lb_mwh(point.valid_from, forecast.issued_at)
        return point.gco2_kwh == pytest.approx(gco2_kwh_from_lb_mwh(lb_mwh), abs=ROUNDED)
    region = NATION if forecast.provider_zone == "national" else int(forecast.provider_zone)
    possible = mix_intensity(
        neso.mix(point.valid_from, region),
        factor_tables()["NESO", forecast.basis],
        provider="eso",
        zone=forecast.zone,
    )
    return possible.gco2_low - ROUNDED <= point.gco2_kwh <= possible.gco2_high + ROUNDED
