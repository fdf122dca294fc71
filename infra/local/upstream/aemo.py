"""Simulates AEMO's folder of dispatch measurements, as recorded in 2021 and seen in 2026.

The page lists the files of two days as IIS does. Each file is a ZIP file of one CSV file, written
at the start of its interval, with a row for each unit of the table of units.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from typing import Any

from greenstream.domain.tables import load
from infra.local.upstream import shapes
from infra.local.upstream.figures import negative
from infra.local.upstream.series_faults import JUMP
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request

FOLDER = "/Reports/Current/Dispatch_SCADA/"
STEP = timedelta(minutes=5)
LISTED_FOR = timedelta(days=2)
WRITTEN_AFTER = timedelta(seconds=20)
"""How long after the start of its interval a file can be read."""

MARKET_TIME = timezone(timedelta(hours=10))
ZIP = "application/x-zip-compressed"
MIDDLE = (-32.0, 148.0)
EVENING_H = 18.5
SHARE = {
    "coal_black": 0.5, "coal_brown": 0.5, "gas_ccgt": 0.12, "gas_ocgt": 0.01, "gas_steam": 0.06,
    "gas_recip": 0.05, "gas_wcmg": 0.3, "distillate": 0.0, "hydro": 0.3, "wind": 0.3,
    "solar_utility": 0.7, "bioenergy_biogas": 0.3, "bioenergy_biomass": 0.2, "battery": 0.4,
    "battery_charging": 0.0, "pumps": 0.1,
}  # fmt: skip
"""The mean share of its capacity that a unit makes; of the sun, when it is in the zenith; of a
battery, in the evening."""

HEAD = "I,DISPATCH,UNIT_SCADA,1,SETTLEMENTDATE,DUID,SCADAVALUE,LASTCHANGED"


@cache
def units() -> Mapping[str, tuple[str, str, float]]:
    """Return the region, the fuel and the capacity in MW of each unit."""
    return {
        duid: (region, fuel, capacity_mw)
        for region, fuels in load("aemo_units.json")["units"].items()
        for fuel, registered in fuels.items()
        for duid, capacity_mw in registered.items()
    }


def units_mw(end: datetime) -> dict[str, float]:
    """Return the power of each unit in the interval that ends at ``end`` (UTC), in MW."""
    start = end - STEP
    demand = shapes.demand(start.astimezone(MARKET_TIME))
    sun, evening = (
        shapes.sun(start, *MIDDLE),
        shapes.bump(start.astimezone(MARKET_TIME), EVENING_H, 2.5),
    )
    follows = {"solar_utility": sun, "battery": evening - 0.6 * sun, "hydro": demand}
    follows |= dict.fromkeys(("coal_black", "coal_brown"), 0.8 * demand + 0.2 * (1 - sun))
    mw: dict[str, float] = {}
    for duid, (region, fuel, capacity_mw) in units().items():
        weather = shapes.drift(start, timedelta(hours=5), f"aemo {fuel} {region}")
        wobble = 1 + (0.5 if fuel == "wind" else 0.05) * weather
        mw[duid] = round(capacity_mw * SHARE[fuel] * wobble * follows.get(fuel, 1.0), 3)
    return mw


def generation_mw(region: str, end: datetime) -> dict[str, float]:
    """Return the generation of a region by fuel in the interval that ends at ``end``, in MW."""
    made: dict[str, float] = {}
    for duid, mw in units_mw(end).items():
        of_region, fuel, _ = units()[duid]
        if of_region == region and fuel not in {"pumps", "battery_charging"}:
            made[fuel] = made.get(fuel, 0.0) + (max(0.0, mw) if fuel == "battery" else mw)
    return made


def file_name(end: datetime) -> str:
    """Return the name of the file of an interval, without its ending."""
    sequence = int(end.timestamp()) // 300 + 540_000_000
    return f"PUBLIC_DISPATCHSCADA_{end.astimezone(MARKET_TIME):%Y%m%d%H%M}_{sequence:016d}"


def file_csv(end: datetime) -> str:
    """Return the CSV file of an interval. Its last line has the count of its lines."""
    local, written = end.astimezone(MARKET_TIME), (end - STEP).astimezone(MARKET_TIME)
    stamp, changed = f"{local:%Y/%m/%d %H:%M:%S}", f"{written:%Y/%m/%d %H:%M:%S}"
    rows = [
        f'D,DISPATCH,UNIT_SCADA,1,"{stamp}",{duid},{mw},"{changed}"'
        for duid, mw in sorted(units_mw(end).items())
    ]
    at = f"{written:%Y/%m/%d},{written:%H:%M:%S}"
    head = f"C,NEMP.WORLD,DISPATCHSCADA,AEMO,PUBLIC,{at},1,DISPATCHSCADA,1"
    lines = [head, HEAD, *rows, f'C,"END OF REPORT",{len(rows) + 3}']
    return "".join(f"{line}\r\n" for line in lines)


def listed(now: datetime) -> Iterator[datetime]:
    """Yield the ends of the intervals whose files the folder has at ``now`` (UTC), oldest first."""
    newest_start = now - WRITTEN_AFTER
    newest_start -= timedelta(
        minutes=newest_start.minute % 5,
        seconds=newest_start.second,
        microseconds=newest_start.microsecond,
    )
    count = LISTED_FOR // STEP
    for back in range(count - 1, -1, -1):
        yield newest_start + STEP - back * STEP


def page(now: datetime) -> str:
    """Return the page of the folder."""
    links = []
    for end in listed(now):
        local, name = (end - STEP).astimezone(MARKET_TIME), f"{file_name(end)}.zip"
        date = f"{local:%A, %B %d, %Y %I:%M %p}"
        links.append(
            f'{date:>36} {9000:>12} <A HREF="/Reports/CURRENT/Dispatch_SCADA/{name}">{name}</A><br>'
        )
    title = "www.nemweb.com.au - /Reports/CURRENT/Dispatch_SCADA/"
    return (
        f"<html><head><title>{title}</title></head><body><H1>{title}</H1><hr>\r\n\r\n"
        '<pre><A HREF="/Reports/CURRENT/">[To Parent Directory]</A><br><br>'
        f"{''.join(links)}</pre><hr></body></html>"
    )


def packed(name: str, text: str) -> bytes:
    """Return the ZIP file of a text."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), text)
    return buffer.getvalue()


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path == FOLDER:
        return Answer(page(now).encode(), "text/html")
    asked = request.path.removeprefix(FOLDER)
    for end in listed(now):
        name = file_name(end)
        if asked == f"{name}.zip":
            return Answer(packed(f"{name}.CSV", file_csv(end)), ZIP)
    return Answer(b"<html><body>404 - File or directory not found.</body></html>", "text/html", 404)


