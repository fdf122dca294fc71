"""Simulates Elexon's Insights API: the stream of FUELINST, as recorded on 2024-02-12.

The grid is the one of the simulated NESO (`infra.local.upstream.neso`), without the wind and sun
that are embedded in the distribution grids.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import neso, shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.series_faults import RowsFault, rows_faults
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request, json_answer

STREAM = "/bmrs/api/v1/datasets/FUELINST/stream"
STEP = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(seconds=20)
"""How long after its end a slot can be read. Its ``publishTime`` is the end itself."""

MAX_RANGE = timedelta(days=7)
"""The longest range of this simulator; that of the real API is not recorded."""

LONDON = ZoneInfo("Europe/London")
METERED_WIND = 0.8
"""The share of the wind that stands on the transmission system."""

LINKS_MW = {
    "INTELEC": 1000,
    "INTEW": 500,
    "INTFR": 2000,
    "INTGRNL": 500,
    "INTIFA2": 1000,
    "INTIRL": 500,
    "INTNED": 1000,
    "INTNEM": 1000,
    "INTNSL": 1400,
    "INTVKL": 1400,
}
"""The links to other grids and their capacity."""

EXPORTING = ("INTEW", "INTGRNL", "INTIRL")
"""The links to Ireland, which mostly imports from Great Britain."""


def generation_mw(start: datetime) -> dict[str, int]:
    """Return the power of each fuel in the slot that begins at ``start`` (UTC), in whole MW."""
    output_gw = neso.output_gw(start)
    flicker = shapes.drift(start, timedelta(minutes=10), "gb flicker")
    local = start.astimezone(LONDON)
    gas = output_gw["gas"] * 1000 + 40 * flicker
    mw = {
        "BIOMASS": output_gw["biomass"] * 1000 + 5 * flicker,
        "CCGT": gas * 0.99,
        "COAL": 0,
        "NPSHYD": output_gw["hydro"] * 1000 + 8 * flicker,
        "NUCLEAR": output_gw["nuclear"] * 1000 + 3 * flicker,
        "OCGT": gas * 0.01,
        "OIL": 0,
        "OTHER": output_gw["other"] * 1000 + 4 * flicker,
        "PS": 6000 * (shapes.demand(local) - 1),
        "WIND": output_gw["wind"] * METERED_WIND * 1000 + 30 * flicker,
    }
    ireland_mw = 0.6 * sum(LINKS_MW[link] for link in EXPORTING)
    mainland_mw = sum(LINKS_MW.values()) - sum(LINKS_MW[link] for link in EXPORTING)
    share = (output_gw["imports"] * 1000 + ireland_mw) / mainland_mw
    for link, capacity_mw in LINKS_MW.items():
        mw[link] = -0.6 * capacity_mw if link in EXPORTING else min(1.0, share) * capacity_mw
    return {fuel: round(mw[fuel]) for fuel in sorted(mw)}


def settlement(start: datetime) -> tuple[str, int]:
    """Return the settlement date and period of a slot, counted from midnight in London."""
    day = start.astimezone(LONDON).date()
    midnight = datetime(day.year, day.month, day.day, tzinfo=LONDON).astimezone(UTC)
    return day.isoformat(), (start - midnight) // timedelta(minutes=30) + 1


def rows_of(start: datetime) -> Iterator[dict[str, Any]]:
    """Yield the rows of a slot."""
    date, period = settlement(start)
    for fuel, mw in generation_mw(start).items():
        yield {
            "dataset": "FUELINST",
            "publishTime": f"{start + STEP:%Y-%m-%dT%H:%M:%SZ}",
            "startTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
            "settlementDate": date,
            "settlementPeriod": period,
            "fuelType": fuel,
            "generation": mw,
        }


def slots(published_from: datetime, published_to: datetime) -> Iterator[datetime]:
    """Yield the starts of the slots that are published in a range, the newest first."""
    newest = published_to.replace(minute=published_to.minute // 5 * 5, second=0, microsecond=0)
    while newest >= published_from:
        yield newest - STEP
        newest -= STEP


def moment(text: str) -> datetime | None:
    """Parse an instant with an offset. Return None for any other text."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if at.tzinfo is None else at.astimezone(UTC)


