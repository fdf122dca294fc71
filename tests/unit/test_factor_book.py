"""One factor book: derived rows follow from their inputs, and one rule holds in all tables."""

import copy
from typing import Any

import pytest

from infra.factor_book.book import Derived, content, derived, factors, yearly_means

BIOMASS = ("Biomass", "B01", "BIOMASS", "Wood")
REFUSE = ("Refuse", "B17")
GEOTHERMAL = ("Geothermal", "B09")


def rows(fuels: tuple[str, ...], basis: str) -> list[dict[str, Any]]:
    return [
        table["fuels"][fuel]
        for table in content("factors.json")["tables"]
        if table["basis"] == basis
        for fuel in fuels
        if fuel in table["fuels"]
    ]


def test_each_derived_figure_follows_from_its_inputs() -> None:
    checked = list(derived())
    assert len(checked) > 1000
    assert [row for row in checked if row.differs] == []


@pytest.mark.parametrize(
    ("fuel", "row"),
    [
        ("B04", "ENTSOE lifecycle B04"),
        ("B05", "ENTSOE lifecycle B05"),
    ],
)
def test_a_changed_direct_factor_is_missed_in_its_lifecycle_row_and_in_the_means(
    fuel: str, row: str
) -> None:
    data = copy.deepcopy(content("factors.json"))
    for table in data["tables"]:
        if (table["table"], table["basis"]) == ("ENTSOE", "direct"):
            table["fuels"][fuel]["gco2_kwh"] += 5

    different = [entry.row for entry in factors(data) if entry.differs]
    of_means = [entry.row for entry in yearly_means(content("zones.json"), data) if entry.differs]

    assert different == [row]
    assert "ENTSOE_RS direct" in of_means


def test_californias_mean_follows_from_its_generation_and_imports() -> None:
    data = copy.deepcopy(content("factors.json"))
    for table in data["tables"]:
        if (table["table"], table["basis"]) == ("CAISO", "direct"):
            table["fuels"]["Imports"]["gco2_kwh"] += 5
    means = yearly_means(content("zones.json"), data)
    assert {row.row for row in means if row.differs} == {
        "CAISO_NORTH direct",
        "CAISO_SANDIEGO direct",
    }


def test_taiwans_means_follow_from_its_bureaus_own_factors() -> None:
    """Coal 0.839, gas 0.395, oil 0.781 and refuse 1.34 kg/kWh in 2021, with 2023's generation."""
    data = copy.deepcopy(content("factors.json"))
    [direct] = [
        table["fuels"]
        for table in data["tables"]
        if (table["table"], table["basis"]) == ("TAIPOWER", "direct")
    ]
    grams_tw = 122.05 * 839 + 111.96 * 395 + 3.32 * 781
    stated = {
        row.figure: row.stated
        for row in yearly_means(content("zones.json"), data)
        if row.row == "TW direct"
    }

    assert stated["gco2_kwh"] == round(grams_tw / 281.47, 1)
    assert stated["with refuse"] == round((grams_tw + 2.03 * 1340) / 281.47, 1)

    direct["lng"]["gco2_kwh"] += 5
    means = yearly_means(content("zones.json"), data)
    assert [row.row for row in means if row.differs] == ["TW direct", "TW direct"]


def test_a_mean_that_rests_on_oil_says_what_it_is_with_engines() -> None:
    """At 10,334 Btu/kWh (EIA, table 8.2) and 73.96 kg/MMBtu (40 CFR 98, table C-1): 764.3 g/kWh."""
    data = content("factors.json")
    rows_of_engines = [
        row for row in yearly_means(content("zones.json"), data) if row.figure == "with engines"
    ]

    assert len(rows_of_engines) == 36
    assert [row for row in rows_of_engines if row.differs] == []
    low = {
        (f"{zone['zone']} {mean['basis']}"): mean.get("low_gco2_kwh")
        for zone in content("zones.json")["zones"]
        for mean in zone["annual_means"]
    }
    assert {row.row: row.stated for row in rows_of_engines} == {
        row.row: low[row.row] for row in rows_of_engines
    }
    assert next(row.stated for row in rows_of_engines if row.row == "DJ direct") == pytest.approx(
        10.334 * 73.96, abs=0.05
    )


def test_rounding_to_one_decimal_is_no_difference() -> None:
    assert not Derived("a row", "gco2_kwh", 303.1, 303.0603).differs
    assert Derived("a row", "gco2_kwh", 303.1, 303.2).differs


def test_biomass_counts_0_at_the_stack_and_230_over_its_life_in_every_table() -> None:
    assert {row["gco2_kwh"] for row in rows(BIOMASS, "direct")} == {0}
    assert {row["gco2_kwh"] for row in rows(BIOMASS, "lifecycle")} == {230}


@pytest.mark.parametrize("basis", ["direct", "lifecycle"])
def test_refuse_is_bounded_by_55_percent_of_its_carbon_in_every_table(basis: str) -> None:
    plant = 9.6 if basis == "lifecycle" else 0
    whole = 1707
    for row in rows(REFUSE, basis):
        assert row["gco2_kwh"] is None
        assert row["low_gco2_kwh"] == 0
        assert row["high_gco2_kwh"] == pytest.approx(0.55 * whole + plant, abs=0.06)


@pytest.mark.parametrize(("basis", "gco2_kwh"), [("direct", 38.9), ("lifecycle", 76.9)])
def test_the_co2_of_geothermal_steam_has_one_value(basis: str, gco2_kwh: float) -> None:
    assert {row["gco2_kwh"] for row in rows(GEOTHERMAL, basis)} == {gco2_kwh}


def test_a_fuel_that_may_be_oil_is_bounded_by_oil() -> None:
    for table in content("factors.json")["tables"]:
        if table["table"] == "NYISO":
            dual, oil = table["fuels"]["Dual Fuel"], table["fuels"]["Other Fossil Fuels"]
            assert dual["high_gco2_kwh"] == oil["gco2_kwh"]
            assert dual["low_gco2_kwh"] == dual["gco2_kwh"]
