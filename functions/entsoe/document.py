"""Reads ENTSO-E's XML, which is not trusted, into series of megawatts by fuel.

A document is plain XML or a ZIP of several XML files. An acknowledgement in its place means that
there is no data or that the request was refused. This module knows no HTTP, no emission factors
and no clock.
"""

import io
import itertools
import re
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple, Protocol
from xml.parsers.expat import ExpatError

import xmltodict
from lxml import etree

from functions.entsoe.points import NAME, Texts, invalid, quantities_of, texts_of
from functions.entsoe.usual_points import cut
from greenstream.domain.errors import InvalidError, NoDataError, PermanentError
from greenstream.domain.mix import Refusal

ZIP_MAGIC: Final = b"PK\x03\x04"
ZIP_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
MAX_MEMBERS: Final = 8
MAX_XML_BYTES: Final = 8_000_000
"""Limit of the decompressed members together. Two days of a large zone in quarter hours are
0.4 MB."""

MAX_CELLS: Final = 100_000
"""Limit of a document's intervals, since with curve A03 one point may cover any length of time."""

STEPS: Final = {f"PT{minutes}M": timedelta(minutes=minutes) for minutes in (15, 30, 60)} | {
    "PT1H": timedelta(hours=1)
}
PSR_TYPE: Final = re.compile(r"[A-Z][0-9]{2}")
NO_DATA_CODE: Final = "999"
HTTP_OK: Final = 200

GENERATION: Final = "GL_MarketDocument"
"""The root element of a document with power by fuel."""

Interval = tuple[datetime, datetime]
"""The start and the end of an interval."""


class TextsOf(Protocol):
    """Returns the texts of a Period's points."""

    def __call__(self, period: etree._Element, /) -> Texts:
        """Return the texts of the points of this Period."""


@dataclass(frozen=True, slots=True)
class Series:
    """The mean power of one PSR type in each interval of a document.

    Parameters
    ----------
    psr_type
        ENTSO-E's code of the fuel, for example ``B04`` for gas.
    consumption
        Whether the power was consumed, as by a plant that pumps, instead of generated.
    mw
        Mean MW by interval.
    refused
        Why the figure of an interval cannot be true. Such an interval is not in ``mw``.
    """

    psr_type: str
    consumption: bool
    mw: Mapping[Interval, float]
    refused: Mapping[Interval, Refusal] = field(default_factory=dict)


def read(body: bytes, domain: str, zone: str, *, status: int = HTTP_OK) -> list[Series]:
    """Read the answer to "actual generation per type" (A75, realised) of one bidding zone.

    Parameters
    ----------
    body
        XML, or a ZIP of XML documents whose series are put together.
    domain
        The EIC code that was asked for. Every series must name it.
    zone
        The zone's name, for errors.
    status
        The HTTP status, 200 or 400. The platform says "no data" with either.

    Returns
    -------
    list[Series]
        The series in the order of the document.

    Raises
    ------
    NoDataError
        When the platform acknowledges the request and says that no data matches it.
    PermanentError
        When the platform acknowledges the request with another reason: the request is wrong.
    InvalidError
        When the document cannot be what it claims to be. ``reason`` names what is wrong. A figure
        that cannot be true is refused in its series instead, since the other intervals stand.
    """
    series: list[Series] = []
    cells = 0
    for xml in _members(body, zone):
        root, texts = _tree(xml, zone)
        kind = etree.QName(root).localname
        if kind == "Acknowledgement_MarketDocument":
            raise _acknowledged(root, zone, status)
        if kind != GENERATION:
            raise invalid(f"the root element is {kind[:60]}", "malformed", zone)
        type_, process = root.findtext("{*}type"), root.findtext("{*}process.processType")
        if (type_, process) != ("A75", "A16"):
            raise invalid(
                f"the document has type {type_} and process {process}, not A75 and A16",
                "wrong_document",
                zone,
            )
        for element in root.iterfind("{*}TimeSeries"):
            series.append(_series(element, texts, domain, zone, MAX_CELLS - cells))
            cells += len(series[-1].mw) + len(series[-1].refused)
    if not series:
        raise NoDataError("the document holds no series", provider=NAME, zone=zone)
    return series


