"""The shipped tables give sources, use the names of the feeds, and mark unknown values."""

from zoneinfo import ZoneInfo

import pytest

from greenstream.domain.intensity import factor_tables
from greenstream.domain.places import Pop, pops
from greenstream.domain.reading import MAX_GCO2_KWH, Basis
from greenstream.domain.tables import load
from greenstream.domain.zone_sources import zone_sources
from greenstream.domain.zones import Zone, zones

# Fuel names as gridstatus 0.37.0 returns them.
FUELS = {
    "NYISO": {
        "Dual Fuel",
        "Hydro",
        "Natural Gas",
        "Nuclear",
        "Other Fossil Fuels",
        "Other Renewables",
        "Wind",
    },
    "CAISO": {
        "Batteries",
        "Biogas",
        "Biomass",
        "Coal",
        "Geothermal",
        "Imports",
        "Large Hydro",
        "Natural Gas",
        "Nuclear",
        "Other",
        "Small Hydro",
        "Solar",
        "Wind",
    },
    "PJM": {
        "Coal",
        "Gas",
        "Hydro",
        "Multiple Fuels",
        "Nuclear",
        "Oil",
        "Other",
        "Other Renewables",
        "Solar",
        "Storage",
        "Wind",
    },
    "MISO": {
        "Battery Storage",
        "Coal",
        "Natural Gas",
        "Nuclear",
        "Other",
        "Solar",
        "Wind",
    },
    "ISONE": {
        "Batteries",
        "Coal",
        "Hydro",
        "Landfill Gas",
        "Natural Gas",
        "Nuclear",
        "Oil",
        "Other",
        "Refuse",
        "Solar",
        "Wind",
        "Wood",
    },
    "Ercot": {
        "Coal and Lignite",
        "Hydro",
        "Natural Gas",
        "Nuclear",
        "Other",
        "Power Storage",
        "Solar",
        "Wind",
    },
    "SPP": {
        "Coal",
        "Diesel Fuel Oil",
        "Energy Storage",
        "Hydro",
        "Natural Gas",
        "Nuclear",
        "Other",
        "Solar",
        "Waste Disposal Services",
        "Waste Heat",
        "Wind",
    },
}
STORAGE = {"Batteries", "Battery Storage", "Energy Storage", "Power Storage", "Storage"}
UNKNOWABLE = {"Other", "Other Renewables", "Multiple Fuels", "Refuse", *STORAGE}


@pytest.mark.parametrize("basis", list(Basis))
@pytest.mark.parametrize("table", FUELS)
def test_a_factor_table_names_every_fuel_of_its_feed_and_no_other(table: str, basis: Basis) -> None:
    assert set(factor_tables()[table, basis].factors) == FUELS[table]


@pytest.mark.parametrize("table", FUELS)
def test_a_mixed_fuel_and_storage_have_bounds_and_no_factor(table: str) -> None:
    for basis in Basis:
        for fuel in UNKNOWABLE & FUELS[table]:
            factor = factor_tables()[table, basis].factors[fuel]
            assert factor.gco2_kwh is None
            assert 0 <= factor.low_gco2_kwh < factor.high_gco2_kwh <= MAX_GCO2_KWH


ROUND_TRIP = {**dict.fromkeys(STORAGE, 0.85), "B25": 0.85, "B10": 0.75}
BATTERY_GCO2_KWH = {**dict.fromkeys(STORAGE, 33), "B25": 33, "B10": 0}
CHARGED_CLEAN = {Basis.DIRECT: 0, Basis.LIFECYCLE: 11}
OTHER = ("Other", "B20")


@pytest.mark.parametrize("basis", list(Basis))
@pytest.mark.parametrize("table", sorted({name for name, _ in factor_tables()}))
def test_what_is_unknown_is_bounded_by_the_dirtiest_fuel_of_its_own_grid(
    table: str, basis: Basis
) -> None:
    factors = {
        **(factor_tables()["ENTSOE", basis].factors if table.startswith("ENTSOE") else {}),
        **factor_tables()[table, basis].factors,
    }
    dirtiest = max(factor.gco2_kwh for factor in factors.values() if factor.gco2_kwh is not None)
    for fuel in factors.keys() & ROUND_TRIP.keys():
        plant = BATTERY_GCO2_KWH[fuel] if basis is Basis.LIFECYCLE else 0
        most = min(dirtiest / ROUND_TRIP[fuel] + plant, MAX_GCO2_KWH)
        assert factors[fuel].high_gco2_kwh >= most - 1e-9, fuel
        assert factors[fuel].low_gco2_kwh <= CHARGED_CLEAN[basis] / ROUND_TRIP[fuel] + plant, fuel
        assert factors[fuel].low_gco2_kwh >= CHARGED_CLEAN[basis], fuel
    for fuel in factors.keys() & set(OTHER):
        assert factors[fuel].high_gco2_kwh >= dirtiest, fuel


