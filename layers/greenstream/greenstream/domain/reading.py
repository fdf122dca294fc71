"""Readings and forecasts: normalised carbon intensities of one source.

Each value of a provider becomes one of these or is refused here by a named reason. Intensities are
in g/kWh, and instants are aware and in UTC.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final, NamedTuple

from greenstream.domain.errors import InvalidError

G_PER_KWH_PER_LB_PER_MWH: Final = 0.45359237
"""1 lb/MWh in g/kWh. The international avoirdupois pound is exactly 453.59237 g."""

MAX_GCO2_KWH: Final = 2000.0
"""The greatest intensity. The dirtiest fuels, lignite and peat, emit about 1,200 g/kWh."""

MIN_COVERAGE: Final = 0.2
"""The least coverage. With less of its generation known, a mix does not show its intensity."""

MAX_DETAIL_CHARS: Final = 20_000
"""The greatest size of a detail as text. A mix of thirty fuels has 1,000 characters. An item of the
table must stay far below 400 kB."""

MAX_FORECAST_POINTS: Final = 2_000
"""The greatest number of points. Three days in steps of five minutes have 864."""

MAX_AHEAD: Final = timedelta(days=10)
"""The longest time from a forecast's issue to its end, three times as long as any source's."""

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""The earliest instant, which is before any upstream began.

In the table, years of fewer than four digits would also be sorted wrongly.
"""

_NUMBER: Final = (int, float)

FUTURE_TOLERANCE: Final = timedelta(minutes=10)
"""How far ahead of the clock a measurement may begin, since an upstream's clock may be wrong."""


class Signal(StrEnum):
    """The question that a figure answers: the emissions of the average or of the next kWh."""

    AVERAGE = "average"
    MARGINAL = "marginal"


class Basis(StrEnum):
    """Which emissions are counted: CO2 from combustion, or CO2e over the whole life of a plant."""

    DIRECT = "direct"
    LIFECYCLE = "lifecycle"


class Scope(StrEnum):
    """Which electricity is counted: generated in the zone, or used in it with its imports."""

    PRODUCTION = "production"
    CONSUMPTION = "consumption"


class Quality(StrEnum):
    """How a figure came about."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    FORECAST = "forecast"


class Kind(NamedTuple):
    """Signal and basis. Only figures of one kind are compared."""

    signal: Signal
    basis: Basis

    def __str__(self) -> str:
        return f"{self.signal}/{self.basis}"


@cache
def kind_of(signal: Signal, basis: Basis) -> Kind:
    """Return the kind of a signal and a basis; equal kinds are one object, quick to compare."""
    return Kind(signal, basis)


def gco2_kwh_from_lb_mwh(lb_mwh: float) -> float:
    """Convert an emission rate from lb/MWh to g/kWh."""
    return lb_mwh * G_PER_KWH_PER_LB_PER_MWH


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of one source for one interval.

    Parameters
    ----------
    zone
        The zone's name in the zone table.
    provider, provider_zone
        The provider's name, and its own name of the area that the figure is about.
    signal, basis, scope, quality
        What the figure means and how it came about.
    factor_set
        The emission factors that made the figure, as a word (`greenstream.domain.factor_sets`).
    gco2_kwh
        The intensity in g/kWh.
    gco2_low, gco2_high
        The bounds of the intensity in g/kWh, given that the intensity of some fuels is unknown.
        They equal it when nothing is unknown.
    valid_from, valid_to
        The interval, in UTC.
    fetched_at
        When the provider was asked, in UTC.
    published_at
        When the provider published the figure, in UTC, or ``None`` if it does not say so.
    coverage
        The share of generation whose fuel has a known factor, from 0 to 1; 1.0 when the provider
        publishes g/kWh itself.
    simulated
        Whether a simulator made the figure, so that nobody takes it for a measurement.
    as_published_gco2_kwh
        The figure that the publisher itself states for the interval, by its own factors, in g/kWh,
        where ours is made of the mix beside it. ``None`` elsewhere.
    detail
        What else the provider said, such as MW by fuel.

    Raises
    ------
    InvalidError
        With one of the reasons ``not_a_number``, ``negative``, ``too_high``, ``bad_bounds``,
        ``naive_time``, ``bad_interval``, ``future``, ``low_coverage``, ``detail_too_large``,
        ``bad_factor_set``.
    """

    zone: str
    provider: str
    provider_zone: str
    signal: Signal
    basis: Basis
    scope: Scope
    factor_set: str
    quality: Quality
    gco2_kwh: float
    gco2_low: float
    gco2_high: float
    valid_from: datetime
    valid_to: datetime
    fetched_at: datetime
    published_at: datetime | None = None
    coverage: float = 1.0
    simulated: bool = False
    as_published_gco2_kwh: float | None = None
    detail: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_gco2_kwh(self.gco2_kwh, provider=self.provider, zone=self.zone)
        if self.as_published_gco2_kwh is not None:
            check_gco2_kwh(self.as_published_gco2_kwh, provider=self.provider, zone=self.zone)
        if not (
            math.isfinite(self.gco2_low)
            and math.isfinite(self.gco2_high)
            and 0 <= self.gco2_low <= self.gco2_kwh <= self.gco2_high <= MAX_GCO2_KWH
        ):
            raise self._invalid(
                "bad_bounds",
                f"the bounds {self.gco2_low} and {self.gco2_high} do not include {self.gco2_kwh}",
            )
        if not self.factor_set.isidentifier():
            raise self._invalid(
                "bad_factor_set", f"the factor set {self.factor_set!r:.80} is not a word"
            )
        for name in ("valid_from", "valid_to", "fetched_at", "published_at"):
            instant: datetime | None = getattr(self, name)
            if instant is not None and instant.utcoffset() != timedelta(0):
                raise self._invalid("naive_time", f"{name} {instant} is not an instant in UTC")
        if not EARLIEST <= self.valid_from < self.valid_to:
            raise self._invalid(
                "bad_interval",
                f"{self.valid_from} to {self.valid_to} ends before it begins, or is before 2000",
            )
        ahead = self.valid_from - self.fetched_at
        if self.quality is not Quality.FORECAST and ahead > FUTURE_TOLERANCE:
            raise self._invalid(
                "future",
                f"valid_from {self.valid_from} is {ahead} later than fetched_at {self.fetched_at}",
            )
        if not MIN_COVERAGE <= self.coverage <= 1:  # also refuses NaN
            raise self._invalid(
                "low_coverage", f"coverage {self.coverage} is not from {MIN_COVERAGE} to 1"
            )
        if self.detail and (size := len(str(self.detail))) > MAX_DETAIL_CHARS:
            raise self._invalid(
                "detail_too_large",
                f"the detail has {size} characters, and {MAX_DETAIL_CHARS} are the limit",
            )

    def _invalid(self, reason: str, message: str) -> InvalidError:
        return InvalidError(message, reason=reason, provider=self.provider, zone=self.zone)

    @property
    def kind(self) -> Kind:
        """The kind of the reading. It is ranked against readings of the same kind."""
        return kind_of(self.signal, self.basis)


