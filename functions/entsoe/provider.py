"""Reads the EU mainland from ENTSO-E's Transparency Platform: generation per type (A75, realised).

The average intensity is computed from what a bidding zone generates; imports are not counted. The
platform allows 400 requests a minute for each token, and then bans the token for about ten minutes.
A zone's newest slot is one to sixteen hours old, depending on its transmission operator.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Self

from functions.entsoe.document import read
from functions.entsoe.mix import Known, batch_of, memory_of
from functions.entsoe.points import NAME
from functions.entsoe.slots import slots
from functions.entsoe.unchanged import Answered, fingerprint
from greenstream.domain.errors import (
    GreenStreamError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.domain.fuel_memory import FuelMemory
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.http import HttpClient, Response
from greenstream.ingest.last_reports import learn_stored
from greenstream.ingest.redaction import redacted
from greenstream.ingest.stored_slots import StoredSlots
from greenstream.ingest.week_means import WeekMeans
from greenstream.ports.provider import Batch, ProviderConfig
from greenstream.ports.secrets import SecretsError
from greenstream.ports.settings import required

WINDOW: Final = timedelta(hours=36)
"""How much of the past is asked for. It is longer than the worst delay seen (16 h), and holds a
whole night and day, which the solar share of "Other" is learned from."""

BEGINS_EVERY_H: Final = 6
"""The window begins at an hour of day that so many hours divide. A window that moved on each hour
would make each hour's answer a new one, which has to be read, although nothing was published."""

BAN: Final = timedelta(minutes=10)
"""How long no request is made after the platform has throttled us."""

MAX_ZONES_PER_RUN: Final = 30
DEADLINE_S: Final = 35.0
"""The deadline of a run: it asks for no further zone after so many seconds."""

ANSWER_S: Final = 12.0
"""The deadline of one request."""

STORE_MARGIN_S: Final = 25.0
"""Seconds of an invocation that are kept for the last answer (`ANSWER_S`), for noticing that it
hangs (up to 10 s), and for storing."""


