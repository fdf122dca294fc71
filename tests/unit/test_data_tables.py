"""The shipped tables keep their promises: sources, true names, honest unknowns."""

from zoneinfo import ZoneInfo

import pytest

from greenstream.intensity import factor_tables
from greenstream.reading import MAX_GCO2_KWH, Basis
from greenstream.zones import Pop, Zone, load, pops, zones

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
}
UNKNOWABLE = {"Other", "Other Renewables", "Multiple Fuels", "Batteries", "Storage"}


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
            assert 0 <= factor.low < factor.high <= MAX_GCO2_KWH


@pytest.mark.parametrize("table", FUELS)
def test_a_whole_life_never_emits_less_than_the_stack(table: str) -> None:
    direct = factor_tables()[table, Basis.DIRECT].factors
    lifecycle = factor_tables()[table, Basis.LIFECYCLE].factors
    for fuel, stack in direct.items():
        whole = lifecycle[fuel]
        assert whole.high > stack.high, fuel
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
    for mean in zone.annual_means:
        assert 0 < mean.gco2_kwh < MAX_GCO2_KWH
        assert "http" in mean.source or mean.source.startswith("Computed")
    direct, lifecycle = sorted(zone.annual_means, key=lambda mean: mean.basis)
    assert direct.gco2_kwh < lifecycle.gco2_kwh


@pytest.mark.parametrize("zone", zones().values(), ids=lambda zone: zone.zone)
def test_a_zone_lives_in_a_real_time_zone_and_its_feeds_outlive_their_cadence(zone: Zone) -> None:
    assert ZoneInfo(zone.time_zone).key == zone.time_zone
    for source in zone.sources:
        assert source.max_age_s >= 2 * source.cadence_s


@pytest.mark.parametrize("pop", pops().values(), ids=lambda pop: pop.pop)
def test_a_pop_draws_from_known_zones_and_owns_up_to_a_proxy(pop: Pop) -> None:
    assert pop.zones
    assert pop.source
    for entry in pop.zones:
        assert entry.zone in zones()
        assert bool(entry.proxy_reason) is entry.proxy
