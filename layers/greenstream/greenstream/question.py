"""What a caller asks: query strings, parsed in full or refused with every field named."""

import math
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from greenstream.policy import RankingSignal
from greenstream.reading import Basis, Kind, Signal
from greenstream.zones import SEED_POPS, Pop, pops

MAX_POPS: Final = 300
MAX_RTT_MS: Final = 60_000.0
MAX_LATENCY_MS: Final = 60_000.0
"""The policy's own upper end, so that no question asks for what a policy may not say."""
MAX_HISTORY_H: Final = 48

_NUMBER: Final = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE]-?\d{1,3})?", re.ASCII)
_PLAIN: Final = re.compile(r"[\w.:-]{1,40}", re.ASCII)
_COLO: Final = re.compile(r"[A-Z]{3}")


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
        One per fault, at least one.
    """

    def __init__(self, errors: Collection[FieldError]) -> None:
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in errors))
        self.errors = tuple(errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteQuestion:
    """Which POP: among which, from where, under which limit.

    ``rtt_ms`` are round trips the caller measured itself; ``position`` (latitude, longitude in
    degrees) lets the others be estimated.
    """

    pops: tuple[Pop, ...]
    colo: str | None
    position: tuple[float, float] | None
    rtt_ms: Mapping[str, float]
    current: str | None
    max_latency_ms: float | None
    signal: RankingSignal | None


def route_question(query: str) -> RouteQuestion:
    """Parse the query string of ``/v1/route``.

    Raises
    ------
    QuestionError
        Naming each field at fault.
    """
    fields = _Fields(
        query, ("pops", "colo", "lat", "lon", "rtt", "current", "max_latency_ms", "signal")
    )
    names = fields.names("pops", pops(), most=MAX_POPS) or SEED_POPS
    lat, lon = fields.number("lat", -90, 90), fields.number("lon", -180, 180)
    if fields.has("lat") != fields.has("lon"):
        missing, given = ("lon", "lat") if fields.has("lat") else ("lat", "lon")
        fields.refuse(missing, f"is required when {given} is given")
    signal = fields.one_of("signal", RankingSignal)
    question = RouteQuestion(
        pops=tuple(pops()[name] for name in names),
        colo=fields.matching("colo", _COLO, "must be three capital letters, as in AMS"),
        position=None if lat is None or lon is None else (lat, lon),
        rtt_ms=fields.rtt_ms(),
        current=fields.one_of("current", pops()),
        max_latency_ms=fields.number("max_latency_ms", 0, MAX_LATENCY_MS),
        signal=None if signal is None else RankingSignal(signal),
    )
    fields.check()
    return question


def zones_question(query: str) -> tuple[Kind, ...] | None:
    """Parse the query string of ``/v1/zones``: the kinds wanted, ``None`` for any.

    Raises
    ------
    QuestionError
        Naming each field at fault.
    """
    fields = _Fields(query, ("signal", "basis"))
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
    fields = _Fields(query, ("history_h",))
    hours = fields.number("history_h", 1, MAX_HISTORY_H)
    if hours is not None and not hours.is_integer():
        fields.refuse("history_h", "must be a whole number of hours")
    fields.check()
    return None if hours is None else int(hours)


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
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name not in known:
                self.refuse(_plain(name) or "query", "is not a parameter here", known)
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

    def one_of(self, name: str, allowed: Iterable[str]) -> str | None:
        value = self._values.get(name)
        if value is None or value in (choices := tuple(map(str, allowed))):
            return value
        self.refuse(name, f"cannot be {_plain(value) or 'this'}", choices)
        return None

    def matching(self, name: str, pattern: re.Pattern[str], detail: str) -> str | None:
        value = self._values.get(name)
        if value is None or pattern.fullmatch(value):
            return value
        self.refuse(name, detail)
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
            shown = ", ".join(filter(None, map(_plain, unknown[:5]))) or "what is given"
            self.refuse(name, f"does not know {shown}", allowed)
        elif len(set(names)) < len(names):
            self.refuse(name, "names a POP more than once")
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
                self.refuse("rtt", f"does not know the POP {_plain(pop)}", pops())
            elif pop in found:
                self.refuse("rtt", f"names {pop} more than once")
            elif (milliseconds := self._number("rtt", text, 0, MAX_RTT_MS)) is not None:
                found[pop] = milliseconds
                continue
            break  # one fault per field is enough to mend it
        return found


def _plain(text: str) -> str:
    """Return the text if it is a plain name, else nothing: markup is not sent back."""
    return text if _PLAIN.fullmatch(text) else ""
