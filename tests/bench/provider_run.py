"""What a provider's run adds to fetching and parsing, and the memory it takes.

Run from anywhere: ``python tests/bench/provider_run.py``. Each provider runs whole, through the
pipeline into a store in memory, with its upstream's bytes at hand, so that no upstream's time is
in the figure. Floor: the same requests by the bare client and their bodies read into rows of
name, times and number (by `json`, lxml, the gridstatus library), nothing checked, nothing kept.
Times are of the processor. Peak memory is of a process of its own that has also loaded the
tests' fixtures, so an upper bound.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from greenstream.collect import Provider, collect
from greenstream.http import HttpClient
from tests.fakes.memory_store import MemoryStore
from tests.measure import ROOT, Figure, quantile, report

PROVIDERS = ("eso", "entsoe", "gridstatus")
RUNS = 15
Work = Callable[[], object]


class Unheard:
    """Telemetry that nobody reads: writing lines is the platform's time."""

    def event(self, level: str, message: str, **fields: object) -> None:
        """Take a line."""

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Take a number."""


@contextmanager
def eso() -> Iterator[tuple[Work, Work]]:
    """Great Britain: a day of half hours for 18 regions and the nation."""
    from functions.eso.app import Eso
    from tests.contract.test_eso import GOOD, NOW

    bodies = {path: json.dumps(answer).encode() for path, answer in GOOD.items()}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, content=bodies[request.url.path])
    )

    def floor() -> None:
        rows: list[object] = []
        with httpx.Client(base_url="https://neso.test", transport=transport) as client:
            for path in bodies:
                rows.extend(
                    (_utc(row["from"]), _utc(row["to"]), part.get("regionid"), part["intensity"])
                    for row in client.get(path).json()["data"]
                    for part in row.get("regions", (row,))
                )

    http = HttpClient(provider="eso", base_url="https://neso.test", transport=transport)
    yield _run(lambda: Eso(http), NOW), floor


@contextmanager
def entsoe() -> Iterator[tuple[Work, Work]]:
    """Thirty bidding zones: a day and a half of quarter hours of twelve fuels."""
    from lxml import etree

    from functions.entsoe.app import MAX_ZONES_PER_RUN, WINDOW, Entsoe
    from greenstream.zones import zones_of
    from tests.contract.entsoe_wire import NOON, document, period, series

    wanted = zones_of("entsoe")[:MAX_ZONES_PER_RUN]
    slots = WINDOW // timedelta(minutes=15)
    points = period({n: 1000 + n for n in range(1, slots + 1)}, start=NOON - WINDOW, slots=slots)
    bodies = {
        source.provider_zone: document(
            *(series(f"B{fuel:02d}", points, domain=source.provider_zone) for fuel in range(1, 13))
        )
        for _, source in wanted
    }
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, content=bodies[request.url.params["in_Domain"]])
    )

    def floor() -> None:
        rows: list[object] = []
        step = timedelta(minutes=15)
        with httpx.Client(base_url="https://tp.test", transport=transport) as client:
            for domain in bodies:
                root = etree.fromstring(client.get("/api", params={"in_Domain": domain}).content)
                for one in root.iter("{*}TimeSeries"):
                    fuel = one.findtext(".//{*}psrType")
                    start = _utc(one.findtext(".//{*}start") or "")
                    for point in one.iter("{*}Point"):
                        position, quantity = (str(child.text) for child in point)
                        rows.append((domain, fuel, start + int(position) * step, float(quantity)))

    http = HttpClient(provider="entsoe", base_url="https://tp.test", transport=transport)
    yield _run(lambda: Entsoe(http=http, token=lambda: "token", wanted=wanted), NOON), floor


@contextmanager
def gridstatus() -> Iterator[tuple[Work, Work]]:
    """New York: the day's file so far, through the library."""
    from functions.gridstatus import app
    from tests.contract.recorded_origin import Origin, serving
    from tests.contract.test_gridstatus import EASTERN, NOW, nyiso_day, serve_nyiso

    origin = Origin()
    feed, day = app.LibraryFeed(), NOW.astimezone(EASTERN).date()
    serve_nyiso(origin, f"{day:%Y%m%d}", nyiso_day())
    provider = app.Gridstatus(feed=feed, wanted=app.wanted("NYISO"), pjm_api_key=lambda: None)
    with tempfile.TemporaryDirectory() as folder, serving(origin, Path(folder)):
        yield _run(lambda: provider, NOW), lambda: feed("NYISO", day, None)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _run(provider: Callable[[], Provider], now: datetime) -> Work:
    def run() -> None:
        done = collect(provider(), MemoryStore(), clock=lambda: now, telemetry=Unheard())
        if not done.zones:
            raise RuntimeError(f"{done.provider} brought nothing: {done.errors[:3]}")

    return run


def measure(name: str) -> dict[str, float]:
    """Return the median processor time of run and floor, ms, and the peak memory, MB."""
    times: dict[str, list[float]] = {"run": [], "floor": []}
    with globals()[name]() as (run, floor):
        for _ in range(RUNS + 2):
            for part, work in (("run", run), ("floor", floor)):
                started = time.process_time()
                work()
                times[part].append((time.process_time() - started) * 1e3)
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    medians = {part: quantile(sorted(found[2:]), 0.5) for part, found in times.items()}
    return medians | {"peak_mb": peak_kb / 1024}


def memory_mb(name: str) -> int:
    """Return the memory that the template gives a function, MB."""
    template = (ROOT / "template.yaml").read_text()
    found = re.search(
        rf"\n  {name}Function:.*?MemorySize: (\d+)", template, re.DOTALL | re.IGNORECASE
    )
    if found is None:
        raise RuntimeError(f"the template gives {name} no memory")
    return int(found.group(1))


def main() -> None:
    """Measure each provider in a process of its own."""
    for name in PROVIDERS:
        done = subprocess.run(
            [sys.executable, __file__, name], stdout=subprocess.PIPE, check=True, env=os.environ
        )
        found = json.loads(done.stdout)
        half = memory_mb(name) / 2
        report(
            [
                Figure(f"{name}_run", found["run"], "ms", found["floor"], "1.2 x the floor"),
                Figure(f"{name}_peak", found["peak_mb"], "MB", half, "half of what is given"),
            ]
        )


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 - the functions' environment

    if sys.argv[1:]:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
