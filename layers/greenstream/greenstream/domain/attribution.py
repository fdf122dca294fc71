"""What a decision is held against: the nearest POP, and the best choice that never changes.

Attributional and location-based: intensities of the grids' mixes, for the energy at the chosen
origin alone. The network's energy is in none of these figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

from greenstream.domain.ladder import OBSERVED
from greenstream.domain.reading import Kind
from greenstream.domain.routing import Candidate, Decision
from greenstream.domain.zones import zones


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Sums over decisions: intensities now (g/kWh), and the round trip added to the nearest's."""

    decisions: int = 0
    delivered_gco2_kwh: float = 0.0
    nearest_gco2_kwh: float = 0.0
    best_static_gco2_kwh: float = 0.0
    added_rtt_ms: float = 0.0

    def with_decision(self, decision: Decision) -> "Comparison":
        """Add a decision whose figure and baselines are all observed, of one kind and own grids.

        A yearly mean in place of one of them, or a neighbour's figure, would make up a difference.
        """
        chosen, nearest, static = (
            decision.chosen.candidate,
            decision.baseline,
            best_static(decision),
        )
        if nearest is None or static is None or chosen.latency_ms is None:
            return self
        figures = [_figure(one, chosen.carbon.kind) for one in (chosen, nearest, static)]
        delivered, near, fixed = figures
        if delivered is None or near is None or fixed is None:
            return self
        return replace(
            self,
            decisions=self.decisions + 1,
            delivered_gco2_kwh=self.delivered_gco2_kwh + delivered,
            nearest_gco2_kwh=self.nearest_gco2_kwh + near,
            best_static_gco2_kwh=self.best_static_gco2_kwh + fixed,
            added_rtt_ms=self.added_rtt_ms + chosen.latency_ms - (nearest.latency_ms or 0.0),
        )

    def means(self) -> dict[str, float | int]:
        """Return the number of decisions and the means over them; nothing of none."""
        if not self.decisions:
            return {}
        return {
            "decisions": self.decisions,
            "delivered_gco2_kwh": round(self.delivered_gco2_kwh / self.decisions, 3),
            "nearest_gco2_kwh": round(self.nearest_gco2_kwh / self.decisions, 3),
            "best_static_gco2_kwh": round(self.best_static_gco2_kwh / self.decisions, 3),
            "added_rtt_ms": round(self.added_rtt_ms / self.decisions, 3),
        }


def best_static(decision: Decision) -> Candidate | None:
    """Return the eligible POP of the lowest published yearly mean: what needs no router.

    The nearest where none is eligible, as a choice that never changes would be; ``None`` where an
    eligible POP's zone has no published mean of the figure's kind, since it might be the lowest.
    A POP that only a neighbour's figure stands for is nobody's choice for good.
    """
    eligible = [entry.candidate for entry in decision.candidates if entry.eligible]
    if not eligible:
        return decision.baseline
    eligible = [one for one in eligible if not one.proxy]
    published = _published_means()
    means = [published.get((one.carbon.zone, one.carbon.kind)) for one in eligible]
    known = [mean for mean in means if mean is not None]
    if not known or len(known) < len(means):
        return None
    lowest = min(known)
    lowest_first = [one for one, mean in zip(eligible, known, strict=True) if mean == lowest]
    return min(lowest_first, key=lambda one: (one.latency_ms or 0.0, one.pop))


def _figure(candidate: Candidate, kind: Kind | None) -> float | None:
    carbon = candidate.carbon
    own = carbon.kind == kind and carbon.rung in OBSERVED and not candidate.proxy
    return carbon.gco2_kwh if own else None


@cache
def _published_means() -> Mapping[tuple[str, Kind | None], float]:
    return {
        (zone.zone, mean.kind): mean.gco2_kwh
        for zone in zones().values()
        for mean in reversed(zone.annual_means)  # the first stands
    }
