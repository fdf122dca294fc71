"""Simulates the ENTSO-E Transparency Platform: actual generation per type (A75, realised).

It behaves like the platform of 2026 in these points. Consumption series come before generation
series. Repeated values are left out (curve type A03). Pumped storage has no generation value while
it pumps. "No matching data" has status 200. A refused token is answered with a web page. A token
with more than 400 requests a minute is banned for ten minutes.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any
from xml.sax.saxutils import escape

from infra.local.upstream import entsoe_flows, shapes
from infra.local.upstream.figures import figure_faults
from infra.local.upstream.quota import Quota
from infra.local.upstream.series_faults import FROZEN_SLOTS, JUMP
from infra.local.upstream.wire import Answer, Provider, Request

PATH = "/api"
XML = "text/xml"
REFUSED_TOKEN = "bad"  # noqa: S105 - the token that this simulation refuses
MAX_RANGE = timedelta(days=366)
REQUESTS_PER_MINUTE = 400
BAN = timedelta(minutes=10)
STAMP = "%Y-%m-%dT%H:%MZ"
HEAD = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<GL_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-6:generationloaddocument:3:0">\n'
    "  <mRID>{mrid}</mRID>\n  <revisionNumber>1</revisionNumber>\n  <type>A75</type>\n"
    "  <process.processType>A16</process.processType>\n"
    '  <sender_MarketParticipant.mRID codingScheme="A01">10X1001A1001A450'
    "</sender_MarketParticipant.mRID>\n"
    "  <createdDateTime>{created}</createdDateTime>\n"
    "  <time_Period.timeInterval>\n    <start>{start}</start>\n    <end>{end}</end>\n"
    "  </time_Period.timeInterval>\n"
)
ACKNOWLEDGEMENT = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Acknowledgement_MarketDocument\n'
    '\txmlns="urn:iec62325.351:tc57wg16:451-1:acknowledgementdocument:7:0">\n'
    "\t<mRID>{mrid}</mRID>\n\t<createdDateTime>{created}</createdDateTime>\n"
    "\t<Reason>\n\t\t<code>999</code>\n\t\t<text>{text}</text>\n\t</Reason>\n"
    "</Acknowledgement_MarketDocument>"
)
UNAUTHORIZED = (
    "<html><head><title>Error</title></head><body>Unauthorized. "
    "Missing or invalid security token</body></html>"
)


@dataclass(frozen=True)
class Area:
    """A bidding zone.

    Parameters
    ----------
    mean_mw
        The mean demand, in MW.
    latitude, longitude
        The position, in degrees.
    minutes
        The length of a slot, in minutes.
    plants
        The installed power by PSR type, in MW.
    rest
        The PSR types that cover the demand which the others leave, in proportion to their power.
    """

    mean_mw: float
    latitude: float
    longitude: float
    minutes: int
    plants: Mapping[str, float]
    rest: tuple[str, ...]


def area(mean_gw: float, place: str, plants_gw: str, rest: str, minutes: int = 60) -> Area:
    """Parse a row of the table, with power in GW and the place as "latitude longitude"."""
    latitude, longitude = map(float, place.split())
    words = plants_gw.split()
    plants = {psr: 1000 * float(gw) for psr, gw in zip(words[::2], words[1::2], strict=True)}
    return Area(1000 * mean_gw, latitude, longitude, minutes, plants, tuple(rest.split()))


AREAS = {  # the sizes are invented but have the real order of magnitude
    "10YNL----------L": area(
        12.5, "52 5", "B14 .5 B17 .35 B16 .5 B18 4 B19 6 B20 1.5 B04 8 B05 2.5", "B04 B05", 15
    ),
    "10Y1001A1001A82H": area(
        54,
        "51 10",
        "B01 4.3 B11 1.6 B16 70 B19 60 B18 8 B17 .7 B20 .2 B02 9 B04 8 B05 5 B10 5",
        "B02 B04 B05",
        15,
    ),
    "10YFR-RTE------C": area(
        54,
        "47 2",
        "B01 .4 B11 4.5 B12 1.8 B16 18 B19 22 B18 1.5 B17 .2 B14 40 B04 4 B10 2",
        "B14 B04",
    ),
    "10YBE----------2": area(8.5, "51 4", "B01 .2 B16 8 B19 3 B18 2.2 B14 4 B04 3 B20 .4", "B04"),
    "10YES-REE------0": area(
        27,
        "40 -4",
        "B01 .4 B11 .9 B12 2 B16 25 B19 28 B14 6.8 B04 7 B05 .3 B17 .2 B10 2",
        "B04",
        15,
    ),
    "10YPT-REN------W": area(
        5.5, "39 -8", "B01 .4 B11 .6 B12 .6 B16 2.5 B19 5 B04 2 B10 .8", "B04"
    ),
    "10Y1001A1001A73I": area(17, "45 10", "B01 .8 B11 3 B12 1.5 B16 12 B17 .3 B04 9 B10 1", "B04"),
    "10Y1001A1001A70O": area(3, "43 11", "B09 .6 B11 .2 B16 2.5 B19 .2 B04 1", "B04"),
    "10Y1001A1001A71M": area(5, "41.5 13", "B11 .4 B16 5 B19 2.5 B04 3 B10 .6", "B04"),
    "10Y1001A1001A788": area(2.8, "41 16", "B16 5 B19 6 B04 2", "B04"),
    "10Y1001C--00096J": area(1.3, "39 16.5", "B01 .2 B11 .4 B12 .3 B16 .8 B19 1.2 B04 1", "B04"),
    "10Y1001A1001A75E": area(2, "37.5 14", "B16 2 B19 2 B04 1.3 B10 .3", "B04"),
    "10Y1001A1001A74G": area(1.2, "40 9", "B16 1.2 B19 1.1 B05 .5", "B05"),
    "10YAT-APG------L": area(7, "47.5 14", "B11 4 B12 1 B16 4 B19 3.5 B04 1.2 B10 1.5", "B04"),
    "10YCH-SWISSGRIDZ": area(7, "47 8", "B11 1.5 B12 2 B16 5 B14 2.9 B10 1.2", "B12"),
    "10YPL-AREA-----S": area(
        19, "52 19", "B01 .3 B16 15 B19 9 B02 6 B04 2 B05 8 B10 .8", "B02 B05 B04", 15
    ),
    "10YCZ-CEPS-----N": area(
        8, "50 15", "B01 .3 B16 3 B19 .3 B14 3.6 B02 3.5 B04 .5 B10 .5", "B02"
    ),
    "10YSK-SEPS-----K": area(3, "48.7 19", "B11 .5 B16 .6 B14 2.2 B04 .4 B10 .2", "B04"),
    "10YSI-ELES-----O": area(1.5, "46 15", "B11 .5 B14 .69 B02 .4 B16 .8", "B02"),
    "10YHU-MAVIR----U": area(4.8, "47 19", "B01 .2 B16 6 B14 1.9 B04 1.5 B02 .3", "B04"),
    "10YHR-HEP------M": area(2, "45.5 16", "B11 .4 B12 .3 B19 1 B16 .6 B04 .6", "B04"),
    "10YRO-TEL------P": area(
        6.2, "45 25", "B11 1.3 B12 .6 B16 3 B19 3 B14 1.3 B04 1.5 B02 1", "B04 B02"
    ),
    "10YCA-BULGARIA-R": area(4.2, "42.7 25", "B11 .2 B16 4 B19 .7 B14 2 B02 1.5 B10 .3", "B02"),
    "10YGR-HTSO-----Y": area(5.8, "39 22", "B12 .4 B16 8 B19 5 B04 3.5 B02 .5", "B04 B02"),
    "10YCS-SERBIATSOV": area(4, "44 21", "B11 .9 B12 .2 B19 .5 B02 3 B10 .3", "B02"),
    "10YBA-JPCC-----D": area(1.4, "44 18", "B11 .2 B12 .3 B19 .2 B02 1", "B02"),
    "10YCS-CG-TSO---S": area(0.4, "42.7 19", "B12 .2 B19 .1 B02 .2", "B02"),
    "10YMK-MEPSO----8": area(0.8, "41.6 21.7", "B12 .1 B16 .5 B02 .4 B04 .2", "B02 B04"),
    "10YDK-1--------W": area(
        2.4, "56 9", "B01 .3 B16 2.5 B19 3.7 B18 1.3 B05 .3 B04 .2", "B05 B04"
    ),
    "10YDK-2--------M": area(1.5, "55.5 12", "B01 .4 B16 1.3 B19 .8 B18 1 B04 .2 B17 .1", "B04"),
    "10Y1001A1001A44P": area(2.5, "67 20", "B12 2.2 B19 1.5", "B12"),
    "10Y1001A1001A45N": area(5, "63 16", "B12 4 B19 3 B20 .1", "B12"),
    "10Y1001A1001A46L": area(9, "59 16", "B12 1.3 B14 6.9 B19 3 B16 2 B20 .8", "B12"),
    "10Y1001A1001A47J": area(1.2, "56 14", "B12 .2 B19 2 B16 1 B20 .3", "B20"),
    "10YNO-1--------2": area(2.5, "60 11", "B11 1 B12 1.5 B19 .3", "B12"),
    "10YNO-2--------T": area(5, "59 7", "B12 4.8 B11 .5 B19 .9 B10 .3", "B12"),
    "10YNO-3--------J": area(3, "63 10", "B12 2 B11 .5 B19 1.4", "B12"),
    "10YNO-4--------9": area(2.8, "68 17", "B12 2.2 B19 .9", "B12"),
    "10Y1001A1001A48H": area(3, "61 6", "B11 .6 B12 2.3 B04 .1", "B12"),
    "10YFI-1--------U": area(
        9,
        "62 25",
        "B01 .8 B11 1.5 B14 4.3 B16 1 B19 7 B08 .2 B05 .1 B17 .05 B04 .1 B20 .1",
        "B11 B08 B05",
        15,
    ),
    "10Y1001A1001A59C": area(4.4, "53 -7", "B19 5 B16 1 B11 .1 B04 3 B10 .1 B20 .2", "B04"),
    "10Y1001A1001A39I": area(0.8, "59 25", "B01 .15 B16 1 B19 .6 B07 .4", "B07"),
    "10YLV-1001A00074": area(0.8, "57 24", "B11 .3 B01 .1 B19 .1 B04 .3", "B04"),
    "10YCY-1001A0003J": area(0.6, "35 33", "B06 1 B16 .7 B19 .15", "B06"),
    "10Y1001A1001A990": area(0.7, "47 28.5", "B04 .5 B11 .05 B16 .2 B19 .1", "B04"),
    "10Y1001A1001B012": area(1.6, "42 43.5", "B11 .7 B12 .6 B04 .4 B19 .02", "B12 B04"),
    "10YLT-1001A0008Q": area(1.3, "55 24", "B01 .1 B16 1.5 B19 1.5 B04 .2 B10 .3 B25 .1", "B04"),
}
NETHERLANDS = "10YNL----------L"
EMBEDDED_PER_METERED_SOLAR = 28
"""The ratio of rooftop solar, which the Netherlands report as B20, to B16, as on 2024-09-02."""

PUMPS_BELOW, GENERATES_ABOVE = 0.92, 1.06
"""The demand, as a share of its mean, below which storage pumps and above which it generates."""


def generation_mw(code: str, start: datetime) -> tuple[dict[str, float], float]:
    """Return the generation by PSR type and the consumption of pumped storage in a slot, in MW."""
    zone = AREAS[code]
    demand = shapes.demand(start + timedelta(hours=1 + zone.longitude / 15))
    sun = shapes.sun(start, zone.latitude, zone.longitude)
    cloud = 0.65 + 0.3 * shapes.drift(start, timedelta(hours=7), f"cloud {code}")
    wind = {
        psr: max(0.04, 0.3 + 0.26 * shapes.drift(start, timedelta(hours=10), f"{psr} {code}"))
        for psr in ("B18", "B19")
    }
    output_mw = {
        psr: mw * {"B16": 0.75 * sun * cloud, **wind}.get(psr, 0.85)
        for psr, mw in zone.plants.items()
        if psr not in (*zone.rest, "B10")
    }
    pumped_mw = 0.0
    if "B10" in zone.plants:
        if demand < PUMPS_BELOW:
            pumped_mw = 0.5 * zone.plants["B10"]
        else:
            output_mw["B10"] = zone.plants["B10"] * (0.6 if demand > GENERATES_ABOVE else 0.15)
    if code == NETHERLANDS:
        output_mw["B20"] += EMBEDDED_PER_METERED_SOLAR * output_mw["B16"]
    needed_mw = zone.mean_mw * demand + pumped_mw - sum(output_mw.values())
    rest_mw = max(0.05 * zone.mean_mw, needed_mw)
    installed_mw = sum(zone.plants[psr] for psr in zone.rest)
    output_mw |= {psr: rest_mw * zone.plants[psr] / installed_mw for psr in zone.rest}
    return {psr: round(output_mw[psr], 2) for psr in sorted(output_mw)}, round(pumped_mw, 2)


def published_until(code: str, now: datetime) -> datetime:
    """Return the end of the newest published slot, which is 45 to 100 minutes ago."""
    step = timedelta(minutes=AREAS[code].minutes)
    delay = timedelta(minutes=45 + 55 * shapes.noise("entsoe delay", code))
    return floor(now - delay, step)


def floor(at: datetime, step: timedelta) -> datetime:
    """Return the start of the step that contains an aware UTC time."""
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return at - since % step


def stamp(at: datetime) -> str:
    """Format a time as the platform does."""
    return at.strftime(STAMP)


def periods(values: list[tuple[datetime, float]], minutes: int) -> Iterator[str]:
    """Yield a ``Period`` for each unbroken run of slots. It contains only the slots that change."""
    step = timedelta(minutes=minutes)
    indexed = enumerate(values)
    for _, run in groupby(indexed, key=lambda pair: pair[1][0] - pair[0] * step):
        slots = [value for _, value in run]
        points = "".join(
            f"<Point><position>{at}</position><quantity>{mw:g}</quantity></Point>\n"
            for at, (_, mw) in enumerate(slots, 1)
            if at == 1 or mw != slots[at - 2][1]
        )
        yield (
            f"<Period>\n<timeInterval><start>{stamp(slots[0][0])}</start>"
            f"<end>{stamp(slots[-1][0] + step)}</end></timeInterval>\n"
            f"<resolution>PT{minutes}M</resolution>\n{points}</Period>\n"
        )


def series(code: str, psr: str, side: str, values: list[tuple[datetime, float]]) -> str:
    """Return one ``TimeSeries``. ``side`` is "in" for generation and "out" for consumption."""
    business = {"B16": "A94", "B18": "A93", "B19": "A93"}.get(psr, "A01")
    return (
        f"<TimeSeries>\n<mRID>1</mRID>\n<businessType>{business}</businessType>\n"
        "<objectAggregation>A08</objectAggregation>\n"
        f'<{side}BiddingZone_Domain.mRID codingScheme="A01">{code}'
        f"</{side}BiddingZone_Domain.mRID>\n"
        "<quantity_Measure_Unit.name>MAW</quantity_Measure_Unit.name>\n"
        f"<curveType>A03</curveType>\n<MktPSRType><psrType>{psr}</psrType></MktPSRType>\n"
        f"{''.join(periods(values, AREAS[code].minutes))}</TimeSeries>\n"
    )


def document(code: str, first: datetime, last: datetime, now: datetime) -> str:
    """Return the market document of a zone's slots in ``[first, last)``."""
    step = timedelta(minutes=AREAS[code].minutes)
    generated: dict[str, list[tuple[datetime, float]]] = {}
    consumed: dict[str, list[tuple[datetime, float]]] = {}
    at = first
    while at < last:
        fuels, pumped_mw = generation_mw(code, at)
        if pumped_mw:
            consumed.setdefault("B10", []).append((at, pumped_mw))
        if code == NETHERLANDS:
            consumed.setdefault("B20", []).append((at, 633.0))
        for psr, mw in fuels.items():
            generated.setdefault(psr, []).append((at, mw))
        at += step
    head = HEAD.format(
        mrid=f"{shapes.noise(code, first):.16f}"[2:],
        created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        start=stamp(first),
        end=stamp(last),
    )
    body = [series(code, psr, "out", consumed[psr]) for psr in sorted(consumed)]
    body += [series(code, psr, "in", generated[psr]) for psr in sorted(generated)]
    return f"{head}{''.join(body)}</GL_MarketDocument>"


