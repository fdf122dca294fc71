"""Reads the fuel mix of US grids through the gridstatus library, and computes g/kWh from it.

The library lacks some things. This module gives it a deadline, `faults` one error tree, `believed`
rules for which rows of a growing file can be believed, and `feed` a logger that writes no key.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from itertools import chain
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Final, NamedTuple, Self

import pandas as pd

from functions.gridstatus.believed import PAST, Past, believed
from functions.gridstatus.faults import NAME, ours
from functions.gridstatus.feed import NEEDS_KEY, FuelMixFeed, LibraryFeed, without_limit
from functions.gridstatus.mix import readings_of
from functions.gridstatus.readers import days_of
from functions.gridstatus.rows import check_day, of_day, rows
from greenstream.domain.errors import GreenStreamError, NoDataError, TransientError
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone, one_for_each_feed, zones_of
from greenstream.ingest.last_reports import carrying
from greenstream.ingest.redaction import redacted
from greenstream.ingest.stored_slots import StoredSlots
from greenstream.ingest.week_means import WeekMeans
from greenstream.ports.provider import Batch, ProviderConfig, batch_of
from greenstream.ports.settings import SettingsError

DEADLINE_S: Final = 20.0
"""The deadline of a run, in which all grids are asked at the same time."""

STORE_MARGIN_S: Final = 10.0
"""Seconds of an invocation that are kept for storing the readings."""

ON_REQUEST: Final = frozenset({"SPP"})
"""Grids that are read only where they are named, since their terms want leave for some uses."""


class _Answer(NamedTuple):
    """The batch that a zone's thread has made."""

    zone: str
    batch: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Gridstatus:
    """The provider, which asks every grid in a thread of its own, within one deadline.

    A thread cannot be stopped from outside. A thread that is not ready at the deadline is a daemon:
    it is frozen with the sandbox and goes on in the sandbox's next run, in which its socket has
    mostly timed out. Until it ends, its zone is not asked again, so that threads do not pile up.

    Parameters
    ----------
    feed
        Reads the fuel mixes.
    wanted
        The zones, each with the grid that is its source.
    pjm_api_key
        Returns the key of PJM's API, or ``None`` when there is none.
    unnamed
        The zones whose grids the setting does not name. They are reported as unconfigured.
    simulated
        Whether a simulator stands for the grids.
    deadline_s
        The deadline of a run, in seconds.
    busy
        The thread of each zone that has not answered yet, by the zone's name. It is remembered
        between runs.
    stored
        What is stored of each zone's rows. It is remembered between runs. Rows that are missing in
        the store or have changed are yielded too, oldest first, so that a time in which the
        upstream or the store failed leaves no gap in the history.
    past
        What earlier runs have believed, by the zone's name. It is remembered between runs, since
        the file of a new day does not show the day before.
    week
        The means of the last week, by which storage counts. They are remembered between runs.
    """

    feed: FuelMixFeed
    wanted: tuple[tuple[Zone, Source], ...]
    pjm_api_key: Callable[[], str | None]
    unnamed: tuple[str, ...] = ()
    simulated: bool = False
    deadline_s: float = DEADLINE_S
    busy: dict[str, Thread] = field(default_factory=dict)
    stored: StoredSlots = field(default_factory=lambda: StoredSlots(NAME, PAST))
    past: dict[str, Past] = field(default_factory=dict)
    week: WeekMeans = field(default_factory=lambda: WeekMeans(provider=NAME))

    @classmethod
    def from_config(cls, config: ProviderConfig) -> Self:
        """Make the provider from its settings and secrets, on the gridstatus library.

        Raises
        ------
        SettingsError
            When a grid is named that is not the source of any zone.
        """
        asked_for = wanted(config.environ.get("GRIDSTATUS_ZONES", ""))
        return cls(
            feed=LibraryFeed(clock=config.clock),
            wanted=asked_for,
            unnamed=tuple(
                pair[0].zone for pair in one_for_each_feed(zones_of(NAME)) if pair not in asked_for
            ),
            pjm_api_key=lambda: config.secret("PJM_API_KEY"),
            simulated=config.simulated,
            stored=StoredSlots.from_config(NAME, PAST, config),
            week=WeekMeans.from_config(NAME, config),
        )

    @property
    def name(self) -> str:
        """The provider's name in the zone table."""
        return NAME

    def within(self, left_ms: int) -> Self:
        """Return the same provider, its threads included, for an invocation that ends in time.

        Parameters
        ----------
        left_ms
            The milliseconds that are left of the invocation.
        """
        left_s = left_ms / 1000 - STORE_MARGIN_S
        return replace(self, deadline_s=max(0.0, min(DEADLINE_S, left_s)))

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield each zone's batch as soon as it is ready, and an error for each that is late."""
        ends_at = time.monotonic() + self.deadline_s
        answers: SimpleQueue[_Answer] = SimpleQueue()
        pending = self._start(now, answers)
        while pending:
            try:
                answer = answers.get(timeout=max(0.0, ends_at - time.monotonic()))
            except Empty:
                break
            pending.remove(answer.zone)
            yield answer.batch
        for name in sorted(pending):
            yield _late(f"there was no answer within {self.deadline_s:.0f} s", name)
        if self.unnamed:
            yield Batch(unconfigured=self.unnamed)

    def _start(self, now: datetime, answers: SimpleQueue[_Answer]) -> set[str]:
        """Start a thread for each zone whose last one has ended; return the names of all zones."""
        pending: set[str] = set()
        started = Event()
        try:
            with without_limit():
                for zone, source in one_for_each_feed(self.wanted):
                    pending.add(zone.zone)
                    earlier = self.busy.get(zone.zone)
                    if earlier is not None and earlier.is_alive():
                        late = _late("the request of an earlier run still hangs", zone.zone)
                        answers.put(_Answer(zone.zone, late))
                        continue
                    work = (started, zone, source, now, answers)
                    worker = Thread(target=self._work, args=work, daemon=True)
                    self.busy[zone.zone] = worker
                    worker.start()
        finally:
            started.set()  # a thread reads its answer only after the limit of memory is back
        return pending

    def _work(
        self,
        started: Event,
        zone: Zone,
        source: Source,
        now: datetime,
        answers: SimpleQueue[_Answer],
    ) -> None:
        started.wait()
        answer = self._answer(zone, source, now)
        # The zone is free before its answer is given, since the next run may follow at once.
        self.busy.pop(zone.zone, None)
        answers.put(answer)

    def _answer(self, zone: Zone, source: Source, now: datetime) -> _Answer:
        api_key: str | None = None
        errors: list[GreenStreamError] = []
        batch = Batch()
        try:
            if source.provider_zone in NEEDS_KEY:
                api_key = self.pjm_api_key()
                if api_key is None:
                    return _Answer(zone.zone, Batch(unconfigured=(zone.zone,)))
            frames = []
            for day in days_asked(now, zone, source):
                try:
                    frame = self.feed(source.provider_zone, day, api_key)
                    check_day(source.provider_zone, frame, now)
                    frames.append(of_day(frame, day, now - timedelta(seconds=source.max_age_s)))
                except Exception as error:  # noqa: BLE001 - the library raises anything
                    errors.append(ours(error, zone.zone, api_key))
            if frames:
                batch = self._read(frames, zone, source, now)
                errors += batch.errors
        except Exception as error:  # noqa: BLE001 - a table may hold anything
            errors.append(ours(error, zone.zone, api_key))
        if batch.readings:  # around midnight one of the two days is rightly empty
            errors = [error for error in errors if not isinstance(error, NoDataError)]
        # A table may repeat the key, and errors and details name its fuels.
        secrets = [api_key] if api_key else []
        [batch] = redacted(iter([replace(batch, errors=tuple(errors))]), secrets)
        return _Answer(zone.zone, batch)

    def _read(
        self, frames: Sequence[pd.DataFrame], zone: Zone, source: Source, now: datetime
    ) -> Batch:
        """Return the readings of a zone's tables, with the refused rows to report as errors."""
        readings_in = partial(
            readings_of,
            zone=zone,
            source=source,
            fetched_at=now,
            week=self.week,
            simulated=self.simulated,
        )
        past = self.past.setdefault(zone.zone, Past(zone, source))
        stored = self.stored.of(zone.zone, source.kinds, now, past.learn)
        idle = rules_of_source(NAME, zone.zone).idle_when_absent
        all_rows = rows(frames, timedelta(seconds=source.cadence_s), idle)
        judged = believed(all_rows, zone, source, now, past)
        past.remember(judged.mixes)
        chosen = [
            row
            for row in judged.rows
            if row is judged.rows[-1] or stored.asks_for(row.valid_to, now, row.fuel_mw)
        ]
        batch = batch_of(
            [
                *judged.errors(stored.newest),
                *chain.from_iterable(map(readings_in, chosen)),
            ]
        )
        if not batch.readings:
            return batch
        mixes_mw = {row.valid_to: row.fuel_mw for row in chosen}
        return replace(
            batch,
            readings=tuple(
                carrying(past.memory, reading)
                for reading in batch.readings
                if reading.valid_to == judged.rows[-1].valid_to or stored.lacks(reading)
            ),
            acknowledge=partial(stored.remember, mixes_mw, batch.readings, now),
            window=lambda: (
                outcome
                for outcome in chain.from_iterable(map(readings_in, judged.rows))
                if isinstance(outcome, Reading)
            ),
        )


