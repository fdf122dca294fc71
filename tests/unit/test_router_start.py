"""The router reads its store before the first request; a failure there costs one answer at most."""

import time
from threading import Event

from greenstream.api.snapshot_cache import FIRST_DEADLINE_S
from greenstream.ports.store import Snapshot
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client, a_reading_of
from tests.storing import put_reading


class Counting(MemoryStore):
    """A store that counts its snapshots, and answers none of them before ``answers`` is set."""

    def __init__(self) -> None:
        super().__init__()
        put_reading(self, a_reading_of("NYISO", 260))
        self.snapshots = 0
        self.answers = Event()
        self.answers.set()

    def snapshot(self) -> Snapshot:
        self.snapshots += 1
        self.answers.wait(30)
        return super().snapshot()


def test_the_first_answer_is_live_and_asks_a_healthy_store_nothing() -> None:
    store = Counting()
    client = Client(store)
    client.router.prepare()
    assert store.snapshots == 1

    body = client.ask("/v1/route", "pops=nyc").body
    assert (body["degraded"], body["candidates"][0]["rung"]) == (False, "live")
    assert store.snapshots == 1


def test_the_first_answer_asks_again_after_a_store_that_failed_at_the_start() -> None:
    store = Counting()
    store.unreachable = True
    client = Client(store)
    client.router.prepare()
    store.unreachable = False

    assert client.ask("/v1/route", "pops=nyc").body["degraded"] is False
    assert store.snapshots == 2


def test_the_start_waits_for_a_silent_store_for_a_bounded_time() -> None:
    store = Counting()
    store.answers.clear()
    client = Client(store)
    started = time.monotonic()
    client.router.prepare()
    waited_s = time.monotonic() - started
    store.answers.set()

    assert FIRST_DEADLINE_S <= waited_s < 2 * FIRST_DEADLINE_S
    assert client.ask("/v1/route", "pops=nyc").body["degraded"] is False


def test_a_store_that_raises_what_no_store_should_is_logged_and_stops_no_start() -> None:
    class Broken(MemoryStore):
        def snapshot(self) -> Snapshot:
            raise RuntimeError("broken")

    client = Client(Broken())
    client.router.prepare()

    [(level, message, fields)] = client.log.lines
    assert (level, message, fields["path"]) == ("exception", "the router failed", "the start")
