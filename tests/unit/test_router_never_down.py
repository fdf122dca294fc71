"""The router answers although its store fails.

It uses the last snapshot in memory and then the published means, and its answer says that it is
degraded.
"""

from collections.abc import Collection
from datetime import datetime
from threading import Event, Semaphore

import pytest

from greenstream.api.snapshot_cache import MAX_UNANSWERED, RequestDeadline, SnapshotCache
from greenstream.domain.places import seed_pops
from greenstream.domain.reading import Forecast, Kind, Reading
from greenstream.domain.roundtrips import MeasuredRtt
from greenstream.ports.store import Snapshot, StoreError
from infra.local.memory_store import MemoryProfiles
from tests.builders import NOW
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client, SetClock, a_reading_of
from tests.storing import put_reading


class CountingStore(MemoryStore):
    """A store that records which of its methods were called."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def snapshot(self) -> Snapshot:
        self.asked.append("snapshot")
        return super().snapshot()

    def profiles(self, hours: Collection[int]) -> MemoryProfiles:
        self.asked.append("profiles")
        return super().profiles(hours)

    def forecasts(self, zone: str) -> tuple[Forecast, ...]:
        self.asked.append("forecasts")
        return super().forecasts(zone)

    def history(
        self, zone: str, provider: str, kind: Kind, *, since: datetime, until: datetime
    ) -> tuple[Reading, ...]:
        self.asked.append("history")
        return super().history(zone, provider, kind, since=since, until=until)


@pytest.fixture
def store() -> CountingStore:
    store = CountingStore()
    put_reading(store, a_reading_of("NYISO", 260))
    return store


@pytest.fixture
def client(store: CountingStore) -> Client:
    return Client(store)


def test_the_router_does_not_wait_for_a_store_that_answers_drop_by_drop() -> None:
    """Each piece arrives within the client's time limit, but the whole answer does not."""
    asked_again = Event()

    class Dripping(MemoryStore):
        def snapshot(self) -> Snapshot:
            asked_again.wait(30)
            return super().snapshot()

    client = Client(Dripping())
    body = client.ask("/v1/route").body
    asked_again.set()
    client.clock.forward(1)

    assert body["degraded_reason"].startswith("the store failed (no answer within 0.6 s)")
    reason = client.ask("/v1/route").body["degraded_reason"]
    assert "the store failed" not in reason


def test_unanswered_reads_of_the_store_do_not_accumulate() -> None:
    """Each unanswered read occupies a thread, and the number of threads is limited."""
    go_on, waiting = Event(), Semaphore(0)

    class Silent(MemoryStore):
        def snapshot(self) -> Snapshot:
            waiting.release()
            go_on.wait(30)
            return super().snapshot()

    clock = SetClock()
    cache = SnapshotCache(Silent(), clock)
    for _ in range(3 * MAX_UNANSWERED):
        assert cache.view(RequestDeadline(0.001)).fault is not None
        clock.forward(1)
    assert all(waiting.acquire(timeout=30) for _ in range(MAX_UNANSWERED))
    assert not waiting.acquire(timeout=0.1)

    go_on.set()
    while cache.view(RequestDeadline()).fault is not None:  # until the threads have ended
        clock.forward(1)


class SlowStore(CountingStore):
    """A store that takes ``answer_s`` for every answer and failure, on the router's clock."""

    def __init__(self, answer_s: float) -> None:
        super().__init__()
        self.answer_s = answer_s
        self.clock = SetClock()

    def _begin(self, operation: str) -> None:
        self.clock.forward(self.answer_s)
        super()._begin(operation)

    def latencies(self, colo: str | None = None) -> tuple[MeasuredRtt, ...]:
        self.asked.append("latencies")
        return super().latencies(colo)


