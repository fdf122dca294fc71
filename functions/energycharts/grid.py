"""Makes readings of a country's mix, also for a bidding zone that is a part of the country."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from functions.energycharts.answers import NAME
from greenstream.domain.errors import InvalidError
from greenstream.domain.intensity import FactorTable, mix_intensity, table_over
from greenstream.domain.mix import Mix
from greenstream.domain.other_sun import sun_in_other
from greenstream.domain.plausibility import Middle, SourceRules, rules_of_source
from greenstream.domain.reading import Basis, Quality, Reading
from greenstream.domain.zones import Zone
from greenstream.ingest.mixes import MixGrid, MixSlot

COMMON_TABLE: Final = "ENTSOE"
SOLAR, OTHER = "B16", "B20"
SAME_DATA: Final = "entsoe"
"""The provider whose rules hold: Energy-Charts shows what ENTSO-E's platform publishes."""

COVERAGE_OF_PART: Final = 0.5
"""The greatest coverage of a country's figure that stands for one of its zones. How much of the mix
is the zone's own is not known, so the figure is never wholly live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryGrid(MixGrid):
    """A country's mixes during one run.

    Parameters
    ----------
    least_part_mw
        The least generation of any bidding zone of the country, in MW. ``None`` where the country
        is one zone.
    window
        The mixes of the last day and night, from which the solar part of "Other" is learned.
    """

    least_part_mw: float | None = None
    window: Sequence[Mix] = ()

    def factors(self, basis: Basis) -> FactorTable:
        """Return the factors of the zone, by ENTSO-E's types of production."""
        return table_over(COMMON_TABLE, self.zone.zone, basis)

    def readings_of(self, slot: MixSlot) -> Iterator[Reading | InvalidError]:
        """Yield a slot's reading on each basis of the source, or the error that refuses it."""
        for outcome in MixGrid.readings_of(self, slot):
            if isinstance(outcome, Reading):
                reading = self._with_sun_of_other(outcome, slot.mix)
                yield reading if self.least_part_mw is None else self._of_a_part(reading, slot.mix)
            else:
                yield outcome

    def _with_sun_of_other(self, reading: Reading, mix: Mix) -> Reading:
        if not self.rules.solar_in_other:
            return reading
        sun = sun_in_other(self.window, mix, solar=SOLAR, other=OTHER, middle=self.rules.middle)
        if sun.known and not sun.mw:
            return reading
        likely_mw = dict(mix.generation_mw)
        if sun.mw:
            likely_mw[SOLAR] += sun.mw
            likely_mw[OTHER] -= sun.mw
        table, _ = self.factors_of(mix, reading.basis)
        value = mix_intensity(likely_mw, table, provider=self.provider, zone=self.zone.zone)
        detail = {
            **reading.detail,
            "solar_in_other_mw": round(sun.mw, 2),
            "split_of_other_known": sun.known,
        }
        return _estimated(reading, value.gco2_kwh, reading.gco2_low, reading.gco2_high, detail)

    def _of_a_part(self, reading: Reading, mix: Mix) -> Reading:
        part_mw = self.least_part_mw or 0.0
        low, high = part_bounds(mix.generation_mw, self.factors(reading.basis), part_mw)
        detail = {**reading.detail, "mix_of": self.zone.country, "least_part_mw": part_mw}
        return replace(
            _estimated(
                reading,
                reading.gco2_kwh,
                min(low, reading.gco2_low),
                max(high, reading.gco2_high),
                detail,
            ),
            coverage=min(reading.coverage, COVERAGE_OF_PART),
        )


def _estimated(
    reading: Reading, gco2_kwh: float, low: float, high: float, detail: Mapping[str, object]
) -> Reading:
    return replace(
        reading,
        quality=Quality.ESTIMATED,
        gco2_kwh=gco2_kwh,
        gco2_low=min(low, gco2_kwh),
        gco2_high=max(high, gco2_kwh),
        detail=detail,
    )


def part_bounds(
    generation_mw: Mapping[str, float], table: FactorTable, part_mw: float
) -> tuple[float, float]:
    """Return the least and greatest intensity, in g/kWh, of any part of a mix.

    The zones of a country generate its mix together. The cleanest part of ``part_mw`` is no dirtier
    than any zone that generates as much or more, and the dirtiest part no cleaner.
    """
    fuels = [
        (table.factors.get(fuel, table.unlisted), mw)
        for fuel, mw in generation_mw.items()
        if mw > 0
    ]
    cleanest = sorted((factor.low_gco2_kwh, mw) for factor, mw in fuels)
    dirtiest = sorted(((factor.high_gco2_kwh, mw) for factor, mw in fuels), reverse=True)
    return _mean_of_first(cleanest, part_mw), _mean_of_first(dirtiest, part_mw)


def _mean_of_first(factors: Sequence[tuple[float, float]], part_mw: float) -> float:
    """Return the mean factor of the first MW of a list of factors and MW."""
    gco2 = taken_mw = 0.0
    for gco2_kwh, mw in factors:
        takes_mw = min(mw, part_mw - taken_mw)
        if takes_mw <= 0:
            break
        gco2, taken_mw = gco2 + takes_mw * gco2_kwh, taken_mw + takes_mw
    return gco2 / taken_mw if taken_mw else factors[0][0]


def rules_of(zones: Sequence[Zone]) -> SourceRules:
    """Return the rules for the mixes of a country: those of its zone, or of its zones together.

    They are those of ENTSO-E's mixes. What a country may lack of its zone has a row of its own.
    """
    rules = [
        replace(
            rules_of_source(SAME_DATA, zone.zone),
            unmetered=rules_of_source(NAME, zone.zone).unmetered,
        )
        for zone in zones
    ]
    if len(rules) == 1:
        return rules[0]
    middles = [rule.middle for rule in rules if rule.middle is not None]
    return SourceRules(
        needed=frozenset().union(*(rule.needed for rule in rules)),
        never_zero=frozenset().union(*(rule.never_zero for rule in rules)),
        usual=frozenset().union(*(rule.usual for rule in rules)),
        least_total_mw=sum(rule.least_total_mw for rule in rules),
        greatest_total_mw=sum(rule.greatest_total_mw for rule in rules),
        middle=Middle(
            sum(middle.latitude for middle in middles) / len(middles),
            sum(middle.longitude for middle in middles) / len(middles),
        )
        if middles
        else None,
    )


def least_part_mw(zones: Sequence[Zone]) -> float | None:
    """Return the least generation of any of several zones, in MW; ``None`` where there is one."""
    if len(zones) == 1:
        return None
    return min(rules_of_source(SAME_DATA, zone.zone).least_total_mw for zone in zones)
