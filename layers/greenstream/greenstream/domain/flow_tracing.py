"""Carbon intensity of what a zone uses, traced through the flows between zones.

Every kilowatt-hour that enters a zone, from its plants or from a neighbour, is taken to mix with
all others, and to leave in the same mix (proportional sharing; Tranberg et al. 2019, "Real-time
carbon accounting method for the European electricity markets", Energy Strategy Reviews 26,
https://doi.org/10.1016/j.esr.2019.100367). With ``G`` generated in zone ``n`` at ``g`` g/kWh and
``F[m, n]`` flowing in from zone ``m``, the intensity ``x`` of the zone follows from

    x[n] * (G[n] + sum_m F[m, n]) = g[n] * G[n] + sum_m x[m] * F[m, n]

The matrix of this system has no positive entry beside its diagonal, so its inverse has no negative
one: low figures on the right give low figures on the left, and high figures high ones. This is why
bounds are traced like values.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

Figures = tuple[float, ...]
"""Intensities in g/kWh that are traced together, such as a value and its bounds on two bases."""

LEAST_SUPPLY_MW: Final = 1e-6
"""A zone that gets less than this, after what goes in circles, has no mix."""

WITHIN: Final = 0.02
"""How much more than its supply a zone may send out: the figures of one hour are rounded, and come
from several operators."""


class Flow(NamedTuple):
    """The net physical flow over a border, which runs from a zone to another, in MW above zero."""

    source: str
    target: str
    mw: float


@dataclass(frozen=True, slots=True)
class Generation:
    """What the plants inside a zone make: MW, and the intensities of their mix in g/kWh."""

    mw: float
    figures: Figures


def trace(
    generation: Mapping[str, Generation],
    known: Mapping[str, Figures],
    flows: Iterable[Flow],
) -> dict[str, Figures]:
    """Return the intensities of what each zone uses, in g/kWh.

    Parameters
    ----------
    generation
        The zones that are traced, by name. All have as many figures.
    known
        The intensities of zones that only deliver, such as zones outside of the network.
    flows
        The flows. A flow from a zone that is in neither mapping is left out, and so is a flow into
        a zone that is not traced.

    Returns
    -------
    dict
        The figures by zone. A zone that nothing supplies is missing.
    """
    supply_mw = {zone: made.mw for zone, made in generation.items()}
    carried = {zone: _scaled(made.figures, made.mw) for zone, made in generation.items()}
    inflow: dict[str, dict[str, float]] = {zone: {} for zone in generation}
    for source, target, mw in flows:
        if target not in generation or mw <= 0 or source == target:
            continue
        if source in known:
            carried[target] = _plus(carried[target], _scaled(known[source], mw))
        elif source in generation:
            inflow[target][source] = inflow[target].get(source, 0.0) + mw
        else:
            continue
        supply_mw[target] += mw
    return _solved(supply_mw, carried, inflow)


def _solved(
    supply_mw: dict[str, float],
    carried: dict[str, Figures],
    inflow: dict[str, dict[str, float]],
) -> dict[str, Figures]:
    """Solve the system by elimination; few zones border on many, so the rows stay short.

    Zones with few neighbours are eliminated first. What a zone gets from an eliminated zone is
    replaced by what that zone got. Every term is a sum of products above zero, so that nothing is
    cancelled, and a circle that nothing supplies ends with a supply of zero.
    """
    receivers: dict[str, set[str]] = {zone: set() for zone in supply_mw}
    for target, sources in inflow.items():
        for source in sources:
            receivers[source].add(target)
    order = sorted(supply_mw, key=lambda zone: (len(inflow[zone]), zone))
    left = set(order)
    for zone in order:
        left.discard(zone)
        for target in receivers[zone] & left:
            mw = inflow[target].pop(zone, 0.0)
            if supply_mw[zone] <= LEAST_SUPPLY_MW:  # a zone without a mix delivers none
                supply_mw[target] -= mw
                continue
            share = mw / supply_mw[zone]
            carried[target] = _plus(carried[target], _scaled(carried[zone], share))
            for source, through_mw in inflow[zone].items():
                if source == target:  # what the target had sent itself supplies nothing
                    supply_mw[target] -= share * through_mw
                else:
                    inflow[target][source] = inflow[target].get(source, 0.0) + share * through_mw
                    receivers[source].add(target)
    figures = _substituted(reversed(order), supply_mw, carried, inflow)
    return {zone: figures[zone] for zone in supply_mw if zone in figures}


def _substituted(
    order: Iterable[str],
    supply_mw: Mapping[str, float],
    carried: Mapping[str, Figures],
    inflow: Mapping[str, Mapping[str, float]],
) -> dict[str, Figures]:
    """Return the figures of zones, each of which gets something from earlier zones only."""
    figures: dict[str, Figures] = {}
    for zone in order:
        total, got_mw = carried[zone], supply_mw[zone]
        for source, mw in inflow[zone].items():
            if source in figures:
                total = _plus(total, _scaled(figures[source], mw))
            else:
                got_mw -= mw
        if got_mw > LEAST_SUPPLY_MW:
            figures[zone] = _scaled(total, 1 / got_mw)
    return figures


def over_exporters(
    generation: Mapping[str, Generation], flows: Iterable[Flow]
) -> dict[str, tuple[float, float]]:
    """Return the zones that send out more than they get, with both in MW: supply and exports.

    No grid can do so: what a zone generates and imports is what it uses and exports. Such figures
    do not belong together, because one of them is of another hour or lacks a part of the zone.
    """
    supply_mw = {zone: made.mw for zone, made in generation.items()}
    exports_mw = dict.fromkeys(supply_mw, 0.0)
    for source, target, mw in flows:
        if target in supply_mw:
            supply_mw[target] += mw
        if source in exports_mw:
            exports_mw[source] += mw
    return {
        zone: (supply_mw[zone], exports_mw[zone])
        for zone in supply_mw
        if exports_mw[zone] > supply_mw[zone] * (1 + WITHIN)
    }


def _scaled(figures: Figures, factor: float) -> Figures:
    return tuple(factor * figure for figure in figures)


def _plus(first: Figures, second: Figures) -> Figures:
    return tuple(a + b for a, b in zip(first, second, strict=True))