class TestRequestDeadline:
    """All reads of one request share a deadline, since the Worker waits 0.8 s for the answer."""

    def test_a_snapshot_that_uses_up_the_deadline_leaves_the_round_trips_unread(self) -> None:
        store = SlowStore(0.6)
        client = Client(store, clock=store.clock)
        body = client.ask("/v1/route", "colo=SJC").body

        assert store.asked == ["snapshot"]
        assert "the store failed" not in body["degraded_reason"]
        assert (
            "the hour profiles are not those of now (no time was left)" in body["degraded_reason"]
        )
        client.ask("/v1/route", "colo=SJC")
        assert store.asked == ["snapshot", "latencies"], (
            "the next request has a deadline of its own"
        )

    def test_profiles_that_were_not_read_are_read_with_the_next_snapshot(self) -> None:
        store = SlowStore(0.6)
        client = Client(store, clock=store.clock)
        client.ask("/v1/route")
        store.answer_s = 0.1
        client.clock.forward(5)
        body = client.ask("/v1/route").body

        assert store.asked == ["snapshot", "snapshot", "profiles"]
        assert "hour profiles" not in body["degraded_reason"]

    def test_profiles_that_fail_leave_the_readings_in_use(self) -> None:
        class WithoutProfiles(CountingStore):
            def profiles(self, hours: Collection[int]) -> MemoryProfiles:
                raise StoreError("DynamoDB Query failed: ReadTimeoutError")

        store = WithoutProfiles()
        put_reading(store, a_reading_of("NYISO", 260))
        body = Client(store).ask("/v1/route", "pops=nyc").body

        assert body["candidates"][0]["rung"] == "live"
        assert body["degraded_reason"] == (
            "the hour profiles are not those of now (DynamoDB Query failed: ReadTimeoutError)"
        )

    def test_no_more_zones_forecasts_are_read_after_the_deadline(self) -> None:
        store = SlowStore(0.25)
        asked = ",".join(f"GBR-{number}" for number in range(1, 11))
        body = Client(store, clock=store.clock).ask("/v1/window", f"zones={asked}").body

        assert store.asked == ["forecasts"] * 3
        assert [zone["why_no_forecast"] for zone in body["zones"]] == ["no_forecast"] * 3 + [
            "not_read"
        ] * 7
        assert body["degraded"]

    def test_a_zones_page_waits_longer_because_no_visit_waits_for_it(self) -> None:
        store = SlowStore(0.45)
        body = Client(store, clock=store.clock).ask("/v1/zones/GBR", "history_h=48").body

        assert store.asked[:4] == ["snapshot", "profiles", "forecasts", "history"]
        assert body["history"] is not None

    def test_a_zones_page_waits_at_most_two_seconds(self) -> None:
        store = SlowStore(1.0)
        body = Client(store, clock=store.clock).ask("/v1/zones/GBR", "history_h=48").body

        assert store.asked == ["snapshot", "profiles"]
        assert (body["history"], body["degraded"]) == (None, True)


class TestMemory:
    def test_the_store_is_asked_once_in_five_seconds(
        self, client: Client, store: CountingStore
    ) -> None:
        for _ in range(50):
            client.ask("/v1/route")
            client.clock.forward(0.09)
        assert store.asked == ["snapshot", "profiles"]

        client.clock.forward(0.5)
        client.ask("/v1/zones")
        assert store.asked == ["snapshot", "profiles", "snapshot"]

    def test_profiles_are_read_every_five_minutes_and_when_another_hour_is_needed(
        self, client: Client, store: CountingStore
    ) -> None:
        reads = []
        for minutes in (0, 4, 1, 24, 2):  # the middle of the hour from 16:00 comes at last
            client.clock.forward(60 * minutes)
            client.ask("/v1/route")
            reads.append(store.asked.count("profiles"))
        assert reads == [1, 1, 2, 3, 4]

    def test_a_clock_set_back_does_not_freeze_the_memory(
        self, client: Client, store: CountingStore
    ) -> None:
        client.ask("/v1/route")
        client.clock.forward(-3600)
        client.ask("/v1/route")

        assert store.asked == ["snapshot", "profiles"] * 2


