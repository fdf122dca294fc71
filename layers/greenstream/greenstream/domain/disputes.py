"""Compares two independent live sources of one zone, and says which of them stands. Pure."""

from collections.abc import Callable, Iterable
from itertools import combinations
from math import hypot
from typing import Final, NamedTuple

from greenstream.domain.reading import Kind, Scope

ALLOWANCE_GCO2_KWH: Final = 25.0
"""How far the bounds of two honest sources may be apart, in g/kWh.

Two publishers see different parts of a grid. In Great Britain NESO estimates the wind and the sun
that are embedded in the distribution grids and Elexon does not meter them, and NESO puts fuels
together that Elexon tells apart. Both figures are made with the factors of this package, so that no
difference of factors is left to allow for."""


DOUBTS: Final = 2.0
"""How many standard errors of their ages two claims may be apart besides: about 19 of 20 honest
pairs are closer."""


class Claim(NamedTuple):
    """What a live source says of a zone.

    Parameters
    ----------
    provider
        The provider's name.
    zone
        The zone that the figure was measured for, which may be wider than the zone asked about.
    kind, scope
        The kind and the scope of the figure.
    data_of
        The publishers whose measurements the figure rests on.
    gco2_kwh, gco2_low, gco2_high
        The figure and its bounds, in g/kWh.
    usual_gco2_kwh
        The zone's usual figure at this hour by the source's own profile, in g/kWh; ``None`` where
        it is not known.
    doubt_gco2_kwh
        How far the zone is likely to have moved since the figure was measured: the standard error
        of a value of this age, in g/kWh.
    """

    provider: str
    zone: str
    kind: Kind
    scope: Scope
    data_of: frozenset[str]
    gco2_kwh: float
    gco2_low: float
    gco2_high: float
    usual_gco2_kwh: float | None
    doubt_gco2_kwh: float = 0.0


class Dispute(NamedTuple):
    """Two sources that contradict each other.

    Parameters
    ----------
    stands
        The claim that stands: the nearer to the zone's usual figure, or the claim of the preferred
        source where no usual figure is known, or where both are equally near.
    against
        The claim that does not stand.
    usual_gco2_kwh
        The zone's usual figure in g/kWh: its profile at this hour, or the mean of a year where
        there is no profile. ``None`` where neither is known.
    """

    stands: Claim
    against: Claim
    usual_gco2_kwh: float | None

    @property
    def text(self) -> str:
        """The dispute in a sentence."""
        stands, against, usual = self
        why = (
            "the preferred source"
            if usual is None
            else f"the nearer to the usual {usual:.0f} g/kWh"
        )
        return (
            f"The sources of {stands.zone} contradict each other: {stands.provider} says "
            f"{stands.gco2_kwh:.0f} g/kWh and {against.provider} {against.gco2_kwh:.0f}; "
            f"{stands.provider} stands, {why}."
        )


def dispute_among(
    claims: Iterable[Claim], yearly_mean_gco2_kwh: Callable[[Kind], float | None]
) -> Dispute | None:
    """Return the first dispute among the live claims of a zone, or ``None`` where there is none.

    Two claims are compared where they are of one kind, one scope and one zone and rest on the
    measurements of different publishers. They contradict each other where their bounds are more
    than `ALLOWANCE_GCO2_KWH` apart, and `DOUBTS` standard errors more, since the older of the two
    may have been true in its time.

    Parameters
    ----------
    claims
        The claims, that of the preferred source first.
    yearly_mean_gco2_kwh
        Returns the zone's published yearly mean of a kind, g/kWh; ``None`` where there is none.
    """
    for preferred, other in combinations(claims, 2):
        if (
            preferred.kind == other.kind
            and preferred.scope is other.scope
            and preferred.zone == other.zone
            and preferred.data_of.isdisjoint(other.data_of)
            and _apart_gco2_kwh(preferred, other) > _allowance_gco2_kwh(preferred, other)
        ):
            known = (preferred.usual_gco2_kwh, other.usual_gco2_kwh)
            usual = next(
                (gco2_kwh for gco2_kwh in known if gco2_kwh is not None),
                yearly_mean_gco2_kwh(preferred.kind),
            )
            if usual is not None and _from_gco2_kwh(other, usual) < _from_gco2_kwh(
                preferred, usual
            ):
                return Dispute(other, preferred, usual)
            return Dispute(preferred, other, usual)
    return None


def _apart_gco2_kwh(first: Claim, second: Claim) -> float:
    """Return how far the bounds of two claims are apart; below zero where they overlap."""
    return max(first.gco2_low, second.gco2_low) - min(first.gco2_high, second.gco2_high)


def _allowance_gco2_kwh(first: Claim, second: Claim) -> float:
    """Return how far the bounds of two claims may be apart, in g/kWh."""
    return ALLOWANCE_GCO2_KWH + DOUBTS * hypot(first.doubt_gco2_kwh, second.doubt_gco2_kwh)


def _from_gco2_kwh(claim: Claim, gco2_kwh: float) -> float:
    """Return how far a figure lies outside of the bounds of a claim, in g/kWh."""
    return max(claim.gco2_low - gco2_kwh, gco2_kwh - claim.gco2_high, 0.0)
