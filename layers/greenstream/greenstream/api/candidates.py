"""The candidates of a decision: each POP of the question with its round trip and its carbon."""

from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Final

from greenstream.api.question import RouteQuestion
from greenstream.domain.decision import Candidate, LatencySource
from greenstream.domain.latency import UnitVector, estimate_rtt_ms, km_between, unit_vector
from greenstream.domain.places import place
from greenstream.domain.ranking import Standings
from greenstream.domain.roundtrips import MeasuredRtt

_candidate_of: Final = partial(tuple.__new__, Candidate)
"""Makes a candidate of all its fields, in their order: ``Candidate._make`` in two thirds of the
time, since it calls no Python function. Only a list of rows of seven fields may use it."""

MAX_POSITIONS: Final = 256
"""For how many positions the estimated round trips are cached.

The Worker rounds positions to a tenth of a degree, so that a busy process meets the same ones."""

MAX_PLACES: Final = 1024
"""For how many places the position on the sphere is cached: more than the tables have."""


def candidates(
    question: RouteQuestion,
    standings: Standings,
    measured: Mapping[str, MeasuredRtt],
) -> list[Candidate]:
    """Return a candidate for each POP of the question.

    Its round trip is the one that the caller states, else the measured one, else an estimate from
    the distance, else unknown.

    Parameters
    ----------
    question
        The question.
    standings
        What each POP is ranked by.
    measured
        The trusted round trips from the question's colo, by POP.
    """
    own = question.rtt_ms
    estimated = _estimated_rtts_ms(standings.names, question.position)
    of_estimate = LatencySource.UNKNOWN if question.position is None else LatencySource.DISTANCE
    latencies_ms: list[float | None] = [*estimated]
    sources = [of_estimate] * len(estimated)
    samples: list[int | None] = [None] * len(estimated)
    if own or measured:
        for nth, name in enumerate(standings.names):
            if name in own:
                latencies_ms[nth], sources[nth] = own[name], LatencySource.REQUEST
            elif name in measured:
                known = measured[name]
                latencies_ms[nth], sources[nth] = known.rtt_ms, LatencySource.MEASURED
                samples[nth] = known.samples
    columns = (
        standings.names,
        latencies_ms,
        sources,
        standings.figures,
        samples,
        standings.proxies,
        standings.proxy_reasons,
    )
    return list(map(_candidate_of, zip(*columns, strict=True)))


@lru_cache(maxsize=MAX_POSITIONS)
def _estimated_rtts_ms(
    names: tuple[str, ...], position: tuple[float, float] | None
) -> tuple[float | None, ...]:
    """Return the estimated round trip to each POP, ms; ``None`` where the position is unknown."""
    if position is None:
        return (None,) * len(names)
    here = unit_vector(*position)
    return tuple([estimate_rtt_ms(km_between(here, _where(name))) for name in names])


@lru_cache(maxsize=MAX_PLACES)
def _where(name: str) -> UnitVector:
    known = place(name)
    return unit_vector(known.lat, known.lon)
