"""The gridstatus provider with the real library, on good and bad bytes of the operators."""

import csv
import io
import json
import logging
import re
import socket
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from functions.gridstatus.feed import LibraryFeed
from functions.gridstatus.provider import Gridstatus, wanted
from functions.gridstatus.rows import rows
from greenstream.domain.errors import GreenStreamError, InvalidError
from greenstream.domain.reading import Basis, Reading, Scope
from greenstream.ports.provider import Batch
from tests.contract.recorded_origin import Origin, serving

FIXTURES = Path(__file__).parent / "fixtures" / "gridstatus"
NOW = datetime(2026, 3, 5, 18, 3, tzinfo=UTC)  # 13:03 in New York, 10:03 in California
NYISO_FILES = "/public/csv/rtfuelmix/"
CAISO_DAY = "/outlook/history/20260305/fuelsource.csv"
PJM_FEED = "/api/v1/gen_by_fuel"
KEY = "MARKED-0123456789abcdef"
STEP = timedelta(minutes=5)
EASTERN = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def shared_origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    origin = Origin()
    before = socket.getdefaulttimeout()
    with serving(origin, tmp_path_factory.mktemp("authority")):
        yield origin
    socket.setdefaulttimeout(before)


@pytest.fixture
def origin(shared_origin: Origin) -> Origin:
    shared_origin.answers.clear()
    shared_origin.requests.clear()
    return shared_origin


def batches(
    markets: str, now: datetime = NOW, *, key: str | None = KEY, deadline_s: float = 60.0
) -> list[Batch]:
    provider = Gridstatus(
        feed=LibraryFeed(),
        wanted=wanted(markets),
        pjm_api_key=lambda: key,
        deadline_s=deadline_s,
    )
    return list(provider.fetch(now))


def direct(markets: str, now: datetime = NOW) -> Reading:
    (batch,) = batches(markets, now)
    assert batch.errors == ()
    by_basis = {reading.basis: reading for reading in batch.readings}
    assert set(by_basis) == {Basis.DIRECT, Basis.LIFECYCLE}
    return by_basis[Basis.DIRECT]


def fuel_mw(reading: Reading) -> Mapping[str, float]:
    mw = reading.detail["fuel_mw"]
    assert isinstance(mw, dict)
    return mw


