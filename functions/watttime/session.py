"""WattTime's login, and the requests of a run: a token for half an hour, an end to trying."""

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
"""A token about to expire is renewed early: longer than a run lasts."""

RUN_S: Final = 45.0
"""No request starts later than this into a run; one lasts up to 31 s with its retry."""

OK: Final = 200
UNAUTHORIZED: Final = 401

Credentials = tuple[str, str]
"""User name and password."""


@dataclass(slots=True)
class Session:
    """What outlives a run in a warm sandbox.

    The token, what the account may read, and the end of each region's newest historical point
    that is stored: those since then come too, so that no outage leaves a hole.
    """

    token: str | None = None
    expires_at: datetime | None = None
    credentials: Credentials | None = None
    access: Endpoints | None = None
    access_read_at: datetime | None = None
    stored: dict[str, datetime] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Requests:
    """One run's requests: at most one renewal, none past its time, none after a 429.

    Parameters
    ----------
    clock
        Says when the token expires.
    monotonic
        Says when the run's time is over.
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
        """Return the JSON of an authorized GET, with one new login when the token is refused."""
        response = self._get(path, params, zone, f"Bearer {self.token()}")
        if response.status == UNAUTHORIZED and self.logins == 0:
            self.session.token = None
            response = self._get(path, params, zone, f"Bearer {self.token()}")
        if response.status != OK:
            raise PermanentError(
                f"HTTP {response.status} from {path}: {self._said(response)}",
                provider=NAME,
                zone=zone,
            )
        return response.json(provider=NAME, zone=zone)

    def token(self) -> str:
        """Return the session's token, or a new one when it is about to expire."""
        session, now = self.session, self.clock()
        if session.token and session.expires_at and now < session.expires_at - RENEWED_BEFORE:
            return session.token
        self.logins += 1
        basic = base64.b64encode(":".join(self.credentials).encode()).decode()
        response = self._get("/login", {}, None, f"Basic {basic}")
        if response.status != OK:
            raise PermanentError(
                f"HTTP {response.status} from /login: WATTTIME_USERNAME or WATTTIME_PASSWORD is"
                f" refused ({self._said(response)})",
                provider=NAME,
            )
        session.token, session.expires_at = token_of(response.body), now + TOKEN_LIFE
        return session.token

    def _said(self, response: Response) -> str:
        """Return the upstream's own words: JSON here, a gateway's HTML there."""
        try:
            answer = json.loads(response.body)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            return f"{response.headers.get('content-type', 'no content type')}, no reason given"
        words = [str(answer[key]) for key in ("error", "message", "msg") if answer.get(key)]
        return without_secrets(": ".join(words), *self.http.credentials)[:300] or "no reason given"

    def _get(
        self, path: str, params: Mapping[str, str], zone: str | None, authorization: str
    ) -> Response:
        if self.throttled or self.monotonic() - self.began > RUN_S:
            why = "WattTime asked for silence" if self.throttled else "no time left"
            raise TransientError(f"{path} is not asked: {why}", provider=NAME, zone=zone)
        headers = {"Authorization": authorization}
        try:
            return self.http.get(path, params=params, headers=headers, zone=zone)
        except ThrottledError:
            self.throttled = True
            raise
