"""The time that a provider's run adds to fetching, parsing and storing, and its memory.

Run from anywhere: ``python tests/bench/provider_run.py``. Each provider runs completely, with its
upstream's bytes in memory, so that no upstream's time is in the figures. Times are processor times.

``run`` is the pipeline with a store that discards everything. Its floor makes the same requests
with the bare client and, with the same library, reads from the bodies the values that the run
reads: times, names, numbers. The floor checks, computes and stores nothing. ``run_over_parsed`` is
the same run over a lower floor, which parses the bodies and reads no value from them.

``stored`` is the run into a table, with its log lines and metrics. Its floor is that of ``run``
plus the time in which the bare client puts the same items again, one by one. The table is
dynoxide's.

Peak memory is that of a separate process. It is an upper bound, since that process has also loaded
the tests' fixtures.
"""

import copy
import itertools
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from aws_lambda_powertools import Logger

from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.domain.profile import HourProfile
from greenstream.domain.reading import Forecast, Reading
from greenstream.ingest.collect import collect
from greenstream.ingest.http import HttpClient
from greenstream.ports.provider import Provider
from greenstream.ports.store import ProviderStatus, Put, PutOutcome, Store
from greenstream.ports.telemetry import Telemetry
from tests.fakes.memory_store import DeliveredRecording, MemoryStore
from tests.integration.conftest import make_table
from tests.integration.engines import HOST, dynoxide
from tests.measure import ROOT, Figure, quantile, report
from tests.table_client import TableClient

PROVIDERS = ("eso", "entsoe", "gridstatus")
RUNS, STORED_RUNS = 31, 15
NESO_MIX = [
    {"fuel": fuel, "perc": perc}
    for fuel, perc in {
        "biomass": 7.3,
        "coal": 0,
        "imports": 11.9,
        "gas": 30.9,
        "nuclear": 14.2,
        "other": 0,
        "hydro": 1.4,
        "solar": 0,
        "wind": 34.3,
    }.items()
]
"""All the fuels that NESO names for each region and half hour."""

Work = Callable[[], object]


class Unheard:
    """Telemetry that discards everything: to write lines takes the platform's time."""

    def event(self, level: str, message: str, **fields: object) -> None:
        """Discard a log line."""

    def count(self, metric: str, value: float, unit: str = "Count") -> None:
        """Discard a metric."""


class Nowhere(MemoryStore):
    """A store that discards everything."""

    def recording(self, provider: str) -> DeliveredRecording:
        del provider
        return Discarding(self, [])


class Discarding(DeliveredRecording):
    """A recording that discards everything."""

    def put_readings(self, readings: Sequence[Reading]) -> tuple[Put, ...]:
        return tuple([Put(PutOutcome.STORED, None)] * len(readings))

    def put_forecast(self, forecast: Forecast) -> PutOutcome:
        del forecast
        return PutOutcome.STORED

    def put_profile(self, profile: HourProfile) -> None:
        """Discard the profile."""

    def publish(self, status: ProviderStatus | None = None) -> None:
        """Discard the status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A provider and its floors: ``parse`` only parses bodies, ``read`` also reads their values."""

    provider: Callable[[], Provider]
    now: datetime
    parse: Work
    read: Work

    def run(self, store: Store, telemetry: Telemetry) -> None:
        """Run the provider once."""
        done = collect(self.provider(), store, clock=lambda: self.now, telemetry=telemetry)
        if not done.zones:
            raise RuntimeError(f"{done.provider} brought nothing: {done.errors[:3]}")