def _members(body: bytes, zone: str) -> Iterator[bytes]:
    if not body.startswith(ZIP_MAGIC):
        yield _bounded(body, zone)
        return
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            infos = archive.infolist()
            if len(infos) > MAX_MEMBERS:
                raise invalid(f"the ZIP has {len(infos)} members", "too_large", zone)
            left_bytes = MAX_XML_BYTES
            for info in infos:
                if info.compress_type not in ZIP_METHODS:
                    raise invalid(
                        f"the ZIP is packed by method {info.compress_type}", "bad_zip", zone
                    )
                with archive.open(info) as member:  # the size in its header may be wrong
                    xml = member.read(left_bytes + 1)
                left_bytes -= len(xml)
                if left_bytes < 0:
                    raise invalid(
                        f"the ZIP holds over {MAX_XML_BYTES} bytes of XML", "too_large", zone
                    )
                yield xml
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,  # for an encrypted member, or one packed in a way that Python does not know
        ValueError,
    ) as error:
        raise invalid(
            f"the ZIP cannot be read: {type(error).__name__}: {error}"[:200], "bad_zip", zone
        ) from error


def _bounded(xml: bytes, zone: str) -> bytes:
    if len(xml) > MAX_XML_BYTES:
        raise invalid(f"the document has {len(xml)} bytes of XML", "too_large", zone)
    return xml


def _tree(xml: bytes, zone: str) -> tuple[etree._Element, TextsOf]:
    """Return the root of a document, and what returns the texts of a Period's points."""
    usual = cut(xml)
    if usual is not None:
        # Any other document is read as it came, so that an error quotes it.
        with suppress(InvalidError):
            root = _root(usual.rest, zone)
            if etree.QName(root).localname == GENERATION:
                return root, usual.of
    return _root(xml, zone), texts_of


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
        raise invalid(
            f"the XML cannot be read: {str(error)[:120]} in {xml[:60]!r}", reason, zone
        ) from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise invalid("the document has a DOCTYPE", "doctype", zone)
    return root


def _acknowledged(root: etree._Element, zone: str, status: int) -> NoDataError | PermanentError:
    # The document is parsed a second time, from the tree that was accepted, because xmltodict reads
    # a document with one Reason, with several and with none in the same way.
    try:
        parsed = xmltodict.parse(
            etree.tostring(root),
            process_namespaces=True,
            namespaces=defaultdict(str),  # so that names carry no namespace
            xml_attribs=False,
            force_list=("Reason",),
        )
    except ExpatError as error:  # expat refuses some names that lxml accepts
        raise invalid(f"the XML cannot be read: {error}"[:120], "not_xml", zone) from error
    [document] = parsed.values()
    reasons = [
        (str(reason.get("code")), " ".join(str(reason.get("text")).split())[:300])
        for reason in (document.get("Reason", ()) if isinstance(document, dict) else ())
        if isinstance(reason, dict)
    ]
    text = (
        "; ".join(f"{code} {text}" for code, text in reasons)
        or "the platform acknowledged the request without a reason"
    )
    no_data = any("no matching data" in text.lower() for _, text in reasons) or (
        status == HTTP_OK and any(code == NO_DATA_CODE for code, _ in reasons)
    )
    return (NoDataError if no_data else PermanentError)(text, provider=NAME, zone=zone)


