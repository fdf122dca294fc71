"""Finds out each night whether another policy would have done better in the last weeks.

A run reads the readings and the round trips of the table, searches for a policy on the older part
and judges it on the newer part. The policy is put in force only if it wins there, and otherwise the
result says why it is not. Every policy stays in the table with its evidence, so that
``greenstream policy revert`` can put any of them in force again.
"""

from dataclasses import dataclass
from typing import Any, Final

from greenstream.domain.clock import Clock
from greenstream.domain.policy import Policy
from greenstream.ports.policy_log import PolicyLog
from greenstream.ports.store import Store
from greenstream.ports.telemetry import Telemetry
from greenstream_tuning.history import TooLittleHistoryError, stored_world
from greenstream_tuning.replay import NothingKnownError
from greenstream_tuning.search import Search, tune

SEARCH: Final = Search(trials=40, timeout_s=180.0)
"""The search takes at most half of the function's time. The other half is for reading the history,
for judging, and for a slow processor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of a run.

    Parameters
    ----------
    adopted
        Whether the policy that was found has been put in force.
    why
        The reason in words.
    version
        The version of the policy that is in force after the run.
    gain
        The share of carbon that the policy that was found saves over the one in force, on the newer
        part of the history, or ``None`` when no policy was judged.
    """

    adopted: bool
    why: str
    version: str
    gain: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the result for the log and the caller."""
        return {
            "adopted": self.adopted,
            "why": self.why,
            "version": self.version,
            "gain": self.gain,
        }


def run(
    store: Store,
    policies: PolicyLog,
    *,
    clock: Clock,
    telemetry: Telemetry,
    search: Search = SEARCH,
) -> Result:
    """Search for a better policy once, and put it in force if there is one.

    Parameters
    ----------
    store
        Where the readings and round trips are.
    policies
        Where policies are stored and put in force.
    clock
        Returns the present.
    telemetry
        Gets the result as a log line and a metric.
    search
        How long and how widely to search.

    Raises
    ------
    StoreError
        When the table fails. The schedule repeats the run.
    """
    now = clock()
    in_force = store.snapshot().policy or Policy()
    try:
        result = _tuned(store, policies, in_force, clock=clock, search=search)
    except (TooLittleHistoryError, NothingKnownError) as reason:
        result = Result(adopted=False, why=str(reason), version=in_force.version)
    telemetry.count("PolicyWritten", int(result.adopted))
    telemetry.event("info", "tuned", seconds=(clock() - now).total_seconds(), **result.as_dict())
    return result


def _tuned(
    store: Store, policies: PolicyLog, in_force: Policy, *, clock: Clock, search: Search
) -> Result:
    now = clock()
    world, span = stored_world(store, now)
    quarter_s = (span.until_s - span.since_s) // 4
    outcome = tune(
        world,
        span,
        in_force,
        [span.since_s + 2 * quarter_s, span.since_s + 3 * quarter_s],
        search=search,
        version=f"tuned-{now:%Y%m%dT%H%M%S}",
    )
    if outcome.adopted:
        # The policy in force is written first, so that it can always be put in force again.
        policies.write(in_force, {"why": "it was in force before the first tuned policy"}, now)
        policies.write(outcome.candidate, {"pops": world.pops, **outcome.evidence()}, now)
        policies.enforce(outcome.candidate.version)
    version = outcome.candidate.version if outcome.adopted else in_force.version
    return Result(adopted=outcome.adopted, why=outcome.why, version=version, gain=outcome.gain)
