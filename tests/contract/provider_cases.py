"""The cases of the provider contract: every provider on good bytes, and the truth in those bytes.

A new provider joins with a function that makes it, and with a case for each format that it reads.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from itertools import chain
from operator import attrgetter
from pathlib import Path

import httpx

from functions.eia.provider import Eia
from functions.electricitymaps.provider import ElectricityMaps
from functions.elexon.provider import Elexon, grid_of
from functions.elexon.rows import slots_of
from functions.energycharts.provider import EnergyCharts
from functions.entsoe import mix
from functions.entsoe.document import read
from functions.entsoe.provider import Entsoe
from functions.entsoe.slots import slots
from functions.eso.provider import Eso
from functions.gridstatus.feed import LibraryFeed
from functions.gridstatus.mix import readings_of
from functions.gridstatus.provider import Gridstatus, days_asked
from functions.gridstatus.rows import rows
from functions.national.provider import PROVIDERS as NATIONAL
from functions.watttime.provider import WattTime
from greenstream.domain.errors import GreenStreamError
from greenstream.domain.plausibility import rules_of_source
from greenstream.domain.reading import Basis, Kind, Quality, Reading, Scope, Signal
from greenstream.domain.zones import Source, Zone, zones_of
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixGrid
from greenstream.ports.provider import Batch, Provider
from infra.local.upstream import (
    aemo,
    aeso,
    caiso,
    eia,
    electricitymaps,
    elexon,
    energycharts,
    entsoe,
    ercot,
    hydroquebec,
    ieso,
    isone,
    kpx,
    miso,
    neso,
    nyiso,
    ons,
    pjm,
    taipower,
    watttime,
)
from infra.local.upstream.wire import Answer, Request, json_answer
from tests.builders import a_source, a_zone
from tests.contract.recorded_origin import Origin

Answerer = Callable[[Request, datetime], Answer]
Pairs = tuple[tuple[Zone, Source], ...]
NOW = datetime(2026, 3, 5, 18, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NYISO_ZIP = "application/zip"


def zipped(name: str, body: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, body)
    return packed.getvalue()


def unzipped(packed: bytes) -> tuple[str, bytes]:
    """Return the only text of a ZIP file, or the sheet of a workbook."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        names = archive.namelist()
        (name,) = [eia.SHEET] if eia.SHEET in names else names
        return name, archive.read(name)


def repacked(packed: bytes, changed: str, body: bytes) -> bytes:
    """Return a ZIP file with another text in one of its parts."""
    new = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(packed)) as old,
        zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in old.namelist():
            archive.writestr(name, body if name == changed else old.read(name))
    return new.getvalue()


@dataclass
class Wire(Origin):
    """The upstream: its clean answers at ``now``, each of which ``spoil`` may change.

    In a ZIP file ``spoil`` changes the text inside, since that is what the operator writes.
    """

    clean: Answerer = lambda _request, _now: Answer(b"", status=404)
    now: datetime = NOW
    spoil: Callable[[Request, Answer], Answer] = lambda _, answer: answer

    def answer(self, request: Request, _now: datetime) -> Answer:
        self.requests.append(request)
        answer = self.clean(request, self.now)
        if not answer.body.startswith(b"PK"):
            return self.spoil(request, answer)
        name, body = unzipped(answer.body)
        inside = self.spoil(request, Answer(body, "text/csv", answer.status))
        if inside.status != answer.status:
            return inside
        return Answer(repacked(answer.body, name, inside.body), answer.content_type)

    def http(self, provider: str) -> HttpClient:
        def over(request: httpx.Request) -> httpx.Response:
            headers = {name.lower(): value for name, value in request.headers.items()}
            asked = Request("GET", request.url.path, dict(request.url.params), headers)
            made = self.answer(asked, self.now)
            kind = {"content-type": made.content_type}
            return httpx.Response(made.status, content=made.body, headers=kind)

        return HttpClient(
            provider=provider,
            base_url=f"https://{provider}.test",
            transport=httpx.MockTransport(over),
            sleep=lambda _: None,
        )


