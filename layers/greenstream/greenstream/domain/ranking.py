"""Like for like: which figure each POP is ranked by (ADR 0003, ADR 0015). Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple, Self

from greenstream.domain.comparability import Counting
from greenstream.domain.ladder import OBSERVED, FreshnessCounts, Rung, ZoneCarbon, counts_of
from greenstream.domain.origin import Origin
from greenstream.domain.places import Pop, PopZone
from greenstream.domain.policy import RankingSignal
from greenstream.domain.reading import Basis, Kind, Signal

AVERAGE: Final = (Kind(Signal.AVERAGE, Basis.DIRECT), Kind(Signal.AVERAGE, Basis.LIFECYCLE))
MARGINAL: Final = (Kind(Signal.MARGINAL, Basis.DIRECT), Kind(Signal.MARGINAL, Basis.LIFECYCLE))
_SHARED_BY_SIGNAL: Final = {
    RankingSignal.AUTO: AVERAGE + MARGINAL,
    RankingSignal.AVERAGE: AVERAGE,
    RankingSignal.MARGINAL: MARGINAL,
    RankingSignal.ANY: (),
}
"""The kinds of which one may be shared by all POPs, the first choice first."""

_KINDS_BY_SIGNAL: Final = {
    RankingSignal.AUTO: AVERAGE,
    RankingSignal.AVERAGE: AVERAGE,
    RankingSignal.MARGINAL: MARGINAL,
    RankingSignal.ANY: None,
}
"""The kinds that are used together where none is shared; ``None`` for any kind."""

_Standing = tuple[ZoneCarbon, PopZone]
"""What a POP is ranked by: a zone's figure, and that zone as the POP's row of the table has it."""

FigureOf = Callable[[str], ZoneCarbon]
"""Answers a zone's carbon."""

CarbonOf = Callable[[tuple[Kind, ...] | None], FigureOf]
"""Answers what answers a zone's carbon for the kinds asked for (``None``: any kind)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Standings:
    """What a set of POPs is ranked by at one instant, and what all of its figures come to.

    Nothing here depends on the visitor, so that all questions of one second about the same POPs
    can share it. Two objects are equal only when they are the same object.

    Parameters
    ----------
    ranking
        The ranking signal.
    names, figures, entries
        The POPs in the order of the question; the figure that each is ranked by; and the zone of
        that figure, as the POP's row of the table has it.
    proxies, proxy_reasons
        Whether each entry is a neighbouring zone, and why it may stand for the POP's own.
    rungs, counts
        How many of the POPs have a figure on each rung, and on each group of rungs.
    kinds
        The kinds of the figures as text, sorted.
    counting
        The ways in which the figures were counted.
    simulated
        Whether a simulator made any of the figures.
    disputed
        The zone of each figure that is disputed, one entry for each POP.
    oldest_age_s
        The age of the oldest reading in seconds; 0 where no figure rests on a reading.
    """

    ranking: RankingSignal
    names: tuple[str, ...]
    figures: tuple[ZoneCarbon, ...]
    entries: tuple[PopZone, ...]
    proxies: tuple[bool, ...]
    proxy_reasons: tuple[str, ...]
    rungs: Mapping[Rung, int]
    counts: FreshnessCounts
    kinds: tuple[str, ...]
    counting: Counting
    simulated: bool
    disputed: tuple[str, ...]
    oldest_age_s: float

    @classmethod
    def of(
        cls,
        names: Iterable[str],
        figures: Iterable[ZoneCarbon],
        entries: Iterable[PopZone],
        ranking: RankingSignal,
    ) -> Self:
        """Return the standings with what their figures come to."""
        figures, entries = tuple(figures), tuple(entries)
        rungs = Counter([figure.rung for figure in figures])
        common = _common_of(tuple([figure.origin for figure in figures]))
        return cls(
            ranking=ranking,
            names=tuple(names),
            figures=figures,
            entries=entries,
            proxies=tuple([entry.proxy for entry in entries]),
            proxy_reasons=tuple([entry.proxy_reason for entry in entries]),
            rungs=rungs,
            counts=counts_of(rungs),
            kinds=common.kinds,
            counting=common.counting,
            simulated=common.simulated,
            disputed=tuple([figure.zone for figure in figures if figure.disputed]),
            oldest_age_s=max([figure.age_s or 0.0 for figure in figures], default=0.0),
        )


class _Common(NamedTuple):
    """What figures have in common that does not age; the fields are those of `Standings`."""

    kinds: tuple[str, ...]
    counting: Counting
    simulated: bool


@lru_cache(maxsize=64)
def _common_of(origins: tuple[Origin, ...]) -> _Common:
    """Return what figures on these origins have in common, once until one has a new origin."""
    counting = Counting.of_origins(origins)
    return _Common(
        kinds=tuple(sorted(map(str, counting.kinds))),
        counting=counting,
        simulated=any(origin.simulated for origin in origins),
    )


def like_for_like(pops: Sequence[Pop], carbon_of: CarbonOf, ranking: RankingSignal) -> Standings:
    """Give each POP the zone figure it is ranked by.

    A kind is shared when each POP has an observed figure of that kind, or has no observed
    figure at all and falls back to one of that kind. Where no kind is shared, average figures
    of either basis are used (or marginal ones, when these were asked for): a marginal figure
    is never ranked against an average one, except under ``any``.
    """
    names, of_any_kind = [pop.pop for pop in pops], carbon_of(None)
    for kind in _SHARED_BY_SIGNAL[ranking]:
        figures, entries, of_kind = [], [], carbon_of((kind,))
        for pop in pops:
            entry = pop.zones[0]  # It stands for most POPs, and is quicker to ask than `_of_pop`.
            figure = of_kind(entry.zone)
            if entry.proxy or figure.rung not in OBSERVED:
                figure, entry = _of_pop(pop, of_kind)
                if figure.rung not in OBSERVED and (
                    figure.rung is Rung.NONE or _of_pop(pop, of_any_kind)[0].rung in OBSERVED
                ):
                    break
            figures.append(figure)
            entries.append(entry)
        else:
            return Standings.of(names, figures, entries, ranking)
    of_signal = carbon_of(_KINDS_BY_SIGNAL[ranking])
    chosen = [_of_pop(pop, of_signal) for pop in pops]
    return Standings.of(
        names, [figure for figure, _ in chosen], [entry for _, entry in chosen], ranking
    )


def _of_pop(pop: Pop, figure_of: FigureOf) -> _Standing:
    """Return the first zone with an observed figure, else the first with any figure.

    A neighbour's grid stands in only where the POP's own has no figure at all: it says more of
    itself than of the POP, and ranked by it the router does worse than a fixed choice (ADR 15).
    """
    if not pop.zones:
        raise ValueError(f"{pop.pop} has no zone")
    standings: list[_Standing] = []
    for entry in pop.zones:
        figure = figure_of(entry.zone)
        if figure.rung in OBSERVED and not entry.proxy:
            return figure, entry  # No other zone can be trusted more.
        standings.append((figure, entry))
    return min(standings, key=_trust)


def _trust(standing: _Standing) -> tuple[bool, bool, bool]:
    figure, entry = standing
    return figure.rung is Rung.NONE, entry.proxy, figure.rung not in OBSERVED
