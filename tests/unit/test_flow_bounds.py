"""Where the flow over a border is not known: the bounds hold whatever it carries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.flows.bounds import widened
from greenstream.domain.flow_tracing import Figures, Flow, Generation, trace

NAMES = "ABCDEF"
mw = st.floats(0.1, 1e4)


@st.composite
def networks(
    draw: st.DrawFn,
) -> tuple[dict[str, Generation], dict[str, Figures], list[Flow], list[Flow]]:
    """Return zones, figures of zones outside, known flows, and what the unknown borders carry."""
    zones = {}
    for name in NAMES[: draw(st.integers(2, 6))]:
        low, value, high = sorted(draw(st.tuples(*[st.floats(0, 1200)] * 3)))
        zones[name] = Generation(draw(mw), (value, low, high))
    outer: dict[str, Figures] = {"OUTER": (draw(st.floats(0, 1200)),) * 3}
    names = st.sampled_from([*zones, "OUTER"])
    pairs = draw(st.lists(st.tuples(names, names), max_size=12, unique_by=frozenset))
    flows = [Flow(source, target, draw(mw)) for source, target in pairs if source != target]
    split = draw(st.integers(0, len(flows)))
    return zones, outer, flows[:split], flows[split:]


def behind(flows: list[Flow]) -> dict[str, list[str]]:
    sides: dict[str, list[str]] = {}
    for source, target, _ in flows:
        sides.setdefault(source, []).append(target)
        sides.setdefault(target, []).append(source)
    return sides


@given(networks())
def test_the_bounds_hold_whatever_the_unknown_borders_carry(
    network: tuple[dict[str, Generation], dict[str, Figures], list[Flow], list[Flow]],
) -> None:
    zones, outer, known, unknown = network
    without = trace(zones, outer, known)
    bounds = widened(zones, outer, without, known, behind(unknown))
    for zone, true in trace(zones, outer, [*known, *unknown]).items():
        value, low, high = bounds[zone]
        assert value == without[zone][0]
        assert low - 1e-3 <= true[0] <= high + 1e-3


@given(networks())
def test_without_an_unknown_border_nothing_changes(
    network: tuple[dict[str, Generation], dict[str, Figures], list[Flow], list[Flow]],
) -> None:
    zones, outer, known, _ = network
    without = trace(zones, outer, known)
    bounds = widened(zones, outer, without, known, {})
    assert bounds.keys() == without.keys()
    for zone, figures in without.items():
        assert bounds[zone] == pytest.approx(figures)
