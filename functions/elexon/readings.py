"""Makes readings of a slot that is believed, with bounds for what Elexon does not meter."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from math import radians, sin
from typing import Final

from functions.elexon.rows import NAME, Slot, rules
from greenstream.domain import sun
from greenstream.domain.errors import InvalidError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.intensity import factor_tables, mix_intensity
from greenstream.domain.mix import Mix
from greenstream.domain.reading import Basis, Quality, Reading
from greenstream.domain.zones import Source, Zone

TABLE: Final = "ELEXON"
NOT_METERED: Final = "wind and sun that are embedded in the distribution grids"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The grid of Great Britain during one run.

    Parameters
    ----------
    zone, source
        The zone that the readings are stored for, and its source of them.
    fetched_at
        When the slots were fetched, in UTC.
    simulated
        Whether a simulator stands for Elexon.
    """

    zone: Zone
    source: Source
    fetched_at: datetime
    simulated: bool

    def readings_of(self, slot: Slot) -> Iterator[Reading | InvalidError]:
        """Yield a slot's reading on each basis of the source, or the error that refuses it."""
        for basis in self.source.bases:
            try:
                yield self._reading(slot, basis)
            except InvalidError as error:
                yield error

    def _reading(self, slot: Slot, basis: Basis) -> Reading:
        mix = slot.mix
        table, zone = factor_tables()[TABLE, basis], self.zone.zone
        metered = mix_intensity(mix.generation_mw, table, provider=NAME, zone=zone)
        unmetered_mw = greatest_unmetered_mw(mix)
        # What is not metered makes something between nothing and this, so that it may only widen
        # the bounds. The share that is known is at least the one beside all of it.
        beside_all = mix_intensity(
            {**mix.generation_mw, **unmetered_mw}, table, provider=NAME, zone=zone
        )
        return Reading(
            zone=zone,
            provider=NAME,
            provider_zone=self.source.provider_zone,
            signal=self.source.signal,
            basis=basis,
            scope=self.source.scope,
            factor_set=GREENSTREAM,
            quality=Quality.MEASURED,
            gco2_kwh=metered.gco2_kwh,
            gco2_low=min(metered.gco2_low, beside_all.gco2_low),
            gco2_high=max(metered.gco2_high, beside_all.gco2_high),
            valid_from=mix.valid_from,
            valid_to=mix.valid_to,
            fetched_at=self.fetched_at,
            published_at=slot.published_at,
            coverage=beside_all.coverage,
            simulated=self.simulated,
            detail={
                "fuel_mw": dict(mix.generation_mw),
                "not_metered": NOT_METERED,
                "greatest_unmetered_mw": unmetered_mw,
                "usual_but_absent": sorted(rules().usual - mix.generation_mw.keys()),
                "factors": table.version,
                "unlisted": list(metered.unlisted),
            },
        )


def greatest_unmetered_mw(mix: Mix) -> dict[str, float]:
    """Return the most that each kind of generation makes that the feed does not meter, in MW.

    Solar power is at most the sine of the sun's height times its power under a sun in the zenith.
    The sun is taken to stand 6 degrees higher than at the zone's middle, since it does so in other
    parts of the zone, and since panels are tilted towards it.

    Parameters
    ----------
    mix
        The mix, of which the interval counts.
    """
    daylight = 0.0
    if (middle := rules().middle) is not None:
        latitude, longitude = middle
        height_deg = max(
            sun.elevation_deg(latitude, longitude, moment)
            for moment in (mix.valid_from, mix.valid_to)
        )
        daylight = max(0.0, sin(radians(min(90.0, height_deg - sun.NIGHT_BELOW_DEG))))
    return {
        fuel: round(greatest_mw * (daylight if by_day else 1.0), 1)
        for fuel, greatest_mw, by_day in rules().unmetered
    }
