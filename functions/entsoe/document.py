"""ENTSO-E's XML, read as if it came from an enemy, into megawatts by fuel and slot.

A document may be plain XML or a ZIP of several; an acknowledgement stands for "no data" or for a
refused request. Nothing here knows HTTP, factors or the time.
"""

import io
import itertools
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from statistics import fmean
from typing import Final, NamedTuple
from xml.parsers.expat import ExpatError

import xmltodict
from lxml import etree

from functions.entsoe.points import NAME, invalid, quantities_of
from greenstream.domain.errors import NoDataError, PermanentError
from greenstream.domain.plausibility import rules_of_provider

ZIP_MAGIC: Final = b"PK\x03\x04"
ZIP_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAX_MEMBERS: Final = 8
MAX_XML_BYTES: Final = 8_000_000
"""Decompressed, all members together; two days of a large zone in quarter hours are 0.4 MB."""

MAX_CELLS: Final = 100_000
"""Expanded slots of a document: with curve A03 one point may stand for any length of time."""

COMPLETE_SHARE: Final = 0.02
"""Share of generation that may be missing from a slot that still counts as complete."""

STEPS: Final = {f"PT{minutes}M": timedelta(minutes=minutes) for minutes in (15, 30, 60)} | {
    "PT1H": timedelta(hours=1)
}
PSR_TYPE: Final = re.compile(r"[A-Z][0-9]{2}")
NO_DATA_CODE: Final = "999"
HTTP_OK: Final = 200

Interval = tuple[datetime, datetime]
"""Start and end."""


@dataclass(frozen=True, slots=True)
class Series:
    """Mean MW of one PSR type by interval (start, end); consumed where ``consumption``."""

    psr_type: str
    consumption: bool
    mw: Mapping[Interval, float]


class Slot(NamedTuple):  # thousands a run
    """One interval of a zone, MW by PSR type.

    ``unreported_mw`` are fuels that other slots of the document have and this one lacks, at their
    last value before it (solar ends at nothing, a lost feed does not), unless the same fuel is
    being consumed in it (a pumping plant is not also unknown).
    """

    valid_from: datetime
    valid_to: datetime
    generation_mw: Mapping[str, float]
    consumption_mw: Mapping[str, float]
    unreported_mw: Mapping[str, float]

    @property
    def total_mw(self) -> float:
        """Generation above zero."""
        return sum(mw for mw in self.generation_mw.values() if mw > 0)

    @property
    def complete(self) -> bool:
        """Whether no fuel that matters is missing."""
        missing_mw = sum(self.unreported_mw.values())
        return not missing_mw or missing_mw <= COMPLETE_SHARE * self.total_mw


def read(body: bytes, domain: str, zone: str, *, status: int = HTTP_OK) -> list[Series]:
    """Read the answer to "actual generation per type" (A75, realised) of one bidding zone.

    Parameters
    ----------
    body
        XML, or a ZIP of XML documents whose series are put together.
    domain
        EIC code asked for; every series must name it.
    status
        HTTP status, 200 or 400: the platform says "no data" in either.

    Raises
    ------
    NoDataError
        Acknowledged as no matching data.
    PermanentError
        Acknowledged with another reason: the request is wrong.
    InvalidError
        Anything that cannot be what it claims to be, by name.
    """
    series: list[Series] = []
    cells = 0
    for xml in _members(body, zone):
        root = _root(xml, zone)
        kind = etree.QName(root).localname
        if kind == "Acknowledgement_MarketDocument":
            raise _acknowledged(root, zone, status)
        if kind != "GL_MarketDocument":
            raise invalid(f"the root is {kind[:60]}", "malformed", zone)
        said = root.findtext("{*}type"), root.findtext("{*}process.processType")
        if said != ("A75", "A16"):
            raise invalid(f"document {said[0]}, process {said[1]}", "wrong_document", zone)
        for element in root.iterfind("{*}TimeSeries"):
            series.append(_series(element, domain, zone, MAX_CELLS - cells))
            cells += len(series[-1].mw)
    if not series:
        raise NoDataError("a document without series", provider=NAME, zone=zone)
    return series


