"""Where the flow over a border is not known: the bounds hold whatever it carries."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.flows.bounds import widened
from greenstream.domain.flow_tracing import Figures, Flow, Generation, trace

NAMES = "ABCDEF"
mw = st.floats(0.1, 1e4)


Network = tuple[dict[str, Generation], dict[str, Figures], list[Flow], list[Flow]]


@st.composite
def networks(draw: st.DrawFn) -> Network:
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


def circle(own_mw: float) -> Network:
    """Return a network in which what E makes runs in a circle, back to E, of which a part is known.

    The less each zone makes of its own, the more slowly the bounds settle.
    """
    zones = {name: Generation(own_mw, (0.0, 0.0, 0.0)) for name in "AB"}
    zones["E"] = Generation(own_mw, (1000.0, 0.0, 1000.0))
    known = [Flow("A", "B", 100.0), Flow("B", "E", 100.0)]
    return zones, {}, known, [Flow("E", "A", 10_000.0)]


@given(networks())
@example(circle(5.0))
@example(circle(0.5))
@example(circle(0.005))
def test_the_bounds_hold_whatever_the_unknown_borders_carry(
    network: Network,
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
    network: Network,
) -> None:
    zones, outer, known, _ = network
    without = trace(zones, outer, known)
    bounds = widened(zones, outer, without, known, {})
    assert bounds.keys() == without.keys()
    for zone, figures in without.items():
        assert bounds[zone] == pytest.approx(figures)
