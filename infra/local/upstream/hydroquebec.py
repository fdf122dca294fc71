"""Simulates Hydro-Québec's open data of generation, as recorded on 2023-08-16."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import negative
from infra.local.upstream.series_faults import FROZEN_SLOTS, JUMP
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request, json_answer

FILE = "/data/documents-donnees/donnees-ouvertes/json/production.json"
EASTERN = ZoneInfo("America/Toronto")
HOUR = timedelta(hours=1)
PUBLISHED_AFTER = timedelta(minutes=10)
"""How long after its stamp a row can be read; the real delay is not recorded."""

Values = dict[str, Any]


def generation_mw(_zone: str, stamp: datetime) -> dict[str, float]:
    """Return the power by source at a stamp (UTC), in MW."""
    demand = shapes.demand(stamp.astimezone(EASTERN))
    wobble = shapes.drift(stamp, timedelta(hours=2), "qc wobble")
    return {
        "hydraulique": float(round(20_500 * demand + 120 * wobble)),
        "eolien": float(round(1_500 + 1_100 * shapes.drift(stamp, timedelta(hours=9), "qc wind"))),
        "autres": float(round(610 + 12 * wobble)),
        "solaire": float(round(6 * shapes.sun(stamp, 46.0, -73.0))),
        "thermique": 0.0,
    }


def rows(now: datetime) -> list[dict[str, Any]]:
    """Return the rows of yesterday and today by Quebec's clock, those ahead with a total of 0."""
    midnight = now.astimezone(EASTERN).replace(hour=0, minute=0, second=0, microsecond=0)
    stamp = (midnight - timedelta(days=1)).astimezone(UTC) + HOUR / 2
    last = (midnight + timedelta(days=1)).astimezone(UTC)
    listed = []
    while stamp < last:
        values: Values = {"total": 0.0}
        if stamp + PUBLISHED_AFTER <= now:
            mw = generation_mw("QC", stamp)
            values = {"total": sum(mw.values()), **mw}
        wall = stamp.astimezone(EASTERN).replace(tzinfo=None)
        listed.append({"date": wall.isoformat(), "valeurs": values})
        stamp += HOUR
    return listed


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path != FILE:
        return Answer(b"<html><body>Not Found</body></html>", "text/html", 404)
    details = rows(now)
    known = [row for row in details if len(row["valeurs"]) > 1]
    return json_answer(
        {
            "dateStart": details[0]["date"],
            "dateEnd": details[-1]["date"],
            "recentHour": known[-1]["date"] if known else "",
            "indexDonneePlusRecent": len(known) - 1,
            "nbDateAvecData": len(known),
            "details": details,
        }
    )


def of_rows(change: Callable[[Values, Mapping[str, Any]], Values]) -> PayloadFault:
    """Return the fault that changes the sources of every row that is not ahead."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        document = json.loads(body)
        for row in document["details"]:
            if len(row["valeurs"]) > 1:
                row["valeurs"] = change(row["valeurs"], fields)
        return json.dumps(document)

    return fault


def figures(change: Callable[[float], Any]) -> PayloadFault:
    """Return the fault that changes every figure, the totals too."""
    return of_rows(lambda values, _: {source: change(mw) for source, mw in values.items()})


def summed(values: Values) -> Values:
    """Return sources with the total of them."""
    parts = {source: mw for source, mw in values.items() if source != "total"}
    return {"total": sum(parts.values()), **parts}


def missing_fuel(values: Values, fields: Mapping[str, Any]) -> Values:
    """Leave out ``fuel``, which is autres by default, also of the total."""
    lost = fields.get("fuel") or "autres"
    return summed({source: mw for source, mw in values.items() if source != lost})


def half_mix(values: Values, _: Mapping[str, Any]) -> Values:
    """Leave out every second source, also of the total."""
    return summed({source: values[source] for source in sorted(values.keys() - {"total"})[1::2]})


def frozen(body: str, _: Mapping[str, Any]) -> str:
    """Repeat the row before the newest eight in them."""
    document = json.loads(body)
    known = [row for row in document["details"] if len(row["valeurs"]) > 1]
    for row in known[-FROZEN_SLOTS:]:
        row["valeurs"] = known[-1 - FROZEN_SLOTS]["valeurs"]
    return json.dumps(document)


def spike(body: str, _: Mapping[str, Any]) -> str:
    """Give the newest row's wind as `JUMP` times as great, also in the total."""
    document = json.loads(body)
    newest = [row for row in document["details"] if len(row["valeurs"]) > 1][-1]
    values = newest["valeurs"]
    newest["valeurs"] = summed(values | {"eolien": values["eolien"] * JUMP})
    return json.dumps(document)


PROVIDER = Provider(
    name="hydroquebec",
    origins=frozenset({"https://www.hydroquebec.com"}),
    answer=answer,
    zone=lambda _: "QC",
    zones=frozenset({"QC"}),
    routes=(FILE,),
    payload_faults={
        "missing_fuel": of_rows(missing_fuel),
        "half_mix": of_rows(half_mix),
        "frozen": frozen,
        "spike": spike,
        "wrong_unit": figures(lambda mw: mw / 1000),
        "nan": figures(lambda _: float("nan")),
        "negative": figures(lambda mw: float(negative(str(mw)))),
        "null": figures(lambda _: None),
    },
)
