"""EIA's workbooks: what the reader finds in them, what it refuses, and whose turn it is."""

import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import httpx
import pytest

from functions.eia.provider import AUTHORITIES_A_RUN, EVERY, FIRST, Eia
from functions.eia.workbook import GCO2_KWH_PER_LB_KWH, HOUR, Hour, hours_of
from greenstream.domain.errors import InvalidError
from greenstream.domain.reading import Basis, Quality, Reading, Scope, Signal
from greenstream.domain.zones import Source, Zone
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Batch
from infra.local.upstream import eia
from infra.local.upstream.wire import Request
from tests.builders import a_source, a_zone
from tests.contract.provider_wire import Silent
from tests.fakes.memory_store import MemoryStore
from tests.storing import profiles_of

NOW = datetime(2026, 11, 28, 15, 2, tzinfo=UTC)
NEWEST = datetime(2026, 11, 27, 7, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)


def changed(part: str, change: Callable[[str], str], body: bytes | None = None) -> bytes:
    """Return the simulated workbook of LDWP with a changed part; an empty part is left out."""
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(body or eia.workbook("LDWP", NOW))) as old,
        zipfile.ZipFile(packed, "w") as new,
    ):
        for name in old.namelist():
            text = old.read(name).decode()
            if name == part:
                text = change(text)
            if text:
                new.writestr(name, text)
    return packed.getvalue()


def hours(body: bytes, authority: str = "LDWP", since: datetime = LONG_AGO) -> list[Hour]:
    return hours_of(body, authority, since)


def known(body: bytes) -> list[Hour]:
    return [hour for hour in hours(body) if hour.consumed_gco2_kwh is not None]


# --- the workbook ----------------------------------------------------------------------------


def test_the_utc_time_is_the_end_of_an_hour_and_the_intensity_is_pounds_a_kilowatt_hour() -> None:
    newest = known(eia.workbook("LDWP", NOW))[-1]

    assert newest.end == NEWEST
    assert newest.consumed_gco2_kwh == pytest.approx(eia.consumed_gco2_kwh("LDWP", NEWEST))
    assert newest.generated_gco2_kwh == pytest.approx(0.9 * (newest.consumed_gco2_kwh or 0))


def test_one_pound_a_kilowatt_hour_is_453_6_grams() -> None:
    cell = re.compile(r'(<c r="K\d+" s="1"><v>)[^<]*')
    body = changed(eia.SHEET, lambda text: cell.sub(r"\g<1>1.0", text))

    assert {hour.consumed_gco2_kwh for hour in known(body)} == {453.59237}
    assert GCO2_KWH_PER_LB_KWH == 453.59237


def test_an_hour_without_a_figure_has_none_and_not_zero() -> None:
    ahead = hours(eia.workbook("LDWP", NOW))[-1]

    assert ahead.end == NEWEST + 12 * HOUR
    assert (ahead.consumed_gco2_kwh, ahead.generated_gco2_kwh) == (None, None)


def test_only_the_hours_after_the_asked_time_are_read() -> None:
    read = hours(eia.workbook("LDWP", NOW), since=NEWEST - 5 * HOUR)

    assert [hour.end for hour in read][:2] == [NEWEST - 4 * HOUR, NEWEST - 3 * HOUR]
    assert [hour.end for hour in read] == sorted(hour.end for hour in read)


def test_the_sheet_is_found_by_its_name_and_not_by_its_place() -> None:
    other = "xl/worksheets/another.xml"
    body = changed(
        "xl/_rels/workbook.xml.rels",
        lambda text: text.replace("worksheets/sheet1.xml", f"/{other}"),
    )
    moved = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(moved, "w") as new:
        for name in old.namelist():
            new.writestr(other if name == eia.SHEET else name, old.read(name))

    assert hours(moved.getvalue()) == hours(eia.workbook("LDWP", NOW))


def test_another_writers_prefixes_inline_texts_and_orders_of_attributes_are_read() -> None:
    def written_otherwise(text: str) -> str:
        text = re.sub(r'<c r="([A-Z]+\d+)" s="1">', r'<x:c s="1" r="\1">', text)
        text = re.sub(r"(<x:c [^>]*><v>[^<]*</v>)</c>", r"\1</x:c>", text)
        names = {str(place): name for place, name in enumerate(eia.HEADINGS)}
        return re.sub(
            r'<c r="([A-Z]1)" t="s"><v>(\d+)</v></c>',
            lambda cell: f'<c r="{cell[1]}" t="inlineStr"><is><t>{names[cell[2]]}</t></is></c>',
            text,
        )

    assert hours(changed(eia.SHEET, written_otherwise)) == hours(eia.workbook("LDWP", NOW))


