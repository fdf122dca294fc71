"""The decision log: a line for some answers, and at most one line of metrics a minute.

A line for every answer would cost more than the answers. Counts are of a warm process and are
flushed with a later answer, so that a frozen process loses what it had not flushed: the counts are
lower bounds. The platform counts requests, errors and durations exactly and free of charge.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from greenstream.domain.attribution import Comparison
from greenstream.domain.clock import Clock
from greenstream.domain.decision import Decision
from greenstream.domain.ladder import Rung
from greenstream.domain.ranking import Standings
from greenstream.ports.telemetry import FlushedTelemetry

FLUSH_EVERY: Final = timedelta(minutes=1)

COMPARED: Final = "compared"
"""Message of the line that compares decisions with their baselines; ``greenstream report`` adds
these lines up."""


@dataclass(slots=True)
class _Minute:
    """What was decided since the last flush."""

    counts: Counter[str]
    oldest_age_s: float = 0.0
    differences: int = 0
    difference_gco2_kwh: float = 0.0
    compared: Comparison = field(default_factory=Comparison)


class DecisionLog:
    """Logs answers and counts decisions.

    Parameters
    ----------
    telemetry
        Receives the lines and the counts.
    clock
        Returns the present instant, by which the counts are due.
    """

    def __init__(self, telemetry: FlushedTelemetry, clock: Clock) -> None:
        self._telemetry = telemetry
        self._clock = clock
        self._answers = 0
        self._was_failing = False
        self._minute = _Minute(Counter())
        self._flushed_at: datetime | None = None

    def decided(self, decision: Decision, standings: Standings, *, degraded: bool) -> None:
        """Count a decision and compare it with its baselines."""
        minute = self._minute
        minute.counts["Decisions"] += 1
        minute.compared.add(decision)
        minute.counts["DegradedAnswers"] += degraded
        for rung, count in standings.rungs.items():
            minute.counts[_RUNG_METRIC[rung]] += count
        if standings.disputed:
            minute.counts["DisputedFigures"] += len(standings.disputed)
        minute.oldest_age_s = max(minute.oldest_age_s, standings.oldest_age_s)
        if decision.attributed_difference_gco2_kwh is not None:
            minute.differences += 1
            minute.difference_gco2_kwh += decision.attributed_difference_gco2_kwh

    def answered(
        self,
        status: int,
        fields: Callable[[], Mapping[str, object]],
        *,
        store_failing: bool | None,
        every: int,
    ) -> None:
        """Log one answer in ``every``.

        Faults of the router and the answers at which the store begins or ceases to fail are
        always logged.

        Parameters
        ----------
        fields
            Returns the fields of the line. It is called only for an answer that is logged.
        store_failing
            Whether the store failed, ``None`` where the answer says nothing of the store.
        """
        turned = store_failing is not None and store_failing != self._was_failing
        if turned:
            self._was_failing = not self._was_failing
        if self._answers % every == 0 or turned or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._telemetry.event("info", "answered", status=status, **fields())
        self._answers += 1
        self._flush_when_due()

    def failed(self, path: str, correlation: str) -> None:
        """Log the exception that is being handled, with its stack."""
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
        if minute.compared != Comparison():
            # A line and no metric, since it is read once a week and metrics cost by the month.
            self._telemetry.event("info", COMPARED, **minute.compared.means())
        self._telemetry.flush()
        self._minute, self._flushed_at = _Minute(Counter()), now


_RUNG_METRIC: Final = {
    rung: "Rung" + "".join(word.capitalize() for word in rung.split("_")) for rung in Rung
}
