"""Fields of a question: values parsed one by one, and every fault gathered with its field."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from greenstream.api.refusals import (
    plain,
    shown,
    unknown_colo,
    unknown_country,
    unknown_origin,
    unknown_parameter,
    unknown_place,
    unknown_zone,
)
from greenstream.domain.places import Pop, UnknownPlaceError, colos, place
from greenstream.domain.residency import (
    Residency,
    UnknownCountryError,
    countries_of,
)
from greenstream.domain.roundtrips import MAX_RTT_MS
from greenstream.domain.zones import UnknownZoneError, Zone, zone

MAX_QUERY_CHARS: Final = 10_000
"""How long a query string may be. One with 300 POPs and their round trips is 7,500 long."""

MAX_ERRORS: Final = 20
"""How many faults a refusal lists at most, so that no answer is much longer than its question."""

MAX_NAMED: Final = 5
"""How many names a fault lists at most."""

_NUMBER: Final = re.compile(r"-?(\d+\.?\d*|\.\d+)([eE]-?\d{1,3})?", re.ASCII)
_UNITS: Final[Mapping[str, str]] = {
    "_ms": " of milliseconds",
    "rtt": " of milliseconds",
    "_min": " of minutes",
    "_h": " of hours",
}
"""The unit of a number, by the end of its field's name."""

MAX_LAT: Final = 90
MAX_LON: Final = 180

_DEGREES: Final = re.compile(
    r"(?P<lat>[+-]?\d{1,3}(\.\d{1,15})?)\s*,\s*(?P<lon>[+-]?\d{1,3}(\.\d{1,15})?)", re.ASCII
)
_OF_DEGREES: Final = frozenset("0123456789.,;+-\N{MINUS SIGN} ")
"""The characters of a text that is meant as degrees, whether it is well written or not."""

Row = TypeVar("Row", Zone, Pop)
"""What the tables know by a name that a question may use."""

