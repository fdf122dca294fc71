"""The clock as a port: rules get the present as an argument, and only entry points read it."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Returns the present as an aware instant in UTC."""


def utc_now() -> datetime:
    """Return the present by the machine's clock, in UTC."""
    return datetime.now(UTC)
