"""Limits of the requests that an API allows in a time."""

from collections import deque
from datetime import datetime, timedelta
from threading import Lock


class Quota:
    """Allows at most ``limit`` requests in any ``window``. It may be used by several threads."""

    def __init__(self, limit: int, window: timedelta) -> None:
        self._limit = limit
        self._window = window
        self._taken: deque[datetime] = deque()
        self._lock = Lock()

    def take(self, now: datetime) -> bool:
        """Return whether a request at ``now`` is allowed, and count it if it is."""
        with self._lock:
            while self._taken and now - self._taken[0] >= self._window:
                self._taken.popleft()
            if len(self._taken) >= self._limit:
                return False
            self._taken.append(now)
            return True
