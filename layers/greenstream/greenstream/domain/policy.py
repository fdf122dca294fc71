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
    """What age does to a figure.

    ``penalty``: the default, a price per minute of age. ``drift``: the value expected by now from
    the reading and the zone's profile (`greenstream.domain.drift`); the price per minute remains
    where a zone has no profile yet.
    """

    PENALTY = "penalty"
    DRIFT = "drift"


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
        What a millisecond of round trip is worth, g/kWh: small, so that it only settles
        near-ties (70 ms weigh 3.5 g/kWh, under the mean hourly drift of the calmest grid).
    switch_margin
        Share by which a POP's score must beat the current POP's before the visitor is moved.
    penalty_grace_s, penalty_slope_gco2_kwh_min
        The freshness penalty: free up to the grace, then this much per minute.
    max_stale_s
        Age beyond which a reading no longer stands for now.
    ranking_signal
        See `RankingSignal`.
    freshness_model
        See `FreshnessModel`.
    drift_half_life_s
        After how long half of a figure's distance from its zone's profile is gone.
    capacity
        Weights of POPs in a split answer, by name; 1 where none is given.
    log_every
        One answer in so many is told in the log.

    Raises
    ------
    ValueError
        When a number is outside its range; the message names the field.
    """

    version: str = "default-1"
    max_latency_ms: float = 80.0
    latency_price_gco2_kwh_ms: float = 0.05
    switch_margin: float = 0.05
    penalty_grace_s: float = 600.0
    penalty_slope_gco2_kwh_min: float = 1.0
    max_stale_s: float = 6 * 3600.0
    ranking_signal: RankingSignal = RankingSignal.AUTO
    freshness_model: FreshnessModel = FreshnessModel.PENALTY
    drift_half_life_s: float = 18 * 3600.0
    capacity: Mapping[str, float] = field(default_factory=dict, hash=False)
    log_every: int = 10

    def __post_init__(self) -> None:
        for name, low, high in (
            ("max_latency_ms", 0.0, 60_000.0),
            ("latency_price_gco2_kwh_ms", 0.0, 1_000.0),
            ("switch_margin", 0.0, 0.99),
            ("penalty_grace_s", 0.0, 7 * 86_400.0),
            ("penalty_slope_gco2_kwh_min", 0.0, 1_000.0),
            ("max_stale_s", 0.0, 7 * 86_400.0),
            ("drift_half_life_s", 60.0, 30 * 86_400.0),
            ("log_every", 1, 1_000_000),
        ):
            _check(name, getattr(self, name), low, high)
        for pop, weight in self.capacity.items():
            _check(f"capacity of {pop}", weight, 0.001, 1_000.0)


def _check(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise ValueError(f"{name} must be from {low} to {high}, not {value}")
