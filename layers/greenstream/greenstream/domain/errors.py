"""The one small error tree: transient, permanent, no data, invalid."""

from typing import Final

MAX_MESSAGE_CHARS: Final = 500
"""Kept of a message: upstreams are quoted in it, and it goes into a log line and an item."""


class GreenStreamError(Exception):
    """Something went wrong with one provider's answer for one zone.

    Parameters
    ----------
    message
        What happened, fit for a log line and for an operator's eyes; carries no secret. Cut at
        `MAX_MESSAGE_CHARS`; halves of a surrogate pair, which no UTF-8 can say, become ``?``.
    provider
        Name of the provider, as in the zone table (``eso``).
    zone
        The zone concerned, or ``None`` when the whole provider is.
    """

    kind = "error"

    def __init__(self, message: str, *, provider: str, zone: str | None = None) -> None:
        self.message = message[:MAX_MESSAGE_CHARS].encode(errors="replace").decode()
        super().__init__(self.message)
        self.provider = provider
        self.zone = zone

    def __str__(self) -> str:
        where = self.provider if self.zone is None else f"{self.provider}/{self.zone}"
        return f"{where}: {self.message}"


class TransientError(GreenStreamError):
    """A later attempt may succeed: refused, timed out, throttled, a 5xx."""

    kind = "transient"


class ThrottledError(TransientError):
    """The provider asks for silence (429): asking on in this run would lengthen its ban."""


class PermanentError(GreenStreamError):
    """Asking again changes nothing: a bad key, a plan without this zone, a moved address."""

    kind = "permanent"


class NoDataError(GreenStreamError):
    """The provider answered properly that it has nothing for the zone or window."""

    kind = "no_data"


class InvalidError(GreenStreamError):
    """The answer cannot be what it claims to be: wrong shape, wrong unit, impossible value.

    Parameters
    ----------
    reason
        Short machine-readable name of what is wrong (``negative``, ``false_zero``): the name
        under which the rejection is counted.
    """

    kind = "invalid"

    def __init__(
        self, message: str, *, reason: str, provider: str, zone: str | None = None
    ) -> None:
        super().__init__(message, provider=provider, zone=zone)
        self.reason = reason
