"""Makes a unit test fail when it opens a network socket, and gives it fakes that start empty."""

import pytest
from pytest_socket import disable_socket

from tests.fakes.memory_store import MemoryStore
from tests.fakes.scripted_provider import RecordedTelemetry


@pytest.fixture(autouse=True)
def _no_sockets() -> None:
    disable_socket(allow_unix_socket=True)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def telemetry() -> RecordedTelemetry:
    return RecordedTelemetry()
