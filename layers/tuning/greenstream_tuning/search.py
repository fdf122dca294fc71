"""The search for a better policy, and its judgement on weeks that the search has not seen.

The sampler is Optuna's tree-structured Parzen estimator. It can search a choice of models together
with continuous numbers, it knows constraints, and it needs no compiled framework beyond numpy
(ADR 0010). Carbon is the objective. Round trips, violations and switches are constraints: a
weighted sum would trade them for carbon, and nobody would notice.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import optuna

from greenstream.domain.policy import FreshnessModel, Policy
from greenstream_tuning.judging import UNSEEN_SWITCHES, Fold, Score, score
from greenstream_tuning.replay import DRIFT, LIMITS_MS, Span
from greenstream_tuning.world import World

MARGIN: Final = 0.002
"""The share of carbon by which a policy must be better than the policy in force. A smaller gain is
within the difference of one month from the next."""

MIN_TRIALS_FOR_IMPORTANCE: Final = 10
"""The least number of trials that show which parameters matter."""

DECIMALS: Final = {
    "latency_price_gco2_kwh_ms": 4,
    "switch_margin": 4,
    "penalty_grace_s": 0,
    "penalty_slope_gco2_kwh_min": 3,
    "penalty_cap_doubts": 3,
}
"""The numbers that are searched, with the decimals to which each is rounded.

The half-life of drift is not searched: it hardly matters at the usual delays of a few hours, and it
has been measured (`greenstream.domain.drift`).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How to search.

    Parameters
    ----------
    limits_ms
        The round-trip limits in milliseconds under which policies are replayed.
    trials
        The number of policies that a search tries.
    timeout_s
        The time for all searches in seconds; ``None`` sets no limit.
    margin
        The share of carbon that the candidates must save over all judged weeks, and that the last
        candidate must save on its own.
    """

    limits_ms: tuple[float, ...] = LIMITS_MS
    trials: int = 40
    timeout_s: float | None = None
    margin: float = MARGIN


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a search.

    Parameters
    ----------
    candidate
        The policy that the last search found.
    adopted
        Whether the candidate should take the place of the policy in force.
    why
        The reason in words.
    gain
        The share of carbon saved over all judged weeks.
    margin
        The share that is required.
    folds
        The judgements, in the order of time.
    trials
        The trials of the last search: their parameters, ``excess`` and ``switches_per_year``, and
        whether they were allowed.
    importance
        The share of each parameter in what makes the best trials good.
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
        """Return the evidence that is stored with a policy, ready for JSON."""
        return {
            "why": self.why,
            "gain": self.gain,
            "margin": self.margin,
            "trials": len(self.trials),
            "folds": [asdict(fold) for fold in self.folds],
        }


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The best policy of one search, with its trials and the importance of each parameter."""

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
    """Search a policy on the past and judge it on the time after, for each of several cuts.

    Parameters
    ----------
    world
        The POPs and the visitors.
    span
        The whole time.
    in_force
        The policy in force.
    cuts_s
        Epoch seconds in rising order. All the time before each cut is searched, and the time from
        it to the next cut (or the end) judges what was found. The last policy found is the
        candidate.
    search
        How to search.
    version
        The candidate's name.

    Raises
    ------
    greenstream_tuning.replay.NothingKnownError
        When the intensity of all POPs is known at no step of a searched or judged time.
    """
    folds = []
    for cut_s, until_s in zip(cuts_s, [*cuts_s[1:], span.until_s], strict=True):
        share = None if search.timeout_s is None else search.timeout_s / len(cuts_s)
        window = replace(search, timeout_s=share)
        result = best_policy(world, replace(span, until_s=cut_s), in_force, window)
        unseen = replace(span, since_s=cut_s, until_s=until_s)
        theirs, ours = (
            score(world, unseen, policy, search.limits_ms) for policy in (in_force, result.policy)
        )
        gain = 1 - ours.delivered_gco2_kwh / theirs.delivered_gco2_kwh
        breaches = ours.breaches(theirs, UNSEEN_SWITCHES)
        broken = tuple(name for name, breach in breaches.items() if breach > 0)
        folds.append(Fold(cut_s, until_s, theirs, ours, gain, broken))
    weights = [fold.until_s - fold.cut_s for fold in folds]
    gain = float(np.average([fold.gain for fold in folds], weights=weights))
    if result.policy == in_force:
        adopted, why = False, "the search found nothing better than the policy in force"
    else:
        adopted, why = _verdict(folds, gain, search.margin)
    return Outcome(
        candidate=replace(result.policy, version=version),
        adopted=adopted,
        why=why,
        gain=gain,
        margin=search.margin,
        folds=tuple(folds),
        trials=result.trials,
        importance=result.importance,
    )


