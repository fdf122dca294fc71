"""Reads ENTSO-E's physical flows (A11), which are not trusted, into the mean MW of each hour.

A document is about one direction of one border. This module knows no HTTP and no clock.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from lxml import etree

from greenstream.domain.errors import InvalidError, NoDataError, PermanentError

NAME: Final = "flows"
HOUR: Final = timedelta(hours=1)
STEPS: Final = {f"PT{minutes}M": timedelta(minutes=minutes) for minutes in (15, 30, 60)} | {
    "PT1H": HOUR
}
MAX_BYTES: Final = 2_000_000
MAX_CELLS: Final = 20_000
MOST_MW: Final = 20_000.0
"""No border of the table carries more."""

NO_DATA_CODE: Final = "999"

HourlyFlow = Mapping[datetime, float]
"""The mean MW of each whole hour, by its start in UTC. An hour of which a part is missing is not
in it."""


def read(body: bytes, into: str, out_of: str, border: str) -> HourlyFlow:
    """Read the answer about the flow from one area into another.

    The resolution is the border's own, and may change within a document, so each hour is the mean
    of its intervals. In curve type A03 a value that repeats is left out. Zero is sent, and a hole
    begins a new Period.

    Parameters
    ----------
    body
        The XML.
    into, out_of
        The EIC codes that were asked for: ``in_Domain`` receives.
    border
        The border's name, for errors.

    Raises
    ------
    NoDataError
        When the platform says that no data matches the request.
    PermanentError
        When the platform refuses the request for another reason.
    InvalidError
        When the document cannot be what it claims to be. ``reason`` names what is wrong.
    """
    root = _root(body, border)
    kind = etree.QName(root).localname
    if kind == "Acknowledgement_MarketDocument":
        raise _acknowledged(root, border)
    document = root.findtext("{*}type")
    if kind != "Publication_MarketDocument" or document != "A11":
        raise _invalid(f"the document is {kind[:60]} of type {document}", "wrong_document", border)
    cells: dict[datetime, dict[datetime, tuple[timedelta, float]]] = defaultdict(dict)
    count = 0
    for series in root.iterfind("{*}TimeSeries"):
        for start, step, mw in _cells(series, into, out_of, border):
            count += 1
            if count > MAX_CELLS:
                raise _invalid(f"it has over {MAX_CELLS} intervals", "too_large", border)
            hour = start.replace(minute=0)
            before = cells[hour].get(start)
            if before is not None and before != (step, mw):
                raise _invalid(f"{start} has {before[1]} and {mw} MW", "contradiction", border)
            cells[hour][start] = (step, mw)
    return {hour: mean for hour, of_hour in cells.items() if (mean := _mean(of_hour)) is not None}


def _mean(cells: Mapping[datetime, tuple[timedelta, float]]) -> float | None:
    """Return the mean MW of an hour, or ``None`` unless its intervals cover it exactly once."""
    covered = sum((step for step, _ in cells.values()), timedelta(0))
    if covered != HOUR:
        return None
    return sum(step / HOUR * mw for step, mw in cells.values())


def _root(body: bytes, border: str) -> etree._Element:
    if len(body) > MAX_BYTES:
        raise _invalid(f"it has over {MAX_BYTES} bytes", "too_large", border)
    if b"<!DOCTYPE" in body[:1000]:
        raise _invalid("it has a document type", "not_xml", border)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise _invalid(f"the XML cannot be read: {error}"[:120], "not_xml", border) from error


def _acknowledged(root: etree._Element, border: str) -> NoDataError | PermanentError:
    codes = [reason.findtext("{*}code") or "" for reason in root.iterfind("{*}Reason")]
    texts = [
        " ".join((reason.findtext("{*}text") or "").split())[:200]
        for reason in root.iterfind("{*}Reason")
    ]
    text = f"{border}: {'; '.join(texts) or 'the platform gave no reason'}"
    no_data = NO_DATA_CODE in codes and "no matching data" in text.lower()
    return (NoDataError if no_data else PermanentError)(text, provider=NAME)


def _cells(
    series: etree._Element, into: str, out_of: str, border: str
) -> Iterator[tuple[datetime, timedelta, float]]:
    named = series.findtext("{*}in_Domain.mRID"), series.findtext("{*}out_Domain.mRID")
    if named != (into, out_of):
        raise _invalid(f"a series is from {named[1]} into {named[0]}", "wrong_zone", border)
    unit = series.findtext("{*}quantity_Measure_Unit.name")
    if unit != "MAW":
        raise _invalid(f"the unit of a series is {unit!r}, not MAW", "unknown_unit", border)
    curve = series.findtext("{*}curveType") or "A01"
    if curve not in ("A01", "A03"):
        raise _invalid(f"a series has curve type {curve}", "unknown_curve", border)
    for period in series.iterfind("{*}Period"):
        start = _moment(period.findtext("{*}timeInterval/{*}start"), border)
        end = _moment(period.findtext("{*}timeInterval/{*}end"), border)
        step = STEPS.get(period.findtext("{*}resolution") or "")
        if step is None or end <= start or (end - start) % step or _since_hour(start) % step:
            raise _invalid("a period has no regular intervals", "malformed", border)
        points = dict(_points(period, (end - start) // step, border))
        last: float | None = None
        for position in range(1, (end - start) // step + 1):
            mw = points.get(position, last if curve == "A03" else None)
            if mw is not None:
                yield start + (position - 1) * step, step, mw
            last = mw


def _since_hour(at: datetime) -> timedelta:
    return timedelta(minutes=at.minute, seconds=at.second)


def _points(period: etree._Element, count: int, border: str) -> Iterator[tuple[int, float]]:
    if count > MAX_CELLS:
        raise _invalid(f"a period has over {MAX_CELLS} intervals", "too_large", border)
    seen: set[int] = set()
    for point in period.iterfind("{*}Point"):
        try:
            position = int(point.findtext("{*}position") or "")
            mw = float(point.findtext("{*}quantity") or "")
        except ValueError as error:
            raise _invalid("a point cannot be read", "malformed", border) from error
        if not 1 <= position <= count or position in seen:
            raise _invalid(f"position {position} is doubled or outside", "malformed", border)
        if not math.isfinite(mw) or not 0 <= mw <= MOST_MW:
            raise _invalid(f"{mw} MW cannot flow over a border", "implausible_mw", border)
        seen.add(position)
        yield position, mw


def _moment(text: str | None, border: str) -> datetime:
    for form in ("%Y-%m-%dT%H:%MZ", "%Y-%m-%dT%H:%M:%SZ"):
        try:
            return datetime.strptime(text or "", form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise _invalid(f"the time {str(text)[:40]!r} cannot be read", "malformed", border)


def _invalid(message: str, reason: str, border: str) -> InvalidError:
    return InvalidError(f"{border}: {message}", reason=reason, provider=NAME)
