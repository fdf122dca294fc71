"""Simulates EIA's workbooks of balancing authorities, in the form that public readers expect.

No true workbook is recorded. This one has the sheet, the headings and the kinds of cells that
readers in public repositories rely on: headings as shared strings, the UTC time as a number of days
since 1899-12-30, and no cell where there is no figure. It holds a few weeks instead of years, and
some of the 90 columns.
"""

import io
import re
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.wire import Answer, Provider, Request

FILE = re.compile(r"/electricity/gridmonitor/knownissues/xls/([A-Z0-9]{2,5})\.xlsx")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HOUR = timedelta(hours=1)
DAYS = 21
DAY_ZERO = datetime(1899, 12, 30, tzinfo=UTC)
WRITTEN_AT_HOUR = 13
"""The hour of the day (UTC) at which a workbook is written anew."""

COMPLETE_AFTER = timedelta(hours=30)
"""How old the newest complete hour is when a workbook is written."""

GCO2_KWH_PER_LB_KWH = 453.59237
HEADINGS = (
    "BA",
    "UTC time",
    "Local date",
    "Hour",
    "Time zone",
    "Demand",
    "Net generation",
    "CO2 Emissions Generated",
    "CO2 Emissions Consumed",
    "CO2 Emissions Intensity for Generated Electricity",
    "CO2 Emissions Intensity for Consumed Electricity",
)
MEAN_GCO2_KWH = {
    "LDWP": 390, "BPAT": 95, "BANC": 220, "PGE": 340, "PACE": 600, "NEVP": 330, "PSCO": 380,
    "PNM": 250, "AZPS": 320, "SCL": 70, "GCPD": 60, "WACM": 700, "SOCO": 385, "DUK": 230,
    "SC": 600, "TVA": 300, "FPL": 275, "TEC": 390, "JEA": 480, "TAL": 390, "CISO": 200,
    "NYIS": 235, "PJM": 335, "MISO": 440, "ERCO": 335, "ISNE": 250, "SWPP": 400,
    "AECI": 580, "AVA": 170, "CHPD": 60, "DOPD": 60, "TPWR": 65, "CPLE": 225, "CPLW": 230,
    "EPE": 450, "FMPP": 520, "FPC": 430, "GVL": 650, "IID": 150, "IPCO": 190, "LGEE": 830,
    "NWMT": 600, "PACW": 350, "PSEI": 330, "SCEG": 340, "SEC": 530, "SRP": 290, "TEPC": 640,
    "TIDC": 340, "WALC": 240,
}  # fmt: skip
"""The rough mean of what is consumed. Other authorities have none and are answered with a page."""

SHEET = "xl/worksheets/sheet1.xml"
PAGE = b"<!DOCTYPE html><html><body>The page you requested was not found.</body></html>"


def consumed_gco2_kwh(authority: str, end: datetime) -> float:
    """Return the intensity of what is consumed in the hour that ends at ``end`` (UTC), in g/kWh."""
    local = end - timedelta(hours=8)
    swing = 0.8 + 0.25 * shapes.demand(local) - 0.2 * shapes.sun(end, 36.0, -112.0)
    swing += 0.08 * shapes.drift(end, timedelta(hours=9), f"eia {authority}")
    return round(MEAN_GCO2_KWH[authority] * swing / GCO2_KWH_PER_LB_KWH, 6) * GCO2_KWH_PER_LB_KWH


def newest_hour(now: datetime) -> datetime:
    """Return the end of the newest complete hour at ``now`` (aware UTC)."""
    written = now.replace(hour=WRITTEN_AT_HOUR, minute=0, second=0, microsecond=0)
    if written > now:
        written -= timedelta(days=1)
    return written - COMPLETE_AFTER


def rows(authority: str, now: datetime) -> list[list[str | float | None]]:
    """Return the rows of a workbook; the hours after the newest complete one have no intensity."""
    newest = newest_hour(now)
    listed: list[list[str | float | None]] = []
    for back in reversed(range(-12, DAYS * 24)):
        end = newest - back * HOUR
        days = (end - DAY_ZERO) / timedelta(days=1)
        consumed = round(consumed_gco2_kwh(authority, end) / GCO2_KWH_PER_LB_KWH, 6)
        known: list[float | None] = [2_500.0, 1_900.0, 800.0, 900.0, consumed * 0.9, consumed]
        if back < 0:
            known = [2_500.0, None, None, None, None, None]
        listed.append([authority, days, float(int(days)), float(end.hour), "Pacific", *known])
    return listed


def letters(place: int) -> str:
    """Return the letter of a column, of which there are fewer than 27."""
    return chr(ord("A") + place)


def sheet(listed: list[list[str | float | None]], strings: list[str]) -> str:
    """Return the sheet's XML; a text is its number among the shared strings."""
    lines = []
    table: list[list[str | float | None]] = [list(HEADINGS), *listed]
    for number, cells in enumerate(table, 1):
        written = ""
        for place, value in enumerate(cells):
            at = f"{letters(place)}{number}"
            if isinstance(value, str):
                written += f'<c r="{at}" t="s"><v>{strings.index(value)}</v></c>'
            elif value is not None:
                written += f'<c r="{at}" s="1"><v>{value!r}</v></c>'
        lines.append(f'<row r="{number}">{written}</row>')
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        f"{''.join(lines)}</sheetData></worksheet>"
    )


def workbook(authority: str, now: datetime) -> bytes:
    """Return the workbook of an authority at ``now`` (aware UTC)."""
    strings = [*HEADINGS, authority, "Pacific"]
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in strings)
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="Notes" sheetId="1" r:id="rId9"/>'
        '<sheet name="Published Hourly Data" sheetId="2" r:id="rId1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">'
        f'<Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="rId2" Type="{office}/sharedStrings" Target="sharedStrings.xml"/>'
        "</Relationships>",
        "xl/sharedStrings.xml": f'<sst xmlns="{main}">{shared}</sst>',
        SHEET: sheet(rows(authority, now), strings),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, text in parts.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), text)
    return packed.getvalue()


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC). A missing workbook is answered with a page."""
    match = FILE.fullmatch(request.path)
    if match is None or match[1] not in MEAN_GCO2_KWH:
        return Answer(PAGE, "text/html")
    return Answer(workbook(match[1], now), XLSX)


def zone(request: Request) -> str | None:
    """Return the authority that a request is about."""
    match = FILE.fullmatch(request.path)
    return match[1] if match and match[1] in MEAN_GCO2_KWH else None


def wrong_unit(body: str, _: Mapping[str, Any]) -> str:
    """Name another unit in the headings."""
    return body.replace("Consumed Electricity", "Consumed Electricity (t/MWh)")


LAST_CELL = r'<c r="K\d+" s="1"><v>'
EIA_FAULTS = figure_faults(LAST_CELL, "</v></c>")


def spike(body: str, _: Mapping[str, Any]) -> str:
    """Give the newest intensity as a hundred times as great."""
    cells = list(re.finditer(rf"({LAST_CELL})([^<]*)", body))
    if not cells:
        return body
    last = cells[-1]
    return f"{body[: last.start()]}{last[1]}{float(last[2]) * 100!r}{body[last.end() :]}"


PROVIDER = Provider(
    name="eia",
    origins=frozenset({"https://www.eia.gov"}),
    answer=answer,
    zone=zone,
    zones=frozenset(MEAN_GCO2_KWH),
    routes=("/electricity/gridmonitor/knownissues/xls/{BA}.xlsx",),
    payload_faults={"wrong_unit": wrong_unit, "spike": spike, **EIA_FAULTS},
)
