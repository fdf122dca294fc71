"""Traces the flows between Europe's bidding zones: what a zone uses, imports counted.

ENTSO-E's platform gives the physical flows over each border (A11), hour by hour. The mixes are
those that `functions.entsoe` has stored. The figures are estimates: the zones outside of the
network deliver at their yearly means, and what is late is carried on for some hours.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Self

from functions.flows.bounds import FIGURES
from functions.flows.document import HOUR, NAME, HourlyFlow, read
from functions.flows.network import (
    BASES,
    HourMix,
    Network,
    ZoneResult,
    mean_figures,
    mix_at,
    mixes_of,
    net_flow,
    newest_hour,
    outer_figures,
)
from greenstream.domain.borders import Border, borders, outer_means_gco2_kwh
from greenstream.domain.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.flow_tracing import Figures
from greenstream.domain.reading import Basis, Kind, Quality, Reading, Signal
from greenstream.domain.zones import Source, Zone, zones, zones_of
from greenstream.ingest.http import HttpClient, Response
from greenstream.ingest.redaction import redacted
from greenstream.ports.provider import (
    Batch,
    HistoryReader,
    ProviderConfig,
    batch_of,
    no_history,
)
from greenstream.ports.secrets import SecretsError
from greenstream.ports.settings import required
from greenstream.ports.store import StoreError

MIXES: Final = "entsoe"
"""The provider whose stored readings hold the mixes."""

MIXES_WITHIN: Final = timedelta(hours=17)
"""How far back mixes are read: the newest hour that is traced is at most twelve hours old, and a
late zone's mix is carried for three."""

WINDOW: Final = timedelta(hours=40)
"""How far back flows are asked for: twelve hours, and the same hour of the day before."""

DEADLINE_S: Final = 200.0
"""The deadline of a run: it asks for no further border after so many seconds."""

ANSWER_S: Final = 12.0
STORE_MARGIN_S: Final = 40.0
"""Seconds of an invocation that are kept for the last answer and for storing."""

REFUSED: Final = (401, 403)

DIRECTIONS: Final = sum(
    1 if border.zones[1] in outer_means_gco2_kwh() else 2 for border in borders()
)
"""How many requests a run makes: into an outer zone, no flow is asked for."""


