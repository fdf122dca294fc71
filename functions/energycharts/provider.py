"""Energy-Charts (Fraunhofer ISE): the generation mix of European countries, without a key.

Energy-Charts shows what ENTSO-E's platform publishes, one to two hours later. It is the way to that
data without a token and no independent second source: where ENTSO-E's own figure is live, no
country is asked. Its mixes are of whole countries. Where a country has several bidding zones, its
figure stands for each of them within the bounds that any part of the mix has. The data are CC BY
4.0; see https://api.energy-charts.info.

No answer of ``public_power`` with figures was recorded: the format is that of the API's own OpenAPI
document and of public code.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Self

from functions.energycharts.answers import NAME, slots_of
from functions.energycharts.feeds import Feed, feeds_of
from functions.energycharts.grid import COMMON_TABLE, CountryGrid, least_part_mw, rules_of
from greenstream.domain.errors import (
    GreenStreamError,
    NoDataError,
    PermanentError,
    ThrottledError,
)
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixPast
from greenstream.ingest.stored_slots import StoredSlots
from greenstream.ingest.week_means import WeekMeans
from greenstream.ports.provider import Batch, ProviderConfig
from greenstream.ports.settings import required

PATH: Final = "/public_power"
WINDOW: Final = timedelta(hours=36)
"""How far back a country is asked for while less than a day of its past is known, and how far back
its slots are remembered: a whole night and day."""

DAY: Final = timedelta(days=1)
"""How much of its past a country's slots are judged by."""

LATER: Final = timedelta(hours=4)
"""How far back a country is asked for after that at least."""

REVISABLE: Final = timedelta(hours=2)
"""How far before the newest stored slot a country is asked for at least. So a country that falls
behind still answers with its old slots, whose age is then reported."""

PAUSE_S: Final = 0.5
"""The least time between the beginnings of two requests: the API allows two in a second."""

SILENCE: Final = timedelta(minutes=10)
"""How long no request is made after the API has answered 429."""

RUN_S: Final = 60.0
"""No request begins later than this into a run. The next run goes on where this one has stopped."""

ANSWER_S: Final = 12.0
"""The deadline of one request."""

OK: Final = 200
NOT_FOUND: Final = 404


@dataclass(slots=True)
class Memory:
    """What a warm sandbox remembers between runs.

    Parameters
    ----------
    next_country
        Progress marker: the country to begin with.
    silent_until
        When the API may be asked again, after it has throttled us.
    past
        What was believed of each country, by its code.
    """

    next_country: str | None = None
    silent_until: datetime | None = None
    past: dict[str, MixPast] = field(default_factory=dict)


