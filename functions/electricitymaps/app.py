"""Electricity Maps v3: what stands behind a zone whose other sources are silent.

Average intensity of consumption, flow-traced over the borders, by hour; the stamp is the start
of the current, unfinished hour, so the newest value is mostly an estimate. A free key is for few
requests an hour: only zones that need it are asked, the longest unasked first, and no zone twice
for the same hour. Free for non-commercial use only.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from greenstream.aws.client import dynamodb_client
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.aws.settings import Settings, SettingsError, required, secret
from greenstream.aws.ssm_secrets import SsmSecrets
from greenstream.domain.clock import utc_now
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
    without_secrets,
)
from greenstream.domain.ladder import Ladder, Rung
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Quality, Reading, check_gco2_kwh
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch
from greenstream.ports.secrets import SecretsError, SecretStore

NAME: Final = "electricitymaps"
LATEST: Final = "/v3/carbon-intensity/latest"
READS_LATEST: Final = frozenset({"*", "carbon-intensity/latest"})
"""What a zone's ``access`` in /v3/zones must hold, one of the two."""

HOUR: Final = timedelta(hours=1)
PLAN_LIFE: Final = timedelta(days=1)
RUNS_PER_HOUR: Final = 4
"""The template's rate is fifteen minutes: each run may spend this share of the hourly budget."""

RUN_S: Final = 30.0
"""No request starts later than this into a run; one lasts up to 15 s."""

OK: Final = 200
UNAUTHORIZED: Final = 401
NOT_FOUND: Final = 404


