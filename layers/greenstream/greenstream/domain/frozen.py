"""Finds out when a source has stood still: it repeats its figures as if they were new."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from greenstream.domain.mix import Mix

FROZEN_STEPS: Final = 4
"""After so many steps without any movement a source counts as frozen."""

MOVING_STEPS: Final = 16
MOVING_SHARE: Final = 0.8
"""Only a source of which this share of at least `MOVING_STEPS` steps moved can be frozen."""

LONG_FROZEN_STEPS: Final = 20
STEPS_BEFORE_LONG: Final = 6
"""A standstill of at least `LONG_FROZEN_STEPS` needs only this many steps before it, instead of
`MOVING_STEPS`. A window of a day and a half holds no more hours before a standstill of a day."""


def frozen_since(mixes: Sequence[Mix], weather: frozenset[str]) -> dict[datetime, datetime]:
    """Return since when the figures stand still, by the start of each mix that repeats them.

    Figures stand still where no fuel moves for `FROZEN_STEPS` steps, although most steps before
    moved, and although sun or wind is in the mix. The last mix that moved is true.

    Parameters
    ----------
    mixes
        The mixes of a source, oldest first.
    weather
        The fuels whose power follows the weather.
    """
    frozen: dict[datetime, datetime] = {}
    steps = moved = 0
    repeats: list[Mix] = []

    def end_of_repeats() -> None:
        nonlocal steps
        is_long = len(repeats) >= LONG_FROZEN_STEPS
        moving = (
            steps >= (STEPS_BEFORE_LONG if is_long else MOVING_STEPS)
            and moved >= MOVING_SHARE * steps
        )
        if moving and len(repeats) >= FROZEN_STEPS and _runs_on(weather, repeats[0]):
            frozen.update((mix.valid_from, repeats[0].valid_from) for mix in repeats)
        else:
            steps += len(repeats)
        repeats.clear()

    for earlier, later in pairwise(mix for mix in mixes if mix.refusal is None):
        if earlier.generation_mw == later.generation_mw:
            repeats.append(later)
            continue
        end_of_repeats()
        steps, moved = steps + 1, moved + 1
    end_of_repeats()
    return frozen


def _runs_on(fuels: frozenset[str], mix: Mix) -> bool:
    return any(mix.generation_mw.get(fuel, 0.0) > 0 for fuel in fuels)
