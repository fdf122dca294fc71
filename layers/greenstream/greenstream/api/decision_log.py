"""What the router tells of itself: one line for some answers, one metrics line a minute at most.

Logs would otherwise cost more than the answers. Counts are of a warm process and flushed with a
later answer, so that what a frozen process had not yet told is lost: they are lower bounds. The
platform counts requests, errors and durations exactly and for nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from greenstream.domain.attribution import Comparison
from greenstream.domain.clock import Clock
from greenstream.domain.ladder import Rung
from greenstream.domain.routing import Decision
from greenstream.ports.telemetry import FlushedTelemetry

FLUSH_EVERY: Final = timedelta(minutes=1)

COMPARED: Final = "compared"
"""Message of the line that holds decisions against their baselines; ``greenstream report``
adds these up."""


@dataclass(slots=True)
class _Minute:
    """What was decided since the last flush."""

    counts: Counter[str]
    oldest_age_s: float = 0.0
    differences: int = 0
    difference_gco2_kwh: float = 0.0
    compared: Comparison = field(default_factory=Comparison)


class DecisionLog:
    """Tells answers and counts decisions.

    Parameters
    ----------
    telemetry
        Gets the lines and the counts.
    clock
        Tells when counts are due.
    """

    def __init__(self, telemetry: FlushedTelemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._answers = 0
        self._was_degraded = False
        self._minute = _Minute(Counter())
        self._flushed_at: datetime | None = None

    def decided(self, decision: Decision, *, degraded: bool) -> None:
        """Count a decision."""
        minute = self._minute
        minute.counts["Decisions"] += 1
        minute.compared = minute.compared.with_decision(decision)
        minute.counts["DegradedAnswers"] += degraded
        carbons = [entry.candidate.carbon for entry in decision.candidates]
        for rung, count in Counter([carbon.rung for carbon in carbons]).items():
            minute.counts[_RUNG_METRIC[rung]] += count
        oldest_age_s = max([carbon.age_s or 0.0 for carbon in carbons])
        minute.oldest_age_s = max(minute.oldest_age_s, oldest_age_s)
        if decision.attributed_difference_gco2_kwh is not None:
            minute.differences += 1
            minute.difference_gco2_kwh += decision.attributed_difference_gco2_kwh

    def answered(self, status: int, fields: Mapping[str, object], *, every: int) -> None:
        """Tell one answer in ``every``; faults, and where degradation begins or ends, always."""
        degraded = bool(fields.get("degraded", self._was_degraded))
        turned, self._was_degraded = degraded != self._was_degraded, degraded
        if self._answers % every == 0 or turned or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._telemetry.event("info", "answered", status=status, **fields)
        self._answers += 1
        self._flush_when_due()

    def failed(self, path: str, correlation: str) -> None:
        """Tell the exception that is being handled, with its stack."""
        self._telemetry.event(
            "exception", "the router failed", path=path, correlation_id=correlation
        )

    def _flush_when_due(self) -> None:
        now, minute = self._clock(), self._minute
        flushed_at = self._flushed_at
        if not minute.counts["Decisions"] or (
            flushed_at is not None and timedelta(0) <= now - flushed_at < FLUSH_EVERY
        ):
            return
        for name, count in minute.counts.items():
            self._telemetry.count(name, count)
        self._telemetry.count("OldestRankedAge", minute.oldest_age_s, "Seconds")
        if minute.differences:
            mean = minute.difference_gco2_kwh / minute.differences
            self._telemetry.count("AttributedDifference", mean, "None")
        if minute.compared.decisions:
            # A line and no metric: read once a week, and metrics are paid for by the month.
            self._telemetry.event("info", COMPARED, **minute.compared.means())
        self._telemetry.flush()
        self._minute, self._flushed_at = _Minute(Counter()), now


_RUNG_METRIC: Final = {
    rung: "Rung" + "".join(word.capitalize() for word in rung.split("_")) for rung in Rung
}
