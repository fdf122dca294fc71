"""Great Britain: NESO's Carbon Intensity API (formerly National Grid ESO).

NESO publishes the shares of the fuels and figures by its own factors, which count combustion only,
imports included, by half hour in UTC. The figures here are made of its shares with this package's
factors, on both bases (`functions.eso.harmonised`); its own figures judge the shares, and stay
beside ours. The licence is CC BY 4.0. Regions publish a forecast only. The nation also has an
``actual`` figure for the last half hour that has ended. See
https://carbon-intensity.github.io/api-definitions/.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, Self

from functions.eso.half_hours import (
    NAME,
    NATIONAL,
    Figures,
    HalfHour,
    generation_half_hours,
    malformed,
    national_half_hours,
    regional_half_hours,
    stamp,
)
from functions.eso.harmonised import Factors, ended_half_hour
from functions.eso.judging import other_factors
from functions.eso.readings import Region, coming_day
from greenstream.domain.errors import GreenStreamError, InvalidError, PermanentError
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.links import StoredLinks
from greenstream.ingest.stored_slots import StoredSlots
from greenstream.ports.provider import Batch, Outcome, ProviderConfig, batch_of
from greenstream.ports.settings import required

GREAT_BRITAIN: Final = "18"
"""The region that is the whole nation. Its half hours have mixes; the national list has none."""

AHEAD: Final = timedelta(hours=24)
"""How far a range of the API reaches (``fw24h``)."""

METERING: Final = "elexon"
"""The provider whose stored mixes name the links of Great Britain."""

LINKS: Final = "ELEXON"
"""The factor table that names these links."""

REVISABLE: Final = timedelta(hours=24)
"""How long after its half hour an actual figure is compared with what is stored of it."""


@dataclass(frozen=True, slots=True)
class _Run:
    """The instant of a run, in UTC, and the factors that its figures are made with."""

    now: datetime
    factors: Factors


@dataclass(frozen=True, slots=True)
class _Regions:
    """The half hours of all regions by the region's id, and the first that could not be read."""

    rows: defaultdict[str, list[HalfHour]] = field(default_factory=lambda: defaultdict(list))
    unreadable: dict[str, InvalidError] = field(default_factory=dict)

    def add(self, region: str, half_hour: HalfHour | InvalidError) -> None:
        if isinstance(half_hour, InvalidError):
            self.unreadable.setdefault(region, half_hour)
        else:
            self.rows[region].append(half_hour)

    def at(self, now: datetime) -> list[HalfHour]:
        """Return the half hours, of all regions, that contain an instant."""
        half_hours = (half_hour for rows in self.rows.values() for half_hour in rows)
        return [row for row in half_hours if row.valid_from <= now < row.valid_to]


def _links() -> StoredLinks:
    return StoredLinks(provider=METERING, table=LINKS)