@dataclass(frozen=True, slots=True)
class Feed:
    """One zone of theirs and the zones of ours that it stands behind."""

    zone: Zone
    source: Source
    zones: tuple[Zone, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the zones of ours."""
        return tuple(zone.zone for zone in self.zones)


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
        began, session, feeds = self.monotonic(), self.session, feeds_of(self.wanted)
        token = self.token()
        if token is None:
            yield Batch(unconfigured=tuple(name for feed in feeds for name in feed.names))
            return
        if token != session.token:
            session.token, session.plan = token, None
        readings = self.newest()
        due = [feed for feed in feeds if _is_due(feed, readings, now)]
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
        said = without_secrets(response.refusal(), self.session.token)[:200]
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
        stored = [reading.fetched_at for reading in _own(feed, readings)]
        there = feed.source.provider_zone
        remembered = [at for zone, at in self.session.asked if zone == there]
        return max([*stored, *remembered], default=datetime.min.replace(tzinfo=UTC))


def feeds_of(wanted: Sequence[tuple[Zone, Source]]) -> tuple[Feed, ...]:
    """Group our zones by theirs.

    A shared feed's reading is kept under the zone with the fewest sources: the grid itself
    (``GBR``), whose regions have feeds of their own before it.
    """
    theirs = dict.fromkeys(source.provider_zone for _, source in wanted)
    feeds = []
    for there in theirs:
        pairs = [(zone, source) for zone, source in wanted if source.provider_zone == there]
        zone, source = min(pairs, key=lambda pair: len(pair[0].sources))
        feeds.append(Feed(zone, source, tuple(zone for zone, _ in pairs)))
    return tuple(feeds)


def _is_due(feed: Feed, readings: Sequence[Reading], now: datetime) -> bool:
    """Tell whether a zone lacks a live figure of the kind asked for, and we lack this hour's."""
    if any(reading.valid_to > now for reading in _own(feed, readings)):
        return False
    return any(
        Ladder(
            replace(zone, sources=tuple(one for one in zone.sources if one.provider != NAME)),
            readings,
            (),
        )
        .at(now, Policy(), feed.source.kinds)
        .rung
        is not Rung.LIVE
        for zone in feed.zones
    )


def _own(feed: Feed, readings: Iterable[Reading]) -> Iterator[Reading]:
    for reading in readings:
        if (reading.provider, reading.provider_zone) == (NAME, feed.source.provider_zone):
            yield reading


def _skipped(feeds: Iterable[Feed]) -> Batch:
    return Batch(skipped=tuple(name for feed in feeds for name in feed.names))


def open_zones(answer: object) -> frozenset[str]:
    """Read ``/v3/zones``: the zones whose latest intensity the key may read.

    Raises
    ------
    InvalidError
        ``malformed``.
    """
    if not isinstance(answer, dict) or not all(isinstance(row, dict) for row in answer.values()):
        raise _invalid("/v3/zones is not an object of zones", "malformed")
    # Without a list of rights the zone is tried: its own answer tells.
    return frozenset(
        zone
        for zone, row in answer.items()
        if not isinstance(row.get("access"), list)
        or any(right in READS_LATEST for right in map(str, row["access"]))
    )


def reading_of(
    answer: object, zone: str, source: Source, *, fetched_at: datetime, simulated: bool
) -> Reading:
    """Make a reading of an answer, held to what was asked.

    Raises
    ------
    InvalidError
        ``malformed``, ``wrong_zone``, ``wrong_basis``, ``wrong_granularity``, ``wrong_scope``,
        and what `Reading` refuses.
    NoDataError
        When the provider says that it has no value.
    """
    if not isinstance(answer, dict):
        raise _invalid(f"the answer is {type(answer).__name__}, not an object", "malformed", zone)
    if answer.get("status") == "no-data":
        raise NoDataError("status no-data", provider=NAME, zone=zone)
    said: dict[str, object] = {"temporalGranularity": "hourly", "flowTraced": True}
    said |= answer  # these two are said by the newer versions only
    held: tuple[tuple[str, object, str], ...] = (
        ("zone", source.provider_zone, "wrong_zone"),
        ("emissionFactorType", str(source.bases[0]), "wrong_basis"),
        ("temporalGranularity", "hourly", "wrong_granularity"),
        ("flowTraced", True, "wrong_scope"),
    )
    for key, wanted, reason in held:
        if said.get(key) != wanted:
            raise _invalid(f"{key} is {said.get(key)!r:.60}, not {wanted}", reason, zone)
    if "carbonIntensity" not in answer:
        raise _invalid("no carbonIntensity", "malformed", zone)
    if answer["carbonIntensity"] is None:
        raise NoDataError("carbonIntensity is null", provider=NAME, zone=zone)
    gco2_kwh = check_gco2_kwh(answer["carbonIntensity"], provider=NAME, zone=zone)
    valid_from, valid_to = _hour_at(answer.get("datetime"), zone)
    updated_at = answer.get("updatedAt")
    return Reading(
        zone=zone,
        provider=NAME,
        provider_zone=source.provider_zone,
        signal=source.signal,
        basis=source.bases[0],
        scope=source.scope,
        quality=Quality.MEASURED if answer.get("isEstimated") is False else Quality.ESTIMATED,
        gco2_kwh=gco2_kwh,
        gco2_low=gco2_kwh,
        gco2_high=gco2_kwh,
        valid_from=valid_from,
        valid_to=valid_to,
        published_at=None if updated_at is None else _hour_at(updated_at, zone)[0],
        fetched_at=fetched_at,
        simulated=simulated,
        detail={"estimation_method": f"{answer.get('estimationMethod')!s:.60}"},
    )


def _hour_at(text: object, zone: str) -> tuple[datetime, datetime]:
    """Return the instant that a stamp names, and an hour later."""
    with suppress(ValueError, OverflowError):  # the latter where the calendar ends
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is not None and moment.tzinfo is not None:
            instant = moment.astimezone(UTC)
            return instant, instant + HOUR
    raise _invalid(f"time {text!r:.60} is not ISO 8601 with an offset", "malformed", zone)


def _invalid(what: str, reason: str, zone: str | None = None) -> InvalidError:
    return InvalidError(what, reason=reason, provider=NAME, zone=zone)


def configured(settings: Settings, secrets: SecretStore) -> str | None:
    """Return the key when it is set.

    Raises
    ------
    TransientError
        When the place of the secrets cannot be read: that is not "unconfigured".
    PermanentError
        When no header can carry it; the error does not quote it.
    """
    try:
        token = secret(NAME, "ELECTRICITYMAPS_TOKEN", settings, secrets)
    except SecretsError as error:
        raise TransientError("the secret cannot be read", provider=NAME) from error
    if token is not None and not all("!" <= letter <= "~" for letter in token):
        raise PermanentError("ELECTRICITYMAPS_TOKEN holds blanks or no ASCII", provider=NAME)
    return token


def hourly_budget(text: str) -> int:
    """Read the setting.

    Raises
    ------
    SettingsError
        When it is no whole number above 0.
    """
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise SettingsError(f"ELECTRICITYMAPS_HOURLY_BUDGET must be above 0, not {text!r}")
    return int(text)


TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
SECRETS: Final = SsmSecrets()
ELECTRICITYMAPS: Final = ElectricityMaps(
    # One attempt: a second would come out of the budget, and the next run is near.
    http=HttpClient(provider=NAME, base_url=required("ELECTRICITYMAPS_BASE_URL"), attempts=1),
    wanted=zones_of(NAME),
    newest=lambda: STORE.snapshot().readings,
    token=lambda: configured(SETTINGS, SECRETS),
    hourly_budget=hourly_budget(required("ELECTRICITYMAPS_HOURLY_BUDGET")),
    simulated=SETTINGS.simulated,
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """Run once; the event says nothing that the clock does not."""
    return collect(ELECTRICITYMAPS, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