def test_california_was_dated_an_hour_late_for_two_years() -> None:
    late = datetime(2024, 6, 1, 12, tzinfo=UTC)
    body = eia.workbook("CISO", late)

    assert [hour.end - HOUR for hour in hours(body, "LDWP")] == [
        hour.end for hour in hours(body, "CISO")
    ]
    for at in (datetime(2023, 10, 1, tzinfo=UTC), NOW):
        true = eia.workbook("CISO", at)
        assert hours(true, "CISO") == hours(true, "LDWP")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(eia.PAGE, "not_xlsx", id="the page of a missing file"),
        pytest.param(b"", "not_xlsx", id="nothing"),
        pytest.param(eia.workbook("LDWP", NOW)[:900], "malformed", id="cut short"),
        pytest.param(b"PK\x03\x04 no zip", "malformed", id="no archive"),
        pytest.param(changed(eia.SHEET, lambda _: ""), "malformed", id="no sheet"),
        pytest.param(
            changed("xl/workbook.xml", lambda _: ""), "malformed", id="no table of sheets"
        ),
        pytest.param(
            changed("xl/workbook.xml", lambda text: text.replace("Published", "Draft")),
            "malformed",
            id="another sheet",
        ),
        pytest.param(
            changed("xl/sharedStrings.xml", lambda text: text.replace("Consumed", "Used")),
            "malformed",
            id="another column",
        ),
        pytest.param(
            changed("xl/sharedStrings.xml", lambda text: f"<!DOCTYPE a>{text}"),
            "malformed",
            id="a declaration",
        ),
    ],
)
def test_another_body_is_refused_by_name(body: bytes, reason: str) -> None:
    with pytest.raises(InvalidError) as refused:
        hours(body)
    assert (refused.value.reason, refused.value.provider) == (reason, "eia")


# --- the provider ----------------------------------------------------------------------------


def pair(authority: str) -> tuple[Zone, Source]:
    source = a_source(
        "eia",
        provider_zone=authority,
        signal=Signal.AVERAGE,
        bases=(Basis.DIRECT,),
        scope=Scope.CONSUMPTION,
        cadence_s=3600,
        max_age_s=10800,
    )
    return a_zone(source, zone=f"EIA_{authority}"), source


AUTHORITIES = ("SOCO", "BPAT", "TVA", "LDWP", "FPL", "DUK", "PNM")


