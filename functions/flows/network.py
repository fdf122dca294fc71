"""The network of one hour: what every zone generates, and what flows over every border.

Flows and mixes come late, and not all at once. Each is taken from the hour itself, else from one
of the three hours before, else from the same hour of the day before, and the readings say which.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from functions.flows.bounds import FIGURES, widened
from functions.flows.document import HOUR, HourlyFlow
from greenstream.domain.borders import Border, outer_means_gco2_kwh
from greenstream.domain.flow_tracing import (
    Figures,
    Flow,
    Generation,
    over_exporters,
    trace,
)
from greenstream.domain.reading import Basis, Reading

CARRIED_H: Final = 3
"""For how many hours the last known flow or mix stands in for the one of the hour."""

DAY: Final = timedelta(days=1)
BASES: Final = tuple(Basis)


class Known(StrEnum):
    """Where a flow or a mix of an hour comes from, the best first."""

    MEASURED = "measured"
    CARRIED = "carried"
    DAY_BEFORE = "day_before"
    UNKNOWN = "unknown"


class NetFlow(NamedTuple):
    """The net flow from a border's first zone to its second, in MW, and where it comes from."""

    mw: float
    known: Known


Wanted = Callable[[NetFlow], bool]
"""Says whether a flow is wanted."""


class HourMix(NamedTuple):
    """What the plants of a zone make in an hour: the mean MW, figures on each basis, coverage."""

    mw: float
    figures: Figures
    coverage: float


Flows = Mapping[tuple[str, str], HourlyFlow]
"""The flows by the zone that they leave and the zone that they enter."""

Mixes = Mapping[str, Mapping[datetime, HourMix]]
"""The mixes by zone and start of the hour."""


def net_flow(border: Border, flows: Flows, hour: datetime, *, one_way: bool) -> NetFlow:
    """Return the net flow over a border in an hour.

    Parameters
    ----------
    border
        The border.
    flows
        The flows that were published.
    hour
        The start of the hour, in UTC.
    one_way
        Whether only the flow from the second zone into the first was asked for.
    """
    first, second = border.zones
    back = flows.get((second, first))
    forth = {} if one_way else flows.get((first, second))
    if back is None or forth is None:  # what was never answered may be anything, and not zero
        return NetFlow(0.0, Known.UNKNOWN)
    both = bool(forth and back)
    # In one direction alone, a zero may mean that the flow runs the other way.
    hours = _without_filled(forth, back, hour) if both else frozenset((*forth, *back))
    for known, candidates in (
        (Known.MEASURED, [hour]),
        (Known.CARRIED, [hour - step * HOUR for step in range(1, CARRIED_H + 1)]),
        (Known.DAY_BEFORE, [hour - DAY]),
    ):
        for candidate in candidates:
            # A direction that has no figure in any hour is not reported, since nothing flows so.
            if candidate in hours and all(candidate in way for way in (forth, back) if way):
                mw = forth.get(candidate, 0.0) - back.get(candidate, 0.0)
                if mw or both or one_way:
                    return NetFlow(mw, known)
                return NetFlow(0.0, Known.UNKNOWN)
    return NetFlow(0.0, Known.UNKNOWN)


def _without_filled(forth: HourlyFlow, back: HourlyFlow, until: datetime) -> frozenset[datetime]:
    """Return the hours with a figure, without the zeros that stand for what is not known yet.

    Some operators fill the hours to come with zeros both ways. Zeros since the last hour with a
    flow are taken for such until they have lasted for longer than a flow is carried. A border
    without any flow in all hours has none.
    """
    hours = frozenset(at for at in (*forth, *back) if at <= until)
    flowing = [at for at in hours if forth.get(at, 0.0) or back.get(at, 0.0)]
    if not flowing or until - max(flowing) > CARRIED_H * HOUR:
        return hours
    return frozenset(at for at in hours if at <= max(flowing))


