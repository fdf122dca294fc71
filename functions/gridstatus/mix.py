"""Makes readings of a row, after checking what can be true of the grid's mix."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from functions.gridstatus.faults import NAME, invalid
from functions.gridstatus.rows import Row
from greenstream.domain.errors import InvalidError
from greenstream.domain.intensity import factor_tables, mix_intensity
from greenstream.domain.plausibility import rules_of_provider, rules_of_source
from greenstream.domain.reading import Basis, Quality, Reading
from greenstream.domain.zones import Source, Zone

STATION_SHARE: Final = 0.02
"""The largest share of the mix that station power may draw. CAISO's solar draws 0.3 % at night, and
more than this limit is a wrong sign."""


def readings_of(
    row: Row, zone: Zone, source: Source, *, fetched_at: datetime, simulated: bool
) -> Iterator[Reading | InvalidError]:
    """Yield the row's reading on each basis of the source, or the error that refuses it.

    A row that is refused as a whole (``implausible_mw``, ``negative`` or ``missing_fuel``) yields
    one error. Errors are yielded instead of raised, so that other rows are still read.

    Parameters
    ----------
    row
        MW by fuel in one interval.
    zone, source
        The zone and its source of the row.
    fetched_at
        When the row was fetched, in aware UTC.
    simulated
        Whether a simulator stands for the grid.
    """
    rules = rules_of_provider(NAME)
    for fuel, mw in row.fuel_mw.items():
        if abs(mw) > rules.greatest_fuel_mw:
            yield invalid(f"{fuel} makes {mw} MW", "implausible_mw", zone.zone)
            return
        if fuel not in rules.reversible and mw < -STATION_SHARE * row.generation_mw:
            yield invalid(f"{fuel} makes {mw} MW", "negative", zone.zone)
            return
    listed = factor_tables()[source.provider_zone, Basis.DIRECT].factors
    reported = row.fuel_mw.keys() | row.unreported_mw.keys()
    lost = rules_of_source(NAME, zone.zone).needed - reported
    if lost and reported <= listed.keys():  # or else the fuel may have a new name
        yield invalid(f"the mix has no {', '.join(sorted(lost))}", "missing_fuel", zone.zone)
        return
    mix_mw = dict(row.fuel_mw)
    mix_mw.update({f"{fuel} (not reported)": mw for fuel, mw in row.unreported_mw.items()})
    for basis in source.bases:
        table = factor_tables()[source.provider_zone, Basis(basis)]
        try:
            intensity = mix_intensity(mix_mw, table, provider=NAME, zone=zone.zone)
            yield Reading(
                zone=zone.zone,
                provider=NAME,
                provider_zone=source.provider_zone,
                signal=source.signal,
                basis=basis,
                scope=source.scope,
                quality=Quality.MEASURED,
                gco2_kwh=intensity.gco2_kwh,
                gco2_low=intensity.gco2_low,
                gco2_high=intensity.gco2_high,
                valid_from=row.valid_from,
                valid_to=row.valid_to,
                fetched_at=fetched_at,
                coverage=intensity.coverage,
                simulated=simulated,
                detail={
                    "fuel_mw": dict(row.fuel_mw),
                    "factors": table.version,
                    "unlisted": list(intensity.unlisted),
                },
            )
        except InvalidError as error:
            yield error