class Silent:
    """A `Telemetry` that drops everything."""

    def event(self, level: str, message: str, **fields: object) -> None: ...

    def count(self, metric: str, value: float, unit: str = "Count") -> None: ...


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case: one format of one provider with its clean answers, and the zones read from it."""

    id: str
    provider: str
    answers: Callable[[], Answerer]
    """Makes a new upstream, which has counted and banned nothing."""
    now: datetime = NOW
    wanted: Pairs = ()
    keyed: bool = True
    """Whether the upstream needs a key."""
    data: str = "/"
    """A part of the path of the answers that have the data."""
    aged: tuple[timedelta, ...] = (timedelta(hours=1), timedelta(hours=7), timedelta(days=3))
    """By how much later the same bytes are read again."""

    @property
    def pairs(self) -> Pairs:
        return self.wanted or zones_of(self.provider)

    def wire(self, spoil: Callable[[Request, Answer], Answer] | None = None) -> Wire:
        wire = Wire(clean=self.answers(), now=self.now)
        if spoil:
            wire.spoil = spoil
        return wire

    def make(self, wire: Wire, *, key: str | None = "a-key", simulated: bool = False) -> Provider:
        return MAKERS[self.provider](self, wire, key, simulated)

    def run(self, wire: Wire, now: datetime | None = None) -> Batch:
        return gathered(self.make(wire), now or self.now)


def gathered(provider: Provider, now: datetime) -> Batch:
    """Run a fetch to its end and return everything it yielded and raised as one batch."""
    parts: list[Batch] = []
    try:
        for part in provider.fetch(now):
            parts.append(part)  # noqa: PERF402 - the batches before a failure stay
    except GreenStreamError as error:
        parts.append(Batch(errors=(error,)))
    return Batch(
        readings=tuple(reading for part in parts for reading in part.readings),
        forecasts=tuple(forecast for part in parts for forecast in part.forecasts),
        errors=tuple(error for part in parts for error in part.errors),
        unconfigured=tuple(zone for part in parts for zone in part.unconfigured),
        skipped=tuple(zone for part in parts for zone in part.skipped),
        window=lambda: chain.from_iterable(part.window() for part in parts),
    )


# --- how each provider is made ----------------------------------------------------------------


def make_eso(_: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return Eso(wire.http("eso"), simulated=simulated)


def make_elexon(case: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return Elexon(wire.http("elexon"), wanted=case.pairs, simulated=simulated)


def make_national(case: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    provider = NATIONAL[case.provider]
    return provider.over(wire.http(case.provider), case.pairs, simulated=simulated)


def make_energycharts(case: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return EnergyCharts(http=wire.http("energycharts"), wanted=case.pairs, simulated=simulated)


def make_eia(case: Case, wire: Wire, _key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return Eia(wire.http("eia"), wanted=case.pairs, simulated=simulated)


def make_watttime(case: Case, wire: Wire, key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return WattTime(
        http=wire.http("watttime"),
        wanted=case.pairs,
        credentials=lambda: ("user", key),
        telemetry=Silent(),
        clock=lambda: wire.now,
        simulated=simulated,
    )


def make_electricitymaps(case: Case, wire: Wire, key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return ElectricityMaps(
        http=wire.http("electricitymaps"),
        wanted=case.pairs,
        newest=lambda: (),
        token=lambda: key,
        hourly_budget=60,
        simulated=simulated,
    )


def make_entsoe(case: Case, wire: Wire, key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    return Entsoe(
        http=wire.http("entsoe"), token=lambda: key, wanted=case.pairs, simulated=simulated
    )


def make_gridstatus(case: Case, wire: Wire, key: str | None, simulated: bool) -> Provider:  # noqa: FBT001
    through.wire = wire
    return Gridstatus(
        feed=LibraryFeed(clock=lambda: wire.now),
        wanted=case.pairs,
        pjm_api_key=lambda: key,
        simulated=simulated,
    )


@dataclass
class Through(Origin):
    """The origin that the gridstatus library reaches; it passes requests to the current wire."""

    wire: Wire = field(default_factory=Wire)

    def answer(self, request: Request, now: datetime) -> Answer:
        return self.wire.answer(request, now)


through = Through()
OF_A_NETWORK = frozenset({"flows"})
"""Providers without a case: their figures follow from the stored mixes and from all answers
together, so that no answer holds the truth of a zone. `test_flows.py` has their faults."""

MAKERS: Mapping[str, Callable[[Case, Wire, str | None, bool], Provider]] = {
    "eso": make_eso,
    "elexon": make_elexon,
    "energycharts": make_energycharts,
    **dict.fromkeys(NATIONAL, make_national),
    "eia": make_eia,
    "watttime": make_watttime,
    "gridstatus": make_gridstatus,
    "entsoe": make_entsoe,
    "electricitymaps": make_electricitymaps,
}


# --- the truth in a case's clean bytes --------------------------------------------------------

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
        grid = grid_of(zone, source, now, simulated=False)
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
    """Yield the readings of each hour of the clean workbooks."""
    yield from (
        Batch(readings=tuple(batch.window())) for batch in case.make(case.wire()).fetch(case.now)
    )


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
            made = readings_of(row, zone, source, fetched_at=case.now, simulated=False)
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


# --- the cases --------------------------------------------------------------------------------


def only(provider: str, *provider_zones: str) -> Pairs:
    return tuple(pair for pair in zones_of(provider) if pair[1].provider_zone in provider_zones)


def nyiso_answers() -> Answerer:
    """Answer with the day's file also in the archive, which the library asks for older days."""

    def answer(request: Request, now: datetime) -> Answer:
        local = now.astimezone(nyiso.EASTERN).date()
        if request.path.endswith(f"/{local:%Y%m}01rtfuelmix_csv.zip"):
            body = (nyiso.day_csv(local, now) or "").encode()
            return Answer(zipped(f"{local:%Y%m%d}rtfuelmix.csv", body), NYISO_ZIP)
        return nyiso.answer(request, now)

    return answer