def _series(element: etree._Element, texts: TextsOf, domain: str, zone: str, cells: int) -> Series:
    inside = element.findtext("{*}inBiddingZone_Domain.mRID")
    outside = element.findtext("{*}outBiddingZone_Domain.mRID")
    if (inside is None) == (outside is None):
        raise invalid("a series names no bidding zone, or two", "malformed", zone)
    named = (inside or outside or "").strip()
    if named != domain:
        raise invalid(f"a series is of {named[:20]!r}, not of {domain}", "wrong_zone", zone)
    unit = element.findtext("{*}quantity_Measure_Unit.name")
    if unit != "MAW":
        raise invalid(f"the unit of a series is {unit!r}, not MAW", "unknown_unit", zone)
    psr_type = element.findtext("{*}MktPSRType/{*}psrType")
    if psr_type is None or not PSR_TYPE.fullmatch(psr_type):
        raise invalid(f"a series has PSR type {str(psr_type)[:20]!r}", "malformed", zone)
    curve = element.findtext("{*}curveType") or "A01"  # documents older than A03 do not name it
    if curve not in ("A01", "A03"):
        raise invalid(f"a series has curve type {curve}", "unknown_curve", zone)
    mw: dict[Interval, float] = {}
    refused: dict[Interval, Refusal] = {}
    for period in element.iterfind("{*}Period"):
        left = cells - len(mw) - len(refused)
        more = _period(period, texts, zone, left, repeats=curve == "A03")
        for interval in mw.keys() & more.mw.keys():
            if mw[interval] != more.mw[interval]:
                refused[interval] = two_figures(psr_type, mw[interval], more.mw[interval])
        mw.update(more.mw)
        refused.update(more.refused)
    for interval in refused:
        mw.pop(interval, None)
    return Series(psr_type, outside is not None, mw, refused)


def two_figures(psr_type: str, first_mw: float, second_mw: float) -> Refusal:
    """Return the refusal of an interval for which a fuel has two different figures."""
    return Refusal("contradiction", f"{psr_type} has {first_mw} and {second_mw} MW")


class _Period(NamedTuple):
    """The figures of a Period, and the intervals whose figure is refused."""

    mw: dict[Interval, float]
    refused: dict[Interval, Refusal]


def _period(
    period: etree._Element, texts: TextsOf, zone: str, cells: int, *, repeats: bool
) -> _Period:
    start = _moment(period.findtext("{*}timeInterval/{*}start"), zone)
    end = _moment(period.findtext("{*}timeInterval/{*}end"), zone)
    resolution = period.findtext("{*}resolution")
    step = STEPS.get(resolution or "")
    if step is None:
        raise invalid(f"a period has resolution {resolution!r}", "unknown_resolution", zone)
    count, rest = divmod(end - start, step)
    if count <= 0 or rest:
        raise invalid(
            f"the period from {start} to {end} is no multiple of {resolution}", "malformed", zone
        )
    if count > cells:
        raise invalid(f"the document has more than {MAX_CELLS} intervals", "too_large", zone)
    grid = _grid(start, step, count)
    try:
        quantities = quantities_of(texts(period), count, zone)
    except InvalidError as error:
        return _Period({}, dict.fromkeys(grid, Refusal(error.reason, error.message)))
    if isinstance(quantities, list):
        return _Period(dict(zip(grid, quantities, strict=True)), {})
    mw: dict[Interval, float] = {}
    refused: dict[Interval, Refusal] = {}
    figures = _in_order(quantities, count, repeats=repeats)
    for interval, figure in zip(grid, figures, strict=True):
        if isinstance(figure, Refusal):
            refused[interval] = figure
        elif figure is not None:
            mw[interval] = figure
    return _Period(mw, refused)


def _in_order(
    quantities: Mapping[int, float | Refusal], count: int, *, repeats: bool
) -> Iterator[float | Refusal | None]:
    """Yield the figure of each position. What curve A03 leaves out repeats the one before."""
    last: float | Refusal | None = None
    for position in range(1, count + 1):
        figure = quantities.get(position, last if repeats else None)
        yield figure
        last = figure


@lru_cache(maxsize=2)  # all fuels of a document have the same intervals, and they may be many
def _grid(start: datetime, step: timedelta, count: int) -> tuple[Interval, ...]:
    edges = [start + index * step for index in range(count + 1)]
    return tuple(itertools.pairwise(edges))


def _moment(text: str | None, zone: str) -> datetime:
    moment = _parsed(text or "")
    if moment is None:
        raise invalid(f"the time {str(text)[:40]!r} cannot be read", "malformed", zone)
    return moment


@lru_cache(maxsize=256)  # every series of a document holds the same two times
def _parsed(text: str) -> datetime | None:
    for form in ("%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    return None
