"""The replay: the intensity that each policy would have delivered under each round-trip limit.

The account is attributional and location-based. It counts the energy at the chosen POP only, and
states g/kWh of what is used there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from greenstream.domain.policy import FreshnessModel, Policy
from greenstream_tuning.choosing import Bools, Chooser, figures, observed
from greenstream_tuning.traces import Floats, Ints
from greenstream_tuning.world import World

LIMITS_MS: Final = (20.0, 50.0, 65.0, 80.0, 100.0, 150.0)
"""The round-trip limits under which policies are replayed, in milliseconds."""

CHUNK_STEPS: Final = 2048
"""How many steps are in memory at a time."""

YEAR_S: Final = 365.25 * 86_400

NEAREST: Final = "nearest"
BEST_STATIC: Final = "best_static"
ORACLE: Final = "oracle"
DEFAULT: Final = "default"
OWNER_FORMULA: Final = "owner"
TUNED: Final = "tuned"

CARBON_ALONE: Final = Policy(
    version=ORACLE,
    latency_price_gco2_kwh_ms=0.0,
    switch_margin=0.0,
    tie_share=0.0,
    tie_gco2_kwh=0.0,
    penalty_slope_gco2_kwh_min=0.0,
)
"""The policy of the oracle, which knows the true figures: no latency price, margin or penalty."""

DRIFT: Final = Policy(version="drift-1", freshness_model=FreshnessModel.DRIFT)
"""The freshness model `drift` with untuned numbers: for comparison and as the search's start."""

OWNER: Final = Policy(
    version=OWNER_FORMULA,
    latency_price_gco2_kwh_ms=0.05,
    switch_margin=0.05,
    tie_share=0.0,
    tie_gco2_kwh=0.0,
    penalty_grace_s=600.0,
    penalty_slope_gco2_kwh_min=1.0,
    max_stale_s=6 * 3600.0,
    freshness_model=FreshnessModel.PENALTY,
)
"""The plain price of age, 1 g/kWh per minute beyond ten minutes, with the limits it came with."""


class NothingKnownError(ValueError):
    """The intensity of every POP is known at no step of the replayed time."""


