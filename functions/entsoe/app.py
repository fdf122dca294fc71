"""The EU mainland: ENTSO-E's Transparency Platform, actual generation per type (A75, realised).

Average intensity computed from the production mix of a bidding zone; imports are not counted.
The platform allows 400 requests a minute and token, then bans for about ten minutes; a zone's
newest slot is one to sixteen hours old, by transmission operator.
"""

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError

from functions.entsoe.document import COMPLETE_SHARE, Slot, newest_complete, read, slots
from greenstream.clock import utc_now
from greenstream.collect import Harvest, collect
from greenstream.dynamodb import DynamoStore, dynamodb_client
from greenstream.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from greenstream.http import HttpClient
from greenstream.intensity import FactorTable, factor_tables, mix_intensity
from greenstream.reading import Basis, Quality, Reading
from greenstream.secrets import SsmSecrets
from greenstream.settings import Settings, required, secret
from greenstream.telemetry import PowertoolsTelemetry
from greenstream.zones import Source, Zone, zones_of

NAME: Final = "entsoe"
DEFAULT_TABLE: Final = "ENTSOE"
WINDOW: Final = timedelta(hours=36)
"""Longer than the worst delay seen (16 h), and one whole night and day for the solar share."""

BAN: Final = timedelta(minutes=10)
MAX_ZONES_PER_RUN: Final = 20
DEADLINE_S: Final = 45.0
STORE_MARGIN_S: Final = 10.0
"""Left of an invocation for the last answer and for storing what came."""

REVERSIBLE: Final = frozenset({"B10", "B25"})
"""Pumped and other storage: some operators net charging into the generation series."""

SOLAR, OTHER = "B16", "B20"
SOLAR_IN_OTHER: Final = frozenset({"ENTSOE_NL"})
"""Zones whose "Other" holds embedded solar, as its daily shape shows (see `solar_in_other`)."""

MIN_SLOTS: Final = 48
MIN_R_SQUARED: Final = 0.8

_NEEDED: Final = {
    "ENTSOE_NL": "B04 B05",
    "ENTSOE_DE_LU": "B02 B04 B05",
    "ENTSOE_FR": "B04 B14",
    "ENTSOE_BE": "B04 B14",
    "ENTSOE_ES": "B04 B14",
    "ENTSOE_PT": "B04",
    "ENTSOE_IT_NORTH": "B04",
    "ENTSOE_IT_CNORTH": "B04",
    "ENTSOE_IT_CSOUTH": "B04",
    "ENTSOE_IT_SOUTH": "B04",
    "ENTSOE_IT_SICILY": "B04",
    "ENTSOE_AT": "B04 B11",
    "ENTSOE_CH": "B14",
    "ENTSOE_PL": "B02 B05",
    "ENTSOE_CZ": "B02 B14",
    "ENTSOE_SK": "B14",
    "ENTSOE_SI": "B14",
    "ENTSOE_HU": "B04 B14",
    "ENTSOE_RO": "B02 B04 B14",
    "ENTSOE_BG": "B02 B14",
    "ENTSOE_GR": "B04",
    "ENTSOE_RS": "B02",
    "ENTSOE_DK1": "B19",
    "ENTSOE_DK2": "B19",
    "ENTSOE_SE3": "B14",
    "ENTSOE_FI": "B14",
    "ENTSOE_IE": "B04",
    "ENTSOE_EE": "B07",
}
"""PSR types without which a zone's mix is no mix: a fuel that has not been reported for a whole
window would otherwise be missed by nobody (Italy reported a quarter of itself for weeks)."""


@dataclass(slots=True)
class Memory:
    """What a warm sandbox keeps between runs: where to go on, and until when to be silent."""

    next_zone: int | None = None
    silent_until: datetime | None = None


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

    def fetch(self, now: datetime) -> Iterator[Harvest]:
        """Yield zone by zone; a fault in one leaves the others.

        Raises
        ------
        PermanentError
            When the token is refused: every zone would be.
        ThrottledError
            When the platform throttles; the following ten minutes are silent.
        """
        token = self._token()
        if token is None:
            yield Harvest(unconfigured=tuple(zone.zone for zone, _ in self.wanted))
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
                    yield harvest_of(found, zone, source, fetched_at=now, simulated=self.simulated)
                except ThrottledError:
                    self.memory.silent_until = now + BAN
                    raise
                except GreenStreamError as error:
                    if isinstance(error, PermanentError) and error.zone is None:
                        raise
                    yield Harvest(errors=(error,))
                if index:
                    self.memory.next_zone = index + 1

    def _token(self) -> str | None:
        try:
            return self.token()
        except GetParameterError as error:
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


