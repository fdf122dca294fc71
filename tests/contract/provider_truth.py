"""The true readings in a case's clean bytes, by code that is not the provider's."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache, partial

from functions.elexon.provider import grid_of
from functions.elexon.rows import slots_of
from functions.entsoe import mix
from functions.entsoe.document import read
from functions.entsoe.slots import slots
from functions.gridstatus.feed import LibraryFeed
from functions.gridstatus.mix import readings_of
from functions.gridstatus.provider import days_asked
from functions.gridstatus.rows import rows
from functions.national.provider import PROVIDERS as NATIONAL
from greenstream.domain.errors import GreenStreamError
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.reading import Kind, Quality, Reading
from greenstream.ingest.mixes import MixGrid
from greenstream.ingest.week_means import WeekMeans
from greenstream.ports.provider import Batch
from infra.local.upstream import (
    elexon,
)
from infra.local.upstream.wire import Answer, Request, json_answer
from tests.contract.provider_makers import Case
from tests.contract.provider_wire import MINUTE, Wire

Truth = Mapping[tuple[str, Kind, datetime, bool], frozenset[float]]


@cache
def truth(case: Case) -> Truth:
    """Return the figures in g/kWh of every interval in the clean bytes.

    They are by zone, kind, start and whether they are forecast, since several forecasts may be made
    for the same time.
    """
    truths: dict[tuple[str, Kind, datetime, bool], frozenset[float]] = {}
    for batch in [case.run(case.wire()), *INSIDE.get(case.provider, nothing_more)(case)]:
        figures = [
            (
                (value.zone, value.kind, value.valid_from, value.quality is Quality.FORECAST),
                value.gco2_kwh,
            )
            for value in batch.readings
        ]
        figures += [
            ((forecast.zone, forecast.kind, point.valid_from, True), point.gco2_kwh)
            for forecast in batch.forecasts
            for point in forecast.points
        ]
        for key, gco2_kwh in figures:
            truths[key] = truths.get(key, frozenset()) | {gco2_kwh}
    return truths


def nothing_more(_: Case) -> Iterable[Batch]:
    """Yield nothing, for a provider whose answer has one interval: the clean run reads it."""
    return ()


def inside_eso(case: Case) -> Iterator[Batch]:
    """Yield the readings of each half hour of the nation alone, and of later requests."""
    rows = json.loads(case.answers()(Request("GET", "/intensity"), case.now).body)["data"]
    for row in rows:
        alone = Wire(clean=case.answers(), now=case.now)
        alone.spoil = partial(_with_data, [row])
        yield case.run(alone)
    for later in case.aged:
        yield case.run(Wire(clean=case.answers(), now=case.now + later), case.now + later)


def _with_data(rows: list[object], request: Request, answer: Answer) -> Answer:
    return json_answer({"data": rows}) if request.path == "/intensity" else answer


def inside_elexon(case: Case) -> Iterator[Batch]:
    """Yield the readings of each slot, and of later requests."""
    since = {"publishDateTimeFrom": (case.now - timedelta(hours=26)).isoformat()}
    zone, source = next(pair for pair in case.pairs if pair[0].zone == "GBR")
    for now in (case.now, *(case.now + later for later in case.aged)):
        body = case.answers()(Request("GET", elexon.STREAM, since), now).body
        grid = grid_of(zone, source, now, WeekMeans(provider="elexon"), simulated=False)
        for slot in slots_of(json.loads(body), zone.zone, now)[0]:
            made = grid.readings_of(slot)
            yield Batch(readings=tuple(value for value in made if isinstance(value, Reading)))


def inside_energycharts(case: Case) -> Iterator[Batch]:
    """Yield the readings of each slot: the newest ones at all earlier times."""
    for back in range(15, 36 * 60, 15):
        earlier = case.now - back * MINUTE
        yield case.run(Wire(clean=case.answers(), now=earlier), earlier)


def inside_watttime(case: Case) -> Iterator[Batch]:
    """Yield the readings at the times before the newer points were published."""
    for back in range(5, 185, 5):
        earlier = case.now - back * MINUTE
        yield case.run(Wire(clean=case.answers(), now=earlier), earlier)


def inside_eia(case: Case) -> Iterator[Batch]:
    """Yield the readings of each hour that a run may read: of the weeks up to each of five days."""
    for days in range(5):
        earlier = case.now - timedelta(days=days)
        batch = case.run(Wire(clean=case.answers(), now=earlier), earlier)
        yield Batch(readings=tuple(batch.window()))


def inside_national(case: Case) -> Iterator[Batch]:
    """Yield the readings of each slot of the clean answer."""
    feed = NATIONAL[case.provider].feed
    with case.wire().http(case.provider) as http:
        parsed = feed.read(http, None, case.now)
    for zone, source in case.pairs:
        grid = MixGrid(
            provider=case.provider,
            zone=zone,
            source=source,
            rules=rules_of_source(case.provider, zone.zone),
            table=feed.table,
            fetched_at=case.now,
            week=WeekMeans(provider=case.provider),
            simulated=False,
        )
        for slot in parsed.slots.get(source.provider_zone, ()):
            made = grid.readings_of(slot)
            yield Batch(readings=tuple(value for value in made if isinstance(value, Reading)))


def inside_gridstatus(case: Case) -> Iterator[Batch]:
    case.make(case.wire())
    for zone, source in case.pairs:
        feed = LibraryFeed(clock=lambda: case.now)
        step = timedelta(seconds=source.cadence_s)
        idle = rules_of_source("gridstatus", zone.zone).idle_when_absent
        days = days_asked(case.now, zone, source)
        frames = [feed(source.provider_zone, day, "a-key") for day in days]
        for row in rows(frames, step, idle):
            made = readings_of(
                row,
                zone,
                source,
                fetched_at=case.now,
                week=WeekMeans(provider="gridstatus"),
                simulated=False,
            )
            yield Batch(readings=tuple(value for value in made if isinstance(value, Reading)))


def inside_entsoe(case: Case) -> Iterator[Batch]:
    for zone, source in case.pairs:
        first = case.now - timedelta(hours=36)
        query = {"documentType": "A75", "processType": "A16", "in_Domain": source.provider_zone}
        query |= {"periodStart": f"{first:%Y%m%d%H}00", "periodEnd": f"{case.now:%Y%m%d%H}00"}
        asked = Request("GET", "/api", query, {"security_token": "a-key"})
        body = case.answers()(asked, case.now).body
        all_slots = slots(read(body, source.provider_zone, zone.zone))
        for count in range(1, len(all_slots) + 1):
            try:
                yield mix.batch_of(all_slots[:count], zone, source, fetched_at=case.now)
            except GreenStreamError:
                continue


INSIDE: Mapping[str, Callable[[Case], Iterable[Batch]]] = {
    "eso": inside_eso,
    "elexon": inside_elexon,
    "energycharts": inside_energycharts,
    "watttime": inside_watttime,
    "gridstatus": inside_gridstatus,
    "eia": inside_eia,
    "ieso": inside_national,
    "hydroquebec": inside_national,
    "kpx": inside_national,
    "entsoe": inside_entsoe,
}
