"""Simulates the GB Carbon Intensity API of NESO (once National Grid ESO), as recorded in 2026.

It has two properties of the real API that a client must handle. The half hour that it gives for
"now" is the last completed one, because it selects rows by their end, so that windows start one row
early. For ten minutes after the end of a half hour, ``actual`` repeats the value of the row before.
"""

import math
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from infra.local.upstream import shapes
from infra.local.upstream.neso_faults import (
    false_zero,
    figures_as,
    half_mix,
    missing_fuel,
    missing_region,
    null_actual,
    null_forecast,
    spike,
)
from infra.local.upstream.wire import Answer, Provider, Request, json_answer

HALF_HOUR = timedelta(minutes=30)
ACTUAL_DELAY = timedelta(minutes=10)
MAX_RANGE = timedelta(days=14)
STAMP = "%Y-%m-%dT%H:%MZ"
LONDON = ZoneInfo("Europe/London")
FUELS = ("biomass", "coal", "imports", "gas", "nuclear", "other", "hydro", "solar", "wind")
# The published factors. Imports have one mean, because their share is not split by country.
FACTORS_GCO2_KWH = {"biomass": 120, "coal": 937, "imports": 180, "gas": 394, "other": 300}
PUBLISHED_FACTORS = {
    "Biomass": 120,
    "Coal": 937,
    "Dutch Imports": 474,
    "French Imports": 53,
    "Gas (Combined Cycle)": 394,
    "Gas (Open Cycle)": 651,
    "Hydro": 0,
    "Irish Imports": 458,
    "Nuclear": 0,
    "Oil": 935,
    "Other": 300,
    "Pumped Storage": 0,
    "Solar": 0,
    "Wind": 0,
}
# Upper bounds in g/kWh, as in the recordings of 2026: 90 to 169 is moderate and 170 to 229 is high.
# No recording shows the lowest bound.
INDEX_BELOW = ((35, "very low"), (90, "low"), (170, "moderate"), (230, "high"))
ALMOST_NO_GAS = 0.05
"""A region with at most this amount of gas burns it only without wind and else reports zero."""

# Operator, name, and the amounts of gas, nuclear, wind and solar relative to the GB mean, by ID.
REGIONS = {
    1: ("Scottish Hydro Electric Power Distribution", "North Scotland", 0.05, 0.0, 3.0, 0.2),
    2: ("SP Distribution", "South Scotland", 0.1, 3.0, 2.0, 0.3),
    3: ("Electricity North West", "North West England", 0.5, 3.5, 0.8, 0.4),
    4: ("NPG North East", "North East England", 0.3, 3.5, 0.9, 0.4),
    5: ("NPG Yorkshire", "Yorkshire", 1.1, 0.3, 1.0, 0.8),
    6: ("SP Manweb", "North Wales and Merseyside", 0.9, 0.5, 1.2, 0.8),
    7: ("WPD South Wales", "South Wales", 2.2, 0.0, 0.5, 1.2),
    8: ("WPD West Midlands", "West Midlands", 1.1, 1.0, 0.6, 1.4),
    9: ("WPD East Midlands", "East Midlands", 1.6, 0.1, 0.9, 1.6),
    10: ("UKPN East", "East England", 0.9, 1.4, 1.2, 1.8),
    11: ("WPD South West", "South West England", 1.1, 1.0, 0.7, 2.0),
    12: ("SSE South", "South England", 1.3, 0.7, 0.7, 1.6),
    13: ("UKPN London", "London", 1.2, 0.6, 0.8, 0.5),
    14: ("UKPN South East", "South East England", 1.2, 0.8, 0.7, 1.4),
    15: ("England", "England", 1.1, 1.0, 0.8, 1.1),
    16: ("Scotland", "Scotland", 0.1, 1.8, 2.4, 0.3),
    17: ("Wales", "Wales", 1.7, 0.2, 0.9, 1.1),
    18: ("GB", "GB", 1.0, 1.0, 1.0, 1.0),
}
BAD_DATETIME = (
    "Please enter a valid datetime in ISO8601 format YYYY-MM-DDThh:mmZ "
    "e.g. /intensity/2017-08-25T15:30Z "
)
BAD_DATE = "Please enter a valid date in ISO8601 format YYYY-MM-DD e.g. /intensity/date/2017-08-25"


def output_gw(start: datetime, region: int = 18) -> dict[str, float]:
    """Return what the fuels make in a region at a time, in GW; all but coal, which is 0."""
    _, _, gas, nuclear, wind, solar = REGIONS[region]
    weather = shapes.drift(start, timedelta(hours=9), "gb wind")
    local = shapes.drift(start, timedelta(hours=5), f"gb wind {region}")
    demand_gw = 31 * shapes.demand(start.astimezone(LONDON))
    always_burns = gas > ALMOST_NO_GAS
    output = {
        "biomass": 2.2 * always_burns,
        "imports": (4.5 + 2 * shapes.drift(start, timedelta(hours=7), "gb imports")) * always_burns,
        "nuclear": 4.4 * nuclear,
        "other": 0.3 * gas,
        "hydro": 0.4 + 1.5 * (region in {1, 16}),
        "solar": 11 * shapes.sun(start, 52.5, -1.5) * solar,
        "wind": max(0.6, 10 + 8 * weather + 2 * local) * wind,
    }
    return output | {"gas": max(1.8 * always_burns, demand_gw - sum(output.values())) * gas}


