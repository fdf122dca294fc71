"""Great Britain: Elexon's FUELINST, what the transmission system generates and imports.

The average intensity is computed from the mix of each five minutes. Imports count by the yearly
mean of the grid that they come from, within bounds. Elexon does not meter the wind and solar power
that are embedded in the distribution grids; NESO estimates them, so that its figure comes first
(see `functions.eso`) and this one second. No key is needed. See https://bmrs.elexon.co.uk.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Self

from functions.elexon.readings import Grid
from functions.elexon.rows import NAME, Slot, invalid, rules, slots_of
from greenstream.domain.errors import GreenStreamError, InvalidError, PermanentError
from greenstream.domain.fuel_memory import FuelMemory
from greenstream.domain.holes import holes
from greenstream.domain.judging import judge
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import rules_of_provider
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone, stored_under, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.last_reports import carrying, learn_stored, mix_of
from greenstream.ingest.stored_slots import StoredSlots, ZoneSlots
from greenstream.ports.provider import Batch, Outcome, ProviderConfig, batch_of
from greenstream.ports.settings import required

PATH: Final = "/bmrs/api/v1/datasets/FUELINST/stream"
WINDOW: Final = timedelta(hours=26)
"""How far back slots are asked for and remembered. A slot is compared with the same time of the day
before and with the least of a day."""

REVISABLE: Final = timedelta(hours=3)
"""How far before the newest stored slot is asked again: for slots that have changed since, and so
that a feed that falls behind still answers with its old slots, whose age is then reported."""


@dataclass(slots=True)
class Past:
    """What earlier runs have believed.

    Parameters
    ----------
    fuels
        What the source used to report.
    mixes
        The mixes of the last 26 hours, oldest first.
    """

    fuels: FuelMemory
    mixes: tuple[Mix, ...] = ()

    def learn(self, stored: Sequence[Reading]) -> None:
        """Remember the mixes of stored readings, oldest first, and what they carry on."""
        learn_stored(self.fuels, stored)
        self.remember([mix for mix in map(mix_of, stored) if mix is not None])

    def remember(self, mixes: Sequence[Mix]) -> None:
        """Remember mixes that are believed, oldest first; they replace those of their time."""
        if not mixes:
            return
        self.fuels.learn(mixes)
        newest_to = mixes[-1].valid_to
        self.mixes = tuple(
            mix
            for mix in (*self.before(mixes[0].valid_from), *mixes)
            if newest_to - mix.valid_to <= WINDOW
        )

    def before(self, start: datetime) -> list[Mix]:
        """Return the mixes that begin before ``start`` (UTC)."""
        return [mix for mix in self.mixes if mix.valid_from < start]


def _past() -> Past:
    return Past(FuelMemory(rules_of_provider(NAME), rules()))


@dataclass(frozen=True, slots=True)
class Elexon:
    """The provider, which makes one request for the whole of Great Britain.

    Parameters
    ----------
    http
        Asks Elexon.
    wanted
        The zones, each with the source that all of them share. The readings are stored for the
        grid as a whole (`stored_under`).
    simulated
        Whether a simulator stands for Elexon.
    stored
        What is stored of the slots, remembered between runs.
    past
        What earlier runs have believed, remembered between runs too.
    """

    http: HttpClient
    wanted: tuple[tuple[Zone, Source], ...] = field(default_factory=lambda: zones_of(NAME))
    simulated: bool = False
    stored: StoredSlots = field(default_factory=lambda: StoredSlots(NAME, WINDOW))
    past: Past = field(default_factory=_past)

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make the provider from its settings.

        Raises
        ------
        SettingsError
            When a setting is missing.
        """
        return cls(
            http=HttpClient(provider=NAME, base_url=required("ELEXON_BASE_URL", config.environ)),
            simulated=config.simulated,
            stored=StoredSlots.from_config(NAME, WINDOW, config),
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield one batch: the slots that can be believed and are not stored yet."""
        if not self.wanted:
            return
        zone, source = stored_under(self.wanted)
        with self.http:
            try:
                yield self._batch(zone, source, now)
            except GreenStreamError as error:
                yield Batch(errors=(error,))

    def _batch(self, zone: Zone, source: Source, now: datetime) -> Batch:
        """Return the batch of what has been published since the newest stored slot.

        While nothing is stored, the whole window is asked for, and the newest slot that can be
        believed is stored.
        """
        stored = self.stored.of(zone.zone, source.kinds, now, self.past.learn)
        answer = self._ask(self._since(stored, now), zone.zone)
        slots, unreadable = slots_of(answer, zone.zone, now)
        if not slots:
            return Batch(errors=tuple(unreadable))
        judged = judge(
            [slot.mix for slot in slots],
            rules_of_provider(NAME),
            rules(),
            before=self.past.before(slots[0].mix.valid_from),
            memory=self.past.fuels,
        )
        pairs = list(zip(slots, (refusal for _, refusal in judged), strict=True))
        believed = [slot for slot, refusal in pairs if refusal is None]
        self.past.remember([slot.mix for slot in believed])
        after = stored.newest
        refused = [
            (slot.mix.valid_from, invalid(refusal.message, refusal.reason, zone.zone))
            for slot, refusal in pairs
            if refusal is not None and (after is None or not believed or slot.mix.valid_to > after)
        ]
        grid = Grid(zone=zone, source=source, fetched_at=now, simulated=self.simulated)
        batch = self._of(believed, grid, stored, now)
        return replace(batch, errors=(*unreadable, *holes(refused), *batch.errors))

    def _of(self, believed: Sequence[Slot], grid: Grid, stored: ZoneSlots, now: datetime) -> Batch:
        """Return the batch of slots that are believed: of the newest, and of those not stored."""
        chosen = [
            slot
            for slot in believed
            if slot is believed[-1]
            or stored.asks_for(slot.mix.valid_to, now, slot.mix.generation_mw)
        ]
        batch = batch_of(self._outcomes(chosen, grid))
        return replace(
            batch,
            readings=tuple(
                reading
                for reading in batch.readings
                if reading.valid_to == believed[-1].mix.valid_to or stored.lacks(reading)
            ),
            acknowledge=partial(
                stored.remember,
                {slot.mix.valid_to: slot.mix.generation_mw for slot in chosen},
                batch.readings,
                now,
            ),
            window=lambda: (
                outcome
                for outcome in self._outcomes(believed, grid)
                if isinstance(outcome, Reading)
            ),
        )

    def _outcomes(self, slots: Iterable[Slot], grid: Grid) -> Iterator[Outcome]:
        for slot in slots:
            for outcome in grid.readings_of(slot):
                if isinstance(outcome, InvalidError):
                    yield outcome
                else:
                    yield carrying(self.past.fuels, outcome)

    def _since(self, stored: ZoneSlots, now: datetime) -> datetime:
        if stored.newest is None:
            return now - WINDOW
        return max(now - WINDOW, stored.newest - REVISABLE)

    def _ask(self, since: datetime, zone: str) -> object:
        response = self.http.get(
            PATH, params={"publishDateTimeFrom": f"{since:%Y-%m-%dT%H:%M:%SZ}"}, zone=zone
        )
        if response.status != 200:  # noqa: PLR2004
            raise PermanentError(
                f"HTTP {response.status} from {PATH}: {response.refusal()[:200]}",
                provider=NAME,
                zone=zone,
            )
        return response.json(provider=NAME, zone=zone)
