"""Like for like: which figure each POP is ranked by (ADR 0003, ADR 0015). Pure."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from greenstream.domain.ladder import OBSERVED, FreshnessCounts, Rung, ZoneCarbon, counts_of
from greenstream.domain.places import Pop
from greenstream.domain.policy import RankingSignal
from greenstream.domain.reading import Basis, Kind, Signal

AVERAGE: Final = (Kind(Signal.AVERAGE, Basis.DIRECT), Kind(Signal.AVERAGE, Basis.LIFECYCLE))
MARGINAL: Final = (Kind(Signal.MARGINAL, Basis.DIRECT), Kind(Signal.MARGINAL, Basis.LIFECYCLE))
_SHARED_BY_SIGNAL: Final = {
    RankingSignal.AUTO: AVERAGE + MARGINAL,
    RankingSignal.AVERAGE: AVERAGE,
    RankingSignal.MARGINAL: MARGINAL,
}

CarbonOf = Callable[[str, tuple[Kind, ...] | None], ZoneCarbon]
"""Answers a zone's carbon for the kinds asked for (``None``: any kind)."""

Standing = tuple[ZoneCarbon, str, bool]
"""What a POP is ranked by: its zone's figure, the proxy reason, and whether it is a proxy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standings:
    """What a set of POPs is ranked by at one instant, and what all of its figures come to.

    Nothing here depends on the visitor, so that all questions of one second about the same POPs
    can share it. Two objects are equal only when they are the same object.

    Parameters
    ----------
    ranking
        The ranking signal.
    by_pop
        What each POP is ranked by, by its name.
    rungs, counts
        How many of the POPs have a figure on each rung, and on each group of rungs.
    kinds
        The kinds of the figures as text, sorted.
    simulated
        Whether a simulator made any of the figures.
    disputed
        The zone of each figure that is disputed, one entry for each POP.
    oldest_age_s
        The age of the oldest reading in seconds; 0 where no figure rests on a reading.
    """

    ranking: RankingSignal
    by_pop: Mapping[str, Standing]
    rungs: Mapping[Rung, int]
    counts: FreshnessCounts
    kinds: tuple[str, ...]
    simulated: bool
    disputed: tuple[str, ...]
    oldest_age_s: float

    @classmethod
    def of(cls, by_pop: Mapping[str, Standing], ranking: RankingSignal) -> Self:
        """Return the standings with what their figures come to."""
        figures = [figure for figure, _, _ in by_pop.values()]
        return cls(
            ranking=ranking,
            by_pop=by_pop,
            rungs=Counter([figure.rung for figure in figures]),
            counts=counts_of([figure.rung for figure in figures]),
            kinds=tuple(
                sorted(map(str, {kind for figure in figures if (kind := figure.origin.kind)}))
            ),
            simulated=any(figure.origin.simulated for figure in figures),
            disputed=tuple([figure.zone for figure in figures if figure.disputed]),
            oldest_age_s=max([figure.age_s or 0.0 for figure in figures], default=0.0),
        )


def like_for_like(
    pops: Sequence[Pop], carbon_of: CarbonOf, ranking: RankingSignal
) -> Mapping[str, Standing]:
    """Give each POP, by its name, the zone figure it is ranked by.

    A kind is shared when each POP has an observed figure of that kind, or has no observed
    figure at all and falls back to one of that kind. Where no kind is shared, average figures
    of either basis are used (or marginal ones, when these were asked for): a marginal figure
    is never ranked against an average one, except under ``any``.
    """
    if ranking is RankingSignal.ANY:
        return {pop.pop: _of_pop(pop, carbon_of, None) for pop in pops}
    shared = _SHARED_BY_SIGNAL[ranking]
    for kind in shared:
        figures = {}
        for pop in pops:
            figure, _, _ = figures[pop.pop] = _of_pop(pop, carbon_of, (kind,))
            if figure.rung in OBSERVED:
                continue
            if figure.rung is Rung.NONE or _of_pop(pop, carbon_of, None)[0].rung in OBSERVED:
                break
        else:
            return figures
    one_signal = MARGINAL if ranking is RankingSignal.MARGINAL else AVERAGE
    return {pop.pop: _of_pop(pop, carbon_of, one_signal) for pop in pops}


def _of_pop(pop: Pop, carbon_of: CarbonOf, kinds: tuple[Kind, ...] | None) -> Standing:
    """Return the first zone with an observed figure, else the first with any figure.

    A neighbour's grid stands in only where the POP's own has no figure at all: it says more of
    itself than of the POP, and ranked by it the router does worse than a fixed choice (ADR 15).
    """
    if not pop.zones:
        raise ValueError(f"{pop.pop} has no zone")
    standings: list[Standing] = []
    for entry in pop.zones:
        figure = carbon_of(entry.zone, kinds)
        standings.append((figure, entry.proxy_reason, entry.proxy))
        if figure.rung in OBSERVED and not entry.proxy:
            break  # No later zone can be trusted more.
    return standings[0] if len(standings) == 1 else min(standings, key=_trust)


def _trust(standing: Standing) -> tuple[bool, bool, bool]:
    figure, _, proxy = standing
    return figure.rung is Rung.NONE, proxy, figure.rung not in OBSERVED
