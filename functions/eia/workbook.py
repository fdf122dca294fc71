"""Reads the last hours of a balancing authority's workbook of the EIA-930 Hourly Grid Monitor.

The sheet ``Published Hourly Data`` has a row for each hour since 2015, the oldest first, and some
90 columns, which makes nine million cells. Only the last days are wanted, so that the sheet is
unpacked piece by piece, and of its text no more is kept than its first row and its end. A library
that reads workbooks reads all cells first (see ``tests/bench/workbook.py``).

The form follows public readers of these workbooks, since no true one is recorded: headings are
shared strings, times are numbers of days since 1899-12-30, and an hour without a figure has an
empty cell or none.
"""

import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from greenstream.domain.errors import InvalidError

NAME: Final = "eia"
SHEET: Final = "Published Hourly Data"
TIME: Final = "UTC time"
GENERATED: Final = "CO2 Emissions Intensity for Generated Electricity"
CONSUMED: Final = "CO2 Emissions Intensity for Consumed Electricity"
COLUMNS: Final = (TIME, GENERATED, CONSUMED)

GCO2_KWH_PER_LB_KWH: Final = 453.59237
HOUR: Final = timedelta(hours=1)
DAY_ZERO: Final = datetime(1899, 12, 30, tzinfo=UTC)
"""What the workbook counts days from."""

LATE_AUTHORITY: Final = "CISO"
LATE_FROM: Final = datetime(2023, 11, 1, tzinfo=UTC)
LATE_TO: Final = datetime(2025, 12, 2, tzinfo=UTC)
"""Between these times the hours of California ISO are dated one hour late."""

PIECE_BYTES: Final = 1 << 20
KEPT_BYTES: Final = 8 << 20
"""How much of the end of the sheet is kept: some 1,600 rows of 90 cells."""

MOST_UNPACKED_BYTES: Final = 1 << 30
MOST_TABLE_BYTES: Final = 32 << 20
"""The most that the sheet, and each of the other tables, holds when it is unpacked."""

ROW: Final = re.compile(rb"<(?:\w+:)?row(?: [^>]*)?(?<!/)>.*?</(?:\w+:)?row>", re.DOTALL)
CELL: Final = re.compile(rb"<(?:\w+:)?c((?: [^>]*?)?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
LETTERS: Final = re.compile(rb' r="([A-Z]{1,3})\d+"')
VALUE: Final = re.compile(rb"<(?:\w+:)?(?:v|t)(?: [^>]*)?>([^<]*)</")
MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
UNREADABLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    ET.ParseError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)
"""What a damaged workbook, or a body that is none, makes the standard library raise."""


class Hour(NamedTuple):
    """The intensities of one hour, in g/kWh, direct.

    ``consumed_gco2_kwh`` counts imports, ``generated_gco2_kwh`` does not. Either may be missing.
    """

    end: datetime
    consumed_gco2_kwh: float | None
    generated_gco2_kwh: float | None


def hours_of(body: bytes, authority: str, since: datetime) -> list[Hour]:
    """Return the hours of a workbook that end after ``since``, oldest first.

    Parameters
    ----------
    body
        The file.
    authority
        EIA's code of the balancing authority, named in errors.
    since
        Aware UTC. It must be among the last 1,600 hours or so of the sheet.

    Raises
    ------
    InvalidError
        ``not_xlsx`` when the body is no workbook (a missing file is answered with a page),
        ``malformed`` when it lacks the sheet or a column or cannot be read.
    """
    if not body.startswith(b"PK"):
        raise _invalid(f"the body is no workbook: {body[:40]!r}", "not_xlsx", authority)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            strings = _strings(archive)
            first, last = _ends_of(archive, _path_of(archive))
            columns = _columns(first, strings)
            hours: dict[datetime, Hour] = {}
            for row in reversed(ROW.findall(last)):  # Only the last rows are read.
                hour = _hour(row, columns, strings, authority)
                if hour is not None and hour.end <= since:
                    break
                if hour is not None:
                    hours[hour.end] = hour
    except UNREADABLE as error:
        what = f"{type(error).__name__}: {error!s:.120}"
        raise _invalid(f"the workbook cannot be read ({what})", "malformed", authority) from error
    return [hours[end] for end in sorted(hours)]


