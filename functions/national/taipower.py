"""Taiwan: Taipower's table of all generating units, renewed every ten minutes.

The answer is JSON of the rows of a web page, whose first cell is HTML: the anchor in it names the
kind of plant. Each kind ends in a row with its sum. The stamp, in Taipei's time, stands under an
empty name. The live file begins with a byte order mark. Storage that is charged has a kind of its
own. Some units, on islands with a grid of their own, have no figure. The data are open (Open
Government Data License of Taiwan, version 1). See https://data.gov.tw/dataset/8931.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from functions.national.feed import Feed, Parsed, asked, number_of
from greenstream.domain.errors import InvalidError
from greenstream.domain.mix import Mix, Refusal
from greenstream.domain.reading import FUTURE_TOLERANCE
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixSlot

NAME: Final = "taipower"
PATH: Final = "/d006/loadGraph/loadGraph/data/genary.json"
PAGE: Final = "/d006/loadGraph/loadGraph/genshx_.html"
ZONE: Final = "TW"
STEP: Final = timedelta(minutes=10)
TAIPEI: Final = ZoneInfo("Asia/Taipei")
ROWS: Final = ("aaData", "dataset")
"""The names that the list of rows has in the live file, and in a recorded one."""

KIND: Final = re.compile(r"<A NAME='(\w{1,40})'>", re.IGNORECASE)
SUMS: Final = ("subtotal", "小計")
NO_FIGURE: Final = "N/A"
CHARGING: Final = "EnergyStorageSystemLoad"
"""The kind that only draws power."""

LEAST_COLUMNS: Final = 5
SUM_DIFFERS_MW: Final = 2.0
SUM_DIFFERS: Final = 0.01
"""By how much the sum of a kind may differ from its units, in MW and as a share: figures are
rounded."""


def parse(body: bytes, now: datetime) -> Parsed:
    """Return the slot of an answer.

    Raises
    ------
    InvalidError
        ``not_json``, ``malformed`` or ``future``.
    """
    try:
        answer = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _invalid(f"the answer is not JSON ({len(body)} bytes)", "not_json") from error
    if not isinstance(answer, dict):
        raise _invalid(f"the answer is {type(answer).__name__}, not an object", "malformed")
    moment = _moment(answer.get(""))
    if moment - now > FUTURE_TOLERANCE:
        raise _invalid(f"the table of {moment} is in the future", "future")
    rows = next((answer[name] for name in ROWS if isinstance(answer.get(name), list)), None)
    if rows is None:
        raise _invalid("the answer has no list of rows", "malformed")
    mw, refusal = _by_kind(rows)
    return Parsed({ZONE: [MixSlot(Mix(moment - STEP, moment, mw, refusal=refusal))]})


def _by_kind(rows: list[object]) -> tuple[dict[str, float], Refusal | None]:
    """Return the sum of each kind of plant, and why the table is refused."""
    units_mw: dict[str, float] = {}
    sums_mw: dict[str, float] = {}
    for row in rows:
        if not isinstance(row, list) or len(row) < LEAST_COLUMNS:
            return {}, Refusal("malformed", f"a row is {row!r:.80}")
        kind = KIND.search(str(row[0]))
        text = str(row[4]).strip()
        if kind is None:
            return {}, Refusal("malformed", f"a row has the kind {row[0]!r:.80}")
        is_sum = str(row[2]).lower().startswith(SUMS)
        if text == NO_FIGURE and not is_sum:
            continue
        value_mw = number_of(text.partition("(")[0] if is_sum else text)
        if value_mw is None:
            return {}, Refusal("not_a_number", f"{row[2]!s:.40} makes {text!r:.40} MW")
        if is_sum:
            sums_mw[kind[1]] = sums_mw.get(kind[1], 0.0) + value_mw
        else:
            units_mw[kind[1]] = units_mw.get(kind[1], 0.0) + value_mw
    units_mw.pop(CHARGING, None)
    return {kind: round(mw, 3) for kind, mw in units_mw.items()}, _differs(units_mw, sums_mw)


def _differs(units_mw: Mapping[str, float], sums_mw: Mapping[str, float]) -> Refusal | None:
    for kind, mw in units_mw.items():
        if kind not in sums_mw:
            return Refusal("contradiction", f"{kind} has no sum")
        if abs(mw - sums_mw[kind]) > SUM_DIFFERS_MW + SUM_DIFFERS * abs(sums_mw[kind]):
            return Refusal(
                "contradiction",
                f"the units of {kind} make {mw:g} MW, and their sum is {sums_mw[kind]:g} MW",
            )
    if lost := sums_mw.keys() - units_mw.keys() - {CHARGING}:
        return Refusal("contradiction", f"{', '.join(sorted(lost))} has a sum and no units")
    return None


def _moment(text: object) -> datetime:
    try:
        local = datetime.strptime(str(text), "%Y-%m-%d %H:%M").replace(tzinfo=TAIPEI)
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _invalid(f"the time {text!r:.60} is not YYYY-MM-DD hh:mm", "malformed") from error


def _invalid(what: str, reason: str) -> InvalidError:
    return InvalidError(what, reason=reason, provider=NAME)


def read(http: HttpClient, _since: datetime | None, now: datetime) -> Parsed:
    """Ask Taipower for the present table, as its web page does."""
    headers = {"X-Requested-With": "XMLHttpRequest", "Referer": http.base_url + PAGE}
    return parse(asked(http, PATH, headers=headers).body, now)


TAIPOWER: Final = Feed(
    name=NAME,
    address="TAIPOWER_BASE_URL",
    table="TAIPOWER",
    read=read,
)
