"""Finds the fuels of a mix that are at exactly 0 MW although they cannot have stopped."""

from collections.abc import Mapping
from typing import Final

from greenstream.domain import daylight
from greenstream.domain.judging_limits import FALSE_ZERO_ABOVE_MW
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import ProviderRules, SourceRules

STOPS_AT_ONCE_MW: Final = 1250.0
"""A fuel that made more than this in one mix cannot be at 0 MW in the next. A single block may trip
while no other block of its fuel runs. The largest block for which this can happen is the reactor
of Leibstadt (1,233 MW net), while the other Swiss reactors are under revision."""

DIES_DOWN_MW: Final = 20.0
"""Wind that made at most this in the mix before may be at 0 MW, even where it was strong a day
earlier. In a large zone, wind power is never exactly 0. The limit is a judgement."""


def false_zeros(
    mix: Mix,
    just_before_mw: Mapping[str, float],
    yesterday_mw: Mapping[str, float],
    provider: ProviderRules,
    source: SourceRules,
) -> list[str]:
    """Return the fuels whose 0 MW is not true.

    Parameters
    ----------
    mix
        The mix.
    just_before_mw, yesterday_mw
        What each fuel made in the mix before and a day earlier, in MW, as far as it is known. For a
        fuel that was falsely at 0 then, it is what it is likely to have made.
    provider, source
        The rules for all sources of the provider, and for this source.
    """
    here = mix.generation_mw
    zero = {fuel for fuel, mw in here.items() if mw == 0}
    sun, wind = provider.solar & zero, provider.wind & zero
    needed = source.needed.union(*source.needed_any) - provider.reversible
    by_day = bool(sun) and daylight.is_day(source.middle, mix)
    all_wind = not any(here.get(fuel) for fuel in provider.wind)  # that at sea may be curtailed

    def is_false(fuel: str) -> bool:
        before, yesterday = just_before_mw.get(fuel, 0.0), yesterday_mw.get(fuel, 0.0)
        if fuel in sun:
            return yesterday > FALSE_ZERO_ABOVE_MW or (by_day and max(before, yesterday) > 0)
        if fuel in wind:
            died_down = fuel in just_before_mw and before <= DIES_DOWN_MW
            was_much = yesterday > FALSE_ZERO_ABOVE_MW and not died_down
            return was_much or (all_wind and before > FALSE_ZERO_ABOVE_MW)
        return fuel in needed and before > STOPS_AT_ONCE_MW

    return sorted(fuel for fuel in zero if fuel in source.never_zero or is_false(fuel))
