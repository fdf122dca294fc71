"""The replay decides as the router does.

These tests compare its figures and its choices with those of the router's own functions.
"""

import math
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenstream.domain.ladder import OBSERVED, Ladder
from greenstream.domain.moment import Moment
from greenstream.domain.policy import FreshnessModel, Policy
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Reading
from greenstream.domain.routing import decide
from greenstream_tuning.choosing import Chooser, figures, observed
from greenstream_tuning.feeds import DelayedTrace, KeptReadings
from greenstream_tuning.traces import Trace
from tests.builders import a_candidate, a_reading, a_source, a_zone, an_hour_profile

POPS = ("ams", "fra", "iad", "lon")

# There are few distinct figures, so that ties and near-ties are frequent.
carbons = st.one_of(
    st.none(),
    st.sampled_from([0.0, 8.0, 8.4, 8.8, 95.0, 100.0, 105.0]),
    st.floats(min_value=0, max_value=900),
)
round_trips = st.one_of(
    st.none(), st.sampled_from([0.0, 20.0, 80.0]), st.floats(min_value=0, max_value=300)
)
policies = st.builds(
    Policy,
    max_latency_ms=st.sampled_from([10.0, 20.0, 80.0, 150.0]),
    latency_price_gco2_kwh_ms=st.sampled_from([0.0, 0.05, 0.25]),
    switch_margin=st.sampled_from([0.0, 0.05, 0.3]),
    tie_share=st.sampled_from([0.0, 0.02]),
    tie_gco2_kwh=st.sampled_from([0.0, 1.0]),
)


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(st.tuples(*[carbons] * len(POPS)), min_size=1, max_size=8),
    visitors=st.lists(st.tuples(*[round_trips] * len(POPS)), min_size=1, max_size=3),
    policy=policies,
    data=st.data(),
)
def test_every_choice_is_the_routers(
    steps: list[tuple[float | None, ...]],
    visitors: list[tuple[float | None, ...]],
    policy: Policy,
    data: st.DataObject,
) -> None:
    """The inputs include ties, unknown carbon, and unknown or too long round trips.

    The switch margin makes a choice depend on the choice at the step before.
    """
    chooser = Chooser(POPS, np.array(visitors, dtype=float), policy, [policy.max_latency_ms])
    carbon = np.array(steps, dtype=float).T
    cut = data.draw(st.integers(0, len(steps)))
    parts = [part for part in (carbon[:, :cut], carbon[:, cut:]) if part.shape[1]]
    chosen = np.concatenate([chooser.choose(part) for part in parts])

    for number, rtts_ms in enumerate(visitors):
        current = None
        for step, known in enumerate(steps):
            candidates = map(a_candidate, POPS, known, rtts_ms)
            current = decide(candidates, policy, current).chosen.candidate.pop
            assert POPS[chosen[step, 0, number]] == current


def test_several_limits_at_once_are_each_limit_alone() -> None:
    rng = np.random.default_rng(7)
    carbon = rng.uniform(50, 400, (len(POPS), 200))
    rtt_ms = rng.uniform(1, 160, (5, len(POPS)))
    limits_ms = [5.0, 40.0, 80.0, 150.0]
    together = Chooser(POPS, rtt_ms, Policy(), limits_ms).choose(carbon)

    for number, limit_ms in enumerate(limits_ms):
        alone = Chooser(POPS, rtt_ms, Policy(), [limit_ms]).choose(carbon)
        assert np.array_equal(together[:, number], alone[:, 0])


START = datetime(2026, 5, 1, tzinfo=UTC)
HOURS = 24 * 16
DAY_H = 24
ages = st.sampled_from([0, 300, 7200, 6 * 3600, 14 * 3600, 3 * 86_400, 8 * 86_400])


def a_trace(seed: int) -> Trace:
    rng = np.random.default_rng(seed)
    values = rng.uniform(20, 600, HOURS)
    values[rng.uniform(size=HOURS) < 0.1] = np.nan
    return Trace("Z", int(START.timestamp()), 3600, values)


def as_the_table_has_it(
    trace: Trace, now: datetime, delay: timedelta
) -> tuple[list[Reading], HourProfile]:
    """Return the readings and the profile that a collector would have stored by ``now``."""
    told = now - delay
    known = [
        hour
        for hour, value in enumerate(trace.gco2_kwh)
        if not np.isnan(value) and START + timedelta(hours=hour) <= told
    ]
    if not known:
        return [], a_profile({})
    newest = START + timedelta(hours=known[-1])
    middle, ended = newest + timedelta(minutes=30), newest + timedelta(hours=1)
    valid_to = min(told, ended)
    if delay == timedelta(0) and told < ended:
        valid_to = ended
    reading = a_reading(
        gco2_kwh=float(trace.gco2_kwh[known[-1]]),
        valid_from=middle - (valid_to - middle),
        valid_to=valid_to,
        fetched_at=now,
    )
    under_way = (min(told, ended - timedelta(seconds=1)) - START) // timedelta(hours=1)
    hours = {}
    for hour in range(max(0, under_way - DAY_H), under_way):
        week = [trace.gco2_kwh[past] for past in range(hour, -1, -DAY_H)[:7]]
        values = [value for value in week if not np.isnan(value)]
        if values:
            computed_at = START + timedelta(hours=hour + 1)
            mean = float(added(values) / len(values))
            spread = math.sqrt(added([(v - mean) * (v - mean) for v in values]) / len(values))
            hours[hour % DAY_H] = HourMean(mean, computed_at, spread, days=len(values))
    return [reading], a_profile(hours)


