"""Electricity Maps v3: what stands behind a zone whose other sources are silent.

Average intensity of consumption, flow-traced over the borders, by hour; the stamp is the start
of the current, unfinished hour, so the newest value is mostly an estimate. A free key is for few
requests an hour: only zones that need it are asked, the longest unasked first, and no zone twice
for the same hour. Free for non-commercial use only.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from functions.electricitymaps.answers import HOUR, NAME, open_zones, reading_of
from functions.electricitymaps.feeds import Feed, feeds_of, is_due, own_readings
from greenstream.domain.errors import (
    GreenStreamError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ingest.http import HttpClient
from greenstream.ingest.redaction import redacted
from greenstream.ports.provider import Batch
from greenstream.ports.secrets import SecretsError

LATEST: Final = "/v3/carbon-intensity/latest"
PLAN_LIFE: Final = timedelta(days=1)
RUNS_PER_HOUR: Final = 4
"""The template's rate is fifteen minutes: each run may spend this share of the hourly budget."""

RUN_S: Final = 30.0
"""No request starts later than this into a run; one lasts up to 15 s."""

OK: Final = 200
UNAUTHORIZED: Final = 401
NOT_FOUND: Final = 404


@dataclass(slots=True)
class Session:
    """What outlives a run in a warm sandbox: the plan of the token, and what was asked when."""

    token: str | None = None
    plan: frozenset[str] | None = None
    plan_read_at: datetime | None = None
    asked: list[tuple[str, datetime]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricityMaps:
    """The provider.

    Parameters
    ----------
    wanted
        The zones it may stand behind, each with its zone there as source.
    newest
        The store's newest readings of every provider: what is live, and when we last asked.
    token
        The key, or ``None`` when it is not configured.
    hourly_budget
        Requests per hour that the key allows us.
    session
        Outlives the run.
    """

    http: HttpClient
    wanted: Sequence[tuple[Zone, Source]]
    newest: Callable[[], Sequence[Reading]]
    token: Callable[[], str | None]
    hourly_budget: int
    session: Session = field(default_factory=Session)
    simulated: bool = False
    monotonic: Callable[[], float] = time.monotonic

    @property
    def name(self) -> str:
        """Name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield the zones that need it, the longest unasked first, as far as the budget goes."""
        return redacted(self._batches(now), self.http.credentials)

    def _batches(self, now: datetime) -> Iterator[Batch]:
        began, session, feeds = self.monotonic(), self.session, feeds_of(self.wanted)
        token = self._token()
        if token is None:
            yield Batch(unconfigured=tuple(name for feed in feeds for name in feed.names))
            return
        if token != session.token:
            session.token, session.plan = token, None
        readings = self.newest()
        due = [feed for feed in feeds if is_due(feed, readings, now)]
        yield _skipped(feed for feed in feeds if feed not in due)
        left = self._allowance(readings, now)
        with self.http:
            if due and left > 1 and self._plan_is_due(now):  # the last one is for a figure
                left -= 1
                try:
                    session.plan = open_zones(self._ask("/v3/zones", {}, None, now))
                    session.plan_read_at = now
                except (ThrottledError, PermanentError):
                    raise
                except GreenStreamError as error:  # then each zone's own answer tells
                    yield Batch(errors=(error,))
            if session.plan is not None:
                outside = [feed for feed in due if feed.source.provider_zone not in session.plan]
                due = [feed for feed in due if feed not in outside]
                yield Batch(unconfigured=tuple(name for feed in outside for name in feed.names))
            if session.asked:
                due.sort(key=lambda feed: self._last_asked(feed, readings))
            elif due:  # a new sandbox without a plan: what is shut would be the first of each
                start = int(now.timestamp() * RUNS_PER_HOUR // HOUR.total_seconds()) % len(due)
                due = due[start:] + due[:start]
            while due and left and self.monotonic() - began <= RUN_S:
                left -= 1
                yield self._batch(due.pop(0), now)
        yield _skipped(due)

    def _token(self) -> str | None:
        """Return the key when it is set.

        Raises
        ------
        TransientError
            When the place of the secrets cannot be read: that is not "unconfigured".
        PermanentError
            When no header can carry it; the error does not quote it.
        """
        try:
            token = self.token()
        except SecretsError as error:
            raise TransientError("the secret cannot be read", provider=NAME) from error
        if token is not None and not all("!" <= letter <= "~" for letter in token):
            raise PermanentError("ELECTRICITYMAPS_TOKEN holds blanks or no ASCII", provider=NAME)
        return token

    def _batch(self, feed: Feed, now: datetime) -> Batch:
        source, zone = feed.source, feed.zone.zone
        params = {
            "zone": source.provider_zone,
            "disableCallerLookup": "true",  # else an unknown zone is answered for our address
            "emissionFactorType": str(source.bases[0]),
        }
        try:
            answer = self._ask(LATEST, params, feed, now)
            reading = reading_of(answer, zone, source, fetched_at=now, simulated=self.simulated)
            return Batch(readings=(reading,))
        except ThrottledError:
            raise
        except GreenStreamError as error:
            if error.zone is None:  # the key itself is refused
                raise
            return Batch(errors=(error,))

    def _ask(self, path: str, params: dict[str, str], feed: Feed | None, now: datetime) -> object:
        zone = None if feed is None else feed.zone.zone
        self.session.asked.append(("" if feed is None else feed.source.provider_zone, now))
        headers = {"auth-token": self.session.token or ""}
        response = self.http.get(path, params=params, headers=headers, zone=zone)
        if response.status == OK:
            return response.json(provider=NAME, zone=zone)
        said = response.refusal()[:200]
        if response.status == NOT_FOUND:
            raise NoDataError(f"HTTP 404: {said}", provider=NAME, zone=zone)
        if response.status == UNAUTHORIZED and feed is not None and "zoneKey" in said:
            plan = self.session.plan
            if plan is not None:  # not asked again until the plan is read anew
                self.session.plan = plan - {feed.source.provider_zone}
        elif response.status == UNAUTHORIZED:
            raise PermanentError(f"ELECTRICITYMAPS_TOKEN is refused: {said}", provider=NAME)
        raise PermanentError(
            f"HTTP {response.status} from {path}: {said}", provider=NAME, zone=zone
        )

    def _plan_is_due(self, now: datetime) -> bool:
        read_at = self.session.plan_read_at
        return self.session.plan is None or read_at is None or now - read_at >= PLAN_LIFE

    def _allowance(self, readings: Sequence[Reading], now: datetime) -> int:
        """Return how many requests this run may make.

        What was spent in the last hour is in the store as fetched readings, and in memory with
        the requests that brought none; a new sandbox knows the store only, so that failures can
        be repeated, bounded by the run's own share.
        """
        session = self.session
        session.asked = [(zone, at) for zone, at in session.asked if now - at < PLAN_LIFE]
        remembered = sum(now - at < HOUR for _, at in session.asked)
        stored = sum(
            reading.provider == NAME and now - reading.fetched_at < HOUR for reading in readings
        )
        share = max(1, self.hourly_budget // RUNS_PER_HOUR)
        return max(0, min(share, self.hourly_budget - max(remembered, stored)))

    def _last_asked(self, feed: Feed, readings: Iterable[Reading]) -> datetime:
        stored = [reading.fetched_at for reading in own_readings(feed, readings)]
        there = feed.source.provider_zone
        remembered = [at for zone, at in self.session.asked if zone == there]
        return max([*stored, *remembered], default=datetime.min.replace(tzinfo=UTC))


def _skipped(feeds: Iterable[Feed]) -> Batch:
    return Batch(skipped=tuple(name for feed in feeds for name in feed.names))
