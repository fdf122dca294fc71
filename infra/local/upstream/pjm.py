"""Simulates the feed ``gen_by_fuel`` of PJM's Data Miner 2: hourly means for a subscription key."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.wire import Answer, Provider, Request, json_answer

EASTERN = ZoneInfo("America/New_York")
HOUR = timedelta(hours=1)
FEED = "/api/v1/gen_by_fuel"
KEY_HEADER = "ocp-apim-subscription-key"
REFUSED_KEY = "bad"
MAX_ROWS = 50_000
MAX_RANGE = timedelta(days=366)
RENEWABLE = {"Hydro", "Other Renewables", "Solar", "Wind"}
FIELDS = (
    "datetime_beginning_utc",
    "datetime_beginning_ept",
    "fuel_type",
    "mw",
    "fuel_percentage_of_total",
    "is_renewable",
)
FILTERS = {"datetime_beginning_ept": EASTERN, "datetime_beginning_utc": UTC}
FILTER_FORMATS = ("%m/%d/%Y %H:%M", "%m/%d/%Y", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d")
STAMP = "%Y-%m-%dT%H:%M:%S"


def generation_mw(start: datetime) -> dict[str, float]:
    """Return the mean output by fuel, in MW, of the hour that starts at ``start`` (aware UTC)."""
    local = start.astimezone(EASTERN)
    flicker = shapes.drift(start, 2 * HOUR, "pjm flicker")
    fixed = {
        "Hydro": 1_900 + 1_300 * shapes.bump(local, 19, 3) + 80 * flicker,
        "Multiple Fuels": 750 + 350 * flicker,
        "Nuclear": 33_200 + 120 * shapes.drift(start, 24 * HOUR, "pjm nuclear"),
        "Oil": 420 + 300 * shapes.bump(local, 19, 3),
        "Other Renewables": 655 + 20 * flicker,
        "Solar": 9_500 * shapes.sun(start, 39.0, -78.0),
        "Storage": max(0.0, 60 * shapes.bump(local, 19, 2) - 5),
        "Wind": max(300, 3_900 + 3_300 * shapes.drift(start, 11 * HOUR, "pjm wind")),
    }
    rest_mw = 102_000 * shapes.demand(local) - sum(fixed.values())
    output = fixed | {"Coal": rest_mw * 0.27, "Gas": rest_mw * 0.73}
    return {fuel: float(round(output[fuel])) for fuel in sorted(output)}


def published_at(start: datetime) -> datetime:
    """Return when an hour is published: 75 to 120 minutes after its start, and in order."""
    return start + HOUR + timedelta(minutes=15 + 45 * shapes.noise("pjm delay", start.isoformat()))


def hour_items(start: datetime) -> list[dict[str, Any]]:
    """Return the rows of one hour with all fields."""
    output = generation_mw(start)
    total = sum(output.values())
    return [
        {
            "datetime_beginning_utc": start.strftime(STAMP),
            "datetime_beginning_ept": start.astimezone(EASTERN).strftime(STAMP),
            "fuel_type": fuel,
            "mw": mw,
            "fuel_percentage_of_total": round(mw / total, 4),
            "is_renewable": fuel in RENEWABLE,
        }
        for fuel, mw in output.items()
    ]


class BadFieldError(Exception):
    """The feed refuses a field of the query. The arguments are its name and the reason."""


def instant(field: str, text: str) -> datetime:
    """Parse the date of a filter in the time zone of that filter.

    Raises
    ------
    BadFieldError
        When the text is not a date.
    """
    for form in FILTER_FORMATS:
        try:
            return datetime.strptime(text.strip(), form).replace(tzinfo=FILTERS[field])
        except ValueError:
            continue
    raise BadFieldError(field, f"{text!r} is not a date")


def number(query: Mapping[str, str], field: str, default: int) -> int:
    """Parse a row number or a row count.

    Raises
    ------
    BadFieldError
        When the text is not a whole number above 0.
    """
    text = query.get(field.lower(), str(default))
    if not text.isdigit() or int(text) < 1:
        raise BadFieldError(field, f"{text!r} is not a whole number above 0")
    return int(text)


def hours(query: Mapping[str, str], now: datetime) -> list[datetime]:
    """Return the published hours that match the date filter, or those of the last 24 hours."""
    field = next((name for name in FILTERS if name in query), None)
    if field is None:
        first, last = now - 24 * HOUR, now
    else:
        begin, _, end = query[field].partition("to")
        first = instant(field, begin).astimezone(UTC)
        last = instant(field, end).astimezone(UTC) if end else first + 24 * HOUR - HOUR / 60
        if last - first > MAX_RANGE:
            raise BadFieldError(field, "the range exceeds 366 days")
    start = first.replace(minute=0, second=0, microsecond=0)
    start += HOUR if start < first else timedelta(0)
    published = []
    while start <= last and published_at(start) <= now:
        published.append(start)
        start += HOUR
    return published


def envelope(request: Request, now: datetime) -> dict[str, Any]:
    """Return the feed's answer: links, items, the interpreted query, and the number of all rows."""
    query = {name.lower(): value for name, value in request.query.items()}
    start_row = number(query, "startRow", 1)
    row_count = min(number(query, "rowCount", MAX_ROWS), MAX_ROWS)
    requested = [name for name in query.get("fields", ",".join(FIELDS)).split(",") if name]
    if unknown := set(requested) - set(FIELDS):
        raise BadFieldError("fields", f"unknown: {', '.join(sorted(unknown))}")
    order = query.get("order", "Asc").capitalize()
    starts = hours(query, now)
    rows = [item for start in starts for item in hour_items(start)]
    if order == "Desc":
        rows.reverse()
    page = rows[start_row - 1 : start_row - 1 + row_count]
    address = f"https://api.pjm.com{FEED}"
    links = [{"rel": "self", "href": f"{address}?{urlencode(request.query)}"}]
    if start_row + row_count <= len(rows):
        following = dict(request.query) | {"startRow": str(start_row + row_count)}
        links.append({"rel": "next", "href": f"{address}?{urlencode(following)}"})
    links.append({"rel": "metadata", "href": f"{address}/metadata"})
    return {
        "links": links,
        "items": [{name: row[name] for name in FIELDS if name in requested} for row in page],
        "searchSpecification": {
            "rowCount": row_count,
            **({"sort": query["sort"]} if "sort" in query else {}),
            "order": order,
            "startRow": start_row,
            "isActiveMetadata": True,
            "fields": requested,
            "filters": [{name: query[name]} for name in FILTERS if name in query],
        },
        "totalRows": len(rows),
    }


