"""How many requests an API allows in a time, counted as it does."""

from collections import deque
from datetime import datetime, timedelta
from threading import Lock


class Quota:
    """At most ``limit`` requests in any ``window``; requests are answered in several threads."""

    def __init__(self, limit: int, window: timedelta) -> None:
        self._limit = limit
        self._window = window
        self._taken: deque[datetime] = deque()
        self._lock = Lock()

    def take(self, now: datetime) -> bool:
        """Tell whether a request at ``now`` is allowed, and count it if so."""
        with self._lock:
            while self._taken and now - self._taken[0] >= self._window:
                self._taken.popleft()
            if len(self._taken) >= self._limit:
                return False
            self._taken.append(now)
            return True
