"""The documents of ENTSO-E that measured runs read, the same for both builds.

The runs are a quarter of an hour apart, as the template schedules them. Each zone's operator
publishes once an hour, the operators one after the other. The window that a run asks for begins at
a full hour.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from tests.contract.entsoe_wire import NOON, believable_mw, document, period, series

ZONES: Final = 30
"""As many zones as a run of the function asks for at most."""

RUNS: Final = 9
"""A first run, after which a process knows every zone, and those of two hours."""

WINDOW: Final = timedelta(hours=36)
FUELS: Final = 12
SLOT: Final = timedelta(minutes=15)
HOUR: Final = timedelta(hours=1)


def write_documents(folder: Path, domains: Iterable[tuple[str, str]]) -> list[str]:
    """Write a document for each run and domain, and return the times of the runs in ISO 8601.

    Parameters
    ----------
    folder
        Gets a folder for each run, with a file for each domain.
    domains
        Names of zones, each with its domain; only the first `ZONES` by name are used.
    """
    used = sorted(domains)[:ZONES]
    times = [NOON + nth * SLOT for nth in range(RUNS)]
    for now in times:
        run = folder / now.isoformat()
        run.mkdir(parents=True)
        for nth, (zone, domain) in enumerate(used):
            published = now - HOUR - nth * HOUR / ZONES
            body = document(*all_series(zone, domain, now - WINDOW, published))
            (run / f"{domain}.xml").write_bytes(body)
    return [now.isoformat() for now in times]


def all_series(zone: str, domain: str, since: datetime, until: datetime) -> Iterator[str]:
    """Yield a series of quarter hours for each fuel, between the full hours of two times."""
    fuels = believable_mw(zone)
    fuels |= {f"B{fuel:02d}": 9.0 for fuel in range(1, 20) if f"B{fuel:02d}" not in fuels}
    fuels["B16"] = 9.0  # The figures are the same all day, and there is no sun at night.
    start, end = (time.replace(minute=0, second=0, microsecond=0) for time in (since, until))
    slots = (end - start) // SLOT
    for fuel, mw in [*fuels.items()][:FUELS]:
        figures = {
            n: round(mw + (start + n * SLOT).timestamp() % 86_400 / 86_400, 3)
            for n in range(1, slots + 1)
        }
        yield series(fuel, period(figures, start=start, slots=slots), domain=domain)