def days_asked(now: datetime, zone: Zone, source: Source) -> list[date]:
    """Return the days that have to be read for a live row and the two rows before it.

    A half-written row is compared with the rows before it. Just after midnight the file of the new
    day is missing (NYISO, PJM) or too short, and PJM is hours late.
    """
    oldest = now - timedelta(seconds=source.max_age_s + 2 * source.cadence_s)
    return days_of(source.provider_zone, (oldest, now), zone.time_zone)


def _late(what: str, zone: str) -> Batch:
    return Batch(errors=(TransientError(what, provider=NAME, zone=zone),))


def wanted(markets: str) -> tuple[tuple[Zone, Source], ...]:
    """Return the zones of the named grids, each with its source.

    Parameters
    ----------
    markets
        The library's class names of the grids, separated by commas. Where it is empty, all grids
        are meant but those that are read on request only (`ON_REQUEST`).

    Raises
    ------
    SettingsError
        When a name is not the source of any zone.
    """
    served = {
        source.provider_zone: (zone, source) for zone, source in one_for_each_feed(zones_of(NAME))
    }
    names = [name.strip() for name in markets.split(",") if name.strip()]
    if unknown := [name for name in names if name not in served]:
        raise SettingsError(f"GRIDSTATUS_ZONES names {unknown}, but the grids are {sorted(served)}")
    return tuple(
        served[name]
        for name in dict.fromkeys(names or [name for name in served if name not in ON_REQUEST])
    )