class ForecastPoint(NamedTuple):
    """One interval of a forecast, in UTC, and its intensity in g/kWh.

    A run makes hundreds of points, and a dataclass would take longer to make.
    """

    valid_from: datetime
    valid_to: datetime
    gco2_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A provider's values for a zone's coming hours.

    Parameters
    ----------
    zone, provider, provider_zone, signal, basis, scope, factor_set, simulated
        As in `Reading`.
    issued_at
        When the provider made the forecast, in UTC.
    points
        The intervals, the earliest first.

    Raises
    ------
    InvalidError
        ``empty`` without points; ``too_large`` with more than `MAX_FORECAST_POINTS`;
        ``bad_interval`` when intervals overlap, run backwards, or end later than `MAX_AHEAD` after
        the issue; ``bad_factor_set``; and the reasons of `check_gco2_kwh`.
    """

    zone: str
    provider: str
    provider_zone: str
    signal: Signal
    basis: Basis
    scope: Scope
    factor_set: str
    issued_at: datetime
    points: tuple[ForecastPoint, ...]
    simulated: bool = False

    def __post_init__(self) -> None:
        if not self.factor_set.isidentifier():
            raise InvalidError(
                f"the factor set {self.factor_set!r:.80} is not a word",
                reason="bad_factor_set",
                provider=self.provider,
                zone=self.zone,
            )
        if not self.points:
            raise InvalidError(
                "the forecast has no points",
                reason="empty",
                provider=self.provider,
                zone=self.zone,
            )
        if len(self.points) > MAX_FORECAST_POINTS:
            raise InvalidError(
                f"the forecast has {len(self.points)} points, and {MAX_FORECAST_POINTS} are the"
                " limit",
                reason="too_large",
                provider=self.provider,
                zone=self.zone,
            )
        end = datetime.min.replace(tzinfo=UTC)
        provider, zone = self.provider, self.zone
        for valid_from, valid_to, gco2_kwh in self.points:
            if type(gco2_kwh) is not float or not 0 <= gco2_kwh <= MAX_GCO2_KWH:
                check_gco2_kwh(gco2_kwh, provider=provider, zone=zone)
            if not end <= valid_from < valid_to:
                raise InvalidError(
                    f"the forecast's interval at {valid_from} overlaps another or runs backwards",
                    reason="bad_interval",
                    provider=provider,
                    zone=zone,
                )
            end = valid_to
        if end - self.issued_at > MAX_AHEAD:
            raise InvalidError(
                f"the forecast of {self.issued_at} ends at {end}, over {MAX_AHEAD.days} days later",
                reason="bad_interval",
                provider=provider,
                zone=zone,
            )

    @property
    def kind(self) -> Kind:
        """The kind of the forecast."""
        return kind_of(self.signal, self.basis)


def check_gco2_kwh(gco2_kwh: object, *, provider: str, zone: str) -> float:
    """Return the value if it can be a carbon intensity in g/kWh.

    Parameters
    ----------
    gco2_kwh
        The value.
    provider, zone
        The names that an error mentions.

    Raises
    ------
    InvalidError
        ``not_a_number`` (missing, text, boolean, NaN, infinite), ``negative``, or ``too_high``
        (above `MAX_GCO2_KWH`).
    """
    if isinstance(gco2_kwh, bool) or not isinstance(gco2_kwh, _NUMBER):
        reason, fault = "not_a_number", f"{gco2_kwh!r:.80} is not a number"
    elif 0 <= gco2_kwh <= MAX_GCO2_KWH:
        return float(gco2_kwh)
    elif isinstance(gco2_kwh, float) and not math.isfinite(gco2_kwh):
        reason, fault = "not_a_number", f"{gco2_kwh} is not a finite number"
    elif gco2_kwh < 0:
        reason, fault = "negative", f"{gco2_kwh!s:.80} is negative"
    else:
        reason, fault = "too_high", f"{gco2_kwh!s:.80} is above {MAX_GCO2_KWH}"
    raise InvalidError(f"the value in g/kWh {fault}", reason=reason, provider=provider, zone=zone)
