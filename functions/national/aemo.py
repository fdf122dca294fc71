"""Australia's National Electricity Market: what AEMO measures at each unit every five minutes.

The folder ``Dispatch_SCADA`` lists one ZIP file for each dispatch interval of the last two days. A
file is written when its interval begins, with the power of each unit at that moment; its stamp is
the END of the interval in market time (UTC+10 all year). Fuel and region of a unit are in the table
``data/aemo_units.json``. Solar power on roofs is not among the units. AEMO refuses some addresses
of clouds with a 403. See https://nemweb.com.au.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from typing import Final, NamedTuple

from functions.national.feed import Feed, Parsed, asked, number_of
from greenstream.domain.errors import GreenStreamError, InvalidError
from greenstream.domain.mix import NOTHING, Mix, Refusal
from greenstream.domain.reading import FUTURE_TOLERANCE
from greenstream.domain.tables import load
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixSlot

NAME: Final = "aemo"
PATH: Final = "/Reports/Current/Dispatch_SCADA/"
REGIONS: Final = ("NSW1", "QLD1", "SA1", "TAS1", "VIC1")
STEP: Final = timedelta(minutes=5)
MARKET_TIME: Final = timezone(timedelta(hours=10))
"""The time of all stamps: that of Brisbane, without daylight time."""

MOST_FILES: Final = 4
"""How many files a run reads at most, so that it stays short after an outage."""

MOST_BYTES: Final = 500_000
"""The most that a file holds when it is unpacked. A true one holds some 30 kB."""

FILE_NAME: Final = re.compile(r"PUBLIC_DISPATCHSCADA_(\d{12})_\d{1,20}\.zip", re.IGNORECASE)
COLUMNS: Final = ("SETTLEMENTDATE", "DUID", "SCADAVALUE")
LOADS: Final = frozenset({"pumps", "battery_charging"})
"""Units that only draw power. Their figures are above zero while they do."""

BATTERY: Final = "battery"
"""Units that make power or draw it: above zero they give back what was stored."""

UNKNOWN: Final = "unknown"
"""The fuel of the units that the table does not name. Their region is not known either."""

GREATEST_OF_CAPACITY: Final = 1.5
SLACK_MW: Final = 30.0
"""A unit makes at most this much more than `GREATEST_OF_CAPACITY` times its registered capacity."""


NOT_A_ZIP: Final = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What the library raises on damaged files, encrypted ones and those of another kind."""


class Unit(NamedTuple):
    """A unit of the market: its region, its fuel, and its registered capacity in MW."""

    region: str
    fuel: str
    capacity_mw: float


@cache
def units() -> Mapping[str, Unit]:
    """Return the units that the table names, by their dispatchable unit identifier (DUID)."""
    return {
        duid: Unit(region, fuel, float(capacity_mw))
        for region, fuels in load("aemo_units.json")["units"].items()
        for fuel, registered in fuels.items()
        for duid, capacity_mw in registered.items()
    }


def listed(page: bytes, now: datetime) -> list[tuple[datetime, str]]:
    """Return the files that the folder lists, oldest first: the end of each interval, and the name.

    Raises
    ------
    InvalidError
        ``malformed`` when the folder lists no file.
    """
    names = {match[0]: match[1] for match in FILE_NAME.finditer(page.decode(errors="replace"))}
    files: dict[datetime, str] = {}
    for name in sorted(names):  # Of two files of one interval, the later is a correction.
        end = _market_time(names[name], "%Y%m%d%H%M")
        if end is not None and end - now <= FUTURE_TOLERANCE:
            files[end] = name
    if not files:
        raise _invalid("the folder lists no file of dispatch intervals", "malformed")
    return sorted(files.items())


