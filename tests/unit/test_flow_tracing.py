"""Flow tracing: networks with known answers, and the laws of mixing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.domain.flow_tracing import Flow, Generation, over_exporters, trace


def made(mw: float, *figures: float) -> Generation:
    return Generation(mw, figures)


class TestKnownAnswers:
    def test_a_zone_alone_uses_what_it_makes(self) -> None:
        assert trace({"A": made(10, 300)}, {}, []) == {"A": (300.0,)}

    def test_an_importer_mixes_what_it_gets_by_its_amount(self) -> None:
        zones = {"CLEAN": made(100, 0), "DIRTY": made(30, 800)}
        figures = trace(zones, {}, [Flow("CLEAN", "DIRTY", 10)])
        assert figures["CLEAN"] == (0.0,)
        assert figures["DIRTY"] == pytest.approx((600.0,))

    def test_what_passes_through_a_zone_is_mixed_there(self) -> None:
        zones = {"A": made(100, 900), "B": made(50, 0), "C": made(0, 0)}
        figures = trace(zones, {}, [Flow("A", "B", 50), Flow("B", "C", 20)])
        assert figures["B"] == figures["C"] == pytest.approx((450.0,))

    def test_a_circle_of_flows_is_solved_as_a_whole(self) -> None:
        zones = {"A": made(10, 100), "B": made(10, 400)}
        flows = [Flow("A", "B", 10), Flow("B", "A", 10)]
        # 20 a = 1000 + 10 b and 20 b = 4000 + 10 a
        figures = trace(zones, {}, flows)
        assert figures["A"] == pytest.approx((200,))
        assert figures["B"] == pytest.approx((300,))

    def test_a_zone_outside_delivers_at_its_own_figure(self) -> None:
        figures = trace({"A": made(10, 0)}, {"OUTER": (500.0,)}, [Flow("OUTER", "A", 10)])
        assert figures == {"A": (250.0,)}

    def test_a_zone_that_only_a_circle_supplies_has_no_mix(self) -> None:
        zones = {"A": made(0, 0), "B": made(0, 0), "C": made(5, 100)}
        flows = [Flow("A", "B", 3), Flow("B", "A", 3), Flow("A", "C", 3)]
        assert trace(zones, {}, flows) == {"C": (100.0,)}

    def test_a_flow_from_an_unknown_zone_is_left_out(self) -> None:
        assert trace({"A": made(10, 300)}, {}, [Flow("X", "A", 10)]) == {"A": (300.0,)}

    def test_several_figures_are_traced_together(self) -> None:
        zones = {"A": made(10, 100, 50, 150), "B": made(10, 0, 0, 20)}
        figures = trace(zones, {}, [Flow("A", "B", 10)])
        assert figures["B"] == pytest.approx((50, 25, 85))


class TestExports:
    def test_a_zone_that_sends_out_more_than_it_gets_is_named(self) -> None:
        zones = {"A": made(10, 100), "B": made(10, 100)}
        assert over_exporters(zones, [Flow("A", "B", 11)]) == {"A": (10.0, 11.0)}

    def test_rounding_is_no_fault(self) -> None:
        zones = {"A": made(100, 100), "B": made(10, 100)}
        assert over_exporters(zones, [Flow("A", "B", 101)]) == {}

    def test_what_is_passed_on_counts_as_supply(self) -> None:
        zones = {"A": made(10, 0), "B": made(0, 0), "C": made(0, 0)}
        assert over_exporters(zones, [Flow("A", "B", 10), Flow("B", "C", 10)]) == {}


NAMES = "ABCDEFG"
mw = st.floats(0.1, 1e4)


@st.composite
def networks(draw: st.DrawFn) -> tuple[dict[str, Generation], list[Flow]]:
    """Return zones with a value within its bounds, and any flows between them."""
    zones = {}
    for name in NAMES[: draw(st.integers(1, 7))]:
        low, value, high = sorted(draw(st.tuples(*[st.floats(0, 1200)] * 3)))
        zones[name] = made(draw(mw), value, low, high)
    pairs = st.tuples(st.sampled_from(sorted(zones)), st.sampled_from(sorted(zones)))
    borders = draw(st.lists(pairs, max_size=15, unique=True))
    flows = [Flow(a, b, draw(mw)) for a, b in borders if a != b]
    return zones, flows


@given(networks())
def test_a_figure_lies_between_the_figures_of_all_plants(
    network: tuple[dict[str, Generation], list[Flow]],
) -> None:
    zones, flows = network
    for index in range(3):
        least = min(zone.figures[index] for zone in zones.values())
        most = max(zone.figures[index] for zone in zones.values())
        for figures in trace(zones, {}, flows).values():
            assert least - 1e-6 <= figures[index] <= most + 1e-6


@given(networks())
def test_the_bounds_hold_the_value(network: tuple[dict[str, Generation], list[Flow]]) -> None:
    zones, flows = network
    for value, low, high in trace(zones, {}, flows).values():
        assert low - 1e-6 <= value <= high + 1e-6


@given(networks())
def test_every_zone_mixes_exactly_what_it_gets(
    network: tuple[dict[str, Generation], list[Flow]],
) -> None:
    zones, flows = network
    figures = trace(zones, {}, flows)
    assert figures.keys() == zones.keys()
    for name, zone in zones.items():
        incoming = [flow for flow in flows if flow.target == name]
        supply_mw = zone.mw + sum(flow.mw for flow in incoming)
        carried = zone.mw * zone.figures[0]
        carried += sum(flow.mw * figures[flow.source][0] for flow in incoming)
        assert figures[name][0] * supply_mw == pytest.approx(carried, rel=1e-6, abs=1e-3)


@given(networks())
def test_the_order_of_zones_and_flows_does_not_matter(
    network: tuple[dict[str, Generation], list[Flow]],
) -> None:
    zones, flows = network
    names = sorted(zones, reverse=True)
    turned = trace({name: zones[name] for name in names}, {}, list(reversed(flows)))
    for name, figures in trace(zones, {}, flows).items():
        assert turned[name] == pytest.approx(figures, rel=1e-6, abs=1e-6)