def added(values: list[float]) -> float:
    """Return the sum as arrays make it: `sum` compensates for rounding since Python 3.12."""
    return reduce(add, values, 0.0)


def a_profile(hours: dict[int, HourMean]) -> HourProfile:
    return an_hour_profile(
        hours=hours,
    )


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 50),
    delay_s=ages,
    max_age_s=ages,
    annual=st.sampled_from([400.0, float("nan")]),
    # These are instants after the middle of an hour, which is the middle of a reading's interval.
    instants=st.lists(
        st.tuples(st.integers(0, HOURS - 1), st.integers(36, 59)), min_size=1, max_size=5
    ).map(sorted),
    policy=st.builds(
        Policy,
        max_stale_s=st.sampled_from([0.0, 3600.0, 6 * 3600.0, 86_400.0]),
        max_stale_profile_s=st.sampled_from([0.0, 6 * 3600.0, 2 * 86_400.0]),
        penalty_cap_doubts=st.sampled_from([0.0, 0.5, 1.0]),
        freshness_model=st.sampled_from(FreshnessModel),
        penalty_grace_s=st.sampled_from([0.0, 600.0]),
        drift_half_life_s=st.sampled_from([3600.0, 64_800.0]),
    ),
)
def test_every_figure_is_the_ladders(
    seed: int,
    delay_s: int,
    max_age_s: int,
    annual: float,
    instants: list[tuple[int, int]],
    policy: Policy,
) -> None:
    """The inputs reach every rung of the ladder under every freshness model."""
    trace = a_trace(seed)
    feed = DelayedTrace(trace, delay_s, max_age_s, annual)
    moments = [START + timedelta(hours=hour, minutes=minute) for hour, minute in instants]
    epochs = np.array([int(moment.timestamp()) for moment in moments])
    seen = feed.seen(epochs)
    ranked, rested = figures(seen, feed, policy), observed(seen, feed, policy)

    zone = a_zone(a_source(max_age_s=max_age_s), means=() if np.isnan(annual) else None)
    for now, figure, on_reading in zip(moments, ranked, rested, strict=True):
        readings, profile = as_the_table_has_it(trace, now, timedelta(seconds=delay_s))
        routers = Ladder(zone, readings, [profile]).at(Moment(now, policy))
        assert (None if np.isnan(figure) else figure) == routers.adj_carbon_gco2_kwh
        assert on_reading == (routers.rung in OBSERVED)


class TestKeptReadings:
    """These tests cover the replay of the readings that the table stores."""

    def of(self, *told: tuple[int, int, float]) -> KeptReadings:
        """Return a feed of hourly readings.

        A reading is given by the hour at which it begins, the minute at which it was fetched, and
        its value.
        """
        readings = [
            a_reading(
                gco2_kwh=value,
                valid_from=START + timedelta(hours=hour),
                valid_to=START + timedelta(hours=hour + 1),
                fetched_at=START + timedelta(minutes=minute),
            )
            for hour, minute, value in told
        ]
        return KeptReadings(readings, 1800.0, float("nan"))

    def at(self, feed: KeptReadings, *minutes: int) -> list[tuple[float, float]]:
        seen = feed.seen(int(START.timestamp()) + 60 * np.array(minutes))
        return list(zip(seen.gco2_kwh.tolist(), seen.age_s.tolist(), strict=True))

    def test_nothing_is_known_before_it_was_fetched(self) -> None:
        (value, age_s), fetched = self.at(self.of((0, 70, 100.0)), 69, 70)

        assert np.isnan(value)
        assert np.isnan(age_s)
        assert fetched == (100.0, 600.0)

    def test_a_value_inside_its_interval_has_no_age(self) -> None:
        assert self.at(self.of((0, 5, 100.0)), 30) == [(100.0, 0.0)]

    def test_what_is_told_late_does_not_roll_back_what_is_known(self) -> None:
        assert self.at(self.of((1, 130, 200.0), (0, 140, 100.0)), 150) == [(200.0, 1800.0)]

    def test_a_revision_is_known_from_when_it_came(self) -> None:
        feed = self.of((0, 70, 100.0), (0, 90, 140.0))
        assert self.at(feed, 80, 90) == [(100.0, 1200.0), (140.0, 1800.0)]

    def test_without_a_reading_there_is_nothing_to_replay(self) -> None:
        with pytest.raises(ValueError, match="without a reading"):
            self.of()
