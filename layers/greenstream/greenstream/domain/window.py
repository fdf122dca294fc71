"""The cleanest window of a zone's coming hours: when a job of a given length should run.

A window's mean weighs each interval of the outlook by its overlap with the window. Only windows
that the outlook covers completely count, since nothing is known of the rest. The functions are
pure.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate, pairwise

from greenstream.domain.comparability import Counting
from greenstream.domain.outlook import Outlook
from greenstream.domain.reading import ForecastPoint, Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of time within an outlook, and its mean intensity.

    Parameters
    ----------
    outlook
        The outlook.
    start, end
        The bounds of the window, in UTC.
    gco2_kwh
        The mean over the window in g/kWh.
    at_once_gco2_kwh
        The mean in g/kWh over a window of the same length that starts at once, or ``None`` where
        the outlook does not cover it.
    """

    outlook: Outlook
    start: datetime
    end: datetime
    gco2_kwh: float
    at_once_gco2_kwh: float | None


def cleanest(
    outlook: Outlook, *, duration: timedelta, earliest: datetime, latest: datetime
) -> Window | None:
    """Return the window with the lowest mean; the earliest one of equals.

    Parameters
    ----------
    outlook
        The zone's coming hours.
    duration
        The length of the window.
    earliest, latest
        The instants between which the window lies, in UTC.

    Returns
    -------
    Window or None
        ``None`` when the outlook covers no window of this length.
    """
    means = [
        (round(mean, 6), start)
        for run in _runs(outlook.points, earliest, latest)
        for start, mean in run.means(duration)
    ]
    if not means:
        return None
    gco2_kwh, start = min(means)
    at_once = [mean for mean, instant in means if instant == earliest]
    return Window(
        outlook=outlook,
        start=start,
        end=start + duration,
        gco2_kwh=gco2_kwh,
        at_once_gco2_kwh=at_once[0] if at_once else None,
    )


def same_kind(
    windows_by_zone: Mapping[str, Sequence[Window]], kinds: Sequence[Kind]
) -> tuple[Mapping[str, Window], Counting]:
    """Choose one window for each zone, all of one kind if possible.

    A kind in which each zone has its best rung comes first, so that no zone is judged by a mean
    where it has a forecast of the kind that the others have. Otherwise it is the first kind that
    each zone has at all.

    Parameters
    ----------
    windows_by_zone
        The windows of each zone, those on the best rung first.
    kinds
        The kinds that may be chosen, the preferred first. A window of another kind is left out.

    Returns
    -------
    Mapping
        One window by zone, for the zones that have any. Where they share no kind, it is the first
        window of each zone.
    Counting
        The ways in which the figures of these windows are counted.
    """
    having = {
        zone: of_kinds
        for zone, windows in windows_by_zone.items()
        if (of_kinds := [window for window in windows if window.outlook.kind in kinds])
    }
    shared = [
        of_kind
        for kind in kinds
        if len(of_kind := _of_kind(having, kind)) == len(having) and having
    ]
    best = [
        of_kind
        for of_kind in shared
        if all(of_kind[zone].outlook.rung is having[zone][0].outlook.rung for zone in having)
    ]
    chosen = next(iter(best + shared), {zone: windows[0] for zone, windows in having.items()})
    return chosen, _counting(chosen.values())


def _of_kind(having: Mapping[str, Sequence[Window]], kind: Kind) -> dict[str, Window]:
    """Return the first window of a kind of each zone that has one."""
    return {
        zone: window
        for zone, windows in having.items()
        if (window := next((w for w in windows if w.outlook.kind == kind), None))
    }


def _counting(windows: Iterable[Window]) -> Counting:
    outlooks = [window.outlook for window in windows]
    return Counting(
        frozenset(outlook.kind for outlook in outlooks),
        frozenset(outlook.scope for outlook in outlooks),
        frozenset(outlook.factor_set for outlook in outlooks),
    )


class _Run:
    """Intervals without a gap between them, cut to the bounds of the question.

    Parameters
    ----------
    edges
        The instants at which the intervals begin and end, in UTC; one more than ``values``.
    values
        The intensity of each interval in g/kWh.
    """

    def __init__(self, edges: Sequence[datetime], values: Sequence[float]) -> None:
        self._edges = edges
        self._values = values
        lengths = [(end - start).total_seconds() for start, end in pairwise(edges)]
        amounts = (value * length for value, length in zip(values, lengths, strict=True))
        self._integral = list(accumulate(amounts, initial=0.0))

    def means(self, duration: timedelta) -> Iterator[tuple[datetime, float]]:
        """Yield each start that can be the best, and the mean of its window in g/kWh.

        The mean is a linear function of the start while neither end of the window crosses an
        edge. Therefore the lowest mean occurs where one of the ends is on an edge.
        """
        first, last = self._edges[0], self._edges[-1] - duration
        starts = {*self._edges, *(edge - duration for edge in self._edges)}
        for start in starts:
            if first <= start <= last:
                whole = self._until(start + duration) - self._until(start)
                yield start, whole / duration.total_seconds()

    def _until(self, instant: datetime) -> float:
        """Return the integral from the first edge to an instant, in g/kWh times seconds."""
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
