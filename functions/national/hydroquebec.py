"""Quebec: Hydro-Québec's open data of what it makes by source, in JSON.

An answer holds the days before and this one, an hour or a quarter of one in each row. A row that is
still ahead has a total of 0 or none, and no sources. Times are Quebec's clock without an offset,
taken for the end of a row's interval, since it is not documented what they are. CC BY 4.0. See
https://www.hydroquebec.com/documents-donnees/donnees-ouvertes/.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final
from zoneinfo import ZoneInfo

from functions.national.feed import Feed, Parsed, asked, is_number, not_ahead, within_calendar
from greenstream.domain.errors import InvalidError
from greenstream.domain.mix import Mix, Refusal
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixSlot

NAME: Final = "hydroquebec"
ZONE: Final = "QC"
PATH: Final = "/data/documents-donnees/donnees-ouvertes/json/production.json"
EASTERN: Final = ZoneInfo("America/Toronto")
TOTAL: Final = "total"
STEP: Final = timedelta(hours=1)
"""The interval of a row where the rows do not show it."""

ROUNDED_MW: Final = 1.0


def parse(answer: object) -> list[MixSlot]:
    """Return the slot of each row of an answer that is not ahead, oldest first.

    Raises
    ------
    InvalidError
        ``malformed`` when the answer or the time of a row cannot be read.
    """
    rows = answer.get("details") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise _invalid(f"the answer is {type(answer).__name__} without details")
    ends: dict[datetime, Mapping[str, Any]] = {}
    for row in rows:
        if not isinstance(row, dict):
            raise _invalid(f"a row is {type(row).__name__}")
        values = row.get("valeurs")
        end, again = _moments(row.get("date"))
        if again < end:  # This local time does not exist: the clock skips it in spring.
            continue
        if end in ends and again != end:  # the hour that comes twice
            end = again
        given = values if isinstance(values, dict) else {}
        if ends.setdefault(end, given) != given:
            raise _invalid(f"two rows of {end} differ", "contradiction")
    moments = sorted(ends)
    steps = [later - earlier for earlier, later in pairwise(moments)]
    step = min(steps, default=STEP)
    return [
        MixSlot(_mix(ends[end], end - step, end))
        for end in moments
        if any(value is not None for source, value in ends[end].items() if source != TOTAL)
    ]


def _mix(values: Mapping[str, Any], start: datetime, end: datetime) -> Mix:
    mw: dict[str, float] = {}
    refusal: Refusal | None = None
    for source, value in values.items():
        if source == TOTAL or value is None:
            continue
        if is_number(value):
            mw[source] = float(value)
        else:
            refusal = Refusal("not_a_number", f"{source!s:.40} makes {value!r:.40} MW")
    total, parts = values.get(TOTAL), sum(mw.values())
    if refusal is None and not is_number(total):
        refusal = Refusal("malformed", "the row has no total")
    elif refusal is None and abs(parts - float(total or 0)) > ROUNDED_MW * len(mw):
        refusal = Refusal(
            "contradiction", f"the sources make {parts:g} MW, and the total is {total:g} MW"
        )
    return Mix(start, end, mw, refusal=refusal)


def _moments(text: object) -> tuple[datetime, datetime]:
    """Return the instants of a time: two in the hour that comes twice, otherwise the same twice.

    In the hour that the clock skips in spring, the second instant is the earlier.
    """
    try:
        wall = datetime.fromisoformat(text if isinstance(text, str) else "")
        wall = wall.replace(tzinfo=wall.tzinfo or EASTERN)
        first, again = (within_calendar(wall.replace(fold=fold).astimezone(UTC)) for fold in (0, 1))
    except (ValueError, OverflowError) as error:
        raise _invalid(f"the time of a row is {text!r:.40}") from error
    return first, again


def _invalid(what: str, reason: str = "malformed") -> InvalidError:
    return InvalidError(what, reason=reason, provider=NAME)


def read(http: HttpClient, _since: datetime | None, now: datetime) -> Parsed:
    """Ask Hydro-Québec for the present answer."""
    slots = not_ahead(parse(asked(http, PATH).json(provider=NAME)), now)
    return Parsed({ZONE: slots} if slots else {})


HYDROQUEBEC: Final = Feed(
    name=NAME,
    address="HYDROQUEBEC_BASE_URL",
    table="HYDROQUEBEC",
    read=read,
)
