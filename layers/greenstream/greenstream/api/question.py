"""What a caller asks: query strings, parsed in full or refused with every field named."""

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qsl

from greenstream.domain.places import Pop, colos, near_colos, pops, seed_pops
from greenstream.domain.policy import RankingSignal
from greenstream.domain.reading import Basis, Kind, Signal
from greenstream.domain.roundtrips import MAX_RTT_MS
from greenstream.domain.zones import Zone, zones

MAX_POPS: Final = 300
MAX_LATENCY_MS: Final = 60_000.0
"""The policy's own upper end, so that no question asks for what a policy may not say."""
MAX_HISTORY_H: Final = 48
MAX_QUERY_CHARS: Final = 10_000
"""Of a query string; a question of 300 POPs and their round trips has three quarters of that."""

MAX_QUESTIONS: Final = 128
"""How many questions stay parsed. A Worker asks the same question for all visitors of a place."""

MAX_ERRORS: Final = 20
"""Faults told at most: an answer is not to outgrow its question without bound."""

_NUMBER: Final = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE]-?\d{1,3})?", re.ASCII)
_PLAIN: Final = re.compile(r"[\w.:-]{1,40}", re.ASCII)
COLO: Final = re.compile(r"[A-Z]{3}")
"""A colo's code: that of an airport near it."""

MAX_WINDOW_ZONES: Final = 10
"""Each costs a read of the table."""
DURATION_MIN: Final = (5, 1440)
WITHIN_H: Final = (1, 72)

PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    "/v1/route": (
        "pops",
        "colo",
        "lat",
        "lon",
        "rtt",
        "current",
        "max_latency_ms",
        "signal",
        "split",
    ),
    "/v1/window": ("zones", "duration_min", "within_h"),
    "/v1/zones": ("signal", "basis"),
    "/v1/zones/{zone}": ("history_h",),
}
"""What each path may be asked; a path that is not here takes no parameter."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field, and what it may be where that can be listed."""

    field: str
    detail: str
    allowed: tuple[str, ...] = ()


