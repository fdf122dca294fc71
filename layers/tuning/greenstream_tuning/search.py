"""The search for a better policy, and the proof that it is one on weeks it has not seen.

Optuna's tree-structured Parzen estimator: it takes a choice of models beside continuous numbers,
takes constraints as such, needs no compiled framework beyond numpy, and is the best kept of its
kind. Carbon is the objective; round trips, violations and switches are constraints, for a weighted
sum would trade them away in silence.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import optuna

from greenstream.domain.policy import FreshnessModel, Policy
from greenstream_tuning.replay import DRIFT, LIMITS_MS, ORACLE, Row, Span, replay
from greenstream_tuning.world import World

MARGIN: Final = 0.002
"""Share by which a policy must deliver less carbon than the one in force, to take its place: a
smaller gain is within what one month differs from the next."""

DAILY_SWITCHES: Final = 2 * 365.25
"""Switches per year and visitor that are never too many. Carbon has one clean and one dirty spell
a day, so that following it takes two moves; each is a cold connection and cold caches, and what
moves oftener flaps. A policy in force that moves oftener may not be outdone in that."""

UNSEEN_SWITCHES: Final = 1.25
"""How many times as many are borne on the weeks a candidate is judged on, since weeks differ."""

P95_SLACK_MS: Final = 1.0
"""By how much a candidate's p95 round trip may exceed that of the policy in force."""

LEAST_FOR_IMPORTANCE: Final = 10
"""Trials below which the best of them are too few to say what made them so."""

DECIMALS: Final = {
    "latency_price_gco2_kwh_ms": 4,
    "switch_margin": 4,
    "penalty_grace_s": 0,
    "penalty_slope_gco2_kwh_min": 3,
}
"""Of the numbers that are searched. The half-life of drift is not among them: at the usual delays
of a few hours it hardly matters, and when it does it has been measured
(`greenstream.domain.drift`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How to search: latency limits, trials, seconds for all searches, and what it takes to win.

    ``margin`` is the share of carbon by which the candidates must win over all judged weeks, and
    the last of them on its own.
    """

    limits_ms: tuple[float, ...] = LIMITS_MS
    trials: int = 40
    timeout_s: float | None = None
    margin: float = MARGIN


@dataclass(frozen=True, slots=True)
class Score:
    """How a policy did over a time: one figure per limit, in the order of the limits.

    ``delivered_gco2_kwh`` and ``oracle_gco2_kwh`` are means over the limits.
    """

    delivered_gco2_kwh: float
    oracle_gco2_kwh: float
    p95_rtt_ms: tuple[float, ...]
    violations: tuple[int, ...]
    switches_per_year: tuple[float, ...]

    @property
    def excess(self) -> float:
        """Share above the oracle."""
        return self.delivered_gco2_kwh / self.oracle_gco2_kwh - 1

    def breaches(self, in_force: "Score", slack: float = 1.0) -> dict[str, float]:
        """Return by how much each constraint is broken at its worst limit; 0 or less: kept.

        ``slack`` multiplies the switches allowed.
        """
        allowed = [slack * max(one, DAILY_SWITCHES) for one in in_force.switches_per_year]
        return {
            "p95_rtt_ms": _most(self.p95_rtt_ms, in_force.p95_rtt_ms) - P95_SLACK_MS,
            "violations": _most(self.violations, in_force.violations),
            "switches_per_year": _most(self.switches_per_year, allowed),
        }

    @property
    def mean_switches(self) -> float:
        """Switches per year and visitor, the mean over the limits."""
        return float(np.mean(self.switches_per_year))


