"""US grids through the gridstatus library: fuel mix in MW, made into g/kWh by our factor tables.

The library is given what it lacks: a deadline, a silent logger (its own prints the PJM key), one
error tree, and a rule for which row of a file that is still being written can be believed.
NYISO stamps the end of a five-minute period, CAISO the start, PJM gives both ends of an hour.
"""

import http.client
import logging
import os
import resource
import socket
import time
import traceback
import urllib.error
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple, Protocol, Self
from zoneinfo import ZoneInfo

import gridstatus
import pandas as pd
import requests
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from gridstatus.base import NoDataFoundException, NotSupported, RetiredDataException
from gridstatus.pjm import DataMinerSnapshotMismatch

from greenstream.clock import utc_now
from greenstream.collect import Harvest, collect
from greenstream.dynamodb import DynamoStore, dynamodb_client
from greenstream.errors import (
    GreenStreamError,
    InvalidError,
    NoDataError,
    PermanentError,
    TransientError,
    without_secrets,
)
from greenstream.intensity import factor_tables, mix_intensity
from greenstream.reading import Basis, Quality, Reading
from greenstream.secrets import SsmSecrets
from greenstream.settings import Settings, SettingsError, secret
from greenstream.telemetry import PowertoolsTelemetry
from greenstream.zones import Source, Zone, zones_of

# At INFO the library's logger prints the PJM key with every request. It sets its own level and
# handler while it is imported, so it is switched off afterwards; what matters it raises.
logging.getLogger("gridstatus").disabled = True
warnings.filterwarnings("ignore", module=r"gridstatus\.|pandas\.")

NAME: Final = "gridstatus"
NEEDS_KEY: Final = frozenset({"PJM"})

DEADLINE_S: Final = 20.0
"""Wall-clock limit of all grids together, asked at the same time."""

STORE_MARGIN_S: Final = 10.0
"""What a run keeps of its time for storing what came."""

SOCKET_TIMEOUT_S: Final = 15.0
"""Limit of one socket operation where the library names none (NYISO); it ends hung threads."""

OLDEST_ROW: Final = timedelta(hours=23)
"""CAISO's reader files a table whose last stamp is ahead of the clock under yesterday: rows a
day old are never believed."""

COMPLETE_SHARE: Final = 0.01
"""Missing fuels that last made less than this share of the mix do not make a row incomplete."""

CUT_RATIO: Final = 0.2
"""A number cut short is at most a tenth of the whole; twice that, as the whole itself moves."""

CUT_STEP: Final = timedelta(minutes=5)
"""Only rows this close are compared for a cut number: over an hour, the sun may really set."""

MAX_FUEL_MW: Final = 250_000.0
"""Half as much again as the highest load of the largest grid here (PJM, about 166 GW in 2006)."""

REVERSIBLE: Final = frozenset({"Batteries", "Hydro", "Imports", "Large Hydro", "Storage"})
"""What may flow backwards: charging, pumping, export. The rest only draws station power."""

STATION_SHARE: Final = 0.02
"""Station power above this share of the mix is a wrong sign (CAISO's solar at night: 0.3 %)."""

NEVER_ABSENT: Final = {
    "NYISO": frozenset({"Dual Fuel", "Natural Gas"}),
    "CAISO": frozenset({"Imports", "Natural Gas"}),
    "PJM": frozenset({"Coal", "Gas"}),
}
"""Emitting sources that each grid reports whatever they make. A table without one would make the
grid look clean, and nothing in it tells how much is missing."""

TIME_COLUMNS: Final = ("Time", "Interval Start", "Interval End")


MEMORY_SHARE: Final = 0.5
"""Of the function's memory, for data: a good run needs an eighth, an answer of 50 MB a third."""


class FuelMixFeed(Protocol):
    """Where fuel mixes come from."""

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        """Return the market's local day: a time-zone aware stamp and MW by fuel in each row.

        Raises
        ------
        Exception
            Of any type: the library's failures have no common one.
        """
        ...


class LibraryFeed:
    """The `FuelMixFeed` port on the gridstatus library.

    Making one sets the process's default socket time-out: NYISO's file is read through urllib,
    to which the library names none.
    """

    def __init__(self) -> None:
        socket.setdefaulttimeout(SOCKET_TIMEOUT_S)

    def __call__(self, market: str, day: date, api_key: str | None) -> pd.DataFrame:
        """Ask the library for one local day."""
        library: Any = gridstatus
        client = (
            library.PJM(api_key=api_key, retries=1)
            if market in NEEDS_KEY
            else getattr(library, market)()
        )
        # A date, since "today" would be read off a clock of the library's own.
        mix: pd.DataFrame = client.get_fuel_mix(pd.Timestamp(day, tz=client.default_timezone))
        return mix


