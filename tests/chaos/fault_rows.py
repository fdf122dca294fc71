"""The rows of the fault matrix: faults of an upstream, of its address and of the clocks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.integration.engines import free_port

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
EARLIER = 2 * HOUR
Posted = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """The one zone that a fault hits: as posted to the simulator, and as GreenStream names it."""

    posted: Posted
    zone: str


ONE_ZONE = {
    "eso": Place({"zone": "GBR"}, "GBR"),
    "elexon": Place({"zone": "GBR"}, "GBR"),
    "ons": Place({"zone": "sul"}, "ONS_S"),
    "aemo": Place({"zone": "SA1"}, "AU_SA"),
    "ieso": Place({"zone": "ON"}, "CA_ON"),
    "aeso": Place({"zone": "AB"}, "CA_AB"),
    "hydroquebec": Place({"zone": "QC"}, "CA_QC"),
    "taipower": Place({"zone": "TW"}, "TW"),
    "kpx": Place({"zone": "KR"}, "KR"),
    "gridstatus": Place({"provider": "nyiso", "zone": "NYISO"}, "NYISO"),
    "watttime": Place({"zone": "CAISO_NORTH"}, "CAISO_NORTH"),
    "entsoe": Place({"zone": "10YNL----------L"}, "ENTSOE_NL"),
    "energycharts": Place({"zone": "nl"}, "ENTSOE_NL"),
    "electricitymaps": Place({"zone": "US-NY-NYIS"}, "NYISO"),
}
LONDON = Place({"zone": "GBR-13"}, "GBR-13")
"""One request fetches all British regions: only the content of a single region can be faulty."""

IN_ONE_ANSWER = frozenset({"ons", "aemo"})
"""Providers that get all zones in one answer: only the content of a single zone can be faulty."""

OF_A_NETWORK = frozenset({"flows"})
"""Providers without cells here: a fault of one answer moves the figures of many zones, and the
mixes are those that another provider has stored. `test_flows_matrix` has their column, and
`tests/contract/test_flows.py` more of their faults."""

BY_TURNS = frozenset({"eia"})
"""Providers without cells here: which zones a run reads depends on the hour, and their answers
change once a day. `test_eia_matrix` has their column, and the case `LATE` of
`tests/contract/provider_cases.py` and `tests/unit/test_eia.py` more of their faults."""

HOME = {
    "eso": ZoneInfo("Europe/London"),
    "elexon": ZoneInfo("Europe/London"),
    "ons": ZoneInfo("America/Sao_Paulo"),
    "aemo": ZoneInfo("Australia/Adelaide"),
    "ieso": ZoneInfo("America/Toronto"),
    # Alberta no longer changes its clocks, while Denver, whose clock it shared, still does.
    "aeso": ZoneInfo("America/Denver"),
    "hydroquebec": ZoneInfo("America/Toronto"),
    "taipower": ZoneInfo("Asia/Taipei"),
    "kpx": ZoneInfo("Asia/Seoul"),
    "gridstatus": ZoneInfo("America/New_York"),
    "watttime": ZoneInfo("America/Los_Angeles"),
    "entsoe": ZoneInfo("Europe/Amsterdam"),
    "energycharts": ZoneInfo("Europe/Berlin"),
    "electricitymaps": ZoneInfo("Europe/Amsterdam"),
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A row of the matrix.

    Parameters
    ----------
    posted
        The simulator's faults, posted to it in this order.
    content
        Whether the fault makes the figures of an answer wrong.
    may_be_true
        Whether the answer may still be readable: then either its true figures or nothing is stored.
    ends_run
        Providers for which this answer concerns the key or the plan, whatever zone was asked for.
        By design they send no more requests in that run.
    slow, dear
        Whether a run under this fault takes long, or needs more work than under the others.
    """

    name: str
    posted: tuple[Posted, ...] = ()
    content: bool = False
    may_be_true: bool = False
    ends_run: tuple[str, ...] = ()
    slow: bool = False
    dear: bool = False


KEYED = ("entsoe", "electricitymaps")
PACED = (*KEYED, "energycharts")
"""Providers that ask for nothing more in a run that was throttled."""


def status(code: int, *, ends_run: tuple[str, ...] = ()) -> Fault:
    return Fault(name=str(code), posted=({"fault": "status", "status": code},), ends_run=ends_run)


def throttled(retry_after: str) -> Fault:
    posted = {"fault": "status", "status": 429, "headers": {"Retry-After": retry_after}}
    return Fault(name=f"429, wait {retry_after} s", posted=(posted,), ends_run=PACED, dear=True)


def plain(name: str, fault: str, **more: Any) -> Fault:
    return Fault(name=name, posted=({"fault": fault},), **more)


