"""Simulates NYISO's real-time fuel mix: a CSV for each day and a ZIP for each month, over HTTP."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.series_faults import RowsFault, rows_faults
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request

EASTERN = ZoneInfo("America/New_York")
STEP = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(minutes=4)
"""How long after its stamp a row is published. The real delay is only known to be 5 to 15 min."""

KEPT_AS_CSV = timedelta(days=10)
HEADER = "Time Stamp,Time Zone,Fuel Category,Gen MW"
FUELS = (
    "Dual Fuel",
    "Natural Gas",
    "Nuclear",
    "Other Fossil Fuels",
    "Other Renewables",
    "Wind",
    "Hydro",
)
DAY_FILE = re.compile(r"/public/csv/rtfuelmix/(\d{8})rtfuelmix\.csv")
MONTH_FILE = re.compile(r"/public/csv/rtfuelmix/(\d{6}01)rtfuelmix_csv\.zip")


def generation_mw(at: datetime) -> dict[str, int]:
    """Return the output by fuel category, in MW, at an aware UTC time, as in the winter of 2025."""
    local = at.astimezone(EASTERN)
    flicker = shapes.drift(at, timedelta(minutes=10), "ny flicker")
    demand_mw = 16_300 * shapes.demand(local) + 120 * flicker
    wind = max(60, 850 + 800 * shapes.drift(at, timedelta(hours=8), "ny wind"))
    fixed = {
        "Nuclear": 3_265 + round(3 * flicker),
        "Other Fossil Fuels": round(60 * shapes.bump(local, 18, 2)) + 1,
        "Other Renewables": round(235 + 380 * shapes.sun(at, 42.8, -75.5)),
        "Wind": round(wind),
        "Hydro": round(2_900 * shapes.demand(local) ** 2 - 250 + 90 * flicker),
    }
    rest_mw = max(1_500, demand_mw - sum(fixed.values()))
    return fixed | {"Natural Gas": round(rest_mw * 0.43), "Dual Fuel": round(rest_mw * 0.57)}


def stamps(day: date) -> Iterator[datetime]:
    """Yield the stamps of a local day, from 00:05 to the next midnight, as aware UTC times.

    As in the recordings, a few stamps are missing, and there are a few extra ones between them.
    """
    at, end = (
        datetime.combine(midnight, time(), EASTERN).astimezone(UTC)
        for midnight in (day, day + timedelta(days=1))
    )
    while at < end:
        at += STEP
        chance = shapes.noise("ny stamp", at.isoformat())
        if chance > 0.97:  # noqa: PLR2004 - about ten extra stamps a day
            yield at - timedelta(seconds=60 + round(chance * 10_000) % 180)
        if chance > 0.003 or at == end:  # noqa: PLR2004 - about one missing stamp a day
            yield at


def day_csv(day: date, now: datetime) -> str | None:
    """Return a day's file at ``now``, or None before its first stamp is published."""
    rows = []
    for at in stamps(day):
        if at + PUBLISHED_AFTER > now:
            break
        local, output = at.astimezone(EASTERN), generation_mw(at)
        prefix = f"{local:%m/%d/%Y %H:%M:%S},{local:%Z}"
        rows += [f"{prefix},{fuel},{output[fuel]}.0" for fuel in FUELS]
    return "\r\n".join([HEADER, *rows]) if rows else None


def month_zip(first: date, now: datetime) -> bytes | None:
    """Return the ZIP of a month's finished days, or None when no day is finished."""
    packed = io.BytesIO()
    today = now.astimezone(EASTERN).date()
    days = [first + timedelta(days=n) for n in range(31)]
    finished = [day for day in days if day.month == first.month and day < today]
    if not finished:
        return None
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for day in finished:
            written = datetime.combine(day + timedelta(days=1), time(0, 15))
            name = f"{day:%Y%m%d}rtfuelmix.csv"
            info = zipfile.ZipInfo(name, written.timetuple()[:6])
            archive.writestr(info, day_csv(day, now) or "", zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def calendar_day(text: str) -> date | None:
    """Parse YYYYMMDD. Return None for a day that does not exist."""
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if (match := DAY_FILE.fullmatch(request.path)) and (day := calendar_day(match[1])):
        recent = day > now.astimezone(EASTERN).date() - KEPT_AS_CSV
        if recent and (text := day_csv(day, now)):
            return Answer(text.encode(), "text/csv")
    if (
        (match := MONTH_FILE.fullmatch(request.path))
        and (first := calendar_day(match[1]))
        and (packed := month_zip(first, now))
    ):
        return Answer(packed, "application/zip")
    page = b"<html><head><title>404 Not Found</title></head><body>Not Found</body></html>"
    return Answer(page, "text/html", 404)


def half_written(body: str, _: Mapping[str, Any]) -> str:
    """Keep only three fuels of the last stamp, as if the file were read while it is written."""
    return "\r\n".join(body.split("\r\n")[: 3 - len(FUELS)])


def missing_fuel(body: str, fault: Mapping[str, Any]) -> str:
    """Leave out every row of ``fuel``, which is Nuclear by default."""
    name = f",{fault.get('fuel') or 'Nuclear'},"
    return "\r\n".join(line for line in body.split("\r\n") if name not in line)


def wrong_unit(body: str, _: Mapping[str, Any]) -> str:
    """Give the unit of the output as kW in the heading."""
    return body.replace("Gen MW", "Gen kW")


def rows_fault(change: RowsFault) -> PayloadFault:
    """Return the fault that changes the rows of a file."""

    def fault(body: str, _: Mapping[str, Any]) -> str:
        rows = list(csv.DictReader(io.StringIO(body)))
        lines = [",".join(str(cell) for cell in row.values()) for row in change(rows)]
        return "\r\n".join([HEADER, *lines])

    return fault


SERIES_FAULTS = rows_faults("Time Stamp", "Fuel Category", "Gen MW", jumps="Hydro")
"""Within a day's file, the stamps sort by their text as they do by time."""

PROVIDER = Provider(
    name="nyiso",
    origins=frozenset({"http://mis.nyiso.com"}),
    answer=answer,
    zone=lambda _: "NYISO",
    zones=frozenset({"NYISO"}),
    routes=(
        "/public/csv/rtfuelmix/{YYYYMMDD}rtfuelmix.csv",
        "/public/csv/rtfuelmix/{YYYYMM01}rtfuelmix_csv.zip",
    ),
    payload_faults={
        "half_written": half_written,
        "missing_fuel": missing_fuel,
        "wrong_unit": wrong_unit,
        **{name: rows_fault(change) for name, change in SERIES_FAULTS.items()},
        **figure_faults(",", r"\r\n|$"),
    },
)
