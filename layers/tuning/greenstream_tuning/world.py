"""The world of a replay: POPs with their traces and delays, visitors with their round trips."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np

from greenstream.domain.latency import estimate_rtt_ms, great_circle_km
from greenstream.domain.places import pops
from greenstream.domain.tables import load
from greenstream_tuning.feeds import DelayedTrace, Feed
from greenstream_tuning.traces import (
    Floats,
    RoundTrips,
    Trace,
    TraceError,
    load_round_trips,
    load_traces,
    year_start_s,
)

USUAL_DELAY_S: Final = 300.0
"""The usual delay of a POP that the data file does not list, in seconds."""

CADENCE_S: Final = 3600.0
"""By how many seconds a live figure may be older than its usual delay."""


@dataclass(frozen=True, slots=True)
class KnownPop:
    """The names that published data sets have for a POP's grid and place.

    Parameters
    ----------
    traces
        Electricity Maps' names of the grid, the preferred one first.
    places
        Google Cloud's regions at the POP's place.
    delay_s
        The usual time from an instant to the publication of its figure, in seconds.
    """

    traces: tuple[str, ...]
    places: tuple[str, ...]
    delay_s: float


@cache
def published_names() -> Mapping[str, KnownPop]:
    """Return the POPs that have other names in published data sets (``data/replay.json``)."""
    return {
        row["pop"]: KnownPop(
            traces=tuple(row["carbon_traces"]),
            places=tuple(row["round_trip_places"]),
            delay_s=float(row["delay_s"]),
        )
        for row in load("replay.json")["pops"]
    }


@dataclass(frozen=True, slots=True)
class World:
    """Everything that a replay needs, except for policies.

    Parameters
    ----------
    pops, visitors
        The names of the POPs and of the places that visitors come from.
    rtt_ms
        The round trips in milliseconds, visitors by POPs; NaN if unknown.
    demand
        The weights of the visitors, which sum to 1.
    truth
        The true intensity of each POP, in the order of ``pops``.
    feeds
        What the router knows of each POP, in the order of ``pops``.
    notes
        What was assumed or left out, in words.
    left_out
        The places and POPs of the files that are no POPs here, because figures are missing.
    """

    pops: tuple[str, ...]
    visitors: tuple[str, ...]
    rtt_ms: Floats
    demand: Floats
    truth: tuple[Trace, ...]
    feeds: tuple[Feed, ...]
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def mean_gco2_kwh(self, since_s: int, until_s: int) -> Floats:
        """Return each POP's mean over a time in g/kWh; NaN if its trace has no value then."""
        return np.array([mean_between(trace, since_s, until_s) for trace in self.truth])