Change = Callable[[list[str], Mapping[str, Any]], list[str] | None]


def of_rows(change: Change) -> PayloadFault:
    """Return the fault that changes the rows of units of the posted zone, or of all.

    ``change`` gets a row's columns and returns them changed, or ``None`` to leave the row out. The
    last line of the file counts the lines that are left. The page of the folder stays as it is.
    """

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        if body.startswith("<"):
            return body
        lines: list[str] = []
        for columns in csv.reader(body.splitlines()):
            changed: list[str] | None = columns
            if columns[0] == "D":
                region = units().get(columns[5], ("",))[0]
                if fields.get("zone") in {None, region}:
                    changed = change(columns, fields)
                if changed is not None:
                    changed[4] = f'"{changed[4]}"'
            elif columns[:2] == ["C", "END OF REPORT"]:
                changed = ["C", '"END OF REPORT"', str(len(lines) + 1)]
            if changed is not None:
                lines.append(",".join(changed))
        return "".join(f"{line}\r\n" for line in lines)

    return fault


def figures(change: Callable[[str], str]) -> PayloadFault:
    """Return the fault that changes every figure."""
    return of_rows(lambda columns, _: [*columns[:6], change(columns[6]), *columns[7:]])


def without(fuels: Callable[[Mapping[str, Any]], frozenset[str]]) -> PayloadFault:
    """Return the fault that leaves out the units of some fuels."""

    def change(columns: list[str], fields: Mapping[str, Any]) -> list[str] | None:
        return None if units()[columns[5]][1] in fuels(fields) else columns

    return of_rows(change)


def jumped(columns: list[str], _: Mapping[str, Any]) -> list[str]:
    """Give the power of wind farms as `JUMP` times as great."""
    if units()[columns[5]][1] == "wind":
        return [*columns[:6], str(float(columns[6]) * JUMP), *columns[7:]]
    return columns


HALF = frozenset(sorted(SHARE)[1::2])
"""Every second fuel, wind among them."""

PROVIDER = Provider(
    name="aemo",
    origins=frozenset({"https://nemweb.com.au"}),
    answer=answer,
    zone=lambda _: None,
    zones=frozenset({"NSW1", "QLD1", "SA1", "TAS1", "VIC1"}),
    routes=(FOLDER, f"{FOLDER}PUBLIC_DISPATCHSCADA_<stamp>_<number>.zip"),
    payload_faults={
        "missing_fuel": without(lambda fields: frozenset({fields.get("fuel") or "wind"})),
        "half_mix": without(lambda _: HALF),
        "spike": of_rows(jumped),
        "wrong_unit": figures(lambda mw: str(float(mw) / 1000)),
        "nan": figures(lambda _: "NaN"),
        "negative": figures(negative),
        "null": figures(lambda _: ""),
    },
)
