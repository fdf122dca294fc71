"""The fake obeys the contract of the real store, or tests built on it would prove nothing."""

import pytest
from hypothesis import given

from greenstream.domain.reading import Reading
from greenstream.ports.store import Store, StoreError
from tests.fakes.memory_store import MemoryStore
from tests.store_contract import (
    StoreContract,
    a_reading,
    assert_newest_everywhere,
    deliveries,
)


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()


@given(deliveries())
def test_any_order_and_repetition_ends_with_the_newest(delivered: list[Reading]) -> None:
    store = MemoryStore()
    for reading in delivered:
        store.put_reading(reading)
    assert_newest_everywhere(store, delivered)


def test_an_unreachable_store_says_so() -> None:
    with pytest.raises(StoreError, match="put_reading"):
        MemoryStore(unreachable=True).put_reading(a_reading())