def mean_between(trace: Trace, since_s: int, until_s: int) -> float:
    """Return a trace's mean between two instants in g/kWh; NaN if it has no value then."""
    first, last = ((at - trace.start_s) // trace.step_s for at in (since_s, until_s))
    values = trace.gco2_kwh[max(0, first) : max(0, last)]
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


@dataclass(frozen=True, slots=True)
class Years:
    """The training years and the replayed years. Neither may be empty."""

    train: tuple[int, ...]
    test: tuple[int, ...]

    @property
    def train_s(self) -> tuple[int, int]:
        """The begin and the end of the training years in epoch seconds."""
        return year_start_s(min(self.train)), year_start_s(max(self.train) + 1)

    @property
    def test_s(self) -> tuple[int, int]:
        """The begin and the end of the replayed years in epoch seconds."""
        return year_start_s(min(self.test)), year_start_s(max(self.test) + 1)


@dataclass(frozen=True, slots=True)
class Files:
    """A folder of traces and a table of round trips (see `greenstream_tuning.traces`)."""

    carbon: Path
    rtt: Path


def load_world(
    files: Files,
    years: Years,
    *,
    basis: str = "direct",
    delays_s: Mapping[str, float] | None = None,
    demand: Mapping[str, float] | None = None,
    only: Collection[str] = (),
) -> World:
    """Make a world from files.

    Parameters
    ----------
    files
        The traces and the round trips. A place of the table of round trips is a POP when a trace
        has its name, or has the name of its known grid.
    years
        The training years and the replayed years. The yearly mean of a source is the mean of its
        training years.
    basis
        ``direct`` or ``lifecycle``.
    delays_s
        The delay of a source in seconds, by POP or trace, where it is not the usual one.
    demand
        The weight of visitors by place of the table. By default visitors come from the place of
        every POP, with equal weights.
    only
        The names of the wanted POPs, or of their traces. By default every POP of the files is in
        the world.

    Raises
    ------
    TraceError
        When a file is malformed, when the files have no POP in common, or when a name in
        ``delays_s``, ``demand`` or ``only`` is unknown.
    """
    traces = load_traces(files.carbon, [*years.train, *years.test], basis)
    table = load_round_trips(files.rtt)
    grids = _match(table, traces)
    left_out = [] if only else _without_trace(table, grids)
    if only:
        wanted = _pops_named(only, grids)
        grids = {pop: grid for pop, grid in grids.items() if pop in wanted}
    notes = [
        f"{pop} has no round trips in the table: the distance estimates them"
        for pop, (_, place) in grids.items()
        if place is None
    ]
    if left_out:
        places = f"{len(left_out)} of the {len(table.places)} places of {files.rtt.name}"
        notes.append(f"no trace is known for {places}: {', '.join(left_out)}")
    for pop, (grid, _) in list(grids.items()):
        for name, time_s in (("training", years.train_s), ("test", years.test_s)):
            if pop in grids and np.isnan(mean_between(traces[grid], *time_s)):
                notes.append(f"{pop} is left out because {grid} has no value in the {name} years")
                left_out.append(pop)
                del grids[pop]
    if not grids:
        raise TraceError(f"no place in {files.rtt.name} has a trace in {files.carbon}")
    late_s = _delays(grids, delays_s or {})
    feeds = [
        DelayedTrace(
            traces[grid],
            delay_s=late_s[pop],
            max_age_s=_usual_delay_s(pop) + CADENCE_S,
            annual_mean_gco2_kwh=mean_between(traces[grid], *years.train_s),
        )
        for pop, (grid, _) in grids.items()
    ]
    visitors, weights = _demand(demand, grids, table)
    return World(
        pops=tuple(grids),
        visitors=visitors,
        rtt_ms=np.array([[_rtt(table, grids, place, pop) for pop in grids] for place in visitors]),
        demand=weights / weights.sum(),
        truth=tuple(traces[grid] for grid, _ in grids.values()),
        feeds=tuple(feeds),
        notes=tuple(notes),
        left_out=tuple(left_out),
    )


Grids = dict[str, tuple[str, str | None]]
"""The trace of each POP, and its place in the table of round trips (``None`` if it has none)."""


def _match(table: RoundTrips, traces: Mapping[str, Trace]) -> Grids:
    grids: Grids = {}
    for place in table.places:
        pop = _known_as(place)
        names = (place, *published_names()[pop].traces) if pop in published_names() else (place,)
        grid = next((name for name in names if name in traces), None)
        if grid is not None and pop not in grids:
            grids[pop] = (grid, place)
    if any(pop in published_names() for pop in grids):
        for pop, names_of in published_names().items():
            grid = next((name for name in names_of.traces if name in traces), None)
            if pop not in grids and grid is not None and not names_of.places:
                grids[pop] = (grid, None)
    return grids


def _without_trace(table: RoundTrips, grids: Grids) -> list[str]:
    """Return the places of the table that are no POP, because their grid has no trace."""
    return [place for place in table.places if _known_as(place) not in grids]


def _known_as(place: str) -> str:
    for pop, names_of in published_names().items():
        if place in (pop, *names_of.traces, *names_of.places):
            return pop
    return place


def _usual_delay_s(pop: str) -> float:
    return published_names()[pop].delay_s if pop in published_names() else USUAL_DELAY_S


def _delays(grids: Grids, stated: Mapping[str, float]) -> dict[str, float]:
    delays_s = {pop: _usual_delay_s(pop) for pop in grids}
    named = _pops_named(stated, grids)
    return delays_s | dict(zip(named, stated.values(), strict=True))


def _pops_named(names: Collection[str], grids: Grids) -> list[str]:
    """Return the POPs that have these names, which may also be the names of their traces."""
    by_name = {name: pop for pop, (grid, _) in grids.items() for name in (grid, pop)}
    for name in names:
        if name not in by_name:
            raise TraceError(f"{name} is not one of {', '.join(by_name)}")
    return [by_name[name] for name in names]


def _demand(
    stated: Mapping[str, float] | None, grids: Grids, table: RoundTrips
) -> tuple[tuple[str, ...], Floats]:
    if stated is None:
        return tuple(grids), np.ones(len(grids))
    for name in stated:
        if name not in grids and name not in table.origins:
            raise TraceError(f"the table has no round trips from {name}")
    weights = np.array([*stated.values()], dtype=float)
    if not (weights >= 0).all() or not weights.sum() > 0:
        raise TraceError("weights of demand must not be negative, and one must be above zero")
    return tuple(stated), weights


def _rtt(table: RoundTrips, grids: Grids, visitor: str, pop: str) -> float:
    """Return the round trip in ms from the table, else estimated from the distance, else NaN."""
    origin = grids[visitor][1] if visitor in grids else visitor
    place = grids[pop][1]
    if origin is not None and place is not None:
        return float(table.rtt_ms[table.origins.index(origin), table.places.index(place)])
    here, there = pops().get(visitor), pops().get(pop)
    if here is None or there is None:
        return float("nan")
    return estimate_rtt_ms(great_circle_km(here.lat, here.lon, there.lat, there.lon))