def keep_within(memory_mb: int) -> None:
    """Make a grid that needs more than its share of the function's memory fail by itself.

    The library reads an answer whole, however much it unpacks to. Without a limit of its own the
    process would be ended, and with it what the other grids brought.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (round(MEMORY_SHARE * memory_mb * 2**20), hard))


@dataclass(frozen=True, slots=True)
class Row:
    """One interval's generation, MW by fuel; a fuel that was not reported is not there.

    ``unreported_mw`` are fuels that were reported earlier and are missing here, at their last MW.
    """

    valid_from: datetime
    valid_to: datetime
    fuel_mw: Mapping[str, float]
    unreported_mw: Mapping[str, float] = field(default_factory=dict)

    @property
    def generation_mw(self) -> float:
        """What is reported and above zero."""
        return sum(mw for mw in self.fuel_mw.values() if mw > 0)

    @property
    def complete(self) -> bool:
        """Whether nothing that matters is missing."""
        return sum(self.unreported_mw.values()) <= COMPLETE_SHARE * self.generation_mw


def rows(frames: Iterable[pd.DataFrame], step: timedelta) -> list[Row]:
    """Read the library's tables: one row per stamp, oldest first, the first of two the same.

    A table without interval columns (NYISO) stamps the end of a period of length ``step``.

    Raises
    ------
    InvalidError
        ``malformed``: a stamp without a time zone; ``not_a_number``: true or false. Other
        exceptions for what else is no number.
    """
    found: dict[datetime, tuple[datetime, dict[str, float]]] = {}
    for frame in frames:
        fuels = [str(column) for column in frame.columns if column not in TIME_COLUMNS]
        mix = frame[[column for column in frame.columns if column not in TIME_COLUMNS]]
        lines = zip(*(mix[fuel].tolist() for fuel in mix), strict=True)
        blanks = mix.isna().to_numpy().tolist()
        for (valid_from, valid_to), line, blank in zip(
            _intervals(frame, step), lines, blanks, strict=True
        ):
            fuel_mw = {
                fuel: _mw(mw) for fuel, mw, gone in zip(fuels, line, blank, strict=True) if not gone
            }
            if fuel_mw:
                found.setdefault(valid_to, (valid_from, fuel_mw))
    ordered: list[Row] = []
    last_mw: dict[str, float] = {}
    for valid_to in sorted(found):
        valid_from, fuel_mw = found[valid_to]
        missing = {fuel: mw for fuel, mw in last_mw.items() if fuel not in fuel_mw and mw > 0}
        ordered.append(Row(valid_from, valid_to, fuel_mw, missing))
        last_mw |= fuel_mw
    return ordered


def _intervals(frame: pd.DataFrame, step: timedelta) -> Iterator[tuple[datetime, datetime]]:
    if "Interval End" in frame:
        for stamps in zip(frame["Interval Start"], frame["Interval End"], strict=True):
            valid_from, valid_to = map(_utc, stamps)
            yield valid_from, valid_to
    else:
        for stamp in frame["Time"]:
            valid_to = _utc(stamp)
            yield valid_to - step, valid_to


def newest(found: Sequence[Row], now: datetime, max_age: timedelta, zone: str) -> Row:
    """Return the row to believe.

    The newest complete one while it is live: an upstream writes its last stamp fuel by fuel, and
    the stamp before tells the truth. When no live row is complete a fuel has stopped being
    reported, and the newest row is nearer the truth than an old one: it is returned with the
    missing fuels, which then count as generation of unknown intensity and lower the coverage.

    Raises
    ------
    NoDataError
        With fewer than two rows of the last 23 hours: nothing tells a half-written one.
    """
    recent = [row for row in found if now - row.valid_to <= OLDEST_ROW]
    if len(recent) <= 1:
        raise NoDataError(f"{len(recent)} usable rows", provider=NAME, zone=zone)
    if _cut_short(recent[-1], recent[-2]):
        recent.pop()
    complete = [row for row in recent if row.complete]
    if complete and now - complete[-1].valid_to <= max_age:
        return complete[-1]
    return recent[-1]


def missed(found: Sequence[Row], newest_row: Row, after: datetime | None) -> list[Row]:
    """Return the complete rows that end after an instant, before the newest; none without it."""
    return [
        row
        for row in found
        if after is not None and after < row.valid_to < newest_row.valid_to and row.complete
    ]


def readings_of(
    row: Row, zone: Zone, source: Source, *, fetched_at: datetime, simulated: bool
) -> Iterator[Reading | InvalidError]:
    """Yield the row's reading on each basis of the source, or why there is none.

    ``implausible_mw``, ``negative`` and ``missing_fuel`` are of the row as a whole, and yielded
    once: a row that is refused takes no other with it.
    """
    for fuel, mw in row.fuel_mw.items():
        if abs(mw) > MAX_FUEL_MW:
            yield _invalid(f"{fuel} is {mw} MW", "implausible_mw", zone.zone)
            return
        if fuel not in REVERSIBLE and mw < -STATION_SHARE * row.generation_mw:
            yield _invalid(f"{fuel} is {mw} MW", "negative", zone.zone)
            return
    listed = factor_tables()[source.provider_zone, Basis.DIRECT].factors
    reported = row.fuel_mw.keys() | row.unreported_mw.keys()
    lost = NEVER_ABSENT.get(source.provider_zone, frozenset()) - reported
    if lost and reported <= listed.keys():  # else it may be there under a new name
        yield _invalid(f"no {', '.join(sorted(lost))} in the mix", "missing_fuel", zone.zone)
        return
    mix_mw = dict(row.fuel_mw)
    mix_mw.update({f"{fuel} (not reported)": mw for fuel, mw in row.unreported_mw.items()})
    for basis in source.bases:
        table = factor_tables()[source.provider_zone, Basis(basis)]
        try:
            intensity = mix_intensity(mix_mw, table, provider=NAME, zone=zone.zone)
            yield Reading(
                zone=zone.zone,
                provider=NAME,
                provider_zone=source.provider_zone,
                signal=source.signal,
                basis=basis,
                scope=source.scope,
                quality=Quality.MEASURED,
                gco2_kwh=intensity.gco2_kwh,
                gco2_low=intensity.gco2_low,
                gco2_high=intensity.gco2_high,
                valid_from=row.valid_from,
                valid_to=row.valid_to,
                fetched_at=fetched_at,
                coverage=intensity.coverage,
                simulated=simulated,
                detail={
                    "fuel_mw": dict(row.fuel_mw),
                    "factors": table.version,
                    "unlisted": list(intensity.unlisted),
                },
            )
        except InvalidError as error:
            yield error


class _Answer(NamedTuple):
    """What a zone's thread brings, and to where its rows are known in full once that is stored."""

    zone: str
    harvest: Harvest
    complete_to: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gridstatus:
    """The provider: every grid in a thread of its own, against one deadline.

    A thread cannot be stopped from outside. One that outlives the deadline is a daemon: it is
    frozen with the sandbox and thawed by its next run, where its socket has mostly timed out.
    Until it ends its zone is not asked again, so that threads never pile up.

    Parameters
    ----------
    busy
        The last thread of each zone; outlives the run.
    stored
        The end of each zone's newest complete row that is stored, or, while there is none, the
        start of the first in part; outlives the run. The complete rows since then come too, oldest
        first, so that a time without upstream or store leaves no hole, and what was stored in part
        comes again once the file completes it.
    """

    feed: FuelMixFeed
    wanted: tuple[tuple[Zone, Source], ...]
    pjm_api_key: Callable[[], str | None]
    simulated: bool = False
    deadline_s: float = DEADLINE_S
    busy: dict[str, Thread] = field(default_factory=dict)
    stored: dict[str, datetime] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name in the zone table."""
        return NAME

    def within(self, left_ms: int) -> Self:
        """Return the same provider, its threads included, for what is left of an invocation."""
        left_s = left_ms / 1000 - STORE_MARGIN_S
        return replace(self, deadline_s=max(0.0, min(DEADLINE_S, left_s)))

    def fetch(self, now: datetime) -> Iterator[Harvest]:
        """Yield each zone as it comes; those that are not there at the deadline as errors."""
        until = time.monotonic() + self.deadline_s
        answers: SimpleQueue[_Answer] = SimpleQueue()
        pending: set[str] = set()
        for zone, source in self.wanted:
            pending.add(zone.zone)
            earlier = self.busy.get(zone.zone)
            if earlier is not None and earlier.is_alive():
                late = _late("an earlier run's request still hangs", zone.zone)
                answers.put(_Answer(zone.zone, late))
                continue
            worker = Thread(target=self._work, args=(zone, source, now, answers), daemon=True)
            self.busy[zone.zone] = worker
            worker.start()
        while pending:
            try:
                answer = answers.get(timeout=max(0.0, until - time.monotonic()))
            except Empty:
                break
            pending.remove(answer.zone)
            yield answer.harvest
            if answer.complete_to is not None:  # stored by now: the pipeline asked for the next
                self.stored[answer.zone] = answer.complete_to
        for name in sorted(pending):
            yield _late(f"no answer within {self.deadline_s:.0f} s", name)

    def _work(
        self, zone: Zone, source: Source, now: datetime, answers: SimpleQueue[_Answer]
    ) -> None:
        answers.put(self._answer(zone, source, now))

    def _answer(self, zone: Zone, source: Source, now: datetime) -> _Answer:
        api_key: str | None = None
        errors: list[GreenStreamError] = []
        readings: list[Reading] = []
        complete_to: datetime | None = None
        try:
            if source.provider_zone in NEEDS_KEY:
                api_key = self.pjm_api_key()
                if api_key is None:
                    return _Answer(zone.zone, Harvest(unconfigured=(zone.zone,)))
            frames = []
            for day in days_asked(now, zone, source):
                try:
                    frame = self.feed(source.provider_zone, day, api_key)
                    frames.append(of_day(frame, day, now - timedelta(seconds=source.max_age_s)))
                except Exception as error:  # noqa: BLE001 - the library raises anything
                    errors.append(ours(error, zone.zone, api_key))
            if frames:
                found = rows(frames, timedelta(seconds=source.cadence_s))
                row = newest(found, now, timedelta(seconds=source.max_age_s), zone.zone)
                *earlier, last = (
                    list(readings_of(each, zone, source, fetched_at=now, simulated=self.simulated))
                    for each in (*missed(found, row, self.stored.get(zone.zone)), row)
                )
                outcomes = [*chain.from_iterable(earlier), *last]
                readings = [one for one in outcomes if isinstance(one, Reading)]
                if readings:
                    complete = {each.valid_to for each in found if each.complete}
                    complete_to = max(
                        (one.valid_to for one in readings if one.valid_to in complete),
                        default=self.stored.get(zone.zone, row.valid_from),
                    )
                # Rows stay missed until a later one is stored: told each time they would pile up.
                told = outcomes if any(isinstance(one, Reading) for one in last) else last
                errors += [one for one in told if not isinstance(one, Reading)]
        except Exception as error:  # noqa: BLE001 - a table may hold anything
            errors.append(ours(error, zone.zone, api_key))
        if readings:  # around midnight one of two days is rightly empty
            errors = [error for error in errors if not isinstance(error, NoDataError)]
        harvest = Harvest(readings=tuple(readings), errors=tuple(errors))
        return _Answer(zone.zone, harvest, complete_to)


def days_asked(now: datetime, zone: Zone, source: Source) -> list[date]:
    """Return the market's local days, oldest first, in which a live row can lie.

    With two rows more, for a half-written one to be compared with: after midnight a day's file
    is missing (NYISO, PJM) or too short, and PJM is hours late.
    """
    oldest = now - timedelta(seconds=source.max_age_s + 2 * source.cadence_s)
    local = ZoneInfo(zone.time_zone)
    return sorted({moment.astimezone(local).date() for moment in (oldest, now)})


def of_day(frame: pd.DataFrame, day: date, live_since: datetime) -> pd.DataFrame:
    """Leave out what lies on another day than was asked for, unless it is live.

    CAISO's rows name no day, and its reader files a table with a stamp ahead of the clock under
    the day before: right after midnight that is true, from a clock that is fast it is not.
    """
    if "Interval Start" not in frame:
        return frame
    live = frame["Interval End"] >= pd.Timestamp(live_since)
    kept: pd.DataFrame = frame[live | (frame["Interval Start"].dt.date == day)]
    return kept


def ours(error: Exception, zone: str, api_key: str | None) -> GreenStreamError:
    """Translate anything the library raises: type, text without the key, and where it happened.

    Causes and frames are left behind: they hold the request, with it the key, and the answer.
    """
    if isinstance(error, GreenStreamError):
        return error
    text = without_secrets(f"{type(error).__name__}: {error}", api_key)
    what = " ".join(text.split())[:200] + _place(error)
    kind = _kind(error)
    if kind is InvalidError:
        return _invalid(what, "too_large" if isinstance(error, MemoryError) else "malformed", zone)
    return kind(what, provider=NAME, zone=zone)


def _place(error: Exception) -> str:
    """Name the innermost line of the library that the error went through, if any."""
    places = [
        f" ({Path(frame.f_code.co_filename).name}:{line})"
        for frame, line in traceback.walk_tb(error.__traceback__)
        if str(frame.f_globals.get("__name__")).startswith("gridstatus.")
    ]
    return places[-1] if places else ""


def _kind(error: Exception) -> type[GreenStreamError]:
    if (status := _http_status(error)) is not None:
        return _kind_of_status(status)
    if isinstance(error, NoDataFoundException):
        return NoDataError
    if isinstance(error, NotSupported | RetiredDataException):
        return PermanentError
    if isinstance(error, requests.exceptions.InvalidJSONError):  # an OSError by inheritance
        return InvalidError
    # RuntimeError proper: PJM's retries are used up, or it answered with a list of errors.
    if (
        isinstance(
            error,
            OSError | http.client.HTTPException | DataMinerSnapshotMismatch | GetParameterError,
        )
        or type(error) is RuntimeError
    ):
        return TransientError
    return InvalidError


def _http_status(error: Exception) -> int | None:
    if isinstance(error, urllib.error.HTTPError):
        return error.code
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return error.response.status_code
    return None


def _kind_of_status(status: int) -> type[GreenStreamError]:
    if status == http.client.NOT_FOUND:  # the day's file before its first stamp
        return NoDataError
    if status in (http.client.REQUEST_TIMEOUT, http.client.TOO_MANY_REQUESTS) or (
        status >= http.client.INTERNAL_SERVER_ERROR
    ):
        return TransientError
    return PermanentError


def _cut_short(row: Row, before: Row) -> bool:
    """Tell whether the last row ends in the middle of a number."""
    return row.valid_to - before.valid_to <= CUT_STEP and any(
        mw > COMPLETE_SHARE * before.generation_mw
        and 0 <= row.fuel_mw.get(fuel, mw) <= CUT_RATIO * mw
        for fuel, mw in before.fuel_mw.items()
    )


def _mw(value: Any) -> float:  # noqa: ANN401 - a cell of a table may hold anything
    if isinstance(value, bool):  # to Python it is a number
        raise _invalid(f"{value} is no MW", "not_a_number")
    return float(value)


def _utc(stamp: object) -> datetime:
    if not isinstance(stamp, pd.Timestamp) or stamp.tzinfo is None:
        raise _invalid(f"stamp {stamp!r} has no time zone", "malformed")
    return stamp.to_pydatetime().astimezone(UTC)


def _invalid(what: str, reason: str, zone: str | None = None) -> InvalidError:
    return InvalidError(what, reason=reason, provider=NAME, zone=zone)


def _late(what: str, zone: str) -> Harvest:
    return Harvest(errors=(TransientError(what, provider=NAME, zone=zone),))


def wanted(markets: str) -> tuple[tuple[Zone, Source], ...]:
    """Return the zones of the named grids (the library's class names, comma-separated), or all.

    Raises
    ------
    SettingsError
        For a grid that no zone has a source for.
    """
    served = {source.provider_zone: (zone, source) for zone, source in zones_of(NAME)}
    names = [name.strip() for name in markets.split(",") if name.strip()]
    if unknown := [name for name in names if name not in served]:
        raise SettingsError(f"GRIDSTATUS_ZONES names {unknown}; there are {sorted(served)}")
    return tuple(served[name] for name in dict.fromkeys(names or served))


TELEMETRY: Final = PowertoolsTelemetry()
SETTINGS: Final = Settings.from_env()
STORE: Final = DynamoStore(dynamodb_client(), SETTINGS.table_name, clock=utc_now)
SECRETS: Final = SsmSecrets()
GRIDSTATUS: Final = Gridstatus(
    feed=LibraryFeed(),
    wanted=wanted(os.environ.get("GRIDSTATUS_ZONES", "")),
    pjm_api_key=lambda: secret(NAME, "PJM_API_KEY", SETTINGS, SECRETS),
    simulated=SETTINGS.simulated,
)


@TELEMETRY.observed
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ANN401, ARG001
    """Run once, within the function's memory and what is left of its time; no event says more."""
    keep_within(int(context.memory_limit_in_mb))
    provider = GRIDSTATUS.within(context.get_remaining_time_in_millis())
    return collect(provider, STORE, clock=utc_now, telemetry=TELEMETRY).as_dict()
