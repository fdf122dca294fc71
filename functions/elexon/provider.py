"""Great Britain: Elexon's FUELINST, what the transmission system generates and imports.

The average intensity is computed from the mix of each five minutes. Imports count by the yearly
mean of the grid that they come from, within bounds. Elexon does not meter the wind and solar power
that are embedded in the distribution grids; NESO estimates them, so that its figure comes first
(see `functions.eso`) and this one second. No key is needed. See https://bmrs.elexon.co.uk.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Self

from functions.elexon.rows import NAME, rules, slots_of
from greenstream.domain.errors import GreenStreamError, PermanentError
from greenstream.domain.zones import Source, Zone, stored_under, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixGrid, MixPast
from greenstream.ingest.stored_slots import StoredSlots, ZoneSlots
from greenstream.ingest.week_means import WeekMeans
from greenstream.ports.provider import Batch, ProviderConfig
from greenstream.ports.settings import required

TABLE: Final = "ELEXON"
NOT_METERED: Final = "wind and sun that are embedded in the distribution grids"
PATH: Final = "/bmrs/api/v1/datasets/FUELINST/stream"
WINDOW: Final = timedelta(hours=26)
"""How far back slots are asked for and remembered. A slot is compared with the same time of the day
before and with the least of a day."""

REVISABLE: Final = timedelta(hours=3)
"""How far before the newest stored slot is asked again: for slots that have changed since, and so
that a feed that falls behind still answers with its old slots, whose age is then reported."""


def grid_of(
    zone: Zone, source: Source, fetched_at: datetime, week: WeekMeans, *, simulated: bool
) -> MixGrid:
    """Return the grid of Great Britain, which makes readings of slots that are believed."""
    return MixGrid(
        provider=NAME,
        zone=zone,
        source=source,
        rules=rules(),
        table=TABLE,
        fetched_at=fetched_at,
        simulated=simulated,
        week=week,
        not_metered=NOT_METERED,
    )


def _past() -> MixPast:
    return MixPast(NAME, rules(), WINDOW)


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
    week
        The means of the last week, by which storage counts, remembered between runs too.
    """

    http: HttpClient
    wanted: tuple[tuple[Zone, Source], ...] = field(default_factory=lambda: zones_of(NAME))
    simulated: bool = False
    stored: StoredSlots = field(default_factory=lambda: StoredSlots(NAME, WINDOW))
    past: MixPast = field(default_factory=_past)
    week: WeekMeans = field(default_factory=lambda: WeekMeans(provider=NAME))

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
            week=WeekMeans.from_config(NAME, config),
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
        grid = grid_of(zone, source, now, self.week, simulated=self.simulated)
        return grid.batch(slots, unreadable, stored, self.past)

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
