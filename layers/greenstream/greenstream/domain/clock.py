"""Time as a port: every rule takes the present as an argument, and only the edges read it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present instant, aware UTC."""


def utc_now() -> datetime:
    """Return the present instant."""
    return datetime.now(UTC)
