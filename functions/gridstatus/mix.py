"""Makes readings of a row that is believed."""

from collections.abc import Iterator
from datetime import datetime

from functions.gridstatus.faults import NAME
from functions.gridstatus.rows import Row
from greenstream.domain.errors import InvalidError
from greenstream.domain.factor_sets import GREENSTREAM
from greenstream.domain.intensity import factor_tables, mix_intensity
from greenstream.domain.reading import Basis, Quality, Reading
from greenstream.domain.zones import Source, Zone
from greenstream.ingest.week_means import WeekMeans


def readings_of(
    row: Row,
    zone: Zone,
    source: Source,
    *,
    fetched_at: datetime,
    week: WeekMeans,
    simulated: bool,
) -> Iterator[Reading | InvalidError]:
    """Yield a believed row's reading on each basis of the source, or the error that refuses it.

    Errors are yielded instead of raised, so that the other basis and other rows are still read.

    Parameters
    ----------
    row
        MW by fuel in one interval.
    zone, source
        The zone and its source of the row.
    fetched_at
        When the row was fetched, in aware UTC.
    week
        The means of the last week, by which storage counts.
    simulated
        Whether a simulator stands for the grid.
    """
    mix_mw = dict(row.fuel_mw)
    mix_mw.update({f"{fuel} (not reported)": mw for fuel, mw in row.unreported_mw.items()})
    why = row.read_without_library
    how_read = {} if why is None else {"read_without_library": why}
    for basis in source.bases:
        table = factor_tables()[source.provider_zone, Basis(basis)]
        table, storage = week.factors(zone.zone, table, mix_mw, fetched_at)
        try:
            intensity = mix_intensity(mix_mw, table, provider=NAME, zone=zone.zone)
            yield Reading(
                zone=zone.zone,
                provider=NAME,
                provider_zone=source.provider_zone,
                signal=source.signal,
                basis=basis,
                scope=source.scope,
                factor_set=GREENSTREAM,
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
                    **storage,
                    "factors": table.version,
                    "unlisted": list(intensity.unlisted),
                    **how_read,
                },
            )
        except InvalidError as error:
            yield error