def harvest_of(
    found: Sequence[Slot],
    zone: Zone,
    source: Source,
    *,
    fetched_at: datetime,
    simulated: bool = False,
) -> Harvest:
    """Return the readings of a zone's newest complete slot, on each basis of the source.

    Raises
    ------
    NoDataError
        When no slot is complete.
    InvalidError
        ``negative`` for a generation that cannot be station use.
    """
    needed = frozenset(_NEEDED.get(zone.zone, "").split())
    slot = newest_complete(found, needed, fetched_at)
    if slot is None:
        missing = sorted(needed - {fuel for one in found for fuel in one.generation_mw})
        raise NoDataError(
            f"none of {len(found)} slots has all main fuels"
            + (f"; {' '.join(missing)} in none" if missing else ""),
            provider=NAME,
            zone=zone.zone,
        )
    for fuel, mw in slot.generation_mw.items():
        if fuel not in REVERSIBLE and mw < -COMPLETE_SHARE * slot.total_mw:
            raise InvalidError(
                f"{fuel} is {mw} MW", reason="negative", provider=NAME, zone=zone.zone
            )
    solar_mw = solar_in_other(found, slot) if zone.zone in SOLAR_IN_OTHER else 0.0
    mix_mw = dict(slot.generation_mw)
    if solar_mw:
        mix_mw[SOLAR] += solar_mw
        mix_mw[OTHER] -= solar_mw
    readings: list[Reading] = []
    errors: list[GreenStreamError] = []
    for basis in source.bases:
        try:
            table = table_of(zone.zone, basis)
            value = mix_intensity(mix_mw, table, provider=NAME, zone=zone.zone)
            # The share given to solar is an estimate: the bounds hold without it.
            bounds = mix_intensity(slot.generation_mw, table, provider=NAME, zone=zone.zone)
            readings.append(
                Reading(
                    zone=zone.zone,
                    provider=NAME,
                    provider_zone=source.provider_zone,
                    signal=source.signal,
                    basis=basis,
                    scope=source.scope,
                    quality=Quality.ESTIMATED if solar_mw else Quality.MEASURED,
                    gco2_kwh=value.gco2_kwh,
                    gco2_low=min(bounds.gco2_low, value.gco2_kwh),
                    gco2_high=max(bounds.gco2_high, value.gco2_kwh),
                    valid_from=slot.valid_from,
                    valid_to=slot.valid_to,
                    fetched_at=fetched_at,
                    coverage=value.coverage,
                    simulated=simulated,
                    detail={
                        "fuel_mw": dict(slot.generation_mw),
                        "consumption_mw": dict(slot.consumption_mw),
                        "solar_in_other_mw": round(solar_mw, 2),
                        "factors": table.version,
                        "unlisted": list(value.unlisted),
                    },
                )
            )
        except InvalidError as error:
            errors.append(error)
    return Harvest(readings=tuple(readings), errors=tuple(errors))


def solar_in_other(found: Sequence[Slot], slot: Slot) -> float:
    """Return the part of "Other" (MW) that rises and falls with the metered sun.

    Roof and field systems too small for the operator's meters are reported under "Other" there,
    with cogeneration. The window's "Other" is regressed on its metered solar: the slope tells the
    embedded solar from whatever else "Other" is, which stays unknown. Where the sun explains less
    than 80 % of the variance, as in dark weeks, nothing is attributed.
    """
    pairs = [
        (one.generation_mw[SOLAR], one.generation_mw[OTHER])
        for one in found
        if SOLAR in one.generation_mw and OTHER in one.generation_mw
    ]
    if len(pairs) < MIN_SLOTS or not {SOLAR, OTHER} <= slot.generation_mw.keys():
        return 0.0
    sun, other = zip(*pairs, strict=True)
    try:
        slope, _ = statistics.linear_regression(sun, other)
        r_squared = statistics.correlation(sun, other) ** 2
    except statistics.StatisticsError:  # one of them never changes
        return 0.0
    if slope <= 0 or r_squared < MIN_R_SQUARED:
        return 0.0
    return min(max(slope * slot.generation_mw[SOLAR], 0.0), max(slot.generation_mw[OTHER], 0.0))


def table_of(zone: str, basis: Basis) -> FactorTable:
    """Return the factors of a zone: its own published ones over those of the whole platform."""
    tables: Mapping[tuple[str, Basis], FactorTable] = factor_tables()
    common, own = tables[DEFAULT_TABLE, basis], tables.get((zone, basis))
    if own is None:
        return common
    return replace(own, factors={**common.factors, **own.factors})


TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
SECRETS: Final = SsmSecrets()
ENTSOE: Final = Entsoe(
    # No second attempt: the next run is near, and the platform counts each request.
    http=HttpClient(
        provider=NAME, base_url=required("ENTSOE_BASE_URL"), deadline_s=20.0, attempts=1
    ),
    token=lambda: secret(NAME, "ENTSOE_API_KEY", SETTINGS, SECRETS),
    simulated=SETTINGS.simulated,
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001
    """Run once, within what is left of the invocation's time; the event says nothing more."""
    left_s = context.get_remaining_time_in_millis() / 1000 - STORE_MARGIN_S
    provider = replace(ENTSOE, deadline_s=max(0.0, min(DEADLINE_S, left_s)))
    return collect(provider, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
