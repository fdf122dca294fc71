"""A reading: one normalised carbon intensity of one source, for one interval.

Everything a provider says ends here or is refused here by name. Units: g/kWh, aware UTC.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple

from greenstream.domain.errors import InvalidError

G_PER_KWH_PER_LB_PER_MWH: Final = 0.45359237
"""1 lb/MWh in g/kWh: the international avoirdupois pound is exactly 453.59237 g."""

MAX_GCO2_KWH: Final = 2000.0
"""Above the dirtiest fuel burnt (lignite, peat: about 1,200 g/kWh) by a wide margin."""

MIN_COVERAGE: Final = 0.2
"""Below this share of known generation a mix says nothing about its intensity."""

MAX_DETAIL_CHARS: Final = 20_000
"""A mix of thirty fuels has a thousand; an item of the table must stay far below 400 kB."""

MAX_FORECAST_POINTS: Final = 2_000
"""Three days in five minutes are 864."""

MAX_AHEAD: Final = timedelta(days=10)
"""From a forecast's issue to its end: three times what any source gives."""

EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before any upstream began; years of fewer digits would sort wrongly in the table too."""

_NUMBER: Final = (int, float)

FUTURE_TOLERANCE: Final = timedelta(minutes=10)
"""Clock skew an upstream may have before its "measurement" of the future is refused."""


class Signal(StrEnum):
    """What the figure answers: the next kWh's emissions, or those of the average kWh."""

    AVERAGE = "average"
    MARGINAL = "marginal"


class Basis(StrEnum):
    """What is counted: combustion CO2 at the stack, or CO2e over the plant's life."""

    DIRECT = "direct"
    LIFECYCLE = "lifecycle"


class Scope(StrEnum):
    """Whose power: made in the zone, or used in it (imports counted)."""

    PRODUCTION = "production"
    CONSUMPTION = "consumption"


class Quality(StrEnum):
    """How the provider came to the figure."""

    MEASURED = "measured"
    ESTIMATED = "estimated"
    FORECAST = "forecast"


class Kind(NamedTuple):
    """What makes two figures comparable: signal and basis."""

    signal: Signal
    basis: Basis

    def __str__(self) -> str:
        return f"{self.signal}/{self.basis}"