def mixes_of(readings: Iterable[Reading]) -> dict[datetime, HourMix]:
    """Return a zone's mixes by hour, of readings on both bases with the MW by fuel in the detail.

    An hour of which a part has no reading on some basis is left out.
    """
    by_hour: dict[datetime, dict[Basis, list[Reading]]] = {}
    for reading in readings:
        hour = reading.valid_from.replace(minute=0, second=0, microsecond=0)
        by_hour.setdefault(hour, {}).setdefault(reading.basis, []).append(reading)
    mixes: dict[datetime, HourMix] = {}
    for hour, of_bases in by_hour.items():
        figures: list[float] = []
        total_mw = coverage = 0.0
        for basis in BASES:
            own = of_bases.get(basis, [])
            weights = [_share_of_hour(reading) * _generation_mw(reading) for reading in own]
            total_mw = sum(weights)
            if sum(map(_share_of_hour, own)) != 1 or total_mw <= 0:
                break
            coverage = _mean(weights, [reading.coverage for reading in own])
            figures += [
                _mean(weights, [reading.gco2_kwh for reading in own]),
                _mean(weights, [reading.gco2_low for reading in own]),
                _mean(weights, [reading.gco2_high for reading in own]),
            ]
        else:
            mixes[hour] = HourMix(total_mw, tuple(figures), coverage)
    return mixes


def _share_of_hour(reading: Reading) -> float:
    return (reading.valid_to - reading.valid_from) / HOUR


def _generation_mw(reading: Reading) -> float:
    fuels = reading.detail.get("fuel_mw")
    if not isinstance(fuels, Mapping):
        return 0.0
    return sum(float(mw) for mw in fuels.values() if isinstance(mw, int | float) and mw > 0)


def _mean(weights: list[float], values: list[float]) -> float:
    return sum(weight * value for weight, value in zip(weights, values, strict=True)) / sum(weights)


