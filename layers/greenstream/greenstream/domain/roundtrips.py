"""Round trips as reporters measure them: one robust figure for each colo and POP.

A reporter may be broken or lie, so that each report has one vote whatever it holds, and the
figure is the median of the last votes: as long as fewer than half of them are false, it lies
between two true ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

MIN_RTT_MS: Final = 0.1
MAX_RTT_MS: Final = 60_000.0
"""What a sample may say: below is no network, above is no answer."""

VOTES: Final = 15
"""Reports remembered: seven false ones in a row do not carry the median away."""

TRUSTED_SAMPLES: Final = 5
"""Samples from which the figure stands for the path rather than for one visitor."""

LIFE: Final = timedelta(days=7)
"""How long the last report stands for the path: routes are re-laid, reporters go away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RttSample:
    """One round trip (ms) from a colo, the edge's three-letter code, to a POP."""

    colo: str
    pop: str
    rtt_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRtt:
    """What has been reported of one colo and POP: the last votes (ms) and all samples' count."""

    colo: str
    pop: str
    votes_ms: tuple[float, ...]
    samples: int
    updated_at: datetime

    @property
    def rtt_ms(self) -> float:
        """The median of the votes, ms."""
        return median(self.votes_ms)

    def stands_at(self, now: datetime) -> bool:
        """Return whether the figure may stand for the path now."""
        return self.samples >= TRUSTED_SAMPLES and now - self.updated_at < LIFE


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two in the middle.

    Raises
    ------
    IndexError
        Without any value.
    """
    # The standard library's `statistics` costs a cold start more than this line.
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def add_report(
    known: MeasuredRtt | None, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime
) -> MeasuredRtt:
    """Return what is known of a colo and POP after one report of round trips (ms, at least one).

    What is older than `LIFE` is forgotten first.
    """
    vote_ms = round(median(rtts_ms), 1)
    if known is None or at - known.updated_at >= LIFE:
        return MeasuredRtt(
            colo=colo, pop=pop, votes_ms=(vote_ms,), samples=len(rtts_ms), updated_at=at
        )
    return MeasuredRtt(
        colo=colo,
        pop=pop,
        votes_ms=(*known.votes_ms, vote_ms)[-VOTES:],
        samples=known.samples + len(rtts_ms),
        updated_at=max(at, known.updated_at),
    )
