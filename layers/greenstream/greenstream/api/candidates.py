"""The candidates of a decision: each POP of the question with its round trip and its carbon."""

from collections.abc import Mapping
from functools import cache

from greenstream.api.question import RouteQuestion
from greenstream.domain.decision import Candidate, LatencySource
from greenstream.domain.latency import UnitVector, estimate_rtt_ms, km_between, unit_vector
from greenstream.domain.places import pops
from greenstream.domain.ranking import Standing
from greenstream.domain.roundtrips import MeasuredRtt


def candidates(
    question: RouteQuestion,
    standings: Mapping[str, Standing],
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
        What each POP is ranked by: `like_for_like`.
    measured
        The trusted round trips from the question's colo, by POP.
    """
    own, places = question.rtt_ms, _places()
    here = None if question.position is None else unit_vector(*question.position)
    weighed = []
    for pop in question.pops:
        name, samples = pop.pop, None
        latency_ms, source = own.get(name), LatencySource.REQUEST
        if latency_ms is None and name in measured:
            known = measured[name]
            latency_ms, source, samples = known.rtt_ms, LatencySource.MEASURED, known.samples
        elif latency_ms is None and here is not None:
            latency_ms = estimate_rtt_ms(km_between(here, places[name]))
            source = LatencySource.DISTANCE
        elif latency_ms is None:
            source = LatencySource.UNKNOWN
        carbon, proxy_reason, proxy = standings[name]
        weighed.append(Candidate(name, latency_ms, source, carbon, samples, proxy, proxy_reason))
    return weighed


@cache
def _places() -> Mapping[str, UnitVector]:
    return {pop.pop: unit_vector(pop.lat, pop.lon) for pop in pops().values()}