def acknowledged(text: str, now: datetime, status: int) -> Answer:
    """Answer with an acknowledgement, which the platform uses for refusals and for missing data."""
    body = ACKNOWLEDGEMENT.format(
        mrid=f"{shapes.noise(text):.12f}"[2:],
        created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        text=escape(text),
    )
    return Answer(body.encode(), XML, status)


def moment(text: str | None) -> datetime | None:
    """Parse YYYYMMDDhhmm in UTC. Return None for anything else."""
    if not re.fullmatch(r"\d{12}", text or ""):
        return None
    try:
        return datetime.strptime(text or "", "%Y%m%d%H%M").replace(tzinfo=UTC)
    except ValueError:
        return None


class Platform:
    """The platform, which counts the requests of each token and remembers bans."""

    def __init__(self) -> None:
        self._quotas: dict[str, Quota] = {}
        self._banned_until: dict[str, datetime] = {}

    def answer(self, request: Request, now: datetime) -> Answer:
        """Answer a request at ``now`` (aware UTC)."""
        token = request.headers.get("security_token") or request.query.get("securityToken", "")
        token = token.strip()
        if token in {"", REFUSED_TOKEN}:
            return Answer(UNAUTHORIZED.encode(), "text/html", 401)
        quota = self._quotas.setdefault(token, Quota(REQUESTS_PER_MINUTE, timedelta(minutes=1)))
        if now < self._banned_until.get(token, now) or not quota.take(now):
            self._banned_until.setdefault(token, now + BAN)
            return Answer(b"", XML, 429)
        self._banned_until.pop(token, None)
        return answer(request, now)


