"""The numbers that steer a decision, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class RankingSignal(StrEnum):
    """Which figures may be ranked against each other (like for like, ADR 0003).

    ``auto``: the signal and basis that all candidates share; average before marginal, direct
    before lifecycle; where nothing is shared, average figures whatever their basis, and the
    answer says that they are not comparable. ``average`` and ``marginal``: that signal only.
    ``any``: each zone's first source, whatever its kind.
    """

    AUTO = "auto"
    AVERAGE = "average"
    MARGINAL = "marginal"
    ANY = "any"


class FreshnessModel(StrEnum):
    """What age does to a figure (ADR 0016).

    ``capped``: the default. A figure is ranked by the value expected by now
    (`greenstream.domain.drift`) plus a price per minute of age, which never exceeds the figure's
    doubt. ``drift``: the value expected by now without a price. ``penalty``: the reading itself
    plus the price per minute, without a cap; every rung below ``stale`` pays the price of the
    oldest age that a reading may have.
    """

    CAPPED = "capped"
    DRIFT = "drift"
    PENALTY = "penalty"


class RankedScope(StrEnum):
    """Which scope of a zone's figures is ranked (ADR 0019).

    ``usual``: the zone's sources in their order. ``consumption``: first the figures that are traced
    through the flows between zones, which are otherwise only shown.
    """

    USUAL = "usual"
    CONSUMPTION = "consumption"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One versioned set of decision numbers; the defaults decide until another is in force.

    Parameters
    ----------
    version
        Name of this set, shown in answers.
    max_latency_ms
        Round-trip limit: the constraint under which carbon is minimised.
    latency_price_gco2_kwh_ms
        What a millisecond of round trip is worth, g/kWh: small, so that 70 ms weigh 1.4 g/kWh.
    switch_margin
        Share by which a POP's score must beat the current POP's before the visitor is moved.
        ADR 0016 says what a larger share costs.
    split_margin
        Share by which a score may exceed the lowest score and still get a part of a split.
    tie_share, tie_gco2_kwh
        Two scores are a near-tie when they differ by at most this share of the lower score or
        this many g/kWh, whichever is larger.
    penalty_grace_s, penalty_slope_gco2_kwh_min
        The price of age: free up to the grace, then this much per minute.
    penalty_cap_doubts
        The most that age may cost under ``capped``, as a multiple of the figure's doubt.
    max_stale_s
        Age beyond which a reading no longer stands for now where its profile is not known.
    max_stale_profile_s
        The same where its profile is known, under ``capped`` and ``drift``.
    ranking_signal
        See `RankingSignal`.
    scope
        See `RankedScope`.
    freshness_model
        See `FreshnessModel`.
    drift_half_life_s
        After how long half of a figure's distance from its zone's profile is gone.
    capacity
        Weights of POPs in a split answer, by name; 1 where none is given.
    log_every
        One answer in this many is logged.

    Raises
    ------
    ValueError
        When a number is outside its range; the message names the field.
    """

    version: str = "default-2"
    max_latency_ms: float = 80.0
    latency_price_gco2_kwh_ms: float = 0.02
    switch_margin: float = 0.02
    split_margin: float = 0.05
    tie_share: float = 0.02
    tie_gco2_kwh: float = 1.0
    penalty_grace_s: float = 600.0
    penalty_slope_gco2_kwh_min: float = 1.0
    penalty_cap_doubts: float = 0.5
    max_stale_s: float = 6 * 3600.0
    max_stale_profile_s: float = 48 * 3600.0
    ranking_signal: RankingSignal = RankingSignal.AUTO
    scope: RankedScope = RankedScope.USUAL
    freshness_model: FreshnessModel = FreshnessModel.CAPPED
    drift_half_life_s: float = 18 * 3600.0
    capacity: Mapping[str, float] = field(default_factory=dict, hash=False)
    log_every: int = 10

    def near_tie_limit(self, lowest: float) -> float:
        """Return the highest score that is a near-tie with the lowest one, both in g/kWh."""
        return lowest + max(self.tie_share * lowest, self.tie_gco2_kwh)

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_latency_ms", 0.0, 60_000.0),
            ("latency_price_gco2_kwh_ms", 0.0, 1_000.0),
            ("switch_margin", 0.0, 0.99),
            ("split_margin", 0.0, 0.99),
            ("tie_share", 0.0, 0.5),
            ("tie_gco2_kwh", 0.0, 100.0),
            ("penalty_grace_s", 0.0, 7 * 86_400.0),
            ("penalty_slope_gco2_kwh_min", 0.0, 1_000.0),
            ("penalty_cap_doubts", 0.0, 100.0),
            ("max_stale_s", 0.0, 7 * 86_400.0),
            ("max_stale_profile_s", 0.0, 7 * 86_400.0),
            ("drift_half_life_s", 60.0, 30 * 86_400.0),
            ("log_every", 1, 1_000_000),
        ):
            _check(name, getattr(self, name), low, high)
        for pop, weight in self.capacity.items():
            _check(f"capacity of {pop}", weight, 0.001, 1_000.0)

    @property
    def oldest_stale_s(self) -> float:
        """The oldest age, s, that a reading may have under this policy's freshness model."""
        if self.freshness_model is FreshnessModel.PENALTY:
            return self.max_stale_s
        return max(self.max_stale_s, self.max_stale_profile_s)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{name} must be from {low} to {high}, not {value}")