def _nothing() -> Sequence[Reading]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyCharts:
    """The provider, which makes one request for each country that needs a figure.

    Parameters
    ----------
    http
        Asks Energy-Charts. Its clock and its sleep pace the requests.
    wanted
        The zones, each with the country that is its source.
    newest
        Returns the newest stored readings of all providers. They tell which zones have a live
        figure of ENTSO-E.
    simulated
        Whether a simulator stands for Energy-Charts.
    memory
        What is remembered between runs.
    stored
        What is stored of each country's slots, remembered between runs too.
    week
        The means of the last week, by which storage counts, remembered between runs too.
    """

    http: HttpClient
    wanted: tuple[tuple[Zone, Source], ...] = field(default_factory=lambda: zones_of(NAME))
    newest: Callable[[], Sequence[Reading]] = _nothing
    simulated: bool = False
    memory: Memory = field(default_factory=Memory)
    stored: StoredSlots = field(default_factory=lambda: StoredSlots(NAME, WINDOW))
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
            # There is no second attempt: the limit of requests holds for attempts, and the next run
            # is near.
            http=HttpClient(
                provider=NAME,
                base_url=required("ENERGYCHARTS_BASE_URL", config.environ),
                deadline_s=ANSWER_S,
                attempts=1,
            ),
            newest=config.newest,
            simulated=config.simulated,
            stored=StoredSlots.from_config(NAME, WINDOW, config),
            week=WeekMeans.from_config(NAME, config),
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return NAME

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield a batch for each country that needs a figure. One that fails stops no other.

        Raises
        ------
        ThrottledError
            When the API throttles us. No request is made in the following ten minutes.
        PermanentError
            When the API has no such path, or refuses every request.
        """
        if self.memory.silent_until is not None and now < self.memory.silent_until:
            raise ThrottledError(
                "Energy-Charts has throttled us, and is not asked before "
                f"{self.memory.silent_until:%H:%M:%SZ}",
                provider=NAME,
            )
        readings = self.newest()
        feeds = feeds_of(self.wanted)
        due = [feed for feed in feeds if feed.is_due(readings, now)]
        yield _skipped([feed for feed in feeds if feed not in due])
        ends_at = self.http.monotonic() + RUN_S
        with self.http:
            for nth, feed in enumerate(self._in_turn(due)):
                begun_at = self.http.monotonic()
                if begun_at >= ends_at:
                    return
                yield self._one(feed, now)
                if nth + 1 < len(due):
                    self.http.sleep(max(0.0, begun_at + PAUSE_S - self.http.monotonic()))

    def _in_turn(self, due: Sequence[Feed]) -> list[Feed]:
        """Return the countries that are due, beginning with the first one from the marker on."""
        every = [feed.country for feed in feeds_of(self.wanted)]
        marker = self.memory.next_country
        start = every.index(marker) if marker in every else 0
        return sorted(due, key=lambda feed: (every.index(feed.country) - start) % len(every))

    def _one(self, feed: Feed, now: datetime) -> Batch:
        move_on = partial(self._move_on, feed.country)
        try:
            batch = self._batch(feed, now)
        except ThrottledError:
            self.memory.silent_until = now + SILENCE
            raise
        except GreenStreamError as error:
            if isinstance(error, PermanentError) and error.zone is None:
                raise
            return Batch(errors=(error,), acknowledge=move_on)
        return _acknowledging(batch, move_on)

    def _move_on(self, country: str) -> None:
        """Move the progress marker past a country whose batch has been stored."""
        countries = [feed.country for feed in feeds_of(self.wanted)]
        self.memory.next_country = countries[(countries.index(country) + 1) % len(countries)]

    def _batch(self, feed: Feed, now: datetime) -> Batch:
        zone, source, rules = feed.zone, feed.source, rules_of(feed.zones)
        past = self.memory.past.get(feed.country)
        if past is None:
            past = self.memory.past[feed.country] = MixPast(NAME, rules, WINDOW)
        stored = self.stored.of(zone.zone, source.kinds, now, past.learn)
        answer = self._ask(feed, _since(stored.newest, past, now), now)
        slots = slots_of(answer, zone.zone, now, timedelta(seconds=source.cadence_s))
        before = past.before(slots[0].mix.valid_from)
        grid = CountryGrid(
            provider=NAME,
            zone=zone,
            source=source,
            rules=rules,
            table=COMMON_TABLE,
            fetched_at=now,
            simulated=self.simulated,
            week=self.week,
            not_metered="what is not known to be in the mix: of a part of the zone, or by its name",
            least_part_mw=least_part_mw(feed.zones),
            window=(*before, *(slot.mix for slot in slots if slot.mix.refusal is None)),
        )
        return grid.batch(slots, (), stored, past)

    def _ask(self, feed: Feed, since: datetime, until: datetime) -> object:
        zone = feed.zone.zone
        params = {
            "country": feed.country,
            "start": f"{since:%Y-%m-%dT%H:%MZ}",
            "end": f"{until:%Y-%m-%dT%H:%MZ}",
        }
        response = self.http.get(PATH, params=params, zone=zone)
        if response.status == OK:
            return response.json(provider=NAME, zone=zone)
        said = f"HTTP {response.status} from {PATH}: {response.refusal()[:200]}"
        if response.status == NOT_FOUND:
            raise NoDataError(said, provider=NAME, zone=zone)
        raise PermanentError(said, provider=NAME, zone=zone)


def _since(newest: datetime | None, past: MixPast, now: datetime) -> datetime:
    """Return from when on a country is asked for, by the end of its newest stored slot."""
    known = past.mixes
    if newest is None or not known or known[-1].valid_to - known[0].valid_from < DAY:
        return now - WINDOW
    return max(now - WINDOW, min(now - LATER, newest - REVISABLE))


def _skipped(feeds: Sequence[Feed]) -> Batch:
    return Batch(skipped=tuple(name for feed in feeds for name in feed.names))


def _acknowledging(batch: Batch, move_on: Callable[[], None]) -> Batch:
    """Return a batch whose acknowledgement also moves the progress marker."""

    def acknowledge() -> None:
        batch.acknowledge()
        move_on()

    return Batch(
        readings=batch.readings,
        errors=batch.errors,
        acknowledge=acknowledge,
        window=batch.window,
    )
