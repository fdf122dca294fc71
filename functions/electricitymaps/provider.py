"""Electricity Maps v3: the fallback for zones whose other sources have no live figure.

Figures are average intensity of consumption, flow-traced across borders, by hour. The time of a
figure is the start of the present, unfinished hour, so the newest figure is usually an estimate.

A free key allows few requests an hour and non-commercial use only. Therefore only the zones that
need a figure are asked, the neediest first and of them the one that was not asked for the longest
time (see `in_turn`), and no zone is asked again after it gave its figure for the hour.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Self

from functions.electricitymaps.answers import HOUR, NAME, is_the_apis_own, open_zones, reading_of
from functions.electricitymaps.feeds import Feed, Need, feeds_of, in_turn, need_of, own_readings
from greenstream.domain.errors import (
    GreenStreamError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
    UnfitKeyError,
)
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.redaction import redacted
from greenstream.ports.provider import Batch, ProviderConfig
from greenstream.ports.secrets import SecretsError
from greenstream.ports.settings import required, required_count

LATEST: Final = "/v3/carbon-intensity/latest"
PLAN_LIFE: Final = timedelta(days=1)
RUNS_PER_HOUR: Final = 4
"""The template runs the provider every 15 minutes; each run may spend a quarter of the budget."""

RUN_S: Final = 30.0
"""No request starts later than this into a run. A request lasts up to 15 s."""

OK: Final = 200
UNAUTHORIZED: Final = 401
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404


class KeyRefusedError(PermanentError):
    """The key itself is refused, so that asking for another zone would not help."""


@dataclass(slots=True)
class Session:
    """What a warm sandbox remembers between runs.

    Parameters
    ----------
    token
        The key of the last run.
    plan
        The zones that the key may read, or ``None`` when that is unknown.
    plan_read_at
        When the plan was read, UTC.
    asked
        Each request of the last day: the zone at Electricity Maps (empty for the plan) and when.
    """

    token: str | None = field(default=None, repr=False)
    plan: frozenset[str] | None = None
    plan_read_at: datetime | None = None
    asked: list[tuple[str, datetime]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectricityMaps:
    """The provider: one request for each zone that needs a figure, within an hourly budget.

    Parameters
    ----------
    http
        Asks Electricity Maps. It must make one attempt only, since each attempt is counted.
    wanted
        Our zones that may fall back on Electricity Maps, each with that source.
    newest
        Returns the newest stored readings of all providers. They tell which zones have a live
        figure and when a zone was last asked successfully.
    token
        Returns the key, or ``None`` when it is not configured. It may raise `SecretsError`.
    hourly_budget
        How many requests an hour the key may be used for.
    session
        What is remembered between runs.
    simulated
        Whether a simulator gives the answers.
    monotonic
        Seconds of a clock that never goes back; limits the time of a run.
    """

    http: HttpClient
    wanted: Sequence[tuple[Zone, Source]]
    newest: Callable[[], Sequence[Reading]]
    token: Callable[[], str | None]
    hourly_budget: int
    session: Session = field(default_factory=Session)
    simulated: bool = False
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make the provider from its settings and secrets.

        Raises
        ------
        SettingsError
            When a setting is missing, or when the hourly budget is no whole number above 0.
        """
        return cls(
            # There is one attempt only: a second would count against the budget, and the next run
            # is near.
            http=HttpClient(
                provider=NAME,
                base_url=required("ELECTRICITYMAPS_BASE_URL", config.environ),
                attempts=1,
            ),
            wanted=zones_of(NAME),
            newest=config.newest,
            token=lambda: config.secret("ELECTRICITYMAPS_TOKEN"),
            hourly_budget=required_count("ELECTRICITYMAPS_HOURLY_BUDGET", config.environ),
            simulated=config.simulated,
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield a batch for each zone that needs a figure, as far as budget and time allow.

        Raises
        ------
        TransientError
            When the key cannot be read now; `ThrottledError` when the API asks for silence.
        PermanentError
            When the key is refused or cannot be sent, or when the API has no such path.
        """
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
        needs = {feed: need_of(feed, readings, now) for feed in feeds}
        due = {feed: need for feed, need in needs.items() if need is not None}
        yield _skipped(feed for feed in feeds if feed not in due)
        left = self._allowance(readings, now)
        with self.http:
            if due and left > 1 and self._plan_is_due(now):
                # The last request of a run is always left for a figure.
                left -= 1
                yield from self._read_plan(now)
            if session.plan is not None:
                outside = [feed for feed in due if feed.source.provider_zone not in session.plan]
                due = {feed: need for feed, need in due.items() if feed not in outside}
                yield Batch(unconfigured=tuple(name for feed in outside for name in feed.names))
            order = self._in_turn(due, readings, left, now)
            while order and left and self.monotonic() - began <= RUN_S:
                left -= 1
                feed = order.pop(0)
                try:
                    yield self._batch(feed, now)
                except UnfitKeyError as error:
                    unfit = [name for shut in (feed, *order) for name in shut.names]
                    yield Batch(errors=(error,), unconfigured=tuple(unfit))
                    return
        yield _skipped(order)

    def _in_turn(
        self, due: Mapping[Feed, Need], readings: Sequence[Reading], allowed: int, now: datetime
    ) -> list[Feed]:
        if self.session.asked:
            last_asked = {feed: self._last_asked(feed, readings) for feed in due}
            return in_turn(due, last_asked, allowed)
        # A new sandbox remembers nothing. If each began with the same zone, a zone that the key may
        # not read could use up the budget, so the first zone changes with the time.
        feeds = list(due)
        start = int(now.timestamp() * RUNS_PER_HOUR // HOUR.total_seconds()) % max(1, len(feeds))
        return feeds[start:] + feeds[:start]

    def _read_plan(self, now: datetime) -> Iterator[Batch]:
        """Read which zones the key may read, and yield the error if that fails.

        Without the plan, each zone's own answer says whether the key may read it.
        """
        try:
            self.session.plan = open_zones(self._ask("/v3/zones", {}, None, now))
            self.session.plan_read_at = now
        except (ThrottledError, KeyRefusedError):
            raise
        except GreenStreamError as error:
            yield Batch(errors=(error,))

    def _token(self) -> str | None:
        """Return the key, or ``None`` when it is not configured.

        Raises
        ------
        TransientError
            When the secret store failed, which does not mean that there is no key.
        PermanentError
            When the key cannot be sent in a header. The error does not quote it.
        """
        try:
            token = self.token()
        except SecretsError as error:
            raise TransientError("the secret store could not be read", provider=NAME) from error
        if token is not None and not all("!" <= letter <= "~" for letter in token):
            raise PermanentError(
                "ELECTRICITYMAPS_TOKEN has characters other than visible ASCII", provider=NAME
            )
        return token

    def _batch(self, feed: Feed, now: datetime) -> Batch:
        source, zone = feed.source, feed.zone.zone
        params = {
            "zone": source.provider_zone,
            # Otherwise an unknown zone is answered with the zone of our IP address.
            "disableCallerLookup": "true",
            "emissionFactorType": str(source.bases[0]),
        }
        try:
            answer = self._ask(LATEST, params, feed, now)
            reading = reading_of(answer, zone, source, fetched_at=now, simulated=self.simulated)
            return Batch(readings=(reading,))
        except (ThrottledError, UnfitKeyError):
            raise
        except GreenStreamError as error:
            if error.zone is None:  # The key itself or the path is refused.
                raise
            return Batch(errors=(error,))

    def _ask(self, path: str, params: dict[str, str], feed: Feed | None, now: datetime) -> object:
        """Return the JSON of an answer; without a feed the request is about the key itself."""
        zone = None if feed is None else feed.zone.zone
        self.session.asked.append(("" if feed is None else feed.source.provider_zone, now))
        headers = {"auth-token": self.session.token or ""}
        response = self.http.get(path, params=params, headers=headers, zone=zone)
        if response.status == OK:
            return response.json(provider=NAME, zone=zone)
        why = response.refusal()[:200]
        if response.status == NOT_FOUND and is_the_apis_own(response.body):
            raise NoDataError(f"HTTP 404: {why}", provider=NAME, zone=zone)
        if response.status == NOT_FOUND:  # No zone can be asked on this path.
            raise PermanentError(f"HTTP 404 from {path}: {why}", provider=NAME)
        if response.status == UNAUTHORIZED and feed is not None and b"zoneKey" in response.body:
            if self.session.plan is not None:
                # The zone is not asked again until the plan is read again.
                self.session.plan -= {feed.source.provider_zone}
        elif response.status == UNAUTHORIZED or (
            response.status == FORBIDDEN and not is_the_apis_own(response.body)
        ):
            raise KeyRefusedError(f"ELECTRICITYMAPS_TOKEN is refused: {why}", provider=NAME)
        raise PermanentError(f"HTTP {response.status} from {path}: {why}", provider=NAME, zone=zone)

    def _plan_is_due(self, now: datetime) -> bool:
        read_at = self.session.plan_read_at
        return self.session.plan is None or read_at is None or now - read_at >= PLAN_LIFE

    def _allowance(self, readings: Sequence[Reading], now: datetime) -> int:
        """Return how many requests this run may make.

        The store shows the requests of the last hour that brought a reading; the session also
        remembers those that brought none. A new sandbox knows the store only, so it may repeat
        failed requests, but never more than the share of one run.
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
        name = feed.source.provider_zone
        remembered = [at for zone, at in self.session.asked if zone == name]
        return max([*stored, *remembered], default=datetime.min.replace(tzinfo=UTC))


def _skipped(feeds: Iterable[Feed]) -> Batch:
    return Batch(skipped=tuple(name for feed in feeds for name in feed.names))