def answer(request: Request, now: datetime) -> Answer:
    """Answer a request with a valid token at ``now`` (aware UTC)."""
    query = request.query
    if request.path.rstrip("/") != PATH:
        return Answer(b"", XML, 404)
    kind = query.get("documentType"), query.get("processType")
    if kind not in {("A75", "A16"), ("A11", None)}:
        return acknowledged(f"The combination of {kind} is not valid", now, 400)
    first, last = moment(query.get("periodStart")), moment(query.get("periodEnd"))
    if first is None or last is None or not timedelta(0) < last - first <= MAX_RANGE:
        return acknowledged("Delivered time interval is not valid", now, 400)
    if kind[0] == "A11":
        return flows(query.get("in_Domain", ""), query.get("out_Domain", ""), first, last, now)
    code = query.get("in_Domain", "")
    if code in AREAS:
        step = timedelta(minutes=AREAS[code].minutes)
        end = min(floor(last, step), published_until(code, now))
        if floor(first, step) < end:
            body = document(code, floor(first, step), end, now)
            name = f"Aggregated Generation per Type_{first:%Y%m%d%H%M}-{last:%Y%m%d%H%M}.xml"
            headers = {"Content-Disposition": f'inline; filename="{name}"'}
            return Answer(body.encode(), XML, 200, headers)
    return acknowledged(
        "No matching data found for Data item AGGREGATED_GENERATION_PER_TYPE_R3 [16.1.B&C] "
        f"({code}) and interval {first.isoformat()}/{last.isoformat()}.",
        now,
        200,
    )


