"""WattTime v3: the marginal operating emissions rate (MOER) of a grid region.

Figures are marginal intensity from combustion only, in lb/MWh, for points of five minutes that are
named by their start. Their scope is consumption, because a MOER follows a change of load in the
region to the generators that react to it, wherever they are
(https://watttime.org/data-science/data-signals/marginal-co2). The signal index is a percentile, so
it is never asked for.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Self

from functions.watttime.answers import (
    NAME,
    SIGNAL_TYPE,
    Endpoints,
    Series,
    endpoints_by_region,
    series_of,
    stamp,
)
from functions.watttime.readings import BACK, Region
from functions.watttime.session import Credentials, Requests, Session
from greenstream.domain.clock import Clock
from greenstream.domain.errors import GreenStreamError, PermanentError, TransientError
from greenstream.domain.reading import Quality, Reading
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.redaction import redacted, without_secrets
from greenstream.ports.provider import Batch, Outcome, ProviderConfig, batch_of
from greenstream.ports.secrets import SecretsError
from greenstream.ports.settings import required
from greenstream.ports.telemetry import Telemetry

HISTORICAL: Final = "v3/historical"
FORECAST: Final = "v3/forecast"
HORIZON_HOURS: Final = "24"
ACCESS_LIFE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class WattTime:
    """The provider: a login every half hour, then two requests for each region.

    Parameters
    ----------
    http
        Asks WattTime.
    wanted
        The zones to read, each with its region as source.
    credentials
        Returns the user name and the password, each ``None`` when it is not configured. It may
        raise `SecretsError`.
    telemetry
        Logs WattTime's warnings about its data.
    session
        What is remembered between runs.
    simulated
        Whether a simulator gives the answers.
    clock
        Tells when the token expires.
    monotonic
        Seconds of a clock that never goes back; limits the time of a run.
    """

    http: HttpClient
    wanted: Sequence[tuple[Zone, Source]]
    credentials: Callable[[], tuple[str | None, str | None]]
    telemetry: Telemetry
    clock: Clock
    session: Session = field(default_factory=Session)
    simulated: bool = False
    monotonic: Callable[[], float] = time.monotonic

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make the provider from its settings and secrets.

        Raises
        ------
        SettingsError
            When a setting is missing.
        """
        return cls(
            http=HttpClient(provider=NAME, base_url=required("WATTTIME_BASE_URL", config.environ)),
            wanted=zones_of(NAME),
            credentials=lambda: (
                config.secret("WATTTIME_USERNAME"),
                config.secret("WATTTIME_PASSWORD"),
            ),
            telemetry=config.telemetry,
            clock=config.clock,
            simulated=config.simulated,
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield a batch for each region; a fault in one region does not stop the others.

        Raises
        ------
        TransientError
            When the credentials cannot be read now, or the login failed.
        PermanentError
            When the credentials are refused.
        InvalidError
            When the answer of the login has no usable token.
        """
        return redacted(self._batches(now), self.http.credentials)

    def _batches(self, now: datetime) -> Iterator[Batch]:
        credentials = self._credentials()
        if credentials is None:
            yield Batch(unconfigured=tuple(zone.zone for zone, _ in self.wanted))
            return
        if credentials != self.session.credentials:
            self.session.token = self.session.access = None
            self.session.credentials = credentials
        requests = Requests(
            http=self.http,
            session=self.session,
            credentials=credentials,
            clock=self.clock,
            monotonic=self.monotonic,
        )
        with self.http:
            # A run with a token from before does not send them, but an answer may name the account.
            self.http.credentials.update(credentials)
            requests.token()  # Without a login, nothing else can be asked.
            access: Endpoints | None = None
            try:
                access = self._access(requests)
            except GreenStreamError as error:
                # Without the list, each region's own answer says whether the account may read it.
                yield Batch(errors=(error,))
            for zone, source in self.wanted:
                region = Region(
                    zone=zone.zone, region=source.provider_zone, now=now, simulated=self.simulated
                )
                batch = self._batch(requests, region, access)
                yield replace(batch, acknowledge=partial(self._move_on, region.region, batch))

    def _move_on(self, region: str, batch: Batch) -> None:
        """Move a region's progress marker to the newest historical point that has been stored."""
        for reading in batch.readings:
            if reading.quality is not Quality.FORECAST:
                before = self.session.stored.get(region, reading.valid_to)
                self.session.stored[region] = max(before, reading.valid_to)

    def _credentials(self) -> Credentials | None:
        """Return user name and password, or ``None`` unless both are configured.

        Raises
        ------
        TransientError
            When the secret store failed, which does not mean that there are no credentials.
        """
        try:
            username, password = self.credentials()
        except SecretsError as error:
            raise TransientError("the secret store could not be read", provider=NAME) from error
        return (username, password) if username and password else None

    def _access(self, requests: Requests) -> Endpoints:
        session, now = self.session, self.clock()
        if (
            session.access is None
            or session.access_read_at is None
            or now - session.access_read_at >= ACCESS_LIFE
        ):
            session.access = endpoints_by_region(requests.ask("/v3/my-access", {}, None))
            session.access_read_at = now
        return session.access

    def _batch(self, requests: Requests, region: Region, access: Endpoints | None) -> Batch:
        endpoints = {HISTORICAL, FORECAST}
        if access is not None:
            endpoints &= access.get(region.region, frozenset())
        if not endpoints:
            if any((access or {}).get(source.provider_zone) for _, source in self.wanted):
                # The plan opens other regions: a larger one is a choice, and no fault of this run.
                return Batch(unconfigured=(region.zone,))
            error = PermanentError(
                f"the account may not read {SIGNAL_TYPE} of {region.region}",
                provider=NAME,
                zone=region.zone,
            )
            return Batch(errors=(error,))
        outcomes: list[Outcome] = []
        if HISTORICAL in endpoints:
            stored_to = self.session.stored.get(region.region)
            window = {"start": stamp(region.now - BACK), "end": stamp(region.now)}
            query = window | {"include_imputed_marker": "true"}
            try:
                series = self._series(requests, HISTORICAL, query, region)
                outcomes += region.historical(series, stored_to)
            except GreenStreamError as error:
                outcomes.append(error)
        if FORECAST in endpoints:
            query = {"horizon_hours": HORIZON_HOURS}
            try:
                series = self._series(requests, FORECAST, query, region)
                outcomes += region.forecast(series)
                readings = (outcome for outcome in outcomes if isinstance(outcome, Reading))
                if not any(map(region.is_recent, readings)):
                    outcomes.append(region.stand_in(series))
            except GreenStreamError as error:
                outcomes.append(error)
        return batch_of(outcomes)

    def _series(
        self, requests: Requests, endpoint: str, query: Mapping[str, str], region: Region
    ) -> Series:
        params = {"region": region.region, "signal_type": SIGNAL_TYPE, **query}
        answer = requests.ask(f"/{endpoint}", params, region.zone)
        series = series_of(answer, region.zone, region.region)
        for warning in series.warnings:
            self.telemetry.event(
                "warning",
                "upstream warning",
                provider=NAME,
                zone=region.zone,
                endpoint=endpoint,
                warning=without_secrets(warning, *self.http.credentials),
            )
        return series