def mix(start: datetime, region: int = 18) -> dict[str, float]:
    """Return the shares by fuel in a region's half hour, in per cent. Their sum is 100.0."""
    output = output_gw(start, region)
    total_gw = sum(output.values())
    share = {fuel: round(100 * output.get(fuel, 0.0) / total_gw, 1) for fuel in FUELS}
    largest = max(FUELS, key=lambda fuel: share[fuel])
    return share | {largest: round(share[largest] + 100 - sum(share.values()), 1)}


def forecast_gco2_kwh(start: datetime, region: int = 18) -> int:
    """Return the forecast of a half hour in g/kWh: the sum of its shares times their factors."""
    share = mix(start, region)
    return round(sum(share[fuel] * factor for fuel, factor in FACTORS_GCO2_KWH.items()) / 100)


def actual_gco2_kwh(start: datetime, now: datetime) -> int | None:
    """Return the national ``actual`` of a half hour at ``now``, in g/kWh; None before its end."""
    end = start + HALF_HOUR
    if end > now:
        return None
    if end + ACTUAL_DELAY > now:
        start -= HALF_HOUR
    error = 0.07 * shapes.drift(start, timedelta(hours=3), "gb forecast error")
    return round(forecast_gco2_kwh(start) * (1 + error))


def index_word(gco2_kwh: int) -> str:
    """Return NESO's word for an intensity in g/kWh."""
    return next((word for below, word in INDEX_BELOW if gco2_kwh < below), "very high")


def half_hours(first_end: datetime, last_end: datetime) -> list[datetime]:
    """Return the starts of the half hours that end in ``[first_end, last_end]``."""
    start = floor(first_end) - HALF_HOUR
    count = (last_end - start) // HALF_HOUR
    return [start + step * HALF_HOUR for step in range(count)]


