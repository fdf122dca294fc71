"""How much of what an operator reports as "Other" is solar power that it does not meter.

Solar systems that are too small for the operator's meters are reported under "Other", together
with cogeneration.
"""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from greenstream.domain.daylight import is_night, least_share
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import Middle

MIN_MIXES: Final = 48
"""The fewest mixes from which the relation of "Other" to the metered sun is learned."""

MIN_NIGHT_MIXES: Final = 8
"""The fewest mixes at night from which the power of "Other" without sun is learned."""

MIN_R_SQUARED: Final = 0.8
"""The share of the variance of "Other" that the metered sun must explain."""

AGREES_WITHIN: Final = 0.1
"""The share of "Other" by which it may exceed what the relation says, and its night, together."""


class SunInOther(NamedTuple):
    """The solar part of a mix's "Other", in MW, and whether the split of "Other" is known.

    The split is not known while the sun is up and neither the metered sun nor the nights explain
    "Other". The part is then the least that is likely.
    """

    mw: float
    known: bool


NO_SUN: Final = SunInOther(0.0, known=True)


def sun_in_other(
    mixes: Sequence[Mix], mix: Mix, *, solar: str, other: str, middle: Middle | None
) -> SunInOther:
    """Estimate the solar part of a mix's "Other" in two ways, of which the larger result counts.

    A linear regression of "Other" on the metered sun separates the part that rises and falls with
    it. It counts where the metered sun explains `MIN_R_SQUARED` of the variance of "Other". It
    fails where metered plants are switched off by day because the price is negative, while the
    small systems go on. Therefore what "Other" makes by day above its greatest power of all nights
    counts too: cogeneration hardly runs more at noon than in its busiest night hour.

    Parameters
    ----------
    mixes
        The mixes of the window.
    mix
        The mix whose "Other" is divided.
    solar, other
        The fuels of the metered sun and of "Other".
    middle
        The middle of the zone. Where it is not known, the nights are not used.
    """
    if not {solar, other} <= mix.generation_mw.keys():
        return NO_SUN
    here_mw = mix.generation_mw[other]
    slope = _slope(mixes, solar, other)
    related_mw = max(0.0, (slope or 0.0) * mix.generation_mw[solar])
    if least_share(middle, mix) <= 0:
        return SunInOther(_within(related_mw, here_mw), known=True)
    at_night = list(_at_night(mixes, other, middle))
    above_mw = here_mw - max(at_night) if len(at_night) >= MIN_NIGHT_MIXES else 0.0
    return SunInOther(
        _within(max(related_mw, above_mw), here_mw),
        known=slope is not None and above_mw <= related_mw + AGREES_WITHIN * here_mw,
    )


def _within(mw: float, other_mw: float) -> float:
    return min(max(mw, 0.0), max(other_mw, 0.0))


def _slope(mixes: Iterable[Mix], solar: str, other: str) -> float | None:
    """Return the MW of "Other" for each MW of metered sun, ``None`` where they are unrelated."""
    pairs = [
        (mix.generation_mw[solar], mix.generation_mw[other])
        for mix in mixes
        if solar in mix.generation_mw and other in mix.generation_mw
    ]
    if len(pairs) < MIN_MIXES:
        return None
    sun_mw, other_mw = zip(*pairs, strict=True)
    try:
        slope, _ = statistics.linear_regression(sun_mw, other_mw)
        r_squared = statistics.correlation(sun_mw, other_mw) ** 2
    except statistics.StatisticsError:  # one of the two is constant
        return None
    return slope if slope > 0 and r_squared >= MIN_R_SQUARED else None


def _at_night(mixes: Iterable[Mix], other: str, middle: Middle | None) -> Iterator[float]:
    """Yield what "Other" makes while no part of the zone has sun, in MW."""
    for mix in mixes:
        if other in mix.generation_mw and is_night(middle, mix):
            yield mix.generation_mw[other]