def caiso_answers() -> Answerer:
    """Answer with the present day's file, also when the library asks for a past day."""
    return lambda _, now: Answer(caiso.current_csv(now).encode(), "text/csv")


def recorded(folder: Path, name: str, kind: str) -> Callable[[], Answerer]:
    body = (folder / name).read_bytes()
    if kind == NYISO_ZIP:
        body = zipped(Path(name).name, body)
    return lambda: lambda _request, _now: Answer(body, kind)


SIMULATED = (
    Case(
        id="eso",
        provider="eso",
        keyed=False,
        answers=lambda: neso.answer,
        aged=(
            timedelta(hours=1),
            timedelta(hours=7),
        ),  # The answer reaches a day ahead of the request.
    ),
    Case(id="elexon", provider="elexon", keyed=False, answers=lambda: elexon.answer),
    Case(id="ons", provider="ons", keyed=False, answers=lambda: ons.answer),
    Case(id="aemo", provider="aemo", keyed=False, answers=lambda: aemo.answer, data=".zip"),
    Case(id="ieso", provider="ieso", keyed=False, answers=lambda: ieso.answer),
    Case(id="aeso", provider="aeso", keyed=False, answers=lambda: aeso.answer),
    Case(
        id="hydroquebec",
        provider="hydroquebec",
        keyed=False,
        answers=lambda: hydroquebec.answer,
    ),
    Case(id="taipower", provider="taipower", keyed=False, answers=lambda: taipower.answer),
    Case(id="kpx", provider="kpx", keyed=False, answers=lambda: kpx.answer),
    Case(
        id="energycharts",
        provider="energycharts",
        keyed=False,
        answers=lambda: energycharts.answer,
        wanted=only("energycharts", "fr", "de"),
    ),
    Case(
        id="watttime", provider="watttime", answers=lambda: watttime.Account().answer, data="/v3/"
    ),
    Case(
        id="electricitymaps",
        provider="electricitymaps",
        answers=lambda: electricitymaps.Account().answer,
        wanted=only("electricitymaps", "FR", "US-CAL-CISO"),
        data="latest",
    ),
    Case(
        id="entsoe",
        provider="entsoe",
        answers=lambda: entsoe.Platform().answer,
        wanted=only("entsoe", "10YFR-RTE------C", "10Y1001A1001A82H"),
    ),
    Case(
        id="gridstatus-nyiso",
        provider="gridstatus",
        keyed=False,
        answers=nyiso_answers,
        wanted=only("gridstatus", "NYISO"),
    ),
    Case(
        id="gridstatus-caiso",
        provider="gridstatus",
        keyed=False,
        answers=caiso_answers,
        wanted=only("gridstatus", "CAISO"),
        # The rows name no day, so the same bytes a day later look like the bytes of that day.
        aged=(timedelta(hours=1), timedelta(hours=7)),
    ),
    Case(
        id="gridstatus-pjm",
        provider="gridstatus",
        answers=lambda: pjm.answer,
        wanted=only("gridstatus", "PJM"),
    ),
    *(
        Case(
            id=f"gridstatus-{simulator.PROVIDER.name}",
            provider="gridstatus",
            keyed=False,
            answers=partial(attrgetter("answer"), simulator),
            wanted=only("gridstatus", domain),
            data=data,
        )
        for domain, simulator, data in (
            ("MISO", miso, "FuelMix"),
            ("ISONE", isone, "genfuelmix"),
            ("Ercot", ercot, "fuel-mix"),
        )
    ),
)