def floor(at: datetime) -> datetime:
    """Return the start of the half hour that contains ``at``."""
    return at.replace(minute=at.minute // 30 * 30, second=0, microsecond=0)


def period(start: datetime) -> dict[str, Any]:
    """Return ``from`` and ``to`` of a half hour."""
    return {"from": start.strftime(STAMP), "to": (start + HALF_HOUR).strftime(STAMP)}


def generation_mix(start: datetime, region: int = 18) -> list[dict[str, Any]]:
    """Return the list of fuels as the API does. A whole number has no decimal."""
    return [
        {"fuel": fuel, "perc": int(perc) if perc == int(perc) else perc}
        for fuel, perc in mix(start, region).items()
    ]


def national_row(start: datetime, now: datetime) -> dict[str, Any]:
    """Return one row of ``/intensity``."""
    forecast, actual = forecast_gco2_kwh(start), actual_gco2_kwh(start, now)
    index = index_word(forecast if actual is None else actual)
    return period(start) | {"intensity": {"forecast": forecast, "actual": actual, "index": index}}


def region_values(start: datetime, region: int) -> dict[str, Any]:
    """Return the intensity and mix of a region. The regional API never has an ``actual``."""
    forecast = forecast_gco2_kwh(start, region)
    return {
        "intensity": {"forecast": forecast, "index": index_word(forecast)},
        "generationmix": generation_mix(start, region),
    }


def region_names(region: int) -> dict[str, Any]:
    """Return the ID and the names of a region as the API does."""
    operator, name, *_ = REGIONS[region]
    return {"regionid": region, "dnoregion": operator, "shortname": name}


def one_region(starts: list[datetime], region: int) -> dict[str, Any]:
    """Return the rows of one region."""
    rows = [period(start) | region_values(start, region) for start in starts]
    return region_names(region) | {"data": rows}


def all_regions(starts: list[datetime]) -> list[dict[str, Any]]:
    """Return the rows of all regions, one for each half hour."""
    return [
        period(start)
        | {"regions": [region_names(region) | region_values(start, region) for region in REGIONS]}
        for start in starts
    ]


class BadRequestError(Exception):
    """The request is one that the real API answers with 400. The text is the API's message."""


def bad(message: str) -> Answer:
    """Answer 400 in the API's own format."""
    return json_answer({"error": {"code": "400 Bad Request", "message": message}}, 400)


def stamp(text: str) -> datetime:
    """Parse ``YYYY-MM-DDThh:mmZ``.

    Raises
    ------
    BadRequestError
        When the text has another format.
    """
    try:
        return datetime.strptime(text, STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise BadRequestError(BAD_DATETIME) from None


def region_id(text: str) -> int:
    """Parse a region's ID.

    Raises
    ------
    BadRequestError
        When there is no such region.
    """
    if not text.isdigit() or int(text) not in REGIONS:
        raise BadRequestError("Please enter a valid region ID i.e. 1-17.")
    return int(text)


def window(start: str, span: str) -> list[datetime]:
    """Return the half hours of ``{from}/{span}``; a span is fw24h, fw48h, pt24h or an end time."""
    begin = stamp(start)
    moves = {"fw24h": (0, 24), "fw48h": (0, 48), "pt24h": (-24, 0)}
    if span in moves:
        first, last = (begin + timedelta(hours=hours) for hours in moves[span])
    else:
        first, last = begin, stamp(span)
    if not timedelta(0) <= last - first <= MAX_RANGE:
        raise BadRequestError("The maximum date range is limited to 14 days")
    return half_hours(first, last)


def whole_day(text: str) -> list[datetime]:
    """Return the half hours of a UTC day."""
    try:
        day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
    except ValueError:
        raise BadRequestError(BAD_DATE) from None
    return half_hours(day + HALF_HOUR, day + timedelta(days=1))


Rows = Callable[[datetime, tuple[str, ...]], object]


def national(starts: list[datetime], now: datetime) -> list[dict[str, Any]]:
    """Return the rows of ``/intensity``."""
    return [national_row(start, now) for start in starts]


def latest(now: datetime) -> list[datetime]:
    """Return the start of the half hour that the API gives for "now": the last completed one."""
    return [floor(now) - HALF_HOUR]


def mixes(starts: list[datetime]) -> list[dict[str, Any]]:
    """Return the rows of ``/generation`` for a range."""
    return [period(start) | {"generationmix": generation_mix(start)} for start in starts]


def current_mix(now: datetime) -> dict[str, Any]:
    """Return ``/generation``, which is an object and not a list as for a range."""
    (row,) = mixes(latest(now))
    return row


ROUTES: tuple[tuple[str, Rows], ...] = (
    ("/intensity", lambda now, _: national(latest(now), now)),
    ("/intensity/factors", lambda _now, _: [PUBLISHED_FACTORS]),
    ("/intensity/date", lambda now, _: national(whole_day(f"{now:%Y-%m-%d}"), now)),
    ("/intensity/date/{date}", lambda now, p: national(whole_day(p[0]), now)),
    ("/intensity/{from}", lambda now, p: national(half_hours(stamp(p[0]), stamp(p[0])), now)),
    ("/intensity/{from}/{span}", lambda now, p: national(window(*p), now)),
    ("/generation", lambda now, _: current_mix(now)),
    ("/generation/{from}/{span}", lambda _, p: mixes(window(*p))),
    ("/regional", lambda now, _: all_regions(latest(now))),
    (
        "/regional/regionid/{id}",
        lambda now, p: [one_region(latest(now), region_id(p[0]))],
    ),
    ("/regional/intensity/{from}/{span}", lambda _, p: all_regions(window(*p))),
    (
        "/regional/intensity/{from}/{span}/regionid/{id}",
        lambda _, p: one_region(window(p[0], p[1]), region_id(p[2])),
    ),
)
COMPILED = tuple((re.compile(re.sub(r"{\w+}", "([^/]+)", path)), rows) for path, rows in ROUTES)


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request at ``now`` (aware UTC)."""
    for pattern, rows in COMPILED:
        if match := pattern.fullmatch(request.path.rstrip("/")):
            try:
                return json_answer({"data": rows(now, match.groups())})
            except BadRequestError as error:
                return bad(str(error))
    missing = {"error": {"code": "404 Not Found", "message": "The requested URL was not found."}}
    return replace(json_answer(missing), status=404)


def zone(request: Request) -> str | None:
    """Return ``GBR`` for the nation, ``GBR-<id>`` for a region, and None for all regions."""
    if not request.path.startswith("/regional"):
        return "GBR"
    match = re.search(r"/regionid/(\d+)$", request.path)
    return f"GBR-{match[1]}" if match else None


PROVIDER = Provider(
    name="eso",
    origins=frozenset({"https://api.carbonintensity.org.uk"}),
    answer=answer,
    zone=zone,
    zones=frozenset({"GBR", *(f"GBR-{region}" for region in REGIONS)}),
    routes=tuple(path for path, _ in ROUTES),
    payload_faults={
        "false_zero": false_zero,
        "null_actual": null_actual,
        "null_forecast": null_forecast,
        "missing_fuel": missing_fuel,
        "missing_region": missing_region,
        "half_mix": half_mix,
        "spike": spike,
        "wrong_unit": figures_as(lambda gco2_kwh: gco2_kwh / 1000),
        "nan": figures_as(lambda _: math.nan),
        "negative": figures_as(lambda gco2_kwh: -gco2_kwh - 1),
        "null": figures_as(lambda _: None),
    },
)