@dataclass(frozen=True, slots=True)
class ZoneResult:
    """What is traced of a zone.

    Parameters
    ----------
    figures
        Value, low and high on each basis, g/kWh.
    coverage
        The share of the supply that was measured in the hour, weighed with the mix's own coverage.
    detail
        What a reading says of how the figure came about.
    """

    figures: Figures
    coverage: float
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Network:
    """All that is known of one hour.

    Parameters
    ----------
    hour
        The start of the hour, in UTC.
    borders
        The borders with their net flows.
    mixes
        The zones' mixes, with where each comes from.
    means
        The yearly means of zones that have no mix, as figures; outer zones are among them.
    """

    hour: datetime
    borders: Mapping[Border, NetFlow]
    mixes: Mapping[str, tuple[HourMix, Known]]
    means: Mapping[str, Figures]

    def results(self) -> dict[str, ZoneResult]:
        """Return the figures of each zone that has a mix.

        Where the flow over a border is unknown, the zones on both sides lie somewhere between
        their own generation and the other side, so their bounds are widened to both, and with them
        the bounds of all that they deliver to.
        """
        generation = {
            zone: Generation(mix.mw, mix.figures) for zone, (mix, _) in self.mixes.items()
        }
        transit = {zone for border in self.borders for zone in border.zones}
        transit -= generation.keys() | self.means.keys()
        nothing = (0.0,) * (FIGURES * len(BASES))
        nodes = generation | {zone: Generation(0.0, nothing) for zone in transit}
        flows = list(self.flows())
        traced = trace(nodes, self.means, flows)
        unknown = self._of_zone(lambda flow: flow.known is Known.UNKNOWN)
        if unknown:
            traced = widened(nodes, self.means, traced, flows, self._behind_unknown())
        return {
            zone: ZoneResult(
                traced[zone], self._coverage(zone, mix), self._detail(zone, mix, known, unknown)
            )
            for zone, (mix, known) in self.mixes.items()
            if zone in traced
        }

    def flows(self) -> Iterator[Flow]:
        """Yield the flows that are known, each in the direction in which it runs."""
        for border, (mw, known) in self.borders.items():
            first, second = border.zones
            if known is Known.UNKNOWN or mw == 0:
                continue
            yield Flow(first, second, mw) if mw > 0 else Flow(second, first, -mw)

    def out_of_balance(self) -> dict[str, tuple[float, float]]:
        """Return the zones that send out more than they get: their supply and exports, MW."""
        generation = {
            zone: Generation(mix.mw, mix.figures) for zone, (mix, _) in self.mixes.items()
        }
        unknown = self._of_zone(lambda flow: flow.known is Known.UNKNOWN)
        over = over_exporters(generation, self.flows())
        return {zone: pair for zone, pair in over.items() if zone not in unknown}

    def _behind_unknown(self) -> dict[str, list[str]]:
        """Return the zones on the other side of unknown borders, by zone."""
        behind: dict[str, list[str]] = {}
        for border, flow in self.borders.items():
            if flow.known is Known.UNKNOWN:
                first, second = border.zones
                behind.setdefault(first, []).append(second)
                behind.setdefault(second, []).append(first)
        return behind

    def without_flows(self) -> frozenset[str]:
        """Return the zones of which no border has a known flow, although they have borders.

        Nothing is known of what they import, so that their own mix is no figure of what they use.
        """
        unknown = self._of_zone(lambda flow: flow.known is Known.UNKNOWN)
        known = self._of_zone(lambda flow: flow.known is not Known.UNKNOWN)
        return frozenset(zone for zone in self.mixes if zone in unknown.keys() - known.keys())

    def _of_zone(self, wanted: Wanted) -> dict[str, list[str]]:
        """Return the names of the borders with such a flow, by zone."""
        names: dict[str, list[str]] = {}
        for border, flow in self.borders.items():
            if wanted(flow):
                for zone in border.zones:
                    names.setdefault(zone, []).append(border.name)
        return names

    def _coverage(self, zone: str, mix: HourMix) -> float:
        supply_mw, covered_mw = mix.mw, mix.mw * mix.coverage
        for border, (mw, known) in self.borders.items():
            first, second = border.zones
            inflow_mw = mw if second == zone else -mw if first == zone else 0.0
            if inflow_mw > 0:
                supply_mw += inflow_mw
                covered_mw += inflow_mw if known is Known.MEASURED else 0.0
        return min(1.0, covered_mw / supply_mw)

    def _detail(
        self, zone: str, mix: HourMix, known: Known, unknown: Mapping[str, list[str]]
    ) -> dict[str, object]:
        imports = {source: round(mw, 1) for source, target, mw in self.flows() if target == zone}
        exports = {target: round(mw, 1) for source, target, mw in self.flows() if source == zone}
        late = self._of_zone(lambda flow: flow.known in (Known.CARRIED, Known.DAY_BEFORE))
        return {
            "generation_mw": round(mix.mw, 1),
            "mix": str(known),
            "imports_mw": imports,
            "exports_mw": exports,
            "late_borders": sorted(late.get(zone, ())),
            "unknown_borders": sorted(unknown.get(zone, ())),
            "at_yearly_mean": sorted(imports.keys() & self.means.keys()),
        }


def newest_hour(mixes: Mixes, now: datetime) -> datetime | None:
    """Return the newest whole hour for which most of the zones that report have their mix.

    That is the newest of the last twelve hours in which at least three quarters of the zones have
    one that have any in those hours. ``None`` where no zone has.
    """
    end = now.replace(minute=0, second=0, microsecond=0)
    hours = [end - step * HOUR for step in range(1, 13)]
    reporting = [of_zone for of_zone in mixes.values() if any(hour in of_zone for hour in hours)]
    for hour in hours:
        if reporting and 4 * sum(hour in of_zone for of_zone in reporting) >= 3 * len(reporting):
            return hour
    return None


def mix_at(of_zone: Mapping[datetime, HourMix], hour: datetime) -> tuple[HourMix, Known] | None:
    """Return a zone's mix for an hour: its own, or the last one of the three hours before."""
    for step in range(CARRIED_H + 1):
        mix = of_zone.get(hour - step * HOUR)
        if mix is not None:
            return mix, Known.CARRIED if step else Known.MEASURED
    return None


def mean_figures(means: Mapping[Basis, float]) -> Figures:
    """Return yearly means as figures: the mean is the value and both bounds on its basis."""
    return tuple(means[basis] for basis in BASES for _ in range(FIGURES))


def outer_figures() -> dict[str, Figures]:
    """Return the figures of the outer zones, which are their yearly means."""
    return {zone: mean_figures(means) for zone, means in outer_means_gco2_kwh().items()}