LATE = (
    Case(
        id="eia",
        provider="eia",
        keyed=False,
        answers=lambda: eia.answer,
        wanted=only("eia", "LDWP", "BPAT"),
        data=".xlsx",
    ),
)
"""The simulated case of a feed that is days late. Its times and headings are not text, so that it
has tests of its own for them (`tests/unit/test_eia.py`)."""


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def behind(there: str) -> tuple[Zone, Source]:
    source = a_source(
        "electricitymaps",
        provider_zone=there,
        signal=Signal.AVERAGE,
        bases=(Basis.DIRECT,),
        scope=Scope.CONSUMPTION,
        cadence_s=3600,
        max_age_s=7200,
    )
    return a_zone(source, zone=f"Z_{there}"), source


def recordings_of(folder: Path) -> Iterator[Case]:
    """Yield the cases with bytes that were recorded from the upstreams."""
    xml, web = "text/xml", "application/json"
    for domain, name, now in (
        ("10YNL----------L", "A75_NL_2024-09-02_A03.xml", "2024-09-02T23:00"),
        ("10YFR-RTE------C", "A75_FR_2024-06-15_multiperiod.xml", "2024-06-15T23:00"),
        ("10YES-REE------0", "A75_ES_2024-06-15_zeros.xml", "2024-06-15T23:00"),
        ("10YFI-1--------U", "A75_FI_2025-10-21_A03.xml", "2025-10-24T13:00"),
        ("10Y1001A1001A48H", "A75_NO5_2023-05-09_A01.xml", "2023-05-11T09:00"),
    ):
        yield Case(
            id=f"entsoe-{name[4:6].lower()}-recorded",
            provider="entsoe",
            answers=recorded(folder, f"entsoe/{name}", xml),
            now=at(now),
            wanted=only("entsoe", domain),
        )
    for domain, name, kind, now in (
        ("NYISO", "nyiso/20250209rtfuelmix.csv", NYISO_ZIP, "2025-02-10T04:59:30"),
        ("PJM", "pjm/gen_by_fuel_2025-02-09.json", web, "2025-02-09T23:30"),
        ("Ercot", "ercot/fuel-mix_2025-10-09_WHOLE.json", web, "2025-10-09T11:47"),
    ):
        yield Case(
            id=f"gridstatus-{domain.lower()}-recorded",
            provider="gridstatus",
            answers=recorded(folder, name, kind),
            now=at(now),
            wanted=only("gridstatus", domain),
        )
    yield Case(
        id="electricitymaps-recorded",
        provider="electricitymaps",
        answers=recorded_electricitymaps(folder),
        now=at("2024-09-27T00:48"),
        wanted=(behind("US-MIDW-MISO"),),
        data="latest",
    )
    yield Case(
        id="eso-recorded",
        provider="eso",
        answers=recorded_neso(folder),
        now=at("2026-05-05T23:44"),
    )
    yield Case(
        id="elexon-recorded",
        provider="elexon",
        keyed=False,
        answers=recorded(folder, "elexon/FUELINST_stream_2024-02-12T1750Z.json", web),
        now=at("2024-02-12T17:52"),
    )
    yield Case(
        id="ons-recorded",
        provider="ons",
        keyed=False,
        answers=recorded(folder, "ons/balanco_energetico_2018-01-27.json", web),
        now=at("2018-01-27T22:21"),
    )
    for name, file, kind, now in (
        ("aeso", "aeso/CSDReportServlet_csv.csv", "text/csv", "2017-07-14T01:27"),
        ("hydroquebec", "hydroquebec/production.json", web, "2023-08-16T11:45"),
        ("taipower", "taipower/genary.json", web, "2025-05-14T07:34"),
        ("kpx", "kpx/historical.html", "text/html", "2023-09-01T14:58"),
    ):
        yield Case(
            id=f"{name}-recorded",
            provider=name,
            keyed=False,
            answers=recorded(folder, file, kind),
            now=at(now),
        )
    yield Case(
        id="aemo-recorded",
        provider="aemo",
        keyed=False,
        answers=recorded_aemo(folder),
        now=at("2021-09-02T02:52"),
        data=".zip",
    )