class TestStoreDown:
    def test_the_last_snapshot_answers_with_the_age_of_now(
        self, client: Client, store: CountingStore
    ) -> None:
        client.ask("/v1/route", "pops=nyc")
        store.unreachable = True
        client.clock.forward(700)
        body = client.ask("/v1/route", "pops=nyc").body

        assert body["degraded"] is True
        assert "from memory of 700 s ago" in body["degraded_reason"]
        assert (body["candidates"][0]["gco2_kwh"], body["candidates"][0]["age_s"]) == (260, 700)
        assert body["candidates"][0]["penalty_gco2_kwh"] == pytest.approx(1.7)

    def test_a_snapshot_that_is_too_old_is_replaced_by_the_published_mean(self) -> None:
        store = MemoryStore()
        put_reading(store, a_reading_of("PJM", 260))
        client = Client(store)
        client.ask("/v1/route", "pops=iad")
        store.unreachable = True
        client.clock.forward(7 * 3600)

        assert client.ask("/v1/route", "pops=iad").body["candidates"][0]["rung"] == "annual_mean"

    def test_without_memory_published_means_answer(self) -> None:
        answer = Client(MemoryStore(unreachable=True)).ask("/v1/route", "lat=40.7&lon=-74.0")

        assert answer.status == 200
        assert answer.body["degraded"] is True
        assert "nothing is remembered" in answer.body["degraded_reason"]
        assert {candidate["pop"] for candidate in answer.body["candidates"]} == set(seed_pops())
        assert {candidate["rung"] for candidate in answer.body["candidates"]} <= {
            "annual_mean",
            "none",
        }

    @pytest.mark.parametrize(
        "path", ["/", "/v1/route", "/v1/zones", "/v1/zones/NYISO", "/v1/pops", "/v1/providers"]
    )
    def test_every_route_still_answers(self, path: str) -> None:
        assert Client(MemoryStore(unreachable=True)).ask(path).status == 200

    def test_a_failed_store_is_left_alone_for_a_second_and_then_asked_again(
        self, client: Client, store: CountingStore
    ) -> None:
        store.unreachable = True
        for _ in range(10):
            assert client.ask("/v1/route").body["degraded"] is True
            client.clock.forward(0.09)
        assert store.asked == ["snapshot"]

        store.unreachable = False
        client.clock.forward(0.2)
        assert client.ask("/v1/route").body["degraded"] is False

    def test_a_store_that_is_slow_to_fail_is_left_alone_for_a_second_from_its_failure(
        self,
    ) -> None:
        store = SlowStore(1.0)
        store.unreachable = True
        client = Client(store, clock=store.clock)
        for _ in range(2):
            client.ask("/v1/route")

        assert store.asked == ["snapshot"]

    def test_a_clock_set_back_does_not_lock_the_store_out(
        self, client: Client, store: CountingStore
    ) -> None:
        store.unreachable = True
        client.ask("/v1/route")
        store.unreachable = False
        client.clock.forward(-3600)

        assert client.ask("/v1/route").body["degraded"] is False

    def test_history_and_forecasts_that_cannot_be_read_are_null_not_empty(
        self, client: Client, store: CountingStore
    ) -> None:
        client.ask("/v1/route")
        store.unreachable = True
        body = client.ask("/v1/zones/NYISO", "history_h=1").body

        assert (body["history"], body["forecasts"], body["degraded"]) == (None, None, True)
        assert body["degraded_reason"] == (
            "the store did not give forecasts, history, the whole profile"
        )
        assert body["gco2_kwh"] == 260
        assert store.asked == ["snapshot", "profiles", "forecasts"]


class TestDamage:
    def test_damaged_items_are_named_and_affect_no_other_zone(self) -> None:
        store = MemoryStore(damaged=("BOARD#gridstatus",))
        put_reading(store, a_reading_of("NYISO", 260))
        body = Client(store).ask("/v1/route", "pops=nyc,iad").body

        assert body["degraded"] is True
        assert "BOARD#gridstatus" in body["degraded_reason"]
        assert {candidate["pop"]: candidate["rung"] for candidate in body["candidates"]} == {
            "nyc": "live",
            "iad": "annual_mean",
        }

    def test_many_damaged_items_are_counted_and_not_listed(self) -> None:
        store = MemoryStore(damaged=tuple(f"BOARD#{number}" for number in range(400)))
        reason = Client(store).ask("/v1/health").body["degraded_reason"]

        assert "and 395 more" in reason
        assert len(reason) < 200


def test_the_answer_is_for_the_instant_of_the_clock(client: Client) -> None:
    assert client.clock.now == NOW
    assert client.ask("/v1/route").body["as_of"] == "2026-11-22T16:00:00Z"
