"""The router's decision for many instants and visitors at once, equal to it figure by figure.

`figures` is the ladder (`greenstream.domain.ladder`), `Chooser` the decision
(`greenstream.domain.routing.decide`): the same operations on the same doubles in the same order, so
that not even a tie falls otherwise. The tests hold both to the originals.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from greenstream.domain.drift import (
    UNPROFILED_DOUBT_GCO2_KWH,
    UNPROFILED_DOUBT_SHARE,
    persistence,
)
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.routing import draw
from greenstream_tuning.feeds import Feed, Seen
from greenstream_tuning.traces import Floats, Ints

Bools = npt.NDArray[np.bool_]


def figures(seen: Seen, feed: Feed, policy: Policy) -> Floats:
    """Return the carbon a POP is ranked by at each instant, g/kWh; NaN where none is known."""
    plain = policy.freshness_model is FreshnessModel.PENALTY
    oldest_s = max(feed.max_age_s, policy.oldest_stale_s)
    annual = feed.annual_mean_gco2_kwh
    if plain:
        value, doubt, usual_doubt = seen.gco2_kwh, None, None
        annual_price = float(_penalty(np.array(oldest_s), policy))
    else:
        share = _persistence(seen.age_s, policy)
        value = np.maximum(0.0, seen.profile_now + share * (seen.gco2_kwh - seen.profile_then))
        value = np.where(_profiled(seen) & (seen.age_s > 0.0), value, seen.gco2_kwh)
        spread = _spread(seen.spread, feed, seen.gco2_kwh)
        unprofiled = _unprofiled(feed, seen.gco2_kwh)
        doubt = np.where(_profiled(seen), spread, unprofiled) * np.sqrt(1.0 - share * share)
        usual_doubt = _spread(seen.spread, feed, seen.hour_mean)
        annual_price = 0.0
    past = seen.hour_mean + _priced(np.full(len(seen.age_s), oldest_s), usual_doubt, policy)
    past = np.where(np.isnan(past), annual + annual_price, past)
    known = observed(seen, feed, policy)
    return np.where(known, value + _priced(seen.age_s, doubt, policy), past)


def observed(seen: Seen, feed: Feed, policy: Policy) -> Bools:
    """Return where the figure rests on a reading (`greenstream.domain.ladder.OBSERVED`)."""
    stands: Bools = seen.age_s <= max(feed.max_age_s, policy.max_stale_s)
    if policy.freshness_model is FreshnessModel.PENALTY:
        return stands
    return stands | (_profiled(seen) & (seen.age_s <= policy.oldest_stale_s))


def _profiled(seen: Seen) -> Bools:
    """Return where a reading is known and its zone's profile then and now."""
    known: Bools = ~np.isnan(seen.gco2_kwh + seen.profile_then + seen.profile_now)
    return known


def _spread(spread: Floats, feed: Feed, otherwise: Floats) -> Floats:
    """Return how far the zone usually is from its profile, as the ladder takes it."""
    return np.where(np.isnan(spread), _unprofiled(feed, otherwise), spread)


def _unprofiled(feed: Feed, otherwise: Floats) -> Floats:
    """Return the spread to assume where the profile does not say it."""
    annual = feed.annual_mean_gco2_kwh
    usual = otherwise if np.isnan(annual) else np.full(len(otherwise), annual)
    return UNPROFILED_DOUBT_GCO2_KWH + UNPROFILED_DOUBT_SHARE * usual