def recorded_aemo(folder: Path) -> Callable[[], Answerer]:
    """Answer with the recorded folder, up to its file that is recorded too, and with that file."""
    name = "PUBLIC_DISPATCHSCADA_202109021255_0000000348376188.zip"
    page = (folder / "aemo_nemweb/dispatch_scada_dirlisting.html").read_bytes()
    packed = (folder / "aemo_nemweb" / name).read_bytes()
    page = page[: page.index(name.encode()) + len(name)]

    def answer(request: Request, _now: datetime) -> Answer:
        if request.path.endswith(name):
            return Answer(packed, aemo.ZIP)
        return Answer(page, "text/html") if request.path == aemo.FOLDER else Answer(b"", status=404)

    return lambda: answer


def recorded_electricitymaps(folder: Path) -> Callable[[], Answerer]:
    """Answer with the Midwest's recorded hour, and with a made-up list of zones."""
    name = "electricitymaps/v3_latest_US-MIDW-MISO_direct_2024-09-27.json"
    latest = (folder / name).read_bytes()

    def answer(request: Request, _now: datetime) -> Answer:
        if request.path == electricitymaps.ZONES:
            return json_answer({"US-MIDW-MISO": {"access": ["*"]}})
        return Answer(latest)

    return lambda: answer


def recorded_neso(folder: Path) -> Callable[[], Answerer]:
    """Answer with London's two days for all regions, and two half hours for the nation."""
    region = (folder / "neso/regional_fw24h_regionid13_2026-05-05.json").read_bytes()
    nation = (folder / "neso/national_2023-07-04.json").read_bytes()

    def answer(request: Request, _now: datetime) -> Answer:
        return Answer(region if request.path.startswith("/regional") else nation)

    return lambda: answer
