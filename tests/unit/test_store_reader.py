"""Reads of the store have a thread that is used again, and that ends with its reader."""

from threading import Event, Thread, current_thread

import pytest

from greenstream.api.snapshot_cache import RequestDeadline, SnapshotCache
from greenstream.api.store_reader import StoreReader
from greenstream.ports.store import Store, StoreError
from tests.fakes.memory_store import MemoryStore
from tests.router_client import SetClock


def thread_of(store: Store) -> Thread:
    """Return the thread in which the store is asked."""
    del store
    return current_thread()


def test_reads_that_follow_one_another_share_a_thread_beside_the_requests() -> None:
    cache = SnapshotCache(MemoryStore(), SetClock())
    first, second = (cache.ask(thread_of, RequestDeadline()) for _ in range(2))

    assert first is second
    assert first is not current_thread()


def test_a_failure_leaves_the_thread_for_the_next_read() -> None:
    reader = StoreReader(MemoryStore())

    def fail(store: Store) -> None:
        raise StoreError("the table is gone")

    first = reader.ask(thread_of).result(10)
    with pytest.raises(StoreError, match="the table is gone"):
        reader.ask(fail).result(10)
    assert reader.ask(thread_of).result(10) is first


def test_a_read_that_hangs_does_not_hold_up_the_next() -> None:
    go_on = Event()
    clock = SetClock()
    cache = SnapshotCache(MemoryStore(), clock)
    hanging: list[Thread] = []

    def hang(store: Store) -> None:
        hanging.append(thread_of(store))
        go_on.wait(30)

    assert cache.ask(hang, RequestDeadline(0.05)) is None
    clock.forward(1)
    other = cache.ask(thread_of, RequestDeadline(10))
    go_on.set()

    assert other is not None
    assert other is not hanging[0]
    hanging[0].join(10)
    assert not hanging[0].is_alive(), "the thread ends with its read"
    assert other.is_alive()


def test_the_thread_ends_when_its_reader_is_dropped() -> None:
    reader = StoreReader(MemoryStore())
    thread = reader.ask(thread_of).result(10)
    del reader
    thread.join(10)

    assert not thread.is_alive()
