"""Fixtures of the tests of ``greenstream read``."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import disable_socket, enable_socket

from tests.contract.read_command import Done, Read, run


@pytest.fixture
def no_sockets() -> Iterator[None]:
    """Make the test fail when it opens a network socket."""
    disable_socket(allow_unix_socket=True)
    yield
    enable_socket()


@pytest.fixture
def read(no_sockets: None, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Read:
    """Run the command without a socket; ``files`` stand for their names in the words."""

    def read(words: str, *more: str, **files: object) -> Done:
        return run(tmp_path, capsys, [*words.split(), *more], files)

    return read