def _path_of(archive: zipfile.ZipFile) -> str:
    """Return the path of the sheet in the file."""
    book = ET.fromstring(_table(archive, "xl/workbook.xml"))  # noqa: S314 - a size limit holds
    links = ET.fromstring(_table(archive, "xl/_rels/workbook.xml.rels"))  # noqa: S314
    wanted = [
        sheet.attrib[RELATION]
        for sheet in book.iter(f"{MAIN}sheet")
        if sheet.attrib["name"] == SHEET
    ]
    if not wanted:
        raise ValueError(f"there is no sheet {SHEET!r}")
    target = next(link.attrib["Target"] for link in links if link.attrib["Id"] == wanted[0])
    return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"


def _strings(archive: zipfile.ZipFile) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.namelist():
        return []
    items = ET.fromstring(_table(archive, "xl/sharedStrings.xml"))  # noqa: S314
    return ["".join(text.text or "" for text in item.iter(f"{MAIN}t")) for item in items]


def _table(archive: zipfile.ZipFile, path: str) -> bytes:
    """Return a small part of the file, which may declare no entities."""
    with archive.open(path) as opened:
        text = opened.read(MOST_TABLE_BYTES + 1)
    if len(text) > MOST_TABLE_BYTES or b"<!" in text:
        raise ValueError(f"{path} is too large or declares something")
    return text


def _ends_of(archive: zipfile.ZipFile, path: str) -> tuple[bytes, bytes]:
    """Return the first row of the sheet, and its last `KEPT_BYTES`."""
    first, last, size = b"", b"", 0
    with archive.open(path) as opened:
        while piece := opened.read(PIECE_BYTES):
            size += len(piece)
            if size > MOST_UNPACKED_BYTES:
                raise ValueError(f"the sheet holds more than {MOST_UNPACKED_BYTES} bytes")
            first = first or piece
            last += piece
            if len(last) > 2 * KEPT_BYTES:
                last = last[-KEPT_BYTES:]
    row = ROW.search(first)
    if row is None:
        raise ValueError("the sheet has no rows")
    return row[0], last


def _columns(first: bytes, strings: Sequence[str]) -> dict[bytes, str]:
    """Return the names of the wanted columns by their letters."""
    names = {letters: str(value) for letters, value in _cells(first, strings) if value in COLUMNS}
    if lost := set(COLUMNS) - set(names.values()):
        raise ValueError(f"there is no column {', '.join(sorted(lost))}")
    return names


def _cells(row: bytes, strings: Sequence[str]) -> Iterator[tuple[bytes, float | str]]:
    """Yield the letters of a cell's column with its value; empty cells are left out."""
    for attributes, inside in CELL.findall(row):
        place, value = LETTERS.search(attributes), VALUE.search(inside)
        if place is None or value is None or not value[1].strip():
            continue
        letters, text = place[1], value[1].decode()
        if b't="s"' in attributes:
            yield letters, strings[int(text)]
        elif b't="' in attributes and b't="n"' not in attributes:
            yield letters, text
        else:
            yield letters, float(text)


def _hour(
    row: bytes, columns: dict[bytes, str], strings: Sequence[str], authority: str
) -> Hour | None:
    """Return the hour of a row, or ``None`` for the heading and for a row without a time."""
    values = {
        columns[letters]: value for letters, value in _cells(row, strings) if letters in columns
    }
    days = values.get(TIME)
    if not isinstance(days, float):
        return None
    end = DAY_ZERO + timedelta(hours=round(days * 24))
    if authority == LATE_AUTHORITY and LATE_FROM <= end < LATE_TO:
        end -= HOUR
    return Hour(end, _gco2_kwh(values.get(CONSUMED)), _gco2_kwh(values.get(GENERATED)))


def _gco2_kwh(lb_kwh: float | str | None) -> float | None:
    if not isinstance(lb_kwh, float) or not math.isfinite(lb_kwh):
        return None
    return lb_kwh * GCO2_KWH_PER_LB_KWH


def _invalid(what: str, reason: str, authority: str) -> InvalidError:
    return InvalidError(f"{authority}: {what}", reason=reason, provider=NAME)