def slots(series: Iterable[Series], zone: str) -> list[Slot]:
    """Return the zone's slots, oldest first, in the finest step that any generation has.

    A coarser series counts with its mean in each finer slot, and finer consumption with the mean
    of what a slot holds of it. The same PSR type in several series (or several Periods) is one, as
    long as they do not contradict each other.

    Raises
    ------
    InvalidError
        ``contradiction`` when two values claim the same fuel, direction and time.
    """
    links = rules_of_provider(NAME).not_generation
    kept = [one for one in series if one.psr_type not in links and one.mw]
    intervals = set[Interval]().union(*(one.mw for one in kept if not one.consumption))
    if not intervals:
        return []
    step = min(end - start for start, end in intervals)
    generation = _by_slot((one for one in kept if not one.consumption), step, zone)
    taken_in = [one for one in kept if one.consumption]
    finest = min([step, *(end - start for one in taken_in for start, end in one.mw)])
    consumption = _by_slot(taken_in, finest, zone)
    if finest < step:
        consumption = _means(consumption, step, min(generation))
    reported_mw: dict[str, float] = {}
    for start in sorted(generation, reverse=True):
        reported_mw |= generation[start]  # ends with each fuel's first value
    found: list[Slot] = []
    for start in sorted(generation):
        here, taken = generation[start], consumption.get(start, {})
        unreported = {
            fuel: mw
            for fuel, mw in (reported_mw.items() if len(here) < len(reported_mw) else ())
            if mw > 0 and fuel not in here and not taken.get(fuel, 0.0) > 0
        }
        found.append(Slot(start, start + step, here, taken, unreported))
        reported_mw |= here
    return found