def refused(status: int, message: str) -> Answer:
    """Answer as the API's gateway does when it refuses a request."""
    return json_answer({"statusCode": status, "message": message}, status)


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    key = request.headers.get(KEY_HEADER, "").strip()
    if not key:
        return refused(401, "Access denied due to missing subscription key.")
    if key == REFUSED_KEY:
        return refused(401, "Access denied due to invalid subscription key.")
    if request.path != FEED:
        return refused(404, "Resource not found")
    try:
        return json_answer(envelope(request, now))
    except BadFieldError as error:
        field, message = error.args
        problem = {"field": field, "message": message, "detail": message}
        return json_answer({"errors": [problem]}, 400)


def missing_fuel(body: str, fault: Mapping[str, Any]) -> str:
    """Leave out every row of ``fuel``, which is Gas by default, as happened in April 2021."""
    document = json.loads(body)
    fuel = fault.get("fuel") or "Gas"
    remaining = [item for item in document["items"] if item.get("fuel_type") != fuel]
    document["totalRows"] -= len(document["items"]) - len(remaining)
    return json.dumps(document | {"items": remaining})


def wrong_unit(body: str, _: Mapping[str, Any]) -> str:
    """Give the output in GW, in a field with another name."""
    document = json.loads(body)
    for item in document["items"]:
        item["gw"] = item.pop("mw") / 1000
    return json.dumps(document)


PROVIDER = Provider(
    name="pjm",
    origins=frozenset({"https://api.pjm.com"}),
    answer=answer,
    zone=lambda _: "PJM",
    zones=frozenset({"PJM"}),
    routes=(FEED,),
    payload_faults={
        "missing_fuel": missing_fuel,
        "wrong_unit": wrong_unit,
        **figure_faults('"mw":', null="null"),
    },
)
