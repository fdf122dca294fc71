"""Ontario: what IESO reports of each generator for each hour of a day, in an XML document.

``PUB_GenOutputCapability.xml`` is the document of the present day and grows by an hour each hour,
one to two hours late; a document with the day in its name is that of the day. Times are EST all
year, and the hours 1 to 24 are the END of an interval. The namespace has changed once, so that it
is not looked at. See https://reports-public.ieso.ca.
"""

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from functions.national.feed import Feed, Parsed, asked, not_ahead, within_calendar
from greenstream.domain.errors import GreenStreamError, InvalidError
from greenstream.domain.mix import Mix, Refusal
from greenstream.ingest.http import HttpClient
from greenstream.ingest.mixes import MixSlot

NAME: Final = "ieso"
ZONE: Final = "ON"
PATH: Final = "/public/GenOutputCapability/PUB_GenOutputCapability{}.xml"
HOUR: Final = timedelta(hours=1)
HOURS: Final = range(1, 25)
EST: Final = timezone(timedelta(hours=-5))
NO_FUEL: Final = frozenset({"CONTROL ACTIONS"})
"""What stands beside the fuels since 2026 and is none."""

SMALL: Final = 0.02
"""The share of an hour that generators may lack which reported the hour before."""

EARLY: Final = timedelta(hours=3)
"""How long after midnight in EST the document of the day before is read too: the new one is empty
for up to two hours."""


def parse(body: bytes) -> list[MixSlot]:
    """Return the slot of each hour of a document, oldest first.

    An hour without the generators that make more than `SMALL` of it in the hours beside it is
    refused: it is still being written, or a part of it is lost.

    Raises
    ------
    InvalidError
        ``malformed`` when the document cannot be read.
    """
    try:
        day, generators = _generators(body)
        midnight = within_calendar(datetime.combine(day, time(), EST).astimezone(UTC))
    except (ET.ParseError, KeyError, ValueError, OverflowError) as error:
        what = f"{type(error).__name__}: {error!s:.120}"
        raise _invalid(f"the document cannot be read ({what})") from error
    hours = sorted({hour for generator in generators for hour in generator.outputs})
    return [MixSlot(_mix(generators, hour, midnight + hour * HOUR)) for hour in hours]


Outputs = dict[int, float | Refusal]


class Generator(NamedTuple):
    """A generator, with its power by hour where it is reported."""

    name: str
    fuel: str
    outputs: Outputs

    def beside(self, hour: int) -> float:
        """Return the power in the hour that is reported next to ``hour``, in MW."""
        known = [(abs(hour - at), mw) for at, mw in self.outputs.items() if isinstance(mw, float)]
        return max(0.0, min(known)[1]) if known else 0.0


def _mix(generators: Iterable[Generator], hour: int, end: datetime) -> Mix:
    mw: dict[str, float] = {}
    lost_mw = 0.0
    refusal: Refusal | None = None
    for generator in generators:
        output = generator.outputs.get(hour)
        if output is None:
            lost_mw += generator.beside(hour)
        elif isinstance(output, Refusal):
            refusal = refusal or output
        else:
            mw[generator.fuel] = mw.get(generator.fuel, 0.0) + output
    if refusal is None and lost_mw > SMALL * sum(mw.values()):
        what = f"generators are absent that make {lost_mw:g} MW in the hours beside"
        refusal = Refusal("missing_fuel", what)
    return Mix(end - HOUR, end, mw, refusal=refusal)


def _generators(body: bytes) -> tuple[date, list[Generator]]:
    """Return the day and the generators of a document."""
    if b"<!" in body:  # It needs no entities, and no comment stands in it.
        raise ValueError("the document declares something")
    tree = ET.fromstring(body)  # noqa: S314 - nothing is declared, and the size is limited
    days = [text for text in _texts(tree.iter(), "Date") if text]
    if not days:
        raise ValueError("the document has no day")
    generators = [
        Generator(
            name=next(_texts(element, "GeneratorName"), ""),
            fuel=next(_texts(element, "FuelType"), ""),
            outputs=dict(_outputs(element)),
        )
        for element in tree.iter()
        if _local(element) == "Generator"
    ]
    names = {generator.name for generator in generators}
    if not generators or len(names) < len(generators):
        raise ValueError("the document names no generator, or one twice")
    if "" in names or any(not generator.fuel for generator in generators):
        raise ValueError("a generator has no name or no fuel")
    return date.fromisoformat(days[0]), [
        generator for generator in generators if generator.fuel not in NO_FUEL
    ]


def _outputs(generator: ET.Element) -> Iterator[tuple[int, float | Refusal]]:
    """Yield a generator's power by hour. An hour without a figure is left out."""
    for output in generator.iter():
        if _local(output) != "Output":
            continue
        hour = int(next(_texts(output, "Hour"), ""))
        text = next(_texts(output, "EnergyMW"), "")
        if hour not in HOURS:
            raise ValueError(f"an output is of hour {hour}")
        if text:
            yield hour, _mw(text)


def _mw(text: str) -> float | Refusal:
    try:
        mw = float(text)
    except ValueError:
        mw = math.nan
    return mw if math.isfinite(mw) else Refusal("not_a_number", f"a generator makes {text!r:.40}")


def _texts(elements: Iterable[ET.Element], name: str) -> Iterator[str]:
    for element in elements:
        if _local(element) == name:
            yield (element.text or "").strip()


def _local(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _invalid(what: str) -> InvalidError:
    return InvalidError(what, reason="malformed", provider=NAME)


def read(http: HttpClient, _since: datetime | None, now: datetime) -> Parsed:
    """Ask IESO for the document of today and, early in the day, for that of the day before."""
    local = now.astimezone(EST)
    yesterday = f"_{local - timedelta(days=1):%Y%m%d}"
    early = local - local.replace(hour=0, minute=0, second=0, microsecond=0) < EARLY
    slots: list[MixSlot] = []
    errors: list[GreenStreamError] = []
    for day in (yesterday, "") if early else ("",):
        try:
            slots += parse(asked(http, PATH.format(day)).body)
        except GreenStreamError as error:
            errors.append(error)
    return Parsed({ZONE: not_ahead(slots, now)} if slots else {}, () if slots else errors)


IESO: Final = Feed(
    name=NAME,
    address="IESO_BASE_URL",
    table="IESO",
    read=read,
    not_metered="generators on the distribution grids",
    max_bytes=8_000_000,
)