def _by_slot(
    series: Iterable[Series], step: timedelta, zone: str
) -> dict[datetime, dict[str, float]]:
    series = list(series)
    fuels = [one.psr_type for one in series]
    grids = {tuple(one.mw) for one in series}
    if len(grids) == 1 and len(set(fuels)) == len(fuels):  # the usual document
        [grid] = grids
        if all(end - start == step for start, end in grid):
            columns = zip(*(one.mw.values() for one in series), strict=True)
            rows = [dict(zip(fuels, row, strict=True)) for row in columns]
            return dict(zip([start for start, _ in grid], rows, strict=True))
    found: dict[datetime, dict[str, float]] = {}
    slots_of: dict[Interval, list[dict[str, float]]] = {}
    for one in series:
        fuel = one.psr_type
        for interval, mw in one.mw.items():
            within = slots_of.get(interval)
            if within is None:
                start, end = interval
                starts = [start + index * step for index in range((end - start) // step)]
                within = slots_of[interval] = [found.setdefault(at, {}) for at in starts]
            for here in within:
                if here.setdefault(fuel, mw) != mw:
                    raise invalid(
                        f"{fuel} at {interval[0]} is {here[fuel]} and {mw} MW",
                        "contradiction",
                        zone,
                    )
    return found


def _means(
    found: Mapping[datetime, Mapping[str, float]], step: timedelta, begin: datetime
) -> dict[datetime, dict[str, float]]:
    """Return the mean MW of each fuel in longer slots, one of which starts at ``begin``."""
    within: defaultdict[datetime, defaultdict[str, list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for at, here in found.items():
        for fuel, mw in here.items():
            within[at - (at - begin) % step][fuel].append(mw)
    return {
        start: {fuel: fmean(values) for fuel, values in here.items()}
        for start, here in within.items()
    }


def _members(body: bytes, zone: str) -> Iterator[bytes]:
    if not body.startswith(ZIP_MAGIC):
        yield _bounded(body, zone)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_MEMBERS:
                raise invalid(f"a ZIP of {len(infos)} members", "too_large", zone)
            left = MAX_XML_BYTES
            for info in infos:
                if info.compress_type not in ZIP_METHODS:
                    raise invalid(f"a ZIP of method {info.compress_type}", "bad_zip", zone)
                with archive.open(info) as member:  # its header may lie about the size
                    xml = member.read(left + 1)
                left -= len(xml)
                if left < 0:
                    raise invalid(f"ZIP over {MAX_XML_BYTES} bytes of XML", "too_large", zone)
                yield xml
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,  # an encrypted member, or one packed in a way that Python lacks
        ValueError,
    ) as error:
        raise invalid(f"{type(error).__name__}: {error}"[:200], "bad_zip", zone) from error


def _bounded(xml: bytes, zone: str) -> bytes:
    if len(xml) > MAX_XML_BYTES:
        raise invalid(f"{len(xml)} bytes of XML", "too_large", zone)
    return xml


def _root(xml: bytes, zone: str) -> etree._Element:
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(xml, parser)
    except etree.XMLSyntaxError as error:
        reason = "too_deep" if "depth" in str(error) else "not_xml"
        raise invalid(f"{str(error)[:120]} in {xml[:60]!r}", reason, zone) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise invalid("the document brings a DOCTYPE", "doctype", zone)
    return root


def _acknowledged(root: etree._Element, zone: str, status: int) -> NoDataError | PermanentError:
    # Parsed a second time, from the tree that passed: reasons come once, many times or not at all.
    try:
        said = xmltodict.parse(
            etree.tostring(root),
            process_namespaces=True,
            namespaces=defaultdict(str),  # whichever it is, no name shows it
            xml_attribs=False,
            force_list=("Reason",),
        )
    except ExpatError as error:  # it knows fewer names than lxml
        raise invalid(f"{error}"[:120], "not_xml", zone) from error
    [document] = said.values()
    reasons = [
        (str(reason.get("code")), " ".join(str(reason.get("text")).split())[:300])
        for reason in (document.get("Reason", ()) if isinstance(document, dict) else ())
        if isinstance(reason, dict)
    ]
    text = "; ".join(f"{code} {text}" for code, text in reasons) or "acknowledged without a reason"
    no_data = any("no matching data" in text.lower() for _, text in reasons) or (
        status == HTTP_OK and any(code == NO_DATA_CODE for code, _ in reasons)
    )
    return (NoDataError if no_data else PermanentError)(text, provider=NAME, zone=zone)


def _series(element: etree._Element, domain: str, zone: str, cells: int) -> Series:
    inside = element.findtext("{*}inBiddingZone_Domain.mRID")
    outside = element.findtext("{*}outBiddingZone_Domain.mRID")
    if (inside is None) == (outside is None):
        raise invalid("a series is neither into nor out of a zone", "malformed", zone)
    said = (inside or outside or "").strip()
    if said != domain:
        raise invalid(f"a series of {said[:20]!r}, not of {domain}", "wrong_zone", zone)
    unit = element.findtext("{*}quantity_Measure_Unit.name")
    if unit != "MAW":
        raise invalid(f"quantities in {unit!r}, not MAW", "unknown_unit", zone)
    psr_type = element.findtext("{*}MktPSRType/{*}psrType")
    if psr_type is None or not PSR_TYPE.fullmatch(psr_type):
        raise invalid(f"a series of PSR type {str(psr_type)[:20]!r}", "malformed", zone)
    curve = element.findtext("{*}curveType") or "A01"  # its default before A03 came
    if curve not in ("A01", "A03"):
        raise invalid(f"curve type {curve}", "unknown_curve", zone)
    mw: dict[Interval, float] = {}
    for period in element.iterfind("{*}Period"):
        more = _period(period, zone, cells - len(mw), repeats=curve == "A03")
        for interval in mw.keys() & more.keys():
            if mw[interval] != more[interval]:
                raise invalid(f"{psr_type} twice at {interval[0]}", "contradiction", zone)
        mw |= more
    return Series(psr_type, outside is not None, mw)


def _period(
    period: etree._Element, zone: str, cells: int, *, repeats: bool
) -> dict[Interval, float]:
    start = _moment(period.findtext("{*}timeInterval/{*}start"), zone)
    end = _moment(period.findtext("{*}timeInterval/{*}end"), zone)
    resolution = period.findtext("{*}resolution")
    step = STEPS.get(resolution or "")
    if step is None:
        raise invalid(f"resolution {resolution!r}", "unknown_resolution", zone)
    count, rest = divmod(end - start, step)
    if count <= 0 or rest:
        raise invalid(f"{start} to {end} is not whole {resolution}", "malformed", zone)
    if count > cells:
        raise invalid(f"more than {MAX_CELLS} slots", "too_large", zone)
    grid, quantities = _grid(start, step, count), quantities_of(period, count, zone)
    if len(quantities) == count:
        return dict(zip(grid, map(quantities.__getitem__, range(1, count + 1)), strict=True))
    found: dict[Interval, float] = {}
    last: float | None = None
    for position, interval in enumerate(grid, start=1):
        value = quantities.get(position, last if repeats else None)
        if value is not None:
            found[interval] = value
        last = value
    return found


@lru_cache(maxsize=2)  # the fuels of a document share one, and it may be long
def _grid(start: datetime, step: timedelta, count: int) -> tuple[Interval, ...]:
    edges = [start + index * step for index in range(count + 1)]
    return tuple(itertools.pairwise(edges))


def _moment(text: str | None, zone: str) -> datetime:
    moment = _parsed(text or "")
    if moment is None:
        raise invalid(f"time {str(text)[:40]!r}", "malformed", zone)
    return moment


@lru_cache(maxsize=256)  # every series of a document says the same two times
def _parsed(text: str) -> datetime | None:
    for form in ("%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None


def complete_slots(found: Sequence[Slot], needed: frozenset[str], now: datetime) -> list[Slot]:
    """Return the slots, oldest first, that have ended and lack no fuel that matters.

    Parameters
    ----------
    needed
        PSR types without which the zone's mix is not the zone's, whatever the document holds.
    now
        Aware UTC; with curve A03 a Period may run into the future on its last value.
    """
    return [
        slot
        for slot in found
        if slot.valid_to <= now and slot.complete and needed <= slot.generation_mw.keys()
    ]