def test_californias_imports_have_a_mean_of_the_year_and_the_bounds_of_an_hour() -> None:
    direct = factor_tables()["CAISO", Basis.DIRECT].factors["Imports"]
    lifecycle = factor_tables()["CAISO", Basis.LIFECYCLE].factors["Imports"]

    # The imports were 5,899 GWh from coal, 8,176 GWh from gas, 4,051 GWh from unspecified sources
    # and 2,351 GWh from geothermal steam. The other imports have a direct factor of 0.
    mean = (5899 * 1011.5 + 8176 * 396.2 + 4051 * 428 + 2351 * 38.9) / 62_135
    assert direct.gco2_kwh == pytest.approx(mean, abs=0.05)
    assert (direct.low_gco2_kwh, direct.high_gco2_kwh) == (0, 428)
    assert (lifecycle.low_gco2_kwh, lifecycle.high_gco2_kwh) == (11, 548)


@pytest.mark.parametrize("table", FUELS)
def test_a_lifecycle_factor_is_never_below_the_direct_factor(table: str) -> None:
    direct = factor_tables()[table, Basis.DIRECT].factors
    lifecycle = factor_tables()[table, Basis.LIFECYCLE].factors
    for fuel, stack in direct.items():
        whole = lifecycle[fuel]
        assert whole.high_gco2_kwh > stack.high_gco2_kwh, fuel
        if stack.gco2_kwh is not None and whole.gco2_kwh is not None:
            assert whole.gco2_kwh > stack.gco2_kwh, fuel


def test_every_factor_says_where_it_comes_from() -> None:
    for table in load("factors.json")["tables"]:
        assert table["meta"]
        for fuel, row in table["fuels"].items():
            assert row["source"], (table["table"], table["basis"], fuel)


@pytest.mark.parametrize("zone", zones().values(), ids=lambda zone: zone.zone)
def test_a_zone_has_a_sourced_yearly_mean_on_both_bases(zone: Zone) -> None:
    assert {mean.basis for mean in zone.annual_means} == set(Basis)
    for mean, source in zip(zone.annual_means, zone_sources()[zone.zone].annual_means, strict=True):
        assert 0 <= mean.gco2_kwh < MAX_GCO2_KWH
        assert "http" in source or source.startswith("Computed")
    direct, lifecycle = sorted(zone.annual_means, key=lambda mean: mean.basis)
    assert direct.gco2_kwh < lifecycle.gco2_kwh
    assert (direct.year, direct.scope) == (lifecycle.year, lifecycle.scope) or zone.country == "GB"


MIX_TWH_2023 = {
    # The columns are coal, gas, oil, biofuel, other renewables, hydro, nuclear, solar and wind.
    # The source is Our World in Data.
    "ENTSOE_DE_LU": (135.35, 76.0, 20.13, 46.02, 0.21, 19.48, 8.75, 61.56, 137.29),
    "ENTSOE_NL": (8.45, 46.1, 5.17, 8.25, 0.0, 0.06, 4.0, 21.15, 28.97),
    "ENTSOE_LT": (0.0, 0.63, 0.68, 0.61, 0.0, 0.46, 0.0, 0.65, 2.53),
    "ENTSOE_FI": (1.58, 0.53, 2.35, 11.07, 0.0, 15.11, 33.92, 0.65, 14.63),
    "ENTSOE_EE": (0.0, 0.05, 3.56, 1.33, 0.0, 0.02, 0.0, 0.77, 0.75),
}


@pytest.mark.parametrize("zone", MIX_TWH_2023)
@pytest.mark.parametrize("basis", list(Basis))
def test_a_yearly_mean_is_the_years_mix_times_the_factors_of_a_live_reading(
    zone: str, basis: Basis
) -> None:
    """Yearly means and live readings use the same factors.

    Otherwise a zone could look cleaner because its data are out of date.
    """
    factors = {
        **factor_tables()["ENTSOE", basis].factors,
        **factor_tables().get((zone, basis), factor_tables()["ENTSOE", basis]).factors,
    }
    oil = "B07" if zone == "ENTSOE_EE" else "B06"  # Estonia's "oil" is oil shale.
    fuels = ("B02", "B04", oil, "B01", "B09", "B12", "B14", "B16", "B19")
    mix = MIX_TWH_2023[zone]
    grams = sum(twh * (factors[fuel].gco2_kwh or 0) for fuel, twh in zip(fuels, mix, strict=True))

    [mean] = [mean for mean in zones()[zone].annual_means if mean.basis is basis]
    assert mean.gco2_kwh == pytest.approx(grams / sum(mix), abs=0.06)


@pytest.mark.parametrize("zone", zones().values(), ids=lambda zone: zone.zone)
def test_a_zone_has_a_real_time_zone_and_its_feeds_are_live_longer_than_their_cadence(
    zone: Zone,
) -> None:
    assert ZoneInfo(zone.time_zone).key == zone.time_zone
    for source in zone.sources:
        assert source.max_age_s >= 2 * source.cadence_s


@pytest.mark.parametrize("pop", pops().values(), ids=lambda pop: pop.pop)
def test_a_pop_draws_from_known_zones_and_gives_the_reason_for_a_proxy(pop: Pop) -> None:
    assert pop.zones
    assert pop.source
    for entry in pop.zones:
        assert entry.zone in zones()
        assert bool(entry.proxy_reason) is entry.proxy