class Server:
    """Answers as the simulator does, and remembers the authorities that were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = NOW
        self.damaged = ""

    def http(self) -> HttpClient:
        def over(request: httpx.Request) -> httpx.Response:
            self.asked.append(request.url.path.rpartition("/")[2].removesuffix(".xlsx"))
            answer = eia.answer(Request("GET", request.url.path), self.now)
            is_damaged = self.asked[-1] == self.damaged
            return httpx.Response(answer.status, content=b"PK" if is_damaged else answer.body)

        return HttpClient(
            provider="eia", base_url="http://eia", transport=httpx.MockTransport(over)
        )


def provider(server: Server, *authorities: str) -> Eia:
    return Eia(http=server.http(), wanted=tuple(pair(name) for name in authorities or AUTHORITIES))


def readings(batches: list[Batch]) -> list[Reading]:
    for batch in batches:
        batch.acknowledge()
    return list(chain.from_iterable(batch.readings for batch in batches))


def test_a_reading_is_of_what_is_consumed_with_the_factors_of_eia() -> None:
    (reading,) = readings(list(provider(Server(), "LDWP").fetch(NOW)))

    assert (reading.zone, reading.provider_zone) == ("EIA_LDWP", "LDWP")
    assert (reading.valid_from, reading.valid_to) == (NEWEST - HOUR, NEWEST)
    assert reading.gco2_kwh == pytest.approx(eia.consumed_gco2_kwh("LDWP", NEWEST))
    assert (reading.factor_set, reading.quality) == ("eia", Quality.ESTIMATED)
    assert (reading.basis, reading.scope) == (Basis.DIRECT, Scope.CONSUMPTION)
    assert reading.detail["generated_gco2_kwh"] == pytest.approx(0.9 * reading.gco2_kwh)


def test_a_damaged_workbook_is_an_error_of_its_zone_and_of_no_other() -> None:
    server = Server()
    server.damaged = "LDWP"

    batches = list(provider(server, "LDWP", "BPAT").fetch(NOW))

    [error] = chain.from_iterable(batch.errors for batch in batches)
    assert isinstance(error, InvalidError)
    assert (error.zone, error.reason) == ("EIA_LDWP", "malformed")
    assert [reading.zone for reading in readings(batches)] == ["EIA_BPAT"]


def test_the_window_holds_a_week_of_every_hour() -> None:
    batch, _ = provider(Server(), "LDWP").fetch(NOW)

    hours_of_day = [reading.valid_from.hour for reading in batch.window()]
    assert {hours_of_day.count(hour) for hour in range(24)} == {7}


def test_the_profile_is_of_the_last_week_on_the_second_day_of_a_table_too() -> None:
    store, server = MemoryStore(), Server()
    eia_provider = provider(server, "LDWP")
    for day in (0, 1):
        server.now = NOW + timedelta(days=day)
        collect(eia_provider, store, clock=lambda: server.now, telemetry=Silent())

    [profile] = profiles_of(store)
    assert {mean.days for mean in profile.hours.values()} == {7}
    newest = NEWEST + timedelta(days=1)
    assert {mean.computed_at for mean in profile.hours.values()} == {newest}
    ends = [NEWEST + timedelta(days=1 - back) for back in range(7)]
    expected = sum(eia.consumed_gco2_kwh("LDWP", end) for end in ends) / 7
    assert profile.hours[6].gco2_kwh == pytest.approx(expected)


def test_a_later_run_brings_the_hours_since() -> None:
    server = Server()
    eia_provider = provider(server, "LDWP")
    readings(list(eia_provider.fetch(NOW)))
    server.now = NOW + timedelta(days=1)

    later = readings(list(eia_provider.fetch(server.now)))

    assert [reading.valid_to for reading in later] == [
        NEWEST + hour * HOUR for hour in range(1, 25)
    ]


def test_los_angeles_and_bonneville_are_read_first_on_a_fresh_table() -> None:
    server = Server()
    eia_provider = provider(server)
    for run in range(2):
        readings(list(eia_provider.fetch(NOW + run * EVERY)))

    assert set(FIRST) <= set(server.asked)


def test_every_authority_has_its_turn_and_none_waits_for_another() -> None:
    server = Server()
    runs = -(-len(AUTHORITIES) // AUTHORITIES_A_RUN)
    for run in range(runs):  # A new process each time, and nothing is ever stored.
        list(provider(server).fetch(NOW + run * EVERY))

    assert set(server.asked) == set(AUTHORITIES)
    assert len(server.asked) <= runs * (AUTHORITIES_A_RUN + 1)


def test_zones_that_share_an_authority_read_its_workbook_once() -> None:
    """San Diego is a part of California ISO's area."""
    names = [source.provider_zone for _, source in Eia(http=Server().http()).wanted]

    assert names.count("CISO") == 1
    assert len(names) == len(set(names)) == 50


def test_the_authorities_of_other_runs_are_skipped_and_no_error() -> None:
    batches = list(provider(Server()).fetch(NOW))

    read = {reading.zone for reading in readings(batches)}
    skipped = set(chain.from_iterable(batch.skipped for batch in batches))
    assert read | skipped == {f"EIA_{name}" for name in AUTHORITIES}
    assert not read & skipped
    assert all(batch.errors == () for batch in batches)


def test_a_missing_workbook_costs_its_authority_alone() -> None:
    batches = list(provider(Server(), "LDWP", "NONE").fetch(NOW))

    (error,) = chain.from_iterable(batch.errors for batch in batches)
    assert isinstance(error, InvalidError)
    assert (error.reason, [reading.zone for reading in readings(batches)]) == (
        "not_xlsx",
        ["EIA_LDWP"],
    )


def test_a_workbook_without_a_figure_is_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: Any) -> list[Hour]:
        return [Hour(NEWEST, None, None)]

    monkeypatch.setattr("functions.eia.provider.hours_of", without)
    batches = list(provider(Server(), "LDWP").fetch(NOW))

    assert readings(batches) == []
    assert [error.kind for batch in batches for error in batch.errors] == ["no_data"]