def _verdict(folds: Sequence[Fold], gain: float, margin: float) -> tuple[bool, str]:
    figures = f"{gain:.2%} less carbon on unseen weeks ({folds[-1].gain:.2%} on the last)"
    if min(gain, folds[-1].gain) < margin:
        return False, f"{figures}, but {margin:.2%} are required"
    if folds[-1].broken:
        return False, f"{figures}, but it breaks the limits of {' and '.join(folds[-1].broken)}"
    return True, figures


def best_policy(world: World, past: Span, in_force: Policy, search: Search) -> SearchResult:
    """Search the best policy for a time.

    The result has the policy in force itself when no allowed policy is better.

    Parameters
    ----------
    world
        The POPs and the visitors.
    past
        The time that is searched.
    in_force
        The policy in force, which is also the first trial.
    search
        How to search.

    Raises
    ------
    greenstream_tuning.replay.NothingKnownError
        When the intensity of all POPs is known at no step.
    """
    optuna.logging.set_verbosity(logging.WARNING)
    base = score(world, past, in_force, search.limits_ms)

    def objective(trial: optuna.Trial) -> float:
        tried = score(world, past, _policy(trial, in_force), search.limits_ms)
        for name, breach in tried.breaches(base).items():
            trial.set_constraint(name, breach)
        trial.set_user_attr("switches_per_year", tried.mean_switches)
        return tried.excess

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0))
    for start in (in_force, replace(DRIFT, switch_margin=in_force.switch_margin)):
        study.enqueue_trial(_parameters(start))
    study.optimize(objective, n_trials=search.trials, timeout=search.timeout_s)
    return SearchResult(
        policy=_winner(study, in_force, base),
        trials=tuple(_as_dict(trial, base) for trial in study.trials if trial.values),
        importance=_importance(study),
    )


def _parameters(policy: Policy) -> dict[str, Any]:
    return {
        "freshness_model": str(policy.freshness_model),
        "latency_price_gco2_kwh_ms": policy.latency_price_gco2_kwh_ms,
        "switch_margin": policy.switch_margin,
        "penalty_grace_s": policy.penalty_grace_s,
        "penalty_slope_gco2_kwh_min": policy.penalty_slope_gco2_kwh_min,
        "penalty_cap_doubts": policy.penalty_cap_doubts,
    }


def _policy(trial: optuna.trial.BaseTrial, in_force: Policy) -> Policy:
    models = [str(model) for model in FreshnessModel]
    return replace(
        in_force,
        freshness_model=FreshnessModel(trial.suggest_categorical("freshness_model", models)),
        latency_price_gco2_kwh_ms=trial.suggest_float("latency_price_gco2_kwh_ms", 0.0, 0.3),
        switch_margin=trial.suggest_float("switch_margin", 0.0, 0.15),
        penalty_grace_s=trial.suggest_float("penalty_grace_s", 0.0, 14_400.0),
        penalty_slope_gco2_kwh_min=trial.suggest_float("penalty_slope_gco2_kwh_min", 0.0, 2.0),
        penalty_cap_doubts=trial.suggest_float("penalty_cap_doubts", 0.0, 2.0),
    )


def _winner(study: optuna.Study, in_force: Policy, base: Score) -> Policy:
    """Return the policy of the best allowed trial, with its numbers rounded to `DECIMALS`."""
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


def _as_dict(trial: optuna.trial.FrozenTrial, base: Score) -> Mapping[str, Any]:
    return {
        **trial.params,
        "excess": trial.values[0],
        "in_force_excess": base.excess,
        "switches_per_year": trial.user_attrs["switches_per_year"],
        "allowed": _allowed(trial),
    }


def _importance(study: optuna.Study) -> Mapping[str, float]:
    """Return each parameter's share in what makes the best trials good; empty for few trials."""
    excesses = [trial.values[0] for trial in study.trials if trial.values]
    if len(excesses) < MIN_TRIALS_FOR_IMPORTANCE or len(set(excesses)) == 1:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return optuna.importance.get_param_importances(study, evaluator=evaluator)
