"""Alberta: AESO's current supply and demand report, a CSV that is renewed every minute or two.

Each kind of plant has a row with its greatest capability, its net generation (TNG) and its reserve,
in MW. Gas stands in four rows; older reports have one, and a row of coal. The stamp is Alberta's
clock without an offset. See http://ets.aeso.ca.

Alberta stopped changing its clocks in 2026 and stays at six hours behind UTC (Bill 31, and release
2026c of the time zone database). Python reads the computer's own table of time zones, even where a
newer one is installed as a package, and an older table dates each winter's report one hour into
the future. So the offset stands here, and the table is asked about earlier reports only.
"""

import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from functions.national.feed import Feed, Parsed, asked, not_ahead, number_of, within_calendar
from greenstream.domain.errors import InvalidError
from greenstream.domain.mix import Mix, Refusal
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixSlot

NAME: Final = "aeso"
ZONE: Final = "AB"
PATH: Final = "/ets_web/ip/Market/Reports/CSDReportServlet?contentType=csv"
MOUNTAIN: Final = ZoneInfo("America/Edmonton")
"""Alberta's clock until it stopped being changed."""

ALBERTA: Final = timezone(timedelta(hours=-6))
"""Alberta's clock since `UNCHANGED_SINCE`."""

UNCHANGED_SINCE: Final = datetime(2026, 11, 1, 7, tzinfo=UTC)
"""The start of the hour that would have come twice, had the clocks gone back."""

STAMP: Final = "%b %d, %Y %H:%M"
UPDATED: Final = "Last Update :"
TOTAL: Final = "TOTAL"
STEP: Final = timedelta(minutes=1)
NET_GENERATION: Final = 2
"""The place of the net generation in a row of four: name, capability, net generation, reserve."""

ROUNDED_MW: Final = 1.0
"""By how much each row may differ from what it is rounded from."""


def parse(body: bytes, now: datetime) -> MixSlot:
    """Return the slot of a report.

    Parameters
    ----------
    body
        The CSV.
    now
        The present, aware UTC. In the hour that comes twice, the stamp is that of the latest such
        time that has passed.

    Raises
    ------
    InvalidError
        ``malformed`` when the report has no time or no rows of fuels.
    """
    moment: datetime | None = None
    mw: dict[str, float] = {}
    refusal: Refusal | None = None
    total: str | None = None
    for row in _rows(body):
        cells = [cell.strip() for cell in row]
        if cells and cells[0].startswith(UPDATED):
            # The stamp holds a comma and stands in quotation marks.
            moment = _moment(cells[0].removeprefix(UPDATED).strip(), now)
        if len(cells) != NET_GENERATION + 2:
            continue
        name, figure = cells[0], cells[NET_GENERATION]
        if name == TOTAL:
            total = figure
            break
        made = number_of(figure)
        if made is None:
            refusal = refusal or Refusal("not_a_number", f"{name!r:.40} makes {figure!r:.40} MW")
        elif mw.setdefault(name, made) != made:
            refusal = refusal or Refusal("contradiction", f"{name!r:.40} has two figures")
    if moment is None or not mw:
        raise InvalidError("the report has no time or no fuel", reason="malformed", provider=NAME)
    refusal = refusal or _differs(mw, total)
    return MixSlot(Mix(moment - STEP, moment, mw, refusal=refusal))


def _rows(body: bytes) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(body.decode())))
    except (csv.Error, UnicodeDecodeError) as error:
        what = f"the report is no CSV ({error!s:.80})"
        raise InvalidError(what, reason="malformed", provider=NAME) from error


def _differs(mw: dict[str, float], total: str | None) -> Refusal | None:
    """Return why the rows cannot be all of the total."""
    whole = None if total is None else number_of(total)
    if whole is None:
        return Refusal("malformed", "the rows have no total")
    parts = sum(mw.values())
    if abs(parts - whole) <= ROUNDED_MW * len(mw):
        return None
    return Refusal("contradiction", f"the rows make {parts:g} MW, and the total is {whole:g} MW")


def _moment(text: str, now: datetime) -> datetime | None:
    try:
        moment = datetime.strptime(text, STAMP).replace(tzinfo=ALBERTA)
        if moment >= UNCHANGED_SINCE:
            return within_calendar(moment.astimezone(UTC))
        wall = moment.replace(tzinfo=MOUNTAIN)
        first, second = (
            within_calendar(wall.replace(fold=fold).astimezone(UTC)) for fold in (0, 1)
        )
    except (ValueError, OverflowError):
        return None
    return second if second <= now else first


def read(http: HttpClient, _since: datetime | None, now: datetime) -> Parsed:
    """Ask AESO for the present report; older ones cannot be asked for."""
    return Parsed({ZONE: not_ahead([parse(asked(http, PATH).body, now)], now)})


AESO: Final = Feed(
    name=NAME,
    address="AESO_BASE_URL",
    table="AESO",
    read=read,
)