def gco2_kwh_from_lb_mwh(lb_mwh: float) -> float:
    """Convert an emission rate from lb/MWh to g/kWh."""
    return lb_mwh * G_PER_KWH_PER_LB_PER_MWH


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of one source, valid from ``valid_from`` until ``valid_to``.

    ``gco2_low`` and ``gco2_high`` (g/kWh) bound what fuels of unknown intensity could make of
    the value; they equal it where nothing is unknown. ``coverage`` is the share of generation
    with a known factor, 1.0 where the provider gives g/kWh itself. ``detail`` keeps what the
    provider said besides (fuel MW, its own flags). ``simulated`` marks a figure made by a
    simulator, so that no page or answer can pass it for a measurement.

    Raises
    ------
    InvalidError
        With the reason: ``not_a_number``, ``negative``, ``too_high``, ``bad_bounds``,
        ``naive_time``, ``bad_interval``, ``future``, ``low_coverage``, ``detail_too_large``.
    """

    zone: str
    provider: str
    provider_zone: str
    signal: Signal
    basis: Basis
    scope: Scope
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
    detail: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_gco2_kwh(self.gco2_kwh, provider=self.provider, zone=self.zone)
        if not (
            math.isfinite(self.gco2_low)
            and math.isfinite(self.gco2_high)
            and 0 <= self.gco2_low <= self.gco2_kwh <= self.gco2_high <= MAX_GCO2_KWH
        ):
            raise self._invalid(
                "bad_bounds",
                f"bounds {self.gco2_low} and {self.gco2_high} do not hold {self.gco2_kwh}",
            )
        for name in ("valid_from", "valid_to", "fetched_at", "published_at"):
            moment: datetime | None = getattr(self, name)
            if moment is not None and moment.utcoffset() != timedelta(0):
                raise self._invalid("naive_time", f"{name} {moment} is not aware UTC")
        if not EARLIEST <= self.valid_from < self.valid_to:
            raise self._invalid(
                "bad_interval", f"from {self.valid_from} to {self.valid_to} is no interval of ours"
            )
        ahead = self.valid_from - self.fetched_at
        if self.quality is not Quality.FORECAST and ahead > FUTURE_TOLERANCE:
            raise self._invalid(
                "future", f"valid_from {self.valid_from} is {ahead} ahead of {self.fetched_at}"
            )
        if not MIN_COVERAGE <= self.coverage <= 1:  # also refuses NaN
            raise self._invalid("low_coverage", f"coverage {self.coverage} is below {MIN_COVERAGE}")
        if self.detail and (said := len(str(self.detail))) > MAX_DETAIL_CHARS:
            raise self._invalid("detail_too_large", f"{said} characters of detail")

    def _invalid(self, reason: str, message: str) -> InvalidError:
        return InvalidError(message, reason=reason, provider=self.provider, zone=self.zone)

    @property
    def kind(self) -> Kind:
        """Signal and basis together: what this reading may be ranked against."""
        return Kind(self.signal, self.basis)


class ForecastPoint(NamedTuple):
    """One interval of a forecast, g/kWh; hundreds a run, so no dataclass, which takes longer."""

    valid_from: datetime
    valid_to: datetime
    gco2_kwh: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """A provider's view of a zone's next hours, oldest interval first.

    Raises
    ------
    InvalidError
        When it holds no point or more than `MAX_FORECAST_POINTS`, a point outside the bounds of
        a reading, points out of order, or one that ends over `MAX_AHEAD` after it was issued.
    """

    zone: str
    provider: str
    provider_zone: str
    signal: Signal
    basis: Basis
    scope: Scope
    issued_at: datetime
    points: tuple[ForecastPoint, ...]
    simulated: bool = False

    def __post_init__(self) -> None:
        if not self.points:
            raise InvalidError(
                "a forecast without points", reason="empty", provider=self.provider, zone=self.zone
            )
        if len(self.points) > MAX_FORECAST_POINTS:
            raise InvalidError(
                f"a forecast of {len(self.points)} points",
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
                    f"forecast interval at {valid_from} overlaps or runs backwards",
                    reason="bad_interval",
                    provider=provider,
                    zone=zone,
                )
            end = valid_to
        if end - self.issued_at > MAX_AHEAD:
            raise InvalidError(
                f"a forecast of {self.issued_at} until {end}",
                reason="bad_interval",
                provider=provider,
                zone=zone,
            )

    @property
    def kind(self) -> Kind:
        """Signal and basis together."""
        return Kind(self.signal, self.basis)


def check_gco2_kwh(gco2_kwh: object, *, provider: str, zone: str) -> float:
    """Return the value if it can be a carbon intensity in g/kWh.

    Raises
    ------
    InvalidError
        ``not_a_number`` (missing, text, boolean, NaN, infinite), ``negative``, ``too_high``.
    """
    if isinstance(gco2_kwh, bool) or not isinstance(gco2_kwh, _NUMBER):
        reason, what = "not_a_number", repr(gco2_kwh)[:80]
    elif 0 <= gco2_kwh <= MAX_GCO2_KWH:
        return float(gco2_kwh)
    elif isinstance(gco2_kwh, float) and not math.isfinite(gco2_kwh):
        reason, what = "not_a_number", str(gco2_kwh)
    elif gco2_kwh < 0:
        reason, what = "negative", f"{gco2_kwh!s:.80}"
    else:
        reason, what = "too_high", f"{gco2_kwh!s:.80} is above {MAX_GCO2_KWH}"
    raise InvalidError(f"g/kWh value: {what}", reason=reason, provider=provider, zone=zone)
