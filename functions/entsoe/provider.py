"""The EU mainland: ENTSO-E's Transparency Platform, actual generation per type (A75, realised).

Average intensity computed from the production mix of a bidding zone; imports are not counted.
The platform allows 400 requests a minute and token, then bans for about ten minutes; a zone's
newest slot is one to sixteen hours old, by transmission operator.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Self

from functions.entsoe.document import Slot, read, slots
from functions.entsoe.mix import batch_of
from functions.entsoe.points import NAME
from greenstream.domain.errors import (
    GreenStreamError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.redaction import redacted
from greenstream.ports.provider import Batch
from greenstream.ports.secrets import SecretsError

WINDOW: Final = timedelta(hours=36)
"""Longer than the worst delay seen (16 h), and one whole night and day for the solar share."""

BAN: Final = timedelta(minutes=10)
MAX_ZONES_PER_RUN: Final = 30
DEADLINE_S: Final = 35.0
ANSWER_S: Final = 12.0
STORE_MARGIN_S: Final = 25.0
"""Left of an invocation for the last answer, 12 s and 10 s to notice a hang, and for storing."""


@dataclass(slots=True)
class Memory:
    """What a warm sandbox keeps between runs.

    Where to go on, until when to be silent, and the end of each zone's newest slot.
    """

    next_zone: int | None = None
    silent_until: datetime | None = None
    newest: dict[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entsoe:
    """The provider: one request a zone; the first of the table in every run, the rest in turn.

    Parameters
    ----------
    token
        Returns the platform's security token, ``None`` when there is none. It travels in a
        header: addresses get logged.
    deadline_s
        No zone is begun after this many seconds; the next run goes on where this one stopped.
    """

    http: HttpClient
    token: Callable[[], str | None]
    wanted: tuple[tuple[Zone, Source], ...] = field(default_factory=lambda: zones_of(NAME))
    simulated: bool = False
    deadline_s: float = DEADLINE_S
    monotonic: Callable[[], float] = time.monotonic
    memory: Memory = field(default_factory=Memory)

    @property
    def name(self) -> str:
        """Name in the zone table."""
        return NAME

    def within(self, left_ms: int) -> Self:
        """Return the same provider, its memory included, for what is left of an invocation."""
        left_s = left_ms / 1000 - STORE_MARGIN_S
        return replace(self, deadline_s=max(0.0, min(DEADLINE_S, left_s)))

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield zone by zone; a fault in one leaves the others.

        Raises
        ------
        PermanentError
            When the token is refused: every zone would be.
        ThrottledError
            When the platform throttles; the following ten minutes are silent.
        """
        return redacted(self._batches(now), self.http.credentials)

    def _batches(self, now: datetime) -> Iterator[Batch]:
        token = self._token()
        if token is None:
            yield Batch(unconfigured=tuple(zone.zone for zone, _ in self.wanted))
            return
        if self.memory.silent_until is not None and now < self.memory.silent_until:
            raise ThrottledError(
                f"throttled, silent until {self.memory.silent_until:%H:%M:%SZ}", provider=NAME
            )
        until = self.monotonic() + self.deadline_s
        with self.http:
            for index in self._turn(now):
                if self.monotonic() >= until:
                    return
                zone, source = self.wanted[index]
                try:
                    found = self._ask(zone, source, token, now)
                    batch = batch_of(
                        found,
                        zone,
                        source,
                        fetched_at=now,
                        after=self.memory.newest.get(zone.zone),
                        simulated=self.simulated,
                    )
                    yield replace(batch, acknowledge=partial(self._move_on, index, batch))
                except ThrottledError:
                    self.memory.silent_until = now + BAN
                    raise
                except GreenStreamError as error:
                    if isinstance(error, PermanentError) and error.zone is None:
                        raise
                    yield Batch(errors=(error,), acknowledge=partial(self._move_on, index))

    def _move_on(self, index: int, batch: Batch | None = None) -> None:
        """Move the progress markers past a zone whose batch has been stored."""
        if batch is not None and batch.readings:
            self.memory.newest[self.wanted[index][0].zone] = batch.readings[-1].valid_to
        if index:
            self.memory.next_zone = index + 1

    def _token(self) -> str | None:
        try:
            return self.token()
        except SecretsError as error:
            raise TransientError("the token cannot be read now", provider=NAME) from error

    def _turn(self, now: datetime) -> list[int]:
        others = len(self.wanted) - 1
        if others <= 0:
            return list(range(len(self.wanted)))
        start = self.memory.next_zone
        if start is None:  # a new sandbox: somewhere, so that cold starts favour no zone
            start = int(now.timestamp() // 60)
        count = min(others, MAX_ZONES_PER_RUN - 1)
        return [0, *(1 + (start - 1 + step) % others for step in range(count))]

    def _ask(self, zone: Zone, source: Source, token: str, now: datetime) -> list[Slot]:
        response = self.http.get(
            "/api",
            params={
                "documentType": "A75",
                "processType": "A16",
                "in_Domain": source.provider_zone,
                "periodStart": f"{now - WINDOW:%Y%m%d%H}00",
                "periodEnd": f"{now + timedelta(hours=1):%Y%m%d%H}00",
            },
            headers={"SECURITY_TOKEN": token},
            zone=zone.zone,
        )
        if response.status in (401, 403):  # the body is HTML and may repeat what was sent
            raise PermanentError(f"HTTP {response.status}: the token is refused", provider=NAME)
        if response.status not in (200, 400):
            raise PermanentError(f"HTTP {response.status} from /api", provider=NAME, zone=zone.zone)
        series = read(response.body, source.provider_zone, zone.zone, status=response.status)
        return slots(series, zone.zone)
