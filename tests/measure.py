"""Measures and prints the figures of the bench scripts, each beside a floor of the same run.

Nothing here fails on a slow machine. Only the ratio of a figure to its floor can be compared
between machines.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
RESULTS: Final = ROOT / ".local" / "bench.json"


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, the floor of the same run in the same unit, and the goal in words.

    The floor is the least that such a task can cost.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    goal: str = ""

    @property
    def ratio(self) -> float | None:
        return self.value / self.floor if self.floor else None


def durations_ms(
    call: Callable[[], object],
    *,
    runs: int,
    within_s: float = 10.0,
    warm_up: int = 5,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Return the sorted durations in milliseconds of at most ``runs`` calls.

    There are fewer durations when ``within_s`` has passed. For work that waits for nothing, pass
    the clock `time.thread_time`, so that other processes of the machine do not change the figure.
    """
    for _ in range(warm_up):
        call()
    durations: list[float] = []
    ends_at = time.perf_counter() + within_s
    while len(durations) < runs and (not durations or time.perf_counter() < ends_at):
        started = clock()
        call()
        durations.append((clock() - started) * 1e3)
    return sorted(durations)


def quantile(ordered: list[float], share: float) -> float:
    """Return the quantile of a sorted list by the nearest-rank method."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def report(figures: Iterable[Figure]) -> None:
    """Print a table and add the figures to ``.local/bench.json`` under their names."""
    figures = list(figures)
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        floor = "" if figure.floor is None else f"  floor {figure.floor:9.3f}"
        ratio = "" if figure.ratio is None else f"  ratio {figure.ratio:6.2f}"
        goal = f"  goal {figure.goal}" if figure.goal else ""
        print(f"{figure.name:{width}}  {figure.value:9.3f} {figure.unit}{floor}{ratio}{goal}")
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    results |= {figure.name: {**asdict(figure), "ratio": figure.ratio} for figure in figures}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