@contextmanager
def eso() -> Iterator[Case]:
    """Great Britain: a day of half hours for 18 regions and the nation."""
    from functions.eso.provider import Eso
    from tests.contract.test_eso import GOOD, NOW

    answers = copy.deepcopy(dict(GOOD))
    for answer in answers.values():
        for row in answer["data"]:
            for region in row.get("regions", ()):
                region["generationmix"] = NESO_MIX
    bodies = {path: json.dumps(answer).encode() for path, answer in answers.items()}
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, content=bodies[request.url.path])
    )

    def parse() -> Iterator[Any]:
        with httpx.Client(base_url="https://neso.test", transport=transport) as client:
            for path in bodies:
                yield client.get(path).json()

    def read() -> None:
        rows: list[object] = []
        for answer in parse():
            for row in answer["data"]:
                start, end = _utc(row["from"]), _utc(row["to"])
                for part in row.get("regions", (row,)):
                    mix = {one["fuel"]: one["perc"] for one in part.get("generationmix", ())}
                    said = part.get("intensity", {})
                    value = said.get("forecast"), said.get("actual"), said.get("index")
                    rows.append((start, end, part.get("regionid"), value, mix))

    http = HttpClient(provider="eso", base_url="https://neso.test", transport=transport)
    yield Case(provider=lambda: Eso(http), now=NOW, parse=lambda: list(parse()), read=read)


@contextmanager
def entsoe() -> Iterator[Case]:
    """Thirty bidding zones: a day and a half of quarter hours of twelve fuels."""
    from lxml import etree

    from functions.entsoe.provider import MAX_ZONES_PER_RUN, WINDOW, Entsoe
    from greenstream.domain.zones import zones_of
    from tests.contract.entsoe_wire import NOON, believable_mw, document, period, series

    wanted = zones_of("entsoe")[:MAX_ZONES_PER_RUN]
    slots = WINDOW // timedelta(minutes=15)
    bodies = {}
    for zone, source in wanted:
        fuels = believable_mw(zone.zone)
        fuels |= {f"B{fuel:02d}": 9.0 for fuel in range(1, 20) if f"B{fuel:02d}" not in fuels}
        fuels["B16"] = 9.0  # The figures are the same all day, and there is no sun at night.
        points = {
            fuel: period(
                {n: mw + n / slots for n in range(1, slots + 1)}, start=NOON - WINDOW, slots=slots
            )
            for fuel, mw in [*fuels.items()][:12]
        }
        bodies[source.provider_zone] = document(
            *(series(fuel, points[fuel], domain=source.provider_zone) for fuel in points)
        )
    transport = httpx.MockTransport(
        lambda request: httpx.Response(200, content=bodies[request.url.params["in_Domain"]])
    )

    def parse() -> Iterator[tuple[str, Any]]:
        with httpx.Client(base_url="https://tp.test", transport=transport) as client:
            for domain in bodies:
                answer = client.get("/api", params={"in_Domain": domain})
                yield domain, etree.fromstring(answer.content)

    def read() -> None:
        rows: list[object] = []
        step = timedelta(minutes=15)
        for domain, root in parse():
            for one in root.iter("{*}TimeSeries"):
                fuel = one.findtext(".//{*}psrType")
                start = _utc(one.findtext(".//{*}start") or "")
                for point in one.iter("{*}Point"):
                    position, quantity = point
                    at = start + int(position.text) * step
                    rows.append((domain, fuel, at, float(quantity.text)))

    http = HttpClient(provider="entsoe", base_url="https://tp.test", transport=transport)
    yield Case(
        provider=lambda: Entsoe(http=http, token=lambda: "token", wanted=wanted),
        now=NOON,
        parse=lambda: [None for _ in parse()],
        read=read,
    )