@dataclass(slots=True)
class Memory:
    """What a warm sandbox remembers between runs.

    Parameters
    ----------
    next_zone
        Progress marker: the index in ``wanted`` of the zone to go on with.
    silent_until
        When the platform may be asked again, after it has throttled us.
    fuels
        What each zone used to report, by the zone's name.
    answered
        The last answer of each zone whose readings have been stored, by the zone's name.
    """

    next_zone: int | None = None
    silent_until: datetime | None = None
    fuels: dict[str, FuelMemory] = field(default_factory=dict)
    answered: dict[str, Answered] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entsoe:
    """The provider, which makes one request for each zone.

    Every run asks for the first zone of ``wanted``. The other zones take turns, since a run has
    time for some of them only.

    Parameters
    ----------
    http
        Asks the platform.
    token
        Returns the platform's security token, or ``None`` when there is none. The token is sent in
        a header, because addresses are logged.
    wanted
        The zones, each with the bidding zone that is its source.
    simulated
        Whether a simulator stands for the platform.
    deadline_s
        No request is begun after this many seconds of a run. The next run goes on where this one
        has stopped.
    monotonic
        Returns seconds that only grow.
    memory
        What is remembered between runs.
    stored
        What is stored of each zone's window, remembered between runs too.
    week
        The means of the last week, by which storage counts, remembered between runs too.
    """

    http: HttpClient
    token: Callable[[], str | None]
    wanted: tuple[tuple[Zone, Source], ...] = field(default_factory=lambda: zones_of(NAME))
    simulated: bool = False
    deadline_s: float = DEADLINE_S
    monotonic: Callable[[], float] = time.monotonic
    memory: Memory = field(default_factory=Memory)
    stored: StoredSlots = field(default_factory=lambda: StoredSlots(NAME, WINDOW))
    week: WeekMeans = field(default_factory=lambda: WeekMeans(provider=NAME))

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make the provider from its settings and secrets.

        Raises
        ------
        SettingsError
            When a setting is missing.
        """
        return cls(
            # There is no second attempt: the platform counts each request, and the next run comes
            # soon.
            http=HttpClient(
                provider=NAME,
                base_url=required("ENTSOE_BASE_URL", config.environ),
                deadline_s=ANSWER_S,
                attempts=1,
            ),
            token=lambda: config.secret("ENTSOE_API_KEY"),
            simulated=config.simulated,
            stored=StoredSlots.from_config(NAME, WINDOW, config),
            week=WeekMeans.from_config(NAME, config),
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return NAME

    def within(self, left_ms: int) -> Self:
        """Return the same provider, its memory included, for an invocation that ends in time.

        Parameters
        ----------
        left_ms
            The milliseconds that are left of the invocation.
        """
        left_s = left_ms / 1000 - STORE_MARGIN_S
        return replace(self, deadline_s=max(0.0, min(DEADLINE_S, left_s)))

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield a batch for each zone. A zone that fails does not stop the others.

        Raises
        ------
        PermanentError
            When the token is refused, since it would be refused for every zone.
        ThrottledError
            When the platform throttles us. No request is made in the following ten minutes.
        TransientError
            When the secret store cannot be read.
        """
        return redacted(self._batches(now), self.http.credentials)

    def _batches(self, now: datetime) -> Iterator[Batch]:
        token = self._token()
        if token is None:
            yield Batch(unconfigured=tuple(zone.zone for zone, _ in self.wanted))
            return
        if self.memory.silent_until is not None and now < self.memory.silent_until:
            raise ThrottledError(
                "the platform has throttled us, and is not asked before "
                f"{self.memory.silent_until:%H:%M:%SZ}",
                provider=NAME,
            )
        ends_at = self.monotonic() + self.deadline_s
        with self.http:
            for index in self._turn(now):
                if self.monotonic() >= ends_at:
                    return
                zone, source = self.wanted[index]
                try:
                    batch = self._read(self._ask(zone, source, token, now), zone, source, now)
                    yield replace(batch, acknowledge=partial(self._move_on, index, batch))
                except ThrottledError:
                    self.memory.silent_until = now + BAN
                    raise
                except GreenStreamError as error:
                    if isinstance(error, PermanentError) and error.zone is None:
                        raise
                    yield Batch(errors=(error,), acknowledge=partial(self._move_on, index))

    def _read(self, answer: Response, zone: Zone, source: Source, now: datetime) -> Batch:
        """Return the batch of an answer, which is read only where it says something new."""
        answer_hash, last = fingerprint(answer.body), self.memory.answered.get(zone.zone)
        if last is not None and (same := last.again(answer_hash, now)):
            return same
        series = read(answer.body, source.provider_zone, zone.zone, status=answer.status)
        zone_slots = slots(series)
        batch = batch_of(
            zone_slots,
            zone,
            source,
            fetched_at=now,
            known=self._known(zone, source, now),
            simulated=self.simulated,
        )
        next_end = min((slot.valid_to for slot in zone_slots if slot.valid_to > now), default=None)

        def acknowledge() -> None:
            batch.acknowledge()
            answered = Answered.of(answer_hash, next_end, batch)
            if answered is not None:
                self.memory.answered[zone.zone] = answered

        return replace(batch, acknowledge=acknowledge)

    def _move_on(self, index: int, batch: Batch | None = None) -> None:
        """Move the progress markers past a zone whose batch has been stored."""
        if batch is not None:
            batch.acknowledge()
        if index:
            self.memory.next_zone = index + 1

    def _known(self, zone: Zone, source: Source, now: datetime) -> Known:
        """Return what is known of a zone, which a new sandbox learns from the store."""
        memory = self.memory.fuels.get(zone.zone)
        if memory is None:
            memory = self.memory.fuels[zone.zone] = memory_of(zone)
        learn = partial(learn_stored, memory)
        return Known(self.stored.of(zone.zone, source.kinds, now, learn), memory, self.week)

    def _token(self) -> str | None:
        try:
            return self.token()
        except SecretsError as error:
            raise TransientError(
                "the secret store cannot be read for the token", provider=NAME
            ) from error

    def _turn(self, now: datetime) -> list[int]:
        """Return the indices in ``wanted`` of the zones that this run asks for, in their order."""
        others = len(self.wanted) - 1
        if others <= 0:
            return list(range(len(self.wanted)))
        start = self.memory.next_zone
        if start is None:  # a new sandbox begins by the clock, so that cold starts favour no zone
            start = int(now.timestamp() // 60)
        count = min(others, MAX_ZONES_PER_RUN - 1)
        return [0, *(1 + (start - 1 + step) % others for step in range(count))]

    def _ask(self, zone: Zone, source: Source, token: str, now: datetime) -> Response:
        begin = now - WINDOW
        begin -= timedelta(hours=begin.hour % BEGINS_EVERY_H)
        response = self.http.get(
            "/api",
            params={
                "documentType": "A75",
                "processType": "A16",
                "in_Domain": source.provider_zone,
                "periodStart": f"{begin:%Y%m%d%H}00",
                "periodEnd": f"{now + timedelta(hours=1):%Y%m%d%H}00",
            },
            headers={"SECURITY_TOKEN": token},
            zone=zone.zone,
        )
        if response.status in (401, 403):  # its HTML is not quoted, since it may repeat the token
            raise PermanentError(
                f"the platform answered HTTP {response.status}: the token is refused", provider=NAME
            )
        if response.status not in (200, 400):
            raise PermanentError(
                f"/api answered HTTP {response.status}", provider=NAME, zone=zone.zone
            )
        return response
