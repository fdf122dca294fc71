"""A year of five-minute steps, 40 POPs and 50 places of visitors: seconds and peak memory.

Run from anywhere: ``python tests/bench/replay_speed.py``. The goal is under 60 s on two cores. It
is measured in processor time, which does not depend on the machine's other load. The floor reads
every figure of the same run once (mean over all steps and POPs). The carbon is noise that changes
at every step, so that visitors are moved as often as possible.
"""

import resource
import sys
import time

import numpy as np

from greenstream.domain.policy import Policy
from greenstream_tuning.feeds import DelayedTrace
from greenstream_tuning.replay import DEFAULT, DRIFT, LIMITS_MS, TUNED, Span, replay
from greenstream_tuning.traces import Trace
from greenstream_tuning.world import World

YEAR_S, STEP_S = 365 * 86_400, 300
POPS, VISITORS = 40, 50
GOAL_S = 60.0


def a_world() -> World:
    """Return POPs whose carbon is noise around a different level for each POP."""
    rng = np.random.default_rng(1)
    traces = [
        Trace(f"z{pop}", 0, STEP_S, rng.uniform(50, 400) * rng.uniform(0.5, 1.5, YEAR_S // STEP_S))
        for pop in range(POPS)
    ]
    return World(
        pops=tuple(f"p{pop:02d}" for pop in range(POPS)),
        visitors=tuple(f"v{visitor:02d}" for visitor in range(VISITORS)),
        rtt_ms=rng.uniform(5, 250, (VISITORS, POPS)),
        demand=np.full(VISITORS, 1 / VISITORS),
        truth=tuple(traces),
        feeds=tuple(
            DelayedTrace(trace, 300.0 * (1 + number % 36), 14_400.0, float(trace.gco2_kwh.mean()))
            for number, trace in enumerate(traces)
        ),
    )


def main() -> int:
    """Print the figures; return a failure above the goal."""
    world = a_world()
    span = Span(since_s=0, until_s=YEAR_S, step_s=STEP_S, trained_since_s=0, trained_until_s=YEAR_S)
    steps = span.steps()
    began = time.process_time()
    for trace in world.truth:
        trace.at(steps).mean()
    floor_s = time.process_time() - began
    began, began_wall = time.process_time(), time.perf_counter()
    rows = replay(world, span, {DEFAULT: Policy(), TUNED: DRIFT})
    spent_s, wall_s = time.process_time() - began, time.perf_counter() - began_wall
    decisions = len(steps) * VISITORS * len(LIMITS_MS) * 3
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(rows)} rows, {decisions:,} decisions among {POPS} POPs in {spent_s:.1f} s "
        f"of processor (goal {GOAL_S:.0f} s; {wall_s:.1f} s on the clock), "
        f"{1e9 * spent_s / decisions:.0f} ns each; "
        f"{spent_s / floor_s:.0f} times the floor of {floor_s:.2f} s; peak {peak_mb:.0f} MB"
    )
    return int(spent_s > GOAL_S)


if __name__ == "__main__":
    sys.exit(main())
