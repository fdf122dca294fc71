"""What a decision is compared with: the nearest POP, and the best choice that never changes.

Attributional and location-based: the expected intensities of the grids' mixes, for the energy at
the chosen origin alone. The network's energy is in none of these figures.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from greenstream.domain.decision import Candidate, Decision
from greenstream.domain.ladder import OBSERVED
from greenstream.domain.reading import Kind
from greenstream.domain.zones import zones


@dataclass(slots=True)
class Comparison:
    """Sums over decisions: expected intensities (g/kWh), and the round trip added to the nearest's.

    Every decision is counted once: in ``decisions`` where the chosen POP and both baselines have
    an observed figure of the same kind and of their own grids; in ``fallback_decisions`` where
    they have figures of the same kind and grids of their own, but at least one figure is an hour's
    or a year's mean; else in ``uncompared_decisions``.

    A fallback decision may hide a loss: its figures may be wrong by their doubt.
    ``fallback_difference_gco2_kwh`` sums by how much the nearest POP's figure exceeds the chosen
    POP's, and ``fallback_hidden_loss_gco2_kwh`` by how much the chosen POP would be the dirtier if
    the two figures were wrong by one standard error in that direction.
    """

    decisions: int = 0
    delivered_gco2_kwh: float = 0.0
    nearest_gco2_kwh: float = 0.0
    best_static_gco2_kwh: float = 0.0
    added_rtt_ms: float = 0.0
    fallback_decisions: int = 0
    fallback_difference_gco2_kwh: float = 0.0
    fallback_hidden_loss_gco2_kwh: float = 0.0
    uncompared_decisions: int = 0

    def add(self, decision: Decision) -> None:
        """Add a decision to the sums."""
        chosen, nearest = decision.chosen.candidate, decision.baseline
        figures = _figures(chosen, nearest, best_static(decision))
        if figures is None or nearest is None or chosen.latency_ms is None:
            self.uncompared_decisions += 1
            return
        delivered, near, fixed = figures
        if not (delivered.observed and near.observed and fixed.observed):
            difference = near.gco2_kwh - delivered.gco2_kwh
            doubt = math.hypot(near.doubt_gco2_kwh, delivered.doubt_gco2_kwh)
            self.fallback_decisions += 1
            self.fallback_difference_gco2_kwh += difference
            if chosen.pop != nearest.pop:
                self.fallback_hidden_loss_gco2_kwh += max(0.0, doubt - difference)
            return
        self.decisions += 1
        self.delivered_gco2_kwh += delivered.gco2_kwh
        self.nearest_gco2_kwh += near.gco2_kwh
        self.best_static_gco2_kwh += fixed.gco2_kwh
        self.added_rtt_ms += chosen.latency_ms - (nearest.latency_ms or 0.0)

    def means(self) -> dict[str, float | int]:
        """Return the three counts, and the means over the decisions that each mean is about.

        A mean over no decision is left out.
        """
        means: dict[str, float | int] = {
            "decisions": self.decisions,
            "fallback_decisions": self.fallback_decisions,
            "uncompared_decisions": self.uncompared_decisions,
        }
        for count, names in (
            (
                self.decisions,
                ("delivered_gco2_kwh", "nearest_gco2_kwh", "best_static_gco2_kwh", "added_rtt_ms"),
            ),
            (
                self.fallback_decisions,
                ("fallback_difference_gco2_kwh", "fallback_hidden_loss_gco2_kwh"),
            ),
        ):
            if count:
                means |= {name: round(getattr(self, name) / count, 3) for name in names}
        return means


def best_static(decision: Decision) -> Candidate | None:
    """Return the eligible POP of the lowest published yearly mean, which needs no router.

    The nearest where none is eligible, as a choice that never changes would be; ``None`` where an
    eligible POP's zone has no published mean of the figure's kind, since it might be the lowest.
    A POP that is ranked by a neighbouring grid's figure is left out.
    """
    if not decision.chosen.eligible:  # The choice is eligible where any candidate is.
        return decision.baseline
    best, lowest = None, (math.inf, math.inf, "")
    kind = decision.chosen.candidate.carbon.origin.kind
    means_gco2_kwh = _published_means(kind)
    for candidate, exclusion, _ in decision.candidates:
        if exclusion is not None or candidate.proxy:
            continue
        carbon = candidate.carbon
        if carbon.origin.kind is not kind:  # seldom: figures are ranked like for like
            kind = carbon.origin.kind
            means_gco2_kwh = _published_means(kind)
        mean_gco2_kwh = means_gco2_kwh[carbon.zone]
        if mean_gco2_kwh is None:
            return None
        if mean_gco2_kwh > lowest[0]:
            continue
        rank = (mean_gco2_kwh, candidate.latency_ms or 0.0, candidate.pop)
        if rank < lowest:
            best, lowest = candidate, rank
    return best


class _Figure(NamedTuple):
    """A POP's expected intensity, its standard error, and whether it rests on a reading."""

    gco2_kwh: float
    doubt_gco2_kwh: float
    observed: bool


def _figures(
    chosen: Candidate, nearest: Candidate | None, static: Candidate | None
) -> tuple[_Figure, _Figure, _Figure] | None:
    """Return the three figures where they can be compared, else ``None``."""
    if nearest is None or static is None:
        return None
    kind = chosen.carbon.origin.kind
    delivered, near, fixed = _figure(chosen, kind), _figure(nearest, kind), _figure(static, kind)
    if delivered is None or near is None or fixed is None:
        return None
    return delivered, near, fixed


def _figure(candidate: Candidate, kind: Kind | None) -> _Figure | None:
    carbon = candidate.carbon
    if carbon.expected_gco2_kwh is None or carbon.origin.kind != kind or candidate.proxy:
        return None
    doubt = carbon.doubt_gco2_kwh or 0.0
    return _Figure(carbon.expected_gco2_kwh, doubt, carbon.rung in OBSERVED)


class _PublishedMeans(dict[str, float | None]):
    """The first yearly mean of a kind by zone, g/kWh; each is looked up when it is asked for."""

    def __init__(self, kind: Kind | None) -> None:
        super().__init__()
        self._kind = kind

    def __missing__(self, zone: str) -> float | None:
        known = zones().get(zone)
        means = () if known is None else known.annual_means
        first = next((mean.gco2_kwh for mean in means if mean.kind == self._kind), None)
        self[zone] = first
        return first


@lru_cache(maxsize=8)
def _published_means(kind: Kind | None) -> _PublishedMeans:
    """Return the yearly means of a kind, of which there are four."""
    return _PublishedMeans(kind)
