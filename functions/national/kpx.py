"""South Korea: the generation by five minutes on a page of Korea Power Exchange (KPX).

The page holds the day so far as a list of rows in its script, which draws a chart of them. Each row
has a moment in Seoul's time and the MW of each kind of plant as texts, in which the script allows
blanks. The moment is taken for the end of five minutes, which at most makes a figure look five
minutes older. Rows of the day's rest have the moment ``0``. Pumped storage is below 0 while it
pumps. Solar power outside of the market (``ppa``, ``btm``) is KPX's estimate: whether it belongs to
the mix depends on what is asked, so that it widens the bounds and lowers the coverage.

The rows are those of a recorded page of 2023-09-01. The fields that came later (``windPower``,
``ppa``, ``btm``) and the address of today's page follow Electricity Maps' public reader
(electricitymaps-contrib at b354f28, KPX.py), which asks through an address in Korea and does not
verify the server's certificate, so that KPX may refuse requests from elsewhere. KPX is a public
institution, whose data anybody may use, also commercially (Korea's Act on Promotion of the
Provision and Use of Public Data, articles 1 and 3).
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from functions.national.feed import Feed, Parsed, asked, not_ahead, within_calendar
from greenstream.domain.errors import InvalidError
from greenstream.domain.mix import Mix, Refusal
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixSlot

NAME: Final = "kpx"
PATH: Final = "/powerinfoSubmain.es?mid=a10606030000"
ZONE: Final = "KR"
STEP: Final = timedelta(minutes=5)
SEOUL: Final = ZoneInfo("Asia/Seoul")

ROWS: Final = re.compile(r"\bictArr\s*=\s*(\[\{[^\]]{1,500000}\}\])")
NOT_YET: Final = "0"
"""The moment of a row whose time has not come."""

FIRST_ROW_MINUTES: Final = 15
"""How many minutes a new day in Seoul may have no row yet."""

NO_FUEL: Final = frozenset({"seq", "once", "regDate", "newRenewablePlusWindPower"})
"""Fields that are no kind of plant, and the sum of two that are."""

BESIDE: Final = frozenset({"ppa", "btm"})
"""Solar power outside of the market, as KPX estimates it."""

OUTSIDE: Final = "sunlightOutside"
"""The name that the solar power outside of the market has here."""


def parse(page: str) -> list[MixSlot]:
    """Return the slots of a page, oldest first.

    Raises
    ------
    InvalidError
        ``malformed`` when the rows or a moment cannot be read, ``contradiction`` when two rows of
        one moment differ.
    """
    match = ROWS.search(page)
    if match is None:
        raise _invalid(f"the page has no rows ({len(page)} characters)")
    try:
        rows = json.loads(match[1])
    except (ValueError, RecursionError) as error:
        raise _invalid(f"the rows are not JSON: {match[1]!r:.60}") from error
    slots: dict[datetime, MixSlot] = {}
    for row in rows:
        if not isinstance(row, dict):
            raise _invalid(f"a row is {row!r:.60}")
        if row.get("regDate") == NOT_YET:
            continue
        end = _moment(row.get("regDate"))
        slot = _slot(row, end)
        if slots.setdefault(end, slot) != slot:
            raise _invalid(f"two rows of {end} differ", "contradiction")
    return [slots[end] for end in sorted(slots)]


def _slot(row: Mapping[str, Any], end: datetime) -> MixSlot:
    mw: dict[str, float] = {}
    beside_mw = 0.0
    for field, text in row.items():
        if field in NO_FUEL:
            continue
        value_mw = _number(text)
        if value_mw is None:
            refusal = Refusal("not_a_number", f"{field:.40} makes {text!r:.40} MW")
            return MixSlot(Mix(end - STEP, end, mw, refusal=refusal))
        if field in BESIDE:
            beside_mw += max(0.0, value_mw)
        else:
            mw[field] = value_mw
    beside = {OUTSIDE: round(beside_mw, 3)} if beside_mw else {}
    return MixSlot(Mix(end - STEP, end, mw), beside_mw=beside)


def _number(text: object) -> float | None:
    try:
        value = float(text.replace(" ", "")) if isinstance(text, str) else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _moment(text: object) -> datetime:
    try:
        local = datetime.strptime(str(text), "%Y-%m-%d %H:%M").replace(tzinfo=SEOUL)
        return within_calendar(local.astimezone(UTC))
    except (ValueError, OverflowError) as error:
        raise _invalid(f"the time {text!r:.60} is not YYYY-MM-DD hh:mm") from error


def _invalid(what: str, reason: str = "malformed") -> InvalidError:
    return InvalidError(what, reason=reason, provider=NAME)


def read(http: HttpClient, _since: datetime | None, now: datetime) -> Parsed:
    """Ask Korea Power Exchange for the page of the day so far."""
    page = asked(http, PATH).body.decode(errors="replace")
    slots = not_ahead(parse(page), now)
    begun = now.astimezone(SEOUL)
    day_begins = begun.hour == 0 and begun.minute < FIRST_ROW_MINUTES
    return Parsed({ZONE: slots} if slots or day_begins else {})


KPX: Final = Feed(
    name=NAME,
    address="KPX_BASE_URL",
    table="KPX",
    read=read,
    not_metered="solar power outside of the market, as KPX estimates it",
)