def _priced(age_s: Floats, doubt: Floats | None, policy: Policy) -> Floats:
    """Return the price of age, which the doubt caps where there is a cap."""
    if policy.freshness_model is FreshnessModel.DRIFT:
        return np.zeros(len(age_s))
    price = _penalty(age_s, policy)
    return price if doubt is None else np.minimum(price, policy.penalty_cap_doubts * doubt)


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
        Names of the POPs, each on a grid whose own figure is known.
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
        self._policy = policy
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

        The last choice is remembered: a further call goes on where this call ended.
        """
        shape = (carbon.shape[1], len(self._visitors[0].within), len(self._visitors))
        best = np.empty(shape, dtype=np.int64)
        lowest = np.empty(shape)
        dark: Bools = np.logical_and.reduce(np.isnan(carbon), axis=0)
        for number, visitor in enumerate(self._visitors):
            visitor.best(carbon, self._priced[number], dark, best[..., number], lowest[..., number])
        chosen = best.reshape(shape[0], -1)
        self._follow(carbon, chosen, lowest.reshape(shape[0], -1))
        return chosen.reshape(shape)

    def _follow(self, carbon: Floats, chosen: Ints, lowest: Floats) -> None:
        """Turn the best POP of each step into the choice of a visitor who has a current POP."""
        lanes = np.arange(chosen.shape[1])
        priced = np.tile(self._priced, (len(lanes) // len(self._visitors), 1))
        by_step = np.ascontiguousarray(carbon.T)
        keep = 1 - self._policy.switch_margin
        current = self._current
        for step in range(len(chosen)):
            score = by_step[step].take(current, mode="wrap") + priced[lanes, current]
            ranked = self._within[lanes, current] & (current >= 0) & ~np.isnan(score)
            ranked &= lowest[step] < np.inf
            if not ranked.all():
                self._settle_near_ties(by_step[step], priced, chosen[step], lowest[step], ~ranked)
            stays = ranked & (lowest[step] >= score * keep)
            near = ranked & ~stays & (score <= _near_tie_limit(lowest[step], self._policy))
            if near.any():
                placed = chosen[step].copy()
                self._settle_near_ties(by_step[step], priced, placed, lowest[step], near)
                stays |= near & (placed == current)
            current = np.where(stays, current, chosen[step])
            chosen[step] = current
        self._current = current

    def _settle_near_ties(
        self, carbon: Floats, priced: Floats, chosen: Ints, lowest: Floats, lanes: Bools
    ) -> None:
        """Replace the best POP of these lanes by the nearest POP that is nearly as good."""
        limits = len(self._visitors[0].within)
        highest = _near_tie_limit(lowest, self._policy)
        for lane in np.flatnonzero(lanes & np.isfinite(lowest)):
            limit, number = divmod(int(lane), len(self._visitors))
            visitor = self._visitors[number]
            most = float(highest[lane])
            within = visitor.order[: visitor.within[limit % limits]]
            scores = {pop: float(carbon[pop] + priced[lane, pop]) for pop in within}
            near = [pop for pop in within if scores[pop] <= most]
            chosen[lane] = min(near, key=lambda pop: (visitor.by_latency[pop], scores[pop]))


def _near_tie_limit(lowest: Floats, policy: Policy) -> Floats:
    """Return `Policy.near_tie_limit` of each lowest score; infinite where the score is."""
    known = np.where(np.isfinite(lowest), lowest, 0.0)
    most: Floats = lowest + np.maximum(policy.tie_share * known, policy.tie_gco2_kwh)
    return most


class _Visitor:
    """What one visitor's round trips settle once and for all.

    ``order`` has the POPs by round trip, then by the draw among equals; the first ``within[n]`` of
    them are within limit n. ``nearest`` are those that share the shortest round trip.
    """

    def __init__(self, pops: Sequence[str], rtt_ms: Floats, limits_ms: Sequence[float]) -> None:
        some_latency = not np.isnan(rtt_ms).all()
        by_latency = self.by_latency = np.where(np.isnan(rtt_ms), np.inf, rtt_ms)
        self.order = sorted(range(len(pops)), key=lambda pop: (by_latency[pop], draw(pops[pop])))
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
        cleanest, score = _first_lowest([], carbon, priced)
        done = 0
        for limit, count in enumerate(self.within):
            _lower(self.order[done:count], carbon, priced, cleanest, score)
            done = count
            unknown = np.isinf(score)
            best[:, limit] = np.where(unknown, near, cleanest)
            if count:
                best[dark, limit] = self.order[0]
            lowest[:, limit] = score


def _first_lowest(pops: Sequence[int], carbon: Floats, priced: Floats) -> tuple[Ints, Floats]:
    """Return the first POP of the lowest score, and that score; the first where none has one."""
    cleanest = np.full(carbon.shape[1], pops[0] if pops else -1)
    score = np.full(carbon.shape[1], np.inf)
    _lower(pops, carbon, priced, cleanest, score)
    return cleanest, score


def _lower(
    pops: Sequence[int], carbon: Floats, priced: Floats, cleanest: Ints, score: Floats
) -> None:
    """Put POPs of a lower score in the place of those chosen before them."""
    for pop in pops:
        other = carbon[pop] + priced[pop]
        lower = other < score  # never where there is no figure
        np.copyto(score, other, where=lower)
        cleanest[lower] = pop
