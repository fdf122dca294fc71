"""NYISO's real-time fuel mix: one CSV a day, one ZIP a month, on a plain HTTP host."""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.wire import Answer, Provider, Request

EASTERN = ZoneInfo("America/New_York")
STEP = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(minutes=4)  # of a stamp; the real delay is known only as 5 to 15 min
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
    """Output by fuel category at an aware UTC time; sizes as in the winter of 2025."""
    local = at.astimezone(EASTERN)
    flicker = shapes.drift(at, timedelta(minutes=10), "ny flicker")
    need = 16_300 * shapes.demand(local) + 120 * flicker
    wind = max(60, 850 + 800 * shapes.drift(at, timedelta(hours=8), "ny wind"))
    fixed = {
        "Nuclear": 3_265 + round(3 * flicker),
        "Other Fossil Fuels": round(60 * shapes.bump(local, 18, 2)) + 1,
        "Other Renewables": round(235 + 380 * shapes.sun(at, 42.8, -75.5)),
        "Wind": round(wind),
        "Hydro": round(2_900 * shapes.demand(local) ** 2 - 250 + 90 * flicker),
    }
    rest = max(1_500, need - sum(fixed.values()))
    return fixed | {"Natural Gas": round(rest * 0.43), "Dual Fuel": round(rest * 0.57)}


def stamps(day: date) -> Iterator[datetime]:
    """Aware UTC stamps of a local day: 00:05 to the next midnight, whatever the clocks do.

    A few are missing and a few extra ones fall between with odd seconds, as in the recordings.
    """
    at, end = (
        datetime.combine(each, time(), EASTERN).astimezone(UTC)
        for each in (day, day + timedelta(days=1))
    )
    while at < end:
        at += STEP
        luck = shapes.noise("ny stamp", at.isoformat())
        if luck > 0.97:  # noqa: PLR2004 - some ten extra stamps a day
            yield at - timedelta(seconds=60 + round(luck * 10_000) % 180)
        if luck > 0.003 or at == end:  # noqa: PLR2004 - about one hole a day
            yield at


def day_csv(day: date, now: datetime) -> str | None:
    """Build a day's file as published at ``now``; None before its first stamp."""
    rows = []
    for at in stamps(day):
        if at + PUBLISHED_AFTER > now:
            break
        local, output = at.astimezone(EASTERN), generation_mw(at)
        prefix = f"{local:%m/%d/%Y %H:%M:%S},{local:%Z}"
        rows += [f"{prefix},{fuel},{output[fuel]}.0" for fuel in FUELS]
    return "\r\n".join([HEADER, *rows]) if rows else None


def month_zip(first: date, now: datetime) -> bytes | None:
    """Build the month's archive of its finished days; None when no day is finished."""
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
    """Read YYYYMMDD; None for a day that does not exist."""
    try:
        return datetime.strptime(text, "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if (found := DAY_FILE.fullmatch(request.path)) and (day := calendar_day(found[1])):
        recent = day > now.astimezone(EASTERN).date() - KEPT_AS_CSV
        if recent and (text := day_csv(day, now)):
            return Answer(text.encode(), "text/csv")
    if (
        (found := MONTH_FILE.fullmatch(request.path))
        and (first := calendar_day(found[1]))
        and (packed := month_zip(first, now))
    ):
        return Answer(packed, "application/zip")
    page = b"<html><head><title>404 Not Found</title></head><body>Not Found</body></html>"
    return Answer(page, "text/html", 404)


def half_written(body: str, _: Mapping[str, Any]) -> str:
    """Cut the last stamp after three of its fuels: the file is read while it is written."""
    return "\r\n".join(body.split("\r\n")[: 3 - len(FUELS)])


def missing_fuel(body: str, fault: Mapping[str, Any]) -> str:
    """Leave out every row of one fuel (``fuel``, by default Nuclear)."""
    name = f",{fault.get('fuel') or 'Nuclear'},"
    return "\r\n".join(line for line in body.split("\r\n") if name not in line)


def wrong_unit(body: str, _: Mapping[str, Any]) -> str:
    """Head the output as kW."""
    return body.replace("Gen MW", "Gen kW")


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
        **figure_faults(",", r"\r\n|$"),
    },
)
