"""Simulates CAISO's CSV of generation by fuel source: one day of ``HH:MM`` rows in Pacific time."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.wire import Answer, Provider, Request

PACIFIC = ZoneInfo("America/Los_Angeles")
STEP = timedelta(minutes=5)
STEPS_PER_DAY = 288
EMPTY_ROWS = 12
PUBLISHED_AFTER = timedelta(minutes=8)
"""How long after the start of its interval a row is published."""

COLUMNS = (
    "Solar",
    "Wind",
    "Geothermal",
    "Biomass",
    "Biogas",
    "Small hydro",
    "Coal",
    "Nuclear",
    "Natural Gas",
    "Large Hydro",
    "Batteries",
    "Imports",
    "Other",
)
HISTORY = re.compile(r"/outlook/history/(\d{8})/fuelsource\.csv")
STATION_USE_MW = -40
"""The output of the solar plants at night, which then consume electricity."""


def generation_mw(at: datetime) -> dict[str, int]:
    """Return the output by source, in MW, at an aware UTC time.

    Batteries are negative while they charge, and imports are negative while the zone exports.
    """
    local = at.astimezone(PACIFIC)
    flicker = shapes.drift(at, timedelta(minutes=15), "ca flicker")
    sun = shapes.sun(at, 35.5, -119.0)
    cloud = 0.9 + 0.1 * shapes.drift(at, timedelta(hours=3), "ca cloud")
    least_sun = 0.02
    values = {
        "Solar": 19_500 * min(1.0, 1.35 * sun) * cloud
        if sun > least_sun
        else STATION_USE_MW * cloud,
        "Wind": max(90, 2_100 + 1_900 * shapes.drift(at, timedelta(hours=7), "ca wind")),
        "Geothermal": 780 + 6 * flicker,
        "Biomass": 190 + 4 * flicker,
        "Biogas": 152 + 3 * flicker,
        "Small hydro": 227 + 8 * flicker,
        "Coal": 3,
        "Nuclear": 2_228 + 4 * flicker,
        "Large Hydro": 1_900 + 900 * shapes.bump(local, 19, 3) + 60 * flicker,
        "Batteries": 6_500 * shapes.bump(local, 19, 2.5) - 7_000 * sun * cloud + 90 * flicker,
        "Imports": 5_600 - 6_300 * sun * cloud + 250 * flicker,
        "Other": 0,
    }
    demand_mw = 25_500 * shapes.demand(local)
    values["Natural Gas"] = max(1_300 + 100 * flicker, demand_mw - sum(values.values()))
    return {column: round(values[column]) for column in COLUMNS}


def day_rows(day: date, now: datetime) -> Iterator[tuple[str, dict[str, int] | None]]:
    """Yield each ``HH:MM`` of a day with its values in MW.

    The values are None if daylight saving skips the time or the row is not published at ``now``.
    """
    for step in range(STEPS_PER_DAY):
        wall = datetime.combine(day, time()) + step * STEP
        at = wall.replace(tzinfo=PACIFIC).astimezone(UTC)
        skipped = at.astimezone(PACIFIC).replace(tzinfo=None) != wall
        known = not skipped and at + PUBLISHED_AFTER <= now
        yield f"{wall:%H:%M}", generation_mw(at) if known else None


def to_csv(rows: list[tuple[str, dict[str, int] | None]]) -> str:
    """Return rows as CSV. A row without values has empty cells."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(("Time", *COLUMNS))
    for stamp, values in rows:
        out.writerow((stamp, *(values[column] if values else "" for column in COLUMNS)))
    return text.getvalue()


def current_csv(now: datetime) -> str:
    """Return today's file: the rows so far and an hour of empty rows.

    Before the first row of today it is still yesterday's file, and nothing in it shows that.
    """
    today = now.astimezone(PACIFIC).date()
    rows = list(day_rows(today, now))
    known = sum(values is not None for _, values in rows)
    if not known:
        return to_csv(list(day_rows(today - timedelta(days=1), now)))
    last = max(number for number, (_, values) in enumerate(rows) if values)
    return to_csv(rows[: last + 1 + EMPTY_ROWS])


def history_csv(day: date, now: datetime) -> str:
    """Return a past day's file, which ends with the row 00:00 of the next day."""
    following = next(day_rows(day + timedelta(days=1), now))
    return to_csv([*day_rows(day, now), following])


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path == "/outlook/current/fuelsource.csv":
        return Answer(current_csv(now).encode(), "text/csv")
    if match := HISTORY.fullmatch(request.path):
        try:
            day = date.fromisoformat(match[1])
        except ValueError:
            return not_found()
        if day < now.astimezone(PACIFIC).date():
            return Answer(history_csv(day, now).encode(), "text/csv")
    return not_found()


def not_found() -> Answer:
    """Answer 404 with an HTML page."""
    page = b"<html><head><title>404 Not Found</title></head><body>Not Found</body></html>"
    return Answer(page, "text/html", 404)


def missing_fuel(body: str, fault: Mapping[str, Any]) -> str:
    """Empty the column of ``fuel``, which is Natural Gas by default."""
    rows = list(csv.reader(io.StringIO(body)))
    fuel = fault.get("fuel") or "Natural Gas"
    for row in rows[1:]:
        row[:] = [
            "" if column == fuel else value for column, value in zip(rows[0], row, strict=True)
        ]
    return "\n".join(",".join(row) for row in rows) + "\n"


def wrong_unit(body: str, _: Mapping[str, Any]) -> str:
    """Give the values in kW without a change of the heading."""
    head, *rows = csv.reader(io.StringIO(body))
    changed = [[row[0], *(cell and f"{cell}000" for cell in row[1:])] for row in rows]
    return "\n".join(",".join(row) for row in [head, *changed]) + "\n"


def half_written(body: str, _: Mapping[str, Any]) -> str:
    """Keep only three values of the newest row, as if the file were read while it is written."""
    rows = list(csv.reader(io.StringIO(body)))
    last = max(number for number, row in enumerate(rows) if row[1])
    rows[last] = rows[last][:4] + [""] * (len(COLUMNS) - 3)
    return "\n".join(",".join(row) for row in rows) + "\n"


def byte_order_mark(body: str, _: Mapping[str, Any]) -> str:
    """Begin with a byte-order mark, as CAISO's own files sometimes do."""
    return f"\ufeff{body}"


PROVIDER = Provider(
    name="caiso",
    origins=frozenset({"https://www.caiso.com"}),
    answer=answer,
    zone=lambda _: "CAISO",
    zones=frozenset({"CAISO"}),
    routes=("/outlook/current/fuelsource.csv", "/outlook/history/{YYYYMMDD}/fuelsource.csv"),
    payload_faults={
        "missing_fuel": missing_fuel,
        "half_written": half_written,
        "byte_order_mark": byte_order_mark,
        "wrong_unit": wrong_unit,
        **figure_faults(",", r"[,\n]"),
    },
)
