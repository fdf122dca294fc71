"""Two stacks, and other programs of the machine, want the same ports."""

import socket

import pytest

from infra.local.ports import HOST, free_port, on_free_port
from infra.local.processes import StackError


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        assert free_port(taken.getsockname()[1]) != taken.getsockname()[1]


def test_a_server_whose_port_another_program_takes_meanwhile_starts_on_another() -> None:
    tried: list[int] = []
    with socket.socket() as other:

        def start(port: int) -> str:
            tried.append(port)
            if len(tried) == 1:
                other.bind((HOST, port))
                other.listen()
                raise StackError("ended while starting")
            return "started"

        assert on_free_port(0, start) == "started"
    assert len(set(tried)) == 2


def test_a_server_that_fails_for_another_reason_is_not_started_again() -> None:
    tried: list[int] = []

    def start(port: int) -> str:
        tried.append(port)
        raise StackError("a module is missing")

    with pytest.raises(StackError, match="a module is missing"):
        on_free_port(0, start)
    assert len(tried) == 1
