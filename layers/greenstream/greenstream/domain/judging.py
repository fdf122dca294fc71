"""Judges whether the mixes of a source can be believed, by its rules and by its own past.

A feed that says nothing, or says a part only, must not pass for a measurement. A mix is refused
under one of these reasons:

``no_generation``
    Nothing runs.
``implausible_mw``
    A fuel, or several fuels together, make more than was ever installed.
``negative``
    A fuel is further below zero than the power that its own stations draw.
``missing_fuel``
    A fuel is absent that the source must report, or that made more than `SHARE` of the mix before.
``false_zero``
    A fuel that never stands still is at exactly 0 MW, or makes next to nothing of what it made
    (`ProviderRules.nearly_zero_share`); or a fuel is at 0 MW that made more than `SHARE` before and
    cannot have stopped since (`false_zeros`).
``implausible_total``
    The whole generation is too great for the zone, or is that of a part of the zone.
``sun_at_night``
    Solar power is reported at night, and was not at this time a day earlier, or is more than heat
    that is stored gives (`STORED_SUN_SHARE`), as where the hours of a day are shifted.
``frozen``
    The source has repeated its figures although sun or wind is in the mix.

A mix that the provider's parser could not make sense of brings a reason of its own.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

from greenstream.domain import daylight, sun
from greenstream.domain.false_zeros import false_zeros
from greenstream.domain.frozen import frozen_since
from greenstream.domain.fuel_memory import FuelMemory
from greenstream.domain.judging_limits import (
    DAY,
    PART_OF_LEAST,
    SHARE,
    STORED_SUN_SHARE,
)
from greenstream.domain.mix import NOTHING, Mix, Refusal
from greenstream.domain.plausibility import ProviderRules, SourceRules
from greenstream.domain.usual_mixes import all_believed

STATION_SHARE_OF_OWN: Final = 0.1
"""The share of a fuel's own greatest power that its stations may draw while they stand still.
Thermal plants use 4 to 10 % of what they make for themselves; sun and wind use far less, and are
held to `SHARE` of their own greatest power."""

STATION_SHARE_OF_GREATEST: Final = 0.02
"""The share of the greatest power of a fuel by the rules that its idle stations may draw. A window
in which a fuel never ran does not show its size."""

REACH: Final = timedelta(hours=20)
"""How far back the believed past must reach before a total is compared with the least of a day. A
shorter past may lack the hours in which the zone makes least."""

LOOKUP_WIDTH: Final = timedelta(hours=1)
"""The longest time from the start of a past mix to the moment that it is looked up for."""


class Judged(NamedTuple):
    """A mix, and why it is refused. ``None`` where it is believed."""

    mix: Mix
    refusal: Refusal | None


def judge(
    mixes: Sequence[Mix],
    provider: ProviderRules,
    source: SourceRules,
    *,
    before: Sequence[Mix] = (),
    memory: FuelMemory | None = None,
) -> list[Judged]:
    """Judge each mix of a source by the rules and by the mixes before it.

    An absent fuel weighs the larger of its last value and its value a day earlier, so that the sun
    that is lost at night is missed in the morning. What ``memory`` knows of it from before these
    mixes weighs too. Storage that is absent is idle. A mix is refused
    where what is absent or falsely about 0 weighs more than `SHARE` of what is reported.

    Parameters
    ----------
    mixes
        The mixes of the window that the provider has read, oldest first.
    provider, source
        The rules for all sources of the provider, and for this source.
    before
        Mixes from before the window that were believed, oldest first. They may have gaps.
    memory
        What the source used to report. It is not changed. By default nothing is remembered from
        before these mixes.

    Returns
    -------
    list[Judged]
        The mixes in their order, each with its refusal.
    """
    memory = memory or FuelMemory(provider, source)
    if not before and all_believed(mixes, provider, source, memory):  # that takes a fifth as long
        return [Judged(mix, None) for mix in mixes]
    past = _Past(provider, source, before, mixes, memory)
    frozen = frozen_since([*before, *mixes], provider.solar | provider.wind)
    judged = []
    for mix, look in zip(mixes, past.looks, strict=True):
        refusal = look.refusal or past.refusal_of(mix, look, frozen.get(mix.valid_from))
        past.remember(mix, look, refusal)
        judged.append(Judged(mix, refusal))
    return judged


class _Look(NamedTuple):
    """A mix by itself: its total, and why it is refused without a look at the others."""

    total_mw: float
    refusal: Refusal | None


class _Past:
    """What is known of a source's mixes up to one of them."""

    def __init__(
        self,
        provider: ProviderRules,
        source: SourceRules,
        before: Sequence[Mix],
        mixes: Sequence[Mix],
        memory: FuelMemory,
    ) -> None:
        self._provider, self._source, self._memory = provider, source, memory
        self._idle = provider.storage | source.idle_when_absent
        self._weather = provider.solar | provider.wind
        self._all = (*before, *mixes)
        self._starts: list[datetime] = []
        self._known_mw: list[Mapping[str, float]] = []
        """By mix, what each fuel made: as reported, or for an unreported fuel what it weighs."""
        self._believed_starts: list[datetime] = []
        self._believed_mw: list[float] = []
        self._last_mw: dict[str, float] = {}
        self._unreported_mw: Mapping[str, float] = NOTHING
        self._alone_mw = source.greatest_alone_mw
        self.looks = [self._look(mix) for mix in mixes]
        for mix, look in zip(reversed(mixes), reversed(self.looks), strict=True):
            # A fuel whose first report comes later was missing before.
            if look.refusal is None or look.refusal.reason == "missing_fuel":
                self._last_mw |= mix.generation_mw
        for mix in before:
            self.remember(mix, _Look(mix.total_mw, None), None)

    def _look(self, mix: Mix) -> _Look:
        if mix.refusal is not None:
            return _Look(0.0, mix.refusal)
        total_mw, alone_mw = 0.0, self._alone_mw
        much = below = False
        for fuel, mw in mix.generation_mw.items():
            if mw > 0:
                total_mw += mw
                much = much or mw > alone_mw.get(fuel, mw)
            elif mw < 0:
                below = True
        if total_mw <= 0:
            return _Look(total_mw, Refusal("no_generation", "no generation in the mix"))
        return _Look(
            total_mw,
            (self._too_much(mix) if much else None)
            or (self._below_zero(mix, total_mw) if below else None)
            or self._without_needed(mix),
        )

    def refusal_of(self, mix: Mix, look: _Look, frozen_since: datetime | None) -> Refusal | None:
        """Return why a mix is refused by its past. What says most of the cause is asked first."""
        yesterday_mw = self._a_day_before(mix)
        self._unreported_mw = self._unreported(mix, yesterday_mw)
        return (
            self._without_sun_by_day(mix)
            or self._at_zero(mix)
            or self._beyond_total(look.total_mw)
            or self._absent(mix, look.total_mw)
            or _standing_still(frozen_since)
            or self._falsely_zero(look.total_mw)
            or self._part_of_a_day(mix, look.total_mw)
            or self._sun_at_night(mix, look.total_mw, yesterday_mw)
        )

    def remember(self, mix: Mix, look: _Look, refusal: Refusal | None) -> None:
        """Take what can be known from a judged mix: nothing where its figures are not believed."""
        unreported_mw, self._unreported_mw = self._unreported_mw, NOTHING
        known_mw = mix.generation_mw
        if refusal is None:
            self._believed_starts.append(mix.valid_from)
            self._believed_mw.append(look.total_mw)
        elif refusal.reason == "sun_at_night":
            known_mw = {
                fuel: mw for fuel, mw in known_mw.items() if fuel not in self._provider.solar
            }
        elif refusal.reason not in ("missing_fuel", "false_zero"):
            return
        reported_mw = known_mw
        if unreported_mw:
            known_mw = {**known_mw, **unreported_mw}
            reported_mw = {
                fuel: mw for fuel, mw in reported_mw.items() if fuel not in unreported_mw
            }
        self._starts.append(mix.valid_from)
        self._known_mw.append(known_mw)
        self._last_mw |= reported_mw

    def _a_day_before(self, mix: Mix) -> Mapping[str, float] | None:
        moment = mix.valid_from - DAY
        index = bisect_right(self._starts, moment) - 1
        if index < 0 or moment - self._starts[index] >= LOOKUP_WIDTH:
            return None
        return self._known_mw[index]

    def _dark(self, mix: Mix) -> frozenset[str]:
        is_night = daylight.is_night(self._source.middle, mix)
        return self._provider.solar if is_night else frozenset()

    def _just_before(self, mix: Mix) -> Mapping[str, float]:
        if not self._starts or mix.valid_from - self._starts[-1] > LOOKUP_WIDTH:
            return NOTHING
        return self._known_mw[-1]

    def _unreported(
        self, mix: Mix, yesterday_mw: Mapping[str, float] | None
    ) -> Mapping[str, float]:
        """Return what the fuels weigh that are absent from a mix, or falsely about 0, in MW."""
        here, yesterday_mw = mix.generation_mw, yesterday_mw or NOTHING
        fuels: list[str] = []
        if not self._last_mw.keys() <= here.keys():
            fuels += self._last_mw.keys() - here - self._idle - self._dark(mix)
        if 0 in here.values():
            just_before_mw = self._just_before(mix)
            fuels += false_zeros(mix, just_before_mw, yesterday_mw, self._provider, self._source)
        if nearly_zero := self._provider.nearly_zero_share:
            fuels += [
                fuel
                for fuel in self._source.never_zero - self._provider.reversible
                if 0 < here.get(fuel, 0.0) < nearly_zero * self._last_mw.get(fuel, 0.0)
            ]
        remembered_mw = self._memory.absent_mw(
            mix, partial(daylight.least_share, self._source.middle)
        )
        if not fuels and not remembered_mw:
            return NOTHING
        weights_mw = {
            fuel: max(self._last_mw.get(fuel, 0.0), yesterday_mw.get(fuel, 0.0)) for fuel in fuels
        }
        for fuel, mw in remembered_mw.items():
            weights_mw[fuel] = max(mw, weights_mw.get(fuel, 0.0))
        return {fuel: mw for fuel, mw in weights_mw.items() if mw > 0}

    def _too_much(self, mix: Mix) -> Refusal | None:
        here = mix.generation_mw
        for fuels, greatest_mw in self._source.greatest_mw:
            makes_mw = sum(here[fuel] for fuel in fuels if fuel in here)
            if makes_mw > greatest_mw:
                return Refusal(
                    "implausible_mw",
                    f"{_listed(fuels & here.keys())} makes {makes_mw:g} MW, and at most "
                    f"{greatest_mw:g} MW can be true",
                )
        return None

    def _below_zero(self, mix: Mix, total_mw: float) -> Refusal | None:
        for fuel, mw in mix.generation_mw.items():
            if mw >= 0 or fuel in self._provider.reversible or -mw <= SHARE * total_mw:
                continue
            if -mw > self._station_mw(fuel):
                return Refusal("negative", f"{fuel} makes {mw:g} MW")
        return None

    def _station_mw(self, fuel: str) -> float:
        """Return what the stations of a fuel may draw, by its own greatest power, in MW."""
        own_mw = max(mix.generation_mw.get(fuel, 0.0) for mix in self._all)
        if fuel in self._weather:
            return SHARE * own_mw
        greatest_mw = min(
            (bound.mw for bound in self._source.greatest_mw if fuel in bound.fuels), default=0.0
        )
        return max(STATION_SHARE_OF_OWN * own_mw, STATION_SHARE_OF_GREATEST * greatest_mw)

    def _without_needed(self, mix: Mix) -> Refusal | None:
        here, rules = mix.generation_mw, self._source
        if lost := rules.needed - here.keys():
            return Refusal("missing_fuel", f"the mix has no {_listed(lost)}")
        for group in rules.needed_any:
            if not group & here.keys():
                return Refusal("missing_fuel", f"the mix has none of {_listed(group)}")
        return None

    def _without_sun_by_day(self, mix: Mix) -> Refusal | None:
        here = mix.generation_mw
        lost = [fuel for fuel in self._source.needed_by_day if not here.get(fuel)]
        if not lost or not daylight.is_day(self._source.middle, mix):
            return None
        if lost[0] in here:
            return Refusal("false_zero", f"{_listed(lost)} at 0 MW by day")
        return Refusal("missing_fuel", f"the mix has no {_listed(lost)} by day")

    def _at_zero(self, mix: Mix) -> Refusal | None:
        here, rules = mix.generation_mw, self._source
        if 0 not in here.values():
            return None
        if zero := [fuel for fuel in rules.never_zero if here.get(fuel) == 0]:
            return Refusal("false_zero", f"{_listed(zero)} at 0 MW, where it never is")
        for group in rules.never_zero_any:
            named = group & here.keys()
            if named and all(here[fuel] == 0 for fuel in named):
                return Refusal("false_zero", f"{_listed(named)} at 0 MW, where not all ever are")
        return None

    def _absent(self, mix: Mix, total_mw: float) -> Refusal | None:
        if not self._unreported_mw:
            return None
        absent_mw = {
            fuel: mw for fuel, mw in self._unreported_mw.items() if fuel not in mix.generation_mw
        }
        if sum(absent_mw.values()) <= SHARE * total_mw:
            return None
        return Refusal("missing_fuel", f"the mix has no {_weightiest(absent_mw)}")

    def _falsely_zero(self, total_mw: float) -> Refusal | None:
        if not self._unreported_mw or sum(self._unreported_mw.values()) <= SHARE * total_mw:
            return None
        return Refusal("false_zero", f"no power of {_weightiest(self._unreported_mw)}")

    def _beyond_total(self, total_mw: float) -> Refusal | None:
        rules = self._source
        if total_mw > rules.greatest_total_mw:
            return Refusal(
                "implausible_total",
                f"{total_mw:g} MW, and the zone makes at most {rules.greatest_total_mw:g} MW",
            )
        if total_mw < rules.least_total_mw:
            return Refusal(
                "implausible_total",
                f"{total_mw:g} MW is a part of the zone, which makes at least "
                f"{rules.least_total_mw:g} MW",
            )
        return None

    def _part_of_a_day(self, mix: Mix, total_mw: float) -> Refusal | None:
        starts = self._believed_starts
        if not starts or starts[0] > mix.valid_from - REACH:
            return None
        day_mw = self._believed_mw[bisect_left(starts, mix.valid_from - DAY) :]
        if day_mw and total_mw < PART_OF_LEAST * min(day_mw):
            return Refusal(
                "implausible_total",
                f"{total_mw:g} MW is a part of the zone, which made at least {min(day_mw):g} MW "
                "in the last 24 h",
            )
        return None

    def _sun_at_night(
        self, mix: Mix, total_mw: float, yesterday_mw: Mapping[str, float] | None
    ) -> Refusal | None:
        solar = self._provider.solar
        sun_mw = sum(mix.generation_mw.get(fuel, 0.0) for fuel in solar)
        if yesterday_mw is None or sun_mw <= SHARE * total_mw:
            return None
        a_day_earlier_mw = sum(yesterday_mw.get(fuel, 0.0) for fuel in solar)
        greatest_mw = max(
            sum(other.generation_mw.get(fuel, 0.0) for fuel in solar) for other in self._all
        )
        is_stored = sun_mw <= STORED_SUN_SHARE * greatest_mw
        if is_stored and a_day_earlier_mw >= sun.NO_SUN_SHARE * sun_mw:
            return None
        if not daylight.is_night(self._source.middle, mix):
            return None
        why = (
            "and none a day earlier"
            if is_stored
            else f"too much for stored heat beside {greatest_mw:g} MW at most"
        )
        return Refusal("sun_at_night", f"{sun_mw:g} MW of sun at night, {why}")


def _standing_still(since: datetime | None) -> Refusal | None:
    if since is None:
        return None
    return Refusal("frozen", f"no fuel has moved since {since:%Y-%m-%dT%H:%MZ}")


def _weightiest(mw: Mapping[str, float]) -> str:
    heaviest = sorted(mw.items(), key=lambda fuel: -fuel[1])[:3]
    return ", ".join(f"{fuel} ({weight_mw:g} MW before)" for fuel, weight_mw in heaviest)


def _listed(fuels: Iterable[str]) -> str:
    return ", ".join(sorted(fuels))
