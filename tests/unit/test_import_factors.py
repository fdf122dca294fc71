"""What a kWh of imports emits, by the links that it came through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.imports import Link, import_factors
from greenstream.domain.intensity import Factor, factor_tables, yearly_imports_gwh
from greenstream.domain.reading import Basis
from greenstream.domain.zones import zones

FRENCH = Factor(40.0, 20.0, 60.0, "FR")
DUTCH = Factor(220.0, 100.0, 600.0, "NL")
NORWEGIAN = Factor(8.0, 0.0, 110.0, "NO")
PUBLISHED = {"FR": 53.0, "NL": 474.0, "NO": 8.0}


def test_each_link_counts_by_its_power() -> None:
    known = import_factors([Link(3000, FRENCH), Link(1000, DUTCH)])

    assert known is not None
    assert known.of_grid() == Factor(85.0, 40.0, 195.0)


def test_a_part_of_the_grid_may_draw_from_any_link() -> None:
    known = import_factors([Link(3000, FRENCH), Link(1000, DUTCH)])

    assert known is not None
    assert known.of_part() == Factor(85.0, 20.0, 600.0)


def test_a_link_that_exports_is_left_out() -> None:
    known = import_factors([Link(500, FRENCH), Link(-1000, DUTCH), Link(0, DUTCH)])

    assert known is not None
    assert known.of_grid() == known.of_part() == Factor(40.0, 20.0, 60.0)


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
    grid, part = known.of_grid(), known.of_part()
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
def test_the_shares_of_a_year_are_those_of_shipped_links(basis: Basis) -> None:
    factors = factor_tables()["ELEXON", basis].factors

    assert set(yearly_imports_gwh("ELEXON")) <= factors.keys()
    assert sum(yearly_imports_gwh("ELEXON").values()) == 33_001
    assert yearly_imports_gwh("NYISO") == {}


def test_the_shares_of_a_year_say_nothing_sure_of_an_hour() -> None:
    known = import_factors([Link(3, FRENCH), Link(1, DUTCH)], measured=False)

    assert known is not None
    assert known.of_grid() == known.of_part() == Factor(85.0, 20.0, 600.0)


class TestWhatAPublisherCounted:
    """Its own factor of a part's imports tells which links the part draws from."""

    @staticmethod
    def of_part(implied_gco2_kwh: float, *links: Link) -> float:
        known = import_factors(links or (Link(3, FRENCH), Link(1, DUTCH)))
        assert known is not None
        factor = known.of_part(implied_gco2_kwh, PUBLISHED)
        assert factor.gco2_kwh is not None
        assert (factor.low_gco2_kwh, factor.high_gco2_kwh) == (20.0, 600.0) or links
        return factor.gco2_kwh

    def test_the_publishers_own_mean_leaves_the_shares_of_the_grid(self) -> None:
        assert self.of_part(0.75 * 53 + 0.25 * 474) == pytest.approx(85.0)

    @pytest.mark.parametrize(("implied", "value"), [(474.0, 220.0), (53.0, 40.0)])
    def test_a_part_with_the_factor_of_one_link_draws_from_that_link(
        self, implied: float, value: float
    ) -> None:
        assert self.of_part(implied) == pytest.approx(value)

    @given(st.floats(53, 474))
    def test_between_two_links_their_shares_follow_from_the_factor(self, implied: float) -> None:
        dutch = (implied - 53) / (474 - 53)
        assert self.of_part(implied) == pytest.approx(40 + dutch * 180)

    @pytest.mark.parametrize(("implied", "value"), [(900.0, 220.0), (-9.0, 40.0)])
    def test_a_factor_beyond_all_links_is_that_of_the_last_one(
        self, implied: float, value: float
    ) -> None:
        """NESO's figure is rounded, which small imports magnify."""
        assert self.of_part(implied) == pytest.approx(value)

    def test_the_cleanest_link_is_added_where_the_publisher_counted_less(self) -> None:
        links = (Link(2, NORWEGIAN), Link(2, FRENCH))

        assert self.of_part(8.0, *links) == pytest.approx(8.0)
        assert self.of_part(53.0, *links) == pytest.approx(40.0)

    def test_a_single_link_is_what_it_is(self) -> None:
        assert self.of_part(300.0, Link(1, FRENCH)) == pytest.approx(40.0)