class TokenRefusedError(PermanentError):
    """The platform refuses the token, and would refuse it for every border."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTracing:
    """The provider, which makes one request for each direction of each border.

    Parameters
    ----------
    http
        Asks the platform.
    token
        Returns the platform's security token, or ``None`` when there is none.
    history
        Reads the stored mixes.
    wanted
        The zones that are traced, each with its source here.
    simulated
        Whether a simulator stands for the platform.
    deadline_s
        No request is begun after this many seconds of a run.
    monotonic
        Returns seconds that only grow.
    last
        The last flows of each direction of a border, remembered between runs. They stand for a
        border whose request fails.
    """

    http: HttpClient
    token: Callable[[], str | None]
    history: HistoryReader = no_history
    wanted: tuple[tuple[Zone, Source], ...] = field(default_factory=lambda: zones_of(NAME))
    simulated: bool = False
    deadline_s: float = DEADLINE_S
    monotonic: Callable[[], float] = time.monotonic
    last: dict[tuple[str, str], HourlyFlow] = field(default_factory=dict)

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make the provider from its settings and secrets.

        Raises
        ------
        SettingsError
            When a setting is missing.
        """
        return cls(
            http=HttpClient(
                provider=NAME,
                base_url=required("ENTSOE_BASE_URL", config.environ),
                deadline_s=ANSWER_S,
                attempts=1,
            ),
            token=lambda: config.secret("ENTSOE_API_KEY"),
            history=config.history,
            simulated=config.simulated,
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
        """Yield one batch: the newest hour that can be traced, for each zone on each basis.

        A border that fails does not stop the others.

        Raises
        ------
        PermanentError
            When the token is refused.
        ThrottledError
            When the platform throttles us before any flow is known.
        TransientError
            When no border can be read, or when the secret store, or the store with the mixes,
            cannot be read.
        """
        return redacted(self._batches(now), self.http.credentials)

    def _batches(self, now: datetime) -> Iterator[Batch]:
        token = self._token()
        if token is None:
            yield Batch(unconfigured=tuple(zone.zone for zone, _ in self.wanted))
            return
        mixes = self._mixes(now)
        hour = newest_hour(mixes, now)
        if hour is None:
            yield Batch(skipped=tuple(zone.zone for zone, _ in self.wanted))
            return
        with self.http:
            errors = list(self._ask_all(token, now))
        if errors and len(errors) >= DIRECTIONS:
            raise TransientError(
                f"no border could be read; the first error is: {errors[0].message}", provider=NAME
            )
        network = self._network(hour, mixes)
        batch = batch_of(self._outcomes(network, now))
        # A zone is not traced without its mix of the hour.
        skipped = tuple(zone.zone for zone, _ in self.wanted if zone.zone not in network.mixes)
        yield replace(batch, errors=(*errors, *batch.errors), skipped=skipped)

    def _network(self, hour: datetime, mixes: Mapping[str, Mapping[datetime, HourMix]]) -> Network:
        outer = outer_means_gco2_kwh()
        named = {zone for border in borders() for zone in border.zones}
        of_hour = {
            zone: mix for zone in named if (mix := mix_at(mixes.get(zone, {}), hour)) is not None
        }
        late = {zone: figures for zone in named - of_hour.keys() if (figures := _yearly(zone))}
        return Network(
            hour,
            {
                border: net_flow(border, self.last, hour, one_way=border.zones[1] in outer)
                for border in borders()
            },
            of_hour,
            late | outer_figures(),
        )

    def _outcomes(self, network: Network, now: datetime) -> Iterator[Reading | GreenStreamError]:
        results, over = network.results(), network.out_of_balance()
        without_flows = network.without_flows()
        for zone, source in self.wanted:
            result = results.get(zone.zone)
            if zone.zone in over:
                supply_mw, exports_mw = over[zone.zone]
                yield InvalidError(
                    f"it sends out {exports_mw:.0f} MW of {supply_mw:.0f} MW in the hour from "
                    f"{network.hour:%Y-%m-%dT%H:%MZ}",
                    reason="out_of_balance",
                    provider=NAME,
                    zone=zone.zone,
                )
            elif zone.zone in without_flows:
                yield NoDataError(
                    f"none of its borders has a flow near {network.hour:%Y-%m-%dT%H:%MZ}",
                    provider=NAME,
                    zone=zone.zone,
                )
            elif result is not None:
                for basis in source.bases:
                    try:
                        yield self._reading(network.hour, zone, source, basis, result, now)
                    except InvalidError as error:
                        yield error

    def _reading(
        self,
        hour: datetime,
        zone: Zone,
        source: Source,
        basis: Basis,
        result: ZoneResult,
        now: datetime,
    ) -> Reading:
        start = FIGURES * BASES.index(basis)
        value, low, high = result.figures[start : start + FIGURES]
        return Reading(
            zone=zone.zone,
            provider=NAME,
            provider_zone=source.provider_zone,
            signal=source.signal,
            basis=basis,
            scope=source.scope,
            factor_set=GREENSTREAM,
            quality=Quality.ESTIMATED,
            gco2_kwh=value,
            gco2_low=min(low, value),  # sums in another order may differ in their last digit
            gco2_high=max(high, value),
            valid_from=hour,
            valid_to=hour + HOUR,
            fetched_at=now,
            coverage=result.coverage,
            simulated=self.simulated,
            detail=result.detail,
        )

    def _mixes(self, now: datetime) -> dict[str, Mapping[datetime, HourMix]]:
        mixes: dict[str, Mapping[datetime, HourMix]] = {}
        for zone, _ in zones_of(MIXES):
            try:
                mixes[zone.zone] = mixes_of(
                    reading
                    for basis in BASES
                    for reading in self.history(
                        zone.zone,
                        MIXES,
                        Kind(Signal.AVERAGE, basis),
                        since=now - MIXES_WITHIN,
                        until=now,
                    )
                )
            except StoreError as error:
                raise TransientError(
                    "the store with the mixes cannot be read", provider=NAME, zone=zone.zone
                ) from error
        return mixes

    def _ask_all(self, token: str, now: datetime) -> Iterator[GreenStreamError]:
        """Ask for every direction of every border, and yield the errors.

        Raises
        ------
        PermanentError
            When the token is refused.
        """
        ends_at = self.monotonic() + self.deadline_s
        outer = outer_means_gco2_kwh()
        for border in borders():
            first, second = border.zones
            ways = [(second, first, border.eic[1], border.eic[0])]
            if second not in outer:
                ways.append((first, second, *border.eic))
            for source, target, out_of, into in ways:
                if self.monotonic() >= ends_at:
                    yield TransientError(
                        f"the deadline of {self.deadline_s:.0f} s came before {border.name}",
                        provider=NAME,
                    )
                    return
                try:
                    answer = self._ask(border, into, out_of, token, now)
                    self.last[source, target] = read(answer.body, into, out_of, border.name)
                except NoDataError:
                    self.last[source, target] = {}
                except ThrottledError as error:
                    yield error.without_answer()
                    return
                except TokenRefusedError:
                    raise
                except GreenStreamError as error:
                    yield error.without_answer()

    def _ask(self, border: Border, into: str, out_of: str, token: str, now: datetime) -> Response:
        response = self.http.get(
            "/api",
            params={
                "documentType": "A11",
                "in_Domain": into,
                "out_Domain": out_of,
                "periodStart": f"{now - WINDOW:%Y%m%d%H}00",
                "periodEnd": f"{now + HOUR:%Y%m%d%H}00",
            },
            headers={"SECURITY_TOKEN": token},
        )
        if response.status in REFUSED:
            raise TokenRefusedError(
                f"the platform answered HTTP {response.status}: the token is refused", provider=NAME
            )
        if response.status not in (200, 400):
            raise PermanentError(
                f"/api answered HTTP {response.status} about {border.name}", provider=NAME
            )
        return response

    def _token(self) -> str | None:
        try:
            return self.token()
        except SecretsError as error:
            raise TransientError(
                "the secret store cannot be read for the token", provider=NAME
            ) from error


def _yearly(zone: str) -> Figures | None:
    """Return a zone's yearly means as figures, or ``None`` where it lacks one of them."""
    row = zones().get(zone)
    means = (
        {}
        if row is None
        else {
            mean.basis: mean.gco2_kwh for mean in row.annual_means if mean.signal is Signal.AVERAGE
        }
    )
    return mean_figures(means) if len(means) == len(BASES) else None
