"""A fuel mix becomes a figure in g/kWh; unknown fuels lower coverage and widen the bounds."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.errors import InvalidError
from greenstream.domain.intensity import (
    Factor,
    FactorTable,
    Intensity,
    factor_tables,
    mix_intensity,
    publisher_tables,
)
from greenstream.domain.reading import MAX_GCO2_KWH, Basis
from greenstream.domain.zones import zones

TABLE = FactorTable(
    table="T",
    basis=Basis.DIRECT,
    version="test",
    factors={
        "gas": Factor(400, 400, 400),
        "wind": Factor(0, 0, 0),
        "other": Factor(None, 0, 600),
        "imports": Factor(180, 0, 430),
    },
    unlisted=Factor(None, 0, 1200),
)


def mix(**generation_mw: float) -> Intensity:
    return mix_intensity(generation_mw, TABLE, provider="p", zone="Z")


def test_a_wholly_known_mix_is_its_weighted_mean() -> None:
    answer = mix(gas=300.0, wind=100.0)

    assert answer.gco2_kwh == answer.gco2_low == answer.gco2_high == 300
    assert (answer.coverage, answer.generation_mw, answer.unlisted) == (1, 400, ())


def test_an_unknown_fuel_lowers_coverage_and_bounds_the_value() -> None:
    answer = mix(gas=300.0, wind=100.0, other=100.0)

    assert answer.gco2_kwh == 300
    assert (answer.gco2_low, answer.gco2_high, answer.coverage) == (240, 360, 0.8)


def test_the_value_stays_within_what_the_unknown_rest_allows() -> None:
    """The known half emits 1000 g/kWh, and the unknown half can emit at most 100 g/kWh."""
    table = replace(TABLE, factors={"coal": Factor(1000, 1000, 1000), "o": Factor(None, 0, 100)})
    answer = mix_intensity({"coal": 100, "o": 100}, table, provider="p", zone="Z")

    assert answer.gco2_kwh == answer.gco2_high == 550


@pytest.mark.parametrize(
    ("generation_mw", "bound"),
    [
        pytest.param({"fusion": 0.857}, 1200, id="1200 * 0.857 / 0.857 is above 1200"),
        pytest.param({"gas": 637.4, "peat": 215.8}, 417.2, id="a mean of 417.2 is below 417.2"),
    ],
)
def test_a_bound_stays_within_the_factors_that_it_is_a_mean_of(
    generation_mw: dict[str, float], bound: float
) -> None:
    exact = Factor(417.2, 417.2, 417.2)
    table = replace(TABLE, factors={"gas": exact, "peat": exact})
    answer = mix_intensity(generation_mw, table, provider="p", zone="Z")

    assert answer.gco2_high == bound
    assert answer.gco2_low == (0 if "fusion" in generation_mw else bound)


def test_a_yearly_mean_counts_as_known_and_its_doubt_is_in_the_bounds() -> None:
    answer = mix(gas=100.0, wind=100.0, imports=200.0)

    assert answer.gco2_kwh == (100 * 400 + 200 * 180) / 400
    assert (answer.gco2_low, answer.gco2_high) == (100, 315)
    assert (answer.coverage, answer.unlisted) == (1, ())


def test_a_fuel_the_table_does_not_name_is_unknown_and_named() -> None:
    answer = mix(gas=100.0, fusion=100.0)

    assert answer.unlisted == ("fusion",)
    assert answer.coverage == 0.5
    assert answer.gco2_high == 800


def test_power_below_zero_is_not_generation() -> None:
    """Solar plants at night, pumping, charging and exports give values below zero."""
    assert mix(gas=100.0, wind=-40.0, other=0.0) == mix(gas=100.0)


def test_a_fuel_that_does_not_run_is_not_named_as_unlisted() -> None:
    assert mix(gas=100.0, fusion=0.0) == mix(gas=100.0)


@pytest.mark.parametrize("mw", [math.nan, math.inf, -math.inf])
def test_a_missing_fuel_is_refused_never_counted_as_zero(mw: float) -> None:
    with pytest.raises(InvalidError) as refused:
        mix(gas=100.0, wind=mw)
    assert refused.value.reason == "not_a_number"


@pytest.mark.parametrize("generation_mw", [{}, {"gas": 0.0}, {"gas": -5.0}])
def test_no_generation_is_refused(generation_mw: dict[str, float]) -> None:
    with pytest.raises(InvalidError) as refused:
        mix(**generation_mw)
    assert refused.value.reason == "no_generation"


@given(
    st.dictionaries(
        st.sampled_from(["gas", "wind", "other", "imports", "fusion"]),
        st.floats(0.001, 1e6),
        min_size=1,
    ),
    st.floats(0.001, 1000),
)
def test_bounds_hold_the_value_and_scale_does_not_matter(
    generation_mw: dict[str, float], scale: float
) -> None:
    answer = mix(**generation_mw)
    scaled = mix(**{fuel: mw * scale for fuel, mw in generation_mw.items()})

    assert 0 <= answer.gco2_low <= answer.gco2_kwh <= answer.gco2_high <= 1200
    assert 0 <= answer.coverage <= 1
    assert scaled.gco2_kwh == pytest.approx(answer.gco2_kwh)
    assert scaled.coverage == pytest.approx(answer.coverage)
    assert scaled.gco2_high - scaled.gco2_low == pytest.approx(
        answer.gco2_high - answer.gco2_low, abs=1e-6
    )


@given(
    st.dictionaries(st.sampled_from(["gas", "wind", "other"]), st.floats(0.001, 1e6), min_size=1),
    st.floats(0.001, 1e6),
)
def test_a_mean_and_its_exact_twin_make_the_same_value_but_for_bounds_that_bind(
    generation_mw: dict[str, float], imports_mw: float
) -> None:
    """A factor with wider bounds may only widen the bounds of the result.

    The value may differ only where the bounds of the exact factor limit it.
    """
    exact = replace(TABLE, factors={**TABLE.factors, "imports": Factor(180, 180, 180)})
    given_mw = generation_mw | {"imports": imports_mw}
    answer = mix(**given_mw)
    twin = mix_intensity(given_mw, exact, provider="p", zone="Z")

    assert answer.coverage == twin.coverage
    assert answer.gco2_low <= twin.gco2_low <= twin.gco2_high <= answer.gco2_high
    if "other" not in generation_mw:
        assert answer.gco2_kwh == pytest.approx(twin.gco2_kwh)


def test_every_shipped_factor_is_possible_and_each_grid_has_both_bases() -> None:
    tables = factor_tables()
    for (name, _), table in tables.items():
        assert {(name, Basis.DIRECT), (name, Basis.LIFECYCLE)} <= set(tables)
        for fuel, factor in table.factors.items():
            assert 0 <= factor.low_gco2_kwh <= factor.high_gco2_kwh <= MAX_GCO2_KWH, (name, fuel)
            if factor.gco2_kwh is not None:
                assert factor.low_gco2_kwh <= factor.gco2_kwh <= factor.high_gco2_kwh, (name, fuel)


def test_lifecycle_is_never_below_direct_for_the_same_fuel() -> None:
    for (name, basis), table in factor_tables().items():
        if basis is Basis.LIFECYCLE:
            direct = factor_tables()[(name, Basis.DIRECT)].factors
            for fuel, factor in table.factors.items():
                if factor.gco2_kwh is not None and direct[fuel].gco2_kwh is not None:
                    assert factor.gco2_kwh >= (direct[fuel].gco2_kwh or 0), (name, fuel)


def test_the_shipped_bounds_of_an_unlisted_fuel_reach_from_wind_to_lignite() -> None:
    for table in (*factor_tables().values(), *publisher_tables().values()):
        assert table.unlisted == Factor(None, 0, 1200)


def test_the_factors_of_a_publisher_are_separate_from_ours() -> None:
    [table] = publisher_tables().values()

    assert (table.table, table.basis) == ("neso", Basis.DIRECT)
    assert {fuel: factor.gco2_kwh for fuel, factor in table.factors.items()} == {
        "gas": 394,
        "coal": 937,
        "biomass": 120,
        "other": 300,
        "Belgian Imports": 179,
        "French Imports": 53,
        "Dutch Imports": 474,
        "Irish Imports": 458,
    }
    assert (table.table, table.basis) not in factor_tables()


def test_every_computed_zone_has_its_factor_table() -> None:
    for zone in zones().values():
        for source in zone.sources:
            if source.provider == "gridstatus":
                assert (source.provider_zone, Basis.DIRECT) in factor_tables(), zone.zone
