"""The measured round trip of a colo and POP is a median, which few false reports cannot move."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenstream.api.latency_cache import MAX_COLOS, TIME_TO_LIVE, LatencyCache
from greenstream.api.snapshot_cache import RequestDeadline, SnapshotCache
from greenstream.domain.roundtrips import (
    LIFE,
    MAX_RTT_MS,
    MIN_RTT_MS,
    TRUSTED_SAMPLES,
    VOTES,
    MeasuredRtt,
    add_report,
    median,
)
from tests.builders import NOW
from tests.fakes.memory_store import MemoryStore
from tests.router_client import SetClock

rtts_ms = st.floats(MIN_RTT_MS, MAX_RTT_MS)


def after(reports: list[list[float]]) -> MeasuredRtt:
    measured = None
    for report in reports:
        measured = add_report(measured, "SJC", "sfo", report, NOW)
    assert measured is not None
    return measured


@given(st.lists(rtts_ms, min_size=1))
def test_the_median_has_as_many_below_as_above(values: list[float]) -> None:
    middle = median(values)

    assert sum(value < middle for value in values) <= len(values) / 2
    assert sum(value > middle for value in values) <= len(values) / 2


@given(
    st.lists(st.floats(10, 20), min_size=VOTES // 2 + 1, max_size=VOTES),
    st.lists(rtts_ms, max_size=VOTES // 2),
    st.randoms(),
)
def test_liars_in_the_minority_do_not_carry_the_figure_out_of_the_honest_range(
    honest: list[float], lies: list[float], random: st.DataObject
) -> None:
    reports = [[value] for value in honest + lies][-VOTES:]
    random.shuffle(reports)  # type: ignore[attr-defined]
    trusted = [value for [value] in reports if value in honest]
    if len(trusted) > len(reports) / 2:
        assert 9.95 <= after(reports).rtt_ms <= 20.05


@given(st.lists(st.lists(rtts_ms, min_size=1, max_size=5), min_size=1, max_size=40))
def test_the_figure_is_always_within_the_bounds_of_a_round_trip(reports: list[list[float]]) -> None:
    measured = after(reports)

    assert MIN_RTT_MS <= measured.rtt_ms <= MAX_RTT_MS
    assert measured.samples == sum(map(len, reports))


def test_a_report_of_many_samples_has_one_vote() -> None:
    assert after([[10.0], [11.0], [60_000.0] * 100]).rtt_ms == 11.0


def test_too_few_or_too_old_samples_give_no_figure() -> None:
    enough = after([[10.0] * TRUSTED_SAMPLES])

    assert enough.is_trusted_at(NOW)
    assert enough.is_trusted_at(NOW + LIFE - timedelta(seconds=1))
    assert not enough.is_trusted_at(NOW + LIFE)
    assert not after([[10.0] * (TRUSTED_SAMPLES - 1)]).is_trusted_at(NOW)


class CountingStore(MemoryStore):
    """A store that records for which colos it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str | None] = []

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        self.asked.append(colo)
        return super().latencies(colo)


class TestMemory:
    @pytest.fixture
    def store(self) -> MemoryStore:
        store = MemoryStore()
        store.record_latency("SJC", "sfo", [10.0] * 5, NOW)
        store.record_latency("SJC", "lon", [150.0] * 4, NOW)
        return store

    def a_cache(self, store: MemoryStore, clock: SetClock) -> LatencyCache:
        return LatencyCache(SnapshotCache(store, clock).ask, clock)

    def test_only_figures_that_are_still_valid_are_returned(self, store: MemoryStore) -> None:
        cache = self.a_cache(store, SetClock())

        assert {pop: one.rtt_ms for pop, one in cache.of("SJC", RequestDeadline()).items()} == {
            "sfo": 10.0
        }
        assert cache.of("AMS", RequestDeadline()) == {}

    def test_it_is_read_again_when_due(self, store: MemoryStore) -> None:
        clock = SetClock()
        cache = self.a_cache(store, clock)
        cache.of("SJC", RequestDeadline())
        store.record_latency("SJC", "lon", [150.0], NOW)
        clock.forward(TIME_TO_LIVE.total_seconds() - 1)
        assert set(cache.of("SJC", RequestDeadline())) == {"sfo"}

        clock.forward(1)
        assert set(cache.of("SJC", RequestDeadline())) == {"sfo", "lon"}

    def test_a_colo_is_read_without_the_others_that_may_be_very_many(self) -> None:
        class Narrow(MemoryStore):
            def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
                assert colo is not None, "a question waits 0.6 s; the edge's colos take longer"
                return super().latencies(colo)

        store = Narrow()
        store.record_latency("SJC", "sfo", [10.0] * 5, NOW)
        store.record_latency("AMS", "ams", [2.0] * 5, NOW)
        cache = self.a_cache(store, SetClock())

        assert set(cache.of("SJC", RequestDeadline())) == {"sfo"}
        assert set(cache.of("AMS", RequestDeadline())) == {"ams"}

    def test_a_clock_set_back_does_not_freeze_a_colo(self) -> None:
        store, clock = CountingStore(), SetClock()
        cache = self.a_cache(store, clock)
        cache.of("SJC", RequestDeadline())
        clock.forward(-3600)
        cache.of("SJC", RequestDeadline())

        assert store.asked == ["SJC", "SJC"]

    def test_the_number_of_remembered_colos_is_bounded(self) -> None:
        store = CountingStore()
        cache = self.a_cache(store, SetClock())
        for number in range(MAX_COLOS):
            cache.of(f"{number:03d}", RequestDeadline())
            cache.of(f"{number:03d}", RequestDeadline())
        assert len(store.asked) == MAX_COLOS
        cache.of("ONE", RequestDeadline())
        cache.of("000", RequestDeadline())
        assert store.asked[MAX_COLOS:] == ["ONE", "000"]

    def test_the_colo_read_longest_ago_is_forgotten_first(self) -> None:
        store, clock = CountingStore(), SetClock()
        cache = self.a_cache(store, clock)
        for number in range(MAX_COLOS):
            cache.of(f"{number:03d}", RequestDeadline())
        clock.forward(TIME_TO_LIVE.total_seconds())
        for colo in ("000", "ONE", "000"):
            cache.of(colo, RequestDeadline())

        assert store.asked[MAX_COLOS:] == ["000", "ONE"]

    def test_figures_that_were_read_stay_available_when_the_store_fails(
        self, store: MemoryStore
    ) -> None:
        clock = SetClock()
        cache = self.a_cache(store, clock)
        cache.of("SJC", RequestDeadline())
        store.unreachable = True
        clock.forward(3600)

        assert set(cache.of("SJC", RequestDeadline())) == {"sfo"}
