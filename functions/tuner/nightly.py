"""The tuner: each night, whether the last weeks would have gone better under another policy.

It reads the table's history and measured round trips, searches on the older part and judges on
the newer. A policy is put in force only when it wins there; else the run says why not. Every
policy stays on the table with its evidence: ``greenstream policy revert`` leads back to any.
"""

from dataclasses import dataclass
from typing import Any, Final

from greenstream.domain.clock import Clock
from greenstream.domain.policy import Policy
from greenstream.ports.policy_log import PolicyLog
from greenstream.ports.store import Store
from greenstream.ports.telemetry import Telemetry
from greenstream_tuning.history import TooLittleHistoryError, kept_world
from greenstream_tuning.replay import NothingKnownError
from greenstream_tuning.search import Search, tune

SEARCH: Final = Search(trials=40, timeout_s=180.0)
"""Half of the function's time: the rest is for reading, judging and a slow processor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a run came to; ``version`` is of the policy now in force."""

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
    """Tune once.

    Raises
    ------
    StoreError
        When the table fails: the run is repeated by its schedule, and told by its alarm.
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
    world, span = kept_world(store, now)
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
        # The way back must be there before the way on.
        policies.write(in_force, {"why": "in force before the first tuned policy"}, now)
        policies.write(outcome.candidate, {"pops": world.pops, **outcome.evidence()}, now)
        policies.enforce(outcome.candidate.version)
    version = outcome.candidate.version if outcome.adopted else in_force.version
    return Result(adopted=outcome.adopted, why=outcome.why, version=version, gain=outcome.gain)