class QuestionError(Exception):
    """The question cannot be understood.

    Parameters
    ----------
    errors
        One per fault, at least one; the first `MAX_ERRORS` are told.
    """

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors[:MAX_ERRORS])
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in self.errors))


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteQuestion:
    """Which POP: among which, from where, under which limit.

    ``pops`` are those that the question names, else those whose round trips it gives, else the
    default ones. ``rtt_ms`` are round trips the caller measured itself. ``position`` (latitude,
    longitude in degrees) lets the others be estimated: it is the visitor's own, else the colo's.
    ``current`` is one of ``pops``. ``split`` asks for shares beside the winner.
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
    fields = _Fields(query, PARAMETERS["/v1/route"])
    known_pops = pops()
    named, rtt_ms = fields.names("pops", known_pops, most=MAX_POPS), fields.rtt_ms()
    names = named or tuple(rtt_ms) or seed_pops()
    current = fields.one_of("current", pops())
    if fields.are_right("pops", "rtt"):
        fields.refuse_others("rtt", rtt_ms, names)
        fields.refuse_others("current", () if current is None else (current,), names)
    colo = fields.colo()
    lat, lon = fields.number("lat", -90, 90), fields.number("lon", -180, 180)
    if fields.has("lat") != fields.has("lon"):
        missing, given = ("lon", "lat") if fields.has("lat") else ("lat", "lon")
        fields.refuse(missing, f"is required when {given} is given")
    signal = fields.one_of("signal", RankingSignal)
    question = RouteQuestion(
        pops=tuple([known_pops[name] for name in names]),
        colo=colo,
        position=_position(lat, lon, colo),
        rtt_ms=rtt_ms,
        current=current,
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


def unknown_colo(code: str) -> str:
    """Return what is wrong with a code of three capital letters that no colo has."""
    near = ", ".join(f"{colo.colo} ({colo.city})" for colo in near_colos(code))
    known = f"does not know {code}; of {len(colos())} colos,"
    return f"{known} near it are {near}" if near else f"{known} none has a code near it"


def zones_question(query: str) -> tuple[Kind, ...] | None:
    """Parse the query string of ``/v1/zones``: the kinds wanted, ``None`` for any.

    Raises
    ------
    QuestionError
        Naming each field at fault.
    """
    fields = _Fields(query, PARAMETERS["/v1/zones"])
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
    fields = _Fields(query, PARAMETERS["/v1/zones/{zone}"])
    hours = fields.whole("history_h", 1, MAX_HISTORY_H)
    fields.check()
    return hours


def window_question(query: str) -> WindowQuestion:
    """Parse the query string of ``/v1/window``: an hour within a day where nothing else is said.

    The zones are those of the default POPs unless named.

    Raises
    ------
    QuestionError
        Naming each field at fault.
    """
    fields = _Fields(query, PARAMETERS["/v1/window"])
    names = fields.names("zones", zones(), most=MAX_WINDOW_ZONES) or dict.fromkeys(
        pops()[pop].zones[0].zone for pop in seed_pops()
    )
    duration_min = fields.whole("duration_min", *DURATION_MIN) or 60
    within_h = fields.whole("within_h", *WITHIN_H) or 24
    question = WindowQuestion(
        zones=tuple(zones()[name] for name in names),
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
    _Fields(query, ()).check()


class _Fields:
    """The parameters of one query string; faults are gathered, so that all are told at once."""

    def __init__(self, query: str, known: tuple[str, ...]) -> None:
        self._values: dict[str, str] = {}
        self._errors: list[FieldError] = []
        if len(query) > MAX_QUERY_CHARS:
            raise QuestionError(
                [FieldError("query", f"is longer than {MAX_QUERY_CHARS} characters")]
            )
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name not in known:
                self.refuse(plain(name) or "query", "is not a parameter here", known)
            elif name in self._values:
                self.refuse(name, "is given more than once")
            else:
                self._values[name] = value

    def has(self, name: str) -> bool:
        return name in self._values

    def refuse(self, name: str, detail: str, allowed: Iterable[str] = ()) -> None:
        self._errors.append(FieldError(name, detail, tuple(allowed)))

    def check(self) -> None:
        if self._errors:
            raise QuestionError(self._errors)

    def number(self, name: str, low: float, high: float) -> float | None:
        value = self._values.get(name)
        return None if value is None else self._number(name, value, low, high)

    def _number(self, name: str, text: str, low: float, high: float) -> float | None:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if low <= value <= high:  # also refuses NaN
            return value
        self.refuse(name, f"must be a number from {low:g} to {high:g}")
        return None

    def whole(self, name: str, low: int, high: int) -> int | None:
        value = self.number(name, low, high)
        if value is None or value.is_integer():
            return None if value is None else int(value)
        self.refuse(name, "must be a whole number")
        return None

    def one_of(self, name: str, allowed: Iterable[str]) -> str | None:
        value = self._values.get(name)
        if value is None or value in (choices := tuple(map(str, allowed))):
            return value
        self.refuse(name, f"cannot be {plain(value) or 'this'}", choices)
        return None

    def are_right(self, *names: str) -> bool:
        """Return whether no fault of these fields has been met."""
        return not any(error.field in names for error in self._errors)

    def refuse_others(self, name: str, given: Collection[str], asked: Sequence[str]) -> None:
        """Refuse a field that names POPs which the question does not ask about."""
        if not given:
            return
        known = frozenset(asked)
        if others := [pop for pop in given if pop not in known]:
            shown = ", ".join(others[:5])
            self.refuse(name, f"names {shown}, which the question does not ask about", asked)

    def colo(self) -> str | None:
        value = self._values.get("colo")
        if value is None:
            return None
        code = value.upper() if value.isascii() else value
        if not COLO.fullmatch(code):
            self.refuse("colo", "must be three letters, as in AMS")
        elif code not in colos():
            self.refuse("colo", unknown_colo(code))
        else:
            return code
        return None

    def names(self, name: str, allowed: Collection[str], *, most: int) -> tuple[str, ...]:
        value = self._values.get(name)
        if value is None:
            return ()
        names = value.split(",")
        unknown = [each for each in names if each not in allowed]
        if len(names) > most:
            self.refuse(name, f"takes at most {most} names")
        elif unknown:
            shown = ", ".join(filter(None, map(plain, unknown[:5]))) or "what is given"
            self.refuse(name, f"does not know {shown}", allowed)
        elif len(set(names)) < len(names):
            self.refuse(name, "gives a name more than once")
        else:
            return tuple(names)
        return ()

    def rtt_ms(self) -> Mapping[str, float]:
        value = self._values.get("rtt")
        if value is None:
            return {}
        found: dict[str, float] = {}
        for entry in value.split(","):
            pop, colon, text = entry.partition(":")
            if not colon:
                self.refuse("rtt", "must read like sfo:142,lon:3 (milliseconds)")
            elif pop not in pops():
                self.refuse("rtt", f"does not know {plain(pop) or 'what is given'}", pops())
            elif pop in found:
                self.refuse("rtt", f"names {pop} more than once")
            elif (milliseconds := self._number("rtt", text, 0, MAX_RTT_MS)) is not None:
                found[pop] = milliseconds
                continue
            break  # one fault per field is enough to mend it
        return found


def plain(text: str) -> str:
    """Return the text if it is a plain name, else nothing: markup is not sent back."""
    return text if _PLAIN.fullmatch(text) else ""
