"""When to run: the cleanest stretch of a forecast. Pure.

The mean over a stretch is the forecast's, each interval weighted by its overlap; only stretches
that the forecast wholly covers count, for what is not forecast is not known to be clean.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from greenstream.domain.reading import Forecast, ForecastPoint
from greenstream.domain.routing import AVERAGE, MARGINAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of a forecast and its mean; ``at_once_gco2_kwh`` is that of starting at once.

    The latter is ``None`` where the forecast does not cover it.
    """

    forecast: Forecast
    start: datetime
    end: datetime
    gco2_kwh: float
    at_once_gco2_kwh: float | None


def cleanest(
    forecast: Forecast, *, duration: timedelta, earliest: datetime, latest: datetime
) -> Window | None:
    """Return the cleanest stretch of this duration between two instants, the first of equals.

    ``None`` where the forecast covers no such stretch.
    """
    means = [
        (round(mean, 6), start)
        for run in _runs(forecast.points, earliest, latest)
        for start, mean in run.means(duration)
    ]
    if not means:
        return None
    gco2_kwh, start = min(means)
    at_once = [mean for mean, instant in means if instant == earliest]
    return Window(
        forecast=forecast,
        start=start,
        end=start + duration,
        gco2_kwh=gco2_kwh,
        at_once_gco2_kwh=at_once[0] if at_once else None,
    )


def of_one_kind(found: Mapping[str, Sequence[Window]]) -> tuple[Mapping[str, Window], bool]:
    """Give each zone one of its windows, of a kind that all share, and say whether there is one.

    Average before marginal, direct before lifecycle, as in decisions; where no kind is shared,
    each zone keeps its first window and the second value is ``False``, as it is where no zone has
    a window at all.
    """
    having = {zone: windows for zone, windows in found.items() if windows}
    for kind in AVERAGE + MARGINAL:
        of_kind = {
            zone: window
            for zone, windows in having.items()
            if (window := next((one for one in windows if one.forecast.kind == kind), None))
        }
        if having and len(of_kind) == len(having):
            return of_kind, True
    return {zone: windows[0] for zone, windows in having.items()}, False


class _Run:
    """Intervals without a gap between them, cut to the question's bounds."""

    def __init__(self, edges: Sequence[datetime], values: Sequence[float]) -> None:
        self._edges = edges
        self._values = values
        lengths = [(end - start).total_seconds() for start, end in pairwise(edges)]
        amounts = (value * length for value, length in zip(values, lengths, strict=True))
        self._integral = list(accumulate(amounts, initial=0.0))

    def means(self, duration: timedelta) -> Iterator[tuple[datetime, float]]:
        """Give each start that can be the best, and its mean.

        The mean is linear in the start as long as neither end of the stretch crosses an edge,
        so that the least is found where one of them is on an edge.
        """
        first, last = self._edges[0], self._edges[-1] - duration
        starts = {*self._edges, *(edge - duration for edge in self._edges)}
        for start in starts:
            if first <= start <= last:
                whole = self._until(start + duration) - self._until(start)
                yield start, whole / duration.total_seconds()

    def _until(self, instant: datetime) -> float:
        """Return the integral from the run's beginning to an instant, g/kWh times seconds."""
        index = min(bisect_right(self._edges, instant), len(self._values)) - 1
        inside = (instant - self._edges[index]).total_seconds()
        return self._integral[index] + self._values[index] * inside


def _runs(points: Iterable[ForecastPoint], earliest: datetime, latest: datetime) -> Iterator[_Run]:
    edges: list[datetime] = []
    values: list[float] = []
    for point in points:
        start, end = max(point.valid_from, earliest), min(point.valid_to, latest)
        if start >= end:
            continue
        if edges and edges[-1] != start:
            yield _Run(edges, values)
            edges, values = [], []
        edges += [end] if edges else [start, end]
        values.append(point.gco2_kwh)
    if edges:
        yield _Run(edges, values)
