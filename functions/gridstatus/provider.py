"""US grids through the gridstatus library: fuel mix in MW, made into g/kWh by our factor tables.

The library is given what it lacks: a deadline here, one error tree (`faults`), a rule for which
row of a file that is still being written can be believed (`rows`), and silence (`feed`).
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
from zoneinfo import ZoneInfo

import pandas as pd

from functions.gridstatus.faults import NAME, ours
from functions.gridstatus.feed import NEEDS_KEY, FuelMixFeed, without_limit
from functions.gridstatus.mix import readings_of
from functions.gridstatus.rows import Stored, missed, newest, of_day, rows
from greenstream.domain.errors import GreenStreamError, InvalidError, NoDataError, TransientError
from greenstream.domain.reading import Reading
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ports.provider import Batch

DEADLINE_S: Final = 20.0
"""Wall-clock limit of all grids together, asked at the same time."""

STORE_MARGIN_S: Final = 10.0
"""What a run keeps of its time for storing what came."""


class _Answer(NamedTuple):
    """What a zone's thread brings."""

    zone: str
    batch: Batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Gridstatus:
    """The provider: every grid in a thread of its own, against one deadline.

    A thread cannot be stopped from outside. One that outlives the deadline is a daemon: it is
    frozen with the sandbox and thawed by its next run, where its socket has mostly timed out.
    Until it ends its zone is not asked again, so that threads never pile up.

    Parameters
    ----------
    busy
        The thread of each zone that has not answered yet; outlives the run.
    stored
        To where each zone's rows are stored; outlives the run. The complete rows since then come
        too, oldest first, so that a time without upstream or store leaves no hole.
    """

    feed: FuelMixFeed
    wanted: tuple[tuple[Zone, Source], ...]
    pjm_api_key: Callable[[], str | None]
    simulated: bool = False
    deadline_s: float = DEADLINE_S
    busy: dict[str, Thread] = field(default_factory=dict)
    stored: dict[str, Stored] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name in the zone table."""
        return NAME

    def within(self, left_ms: int) -> Self:
        """Return the same provider, its threads included, for what is left of an invocation."""
        left_s = left_ms / 1000 - STORE_MARGIN_S
        return replace(self, deadline_s=max(0.0, min(DEADLINE_S, left_s)))

    def fetch(self, now: datetime) -> Iterator[Batch]:
        """Yield each zone as it comes; those that are not there at the deadline as errors."""
        until = time.monotonic() + self.deadline_s
        answers: SimpleQueue[_Answer] = SimpleQueue()
        pending = self._start(now, answers)
        while pending:
            try:
                answer = answers.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
            pending.remove(answer.zone)
            yield answer.batch
        for name in sorted(pending):
            yield _late(f"no answer within {self.deadline_s:.0f} s", name)

    def _start(self, now: datetime, answers: SimpleQueue[_Answer]) -> set[str]:
        """Start a thread for each zone, but for those that still hang; return the zones' names."""
        pending: set[str] = set()
        started = Event()
        try:
            with without_limit():
                for zone, source in self.wanted:
                    pending.add(zone.zone)
                    earlier = self.busy.get(zone.zone)
                    if earlier is not None and earlier.is_alive():
                        late = _late("an earlier run's request still hangs", zone.zone)
                        answers.put(_Answer(zone.zone, late))
                        continue
                    work = (started, zone, source, now, answers)
                    worker = Thread(target=self._work, args=work, daemon=True)
                    self.busy[zone.zone] = worker
                    worker.start()
        finally:
            started.set()  # no thread reads an answer before the limit of memory holds again
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
        self.busy.pop(zone.zone, None)  # before the next run, which may follow the answer at once
        answers.put(answer)

    def _answer(self, zone: Zone, source: Source, now: datetime) -> _Answer:
        api_key: str | None = None
        errors: list[GreenStreamError] = []
        readings: list[Reading] = []
        stored: Stored | None = None
        try:
            if source.provider_zone in NEEDS_KEY:
                api_key = self.pjm_api_key()
                if api_key is None:
                    return _Answer(zone.zone, Batch(unconfigured=(zone.zone,)))
            frames = []
            for day in days_asked(now, zone, source):
                try:
                    frame = self.feed(source.provider_zone, day, api_key)
                    frames.append(of_day(frame, day, now - timedelta(seconds=source.max_age_s)))
                except Exception as error:  # noqa: BLE001 - the library raises anything
                    errors.append(ours(error, zone.zone, api_key))
            if frames:
                readings, refused, stored = self._read(frames, zone, source, now)
                errors += refused
        except Exception as error:  # noqa: BLE001 - a table may hold anything
            errors.append(ours(error, zone.zone, api_key))
        if readings:  # around midnight one of two days is rightly empty
            errors = [error for error in errors if not isinstance(error, NoDataError)]
        batch = Batch(
            readings=tuple(readings),
            errors=tuple(errors),
            acknowledge=partial(self._move_on, zone.zone, stored),
        )
        return _Answer(zone.zone, batch)

    def _move_on(self, zone: str, stored: Stored | None) -> None:
        """Move a zone's progress marker to the end of what has been stored of it."""
        if stored is not None:
            self.stored[zone] = stored

    def _read(
        self, frames: Sequence[pd.DataFrame], zone: Zone, source: Source, now: datetime
    ) -> tuple[list[Reading], list[InvalidError], Stored | None]:
        """Return readings, refusals to tell, and to where rows are stored once these are."""
        found = rows(frames, timedelta(seconds=source.cadence_s))
        row = newest(found, now, timedelta(seconds=source.max_age_s), zone.zone)
        stored = self.stored.get(zone.zone)
        *earlier, last = (
            list(readings_of(each, zone, source, fetched_at=now, simulated=self.simulated))
            for each in (*missed(found, row, stored), row)
        )
        outcomes = [*chain.from_iterable(earlier), *last]
        readings = [one for one in outcomes if isinstance(one, Reading)]
        # Rows stay missed until a later one is stored: told each time they would pile up.
        told = outcomes if any(isinstance(one, Reading) for one in last) else last
        refused = [one for one in told if isinstance(one, InvalidError)]
        if not readings:
            return [], refused, None
        complete = {each.valid_to for each in found if each.complete}
        ends = [one.valid_to for one in readings if one.valid_to in complete]
        before = stored.complete_to if stored else row.valid_from
        return readings, refused, Stored(ends[-1] if ends else before, readings[-1].valid_to)


def days_asked(now: datetime, zone: Zone, source: Source) -> list[date]:
    """Return the market's local days, oldest first, in which a live row can lie.

    With two rows more, for a half-written one to be compared with: after midnight a day's file
    is missing (NYISO, PJM) or too short, and PJM is hours late.
    """
    oldest = now - timedelta(seconds=source.max_age_s + 2 * source.cadence_s)
    local = ZoneInfo(zone.time_zone)
    return sorted({moment.astimezone(local).date() for moment in (oldest, now)})


def _late(what: str, zone: str) -> Batch:
    return Batch(errors=(TransientError(what, provider=NAME, zone=zone),))


def wanted(markets: str) -> tuple[tuple[Zone, Source], ...]:
    """Return the zones of the named grids (the library's class names, comma-separated), or all.

    Raises
    ------
    ValueError
        For a grid that no zone has a source for.
    """
    served = {source.provider_zone: (zone, source) for zone, source in zones_of(NAME)}
    names = [name.strip() for name in markets.split(",") if name.strip()]
    if unknown := [name for name in names if name not in served]:
        raise ValueError(f"GRIDSTATUS_ZONES names {unknown}; there are {sorted(served)}")
    return tuple(served[name] for name in dict.fromkeys(names or served))
