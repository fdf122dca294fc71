"""What a kWh of imports emits, by the links that it came through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.imports import Link, import_factors
from greenstream.domain.intensity import Factor, factor_tables
from greenstream.domain.reading import Basis
from greenstream.domain.zones import zones

FRENCH = Factor(40.0, 20.0, 60.0)
DUTCH = Factor(220.0, 100.0, 600.0)


def test_each_link_counts_by_its_power() -> None:
    known = import_factors([Link(3000, FRENCH), Link(1000, DUTCH)])

    assert known is not None
    assert known.of_grid == Factor(85.0, 40.0, 195.0)


def test_a_part_of_the_grid_may_draw_from_any_link() -> None:
    known = import_factors([Link(3000, FRENCH), Link(1000, DUTCH)])

    assert known is not None
    assert known.of_part == Factor(85.0, 20.0, 600.0)


def test_a_link_that_exports_is_left_out() -> None:
    known = import_factors([Link(500, FRENCH), Link(-1000, DUTCH), Link(0, DUTCH)])

    assert known is not None
    assert known.of_grid == known.of_part == FRENCH


@pytest.mark.parametrize("links", [[], [Link(-100, FRENCH)], [Link(0, FRENCH)]])
def test_without_an_import_there_is_no_factor(links: list[Link]) -> None:
    assert import_factors(links) is None


@given(
    st.lists(
        st.tuples(st.floats(0.1, 5000), st.floats(0, 900), st.floats(0, 1), st.floats(0, 300)),
        min_size=1,
        max_size=10,
    )
)
def test_the_bounds_hold_the_value_and_those_of_a_part_hold_those_of_the_grid(
    drawn: list[tuple[float, float, float, float]],
) -> None:
    known = import_factors(
        Link(mw, Factor(value, value * below, value + above)) for mw, value, below, above in drawn
    )

    assert known is not None
    grid, part = known
    assert grid.gco2_kwh is not None
    assert grid.low_gco2_kwh <= grid.gco2_kwh <= grid.high_gco2_kwh
    assert part.low_gco2_kwh <= grid.low_gco2_kwh + 1e-6
    assert part.high_gco2_kwh >= grid.high_gco2_kwh - 1e-6


@pytest.mark.parametrize("basis", list(Basis))
def test_each_shipped_link_has_a_factor_and_a_zone_behind_it(basis: Basis) -> None:
    factors = factor_tables()["ELEXON", basis].factors
    links = {fuel: factor for fuel, factor in factors.items() if fuel.startswith("INT")}

    assert len(links) == 10
    for link, factor in links.items():
        assert factor.gco2_kwh is not None, link
        assert factor.neighbour in zones(), link
    assert not [fuel for fuel in factors.keys() - links.keys() if factors[fuel].neighbour]


@pytest.mark.parametrize("basis", list(Basis))
def test_the_mean_of_unknown_links_is_that_of_the_imports_of_2023(basis: Basis) -> None:
    """GWh of 2023 by interconnector, from the source that the factor names."""
    gwh = {"INTFR": 7028, "INTIFA2": 3825, "INTELEC": 4649, "INTNED": 4265, "INTNEM": 3986}
    gwh |= {"INTNSL": 8945, "INTVKL": 64, "INTEW": 239}
    links = factor_tables()["ELEXON", basis].factors
    known = import_factors(Link(power, links[link]) for link, power in gwh.items())
    shipped = factor_tables()["NESO", basis].factors["imports"]

    assert known is not None
    assert shipped.gco2_kwh == pytest.approx(known.of_grid.gco2_kwh, abs=0.05)
    assert (shipped.low_gco2_kwh, shipped.high_gco2_kwh) == (
        known.of_part.low_gco2_kwh,
        known.of_part.high_gco2_kwh,
    )