def parse(packed: bytes, end: datetime) -> dict[str, MixSlot]:
    """Return the slot of each region from the ZIP file of an interval.

    A region with a unit whose figure is refused is refused. A unit that the table does not name may
    belong to any region, so that it is beside the mix of each.

    Parameters
    ----------
    packed
        The file.
    end
        The end of the interval by the name of the file, in UTC.

    Raises
    ------
    InvalidError
        ``malformed`` when the file is no such ZIP file, ``contradiction`` when its rows are of
        another interval or less than it says.
    """
    rows = list(_rows(packed))
    mw: dict[str, dict[str, float]] = {region: {} for region in REGIONS}
    refusals: dict[str, Refusal] = {}
    unknown_mw = 0.0
    known: set[str] = set()
    for stamp, duid, text in rows:
        if _market_time(stamp, "%Y/%m/%d %H:%M:%S") != end:
            raise _invalid(f"a row of the file of {end} is of {stamp!r:.40}", "contradiction")
        if duid in known:
            raise _invalid(f"the file of {end} has two rows of {duid!r:.40}", "contradiction")
        known.add(duid)
        unit, value_mw = units().get(duid), number_of(text)
        if unit is None:
            if value_mw is None:
                raise _invalid(f"the unknown unit {duid!r:.40} makes {text!r:.40} MW", "malformed")
            unknown_mw += max(0.0, value_mw)
        elif refusal := _refusal(duid, unit, value_mw, text):
            refusals.setdefault(unit.region, refusal)
        elif unit.fuel not in LOADS and value_mw is not None:
            made_mw = max(0.0, value_mw) if unit.fuel == BATTERY else value_mw
            region_mw = mw[unit.region]
            region_mw[unit.fuel] = region_mw.get(unit.fuel, 0.0) + made_mw
    beside_mw = {UNKNOWN: round(unknown_mw, 3)} if unknown_mw > 0 else NOTHING
    return {
        region: MixSlot(
            Mix(
                end - STEP,
                end,
                {fuel: round(made, 3) for fuel, made in mw[region].items()},
                refusal=refusals.get(region),
            ),
            beside_mw=beside_mw,
        )
        for region in REGIONS
        if mw[region] or region in refusals
    }


def _refusal(duid: str, unit: Unit, value_mw: float | None, text: str) -> Refusal | None:
    if value_mw is None:
        return Refusal("not_a_number", f"{duid} makes {text!r:.40} MW")
    if abs(value_mw) > GREATEST_OF_CAPACITY * unit.capacity_mw + SLACK_MW:
        return Refusal(
            "implausible_mw",
            f"{duid} makes {value_mw:g} MW, and {unit.capacity_mw:g} MW are registered",
        )
    return None


def _rows(packed: bytes) -> Iterator[tuple[str, str, str]]:
    """Yield the stamp, the unit and the power of each row of a file, as they are written."""
    try:
        lines = list(csv.reader(io.StringIO(_unpacked(packed))))
    except csv.Error as error:
        raise _invalid(f"the file is no CSV file: {error!s:.80}", "malformed") from error
    head = next((line for line in lines if line[:1] == ["I"]), [])
    if not set(COLUMNS) <= set(head):
        raise _invalid(f"the columns are {','.join(head)!r:.200}", "malformed")
    last = lines[-1]
    if last[:2] != ["C", "END OF REPORT"] or last[2:3] != [str(len(lines))]:
        raise _invalid(f"the file has {len(lines)} lines and ends in {last!r:.80}", "contradiction")
    places = [head.index(column) for column in COLUMNS]
    for line in lines:
        if line == head or line[:1] == ["C"]:
            continue
        # A row that is lost would be missed by nobody.
        if line[:3] != ["D", *head[1:3]] or len(line) != len(head):
            raise _invalid(f"a row is {','.join(line)!r:.80}", "malformed")
        stamp, duid, text = (line[place] for place in places)
        yield stamp, duid, text


def _unpacked(packed: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            (member,) = archive.infolist()
            with archive.open(member) as opened:
                body = opened.read(MOST_BYTES + 1)
            text = body.decode()
    except NOT_A_ZIP as error:
        raise _invalid(
            f"the file is no ZIP file of one text: {error!s:.80}", "malformed"
        ) from error
    if len(body) > MOST_BYTES:
        raise _invalid(f"the file holds more than {MOST_BYTES} bytes", "too_large")
    if not text.strip():
        raise _invalid("the file is empty", "malformed")
    return text


def _market_time(text: str, form: str) -> datetime | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=MARKET_TIME).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _invalid(what: str, reason: str) -> InvalidError:
    return InvalidError(what, reason=reason, provider=NAME)


def read(http: HttpClient, since: datetime | None, now: datetime) -> Parsed:
    """Ask AEMO for the folder, and for the newest files in it.

    The newest file is read in each run, and with it those since the newest stored interval, up to
    `MOST_FILES`.
    """
    files = listed(asked(http, PATH).body, now)
    asked_for = [file for file in files if since is not None and file[0] > since] or files[-1:]
    slots: dict[str, list[MixSlot]] = {region: [] for region in REGIONS}
    errors: list[GreenStreamError] = []
    for end, name in asked_for[-MOST_FILES:]:
        try:
            of_regions = parse(asked(http, PATH + name).body, end)
        except GreenStreamError as error:
            errors.append(error)
            continue
        for region, slot in of_regions.items():
            slots[region].append(slot)
    return Parsed({region: of_region for region, of_region in slots.items() if of_region}, errors)


AEMO: Final = Feed(
    name=NAME,
    address="AEMO_BASE_URL",
    table="AEMO",
    read=read,
    not_metered="solar power on roofs, and units that the table of units does not name",
)
