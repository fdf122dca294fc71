"""The cases of the provider contract: every provider on good bytes, simulated or recorded.

A new provider joins with a function that makes it, and with a case for each format that it reads.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import attrgetter
from pathlib import Path

from greenstream.domain.reading import Basis, Scope, Signal
from greenstream.domain.zones import Source, Zone, zones_of
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
from tests.contract.provider_makers import Case, Pairs
from tests.contract.provider_wire import NYISO_ZIP, Answerer, zipped

OF_A_NETWORK = frozenset({"flows"})
"""Providers without a case: their figures follow from the stored mixes and from all answers
together, so that no answer holds the truth of a zone. `test_flows.py` has their faults."""


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
