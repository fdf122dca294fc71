"""Simulates Korea Power Exchange's page of the generation by kind, as recorded on 2023-09-01.

The fields ``windPower``, ``ppa`` and ``btm`` came later; the recorded page has none of them. A row
whose time has not come has the moment ``0``, as a public reader of the page expects.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import negative
from infra.local.upstream.series_faults import FROZEN_SLOTS, JUMP
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request

PAGE = "/powerinfoSubmain.es"
STEP = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(minutes=2)
"""How long after its moment a row can be read; the real delay is not recorded."""

SEOUL = ZoneInfo("Asia/Seoul")
MIDDLE = (36.3, 127.6)
BESIDE = ("ppa", "btm")
OTHER_FIELDS = ("once", "regDate", "seq", "newRenewablePlusWindPower", *BESIDE)
MEAN_MW = {
    "nuclearPower": 21000, "coal": 21000, "localCoal": 365, "gas": 16500, "oil": 270,
    "waterPower": 750, "newRenewable": 3000, "windPower": 700, "sunlight": 8000,
    "raisingWater": 500,
}  # fmt: skip
"""The rough mean of each kind of plant; of the sun, its power when it is in the zenith."""

ROWS = re.compile(r"(var ictArr = )(\[.*?\])(;)")
Row = dict[str, Any]


def generation_mw(_zone: str, end: datetime) -> dict[str, float]:
    """Return the power of each kind of plant at the moment ``end`` (UTC), in MW."""
    demand, sun = shapes.demand(end.astimezone(SEOUL)), shapes.sun(end, *MIDDLE)
    mw: dict[str, float] = {}
    for kind, mean_mw in MEAN_MW.items():
        slow = shapes.drift(end, timedelta(hours=6), f"kpx {kind}")
        wobble = 1 + (0.5 if kind == "windPower" else 0.03) * slow
        follows = {
            "gas": demand,
            "coal": demand,
            "sunlight": sun,
            "raisingWater": (demand - 1) * 4,
        }.get(kind, 1.0)
        mw[kind] = round(mean_mw * wobble * follows, 3)
    return mw


def row_of(end: datetime) -> Row:
    """Return the row of a moment (UTC)."""
    mw = generation_mw("KR", end)
    local = end.astimezone(SEOUL)
    sun = shapes.sun(end, *MIDDLE)
    return {
        **{kind: str(value) for kind, value in mw.items()},
        "newRenewablePlusWindPower": str(round(mw["newRenewable"] + mw["windPower"], 3)),
        "ppa": str(round(9000 * sun, 1)),
        "btm": str(round(4000 * sun, 1)),
        "once": f"{local:%Y%m%d%H%M%S}",
        "regDate": f"{local:%Y-%m-%d %H:%M}",
        "seq": 0,
    }


def rows(now: datetime) -> list[Row]:
    """Return the rows of the day in Seoul."""
    midnight = now.astimezone(SEOUL).replace(hour=0, minute=0, second=0, microsecond=0)
    stamp, last = midnight.astimezone(UTC), now - PUBLISHED_AFTER
    listed = []
    while stamp < midnight.astimezone(UTC) + timedelta(days=1):
        later = {**dict.fromkeys([*MEAN_MW, *BESIDE], "0"), "once": "0", "regDate": "0", "seq": 0}
        listed.append(row_of(stamp) if stamp <= last else later)
        stamp += STEP
    return listed


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path != PAGE:
        return Answer(b"<html><body>404</body></html>", "text/html", 404)
    return Answer(page(rows(now)).encode(), "text/html;charset=UTF-8")


def page(listed: list[Row]) -> str:
    """Return the page with its rows."""
    return (
        "<!DOCTYPE html>\n<html><head><title>KPX</title></head><body>\n<script>\n"
        f"\tvar ictArr = {json.dumps(listed)};\n\tvar onceArr = new Array();\n"
        "</script></body></html>\n"
    )


def of_page(change: Callable[[list[Row], Mapping[str, Any]], list[Row]]) -> PayloadFault:
    """Return the fault that changes the rows of a page whose time has come."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        def changed(found: re.Match[str]) -> str:
            listed = json.loads(found[2])
            known = [row for row in listed if row["regDate"] != "0"]
            ahead = [row for row in listed if row["regDate"] == "0"]
            return found[1] + json.dumps(change(known, fields) + ahead) + found[3]

        return ROWS.sub(changed, body)

    return fault


def figures(change: Callable[[str], Any]) -> PayloadFault:
    """Return the fault that changes every figure of a kind of plant."""
    return of_page(
        lambda listed, _: [
            {name: value if name in OTHER_FIELDS else change(value) for name, value in row.items()}
            for row in listed
        ]
    )


def without(lost: Callable[[Mapping[str, Any]], frozenset[str]]) -> PayloadFault:
    """Return the fault that leaves out kinds of plants."""
    return of_page(
        lambda listed, fields: [
            {name: value for name, value in row.items() if name not in lost(fields)}
            for row in listed
        ]
    )


def frozen(listed: list[Row], _: Mapping[str, Any]) -> list[Row]:
    """Repeat the row before the newest eight in them."""
    if len(listed) <= FROZEN_SLOTS:
        return listed
    stands = {name: listed[-1 - FROZEN_SLOTS][name] for name in MEAN_MW}
    return [*listed[:-FROZEN_SLOTS], *(row | stands for row in listed[-FROZEN_SLOTS:])]


def spike(listed: list[Row], _: Mapping[str, Any]) -> list[Row]:
    """Give the newest row's coal as `JUMP` times as great."""
    return [*listed[:-1], *(row | {"coal": str(float(row["coal"]) * JUMP)} for row in listed[-1:])]


PROVIDER = Provider(
    name="kpx",
    origins=frozenset({"https://new.kpx.or.kr"}),
    answer=answer,
    zone=lambda _: "KR",
    zones=frozenset({"KR"}),
    routes=(PAGE,),
    payload_faults={
        "missing_fuel": without(lambda fields: frozenset({fields.get("fuel") or "gas"})),
        "half_mix": without(lambda _: frozenset(sorted(MEAN_MW)[::2])),
        "frozen": of_page(frozen),
        "spike": of_page(spike),
        "wrong_unit": figures(lambda mw: str(float(mw) / 1000)),
        "nan": figures(lambda _: "NaN"),
        "negative": figures(negative),
        "null": figures(lambda _: None),
    },
)
