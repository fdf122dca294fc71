"""Bounds of traced figures where the flow over some borders is not known."""

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Final

from greenstream.domain.flow_tracing import Figures, Flow, Generation, trace

FIGURES: Final = 3
"""A value and its two bounds stand together, once for each basis."""

MOST_PASSES: Final = 1000
"""A limit: bounds settle after as many passes as unknown borders follow each other, and some more
where flows run in a circle. The more of what a zone gets runs in the circle, the slower."""

NEAR_GCO2_KWH: Final = 1e-6
"""Bounds that change by less have settled."""


def widened(
    nodes: Mapping[str, Generation],
    fixed: Mapping[str, Figures],
    traced: Mapping[str, Figures],
    flows: Sequence[Flow],
    behind: Mapping[str, Iterable[str]],
) -> dict[str, Figures]:
    """Return traced figures with bounds that hold whatever the unknown borders carry.

    A zone with an unknown border lies between what it gets over the known ones and what is on the
    other side, which may have an unknown border itself. So the bounds are widened until they no
    longer change. They never pass the bounds of all mixes together, which stand for zones with an
    unknown border where the bounds still change after `MOST_PASSES`.

    Parameters
    ----------
    nodes
        The zones that are traced.
    fixed
        The figures of zones that only deliver.
    traced
        What `trace` says when the unknown borders are left out.
    flows
        The flows that are known.
    behind
        The zones on the other side of unknown borders, by zone.
    """
    bounds = {**fixed, **traced}
    for _ in range(MOST_PASSES):
        before = dict(bounds)
        for zone in nodes.keys() & behind.keys():
            sides = [before.get(zone), _mixed(zone, nodes, before, flows)]
            sides += [before.get(other) for other in behind[zone]]
            known = [figures for figures in sides if figures is not None]
            if known:
                bounds[zone] = reduce(_around, known)
        bounds = _with_rest(nodes, fixed, bounds, flows, behind)
        if all(_are_near(before.get(zone), figures) for zone, figures in bounds.items()):
            break
    else:
        widest = reduce(_around, [*(made.figures for made in nodes.values()), *fixed.values()])
        for zone in nodes.keys() & behind.keys() & bounds.keys():
            bounds[zone] = _around(bounds[zone], widest)
        bounds = _with_rest(nodes, fixed, bounds, flows, behind)
    return {zone: bounds[zone] for zone in traced}


def _with_rest(
    nodes: Mapping[str, Generation],
    fixed: Mapping[str, Figures],
    bounds: Mapping[str, Figures],
    flows: Sequence[Flow],
    behind: Mapping[str, Iterable[str]],
) -> dict[str, Figures]:
    """Return bounds, widened by what the zones without an unknown border get from the others."""
    open_zones = {zone: bounds[zone] for zone in nodes.keys() & behind.keys() & bounds.keys()}
    rest = {zone: made for zone, made in nodes.items() if zone not in open_zones}
    traced = trace(rest, {**fixed, **open_zones}, flows)
    return {
        **bounds,
        **{
            zone: _around(bounds[zone], figures) if zone in bounds else figures
            for zone, figures in traced.items()
        },
    }


def _mixed(
    zone: str,
    nodes: Mapping[str, Generation],
    figures: Mapping[str, Figures],
    flows: Sequence[Flow],
) -> Figures | None:
    """Return the mix of what a zone makes and what it gets over the borders that are known."""
    parts = [(nodes[zone].mw, nodes[zone].figures)]
    parts += [
        (mw, figures[source])
        for source, target, mw in flows
        if target == zone and source in figures
    ]
    total_mw = sum(mw for mw, _ in parts)
    if total_mw <= 0:
        return None
    return tuple(
        sum(mw * of_part[index] for mw, of_part in parts) / total_mw
        for index in range(len(nodes[zone].figures))
    )


def _around(first: Figures, second: Figures) -> Figures:
    """Return the first figures with bounds that hold the second ones as well."""
    wider: list[float] = []
    for index in range(0, len(first), FIGURES):
        wider += [
            first[index],
            min(first[index + 1], second[index + 1]),
            max(first[index + 2], second[index + 2]),
        ]
    return tuple(wider)


def _are_near(first: Figures | None, second: Figures) -> bool:
    return first is not None and all(
        abs(a - b) < NEAR_GCO2_KWH for a, b in zip(first, second, strict=True)
    )
