"""These tests check when the nightly tuner puts another policy in force.

They also check what it reports when it does not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest

from functions.tuner.nightly import Result, run
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.zones import zones_of
from greenstream_tuning.judging import Score
from greenstream_tuning.search import Search
from tests.builders import NOW, a_reading
from tests.fakes.memory_policies import MemoryPolicies
from tests.fakes.memory_store import MemoryStore
from tests.storing import put_reading

QUICK = Search(trials=6, limits_ms=(80.0,))
# By distance, each POP is within 80 ms of the other, so that visitors have a choice.
GRIDS = {"CAISO_NORTH": ("gridstatus", "CAISO"), "NYISO": ("gridstatus", "NYISO")}


@dataclass
class Lines:
    """Telemetry that stores its lines and counts for the tests."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, float] = field(default_factory=dict)

    def event(self, level: str, message: str, **fields: object) -> None:
        self.lines.append({"level": level, "message": message, **fields})

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        self.counts[metric] = value


def day_and_night(hour: int, phase: int) -> float:
    """Return an intensity that is low for twelve hours and high for twelve hours."""
    return 100.0 if (hour + phase) % 24 < 12 else 400.0


PLAIN = Policy(
    version="plain",
    freshness_model=FreshnessModel.PENALTY,
    latency_price_gco2_kwh_ms=0.05,
    switch_margin=0.05,
)
"""The policy in force, which has the plain price of age and can be improved for a late source."""


def a_history(
    days: int,
    *,
    told_late_h: int,
    turns: bool = True,
    grids: Mapping[str, tuple[str, str]] = MappingProxyType(GRIDS),
    silent: Mapping[str, Callable[[int], bool]] = MappingProxyType({}),
) -> MemoryStore:
    """Return a store with the history of two grids.

    If ``turns``, the grids are clean in turn; otherwise their intensities are constant. The
    second grid's readings come ``told_late_h`` late. ``silent`` has for a grid a function that
    says for which hours, counted back from now, the grid has no reading.
    """
    store = MemoryStore(policy=PLAIN)
    for number, (zone, (provider, provider_zone)) in enumerate(grids.items()):
        delay = timedelta(hours=told_late_h * number, minutes=5)
        for hour in range(24 * days):
            if zone in silent and silent[zone](hour):
                continue
            valid_to = NOW - timedelta(hours=hour)
            put_reading(
                store,
                a_reading(
                    zone=zone,
                    provider=provider,
                    provider_zone=provider_zone,
                    gco2_kwh=(
                        day_and_night(valid_to.hour, 12 * number) if turns else 100.0 + 50 * number
                    ),
                    valid_from=valid_to - timedelta(hours=1),
                    valid_to=valid_to,
                    fetched_at=valid_to + delay,
                ),
            )
    return store


def tuned(
    store: MemoryStore, policies: MemoryPolicies, lines: Lines | None = None, search: Search = QUICK
) -> Result:
    telemetry = lines or Lines()
    return run(store, policies, clock=lambda: NOW, telemetry=telemetry, search=search)


class TestWhereAnotherPolicyWins:
    @pytest.fixture
    def after(self) -> tuple[Result, MemoryPolicies]:
        policies = MemoryPolicies()
        return tuned(a_history(16, told_late_h=3), policies), policies

    def test_it_is_put_in_force(self, after: tuple[Result, MemoryPolicies]) -> None:
        result, policies = after

        assert result.adopted
        assert result.version == policies.in_force == "tuned-20261122T160000"
        assert policies.stored[result.version].policy.freshness_model is not FreshnessModel.PENALTY

    def test_it_is_stored_with_the_evidence_of_every_window(
        self, after: tuple[Result, MemoryPolicies]
    ) -> None:
        result, policies = after
        evidence = policies.stored[result.version].evidence

        assert evidence["gain"] == result.gain
        assert evidence["gain"] > evidence["margin"]
        assert len(evidence["folds"]) == 2
        assert all(fold["cut_s"] < fold["until_s"] for fold in evidence["folds"])

    def test_the_previous_policy_is_stored_too(self, after: tuple[Result, MemoryPolicies]) -> None:
        assert list(after[1].stored) == ["plain", "tuned-20261122T160000"]


class TestWhereNoneWins:
    def test_a_gain_below_the_margin_changes_nothing(self) -> None:
        policies = MemoryPolicies()
        result = tuned(a_history(16, told_late_h=3), policies, search=replace(QUICK, margin=0.9))

        assert not result.adopted
        assert "less carbon on unseen weeks" in result.why
        assert result.why.endswith("but 90.00% are required")
        assert (result.version, policies.stored) == ("plain", {})

    def test_where_one_grid_is_always_cleaner_there_is_nothing_to_gain(self) -> None:
        result = tuned(a_history(16, told_late_h=0, turns=False), MemoryPolicies())

        assert not result.adopted
        assert result.why == "the search found nothing better than the policy in force"


