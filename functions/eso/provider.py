"""Great Britain: NESO's Carbon Intensity API (formerly National Grid ESO).

Figures are average intensity from combustion only, imports included, by half hour in UTC. The
licence is CC BY 4.0. Regions publish a forecast only. The nation also has an ``actual`` figure for
the last half hour that has ended. See https://carbon-intensity.github.io/api-definitions/.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Self

from functions.eso.half_hours import (
    NAME,
    Figures,
    HalfHour,
    malformed,
    national_half_hours,
    regional_half_hours,
    stamp,
)
from functions.eso.judging import other_factors
from functions.eso.readings import Region, coming_day
from greenstream.domain.errors import GreenStreamError, InvalidError, PermanentError
from greenstream.domain.reading import Basis, Kind, Signal
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.stored_slots import StoredSlots
from greenstream.ports.provider import Batch, Outcome, ProviderConfig, batch_of
from greenstream.ports.settings import required

NATIONAL: Final = "national"
AHEAD: Final = timedelta(hours=24)
"""How far a range of the API reaches (``fw24h``)."""

REVISABLE: Final = timedelta(hours=24)
"""How long after its half hour an actual figure is compared with what is stored of it."""

KINDS: Final = (Kind(Signal.AVERAGE, Basis.DIRECT),)


@dataclass(frozen=True, slots=True)
class Eso:
    """The provider: one request for all regions and two for the nation.

    Parameters
    ----------
    http
        Asks NESO.
    wanted
        The zones, each with the region that is its source.
    simulated
        Whether a simulator gives the answers.
    stored
        What is stored of the nation's actual figures, remembered between runs.
    """

    http: HttpClient
    wanted: tuple[tuple[Zone, Source], ...] = field(default_factory=lambda: zones_of(NAME))
    simulated: bool = False
    stored: StoredSlots = field(default_factory=lambda: StoredSlots(NAME, REVISABLE))

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make the provider from its settings and secrets.

        Raises
        ------
        SettingsError
            When a setting is missing.
        """
        base_url = required("ESO_BASE_URL", config.environ)
        return cls(
            http=HttpClient(provider=NAME, base_url=base_url),
            simulated=config.simulated,
            stored=StoredSlots.from_config(NAME, REVISABLE, config),
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield a batch of all wanted regions, then one of the nation if it is wanted.

        A fault in one batch does not stop the other. The window of a batch is the forecast of the
        coming day, since each range begins with the present half hour.
        """
        zones = self._zones()
        nation = zones.pop(NATIONAL, None)
        parts: list[Callable[[], Batch]] = []
        if zones:
            parts.append(partial(self._regions, zones, now))
        if nation is not None:
            parts.append(partial(self._nation, nation, now))
        with self.http:
            for part in parts:
                try:
                    batch = part()
                    yield replace(batch, window=partial(coming_day, batch.forecasts))
                except GreenStreamError as error:
                    yield Batch(errors=(error,))

    def _zones(self) -> dict[str, str]:
        """Return, by region, the zone whose first source that region is.

        For the nation that is the zone ``GBR``.
        """
        return {
            source.provider_zone: zone.zone
            for zone, source in self.wanted
            if zone.sources[0] == source
        }

    def _regions(self, zones: Mapping[str, str], now: datetime) -> Batch:
        unreadable: dict[str, InvalidError] = {}
        rows: dict[str, list[HalfHour]] = {name: [] for name in zones}
        present: list[HalfHour] = []
        for start in _starts(now):
            answer = self._ask(f"/regional/intensity/{stamp(start)}/fw24h")
            for name, half_hour in regional_half_hours(answer):
                if isinstance(half_hour, InvalidError):
                    unreadable.setdefault(name, half_hour)
                    continue
                if half_hour.valid_from <= now < half_hour.valid_to:
                    present.append(half_hour)
                if name in rows:
                    rows[name].append(half_hour)
        changed = other_factors(present)
        outcomes: list[Outcome] = [] if changed is None else [changed]
        for name, zone in zones.items():
            region = Region(
                zone=zone,
                region=name,
                now=now,
                simulated=self.simulated,
                mix_decides=changed is None,
            )
            figures = Figures(rows[name], zone)
            if name in unreadable:
                outcomes.append(malformed(unreadable[name].message, region.zone))
            try:
                outcomes.append(region.regional_reading(figures))
            except GreenStreamError as error:
                outcomes.append(error)
            outcomes += _outcomes(region.forecast(figures))
        return batch_of(outcomes)

    def _nation(self, zone: str, now: datetime) -> Batch:
        nation = Region(zone=zone, region=NATIONAL, now=now, simulated=self.simulated)
        stored = self.stored.of(zone, KINDS, now)
        outcomes: list[Outcome] = []
        ahead: list[HalfHour] = []
        paths = [f"/intensity/{stamp(start)}/fw24h" for start in _starts(now)]
        try:
            for path in paths:
                ahead += self._half_hours(path, zone, outcomes)
            outcomes += _outcomes(nation.forecast(Figures(ahead, zone)))
        except GreenStreamError as error:
            outcomes.append(error)
        try:
            newest = Figures(self._half_hours("/intensity", zone, outcomes), zone)
            outcomes += _outcomes(nation.national_readings(newest, Figures(ahead, zone), stored))
        except GreenStreamError as error:
            outcomes.append(error)
        batch = batch_of(outcomes)
        readings = tuple(sorted(batch.readings, key=lambda reading: reading.valid_to))
        ends = {reading.valid_to: None for reading in readings}
        return replace(
            batch, readings=readings, acknowledge=partial(stored.remember, ends, readings, now)
        )

    def _half_hours(self, path: str, zone: str, outcomes: list[Outcome]) -> list[HalfHour]:
        """Return the half hours of a national answer; add the error of the first unreadable one."""
        half_hours: list[HalfHour] = []
        unreadable: list[InvalidError] = []
        for half_hour in national_half_hours(self._ask(path, zone), zone):
            if isinstance(half_hour, InvalidError):
                unreadable.append(half_hour)
            else:
                half_hours.append(half_hour)
        outcomes += unreadable[:1]
        return half_hours

    def _ask(self, path: str, zone: str | None = None) -> Any:  # noqa: ANN401 - JSON
        """Return the member ``data`` of an answer.

        The zone is named in errors; it is ``None`` when the request is about all regions.
        """
        response = self.http.get(path, zone=zone)
        if response.status != 200:  # noqa: PLR2004
            raise PermanentError(
                f"HTTP {response.status} from {path}: {response.refusal()[:200]}",
                provider=NAME,
                zone=zone,
            )
        answer = response.json(provider=NAME, zone=zone)
        if not isinstance(answer, dict) or "data" not in answer:
            raise malformed(f"the answer of {path} has no data", zone)
        return answer["data"]


def _outcomes(made: Iterator[Outcome]) -> Iterator[Outcome]:
    """Yield what was made, and as the last what was raised."""
    try:
        yield from made
    except GreenStreamError as error:
        yield error


def _starts(now: datetime) -> Iterator[datetime]:
    """Yield the starts of the ranges to ask for.

    The API ends every range at the end of its year, so the new year is a start of its own when it
    begins within the next 24 hours.
    """
    yield now
    if (now + AHEAD).year != now.year:
        yield datetime(now.year + 1, 1, 1, tzinfo=UTC)