Progress = Callable[[float], None]
"""Gets the share of the replay that is done, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class Row:
    """The results of a policy under one round-trip limit.

    Parameters
    ----------
    limit_ms
        The limit in milliseconds.
    policy
        The policy's name.
    delivered_gco2_kwh
        The mean intensity at the chosen POPs in g/kWh, weighted by demand.
    reduction
        The share by which that is below the nearest POP's.
    median_rtt_ms, p95_rtt_ms
        The median and the 95th percentile of the round trips in milliseconds, weighted by demand.
    violations
        The number of decisions above the limit. They occur when no POP is within the limit.
    switches_per_year
        How often a visitor's POP changes in a year, as the mean weighted by demand.
    steps
        The number of steps that the figures are about.
    skipped_steps
        The number of steps that they leave out because the truth of some POP is unknown.
    fallback_share
        The share of decisions, weighted by demand, in which the chosen POP's figure was an hour's
        mean, a yearly mean or unknown instead of a reading. ``None`` for the choices that use no
        published figure of the hour: the nearest, the best static one and the oracle's.
    fallback_delivered_gco2_kwh
        The mean intensity in g/kWh that these decisions delivered; ``None`` where there are none.
    """

    limit_ms: float
    policy: str
    delivered_gco2_kwh: float
    reduction: float
    median_rtt_ms: float
    p95_rtt_ms: float
    violations: int
    switches_per_year: float
    steps: int
    skipped_steps: int
    fallback_share: float | None
    fallback_delivered_gco2_kwh: float | None

    def as_dict(self) -> dict[str, float | int | str | None]:
        """Return the row, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The replayed time and the training time, in epoch seconds.

    Parameters
    ----------
    since_s, until_s
        The bounds of the replayed time.
    step_s
        The time between two decisions, in seconds.
    trained_since_s, trained_until_s
        The bounds of the training time, which the best static choice is made from.
    """

    since_s: int
    until_s: int
    step_s: int
    trained_since_s: int
    trained_until_s: int

    def steps(self) -> Ints:
        """Return the instants of the decisions, in epoch seconds."""
        return np.arange(self.since_s, self.until_s, self.step_s)


def replay(
    world: World,
    span: Span,
    policies: Mapping[str, Policy],
    *,
    limits_ms: Sequence[float] = LIMITS_MS,
    progress: Progress = lambda _: None,
    chunk_steps: int = CHUNK_STEPS,
) -> list[Row]:
    """Replay policies beside the nearest POP, the best static choice and the oracle.

    The best static choice is, for each visitor, the POP within the limit that has the lowest mean
    over the training time. The oracle knows the intensity of every instant at that instant. A step
    at which the intensity of any POP is unknown is decided, but no policy's account includes it.

    Parameters
    ----------
    world
        The POPs and the visitors.
    span
        The replayed time and the training time.
    policies
        The policies by name. ``limits_ms`` replaces each policy's own limit.
    limits_ms
        The round-trip limits in milliseconds.
    progress
        Is called after each chunk of steps.
    chunk_steps
        How many steps are in memory at a time.

    Returns
    -------
    list of Row
        The rows by rising limit. Within a limit the order is nearest, best static, the policies,
        the oracle.

    Raises
    ------
    NothingKnownError
        When the intensity of every POP is known at no step.
    """
    limits_ms = sorted(limits_ms)
    accounts = {
        name: _Account(world, limits_ms) for name in (NEAREST, BEST_STATIC, *policies, ORACLE)
    }
    choosers = {
        name: Chooser(world.pops, world.rtt_ms, policy, limits_ms)
        for name, policy in {**policies, ORACLE: CARBON_ALONE}.items()
    }
    fixed = fixed_choices(world, span, limits_ms)
    steps = span.steps()
    for begin in range(0, len(steps), chunk_steps):
        chunk = steps[begin : begin + chunk_steps]
        truth = np.array([trace.at(chunk) for trace in world.truth])
        seen = [feed.seen(chunk) for feed in world.feeds]
        for name, chooser in choosers.items():
            carbon, on_reading = truth, None
            if name != ORACLE:
                policy, pairs = policies[name], list(zip(seen, world.feeds, strict=True))
                carbon = np.array([figures(part, feed, policy) for part, feed in pairs])
                on_reading = np.array([observed(part, feed, policy) for part, feed in pairs])
            accounts[name].add(chooser.choose(carbon), truth, on_reading)
        for name, choice in fixed.items():
            accounts[name].add(np.broadcast_to(choice, (len(chunk), *choice.shape)), truth, None)
        progress(min(1.0, (begin + len(chunk)) / len(steps)))
    nearest = accounts[NEAREST].delivered()
    return [
        accounts[name].row(name, number, float(nearest[number]), span)
        for number in range(len(limits_ms))
        for name in accounts
    ]


def fixed_choices(world: World, span: Span, limits_ms: Sequence[float]) -> dict[str, Ints]:
    """Return the choices that never change: the nearest POP and the best static choice.

    Each is an array of the POPs' indices, limits by visitors.
    """
    trained = world.mean_gco2_kwh(span.trained_since_s, span.trained_until_s)
    best = Chooser(world.pops, world.rtt_ms, CARBON_ALONE, limits_ms).choose(trained[:, None])
    near = Chooser(world.pops, world.rtt_ms, CARBON_ALONE, limits_ms).choose(
        np.full((len(world.pops), 1), np.nan)
    )
    return {NEAREST: near[0], BEST_STATIC: best[0]}


class _Account:
    """The sums over all choices of a policy, by limit and visitor.

    The memory that they need does not grow with the replayed time.
    """

    def __init__(self, world: World, limits_ms: Sequence[float]) -> None:
        self._world = world
        self._limits_ms = limits_ms
        shape = (len(limits_ms), len(world.visitors))
        self._gco2_kwh = np.zeros(shape)
        self._counts = np.zeros((*shape, len(world.pops)), dtype=np.int64)
        self._switches = np.zeros(shape, dtype=np.int64)
        self._fallbacks = np.zeros(shape, dtype=np.int64)
        self._fallback_gco2_kwh = np.zeros(shape)
        self._uses_readings = False
        self._last: Ints | None = None
        self._steps = 0
        self._skipped_steps = 0

    def add(self, chosen: Ints, truth: Floats, on_reading: Bools | None) -> None:
        """Add choices to the account.

        Parameters
        ----------
        chosen
            The indices of the chosen POPs: steps by limits by visitors.
        truth
            The true intensity in g/kWh, NaN if unknown: POPs by steps.
        on_reading
            Whether a POP's figure rested on a reading: POPs by steps. ``None`` for choices that
            use no published figure of the hour.
        """
        moved = chosen[1:] != chosen[:-1]
        self._switches += moved.sum(axis=0)
        if self._last is not None:
            self._switches += chosen[0] != self._last
        self._last = chosen[-1]
        known = ~np.isnan(truth).any(axis=0)
        self._steps += int(known.sum())
        self._skipped_steps += int((~known).sum())
        lanes = chosen.reshape(len(chosen), -1)[known]
        offsets = np.arange(lanes.shape[1]) * len(self._world.pops)
        counts = np.bincount((lanes + offsets).ravel(), minlength=self._counts.size)
        self._counts += counts.reshape(self._counts.shape)
        delivered = np.take_along_axis(truth[:, known].T, lanes, axis=1)
        self._gco2_kwh += delivered.sum(axis=0).reshape(self._gco2_kwh.shape)
        if on_reading is None:
            return
        self._uses_readings = True
        if not on_reading.all():
            fallback = ~np.take_along_axis(on_reading[:, known].T, lanes, axis=1)
            self._fallbacks += fallback.sum(axis=0).reshape(self._fallbacks.shape)
            gco2_kwh = np.where(fallback, delivered, 0.0).sum(axis=0)
            self._fallback_gco2_kwh += gco2_kwh.reshape(self._fallback_gco2_kwh.shape)

    def delivered(self) -> Floats:
        """Return the mean delivered intensity for each limit in g/kWh, weighted by demand.

        Raises
        ------
        NothingKnownError
            When the account has no step.
        """
        if not self._steps:
            raise NothingKnownError("the intensity of every POP is known at no step")
        delivered: Floats = self._gco2_kwh @ self._world.demand / self._steps
        return delivered

    def row(self, name: str, number: int, nearest_gco2_kwh: float, span: Span) -> Row:
        """Return the results under the limit of that number."""
        counts, rtt_ms = self._counts[number], self._world.rtt_ms
        weights = counts * self._world.demand[:, None]
        delivered = float(self.delivered()[number])
        years = (span.until_s - span.since_s) / YEAR_S
        switches = float(self._switches[number] @ self._world.demand)
        fallbacks = float(self._fallbacks[number] @ self._world.demand)
        fallback_gco2_kwh = float(self._fallback_gco2_kwh[number] @ self._world.demand)
        return Row(
            limit_ms=self._limits_ms[number],
            policy=name,
            delivered_gco2_kwh=delivered,
            reduction=1 - delivered / nearest_gco2_kwh if nearest_gco2_kwh else 0.0,
            median_rtt_ms=_quantile(rtt_ms, weights, 0.5),
            p95_rtt_ms=_quantile(rtt_ms, weights, 0.95),
            violations=int(counts[rtt_ms > self._limits_ms[number]].sum()),
            switches_per_year=switches / years,
            steps=self._steps,
            skipped_steps=self._skipped_steps,
            fallback_share=fallbacks / self._steps if self._uses_readings else None,
            fallback_delivered_gco2_kwh=fallback_gco2_kwh / fallbacks if fallbacks else None,
        )


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """Return the smallest value that is not below the given share of the weight; NaN for none."""
    known = ~np.isnan(values) & (weights > 0)
    if not known.any():
        return float("nan")
    order = np.argsort(values[known], kind="stable")
    below = np.cumsum(weights[known][order])
    # The sum of many weights is not exact, so the share is made slightly smaller.
    return float(values[known][order][np.searchsorted(below, share * below[-1] * (1 - 1e-12))])
