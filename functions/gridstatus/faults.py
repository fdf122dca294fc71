"""Translates what the gridstatus library raises, which has no error tree of its own, into ours."""

import http.client
import traceback
import urllib.error
from pathlib import Path
from typing import Final

import requests
from gridstatus.base import NoDataFoundException, NotSupported, RetiredDataException
from gridstatus.pjm import DataMinerSnapshotMismatch

from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    TransientError,
)
from greenstream.ingest.redaction import without_secrets
from greenstream.ports.secrets import SecretsError

NAME: Final = "gridstatus"

REFUSED_ADDRESS: Final = {
    "ERCOT": "; ERCOT refuses addresses outside the United States: deploy to a Region there, or "
    "set GridstatusProxy"
}
"""What is said of an answer 403, by zone: the operator refuses the address, and no key is wrong."""


def ours(error: Exception, zone: str, api_key: str | None) -> GreenStreamError:
    """Translate an exception of the library into one of our errors.

    The message names the exception's type, its text without the key, and the line of the library
    that raised it. Its causes and frames are not kept, because they hold the answer, the request,
    and with it the key.

    Parameters
    ----------
    error
        What was raised. An error of ours is returned as it is.
    zone
        The zone's name.
    api_key
        The key that is cut out of the text, if one was sent.
    """
    if isinstance(error, GreenStreamError):
        return error
    text = without_secrets(f"{type(error).__name__}: {error}", api_key)
    what = " ".join(text.split())[:200] + _place(error)
    if _http_status(error) == http.client.FORBIDDEN:
        what += REFUSED_ADDRESS.get(zone, "")
    kind = _kind(error)
    if kind is InvalidError:
        return invalid(what, "too_large" if isinstance(error, MemoryError) else "malformed", zone)
    return kind(what, provider=NAME, zone=zone)


def invalid(what: str, reason: str, zone: str | None = None) -> InvalidError:
    """Return the error that refuses an answer and is counted under ``reason``."""
    return InvalidError(what, reason=reason, provider=NAME, zone=zone)


def _place(error: Exception) -> str:
    """Name the innermost line of the library that the error passed through, if there is one."""
    places = [
        f" ({Path(frame.f_code.co_filename).name}:{line})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith("gridstatus.")
    ]
    return places[-1] if places else ""


def _kind(error: Exception) -> type[GreenStreamError]:
    if (status := _http_status(error)) is not None:
        return _kind_of_status(status)
    if isinstance(error, NoDataFoundException):
        return NoDataError
    if isinstance(error, NotSupported | RetiredDataException):
        return PermanentError
    if isinstance(error, requests.exceptions.InvalidJSONError):  # an OSError by inheritance
        return InvalidError
    # The library raises RuntimeError itself, and no subclass, when PJM's retries are used up or
    # when PJM answers with a list of errors.
    if (
        isinstance(
            error,
            OSError | http.client.HTTPException | DataMinerSnapshotMismatch | SecretsError,
        )
        or type(error) is RuntimeError
    ):
        return TransientError
    return InvalidError


def _http_status(error: Exception) -> int | None:
    if isinstance(error, urllib.error.HTTPError):
        return error.code
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code
    return None


def _kind_of_status(status: int) -> type[GreenStreamError]:
    if status == http.client.NOT_FOUND:  # the file of a day does not exist before its first row
        return NoDataError
    if status in (http.client.REQUEST_TIMEOUT, http.client.TOO_MANY_REQUESTS) or (
        status >= http.client.INTERNAL_SERVER_ERROR
    ):
        return TransientError
    return PermanentError