STRIKES = (
    plain("hang", "hang", slow=True),
    plain("slow drip", "drip", slow=True),
    plain("slow drip of the head", "drip_head", slow=True),
    plain("reset", "reset"),
    plain("reset mid-body", "reset_midway"),
    status(401, ends_run=KEYED),
    status(403, ends_run=("entsoe",)),
    status(404),
    status(429, ends_run=PACED),
    throttled("3"),
    throttled("86400"),
    status(500),
    Fault(name="503 empty", posted=({"fault": "status", "status": 503}, {"fault": "empty"})),
    plain("HTML with 200", "html"),
    plain("empty", "empty"),
    plain("truncated", "truncate"),
    plain("noise", "garbage"),
    Fault(
        name="50 MB",
        posted=({"fault": "big", "body_bytes": 50_000_000},),
        may_be_true=True,
        dear=True,
    ),
    plain("deep XML", "deep_xml"),
    plain("deep JSON", "deep_json"),
    plain("entity bomb", "billion_laughs"),
    plain("ZIP bomb", "zip_bomb", dear=True),
    plain("gzip bomb", "gzip_bomb", dear=True),
    plain("wrong content type", "wrong_type", may_be_true=True),
    plain("wrong unit", "wrong_unit", content=True),
    plain("NaN", "nan", content=True),
    plain("negative", "negative", content=True),
    plain("null", "null", content=True),
)

NOWHERE: Mapping[str, Callable[[], str]] = {
    "refused": lambda: f"http://127.0.0.1:{free_port()}",
    "DNS failure": lambda: "http://no-such-host.invalid",
}

CLOCKS: Mapping[str, tuple[timedelta, timedelta]] = {  # offsets of our clock and of theirs
    "their clock 1 h ahead": (0 * HOUR, HOUR),
    "their clock 1 h behind": (0 * HOUR, -HOUR),
    "our clock 1 h ahead": (HOUR, 0 * HOUR),
    "our clock 1 h behind": (-HOUR, 0 * HOUR),
    "future stamps": (0 * HOUR, 6 * HOUR),
    "repeated stale data": (0 * HOUR, -EARLIER),
}


def clocks_change(home: ZoneInfo) -> bool:
    """Return whether a place's clocks differ between two months of a year to come."""
    return len({datetime(2027, month, 1, tzinfo=home).utcoffset() for month in range(1, 13)}) > 1


def change_of_clocks(home: ZoneInfo, after: datetime, *, forward: bool) -> datetime:
    """Return the next time that a place's clocks go forward, or back."""
    moment = after.replace(minute=0, second=0)
    while True:
        before, moment = moment.astimezone(home).utcoffset(), moment + HOUR
        now = moment.astimezone(home).utcoffset()
        assert before is not None
        assert now is not None
        if before != now and (now > before) is forward:
            return moment


def around_change(forward: bool) -> Callable[[ZoneInfo, datetime], list[datetime]]:  # noqa: FBT001
    """Return a function that gives instants just before and after the change and at about noon."""

    def instants(home: ZoneInfo, after: datetime) -> list[datetime]:
        change = change_of_clocks(home, after, forward=forward)
        return [change - 25 * MINUTE, change + 35 * MINUTE, change + 11 * HOUR + 20 * MINUTE]

    return instants


def at_leap_day(home: ZoneInfo, after: datetime) -> list[datetime]:
    year = next(year for year in range(after.year + 1, after.year + 9) if year % 4 == 0)
    return around_midnight(home, datetime(year, 2, 29, tzinfo=home)) + around_midnight(
        home, datetime(year, 3, 1, tzinfo=home)
    )


def at_new_year(home: ZoneInfo, after: datetime) -> list[datetime]:
    year = after.year + 1
    everywhere = {HOME["gridstatus"], home, UTC}
    midnights = {datetime(year, 1, 1, tzinfo=zone).astimezone(UTC) for zone in everywhere}
    return [
        instant for midnight in sorted(midnights) for instant in around_midnight(home, midnight)
    ]


def around_midnight(_: ZoneInfo, midnight: datetime) -> list[datetime]:
    return [midnight.astimezone(UTC) + minutes * MINUTE for minutes in (-10, 22)]


CALENDAR: Mapping[str, Callable[[ZoneInfo, datetime], list[datetime]]] = {
    "DST begins": around_change(forward=True),
    "DST ends": around_change(forward=False),
    "leap day": at_leap_day,
    "year boundary": at_new_year,
}

CHANGES_OF_CLOCKS = ("DST begins", "DST ends")

