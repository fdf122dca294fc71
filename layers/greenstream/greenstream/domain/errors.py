"""The errors of providers: transient, permanent, no data, invalid."""

from typing import Final, Self

MAX_MESSAGE_CHARS: Final = 500
"""The greatest length of a message. It quotes upstreams, and goes into a log line and an item."""


class GreenStreamError(Exception):
    """A provider has failed, for one zone or for all.

    Parameters
    ----------
    message
        What happened, for a log line and for operators. It contains no secret. It is cut at
        `MAX_MESSAGE_CHARS`, and a lone half of a surrogate pair, which UTF-8 cannot encode,
        becomes ``?``.
    provider
        The provider's name in the zone table, such as ``eso``.
    zone
        The zone that is affected, or ``None`` when all of the provider's zones are.
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

    def without_answer(self) -> Self:
        """Return this error without its traceback and causes, which hold the refused answer.

        The errors of a run are remembered until its end, and 30 answers of 8 MB would fill the
        function's memory.
        """
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


class TransientError(GreenStreamError):
    """A later attempt may succeed: the connection failed, timed out, or was answered by 5xx."""

    kind = "transient"


class ThrottledError(TransientError):
    """The provider has asked for fewer requests (429). More in this run would lengthen its ban."""


class PermanentError(GreenStreamError):
    """A later attempt fails too: the key is wrong, the plan lacks the zone, the address moved."""

    kind = "permanent"


class NoDataError(GreenStreamError):
    """The provider has answered that it has no data for the zone or the time."""

    kind = "no_data"


class InvalidError(GreenStreamError):
    """An answer cannot be true: its shape or its unit is wrong, or a value is impossible.

    Parameters
    ----------
    message, provider, zone
        As in `GreenStreamError`.
    reason
        The name under which the refusal is counted, such as ``negative`` or ``false_zero``.
    """

    kind = "invalid"

    def __init__(
        self, message: str, *, reason: str, provider: str, zone: str | None = None
    ) -> None:
        super().__init__(message, provider=provider, zone=zone)
        self.reason = reason


class UnfitKeyError(InvalidError):
    """The key that is set opens figures that are none, such as those of a sandbox.

    Nothing is broken and no later attempt helps, so that the provider counts as unconfigured: the
    operator has to set another key.
    """
