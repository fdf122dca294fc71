"""Simulates ISO New England's CSV of generation by fuel category.

The stamps and figures are like those recorded of the web service on three days of 2024. The lines
of the CSV follow what gridstatus 0.37.0 reads: four of comment, two of heading, and a last one with
the number of data lines. The text of the comments is not recorded.
"""

import csv
import io
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.series_faults import RowsFault, rows_faults
from infra.local.upstream.wire import Answer, PayloadFault, Provider, Request

EASTERN = ZoneInfo("America/New_York")
STEP = timedelta(minutes=5)
PUBLISHED_AFTER = timedelta(minutes=3)
"""How long after its stamp a line is published; the real delay is not recorded."""

PAGE = "/isoexpress/web/reports/operations/-/tree/gen-fuel-mix"
FEED = "/transform/csv/genfuelmix"
HEADING = ("H", "Date", "Time", "Gen Mw", "Fuel Category", "Fuel Category Rollup", "Marginal Flag")
ROLLED_UP = {"Landfill Gas", "Refuse", "Solar", "Wind", "Wood"}


def generation_mw(at: datetime) -> dict[str, int]:
    """Return the power of each fuel that runs, in MW, at an aware UTC time."""
    local = at.astimezone(EASTERN)
    flicker = shapes.drift(at, timedelta(minutes=10), "ne flicker")
    fixed = {
        "Batteries": 180 * shapes.bump(local, 19, 2),
        "Hydro": 900 + 900 * shapes.bump(local, 18, 3) + 30 * flicker,
        "Landfill Gas": 33 + flicker,
        "Nuclear": 3_355 + 3 * flicker,
        "Oil": 60 * shapes.bump(local, 18, 1),
        "Other": 20 * shapes.drift(at, timedelta(hours=3), "ne other"),
        "Refuse": 320 + 4 * flicker,
        "Solar": 1_100 * shapes.sun(at, 42.5, -71.8),
        "Wind": max(40, 800 + 700 * shapes.drift(at, timedelta(hours=9), "ne wind")),
        "Wood": 255 + 4 * flicker,
    }
    gas_mw = 12_400 * shapes.demand(local) + 60 * flicker - sum(fixed.values())
    output = {fuel: round(mw) for fuel, mw in (fixed | {"Natural Gas": gas_mw}).items()}
    return {fuel: output[fuel] for fuel in sorted(output) if output[fuel] > 0}


def stamps(day: date) -> Iterator[datetime]:
    """Yield the irregular stamps of a local day as aware UTC times."""
    at, end = (
        datetime.combine(midnight, time(), EASTERN).astimezone(UTC)
        for midnight in (day, day + timedelta(days=1))
    )
    while at < end:
        late = timedelta(seconds=round(170 * shapes.noise("ne stamp", at.isoformat())))
        if at + late < end:
            yield at + late
        at += STEP


def data_lines(day: date, now: datetime) -> list[list[str]]:
    """Return the published data lines of a day."""
    lines = []
    for at in stamps(day):
        if at + PUBLISHED_AFTER > now:
            break
        local = at.astimezone(EASTERN)
        lines += [
            [
                "D",
                f"{local:%m/%d/%Y}",
                f"{local:%H:%M:%S}",
                str(mw),
                fuel,
                "Renewables" if fuel in ROLLED_UP else fuel,
                "Y" if fuel == "Natural Gas" else "N",
            ]
            for fuel, mw in generation_mw(at).items()
        ]
    return lines


def to_csv(lines: list[list[str]]) -> str:
    """Return data lines as a file with comments, headings and the number of lines."""
    text = io.StringIO()
    out = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    out.writerow(("C", "Dispatch Fuel Mix"))
    out.writerow(("C", "SIMULATED DATA"))
    out.writerow(("C", "These are not measurements"))
    out.writerow(("C", "Times are local"))
    out.writerow(HEADING)
    out.writerow(("H", "Date", "HH:MM:SS", "MW", "String", "String", "String"))
    out.writerows(lines)
    out.writerow(("T", str(len(lines))))
    return text.getvalue()


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    if request.path == PAGE:
        cookie = {"Set-Cookie": "isox_token=simulated; Path=/"}
        return Answer(b"<html><body>Dispatch Fuel Mix</body></html>", "text/html", headers=cookie)
    if request.path == FEED:
        if "isox_token" not in request.headers.get("cookie", ""):
            return Answer(b"<html><body>Forbidden</body></html>", "text/html", 403)
        try:
            day = datetime.strptime(request.query.get("start", ""), "%Y%m%d").replace(tzinfo=UTC)
        except ValueError:
            return Answer(b"<html><body>Bad Request</body></html>", "text/html", 400)
        return Answer(to_csv(data_lines(day.date(), now)).encode(), "text/csv")
    return Answer(b"<html><body>Not Found</body></html>", "text/html", 404)


def missing_fuel(body: str, fields: Mapping[str, Any]) -> str:
    """Leave out every line of ``fuel``, which is Nuclear by default."""
    fuel = fields.get("fuel") or "Nuclear"
    return "\n".join(line for line in body.split("\n") if f',"{fuel}","' not in line)


def half_written(body: str, _: Mapping[str, Any]) -> str:
    """Keep only two lines of the last stamp, as if the file were read while it is written."""
    lines = [line for line in csv.reader(io.StringIO(body)) if line[:1] == ["D"]]
    last = [line for line in lines if line[1:3] == lines[-1][1:3]] if lines else []
    return to_csv(lines[: len(lines) - len(last) + 2])


def wrong_unit(body: str, _: Mapping[str, Any]) -> str:
    """Name the unit in the heading another way."""
    return body.replace('"Gen Mw"', '"Gen kW"')


def rows_fault(change: RowsFault) -> PayloadFault:
    """Return the fault that changes the data lines."""

    def fault(body: str, _: Mapping[str, Any]) -> str:
        lines = [line for line in csv.reader(io.StringIO(body)) if line[:1] == ["D"]]
        rows = [{"slot": f"{line[1]} {line[2]}", "fuel": line[4], "line": line} for line in lines]
        changed = change([row | {"mw": row["line"][3]} for row in rows])
        return to_csv([[*row["line"][:3], str(row["mw"]), *row["line"][4:]] for row in changed])

    return fault


SERIES_FAULTS = rows_faults("slot", "fuel", "mw", jumps="Hydro")

PROVIDER = Provider(
    name="isone",
    origins=frozenset({"https://www.iso-ne.com"}),
    answer=answer,
    zone=lambda _: "ISONE",
    zones=frozenset({"ISONE"}),
    routes=(PAGE, f"{FEED}?start={{YYYYMMDD}}"),
    payload_faults={
        "missing_fuel": missing_fuel,
        "half_written": half_written,
        "wrong_unit": wrong_unit,
        **{name: rows_fault(change) for name, change in SERIES_FAULTS.items() if name != "frozen"},
        "frozen": rows_fault(
            # A fuel may stand in one stamp and not in the next, so that only those repeat that run.
            lambda rows: SERIES_FAULTS["frozen"](
                [row for row in rows if row["fuel"] not in {"Other", "Oil", "Batteries", "Solar"}]
            )
        ),
        **figure_faults(r'"\d\d:\d\d:\d\d","', '"', null=""),
    },
)