FALSE_SERIES: Mapping[str, Mapping[str, str]] = {
    "silence": {
        "eso": "missing_fuel",
        "elexon": "missing_fuel",
        "ons": "missing_fuel",
        "aemo": "missing_fuel",
        "ieso": "missing_fuel",
        "aeso": "missing_fuel",
        "hydroquebec": "missing_fuel",
        "taipower": "missing_fuel",
        "kpx": "missing_fuel",
        "gridstatus": "missing_fuel",
        "watttime": "its answers name no fuel; a point without a value is the row null",
        "entsoe": "missing_fuel",
        "energycharts": "missing_fuel",
        "electricitymaps": "its answer names no fuel; one without a figure is the row null",
    },
    "partial": {
        "eso": "half_mix",
        "elexon": "half_mix",
        "ons": "half_mix",
        "aemo": "half_mix",
        "ieso": "half_mix",
        "aeso": "half_mix",
        "hydroquebec": "half_mix",
        "taipower": "half_mix",
        "kpx": "half_mix",
        "gridstatus": "half_mix",
        "watttime": "its answers hold no mix of which a half could be absent",
        "entsoe": "half_mix",
        "energycharts": "half_mix",
        "electricitymaps": "its answer holds no mix of which a half could be absent",
    },
    "frozen": {
        "eso": "figures in whole g/kWh truly repeat: 19 times in 2023 for four half hours and more",
        "elexon": "frozen",
        "ons": "an answer holds one moment; the same moment again is repeated stale data",
        "aemo": "a file holds one interval; the same file again is repeated stale data",
        "ieso": "a cell's table holds hours of one day, too few to show that they moved before; "
        "`tests/contract/test_read_providers.py` has the case over two days",
        "aeso": "a report holds one moment; the same moment again is repeated stale data",
        "hydroquebec": "frozen",
        "taipower": "an answer holds one moment; the same moment again is repeated stale data",
        "kpx": "frozen",
        "gridstatus": "frozen",
        "watttime": "a MOER truly stays the same for hours while one kind of plant is marginal",
        "entsoe": "frozen",
        "energycharts": "frozen",
        "electricitymaps": "an answer holds one hour; the same hour again is repeated stale data",
    },
    "spike": {
        "eso": "spike",
        "elexon": "spike",
        "ons": "spike",
        "aemo": "spike",
        "ieso": "spike",
        "aeso": "spike",
        "hydroquebec": "spike",
        "taipower": "spike",
        "kpx": "spike",
        "gridstatus": "spike",
        "watttime": "spike",
        "entsoe": "spike",
        "energycharts": "spike",
        "electricitymaps": "spike",
    },
    "sandbox": {
        "eso": "it has no keys",
        "elexon": "it has no keys",
        "ons": "it has no keys",
        "aemo": "it has no keys",
        "ieso": "it has no keys",
        "aeso": "it has no keys",
        "hydroquebec": "it has no keys",
        "taipower": "it has no keys",
        "kpx": "it has no keys",
        "gridstatus": "no operator has sandbox keys",
        "watttime": "it has no sandbox keys",
        "entsoe": "it has no sandbox keys",
        "energycharts": "it has no keys",
        "electricitymaps": "sandbox",
    },
}
"""For each row and provider, the simulator's fault, or why its wire format cannot express it."""

REASONS: Mapping[str, frozenset[str]] = {
    "silence": frozenset({"missing_fuel"}),
    "partial": frozenset({"missing_fuel"}),
    "frozen": frozenset({"frozen"}),
    "spike": frozenset({"implausible_mw", "implausible_gco2", "too_high"}),
    "sandbox": frozenset({"sandbox"}),
}
"""The reasons that a run may name under each of these rows."""


def is_expressible(row: str, provider: str) -> bool:
    """Return whether a provider's wire format can hold the fault of a row."""
    return " " not in FALSE_SERIES[row][provider]


def cannot_be(row: str, provider: str) -> str | None:
    """Return why a provider has no cell in a row, or ``None`` where it has one."""
    if row in FALSE_SERIES and not is_expressible(row, provider):
        return FALSE_SERIES[row][provider]
    if row in CHANGES_OF_CLOCKS and not clocks_change(HOME[provider]):
        return f"the clocks of {HOME[provider]} do not change"
    return None


BY_NAME = {fault.name: fault for fault in STRIKES}
ROWS = (*NOWHERE, *BY_NAME, *FALSE_SERIES, *CLOCKS, *CALENDAR)
SLOW = frozenset(fault.name for fault in STRIKES if fault.slow)
CHEAP = tuple(
    row
    for row in ROWS
    if row not in {*SLOW, *CALENDAR, *FALSE_SERIES} and not (row in BY_NAME and BY_NAME[row].dear)
)


def place_of(provider: str, row: str) -> Place:
    """Return the one zone of the provider that this row hits."""
    if hits_every_zone(provider, row):
        return Place({}, ONE_ZONE[provider].zone)
    return LONDON if provider == "eso" and is_content(row) else ONE_ZONE[provider]


def is_content(row: str) -> bool:
    """Return whether the faults of a row make the figures of an answer wrong."""
    return row in FALSE_SERIES or (row in BY_NAME and BY_NAME[row].content)


def hits_every_zone(provider: str, row: str) -> bool:
    """Return whether a fault of this row hits all zones, since one answer has all of them."""
    return provider in IN_ONE_ANSWER and not is_content(row)