def _most(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return max(own - other for own, other in zip(ours, theirs, strict=True))


@dataclass(frozen=True, slots=True)
class Fold:
    """One window: tuned up to ``cut_s``, judged from there to ``until_s`` (epoch).

    ``broken`` names the constraints that the candidate did not keep to.
    """

    cut_s: int
    until_s: int
    in_force: Score
    candidate: Score
    gain: float
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search came to; ``why`` says in words why ``candidate`` is adopted or not.

    ``gain`` is the share of carbon saved over all judged weeks. ``trials`` are those of the last
    window: each the parameters, ``excess`` and ``switches_per_year``, and whether it was allowed.
    """

    candidate: Policy
    adopted: bool
    why: str
    gain: float
    margin: float
    folds: tuple[Fold, ...]
    trials: tuple[Mapping[str, Any], ...]
    importance: Mapping[str, float]

    def evidence(self) -> dict[str, Any]:
        """Return what is kept beside a policy, for JSON."""
        return {
            "why": self.why,
            "gain": self.gain,
            "margin": self.margin,
            "trials": len(self.trials),
            "folds": [asdict(fold) for fold in self.folds],
        }


def score(world: World, span: Span, policy: Policy, limits_ms: Sequence[float]) -> Score:
    """Replay one policy and return how it did."""
    rows = replay(world, span, {"candidate": policy}, limits_ms=limits_ms)
    own = [row for row in rows if row.policy == "candidate"]
    return Score(
        delivered_gco2_kwh=_mean(own),
        oracle_gco2_kwh=_mean([row for row in rows if row.policy == ORACLE]),
        p95_rtt_ms=tuple(row.p95_rtt_ms for row in own),
        violations=tuple(row.violations for row in own),
        switches_per_year=tuple(row.switches_per_year for row in own),
    )


def _mean(rows: Sequence[Row]) -> float:
    return float(np.mean([row.delivered_gco2_kwh for row in rows]))


@dataclass(frozen=True, slots=True)
class Found:
    """The best policy of one search, with its trials and each parameter's importance."""

    policy: Policy
    trials: tuple[Mapping[str, Any], ...]
    importance: Mapping[str, float]


def tune(
    world: World,
    span: Span,
    in_force: Policy,
    cuts_s: Sequence[int],
    *,
    search: Search = Search(),
    version: str = "tuned",
) -> Outcome:
    """Search on the past and judge on the time after it, in windows that expand.

    Parameters
    ----------
    span
        All the time there is.
    in_force
        The policy to be beaten.
    cuts_s
        Epoch seconds in rising order: the window before each is searched, the time from it to
        the next cut (or the end) is judged. The last window's winner is the candidate.
    version
        The candidate's name.
    """
    folds = []
    for cut_s, until_s in zip(cuts_s, [*cuts_s[1:], span.until_s], strict=True):
        share = None if search.timeout_s is None else search.timeout_s / len(cuts_s)
        window = replace(search, timeout_s=share)
        found = best_on(world, replace(span, until_s=cut_s), in_force, window)
        unseen = replace(span, since_s=cut_s, until_s=until_s)
        theirs, ours = (
            score(world, unseen, policy, search.limits_ms) for policy in (in_force, found.policy)
        )
        gain = 1 - ours.delivered_gco2_kwh / theirs.delivered_gco2_kwh
        breaches = ours.breaches(theirs, UNSEEN_SWITCHES)
        broken = tuple(name for name, breach in breaches.items() if breach > 0)
        folds.append(Fold(cut_s, until_s, theirs, ours, gain, broken))
    weights = [fold.until_s - fold.cut_s for fold in folds]
    gain = float(np.average([fold.gain for fold in folds], weights=weights))
    if found.policy == in_force:
        adopted, why = False, "the search found nothing better than the policy in force"
    else:
        adopted, why = _verdict(folds, gain, search.margin)
    return Outcome(
        candidate=replace(found.policy, version=version),
        adopted=adopted,
        why=why,
        gain=gain,
        margin=search.margin,
        folds=tuple(folds),
        trials=found.trials,
        importance=found.importance,
    )


def _verdict(folds: Sequence[Fold], gain: float, margin: float) -> tuple[bool, str]:
    figures = f"{gain:.2%} less carbon on unseen weeks ({folds[-1].gain:.2%} on the last)"
    if min(gain, folds[-1].gain) < margin:
        return False, f"{figures}: not the {margin:.2%} it takes"
    if folds[-1].broken:
        return False, f"{figures}, at the price of {' and '.join(folds[-1].broken)}"
    return True, figures


def best_on(world: World, past: Span, in_force: Policy, search: Search) -> Found:
    """Search one stretch of time; the policy in force itself where nothing allowed beats it."""
    optuna.logging.set_verbosity(logging.WARNING)
    base = score(world, past, in_force, search.limits_ms)

    def objective(trial: optuna.Trial) -> float:
        found = score(world, past, _policy(trial, in_force), search.limits_ms)
        for name, breach in found.breaches(base).items():
            trial.set_constraint(name, breach)
        trial.set_user_attr("switches_per_year", found.mean_switches)
        return found.excess

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    for start in (in_force, replace(DRIFT, switch_margin=in_force.switch_margin)):
        study.enqueue_trial(_parameters(start))
    study.optimize(objective, n_trials=search.trials, timeout=search.timeout_s)
    return Found(
        policy=_winner(study, in_force, base),
        trials=tuple(_told(trial, base) for trial in study.trials if trial.values),
        importance=_importance(study),
    )


def _parameters(policy: Policy) -> dict[str, Any]:
    return {
        "freshness_model": str(policy.freshness_model),
        "latency_price_gco2_kwh_ms": policy.latency_price_gco2_kwh_ms,
        "switch_margin": policy.switch_margin,
        "penalty_grace_s": policy.penalty_grace_s,
        "penalty_slope_gco2_kwh_min": policy.penalty_slope_gco2_kwh_min,
    }


def _policy(trial: optuna.trial.BaseTrial, in_force: Policy) -> Policy:
    models = [str(model) for model in FreshnessModel]
    drifts = trial.suggest_categorical("freshness_model", models) == FreshnessModel.DRIFT
    return replace(
        in_force,
        freshness_model=FreshnessModel.DRIFT if drifts else FreshnessModel.PENALTY,
        latency_price_gco2_kwh_ms=trial.suggest_float("latency_price_gco2_kwh_ms", 0.0, 0.3),
        switch_margin=trial.suggest_float("switch_margin", 0.0, 0.15),
        penalty_grace_s=trial.suggest_float("penalty_grace_s", 0.0, 14_400.0),
        penalty_slope_gco2_kwh_min=trial.suggest_float("penalty_slope_gco2_kwh_min", 0.0, 2.0),
        # What is expected of an old figure tends to its profile, so that it may grow older.
        max_stale_s=max(in_force.max_stale_s, DRIFT.max_stale_s if drifts else 0.0),
    )


def _winner(study: optuna.Study, in_force: Policy, base: Score) -> Policy:
    """Return the best allowed trial's policy, its numbers rounded to what a person can read."""
    allowed = [trial for trial in study.trials if trial.values and _allowed(trial)]
    best = min(allowed, key=lambda trial: trial.values[0], default=None)
    if best is None or best.values[0] >= base.excess:
        return in_force
    policy = _policy(optuna.trial.FixedTrial(best.params), in_force)
    return replace(
        policy,
        **{name: round(getattr(policy, name), places) for name, places in DECIMALS.items()},
    )


def _allowed(trial: optuna.trial.FrozenTrial) -> bool:
    return all(breach <= 0 for breach in trial.constraints.values())


def _told(trial: optuna.trial.FrozenTrial, base: Score) -> Mapping[str, Any]:
    return {
        **trial.params,
        "excess": trial.values[0],
        "in_force_excess": base.excess,
        "switches_per_year": trial.user_attrs["switches_per_year"],
        "allowed": _allowed(trial),
    }


def _importance(study: optuna.Study) -> Mapping[str, float]:
    """Return each parameter's share in what makes the best trials the best; empty for too few."""
    excesses = [trial.values[0] for trial in study.trials if trial.values]
    if len(excesses) < LEAST_FOR_IMPORTANCE or len(set(excesses)) == 1:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return optuna.importance.get_param_importances(study, evaluator=evaluator)
