"""A day of readings behind the real router, for tests of the page that set the clock."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from greenstream.cli.errors import RefusedError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.profile import HourMean, HourProfile
from greenstream.domain.reading import Forecast, ForecastPoint
from greenstream.domain.zones import zones
from greenstream.ports.store import ProviderState, ProviderStatus
from infra.local.processes import StackError
from tests.builders import AVERAGE_DIRECT
from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client, a_reading_of
from tests.storing import put_forecast, put_profile, put_reading, put_status

DAY_GCO2_KWH = {
    "CAISO_NORTH": 190,
    "NYISO": 256,
    "GBR-13": 122,
    "GBR-1": 4,
    "GBR-2": 35,
    "GBR-3": 58,
    "GBR-7": 331,
    "ENTSOE_NL": 241,
    "ENTSOE_DE_LU": 352,
    "ENTSOE_FR": 31,
    "ENTSOE_SE3": 14,
    "ENTSOE_ES": 118,
    "ENTSOE_PL": 640,
}
"""Each zone's mean intensity; during the day the figures swing around it by a quarter."""


@dataclass(slots=True)
class Scene:
    """The router's answers, as the page's server requests them.

    ``down`` makes the router unreachable; ``asked`` lists the requested paths.
    """

    store: MemoryStore = field(default_factory=MemoryStore)
    client: Client = field(init=False)
    down: bool = False
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = Client(self.store)
        for zone, mean in DAY_GCO2_KWH.items():
            self.past_day(zone, mean)
        for provider in ("eso", "gridstatus", "entsoe"):
            self.ran(provider)

    @property
    def now(self) -> datetime:
        return self.client.clock.now

    def ask(self, path: str) -> Any:
        self.asked.append(path)
        if self.down:
            raise StackError("the router does not answer")
        answer = self.client.ask(*path.partition("?")[::2])
        if 400 <= answer.status < 500:
            raise RefusedError(f"GET {path} answered {answer.status}", answer.status, answer.text)
        if answer.status != 200:
            raise StackError(f"GET {path} answered {answer.status}: {answer.text}")
        return answer.body

    def past_day(self, zone: str, mean: float) -> None:
        """Store a reading for each half hour of the last day."""
        wide = zone in ("NYISO", "ENTSOE_NL")
        for half_hours_ago in range(47, -1, -1):
            valid_to = self.now - timedelta(minutes=30 * half_hours_ago)
            value = mean * (
                1 - 0.25 * math.cos((valid_to.hour + valid_to.minute / 60) / 24 * math.tau)
            )
            self.read(
                zone,
                value,
                valid_to=valid_to,
                gco2_low=value * (0.9 if wide else 1),
                gco2_high=value * (1.2 if wide else 1),
                coverage=0.62 if zone == "ENTSOE_NL" else 1.0,
            )

    def read(self, zone: str, gco2_kwh: float, *, valid_to: datetime, **changes: Any) -> None:
        """Store one half hour's reading."""
        reading = a_reading_of(
            zone,
            gco2_kwh,
            valid_to=valid_to,
            valid_from=valid_to - timedelta(minutes=30),
            fetched_at=valid_to,
            **changes,
        )
        put_reading(self.store, reading)

    def forecast(self, zone: str, gco2_kwh: Sequence[float]) -> None:
        """Store a forecast of the zone's first source: a figure for each coming hour."""
        source = zones()[zone].sources[0]
        hour = timedelta(hours=1)
        put_forecast(
            self.store,
            Forecast(
                zone=zone,
                provider=source.provider,
                provider_zone=source.provider_zone,
                signal=AVERAGE_DIRECT.signal,
                basis=AVERAGE_DIRECT.basis,
                scope=source.scope,
                factor_set=GREENSTREAM,
                issued_at=self.now,
                points=tuple(
                    ForecastPoint(self.now + step * hour, self.now + (step + 1) * hour, value)
                    for step, value in enumerate(gco2_kwh)
                ),
            ),
        )

    def same_hour(self, zone: str, gco2_kwh: float) -> None:
        """Store the zone's mean of each hour of day."""
        source = zones()[zone].sources[0]
        hours = {hour: HourMean(gco2_kwh=gco2_kwh, computed_at=self.now) for hour in range(24)}
        put_profile(
            self.store,
            HourProfile(
                zone=zone,
                kind=AVERAGE_DIRECT,
                scope=source.scope,
                factor_set=GREENSTREAM,
                provider=source.provider,
                hours=hours,
            ),
        )

    def ran(self, provider: str, *, error: str | None = None, kind: str = "UpstreamStatus") -> None:
        """Record a run of a provider: a success, or a failure with this error message."""
        success = None if error else self.now
        put_status(
            self.store,
            ProviderStatus(
                provider=provider,
                state=ProviderState.FAILED if error else ProviderState.OK,
                last_run_at=self.now,
                last_success_at=success,
                newest_valid_to=success,
                last_error=error,
                last_error_kind=kind if error else None,
                last_error_at=self.now if error else None,
                stored=0 if error else 4,
            ),
        )

    def unconfigured(self, provider: str) -> None:
        """Record a run of a provider that has no key."""
        put_status(
            self.store,
            ProviderStatus(
                provider=provider, state=ProviderState.UNCONFIGURED, last_run_at=self.now
            ),
        )
