"""What every national feed is made of, and the errors that its parser raises."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeGuard

from greenstream.domain.errors import GreenStreamError, PermanentError
from greenstream.domain.mix import Refusal
from greenstream.domain.reading import EARLIEST, FUTURE_TOLERANCE
from greenstream.ingest.http import HttpClient, Response
from greenstream.ingest.mixes import MixSlot


class Parsed(NamedTuple):
    """What an answer holds: slots by the provider's zone, oldest first, and errors of parts.

    A zone without slots is one of which nothing can be known yet. A zone that is absent is missed.
    """

    slots: Mapping[str, Sequence[MixSlot]]
    errors: Sequence[GreenStreamError] = ()


Reader = Callable[[HttpClient, datetime | None, datetime], Parsed]
"""Asks a feed and returns what it holds: the slots that end after the second argument (UTC), or the
newest where that is ``None``. Slots that end earlier may be among them. The third argument is the
present. It raises a `GreenStreamError` when the whole answer cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A national feed, which is a provider of its own.

    Parameters
    ----------
    name
        The provider's name in the zone table.
    address
        The setting that holds the feed's address.
    table
        Its table of factors.
    read
        Asks it.
    not_metered
        What it does not meter, in words. Empty where it meters everything.
    window
        How far back its slots are remembered.
    max_bytes
        The greatest answer that is read.
    """

    name: str
    address: str
    table: str
    read: Reader
    not_metered: str = ""
    window: timedelta = timedelta(hours=26)
    max_bytes: int = 1_000_000


def asked(http: HttpClient, path: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer of a path, which must be successful.

    Raises
    ------
    PermanentError
        When the status is not 200. A 403 is named: some operators refuse the addresses of clouds.
    GreenStreamError
        As `HttpClient.get`.
    """
    response = http.get(path, headers=headers)
    if response.status == 200:  # noqa: PLR2004
        return response
    why = response.refusal()[:200]
    refused = " (operators refuse addresses of some clouds)" if response.status == 403 else ""  # noqa: PLR2004
    raise PermanentError(
        f"HTTP {response.status}{refused} from {path}: {why}", provider=http.provider
    )


def number_of(text: str) -> float | None:
    """Return the finite number that a text is, or ``None`` where it is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def is_number(value: object) -> TypeGuard[int | float]:
    """Return whether a member of a JSON answer is a number that a float can hold."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


LATEST: Final = datetime(3000, 1, 1, tzinfo=UTC)
"""Before the end of the calendar, where the end of a slot could not be computed."""


def within_calendar(moment: datetime) -> datetime:
    """Return a moment (UTC) that can be that of a slot.

    Raises
    ------
    ValueError
        When it is too near to an end of the calendar.
    """
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(f"{moment} is no time of a slot")
    return moment


def not_ahead(slots: Iterable[MixSlot], now: datetime) -> list[MixSlot]:
    """Return slots, of which those that begin in the future (UTC) are refused as ``future``."""
    return [
        slot._replace(
            mix=slot.mix._replace(
                refusal=Refusal("future", f"the slot at {slot.mix.valid_from} is in the future")
            )
        )
        if slot.mix.valid_from - now > FUTURE_TOLERANCE
        else slot
        for slot in slots
    ]
