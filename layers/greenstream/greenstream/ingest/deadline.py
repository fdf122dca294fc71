"""Ends a connection whose exchange exceeds its deadline, while a read still waits on it."""

import math
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, Final

CHECKS: Final = 10
"""How often the deadline is checked while it runs. A silent upstream may exceed the deadline by one
such interval."""


@dataclass(slots=True)
class Connection:
    """The connection in use, which another thread can end while a read waits on it."""

    _socket: socket.socket | None = None

    def traced(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember a new connection, as an extension of httpx that traces events.

        The socket is duplicated, because TLS takes over the one that httpx holds.
        """
        if event == "connection.connect_tcp.complete":
            self.close()
            given: socket.socket = info["return_value"].get_extra_info("socket")
            self._socket = socket.socket(fileno=os.dup(given.fileno()))

    def hang_up(self) -> None:
        """Shut the connection down, which ends every read that waits on it."""
        if self._socket is not None:
            with suppress(OSError):  # The upstream may have closed it first.
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the duplicated socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@dataclass(slots=True)
class DeadlineWatch:
    """A thread that ends the connection when an exchange exceeds its deadline.

    There is one thread for each run, because starting a thread costs as much as a request.

    Parameters
    ----------
    connection
        The connection to end.
    every_s
        How often the deadline is checked, in seconds.
    ends_at
        The deadline of the present exchange, by `time.monotonic`.
    """

    connection: Connection
    every_s: float
    ends_at: float = math.inf
    _over: Event = field(default_factory=Event)

    def begin(self) -> None:
        """Start the thread."""
        Thread(target=self._look, daemon=True).start()

    def end(self) -> None:
        """Stop the thread."""
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(self.every_s):
            if time.monotonic() > self.ends_at:
                self.connection.hang_up()