def bad(member: str, text: str) -> Answer:
    """Answer 400 in the format of the API's framework."""
    problem = {
        "type": "https://tools.ietf.org/html/rfc9110#section-15.5.1",
        "title": "One or more validation errors occurred.",
        "status": 400,
        "errors": {member: [f"The value '{text}' is not valid."]},
    }
    return json_answer(problem, 400)


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path != STREAM:
        return json_answer({"statusCode": 404, "message": "Resource not found"}, 404)
    published = now - PUBLISHED_AFTER
    texts = {
        "publishDateTimeFrom": request.query.get("publishDateTimeFrom", ""),
        "publishDateTimeTo": request.query.get("publishDateTimeTo", published.isoformat()),
    }
    moments = {member: moment(text) for member, text in texts.items()}
    first, last = moments["publishDateTimeFrom"], moments["publishDateTimeTo"]
    if first is None or last is None:
        member = next(member for member, at in moments.items() if at is None)
        return bad(member, texts[member])
    if last - first > MAX_RANGE:
        return bad("publishDateTimeFrom", texts["publishDateTimeFrom"])
    starts = slots(first, min(last, published))
    return json_answer([row for start in starts for row in rows_of(start)])


def rows_fault(
    change: Callable[[list[dict[str, Any]], Mapping[str, Any]], list[dict[str, Any]]],
) -> PayloadFault:
    """Return the fault that changes the rows of an answer."""

    def fault(body: str, fields: Mapping[str, Any]) -> str:
        return json.dumps(change(json.loads(body), fields), separators=(",", ":"))

    return fault


def of_rows(change: RowsFault) -> PayloadFault:
    """Return the fault for a change that needs no field of the posted fault."""
    return rows_fault(lambda rows, _: change(rows))


def missing_fuel(rows: list[dict[str, Any]], fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Leave out every row of ``fuel``, which is CCGT by default."""
    fuel = fields.get("fuel") or "CCGT"
    return [row for row in rows if row["fuelType"] != fuel]


def false_zero(rows: list[dict[str, Any]], fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Set ``fuel``, which is NUCLEAR by default, to 0 MW."""
    fuel = fields.get("fuel") or "NUCLEAR"
    return [row | {"generation": 0} if row["fuelType"] == fuel else row for row in rows]


def contradiction(rows: list[dict[str, Any]], _: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Repeat every row with another figure and the same time of publication."""
    return rows + [row | {"generation": row["generation"] + 1} for row in rows]


def half_written(rows: list[dict[str, Any]], _: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Keep only the links of the newest slot, as if it were read while it is published."""
    newest = max((row["startTime"] for row in rows), default="")
    return [row for row in rows if row["startTime"] != newest or row["fuelType"].startswith("INT")]


def wrong_unit(rows: list[dict[str, Any]], _: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the power in GW."""
    return [row | {"generation": row["generation"] / 1000} for row in rows]


SERIES_FAULTS = rows_faults("startTime", "fuelType", "generation", jumps="CCGT")

PROVIDER = Provider(
    name="elexon",
    origins=frozenset({"https://data.elexon.co.uk"}),
    answer=answer,
    zone=lambda _: "GBR",
    zones=frozenset({"GBR"}),
    routes=(STREAM,),
    payload_faults={
        "missing_fuel": rows_fault(missing_fuel),
        "false_zero": rows_fault(false_zero),
        "contradiction": rows_fault(contradiction),
        "half_written": rows_fault(half_written),
        "wrong_unit": rows_fault(wrong_unit),
        **{name: of_rows(change) for name, change in SERIES_FAULTS.items()},
        **figure_faults('"generation":', null="null"),
    },
)
