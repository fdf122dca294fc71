"""What the rows of the bench say: a line for each table of delays, and which goals they hold."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from greenstream_tuning.replay import DEFAULT
from infra.worlds.bench import Row
from infra.worlds.delays import NO_HISTORY, ONE_LATE, USUAL, turn_of

MOST_ABOVE_STATIC: Final = 0.01
MOST_ABOVE_ORACLE: Final[Mapping[str, float]] = {
    **dict.fromkeys(USUAL, 0.005),
    ONE_LATE: 0.013,
    NO_HISTORY: 0.015,
}
"""Of all worlds together, by table of delays, as shares."""

ROUNDING: Final = 1e-9
"""Share by which equal choices may differ: their sums are taken in another order."""


@dataclass(frozen=True, slots=True)
class Worst:
    """The default policy's worst world against a baseline: the share above it (may be negative)."""

    above: float
    row: Row


@dataclass(frozen=True, slots=True)
class DelayLine:
    """All worlds together under one table of delays.

    ``above_oracle`` is the sum delivered over the sum of the oracle, less 1, by policy;
    ``static_above_oracle`` and ``nearest_above_oracle`` are the same of the baselines.
    """

    delay: str
    worlds: int
    above_oracle: Mapping[str, float]
    static_above_oracle: float
    nearest_above_oracle: float
    worst_to_static: Worst
    worst_to_nearest: Worst


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of the default policy, whether the rows hold it, and the figures."""

    text: str
    held: bool
    figures: str

    @property
    def verdict(self) -> str:
        """In a word."""
        return "held" if self.held else "missed"


def above(gco2_kwh: float, base_gco2_kwh: float) -> float:
    """Return the share by which one intensity is above another; infinite above a base of 0."""
    if base_gco2_kwh == 0:
        return math.inf if gco2_kwh > 0 else 0.0
    share = gco2_kwh / base_gco2_kwh - 1
    return 0.0 if abs(share) < ROUNDING else share


def lines_of(rows: Sequence[Row]) -> list[DelayLine]:
    """Return a line for each table of delays, in the order of the rows.

    The turns of one late source have no line of their own: theirs is that of their means, where
    the worst world is the worst of the turns.
    """
    in_turn = {row.world for row in rows if row.delay == ONE_LATE}
    names = dict.fromkeys(
        row.delay
        for row in rows
        if not (row.world in in_turn and row.delay.startswith(turn_of(ONE_LATE, "")))
    )
    return [_line(name, rows) for name in names]


def _line(delay: str, rows: Sequence[Row]) -> DelayLine:
    of_delay = [row for row in rows if row.delay == delay]
    by_policy: dict[str, list[Row]] = {}
    for row in of_delay:
        by_policy.setdefault(row.policy, []).append(row)
    default = by_policy[DEFAULT]
    turns = [
        row for row in rows if row.policy == DEFAULT and row.delay.startswith(turn_of(delay, ""))
    ]
    oracle = sum(row.oracle_gco2_kwh for row in default)
    return DelayLine(
        delay=delay,
        worlds=len(default),
        above_oracle={
            name: above(sum(row.delivered_gco2_kwh for row in own), oracle)
            for name, own in by_policy.items()
        },
        static_above_oracle=above(sum(row.best_static_gco2_kwh for row in default), oracle),
        nearest_above_oracle=above(sum(row.nearest_gco2_kwh for row in default), oracle),
        worst_to_static=_worst(
            (above(row.delivered_gco2_kwh, row.best_static_gco2_kwh), row)
            for row in turns or default
        ),
        worst_to_nearest=_worst(
            (above(row.delivered_gco2_kwh, row.nearest_gco2_kwh), row) for row in turns or default
        ),
    )


def _worst(found: Iterable[tuple[float, Row]]) -> Worst:
    return Worst(*max(found, key=lambda entry: entry[0]))


def goals_of(lines: Sequence[DelayLine]) -> list[Goal]:
    """Return the goals that the lines can judge; none where no world ran under usual delays."""
    by_delay = {line.delay: line for line in lines}
    usual = [by_delay[name] for name in USUAL if name in by_delay]
    goals = []
    if usual:
        static = max((line.worst_to_static for line in usual), key=lambda worst: worst.above)
        nearest = max((line.worst_to_nearest for line in usual), key=lambda worst: worst.above)
        goals = [
            Goal(
                f"no world above its best static choice by more than {MOST_ABOVE_STATIC:.0%} "
                "at usual delays",
                static.above <= MOST_ABOVE_STATIC,
                described(static),
            ),
            Goal(
                "no world above its nearest POP at usual delays",
                nearest.above <= 0,
                described(nearest),
            ),
        ]
    for delay, most in MOST_ABOVE_ORACLE.items():
        if delay in by_delay:
            share = by_delay[delay].above_oracle[DEFAULT]
            text = f"all worlds together at most {most:.1%} above the oracle, {delay}"
            goals.append(Goal(text, share <= most, f"{share:+.2%}"))
    return goals


def described(worst: Worst) -> str:
    """Return the share with the world and the delays that it is of."""
    return f"{worst.above:+.2%} ({worst.row.world}, {worst.row.delay})"
