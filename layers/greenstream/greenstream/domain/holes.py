"""Refused points of a series: each leaves a hole, and one error for each reason names them all."""

from collections.abc import Iterable
from datetime import datetime

from greenstream.domain.errors import InvalidError


def holes(refused: Iterable[tuple[datetime, InvalidError]]) -> list[InvalidError]:
    """Return one error for each reason, so that a spoilt series is not counted point by point.

    Parameters
    ----------
    refused
        The start of each refused point, in UTC, and the error that refuses it.

    Returns
    -------
    list[InvalidError]
        The first error of each reason. When there are more of the reason, the message says how
        many and where the first one is.
    """
    by_reason: dict[str, list[tuple[datetime, InvalidError]]] = {}
    for start, error in refused:
        by_reason.setdefault(error.reason, []).append((start, error))
    summed_up: list[InvalidError] = []
    for reason, points in by_reason.items():
        start, first = min(points, key=lambda point: point[0])
        more = "" if len(points) == 1 else f" (and {len(points) - 1} more points)"
        summed_up.append(
            InvalidError(
                f"the point at {start:%Y-%m-%dT%H:%MZ} is left out{more}: {first.message}",
                reason=reason,
                provider=first.provider,
                zone=first.zone,
            )
        )
    return summed_up
