"""What a decision is made of and what it says: candidates, verdicts, reasons. Pure."""

from enum import StrEnum
from typing import NamedTuple

from greenstream.domain.comparability import Counting
from greenstream.domain.ladder import ZoneCarbon


class Reason(StrEnum):
    """Why the POP was chosen.

    ``cleanest`` is said only of the lowest expected figure among the eligible, where no other can
    be as clean. ``lowest_figure``: it is the lowest, but another figure is of another scope, factor
    set or kind, and differs by less than such figures are known to differ; or what is not known of
    the mixes may make up for the gap; or another figure is a usual value, which may be wrong by
    more than the gap. ``lowest_fallback``: it is the lowest, but it is a usual value (an hour
    profile or a yearly mean), or no figure is live; usual values do not say which grid is the
    cleanest now. ``fresher``: its figure plus the price of age is the lowest, and it is younger
    than the lowest figure. ``age_price``: the same, and it is not younger: the lowest figure pays
    more for its age, because it may be wrong by more. ``nearer``: the price of latency made its
    score the lowest. ``near_tie_own_grid`` and ``near_tie_nearer``: its score differs too little
    from the lowest, and its own grid is known, or its round trip is the shorter. ``surer``: the
    visitor leaves the current POP for a figure that is lower by more than the two are known to
    differ by their scopes and factor sets, which is not true of the lowest figure.
    """

    CLEANEST = "cleanest"
    LOWEST = "lowest_figure"
    LOWEST_FALLBACK = "lowest_fallback"
    FRESHER = "fresher"
    AGE_PRICE = "age_price"
    NEARER = "nearer"
    NEAR_TIE_OWN_GRID = "near_tie_own_grid"
    NEAR_TIE_NEARER = "near_tie_nearer"
    SURER = "surer"
    STAYED = "stayed_within_margin"
    NEAREST = "nearest_none_within_limit"
    NO_CARBON = "latency_only_no_carbon"
    NO_LATENCY = "carbon_only_no_latency"
    NOTHING_KNOWN = "nothing_known"


class LatencySource(StrEnum):
    """Where a round trip comes from, the most trusted first."""

    REQUEST = "request"
    MEASURED = "measured"
    DISTANCE = "distance"
    UNKNOWN = "unknown"


# A question makes hundreds of the next two: a frozen dataclass would take four times as long.


class Candidate(NamedTuple):
    """A POP that could serve: its round trip (ms, ``None`` if unknown) and its zone's carbon.

    ``latency_samples`` is how many stand behind a measured round trip.
    """

    pop: str
    latency_ms: float | None
    latency_source: LatencySource
    carbon: ZoneCarbon
    latency_samples: int | None = None
    proxy: bool = False
    proxy_reason: str = ""


class Exclusion(StrEnum):
    """Why a candidate is not eligible."""

    OUTSIDE_LIMIT = "outside_limit"
    UNKNOWN_RTT = "unknown_round_trip"
    NO_CARBON = "no_carbon"


class Ranked(NamedTuple):
    """A candidate with the verdict on it; ``score`` in g/kWh, lower is better.

    ``exclusion`` says why the candidate is not eligible; ``None`` where it is.
    """

    candidate: Candidate
    exclusion: Exclusion | None
    score: float | None

    @property
    def eligible(self) -> bool:
        """Whether the candidate may be chosen for its carbon."""
        return self.exclusion is None


class Decision(NamedTuple):
    """The answer.

    ``candidates`` are in order of rank, the chosen POP first. ``baseline`` is the nearest POP;
    ``attributed_difference_gco2_kwh`` is its expected intensity less the chosen POP's (positive:
    the chosen POP's grid is cleaner). It is ``None`` where the two figures are not of the same
    kind, or where a neighbouring grid's figure stands for either of them: two POPs on the same
    grid would seem to differ.
    """

    chosen: Ranked
    reason: Reason
    text: str
    candidates: tuple[Ranked, ...]
    counting: Counting
    baseline: Candidate | None
    attributed_difference_gco2_kwh: float | None