@dataclass(frozen=True, slots=True)
class Eso:
    """The provider: one request for all regions and three for the nation.

    Parameters
    ----------
    http
        Asks NESO.
    wanted
        The zones, each with the region that is its source.
    simulated
        Whether a simulator gives the answers.
    links
        What the store has of the links to other grids.
    stored
        What is stored of the nation's actual figures, remembered between runs.
    """

    http: HttpClient
    wanted: tuple[tuple[Zone, Source], ...] = field(default_factory=lambda: zones_of(NAME))
    simulated: bool = False
    links: StoredLinks = field(default_factory=_links)
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
            links=StoredLinks.from_config(METERING, LINKS, config),
            stored=StoredSlots.from_config(NAME, REVISABLE, config),
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield a batch of all wanted regions, then one of the nation if it is wanted.

        A fault in one batch does not stop the other. The window of a batch is the forecast of the
        coming day, since each range begins with the present half hour. Both batches need the
        answer about all regions: the nation's mixes of the coming day are those of a region.
        """
        wanted = self._wanted()
        nation = wanted.pop(NATIONAL, None)
        run = _Run(now, Factors(self.links.read(*ended_half_hour(now), now)))
        with self.http:
            try:
                regions = self._read_regions(now)
                if wanted:
                    batch = self._regions(wanted, regions, run)
                    yield replace(batch, window=partial(coming_day, batch.forecasts))
            except GreenStreamError as error:
                regions = _Regions()
                yield Batch(errors=(error,))
            if nation is not None:
                try:
                    batch = self._nation(*nation, regions, run)
                    yield replace(batch, window=partial(coming_day, batch.forecasts))
                except GreenStreamError as error:
                    yield Batch(errors=(error,))

    def _wanted(self) -> dict[str, tuple[str, Source]]:
        """Return, by region, the zone whose first source that region is, and the source.

        For the nation that is the zone ``GBR``.
        """
        return {
            source.provider_zone: (zone.zone, source)
            for zone, source in self.wanted
            if zone.sources[0] == source
        }

    def _read_regions(self, now: datetime) -> "_Regions":
        """Return the half hours of all regions."""
        regions = _Regions()
        for start in _starts(now):
            answer = self._ask(f"/regional/intensity/{stamp(start)}/fw24h")
            for name, half_hour in regional_half_hours(answer):
                regions.add(name, half_hour)
        return regions

    def _regions(
        self, wanted: Mapping[str, tuple[str, Source]], regions: "_Regions", run: "_Run"
    ) -> Batch:
        changed = other_factors(regions.at(run.now))
        outcomes: list[Outcome] = [] if changed is None else [changed]
        for name, (zone, source) in wanted.items():
            region = self._region(name, zone, source, run, mix_decides=changed is None)
            figures = Figures(regions.rows[name], zone)
            if name in regions.unreadable:
                outcomes.append(malformed(regions.unreadable[name].message, zone))
            try:
                outcomes += region.regional_readings(figures)
            except GreenStreamError as error:
                outcomes.append(error)
            outcomes += _outcomes(region.forecasts(figures))
        return batch_of(outcomes)

    def _region(
        self, name: str, zone: str, source: Source, run: "_Run", *, mix_decides: bool
    ) -> Region:
        return Region(
            zone=zone,
            region=name,
            bases=source.bases,
            factors=run.factors,
            now=run.now,
            simulated=self.simulated,
            mix_decides=mix_decides,
        )

    def _nation(self, zone: str, source: Source, regions: "_Regions", run: "_Run") -> Batch:
        now = run.now
        mix_decides = other_factors(regions.at(now)) is None
        nation = self._region(NATIONAL, zone, source, run, mix_decides=mix_decides)
        stored = self.stored.of(zone, source.kinds, now)
        outcomes: list[Outcome] = []
        ahead: list[HalfHour] = []
        paths = [f"/intensity/{stamp(start)}/fw24h" for start in _starts(now)]
        try:
            for path in paths:
                ahead += self._half_hours(national_half_hours, path, zone, outcomes)
            mixed = Figures(regions.rows[GREAT_BRITAIN], zone)
            outcomes += _outcomes(nation.forecasts(Figures(ahead, zone), mixed))
        except GreenStreamError as error:
            outcomes.append(error)
        try:
            newest = self._half_hours(national_half_hours, "/intensity", zone, outcomes)
            figures, listed = Figures(newest, zone), Figures(ahead, zone)
            try:
                mixes = self._mixes(newest, zone, outcomes)
            except GreenStreamError as error:
                outcomes.append(error)  # without a mix, a figure is still judged by itself
                made = nation.national_readings(figures, listed, Figures((), zone), stored)
                outcomes += (outcome for outcome in _outcomes(made) if not _lacks_mix(outcome))
            else:
                outcomes += _outcomes(nation.national_readings(figures, listed, mixes, stored))
        except GreenStreamError as error:
            outcomes.append(error)
        batch = batch_of(outcomes)
        readings = tuple(sorted(batch.readings, key=lambda reading: reading.valid_to))
        ends = {reading.valid_to: None for reading in readings}
        return replace(
            batch, readings=readings, acknowledge=partial(stored.remember, ends, readings, now)
        )

    def _mixes(self, newest: Sequence[HalfHour], zone: str, outcomes: list[Outcome]) -> Figures:
        """Return the nation's mixes of some half hours; none where there is none to ask for."""
        if not newest:
            return Figures((), zone)
        first = min(half_hour.valid_from for half_hour in newest)
        last = max(half_hour.valid_to for half_hour in newest)
        path = f"/generation/{stamp(first)}/{stamp(last)}"
        return Figures(self._half_hours(generation_half_hours, path, zone, outcomes), zone)

    def _half_hours(
        self,
        read: Callable[[object, str], list[HalfHour | InvalidError]],
        path: str,
        zone: str,
        outcomes: list[Outcome],
    ) -> list[HalfHour]:
        """Return the half hours of a national answer; add the error of the first unreadable one."""
        half_hours: list[HalfHour] = []
        unreadable: list[InvalidError] = []
        for half_hour in read(self._ask(path, zone), zone):
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


def _lacks_mix(outcome: Outcome) -> bool:
    return isinstance(outcome, InvalidError) and outcome.reason == "missing_fuel"


def _starts(now: datetime) -> Iterator[datetime]:
    """Yield the starts of the ranges to ask for.

    The API ends every range at the end of its year, so the new year is a start of its own when it
    begins within the next 24 hours.
    """
    yield now
    if (now + AHEAD).year != now.year:
        yield datetime(now.year + 1, 1, 1, tzinfo=UTC)
