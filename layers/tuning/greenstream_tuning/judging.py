"""How a policy is judged: what it delivers on a time, and what less carbon may not cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from greenstream.domain.policy import Policy
from greenstream_tuning.replay import ORACLE, Row, Span, replay
from greenstream_tuning.world import World

DAILY_SWITCHES: Final = 2 * 365.25
"""The switches per year and visitor that are always allowed.

Carbon has one clean and one dirty time a day, so a visitor who follows it switches twice a day.
Each switch costs a new connection and cold caches. When the policy in force switches more often, a
candidate may switch as often as it does.
"""

UNSEEN_SWITCHES: Final = 1.25
"""By what factor a candidate may exceed the allowed switches on the weeks that judge it, since
weeks differ."""

P95_SLACK_MS: Final = 1.0
"""By how many milliseconds a candidate's p95 round trip may exceed that of the policy in force."""


@dataclass(frozen=True, slots=True)
class Score:
    """The results of a policy over a time.

    Parameters
    ----------
    delivered_gco2_kwh, oracle_gco2_kwh
        The delivered intensity of the policy and of the oracle in g/kWh, means over the limits.
    p95_rtt_ms
        The 95th percentile of the round trips in milliseconds, for each limit in order.
    violations
        The decisions above the limit, for each limit in order.
    switches_per_year
        The switches per year and visitor, for each limit in order.
    """

    delivered_gco2_kwh: float
    oracle_gco2_kwh: float
    p95_rtt_ms: tuple[float, ...]
    violations: tuple[int, ...]
    switches_per_year: tuple[float, ...]

    @property
    def excess(self) -> float:
        """By what share the policy delivers more than the oracle."""
        return self.delivered_gco2_kwh / self.oracle_gco2_kwh - 1

    def breaches(self, in_force: "Score", slack: float = 1.0) -> dict[str, float]:
        """Return by how much the policy exceeds each constraint, at the limit where it is worst.

        A constraint whose value is 0 or less is met.

        Parameters
        ----------
        in_force
            The score of the policy in force over the same time.
        slack
            The factor by which the allowed switches are multiplied.
        """
        allowed = [slack * max(count, DAILY_SWITCHES) for count in in_force.switches_per_year]
        return {
            "p95_rtt_ms": _greatest_excess(self.p95_rtt_ms, in_force.p95_rtt_ms) - P95_SLACK_MS,
            "violations": _greatest_excess(self.violations, in_force.violations),
            "switches_per_year": _greatest_excess(self.switches_per_year, allowed),
        }

    @property
    def mean_switches(self) -> float:
        """The switches per year and visitor, as the mean over the limits."""
        return float(np.mean(self.switches_per_year))


def _greatest_excess(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return max(own - other for own, other in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Fold:
    """The judgement of one candidate.

    Parameters
    ----------
    cut_s, until_s
        The candidate was searched on the time before the cut and judged on the time from it to
        the end, in epoch seconds.
    in_force, candidate
        The scores of the policy in force and of the candidate.
    gain
        The share of carbon that the candidate saved over the policy in force.
    broken
        The names of the constraints that the candidate did not meet.
    """

    cut_s: int
    until_s: int
    in_force: Score
    candidate: Score
    gain: float
    broken: tuple[str, ...]


def score(world: World, span: Span, policy: Policy, limits_ms: Sequence[float]) -> Score:
    """Replay one policy and return its results.

    Raises
    ------
    greenstream_tuning.replay.NothingKnownError
        When the intensity of all POPs is known at no step.
    """
    rows = replay(world, span, {"candidate": policy}, limits_ms=limits_ms)
    own = [row for row in rows if row.policy == "candidate"]
    return Score(
        delivered_gco2_kwh=_mean(own),
        oracle_gco2_kwh=_mean([row for row in rows if row.policy == ORACLE]),
        p95_rtt_ms=tuple(row.p95_rtt_ms for row in own),
        violations=tuple(row.violations for row in own),
        switches_per_year=tuple(row.switches_per_year for row in own),
    )


def _mean(rows: Sequence[Row]) -> float:
    return float(np.mean([row.delivered_gco2_kwh for row in rows]))
