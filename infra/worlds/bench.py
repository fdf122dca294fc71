"""Worlds replayed hour by hour: what each policy delivers beside choices that need no router.

The decision is the product's own (`greenstream_tuning.choosing`). Each world has one visitor beside
each POP, all of equal weight, and round trips by distance. The runs of a world differ in the state
of its sources, and visitors of one run cannot reach the POPs of another: so all runs are decided at
once, which makes a year of all worlds a matter of seconds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from greenstream.domain.latency import estimate_rtt_ms, great_circle_km
from greenstream.domain.policy import Policy
from greenstream_tuning.choosing import Chooser, figures
from greenstream_tuning.feeds import DelayedTrace, Profile
from greenstream_tuning.replay import CARBON_ALONE
from greenstream_tuning.traces import Floats, Ints, Trace, load_traces, year_start_s
from greenstream_tuning.world import mean_between
from infra.worlds.delays import ONE_LATE, Run, SourceState, runs_of, turn_of
from infra.worlds.given import GivenWorld, GivenWorlds, WorldsError

STEP_S: Final = 3600
BASIS: Final = "direct"

MAX_AGE_S: Final = 3 * 3600.0
"""Age up to which a reading is live: that of ENTSO-E in the table of zones. No policy of the bench
looks at it, since each lets a reading stand for longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What a policy delivered in a world under some delays, g/kWh, beside three baselines.

    The nearest POP; each visitor's best fixed POP, with hindsight on the test year; and the oracle,
    which knows each hour's intensity.
    """

    world: str
    delay: str
    policy: str
    delivered_gco2_kwh: float
    nearest_gco2_kwh: float
    best_static_gco2_kwh: float
    oracle_gco2_kwh: float

    def as_dict(self) -> dict[str, float | str]:
        """Return the row for JSON."""
        return asdict(self)


class Grids:
    """The traces of a test year, and what is known of them under each state of a source.

    Parameters
    ----------
    carbon
        Folder of traces (`greenstream_tuning.traces`).
    zones
        Names of the traces.
    test_year
        The year replayed. A yearly mean is that of the year before.

    Raises
    ------
    WorldsError
        When a trace lacks one of the two years.
    greenstream_tuning.traces.TraceError
        When a file cannot be understood.
    """

    def __init__(self, carbon: Path, zones: frozenset[str], test_year: int) -> None:
        learnt, test = test_year - 1, test_year
        self._traces = load_traces(carbon, (learnt, test), BASIS, zones)
        for zone in sorted(zones):
            for year in (learnt, test):
                if np.isnan(self._mean(zone, year)):
                    raise WorldsError(
                        f"{zone}_{year}.csv with {BASIS} figures is not in {carbon}: "
                        f"{zone} is replayed on {test}, with its yearly mean of {learnt}"
                    )
        self._means = {zone: self._mean(zone, learnt) for zone in zones}
        begin_s, end_s = year_start_s(test), year_start_s(test + 1)
        # In the middle of each hour, since a trace's figure is the mean of the whole hour.
        self.steps: Ints = np.arange(begin_s + STEP_S // 2, end_s, STEP_S)
        self._profiles: dict[tuple[str, bool], Profile] = {}
        self._figures: dict[tuple[str, SourceState, Policy], Floats] = {}

    def _mean(self, zone: str, year: int) -> float:
        trace = self._traces.get(zone)
        if trace is None:
            return float("nan")
        return mean_between(trace, year_start_s(year), year_start_s(year + 1))

    def truth(self, zone: str) -> Floats:
        """Return the intensity at each step, g/kWh; NaN where it is not known."""
        return self._traces[zone].at(self.steps)

    def figures(self, zone: str, state: SourceState, policy: Policy) -> Floats:
        """Return what a policy ranks a POP on this grid by at each step, g/kWh."""
        key = (zone, state, policy)
        if key not in self._figures:
            trace = self._traces[zone]
            feed = DelayedTrace(
                trace if state.has_readings else trace.silent(),
                state.delay_s,
                MAX_AGE_S,
                self._means[zone],
                self._profile(trace, known=state.has_profile),
            )
            self._figures[key] = figures(feed.seen(self.steps), feed, policy)
        return self._figures[key]

    def _profile(self, trace: Trace, *, known: bool) -> Profile:
        key = (trace.zone, known)
        if key not in self._profiles:
            self._profiles[key] = Profile(trace if known else trace.silent())
        return self._profiles[key]


def run_bench(
    given: GivenWorlds,
    grids: Grids,
    policies: Mapping[str, Policy],
    progress: Callable[[float], None] = lambda _: None,
) -> list[Row]:
    """Replay every world under its delays.

    Parameters
    ----------
    policies
        Name to policy; each one's own latency limit gives way to the world's.
    progress
        Is given the share done, from 0 to 1, after each world.

    Returns
    -------
    list of Row
        By world, delay and policy. One source is late in turn: each turn has rows of its own,
        and those of ``one late`` are the means over the turns.

    Raises
    ------
    WorldsError
        Where a table of delays lacks a trace, or no hour is known for all POPs of a world.
    """
    rows: list[Row] = []
    for done, world in enumerate(given.worlds, start=1):
        runs = list(runs_of(world, given.delay_s_by_trace))
        of_world = list(_replay(world, runs, grids, policies))
        rows += of_world if world.delay_s is not None else _with_means_of_turns(world, of_world)
        progress(done / len(given.worlds))
    return rows


def rtt_ms_between(world: GivenWorld) -> Floats:
    """Return the round trips by distance, ms: visitors beside the POPs (rows) to the POPs."""
    return np.array(
        [
            [
                estimate_rtt_ms(great_circle_km(here.lat, here.lon, there.lat, there.lon))
                for there in world.sites
            ]
            for here in world.sites
        ]
    )


def _replay(
    world: GivenWorld, runs: Sequence[Run], grids: Grids, policies: Mapping[str, Policy]
) -> Iterator[Row]:
    truth = np.array([grids.truth(site.trace) for site in world.sites])
    known = ~np.isnan(truth).any(axis=0)
    if not known.any():
        raise WorldsError(f"world {world.name!r}: no hour is known for all of its POPs")
    truth = truth[:, known]
    rtt_ms = rtt_ms_between(world)

    def delivered(carbon: Floats) -> float:
        """Return what is delivered by those who rank by these figures and by nothing else."""
        chooser = Chooser(world.pops, rtt_ms, CARBON_ALONE, [world.limit_ms])
        return _delivered(chooser.choose(carbon)[:, 0], truth)

    nearest = delivered(np.full((len(truth), 1), np.nan))
    best_static = delivered(truth.mean(axis=1, keepdims=True))
    oracle = delivered(truth)
    chosen = {
        name: _choices(world, runs, grids, policy, rtt_ms)[known]
        for name, policy in policies.items()
    }
    for number, run in enumerate(runs):
        for name in policies:
            yield Row(
                world=world.name,
                delay=run.delay,
                policy=name,
                delivered_gco2_kwh=_delivered(chosen[name][:, number], truth),
                nearest_gco2_kwh=nearest,
                best_static_gco2_kwh=best_static,
                oracle_gco2_kwh=oracle,
            )


def _delivered(chosen: Ints, truth: Floats) -> float:
    """Return the mean of what was chosen: one or all of the steps by visitors; POPs by steps."""
    steps = np.arange(truth.shape[1])[:, None]
    return float(truth[np.broadcast_to(chosen, (truth.shape[1], chosen.shape[1])), steps].mean())


def _choices(
    world: GivenWorld, runs: Sequence[Run], grids: Grids, policy: Policy, rtt_ms: Floats
) -> Ints:
    """Return the POP chosen by step, run and visitor."""
    carbon = np.concatenate(
        [
            [
                grids.figures(site.trace, state, policy)
                for site, state in zip(world.sites, run.states, strict=True)
            ]
            for run in runs
        ]
    )
    pops = len(world.sites)
    apart = np.full((len(carbon), len(carbon)), np.nan)  # no round trip from one run to another
    for begin in range(0, len(carbon), pops):
        apart[begin : begin + pops, begin : begin + pops] = rtt_ms
    chooser = Chooser(world.pops * len(runs), apart, policy, [world.limit_ms])
    chosen = chooser.choose(carbon)[:, 0].reshape(len(grids.steps), len(runs), pops)
    return chosen - pops * np.arange(len(runs))[:, None]


def _with_means_of_turns(world: GivenWorld, rows: list[Row]) -> list[Row]:
    """Add, for each policy, the mean over the runs in which one source after another is late."""
    turns = {turn_of(ONE_LATE, pop) for pop in world.pops}
    by_policy: dict[str, list[Row]] = {}
    for row in rows:
        if row.delay in turns:
            by_policy.setdefault(row.policy, []).append(row)
    means = [
        replace(
            late[0],
            delay=ONE_LATE,
            delivered_gco2_kwh=sum(row.delivered_gco2_kwh for row in late) / len(late),
        )
        for late in by_policy.values()
    ]
    return [*rows, *means]
