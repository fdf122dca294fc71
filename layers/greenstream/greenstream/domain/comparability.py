"""Whether figures may be compared, and by how much two ways of counting differ. Pure.

Figures of one signal and basis are ranked together even where their scopes or factor sets differ
(ADR 0003). What two such ways of counting are known to differ by is data
(``data/differences.json``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Self

from greenstream.domain.ladder import USUAL_RUNGS, ZoneCarbon
from greenstream.domain.origin import Origin
from greenstream.domain.reading import Kind, Scope
from greenstream.domain.tables import load


class Comparability(StrEnum):
    """Whether figures may be compared.

    ``same_kind``: one signal, basis, scope and factor set. ``mixed_scope``: one signal and basis,
    and more than one scope or factor set. ``mixed``: more than one signal or basis.
    """

    SAME_KIND = "same_kind"
    MIXED_SCOPE = "mixed_scope"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True)
class Counting:
    """The ways in which a set of figures was counted: what the figures have in common or not.

    Figures that are not known are left out.
    """

    kinds: frozenset[Kind]
    scopes: frozenset[Scope]
    factor_sets: frozenset[str]

    @classmethod
    def of(cls, figures: Iterable[ZoneCarbon]) -> Self:
        """Return the ways in which these figures were counted."""
        return cls.of_origins([figure.origin for figure in figures])

    @classmethod
    def of_origins(cls, origins: Iterable[Origin]) -> Self:
        """Return the ways in which the figures on these origins were counted."""
        # Figures on one origin share the object, and hundreds of figures rest on a few origins.
        different = set(origins)
        return cls(
            frozenset([origin.kind for origin in different if origin.kind is not None]),
            frozenset([origin.scope for origin in different if origin.scope is not None]),
            frozenset([origin.factor_set for origin in different if origin.factor_set is not None]),
        )

    @property
    def comparability(self) -> Comparability:
        """Whether the figures may be compared."""
        if len(self.kinds) > 1:
            return Comparability.MIXED
        if len(self.scopes) > 1 or len(self.factor_sets) > 1:
            return Comparability.MIXED_SCOPE
        return Comparability.SAME_KIND


def known_difference_gco2_kwh(first: ZoneCarbon, second: ZoneCarbon) -> float:
    """Return by how much two ways of counting are known to differ, in g/kWh.

    Two figures of one kind whose difference is smaller say nothing about which grid is the
    cleaner. The larger of two differences counts: of the scopes, by the zone that is the more
    sensitive to it, and of the factor sets. It is 0 for one way of counting, and for two kinds,
    between which no difference is known.
    """
    mine, theirs = first.origin, second.origin
    if mine is theirs or mine.kind != theirs.kind or mine.kind is None:
        return 0.0
    difference_gco2_kwh = 0.0
    if mine.scope is not theirs.scope:
        table = _differences()
        difference_gco2_kwh = max(
            table.by_zone.get(first.zone, table.between_scopes),
            table.by_zone.get(second.zone, table.between_scopes),
        )
    if mine.factor_set != theirs.factor_set:
        table = _differences()
        sets = frozenset([mine.factor_set, theirs.factor_set])
        between = table.by_factor_sets.get(sets, table.between_factor_sets)
        difference_gco2_kwh = max(difference_gco2_kwh, between)
    return difference_gco2_kwh


class Unsure(StrEnum):
    """Why the lowest of some figures may not be of the cleanest grid.

    ``counting``: another figure is of another kind, or is higher by less than the two ways of
    counting are known to differ. ``bounds``: what is not known of two mixes may together make up
    for the gap between the figures. ``usual``: another figure is a usual value, and may be wrong by
    more than the gap.
    """

    COUNTING = "counting"
    BOUNDS = "bounds"
    USUAL = "usual"


def why_unsure(lowest: ZoneCarbon, others: Iterable[ZoneCarbon]) -> Unsure | None:
    """Return why the lowest of some figures may not be of the cleanest grid; ``None`` if it is.

    Parameters
    ----------
    lowest
        The figure whose expected value is the lowest.
    others
        The other figures; it does no harm if ``lowest`` is among them.
    """
    mine, expected_gco2_kwh = lowest.origin, lowest.expected_gco2_kwh
    if expected_gco2_kwh is None:
        return None
    kind, largest_gco2_kwh = mine.kind, _differences().largest
    above_gco2_kwh = 0.0
    if mine.gco2_kwh is not None and mine.gco2_high is not None:
        above_gco2_kwh = mine.gco2_high - mine.gco2_kwh
    for other in others:
        theirs, other_gco2_kwh = other.origin, other.expected_gco2_kwh
        if theirs is mine or other_gco2_kwh is None:
            continue
        if theirs.kind is not kind and theirs.kind != kind:
            return Unsure.COUNTING
        gap_gco2_kwh = other_gco2_kwh - expected_gco2_kwh
        # Most figures are higher by more than any two ways of counting differ.
        if gap_gco2_kwh < largest_gco2_kwh and gap_gco2_kwh < known_difference_gco2_kwh(
            lowest, other
        ):
            return Unsure.COUNTING
        value, low = theirs.gco2_kwh, theirs.gco2_low
        below_gco2_kwh = 0.0 if value is None or low is None else value - low
        if gap_gco2_kwh < above_gco2_kwh + below_gco2_kwh:
            return Unsure.BOUNDS
        if other.rung in USUAL_RUNGS:
            doubt_gco2_kwh = other.doubt_gco2_kwh
            if doubt_gco2_kwh is None or gap_gco2_kwh < doubt_gco2_kwh:
                return Unsure.USUAL
    return None


@dataclass(frozen=True, slots=True)
class _Differences:
    """Known differences in g/kWh, by zone between the scopes and by pair of factor sets."""

    by_zone: Mapping[str, float]
    between_scopes: float
    by_factor_sets: Mapping[frozenset[str | None], float]
    between_factor_sets: float
    largest: float


@cache
def _differences() -> _Differences:
    data = load("differences.json")
    scopes, factor_sets = data["scopes"], data["factor_sets"]
    by_zone = {row["zone"]: float(row["gco2_kwh"]) for row in scopes["zones"]}
    by_factor_sets = {
        frozenset(row["sets"]): float(row["gco2_kwh"]) for row in factor_sets["pairs"]
    }
    between_scopes = float(scopes["otherwise"]["gco2_kwh"])
    between_factor_sets = float(factor_sets["otherwise"]["gco2_kwh"])
    return _Differences(
        by_zone=by_zone,
        between_scopes=between_scopes,
        by_factor_sets=by_factor_sets,
        between_factor_sets=between_factor_sets,
        largest=max(
            *by_zone.values(), between_scopes, *by_factor_sets.values(), between_factor_sets
        ),
    )
