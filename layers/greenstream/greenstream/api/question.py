"""What a caller asks: query strings, parsed in full or refused with every field named."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

from greenstream.api.fields import MAX_LAT, MAX_LON, Fields
from greenstream.domain.latency import estimate_rtt_ms, great_circle_km
from greenstream.domain.places import PlaceKind, Pop, colos, place, places, pops, seed_pops
from greenstream.domain.policy import RankingSignal
from greenstream.domain.ranking import AVERAGE, MARGINAL
from greenstream.domain.reading import Basis, Kind, Signal
from greenstream.domain.zones import Zone, zones

MAX_POPS: Final = 300
MAX_LATENCY_MS: Final = 60_000.0
"""The policy's own upper end, so that no question asks for what a policy may not say."""
MAX_HISTORY_H: Final = 48
MAX_QUESTIONS: Final = 128
"""How many questions stay parsed. A Worker asks the same question for all visitors of a place."""

WINDOW_SIGNALS: Final = ("auto", *Signal)
"""``auto`` takes the kind that all zones have a forecast of, average figures first."""

MAX_WINDOW_ZONES: Final = 10
"""Each costs a read of the table."""
DURATION_MIN: Final = (5, 1440)
WITHIN_H: Final = (1, 72)

PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "/v1/route": (
        "pops",
        "colo",
        "from",
        "lat",
        "lon",
        "rtt",
        "current",
        "max_latency_ms",
        "signal",
        "split",
        "allow",
        "deny",
    ),
    "/v1/window": (
        "zones",
        "pops",
        "from",
        "max_latency_ms",
        "duration_min",
        "within_h",
        "signal",
        "basis",
        "allow",
        "deny",
    ),
    "/v1/zones": ("signal", "basis"),
    "/v1/zones/{zone}": ("history_h",),
}
"""What each path may be asked; a path that is not here takes no parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteQuestion:
    """Which POP: among which, from where, under which limit.

    ``pops`` are those that the question names, else those whose round trips it gives, else the
    default ones; a POP in a country that the question does not allow is none of them. ``rtt_ms``
    are round trips the caller measured itself. ``position`` (latitude, longitude in degrees) lets
    the others be estimated: it is the visitor's own, else the colo's. ``current`` is one of
    ``pops``. ``split`` asks for shares beside the winner.
    """

    pops: tuple[Pop, ...]
    colo: str | None
    position: tuple[float, float] | None
    rtt_ms: Mapping[str, float]
    current: str | None
    max_latency_ms: float | None
    signal: RankingSignal | None
    split: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ZoneAsked:
    """A zone whose coming hours are asked about.

    ``pop`` is the place that it was asked for by, ``None`` where the question names the zone
    itself. ``latency_ms`` is the round trip to the place, estimated from the distance, where the
    question says from where.
    """

    zone: Zone
    pop: str | None = None
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowQuestion:
    """When: in which zones, for how long, within how much time from now, by figures of which kinds.

    ``kinds`` has the preferred kind first. Places beyond ``max_latency_ms`` are shown, and are not
    chosen.
    """

    asked: tuple[ZoneAsked, ...]
    duration: timedelta
    within: timedelta
    kinds: tuple[Kind, ...] = AVERAGE + MARGINAL
    max_latency_ms: float | None = None

    def is_near(self, asked: ZoneAsked) -> bool:
        """Return whether a zone is within the limit on latency, if there is one."""
        limit_ms = self.max_latency_ms
        return limit_ms is None or (asked.latency_ms is not None and asked.latency_ms <= limit_ms)


@lru_cache(maxsize=MAX_QUESTIONS)
def route_question(query: str) -> RouteQuestion:
    """Parse the query string of ``/v1/route``, once while it is among the last ones asked.

    Raises
    ------
    QuestionError
        Naming each field at fault.
    """
    fields = Fields(query, PARAMETERS["/v1/route"])
    named, rtt_ms = fields.places("pops", most=MAX_POPS), fields.rtt_ms()
    asked = named or tuple(place(name) for name in (rtt_ms or seed_pops()))
    names = tuple([pop.pop for pop in asked])
    current = fields.place("current")
    if fields.are_right("pops", "rtt"):
        fields.refuse_others("rtt", rtt_ms, names)
        fields.refuse_others("current", () if current is None else (current.pop,), names)
    permitted = fields.permitted({pop.pop: pop.country for pop in asked})
    colo = fields.colo()
    lat, lon = fields.number("lat", -MAX_LAT, MAX_LAT), fields.number("lon", -MAX_LON, MAX_LON)
    if fields.has("lat") != fields.has("lon"):
        missing, given = ("lon", "lat") if fields.has("lat") else ("lat", "lon")
        fields.refuse(missing, f"is required when {given} is given")
    origin = fields.origin("from")
    if fields.has("from") and fields.has("lat"):
        fields.refuse("from", "cannot be given with lat and lon")
    signal = fields.one_of("signal", RankingSignal)
    question = RouteQuestion(
        pops=tuple([pop for pop in asked if pop.pop in permitted]),
        colo=colo,
        position=origin or _position(lat, lon, colo),
        rtt_ms={pop: ms for pop, ms in rtt_ms.items() if pop in permitted},
        current=current.pop if current is not None and current.pop in permitted else None,
        max_latency_ms=fields.number("max_latency_ms", 0, MAX_LATENCY_MS),
        signal=None if signal is None else RankingSignal(signal),
        split=fields.one_of("split", ("true", "false")) == "true",
    )
    fields.check()
    return question


def _position(lat: float | None, lon: float | None, colo: str | None) -> tuple[float, float] | None:
    """Return the visitor's own position if it is given, else the colo's."""
    if lat is not None and lon is not None:
        return lat, lon
    if colo is not None:
        return colos()[colo].lat, colos()[colo].lon
    return None


def zones_question(query: str) -> tuple[Kind, ...] | None:
    """Parse the query string of ``/v1/zones``: the kinds wanted, ``None`` for any.

    Raises
    ------
    QuestionError
        Naming each field at fault.
    """
    fields = Fields(query, PARAMETERS["/v1/zones"])
    signal, basis = fields.one_of("signal", Signal), fields.one_of("basis", Basis)
    fields.check()
    if signal is None and basis is None:
        return None
    return tuple(
        Kind(each_signal, each_basis)
        for each_signal in Signal
        for each_basis in Basis
        if signal in (None, each_signal) and basis in (None, each_basis)
    )


def zone_question(query: str) -> int | None:
    """Parse the query string of ``/v1/zones/{zone}``: hours of history wanted, ``None`` for none.

    Raises
    ------
    QuestionError
        Naming each field at fault.
    """
    fields = Fields(query, PARAMETERS["/v1/zones/{zone}"])
    hours = fields.whole("history_h", 1, MAX_HISTORY_H)
    fields.check()
    return hours


def window_question(query: str) -> WindowQuestion:
    """Parse the query string of ``/v1/window``: an hour within a day where nothing else is said.

    The question is about the zones that it names, else about the first zones of its places, else
    about that of the place that ``from`` names or is nearest to, else about those of the default
    POPs. What is in a country that the question does not allow is left out.

    Raises
    ------
    QuestionError
        Naming each field at fault.
    """
    fields = Fields(query, PARAMETERS["/v1/window"])
    named = fields.zones("zones", most=MAX_WINDOW_ZONES)
    asked = fields.places("pops", most=MAX_WINDOW_ZONES)
    position = fields.origin("from")
    if fields.has("zones"):
        for other in ("pops", "from"):
            if fields.has(other):
                fields.refuse(other, "cannot be given with zones")
    max_latency_ms = fields.number("max_latency_ms", 0, MAX_LATENCY_MS)
    if fields.has("max_latency_ms") and not (fields.has("from") and fields.has("pops")):
        fields.refuse("max_latency_ms", "needs pops, and from to say from where")
    if fields.has("zones"):
        permitted = fields.permitted({zone.zone: zone.country for zone in named})
        of_zones = tuple(ZoneAsked(zone=zone) for zone in named if zone.zone in permitted)
    else:
        if not asked and position is not None:
            asked = (fields.place_of_origin("from") or _nearest(*position),)
        asked = asked or tuple(pops()[pop] for pop in seed_pops())
        permitted = fields.permitted({pop.pop: pop.country for pop in asked})
        of_zones = tuple(_asked(pop, position) for pop in asked if pop.pop in permitted)
    duration_min = fields.whole("duration_min", *DURATION_MIN) or 60
    within_h = fields.whole("within_h", *WITHIN_H) or 24
    if duration_min > within_h * 60:
        fields.refuse("duration_min", f"is longer than the {within_h} h it must lie within")
    signal = fields.one_of("signal", WINDOW_SIGNALS)
    basis = fields.one_of("basis", Basis)
    fields.check()
    return WindowQuestion(
        asked=of_zones,
        duration=timedelta(minutes=duration_min),
        within=timedelta(hours=within_h),
        kinds=tuple(
            kind
            for kind in AVERAGE + MARGINAL
            if signal in (None, "auto", kind.signal) and basis in (None, kind.basis)
        ),
        max_latency_ms=max_latency_ms,
    )


def _asked(pop: Pop, position: tuple[float, float] | None) -> ZoneAsked:
    latency_ms = None
    if position is not None:
        latency_ms = estimate_rtt_ms(great_circle_km(*position, pop.lat, pop.lon))
    return ZoneAsked(zone=zones()[pop.zones[0].zone], pop=pop.pop, latency_ms=latency_ms)


def _nearest(lat: float, lon: float) -> Pop:
    """Return the place that is nearest to a position, in degrees north and east.

    Cloud regions are left out, because where in its area a region stands is often not published.
    """
    return min(
        (known for known in places().values() if known.kind is not PlaceKind.REGION),
        key=lambda known: great_circle_km(lat, lon, known.lat, known.lon),
    )


def no_question(query: str) -> None:
    """Refuse any parameter.

    Raises
    ------
    QuestionError
        Naming each parameter.
    """
    Fields(query, ()).check()
