"""WattTime's login, and the requests of one run with their limits.

A token is valid for half an hour (https://docs.watttime.org/).
"""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from functions.watttime.answers import NAME, Endpoints, token_of
from greenstream.domain.clock import Clock
from greenstream.domain.errors import (
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.ingest.http import HttpClient, Response
from greenstream.ingest.redaction import without_secrets

TOKEN_LIFE: Final = timedelta(minutes=30)
RENEWED_BEFORE: Final = timedelta(minutes=2)
"""A token is renewed this long before it expires, which is longer than a run lasts."""

RUN_S: Final = 45.0
"""No request starts later than this into a run. A request lasts up to 31 s with its retry."""

OK: Final = 200
UNAUTHORIZED: Final = 401

Credentials = tuple[str, str]
"""User name and password."""


@dataclass(slots=True)
class Session:
    """What a warm sandbox remembers between runs.

    Parameters
    ----------
    token, expires_at
        The token of the last login, and when it expires, UTC.
    credentials
        The credentials of the last login.
    access, access_read_at
        What the account may read, and when that was asked, UTC.
    stored
        The progress marker of each region: the end, UTC, of its newest historical point that has
        been stored. The next run also reads the points after it, so that no outage leaves a gap.
    """

    token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    credentials: Credentials | None = field(default=None, repr=False)
    access: Endpoints | None = None
    access_read_at: datetime | None = None
    stored: dict[str, datetime] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Requests:
    """The requests of one run.

    It logs in at most once more when a token is refused. It sends no request when the time of the
    run is over or after WattTime answered 429.

    Parameters
    ----------
    http
        Asks WattTime.
    session
        What is remembered between runs.
    credentials
        User name and password.
    clock
        Tells when the token expires.
    monotonic
        Seconds of a clock that never goes back; limits the time of the run.
    began
        When the run began, by ``monotonic``.
    logins
        How often the run has logged in.
    throttled
        Whether WattTime answered 429 during the run.
    """

    http: HttpClient
    session: Session
    credentials: Credentials
    clock: Clock
    monotonic: Callable[[], float]
    began: float = field(init=False)
    logins: int = 0
    throttled: bool = False

    def __post_init__(self) -> None:
        self.began = self.monotonic()

    def ask(self, path: str, params: Mapping[str, str], zone: str | None) -> object:
        """Return the JSON of an authorised GET.

        When the token is refused and the run has not logged in yet, it logs in and asks again.

        Raises
        ------
        TransientError
            When the request failed or may not be sent any more; `ThrottledError` for a 429.
        PermanentError
            When WattTime refuses the request.
        InvalidError
            When the answer is not JSON.
        """
        response = self._get(path, params, zone, f"Bearer {self.token()}")
        if response.status == UNAUTHORIZED and self.logins == 0:
            self.session.token = None
            response = self._get(path, params, zone, f"Bearer {self.token()}")
        if response.status != OK:
            raise PermanentError(
                f"HTTP {response.status} from {path}: {self._reason(response)}",
                provider=NAME,
                zone=zone,
            )
        return response.json(provider=NAME, zone=zone)

    def token(self) -> str:
        """Return the session's token, or a new one when it is about to expire.

        Raises
        ------
        TransientError
            When the request failed or may not be sent any more.
        PermanentError
            When the credentials are refused.
        InvalidError
            When the answer has no usable token.
        """
        session, now = self.session, self.clock()
        if session.token and session.expires_at and now < session.expires_at - RENEWED_BEFORE:
            return session.token
        self.logins += 1
        basic = base64.b64encode(":".join(self.credentials).encode()).decode()
        response = self._get("/login", {}, None, f"Basic {basic}")
        if response.status != OK:
            raise PermanentError(
                f"HTTP {response.status} from /login: WATTTIME_USERNAME or WATTTIME_PASSWORD is"
                f" refused ({self._reason(response)})",
                provider=NAME,
            )
        session.token, session.expires_at = token_of(response.body), now + TOKEN_LIFE
        return session.token

    def _reason(self, response: Response) -> str:
        """Return why WattTime refused, without the credentials that it may repeat.

        WattTime answers with JSON; a gateway in front of it answers with HTML.
        """
        try:
            answer = json.loads(response.body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            kind = response.headers.get("content-type", "no content type")
            reason = f"{kind}, no reason given"
            return without_secrets(reason, *self.http.credentials)
        words = [str(answer[key]) for key in ("error", "message", "msg") if answer.get(key)]
        return without_secrets(": ".join(words), *self.http.credentials)[:300] or "no reason given"

    def _get(
        self, path: str, params: Mapping[str, str], zone: str | None, authorization: str
    ) -> Response:
        if self.throttled or self.monotonic() - self.began > RUN_S:
            why = "WattTime answered 429" if self.throttled else "the time of the run is over"
            raise TransientError(f"{path} was not asked: {why}", provider=NAME, zone=zone)
        headers = {"Authorization": authorization}
        try:
            return self.http.get(path, params=params, headers=headers, zone=zone)
        except ThrottledError:
            self.throttled = True
            raise
