"""What a caller asks: query strings, parsed in full or refused with every field named."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

from greenstream.api.fields import MAX_LAT, MAX_LON, Fields
from greenstream.domain.places import Pop, colos, place, pops, seed_pops
from greenstream.domain.policy import RankingSignal
from greenstream.domain.reading import Basis, Kind, Signal
from greenstream.domain.zones import Zone, zones

MAX_POPS: Final = 300
MAX_LATENCY_MS: Final = 60_000.0
"""The policy's own upper end, so that no question asks for what a policy may not say."""
MAX_HISTORY_H: Final = 48
MAX_QUESTIONS: Final = 128
"""How many questions stay parsed. A Worker asks the same question for all visitors of a place."""

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
    "/v1/window": ("zones", "pops", "duration_min", "within_h", "allow", "deny"),
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
class WindowQuestion:
    """When: in which zones, for how long, within how much time from now."""

    zones: tuple[Zone, ...]
    duration: timedelta
    within: timedelta


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

    The zones are those that the question names, else those of its POPs, else those of the default
    POPs; a zone in a country that the question does not allow is none of them.

    Raises
    ------
    QuestionError
        Naming each field at fault.
    """
    fields = Fields(query, PARAMETERS["/v1/window"])
    named = fields.zones("zones", most=MAX_WINDOW_ZONES)
    asked = fields.places("pops", most=MAX_WINDOW_ZONES)
    if fields.has("zones") and fields.has("pops"):
        fields.refuse("pops", "cannot be given with zones")
    if named:
        countries = {zone.zone: zone.country for zone in named}
    else:
        asked = asked or tuple(pops()[pop] for pop in seed_pops())
        countries = {pop.zones[0].zone: pop.country for pop in asked}
    permitted = fields.permitted(countries)
    duration_min = fields.whole("duration_min", *DURATION_MIN) or 60
    within_h = fields.whole("within_h", *WITHIN_H) or 24
    question = WindowQuestion(
        zones=tuple(zones()[name] for name in countries if name in permitted),
        duration=timedelta(minutes=duration_min),
        within=timedelta(hours=within_h),
    )
    if question.duration > question.within:
        fields.refuse("duration_min", f"is longer than the {within_h} h it must lie within")
    fields.check()
    return question


def no_question(query: str) -> None:
    """Refuse any parameter.

    Raises
    ------
    QuestionError
        Naming each parameter.
    """
    Fields(query, ()).check()
