"""The router's decision for many instants and visitors at once, equal to it figure by figure.

`figures` is the ladder (`greenstream.domain.ladder`), `Chooser` the decision
(`greenstream.domain.routing.decide`): the same operations on the same doubles in the same order, so
that not even a tie falls otherwise. The tests hold both to the originals.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from greenstream.domain.drift import persistence
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream_tuning.feeds import Feed, Seen
from greenstream_tuning.traces import Floats, Ints

Bools = npt.NDArray[np.bool_]


def figures(seen: Seen, feed: Feed, policy: Policy) -> Floats:
    """Return the carbon a POP is ranked by at each instant, g/kWh; NaN where none is known."""
    drifts = policy.freshness_model is FreshnessModel.DRIFT
    penalty = _penalty(seen.age_s, policy)
    if drifts:
        share = _persistence(seen.age_s, policy)
        value = np.maximum(0.0, seen.profile_now + share * (seen.gco2_kwh - seen.profile_then))
        drift = np.where(seen.age_s == 0.0, 0.0, value - seen.gco2_kwh)
        penalty = np.where(np.isnan(drift), penalty, drift)
    observed = seen.age_s <= max(feed.max_age_s, policy.max_stale_s)  # also refuses NaN
    oldest = _penalty(np.array(max(feed.max_age_s, policy.max_stale_s)), policy)
    past = seen.hour_mean + (0.0 if drifts else oldest)
    past = np.where(np.isnan(past), feed.annual_mean_gco2_kwh + oldest, past)
    return np.where(observed, seen.gco2_kwh + penalty, past)


def _penalty(age_s: Floats, policy: Policy) -> Floats:
    late_s = np.maximum(0.0, age_s - policy.penalty_grace_s)
    penalty: Floats = late_s / 60.0 * policy.penalty_slope_gco2_kwh_min
    return penalty


def _persistence(age_s: Floats, policy: Policy) -> Floats:
    # Through the router's own function, since a vectorised power may differ in the last bit.
    ages, back = np.unique(age_s, return_inverse=True)
    half_life_s = policy.drift_half_life_s
    shares = np.array([persistence(float(age), half_life_s) for age in ages])
    return shares[back].reshape(age_s.shape)


class Chooser:
    """Decides for visitors of several places, under several latency limits, step after step.

    Parameters
    ----------
    pops
        Names of the POPs: the last word in a tie.
    rtt_ms
        Visitors by POPs; NaN where unknown.
    policy
        The policy in force; its own latency limit is not looked at.
    limits_ms
        Latency limits in rising order.
    """

    def __init__(
        self, pops: Sequence[str], rtt_ms: Floats, policy: Policy, limits_ms: Sequence[float]
    ) -> None:
        self._keep = 1 - policy.switch_margin
        self._priced = policy.latency_price_gco2_kwh_ms * np.nan_to_num(rtt_ms, nan=0.0)
        self._visitors = [_Visitor(pops, row, limits_ms) for row in rtt_ms]
        shape = (len(limits_ms), len(rtt_ms))
        within = np.zeros((*shape, len(pops)), dtype=np.bool_)
        for number, visitor in enumerate(self._visitors):
            for limit, count in enumerate(visitor.within):
                within[limit, number, list(visitor.order[:count])] = True
        self._within = within.reshape(-1, len(pops))
        self._current = np.full(len(self._within), -1)

    def choose(self, carbon: Floats) -> Ints:
        """Return the chosen POP by step, limit and visitor, given POPs by steps of g/kWh.

        The last choice is remembered: a further call goes on where this one ended.
        """
        shape = (carbon.shape[1], len(self._visitors[0].within), len(self._visitors))
        best = np.empty(shape, dtype=np.int64)
        lowest = np.empty(shape)
        dark: Bools = np.logical_and.reduce(np.isnan(carbon), axis=0)
        for number, visitor in enumerate(self._visitors):
            visitor.best(carbon, self._priced[number], dark, best[..., number], lowest[..., number])
        chosen = best.reshape(shape[0], -1)
        self._keep_where_the_best_is_not_better(carbon, chosen, lowest.reshape(shape[0], -1))
        return chosen.reshape(shape)

    def _keep_where_the_best_is_not_better(
        self, carbon: Floats, chosen: Ints, lowest: Floats
    ) -> None:
        lanes = np.arange(chosen.shape[1])
        priced = np.tile(self._priced, (len(lanes) // len(self._visitors), 1))
        by_step = np.ascontiguousarray(carbon.T)
        current = self._current
        for step in range(len(chosen)):
            score = by_step[step].take(current, mode="wrap") + priced[lanes, current]
            stays = lowest[step] >= score * self._keep  # never where there is no figure
            stays &= self._within[lanes, current]
            stays &= current >= 0
            stays &= lowest[step] < np.inf
            current = np.where(stays, current, chosen[step])
            chosen[step] = current
        self._current = current


class _Visitor:
    """What one visitor's round trips settle once and for all.

    ``order`` has the POPs by round trip, then name; the first ``within[n]`` of them are within
    limit n. ``nearest`` are those that share the shortest round trip.
    """

    def __init__(self, pops: Sequence[str], rtt_ms: Floats, limits_ms: Sequence[float]) -> None:
        some_latency = not np.isnan(rtt_ms).all()
        by_latency = np.where(np.isnan(rtt_ms), np.inf, rtt_ms)
        self.order = sorted(range(len(pops)), key=lambda pop: (by_latency[pop], pops[pop]))
        self.within = [
            int((by_latency <= limit_ms).sum()) if some_latency else len(pops)
            for limit_ms in limits_ms
        ]
        self.nearest = [pop for pop in self.order if by_latency[pop] == by_latency.min()]

    def best(self, carbon: Floats, priced: Floats, dark: Bools, best: Ints, lowest: Floats) -> None:
        """Fill in the best POP and its score by step and limit.

        The score is infinite where the POP is not taken for its carbon.
        """
        near, _ = _first_lowest(self.nearest, carbon, priced)
        found, score = _first_lowest([], carbon, priced)
        done = 0
        for limit, count in enumerate(self.within):
            _lower(self.order[done:count], carbon, priced, found, score)
            done = count
            unknown = np.isinf(score)
            best[:, limit] = np.where(unknown, near, found)
            if count:
                best[dark, limit] = self.order[0]
            lowest[:, limit] = score


def _first_lowest(pops: Sequence[int], carbon: Floats, priced: Floats) -> tuple[Ints, Floats]:
    """Return the first POP of the lowest score, and that score; the first where none has one."""
    found = np.full(carbon.shape[1], pops[0] if pops else -1)
    score = np.full(carbon.shape[1], np.inf)
    _lower(pops, carbon, priced, found, score)
    return found, score


def _lower(pops: Sequence[int], carbon: Floats, priced: Floats, found: Ints, score: Floats) -> None:
    """Put POPs of a lower score in the place of those found before them."""
    for pop in pops:
        other = carbon[pop] + priced[pop]
        lower = other < score  # never where there is no figure
        np.copyto(score, other, where=lower)
        found[lower] = pop