class TestWhatLessCarbonMayNotCost:
    IN_FORCE = Score(200.0, 190.0, (40.0, 80.0), (0, 5), (100.0, 900.0))

    def broken(self, slack: float = 1.0, **changes: Any) -> set[str]:
        breaches = replace(self.IN_FORCE, **changes).breaches(self.IN_FORCE, slack)
        return {name for name, breach in breaches.items() if breach > 0}

    def test_as_many_moves_as_under_the_policy_in_force_are_allowed(self) -> None:
        assert self.broken() == set()

    def test_two_moves_a_day_follow_the_sun_and_are_allowed_whatever_is_in_force(self) -> None:
        assert self.broken(switches_per_year=(730.0, 900.0)) == set()

    def test_more_moves_are_not_under_any_one_limit(self) -> None:
        assert self.broken(switches_per_year=(731.0, 0.0)) == {"switches_per_year"}
        assert self.broken(switches_per_year=(0.0, 901.0)) == {"switches_per_year"}

    def test_unseen_weeks_may_differ_by_a_stated_part(self) -> None:
        assert self.broken(1.25, switches_per_year=(900.0, 1125.0)) == set()
        assert self.broken(1.25, switches_per_year=(900.0, 1126.0)) == {"switches_per_year"}

    def test_longer_paths_and_broken_limits_are_never_bought(self) -> None:
        assert self.broken(p95_rtt_ms=(40.0, 81.5)) == {"p95_rtt_ms"}
        assert self.broken(violations=(1, 0)) == {"violations"}


class TestTooLittleHistory:
    def test_it_is_reported_with_the_history_that_exists(self) -> None:
        policies, lines = MemoryPolicies(), Lines()
        result = tuned(a_history(9, told_late_h=0), policies, lines)

        assert not result.adopted
        assert "the history is too short: 0 grids" in result.why
        assert "the longest history covers 9.0 days" in result.why
        assert policies.stored == {}
        assert lines.counts == {"PolicyWritten": 0}
        assert lines.lines[-1]["message"] == "tuned"

    @pytest.mark.parametrize("days", [2, 8, 10, 14])
    def test_a_grid_that_stopped_reporting_takes_no_part(self, days: int) -> None:
        lines = Lines()
        store = a_history(29, told_late_h=0, silent={"NYISO": lambda hour: hour < 24 * days})
        result = tuned(store, MemoryPolicies(), lines)

        assert not result.adopted
        assert "the history is too short: 1 grids" in result.why
        assert lines.lines[-1]["why"] == result.why

    def test_figures_that_are_only_shown_beside_others_take_no_part(self) -> None:
        shown = {zone.zone: ("flows", source.provider_zone) for zone, source in zones_of("flows")}
        grids = {zone: shown[zone] for zone in ("ENTSOE_FR", "ENTSOE_NL")}
        store = a_history(16, told_late_h=3, grids=grids)

        assert "the history is too short: 0 grids" in tuned(store, MemoryPolicies()).why

    def test_an_evening_without_figures_does_not_put_a_grid_out(self) -> None:
        store = a_history(16, told_late_h=3, silent={"NYISO": lambda hour: hour < 12})

        assert tuned(store, MemoryPolicies()).adopted

    def test_a_grid_that_reports_one_hour_in_four_takes_no_part(self) -> None:
        store = a_history(29, told_late_h=0, silent={"NYISO": lambda hour: hour % 4 > 0})

        assert "the history is too short: 1 grids" in tuned(store, MemoryPolicies()).why

    def test_weeks_in_which_some_grid_is_always_silent_are_not_judged(self) -> None:
        """Each grid has readings most of the time, but never both in one of the judged periods."""
        silent = {
            "CAISO_NORTH": lambda hour: 6 * 24 - 3 < hour < 8 * 24 + 3,
            "NYISO": lambda hour: 4 * 24 - 3 < hour < 6 * 24 + 3,
        }
        lines = Lines()
        result = tuned(a_history(16, told_late_h=0, silent=silent), MemoryPolicies(), lines)

        assert (result.adopted, result.version) == (False, "plain")
        assert result.why == "the intensity of every POP is known at no step"
        assert lines.lines[-1]["message"] == "tuned"

    def test_an_empty_table_is_no_error(self) -> None:
        assert "the longest history covers 0.0 days" in tuned(MemoryStore(), MemoryPolicies()).why