@contextmanager
def gridstatus() -> Iterator[Case]:
    """New York: the day's file so far; the library reads all values that it parses."""
    from functions.gridstatus.feed import LibraryFeed
    from functions.gridstatus.provider import Gridstatus, wanted
    from tests.contract.recorded_origin import Origin, serving
    from tests.contract.test_gridstatus import EASTERN, NOW, nyiso_day, serve_nyiso

    origin = Origin()
    feed, day = LibraryFeed(), NOW.astimezone(EASTERN).date()
    serve_nyiso(origin, f"{day:%Y%m%d}", nyiso_day())
    provider = Gridstatus(feed=feed, wanted=wanted("NYISO"), pjm_api_key=lambda: None)

    def library() -> object:
        return feed("NYISO", day, None)

    with (
        tempfile.TemporaryDirectory() as folder,
        serving(origin, Path(folder)),
        Path(os.devnull).open("w") as log,
        redirect_stderr(log),  # the library logs a line for each request
    ):
        yield Case(provider=lambda: provider, now=NOW, parse=library, read=library)


def _utc(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Table:
    """Makes a new table for each run, and records a run's items so that they can be put again."""

    def __init__(self, address: str) -> None:
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = address
        os.environ["NO_PROXY"] = HOST  # the recorded origin is set as a proxy
        self._client = TableClient()
        self._tables = itertools.count()
        self.written: list[dict[str, Any]] = []

    def fresh(self, now: datetime) -> Store:
        """Return a store on an empty table."""
        name = f"run-{next(self._tables)}"
        make_table(self._client, name)
        return DynamoStore(self._client, name, clock=lambda: now)

    def listen(self) -> None:
        """Record the items that are written from now on."""
        self._client.before.append(self._note)

    def deafen(self) -> None:
        """Stop recording."""
        self._client.before.remove(self._note)

    def _note(self, operation: str, request: dict[str, Any]) -> None:
        if operation == "Query":
            return
        values = request["ExpressionAttributeValues"]
        stated = {name.removeprefix(":"): value for name, value in values.items()}
        self.written.append(request.get("Item") or request["Key"] | stated)

    def put_again(self) -> None:
        """Put all recorded items, without a condition."""
        for item in self.written:
            self._client.put_item(TableName="run-0", Item=item)


def processor_ms(work: Work) -> float:
    """Return the processor time of a call, ms."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1e3


def measure(name: str) -> dict[str, float]:
    """Run runs and floors in turns; return median processor times, ms, and peak memory, MB."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    with globals()[name]() as case:
        nowhere, unheard = Nowhere(), Unheard()
        for _ in range(RUNS + 2):
            times["run"].append(processor_ms(lambda: case.run(nowhere, unheard)))
            times["read"].append(processor_ms(case.read))
            times["parsed"].append(processor_ms(case.parse))
        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with (
            tempfile.TemporaryDirectory() as folder,
            dynoxide(Path(folder)) as address,
            Path(os.devnull).open("w") as log,
        ):
            table = Table(address)
            telemetry = PowertoolsTelemetry(Logger(service=name, stream=log))
            table.listen()
            case.run(table.fresh(case.now), telemetry)
            table.deafen()
            for _ in range(STORED_RUNS + 2):
                store = table.fresh(case.now)
                times["stored"].append(processor_ms(lambda: case.run(store, telemetry)))  # noqa: B023 - called at once
                again_ms = processor_ms(table.put_again)
                times["put_again"].append(processor_ms(case.read) + again_ms)
    medians = {part: quantile(sorted(found[2:]), 0.5) for part, found in times.items()}
    return medians | {"peak_mb": peak_kb / 1024, "items": len(table.written)}


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
        found = json.loads(done.stdout.splitlines()[-1])
        half = memory_mb(name) / 2
        goal = "1.2 x the floor"
        report(
            [
                Figure(f"{name}_run", found["run"], "ms", found["read"], goal),
                Figure(f"{name}_run_over_parsed", found["run"], "ms", found["parsed"]),
                Figure(f"{name}_stored", found["stored"], "ms", found["put_again"], goal),
                Figure(f"{name}_items", found["items"], "items"),
                Figure(f"{name}_peak", found["peak_mb"], "MB", half, "half of what is given"),
            ]
        )


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 - sets the functions' environment

    if sys.argv[1:]:
        print(json.dumps(measure(sys.argv[1])))
    else:
        main()