COLO: Final = re.compile(r"[A-Z]{3}")
"""A colo's code: that of an airport near it."""


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
        One per fault, at least one. The answer lists the first `MAX_ERRORS`.
    """

    def __init__(self, errors: Sequence[FieldError]) -> None:
        self.errors = tuple(errors[:MAX_ERRORS])
        super().__init__("; ".join(f"{error.field}: {error.detail}" for error in self.errors))


class Fields:
    """The parameters of one query string, whose faults are gathered for one answer."""

    def __init__(self, query: str, known: tuple[str, ...]) -> None:
        self._values: dict[str, str] = {}
        self._errors: list[FieldError] = []
        if len(query) > MAX_QUERY_CHARS:
            raise QuestionError(
                [FieldError("query", f"is longer than {MAX_QUERY_CHARS} characters")]
            )
        for name, value in parse_qsl(query, keep_blank_values=True):
            if name not in known:
                if len(self._errors) < MAX_ERRORS:  # a name nearby takes long to find
                    self.refuse(plain(name) or "query", unknown_parameter(name, known), known)
            elif name in self._values:
                self.refuse(name, "is given more than once")
            else:
                self._values[name] = value

    def has(self, name: str) -> bool:
        """Return whether the query string gives the field."""
        return name in self._values

    def refuse(self, name: str, detail: str, allowed: Iterable[str] = ()) -> None:
        """Note a fault of a field, with the values that it may have."""
        self._errors.append(FieldError(name, detail, tuple(allowed)))

    def check(self) -> None:
        """Raise `QuestionError` with every fault noted, if there is one."""
        if self._errors:
            raise QuestionError(self._errors)

    def number(self, name: str, low: float, high: float) -> float | None:
        """Return the number of a field; ``None`` where it is absent or at fault."""
        value = self._values.get(name)
        return None if value is None else self._number(name, value, low, high)

    def _number(self, name: str, text: str, low: float, high: float) -> float | None:
        value = float(text) if _NUMBER.fullmatch(text) else math.nan
        if low <= value <= high:  # also refuses NaN
            return value + 0.0  # -0 becomes 0, so that no answer shows "-0 ms"
        unit = next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")
        self.refuse(name, f"must be a number{unit} from {low:g} to {high:g}")
        return None

    def whole(self, name: str, low: int, high: int) -> int | None:
        """Return the whole number of a field; ``None`` where it is absent or at fault."""
        value = self.number(name, low, high)
        if value is None or value.is_integer():
            return None if value is None else int(value)
        self.refuse(name, "must be a whole number")
        return None

    def one_of(self, name: str, allowed: Iterable[str]) -> str | None:
        """Return the value of a field that takes one of the allowed values."""
        value = self._values.get(name)
        if value is None:
            return None
        choices = tuple(map(str, allowed))
        word = value.strip().lower() if value.isascii() else value
        if word in choices:
            return word
        said = f"cannot be {shown(value)}" if value.strip() else "is empty"
        self.refuse(name, f"{said}; it is one of {', '.join(choices)}", choices)
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
            shown = ", ".join(others[:MAX_NAMED])
            self.refuse(name, f"names {shown}, which the question does not ask about", asked)

    def colo(self) -> str | None:
        """Return the code of the colo in capital letters."""
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

    def zones(self, name: str, *, most: int) -> tuple[Zone, ...]:
        """Return the zones that a field lists, whose names may have small letters."""
        return self._looked_up(name, most, self._zone, attrgetter("zone"))

    def _zone(self, name: str, text: str) -> Zone | None:
        try:
            return zone(text)
        except UnknownZoneError:
            near, said = unknown_zone(text)
            self.refuse(name, said, near)
            return None

    def _looked_up(
        self,
        name: str,
        most: int,
        look_up: Callable[[str, str], Row | None],
        name_of: Callable[[Row], str],
    ) -> tuple[Row, ...]:
        """Return the rows whose names a field lists; none where the field is absent or at fault.

        Parameters
        ----------
        look_up
            Returns the row of a name, or refuses the field and returns ``None``.
        name_of
            Returns the name that answers use for a row.
        """
        asked: dict[str, Row] = {}
        for text in self._listed(name, most):
            row = look_up(name, text)
            if row is None:
                return ()  # one fault per field is enough to mend it
            if name_of(row) in asked:
                self.refuse(name, f"names {name_of(row)} more than once")
                return ()
            asked[name_of(row)] = row
        return tuple(asked.values())

    def _listed(self, name: str, most: int) -> list[str]:
        """Return the names that commas separate in a field; none where it is absent or at fault."""
        value = self._values.get(name)
        if value is None:
            return []
        names = [text.strip() for text in value.split(",")]
        if len(names) <= most:
            return names
        self.refuse(name, f"takes at most {most} names")
        return []

    def place(self, name: str) -> Pop | None:
        """Return the place that a field names."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return place(value.strip())
        except UnknownPlaceError:
            near, said = unknown_place(value, alone=True)
            self.refuse(name, said, near)
            return None

    def place_of_origin(self, name: str) -> Pop | None:
        """Return the place that a field of `origin` names; ``None`` for a city or for degrees."""
        try:
            return place(self._values.get(name, "").strip())
        except UnknownPlaceError:
            return None

    def places(self, name: str, *, most: int) -> tuple[Pop, ...]:
        """Return the places that a field lists, each under the name that answers use."""
        return self._looked_up(name, most, self._place, attrgetter("pop"))

    def rtt_ms(self) -> Mapping[str, float]:
        """Return the round trips of ``rtt`` in ms, by the names that answers use."""
        value = self._values.get("rtt")
        if value is None:
            return {}
        asked: dict[str, float] = {}
        for entry in value.split(","):
            text, colon, number = entry.strip().rpartition(":")
            if not colon:
                self.refuse("rtt", "must read like sfo:142,lon:3 (milliseconds)")
            elif (known := self._place("rtt", text)) is not None:
                if known.pop in asked:
                    self.refuse("rtt", f"names {known.pop} more than once")
                elif (ms := self._number("rtt", number, 0, MAX_RTT_MS)) is not None:
                    asked[known.pop] = ms
                    continue
            break  # one fault per field is enough to mend it
        return asked

    def origin(self, name: str) -> tuple[float, float] | None:
        """Return the position (degrees north and east) of what a field names.

        It names a place or a city, or gives the degrees themselves (``48.1,11.6``).
        """
        value = self._values.get(name)
        if value is None:
            return None
        value = value.strip()
        if degrees := _DEGREES.fullmatch(value):
            lat, lon = float(degrees["lat"]), float(degrees["lon"])
            if abs(lat) <= MAX_LAT and abs(lon) <= MAX_LON:
                return lat, lon
        if value and _OF_DEGREES.issuperset(value):
            self.refuse(
                name,
                f"must give degrees north from -{MAX_LAT} to {MAX_LAT} and then degrees east from "
                f"-{MAX_LON} to {MAX_LON}, as in 48.1,11.6",
            )
            return None
        try:
            known = place(value)
        except UnknownPlaceError:
            return self._city(name, value)
        return known.lat, known.lon

    def permitted(self, countries: Mapping[str, str]) -> Collection[str]:
        """Return the names that ``allow`` and ``deny`` leave, and refuse where none is left.

        Parameters
        ----------
        countries
            The country (ISO 3166-1 code) of each name that the question asks about.
        """
        if not self.has("allow") and not self.has("deny"):
            return countries.keys()
        allow, deny = self._countries("allow"), self._countries("deny")
        residency = Residency(allow, deny or frozenset())
        left = [name for name, country in countries.items() if residency.permits(country)]
        if not left and self.are_right("allow", "deny"):
            listed = [f"{name} ({country})" for name, country in countries.items()]
            unnamed = len(listed) - MAX_NAMED
            more = f" and {unnamed} more" if unnamed > 0 else ""
            said = f"leaves none of what is asked about: {', '.join(listed[:MAX_NAMED])}{more}"
            self.refuse("allow" if self.has("allow") else "deny", said)
        return left

    def _countries(self, name: str) -> frozenset[str] | None:
        value = self._values.get(name)
        if value is None:
            return None
        try:
            return countries_of(text.strip() for text in value.split(","))
        except UnknownCountryError as error:
            self.refuse(name, unknown_country(str(error)))
            return None

    def _city(self, name: str, text: str) -> tuple[float, float] | None:
        from greenstream.domain import place_search  # noqa: PLC0415 - most questions need none

        try:
            return place_search.origin(text)
        except place_search.AmbiguousPlaceError:
            near = place_search.near(text)
            shown = ", ".join(near)
            self.refuse(name, f"is the name of cities far from each other: {shown}", near)
        except UnknownPlaceError:
            near, said = unknown_origin(text)
            self.refuse(name, said, near)
        return None

    def _place(self, name: str, text: str) -> Pop | None:
        try:
            return place(text)
        except UnknownPlaceError:
            near, said = unknown_place(text)
            self.refuse(name, said, near)
            return None
