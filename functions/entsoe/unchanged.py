"""Recognises an answer that says the same as the last one, so that it is not read again.

A zone is asked two or three times in the hour in which its operator publishes once. To parse and
to judge the same 36 hours again would take most of a run's time.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from greenstream.domain.reading import Reading
from greenstream.ports.provider import Batch

FIRST_SERIES: Final = b"<TimeSeries"
"""The header before it names the time of the answer, and so differs between two answers."""


def fingerprint(body: bytes) -> int:
    """Return a hash of an answer's series, or of the whole answer where its bytes show no series.

    It is Python's own hash, which is keyed by each process, since it takes a fifth of the time of
    the others. A ZIP is hashed as a whole, and so is not recognised after it was packed anew.
    """
    start = max(body.find(FIRST_SERIES), 0)
    return hash(memoryview(body)[start:])


@dataclass(frozen=True, slots=True)
class Answered:
    """The last answer of a zone, when all its readings have been stored and nothing was refused.

    Parameters
    ----------
    fingerprint
        The hash of the answer.
    next_end
        When the next slot of the answer ends, in UTC. From then on the answer brings more, although
        it says the same. ``None`` where all its slots had ended.
    newest
        The readings of the newest slot.
    """

    fingerprint: int
    next_end: datetime | None
    newest: tuple[Reading, ...]

    @classmethod
    def of(cls, fingerprint: int, next_end: datetime | None, batch: Batch) -> Self | None:
        """Make it of the batch of an answer. ``None`` where the batch reports an error."""
        if batch.errors or not batch.readings:
            return None
        newest = max(reading.valid_to for reading in batch.readings)
        return cls(
            fingerprint,
            next_end,
            tuple(reading for reading in batch.readings if reading.valid_to == newest),
        )

    def again(self, fingerprint: int, now: datetime) -> Batch | None:
        """Return the batch that the same answer brings at a later time (UTC).

        ``None`` where the answer has changed, or where another of its slots has ended.
        """
        if fingerprint != self.fingerprint or (self.next_end is not None and now >= self.next_end):
            return None
        return Batch(readings=tuple(replace(reading, fetched_at=now) for reading in self.newest))
