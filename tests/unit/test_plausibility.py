"""These tests check the shipped plausibility rules, which the data of a feed must satisfy."""

import math
import subprocess
import sys

import pytest

from greenstream.domain.intensity import factor_tables
from greenstream.domain.plausibility import NO_RULES, rules_of_provider, rules_of_source
from greenstream.domain.reading import Basis
from greenstream.domain.tables import load
from greenstream.domain.zones import zones_of

ENTSOE = factor_tables()["ENTSOE", Basis.DIRECT].factors


class TestARuleOfAProvider:
    def test_bounds_what_one_fuel_may_make(self) -> None:
        assert rules_of_provider("entsoe").greatest_fuel_mw == 150_000
        assert rules_of_provider("gridstatus").greatest_fuel_mw == 250_000
        assert rules_of_provider("eso").greatest_fuel_mw == math.inf  # it has intensities, no MW

    def test_names_what_may_be_below_zero(self) -> None:
        assert rules_of_provider("entsoe").reversible == {"B10", "B25"}
        assert rules_of_provider("gridstatus").reversible == {
            "Batteries",
            "Battery Storage",
            "Energy Storage",
            "Hydro",
            "Imports",
            "Large Hydro",
            "Other",
            "Power Storage",
            "Storage",
        }

    def test_names_storage_sun_and_wind(self) -> None:
        rules = rules_of_provider("entsoe")

        assert rules.storage == {"B10", "B25"}
        assert rules.solar == {"B16"}
        assert rules.wind == {"B18", "B19"}

    def test_names_the_codes_that_are_no_generation(self) -> None:
        links = rules_of_provider("entsoe").not_generation

        assert links == {"B21", "B22", "B23", "B24"}
        assert not links & ENTSOE.keys()

    def test_has_the_least_figure_of_each_index_in_words(self) -> None:
        rules = rules_of_provider("eso")

        assert rules.least_gco2_kwh == {"low": 5, "moderate": 40, "high": 60, "very high": 80}
        assert rules.zero_is_false_above_gco2_kwh == 40

    def test_is_asked_for_by_a_provider_that_has_one(self) -> None:
        with pytest.raises(KeyError, match="nobody"):
            rules_of_provider("nobody")


class TestARuleOfASource:
    @pytest.mark.parametrize(
        ("provider", "zone", "needed"),
        [
            ("entsoe", "ENTSOE_NL", {"B04", "B05", "B20"}),
            ("entsoe", "ENTSOE_HR", set()),
            ("entsoe", "ENTSOE_RO", {"B02", "B04", "B14"}),
            ("gridstatus", "NYISO", {"Dual Fuel", "Natural Gas", "Nuclear", "Hydro", "Wind"}),
            ("gridstatus", "CAISO_NORTH", {"Imports", "Natural Gas", "Solar", "Large Hydro"}),
            ("gridstatus", "PJM", {"Coal", "Gas", "Nuclear", "Oil", "Wind"}),
        ],
    )
    def test_names_the_fuels_without_which_a_mix_is_no_mix(
        self, provider: str, zone: str, needed: set[str]
    ) -> None:
        assert rules_of_source(provider, zone).needed >= needed

    def test_names_fuels_as_the_factor_table_of_the_grid_does(self) -> None:
        for row in load("rules.json")["sources"]:
            provider, zone = row["provider"], row["zone"]
            if provider in {"eso", "watttime"}:  # these publish intensities and no fuels
                continue
            [source] = [source for listed, source in zones_of(provider) if listed.zone == zone]
            own = provider.upper()
            if provider == "energycharts":  # these are the types of ENTSO-E
                own = "ENTSOE"
            table = own if (own, Basis.DIRECT) in factor_tables() else source.provider_zone
            known = factor_tables()[table, Basis.DIRECT].factors.keys()
            rules = rules_of_source(provider, zone)
            named = rules.needed | rules.needed_by_day | rules.never_zero | rules.usual
            named |= {fuel for bound in rules.greatest_mw for fuel in bound.fuels}
            named |= {fuel for group in rules.needed_any for fuel in group}
            named |= {fuel for group in rules.never_zero_any for fuel in group}
            named |= {row.fuel for row in rules.unmetered}
            assert named <= known, zone

    def test_has_groups_of_which_one_fuel_is_sure(self) -> None:
        rules = rules_of_source("entsoe", "ENTSOE_HR")

        assert [set(group) for group in rules.needed_any] == [
            {"B11", "B12"},
            {"B01", "B04", "B05"},
        ]
        [never_all] = rules_of_source("entsoe", "ENTSOE_LV").never_zero_any
        assert never_all == {"B01", "B04", "B11", "B20"}

    def test_bounds_the_whole_and_each_fuel(self) -> None:
        rules = rules_of_source("entsoe", "ENTSOE_DE_LU")

        assert (rules.least_total_mw, rules.greatest_total_mw) == (20_000, 115_000)
        assert (frozenset({"B18", "B19"}), 121_070.0) in rules.greatest_mw
        assert rules.needed_by_day == {"B16"}
        assert rules.middle == (51.0, 10.0)

    def test_bounds_a_fuel_at_most_once_alone_and_once_among_others(self) -> None:
        for row in load("rules.json")["sources"]:
            bounds = rules_of_source(row["provider"], row["zone"]).greatest_mw
            for among_others in (False, True):
                fuels = [
                    fuel
                    for bound in bounds
                    if (len(bound.fuels) > 1) is among_others
                    for fuel in bound.fuels
                ]
                assert len(fuels) == len(set(fuels)), row["zone"]

    def test_says_where_other_holds_solar(self) -> None:
        zones = [zone.zone for zone, _ in zones_of("entsoe")]

        assert [zone for zone in zones if rules_of_source("entsoe", zone).solar_in_other] == [
            "ENTSOE_NL"
        ]

    def test_is_none_where_the_table_has_no_row(self) -> None:
        assert rules_of_source("entsoe", "NYISO") == NO_RULES
        assert NO_RULES.greatest_total_mw == math.inf


def test_the_router_does_not_load_the_rules() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import functions.router.app, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "greenstream.domain.zones" in done.stdout.split()
    assert "greenstream.domain.plausibility" not in done.stdout.split()
