"""Finds the fuels of a mix that are at exactly 0 MW although they cannot have stopped."""

from collections.abc import Mapping
from typing import Final

from greenstream.domain import daylight
from greenstream.domain.judging_limits import FALSE_ZERO_ABOVE_MW
from greenstream.domain.mix import Mix
from greenstream.domain.plausibility import ProviderRules, SourceRules

STOPS_AT_ONCE_MW: Final = 1250.0
"""The most that may stop from a mix to the next. A single block may trip when it is the only one of
its fuel that runs. The largest of which that is known is Leibstadt, with 1,233 MW net, while the
other Swiss reactors are revised."""


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
    false = {fuel for fuel in source.never_zero if fuel in zero}
    weather = provider.solar | provider.wind
    false |= {fuel for fuel in weather & zero if yesterday_mw.get(fuel, 0.0) > FALSE_ZERO_ABOVE_MW}
    if provider.solar & zero and daylight.is_day(source.middle, mix):
        false |= {
            fuel
            for fuel in provider.solar & zero
            if max(just_before_mw.get(fuel, 0.0), yesterday_mw.get(fuel, 0.0)) > 0
        }
    if not any(here.get(fuel) for fuel in provider.wind):  # wind at sea alone may be curtailed
        false |= {
            fuel
            for fuel in provider.wind & zero
            if just_before_mw.get(fuel, 0.0) > FALSE_ZERO_ABOVE_MW
        }
    needed = source.needed.union(*source.needed_any) - weather
    false |= {fuel for fuel in needed & zero if just_before_mw.get(fuel, 0.0) > STOPS_AT_ONCE_MW}
    return sorted(false)
