"""The in-memory store and the fake store with faults pass the tests of the real store."""

import pytest
from hypothesis import given

from greenstream.domain.reading import Reading
from greenstream.ports.store import Store, StoreError
from infra.local.memory_store import MemoryStore
from tests.fakes import memory_store as fake
from tests.store_contract import (
    StoreContract,
    a_reading,
    assert_newest_everywhere,
    deliveries,
)
from tests.storing import put_reading


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


class TestTheFake(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return fake.MemoryStore()


@given(deliveries())
def test_any_order_and_repetition_ends_with_the_newest(delivered: list[Reading]) -> None:
    store = MemoryStore()
    for reading in delivered:
        put_reading(store, reading)
    assert_newest_everywhere(store, delivered)


def test_an_unreachable_store_says_so() -> None:
    with pytest.raises(StoreError, match="put_reading"):
        put_reading(fake.MemoryStore(unreachable=True), a_reading())
