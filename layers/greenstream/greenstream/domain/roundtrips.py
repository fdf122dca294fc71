"""Round trips that reporters measure: one robust figure for each colo and POP.

A reporter may be broken or may lie. Therefore each report has one vote, however many samples it
holds, and the figure is the median of the last votes. As long as fewer than half of the votes are
false, the figure lies between two true ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

MIN_RTT_MS: Final = 0.1
MAX_RTT_MS: Final = 60_000.0
"""The bounds of a sample. No network is faster, and no answer is waited for longer."""

VOTES: Final = 15
"""How many votes are stored. Seven false ones in a row do not spoil the median."""

TRUSTED_SAMPLES: Final = 5
"""How many samples a trusted figure needs. Fewer may describe one visitor instead of the path."""

LIFE: Final = timedelta(days=7)
"""How long a figure is trusted after its last report. Routes change, and reporters disappear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RttSample:
    """One measured round trip.

    Parameters
    ----------
    colo
        The three capital letters of the Cloudflare data centre where the round trip began.
    pop
        The POP that answered.
    rtt_ms
        The round-trip time in milliseconds.
    """

    colo: str
    pop: str
    rtt_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredRtt:
    """What reporters have measured between one colo and one POP.

    Parameters
    ----------
    colo, pop
        The ends of the path.
    votes_ms
        The votes of the last reports in milliseconds, the oldest first, at most `VOTES`.
    samples
        The number of all samples so far.
    updated_at
        The time of the last report, in UTC.
    """

    colo: str
    pop: str
    votes_ms: tuple[float, ...]
    samples: int
    updated_at: datetime

    @property
    def rtt_ms(self) -> float:
        """The median of the votes, ms."""
        return median(self.votes_ms)

    def is_trusted_at(self, now: datetime) -> bool:
        """Return whether the figure has enough samples and is recent enough."""
        return self.samples >= TRUSTED_SAMPLES and now - self.updated_at < LIFE


def median(values: Sequence[float]) -> float:
    """Return the middle value, or the mean of the two in the middle.

    Raises
    ------
    IndexError
        When there is no value.
    """
    # To import the standard library's `statistics` would make a cold start slower.
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def add_report(
    known: MeasuredRtt | None, colo: str, pop: str, rtts_ms: Sequence[float], at: datetime
) -> MeasuredRtt:
    """Return what is known of a colo and POP after one more report.

    Parameters
    ----------
    known
        What was known before; ``None`` if nothing was. It is dropped if it is older than `LIFE`.
    colo, pop
        The ends of the path.
    rtts_ms
        The report's samples in milliseconds, at least one.
    at
        The time of the report, in UTC.

    Raises
    ------
    IndexError
        When the report has no sample.
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
