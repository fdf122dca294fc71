"""Chooses ports of the loopback address, which other programs may take at any moment."""

import socket
from collections.abc import Callable
from typing import TypeVar

from infra.local.processes import StackError

HOST = "127.0.0.1"
TRIES = 3

Started = TypeVar("Started")


def free_port(preferred: int) -> int:
    """Return the preferred port if it is free, else another free one; 0 prefers none."""
    for port in (preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StackError(f"{HOST} has no free port")


def on_free_port(preferred: int, start: Callable[[int], Started]) -> Started:
    """Start a server on the preferred port if it is free, else on another one.

    Between the choice of a port and the server's start another program may take the port, for
    example the stack of another checkout. The server is then started again on another port.

    Raises
    ------
    StackError
        When the server does not start for another reason, or on none of `TRIES` ports.
    """
    for attempt in range(1, TRIES + 1):
        port = free_port(preferred if attempt == 1 else 0)
        try:
            return start(port)
        except StackError:
            if attempt == TRIES or free_port(port) == port:
                raise
    raise AssertionError