def month_of(**files: bytes) -> bytes:
    """Serve NYISO's archive, which the library asks for when a day is older than a week."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for day, body in files.items():
            archive.writestr(f"{day.removeprefix('d')}rtfuelmix.csv", body)
    return packed.getvalue()


def serve_nyiso(origin: Origin, day: str, body: bytes) -> None:
    packed = month_of(**{f"d{day}": body})
    origin.serve(f"{NYISO_FILES}{day[:6]}01rtfuelmix_csv.zip", packed, "application/zip")


def nyiso_day() -> bytes:
    return (FIXTURES / "nyiso_day.csv").read_bytes()


def caiso_day() -> bytes:
    return (FIXTURES / "caiso_day.csv").read_bytes()


def pjm_day() -> bytes:
    return (FIXTURES / "pjm_day.json").read_bytes()


# --- each operator's wire format -------------------------------------------------------------


def test_a_nyiso_csv_is_read(origin: Origin) -> None:
    serve_nyiso(origin, "20260305", nyiso_day())
    reading = direct("NYISO")
    assert reading.valid_from == datetime(2026, 3, 5, 17, 55, tzinfo=UTC)
    assert reading.valid_to == datetime(2026, 3, 5, 18, 0, tzinfo=UTC)
    assert fuel_mw(reading) == {
        "Dual Fuel": 4140.0,
        "Hydro": 2012.0,
        "Natural Gas": 3020.0,
        "Nuclear": 3265.0,
        "Other Fossil Fuels": 1.0,
        "Other Renewables": 250.0,
        "Wind": 584.0,
    }


def test_nyiso_is_read_in_the_repeated_hour_of_the_clock_change(origin: Origin) -> None:
    """The rows 01:00 and 01:05 in standard time follow 01:50 and 01:55 in daylight time."""
    serve_nyiso(origin, "20251102", (FIXTURES / "nyiso_autumn.csv").read_bytes())
    reading = direct("NYISO", datetime(2025, 11, 2, 6, 7, tzinfo=UTC))
    assert reading.valid_to == datetime(2025, 11, 2, 6, 5, tzinfo=UTC)
    assert fuel_mw(reading)["Dual Fuel"] == 4130.0


def test_a_caiso_csv_with_a_partial_row_and_empty_future_rows_is_read(origin: Origin) -> None:
    origin.serve(CAISO_DAY, caiso_day())
    reading = direct("CAISO")
    assert reading.valid_from == datetime(2026, 3, 5, 17, 55, tzinfo=UTC)
    assert reading.valid_to == datetime(2026, 3, 5, 18, 0, tzinfo=UTC)
    assert reading.scope is Scope.CONSUMPTION
    mw = fuel_mw(reading)
    assert (mw["Small Hydro"], mw["Large Hydro"], mw["Natural Gas"]) == (241, 1490, 2900)
    assert (mw["Batteries"], mw["Imports"]) == (-2300, -372)  # charging, exporting
    assert reading.detail["unlisted"] == []


@pytest.mark.parametrize(
    ("now", "newest", "solar"),
    [("08:52", "08:50", "110"), ("09:03", "09:00", "112"), ("09:33", "09:30", "118")],
)
def test_caiso_is_read_in_both_of_the_hours_that_have_the_same_times(
    origin: Origin, now: str, newest: str, solar: str
) -> None:
    """No row names an offset. The file has the times from 01:00 to 01:55 twice."""
    head, first, *_ = caiso_day().decode().splitlines()
    known = datetime.strptime(newest, "%H:%M").replace(year=2025, month=11, day=2, tzinfo=UTC)
    rows = []
    for number in range((known - datetime(2025, 11, 2, 7, tzinfo=UTC)) // timedelta(minutes=5)):
        start = datetime(2025, 11, 2, 7, tzinfo=UTC) + number * timedelta(minutes=5)
        wall = start.astimezone(ZoneInfo("America/Los_Angeles"))
        figures = first.split(",")[2:]
        rows.append(",".join([f"{wall:%H:%M}", str(89 + number), *figures]))
    origin.serve("/outlook/history/20251102/", "\r\n".join([head, *rows]).encode())
    asked_at = datetime.strptime(now, "%H:%M").replace(year=2025, month=11, day=2, tzinfo=UTC)

    reading = direct("CAISO", asked_at)

    assert reading.valid_to == known
    assert fuel_mw(reading)["Solar"] == float(solar)


def test_caisos_row_of_the_next_midnight_is_not_this_mornings(origin: Origin) -> None:
    midnight = b"00:00,0,1180,776,189,151,241,2,2241,8900,2490,1300,3372,0\r\n"
    origin.serve(CAISO_DAY, caiso_day() + midnight)
    assert direct("CAISO").valid_to == datetime(2026, 3, 5, 18, 0, tzinfo=UTC)


def test_a_pjm_json_is_read_with_the_key_in_a_header(origin: Origin) -> None:
    origin.serve(PJM_FEED, pjm_day(), "application/json")
    reading = direct("PJM")
    assert reading.valid_from == datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
    assert reading.valid_to == datetime(2026, 3, 5, 16, 0, tzinfo=UTC)
    assert sum(fuel_mw(reading).values()) == pytest.approx(103_090.5)
    (request,) = origin.requests
    assert request.headers["ocp-apim-subscription-key"] == KEY
    assert request.query["datetime_beginning_ept"] == "03/05/2026 00:00to03/05/2026 23:59"


@pytest.mark.clock
def test_the_present_day_is_read_from_the_present_days_file(origin: Origin) -> None:
    """The library uses its own clock for today, so this test uses the real time."""
    now = datetime.now(UTC)
    newest = now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0)
    for market_day in {(newest - back * STEP).astimezone(EASTERN).date() for back in range(12)}:
        lines = ["Time Stamp,Time Zone,Fuel Category,Gen MW"]
        for stamp in (newest - back * STEP for back in reversed(range(12))):
            local = stamp.astimezone(EASTERN)
            if (local - timedelta(seconds=1)).date() == market_day:
                lines += [
                    f"{local:%m/%d/%Y %H:%M:%S},{local:%Z},{fuel},2000.0"
                    for fuel in (
                        "Dual Fuel",
                        "Natural Gas",
                        "Nuclear",
                        "Hydro",
                        "Wind",
                        "Other Renewables",
                    )
                ]
        path = f"{NYISO_FILES}{market_day:%Y%m%d}rtfuelmix.csv"
        origin.serve(path, "\n".join(lines).encode())
    reading = direct("NYISO", now)
    assert reading.valid_to == newest
    assert {request.path[-4:] for request in origin.requests} == {".csv"}


# --- recorded bytes --------------------------------------------------------------------------


def test_a_recorded_nyiso_day_has_the_expected_readings(origin: Origin, recordings: Path) -> None:
    serve_nyiso(origin, "20250209", (recordings / "nyiso/20250209rtfuelmix.csv").read_bytes())
    reading = direct("NYISO", datetime(2025, 2, 10, 4, 59, 30, tzinfo=UTC))
    assert reading.valid_to == datetime(2025, 2, 10, 5, 0, tzinfo=UTC)
    assert sum(fuel_mw(reading).values()) == 14341.0


def test_a_partly_written_nyiso_file_gives_its_last_complete_row(
    origin: Origin, recordings: Path
) -> None:
    """The file ends after three of seven fuels of 00:30. The row of 00:25 is complete."""
    body = (recordings / "nyiso/20250204_head_partial.csv").read_bytes()
    serve_nyiso(origin, "20250204", body)
    (batch,) = batches("NYISO", datetime(2025, 2, 4, 5, 32, tzinfo=UTC))
    assert {reading.valid_to for reading in batch.readings} == {
        datetime(2025, 2, 4, 5, 25, tzinfo=UTC)
    }


def test_a_recorded_pjm_day_has_the_expected_readings(origin: Origin, recordings: Path) -> None:
    body = (recordings / "pjm/gen_by_fuel_2025-02-09.json").read_bytes()
    origin.serve(PJM_FEED, body, "application/json")
    reading = direct("PJM", datetime(2025, 2, 9, 23, 30, tzinfo=UTC))
    assert reading.valid_from == datetime(2025, 2, 9, 21, tzinfo=UTC)
    assert reading.valid_to == datetime(2025, 2, 9, 22, tzinfo=UTC)
    assert sum(fuel_mw(reading).values()) == pytest.approx(99_613.0)


def pjm_json_of(exported: Path) -> bytes:
    """Return a day that was exported from Data Miner, in the form of its API."""
    items: list[dict[str, Any]] = []
    for row in csv.DictReader(exported.read_text().splitlines()):
        begin = datetime.strptime(row["datetime_beginning_utc"], "%m/%d/%Y %I:%M:%S %p")  # noqa: DTZ007
        items.append(
            {
                "datetime_beginning_utc": begin.isoformat(),
                "fuel_type": row["fuel_type"],
                "is_renewable": row["is_renewable"] == "True",
                "mw": float(row["mw"]),
            }
        )
    items.sort(key=lambda item: str(item["datetime_beginning_utc"]))
    return json.dumps({"links": [], "items": items, "totalRows": len(items)}).encode()


def test_a_pjm_day_of_twenty_three_hours_is_read(origin: Origin, recordings: Path) -> None:
    exported = recordings / "pjm/gen_by_fuel_2021-03-14_DST_spring.csv"
    origin.serve(PJM_FEED, pjm_json_of(exported), "application/json")
    frame = LibraryFeed()("PJM", date(2021, 3, 14), KEY)
    hours = rows([frame], timedelta(hours=1))
    assert len(hours) == 23
    assert hours[0].valid_from == datetime(2021, 3, 14, 5, tzinfo=UTC)
    assert hours[-1].valid_to == datetime(2021, 3, 15, 4, tzinfo=UTC)
    assert all(row.valid_to == after.valid_from for row, after in pairwise(hours))


def test_pjms_hours_without_an_idle_fuel_are_complete(origin: Origin, recordings: Path) -> None:
    exported = recordings / "pjm/gen_by_fuel_missing_fuel_rows_2021-04.csv"
    origin.serve(PJM_FEED, pjm_json_of(exported), "application/json")
    hours = rows([LibraryFeed()("PJM", date(2021, 4, 12), KEY)], timedelta(hours=1))
    assert sum("Multiple Fuels" not in row.fuel_mw for row in hours) == 3
    assert [row.unreported_mw for row in hours if "Multiple Fuels" not in row.fuel_mw] == [{}] * 3


# --- bad bytes -------------------------------------------------------------------------------

HTML = b"<html><head><title>Maintenance</title></head><body>Back soon, really</body></html>"


def last_line(body: bytes, change: Callable[[bytes], bytes]) -> bytes:
    *lines, last = body.rstrip().split(b"\n")
    return b"\n".join([*lines, change(last)])


def shifted(body: bytes) -> bytes:
    return body.replace(b" 12:", b" 14:").replace(b" 13:00:00", b" 15:00:00")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "malformed"),
        (HTML, "malformed"),
        (b"\x00\xff\xfe" * 300, "malformed"),
        (nyiso_day().replace(b"Gen MW", b"Gen MWh"), "malformed"),
        (nyiso_day().replace(b"Time Stamp", b"Stamp"), "malformed"),
        (nyiso_day().replace(b"03/05/2026", b"soon"), "malformed"),
        (nyiso_day().replace(b"3265.0", b"lots"), "malformed"),
        (nyiso_day().replace(b"Nuclear,", b"Nuclear,-"), "negative"),
        (nyiso_day().replace(b"3265.0", b"1e300"), "implausible_mw"),
        (shifted(nyiso_day()), "future"),
    ],
    ids=[
        "empty", "html", "binary", "old column", "no stamp", "no date",
        "text for a number", "negative", "huge", "future",
    ],
)  # fmt: skip
def test_malformed_nyiso_files_are_refused_with_a_reason(
    origin: Origin, body: bytes, reason: str
) -> None:
    serve_nyiso(origin, "20260305", body)
    (batch,) = batches("NYISO")
    assert batch.readings == ()
    assert {error.reason for error in batch.errors if isinstance(error, InvalidError)} == {reason}


def test_a_nyiso_file_without_a_line_is_no_data(origin: Origin) -> None:
    serve_nyiso(origin, "20260305", nyiso_day().splitlines()[0] + b"\n")
    (batch,) = batches("NYISO")
    assert [error.kind for error in batch.errors] == ["no_data"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda line: line[:-9],
        lambda line: line[: line.rindex(b",") + 1],
        lambda line: line[: line.rindex(b",") + 2],
        lambda line: line[: line.rindex(b",") + 4],
        lambda line: line.replace(b"2012.0", b"NaN"),
    ],
    ids=["line", "name", "value", "first digit", "last digit", "NaN"],
)
def test_a_nyiso_file_cut_in_its_last_line_gives_the_row_before(
    origin: Origin, spoil: Callable[[bytes], bytes]
) -> None:
    serve_nyiso(origin, "20260305", last_line(nyiso_day(), spoil))
    assert fuel_mw(direct("NYISO"))["Hydro"] == 2009.0


def test_a_repeated_nyiso_line_counts_once(origin: Origin) -> None:
    serve_nyiso(origin, "20260305", nyiso_day() + nyiso_day().split(b"\n", 1)[1])
    assert sum(fuel_mw(direct("NYISO")).values()) == 13_272.0


def test_a_renamed_fuel_is_unknown_and_widens_the_bounds(origin: Origin) -> None:
    serve_nyiso(origin, "20260305", nyiso_day())
    good = direct("NYISO")
    serve_nyiso(origin, "20260305", nyiso_day().replace(b"Natural Gas", b"Gas"))
    reading = direct("NYISO")
    assert reading.detail["unlisted"] == ["Gas"]
    assert reading.coverage == pytest.approx(good.coverage - 3020 / 13_272)
    assert reading.gco2_low <= good.gco2_kwh <= reading.gco2_high


@pytest.mark.parametrize(
    ("market", "path", "body", "status", "kind"),
    [
        ("CAISO", CAISO_DAY, b"", 200, "invalid"),
        ("CAISO", CAISO_DAY, HTML, 200, "invalid"),
        ("CAISO", CAISO_DAY, caiso_day().splitlines()[0] + b"\r\n", 200, "invalid"),
        ("CAISO", CAISO_DAY, caiso_day()[:-400].replace(b"Time,", b"When,"), 200, "invalid"),
        ("CAISO", CAISO_DAY, caiso_day().replace(b",224", b",-224"), 200, "invalid"),
        ("CAISO", "/none", b"", 200, "no_data"),
        ("CAISO", CAISO_DAY, b"", 403, "permanent"),
        ("CAISO", CAISO_DAY, b"", 502, "transient"),
        ("PJM", PJM_FEED, b"", 200, "invalid"),
        ("PJM", PJM_FEED, HTML, 200, "invalid"),
        ("PJM", PJM_FEED, b"{}", 200, "invalid"),
        ("PJM", PJM_FEED, b"[]", 200, "invalid"),
        ("PJM", PJM_FEED, pjm_day()[:900], 200, "invalid"),
        ("PJM", PJM_FEED, pjm_day().replace(b'"mw"', b'"gw"'), 200, "invalid"),
        ("PJM", PJM_FEED, pjm_day().replace(b"17000.5", b"true"), 200, "invalid"),
        ("PJM", PJM_FEED, pjm_day().replace(b"30\n", b"31\n"), 200, "transient"),
        ("PJM", PJM_FEED, b'{"items": [], "totalRows": 0}', 200, "no_data"),
        ("PJM", PJM_FEED, b'{"statusCode": 401, "message": "no"}', 401, "permanent"),
        ("PJM", PJM_FEED, b"", 500, "transient"),
    ],
)
def test_bad_answers_of_caiso_and_pjm_are_errors_of_the_right_kind(
    origin: Origin, market: str, path: str, body: bytes, status: int, kind: str
) -> None:
    origin.serve(path, body, "text/plain", status)
    (batch,) = batches(market)
    assert batch.readings == ()
    assert {error.kind for error in batch.errors} == {kind}
    assert {error.provider for error in batch.errors} == {"gridstatus"}


@pytest.mark.parametrize(
    ("market", "path", "body", "place"),
    [
        ("NYISO", f"{NYISO_FILES}20260301rtfuelmix_csv.zip", month_of(d20260305=HTML), "nyiso"),
        ("CAISO", CAISO_DAY, caiso_day().replace(b"Time,", b"When,"), "caiso"),
        ("PJM", PJM_FEED, json.dumps({"errors": ["long " * 99]}).encode(), "pjm"),
    ],
)
def test_a_failure_in_the_library_names_its_place_and_has_no_traceback(
    origin: Origin, market: str, path: str, body: bytes, place: str
) -> None:
    origin.serve(path, body, "text/plain")
    (error,) = batches(market)[0].errors
    assert re.search(rf" \({place}\.py:\d+\)$", error.message)
    assert (error.__cause__, error.__context__, error.__traceback__) == (None, None, None)


@pytest.mark.clock
def test_a_404_of_nyiso_before_the_days_first_row_is_no_data(origin: Origin) -> None:
    (batch,) = batches("NYISO", datetime.now(UTC))
    assert {error.kind for error in batch.errors} == {"no_data"}


def test_a_failing_grid_leaves_the_other_grids(origin: Origin) -> None:
    serve_nyiso(origin, "20260305", nyiso_day())
    origin.serve(CAISO_DAY, HTML)
    origin.serve(PJM_FEED, b"", status=503)
    yielded = batches("CAISO,NYISO,PJM")
    assert {reading.zone for batch in yielded for reading in batch.readings} == {"NYISO"}
    assert {(error.zone, error.kind) for batch in yielded for error in batch.errors} == {
        ("CAISO_NORTH", "invalid"),
        ("PJM", "transient"),
    }


# --- time and secrets ------------------------------------------------------------------------


@pytest.mark.parametrize("path", [NYISO_FILES, CAISO_DAY])
def test_a_hanging_upstream_affects_its_own_zone_only_and_the_run_ends(
    origin: Origin, path: str
) -> None:
    serve_nyiso(origin, "20260305", nyiso_day())
    origin.serve(CAISO_DAY, caiso_day())
    others = {
        other: answer for other, answer in origin.answers.items() if not other.startswith(path)
    }
    origin.answers = others
    release = origin.hang(path)
    try:
        yielded = batches("NYISO,CAISO", deadline_s=5.0)
    finally:
        release.set()
    hung = "NYISO" if path == NYISO_FILES else "CAISO_NORTH"
    assert [error.zone for batch in yielded for error in batch.errors] == [hung]
    assert {reading.zone for batch in yielded for reading in batch.readings} == (
        {"NYISO", "CAISO_NORTH"} - {hung}
    )


def everything(error: BaseException) -> str:
    return f"{error} {error!r} {error.__cause__} {error.__cause__!r} {vars(error)}"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (pjm_day(), 200),
        (b"no", 401),
        (b"no", 429),
        (json.dumps({"errors": [{"field": "key", "message": f"{KEY} is unknown"}]}).encode(), 200),
    ],
    ids=["good", "401", "429", "echo"],
)
def test_the_pjm_key_is_never_logged_or_reported(
    origin: Origin,
    body: bytes,
    status: int,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    origin.serve(PJM_FEED, body, "application/json", status)
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(logging.getLogger("gridstatus"), "level", logging.DEBUG)
    (batch,) = batches("PJM")
    assert any(KEY in request.headers.values() for request in origin.requests)
    errors: tuple[GreenStreamError, ...] = batch.errors
    written = "".join([*capfd.readouterr(), caplog.text, *map(everything, errors)])
    assert "gen_by_fuel" in written  # This shows that the log of urllib3 was captured.
    assert KEY not in written