def flows(into: str, out_of: str, first: datetime, last: datetime, now: datetime) -> Answer:
    """Answer with the physical flow over a border in one direction."""
    step = entsoe_flows.step_of(into, out_of)
    start, end = floor(first, step), min(floor(last, step), floor(now - entsoe_flows.DELAY, step))
    if entsoe_flows.border_of(into, out_of) is None or start >= end:
        return acknowledged(
            "No matching data found for Data item PHYSICAL_FLOWS [12.1.G] "
            f"({into} {out_of}) and interval {first.isoformat()}/{last.isoformat()}.",
            now,
            200,
        )
    mean_mw = {code: area.mean_mw for code, area in AREAS.items()}
    starts = [start + index * step for index in range((end - start) // step)]
    values = [(at, entsoe_flows.flow_mw(into, out_of, at, mean_mw)) for at in starts]
    body = entsoe_flows.DOCUMENT.format(
        mrid=f"{shapes.noise(into, out_of, first):.16f}"[2:],
        created=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        start=stamp(start),
        end=stamp(end),
        into=into,
        out_of=out_of,
        periods="".join(periods(values, step // timedelta(minutes=1))),
    )
    return Answer(body.encode(), XML)


def missing_fuel(body: str, fault: Mapping[str, Any]) -> str:
    """Leave out the PSR type ``fuel``, which is gas (B04) by default."""
    fuel = re.escape(str(fault.get("fuel") or "B04"))
    return re.sub(
        rf"<TimeSeries>(?:(?!</TimeSeries>).)*?<psrType>{fuel}</psrType>.*?</TimeSeries>\n",
        "",
        body,
        flags=re.DOTALL,
    )


GENERATED = re.compile(
    r"<TimeSeries>(?:(?!</TimeSeries>).)*?<inBiddingZone.*?</TimeSeries>\n", re.DOTALL
)
PERIOD = re.compile(
    r"<Period>\s*<timeInterval><start>(?P<start>[^<]+)</start>\s*<end>(?P<end>[^<]+)</end>"
    r"</timeInterval>\s*<resolution>PT(?P<minutes>\d+)M</resolution>.*?</Period>",
    re.DOTALL,
)
POINT = re.compile(r"<Point><position>(\d+)</position>.*?</Point>\n")
LAST_POINT = re.compile(r"(?s)(.*<position>(\d+)</position><quantity>)([^<]+)")


def half_mix(body: str, _: Mapping[str, Any]) -> str:
    """Leave out every second series of generation."""
    count = itertools.count()
    return GENERATED.sub(lambda match: match[0] if next(count) % 2 == 0 else "", body)


def frozen(body: str, _: Mapping[str, Any]) -> str:
    """Let the newest slots of every series repeat the slot before them."""
    newest_end = max(re.findall(r"<end>([^<]+)</end>", body), default="")

    def stand_still(period: re.Match[str]) -> str:
        if period["end"] != newest_end:
            return period[0]
        start, end = (datetime.strptime(period[name], STAMP) for name in ("start", "end"))  # noqa: DTZ007 - only their difference counts
        slots = (end - start) // timedelta(minutes=int(period["minutes"]))
        return POINT.sub(
            lambda point: point[0] if int(point[1]) <= max(1, slots - FROZEN_SLOTS) else "",
            period[0],
        )

    return GENERATED.sub(lambda series: PERIOD.sub(stand_still, series[0]), body)


def spike(body: str, _: Mapping[str, Any]) -> str:
    """Give the newest figure of gas (B04) as many times too great."""

    def jump(match: re.Match[str]) -> str:
        if "<psrType>B04<" not in match[0]:
            return match[0]
        return LAST_POINT.sub(lambda point: f"{point[1]}{float(point[3]) * JUMP:g}", match[0], 1)

    return GENERATED.sub(jump, body)


def no_data(_: str, __: Mapping[str, Any]) -> str:
    """Answer "no matching data" with status 200, as the platform does when data are late."""
    return ACKNOWLEDGEMENT.format(
        mrid="1", created="2026-01-01T00:00:00Z", text="No matching data found for Data item"
    )


def wrong_unit(body: str, _: Mapping[str, Any]) -> str:
    """Give the unit of the quantities as kW."""
    return body.replace(">MAW<", ">KWT<")


def entity_bomb(body: str, _: Mapping[str, Any]) -> str:
    """Begin with a document type whose entities contain other entities."""
    prolog, rest = body.split("\n", 1)
    return f'{prolog}\n<!DOCTYPE a [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>\n{rest}'


PROVIDER = Provider(
    name="entsoe",
    origins=frozenset({"https://web-api.tp.entsoe.eu"}),
    answer=Platform().answer,
    zone=lambda request: request.query.get("in_Domain"),
    zones=frozenset(AREAS),
    routes=(PATH,),
    payload_faults={
        "missing_fuel": missing_fuel,
        "no_data": no_data,
        "half_mix": half_mix,
        "frozen": frozen,
        "spike": spike,
        "wrong_unit": wrong_unit,
        "entity_bomb": entity_bomb,
        **figure_faults("<quantity>"),
    },
)
