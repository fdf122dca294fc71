"""US balancing authorities: the hourly CO2 intensity that EIA computes from its form 930.

EIA publishes a workbook for each authority without a key, which it rewrites once a day; the newest
hours are one to three days old. So no figure is live. The hours make the authority's hour profile,
which stands where no live source does. The intensity of what is consumed counts, since some
authorities draw most of what they use from others; that of what is generated is in the detail.
See https://www.eia.gov/electricity/gridmonitor/.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Self

from functions.eia.workbook import HOUR, NAME, Hour, hours_of
from greenstream.domain.errors import GreenStreamError, InvalidError, NoDataError, PermanentError
from greenstream.domain.factor_sets import EIA
from greenstream.domain.profile import PROFILE_LIFE
from greenstream.domain.reading import Quality, Reading
from greenstream.domain.zones import Source, Zone, one_for_each_feed, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.stored_slots import StoredSlots, ZoneSlots
from greenstream.ports.provider import Batch, Outcome, ProviderConfig, batch_of
from greenstream.ports.settings import required

PATH: Final = "/electricity/gridmonitor/knownissues/xls/{}.xlsx"
WINDOW: Final = timedelta(days=11)
"""How far back hours are read: those of a week before the newest, which is up to three days old."""

AUTHORITIES_A_RUN: Final = 5
"""How many workbooks a run reads, so that each is read about once a day, as EIA writes it. Each is
some tens of megabytes."""

EVERY: Final = 2 * HOUR
"""The time from one turn to the next, which is that of the schedule."""

FIRST: Final = ("LDWP", "BPAT")
"""The authorities that are read first on a fresh table: they power the most places."""

MOST_BYTES: Final = 120_000_000
"""The greatest workbook that is read."""

DEADLINE_S: Final = 100.0


@dataclass(frozen=True, slots=True)
class Eia:
    """The provider, which reads some authorities in each run, by turns.

    Parameters
    ----------
    http
        Asks EIA.
    wanted
        The zones, each with its source, whose provider zone is EIA's code of the authority.
    simulated
        Whether a simulator stands for EIA.
    stored
        What is stored of the hours, remembered between runs.
    """

    http: HttpClient
    wanted: tuple[tuple[Zone, Source], ...] = field(
        default_factory=lambda: one_for_each_feed(zones_of(NAME))
    )
    simulated: bool = False
    stored: StoredSlots = field(default_factory=lambda: StoredSlots(NAME, WINDOW))

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make the provider from its settings.

        Raises
        ------
        SettingsError
            When a setting is missing.
        """
        return cls(
            http=HttpClient(
                provider=NAME,
                base_url=required("EIA_BASE_URL", config.environ),
                deadline_s=DEADLINE_S,
                attempts=1,
                max_bytes=MOST_BYTES,
            ),
            simulated=config.simulated,
            stored=StoredSlots.from_config(NAME, WINDOW, config),
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield a batch for each authority whose turn it is, and the names of the others."""
        turn = self._turn(now)
        with self.http:
            for zone, source in turn:
                try:
                    yield self._batch(zone, source, now)
                except GreenStreamError as error:
                    yield Batch(errors=(error,))
        asked = {zone.zone for zone, _ in turn}
        yield Batch(skipped=tuple(z.zone for z, _ in self.wanted if z.zone not in asked))

    def _turn(self, now: datetime) -> list[tuple[Zone, Source]]:
        """Return the authorities of a run: those of the moment, and a first one without a figure.

        Which they are depends on nothing but the time, so that an authority that fails keeps no
        other one waiting, whatever the function remembers.
        """
        first = sorted(
            (pair for pair in self.wanted if pair[1].provider_zone in FIRST),
            key=lambda pair: FIRST.index(pair[1].provider_zone),
        )
        others = [pair for pair in self.wanted if pair not in first]
        order = [*first, *others]
        if not order:
            return []
        runs = -(-len(order) // AUTHORITIES_A_RUN)
        begin = int(now.timestamp() // EVERY.total_seconds()) % runs * AUTHORITIES_A_RUN
        turn = order[begin : begin + AUTHORITIES_A_RUN]
        fresh = [pair for pair in first if self._stored(*pair, now).newest is None]
        return [*turn, *(pair for pair in fresh[:1] if pair not in turn)]

    def _stored(self, zone: Zone, source: Source, now: datetime) -> ZoneSlots:
        return self.stored.of(zone.zone, source.kinds, now)

    def _batch(self, zone: Zone, source: Source, now: datetime) -> Batch:
        """Return the batch of an authority: its newest hour, and those not stored yet."""
        stored = self._stored(zone, source, now)
        try:
            hours = hours_of(self._ask(zone, source), source.provider_zone, now - WINDOW)
        except InvalidError as error:  # a workbook is of one zone
            raise InvalidError(
                error.message, reason=error.reason, provider=NAME, zone=zone.zone
            ) from error
        known = [hour for hour in hours if hour.consumed_gco2_kwh is not None and hour.end <= now]
        if not known:
            what = f"the workbook of {source.provider_zone} has no hour with a figure"
            raise NoDataError(what, provider=NAME, zone=zone.zone)
        chosen = [hour for hour in known if hour is known[-1] or stored.asks_for(hour.end, now)]
        week = [hour for hour in known if hour.end > known[-1].end - PROFILE_LIFE]
        batch = batch_of(self._outcomes(chosen, zone, source, now))
        readings = tuple(
            reading
            for reading in batch.readings
            if reading.valid_to == known[-1].end or stored.lacks(reading)
        )
        return Batch(
            readings=readings,
            errors=batch.errors,
            acknowledge=partial(
                stored.remember, {hour.end: None for hour in chosen}, batch.readings, now
            ),
            window=lambda: (
                outcome
                for outcome in self._outcomes(week, zone, source, now)
                if isinstance(outcome, Reading)
            ),
            window_is_a_week=True,
        )

    def _outcomes(
        self, hours: Sequence[Hour], zone: Zone, source: Source, now: datetime
    ) -> Iterator[Outcome]:
        for hour in hours:
            if (gco2_kwh := hour.consumed_gco2_kwh) is None:
                continue
            try:
                yield self._reading(hour, gco2_kwh, zone, source, now)
            except InvalidError as error:
                yield error

    def _reading(
        self, hour: Hour, gco2_kwh: float, zone: Zone, source: Source, now: datetime
    ) -> Reading:
        (basis,) = source.bases
        return Reading(
            zone=zone.zone,
            provider=NAME,
            provider_zone=source.provider_zone,
            signal=source.signal,
            basis=basis,
            scope=source.scope,
            factor_set=EIA,
            quality=Quality.ESTIMATED,
            gco2_kwh=gco2_kwh,
            gco2_low=gco2_kwh,
            gco2_high=gco2_kwh,
            valid_from=hour.end - HOUR,
            valid_to=hour.end,
            fetched_at=now,
            coverage=1.0,
            simulated=self.simulated,
            detail={"generated_gco2_kwh": hour.generated_gco2_kwh},
        )

    def _ask(self, zone: Zone, source: Source) -> bytes:
        path = PATH.format(source.provider_zone)
        response = self.http.get(path, zone=zone.zone)
        if response.status != 200:  # noqa: PLR2004
            raise PermanentError(
                f"HTTP {response.status} from {path}: {response.refusal()[:200]}",
                provider=NAME,
                zone=zone.zone,
            )
        return response.body
