"""The warm router's time per answer: 6 POPs of the shipped tables, 300 POPs on 350 zones.

Run from anywhere: ``python tests/bench/router_handler.py``. The large world is the real package
with larger tables, in a separate process. The floor encodes the same answer as JSON and writes one
line with Powertools. Every router has to do that unless it caches parts of the text, as ours does.
``new_second`` are answers for which nothing is cached yet for their second; every fifth of them
also gets a new snapshot. They stand for a router that is seldom called. Times are processor times,
since a warm answer waits for nothing.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from time import thread_time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aws_lambda_powertools import Logger

import greenstream
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.domain.clock import utc_now
from greenstream.domain.places import pops
from greenstream.domain.zones import INDEX, zones
from infra.ops.zone_index import index_of
from tests.builders import a_reading
from tests.fakes.memory_store import MemoryStore
from tests.measure import ROOT, Figure, durations_ms, quantile, report
from tests.storing import put_reading

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE_ZONES, LARGE_POPS = 350, 300
PARTS = ("handler", "respond", "new_second", "floor")
NEW_SECONDS = 100


class Context:
    """The part of a Lambda context that Powertools reads."""

    function_name = "router"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:router"
    aws_request_id = "5e2f4b0a-7d5c-4f43-9d0e-2f4f6f1f7a10"


@dataclass(slots=True)
class Ahead:
    """A clock that can be put forward."""

    ahead: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


def enlarge(folder: Path) -> None:
    """Write a copy of the package whose tables hold each zone and POP several times over."""
    shutil.copytree(Path(greenstream.__file__).parent, folder / "greenstream")
    data = folder / "greenstream" / "data"
    zone_table = json.loads((data / "zones.json").read_text())
    pop_table = json.loads((data / "pops.json").read_text())
    rows = zone_table["zones"]
    copies = [_zone_copy(rows[n % len(rows)], n // len(rows)) for n in range(LARGE_ZONES)]
    known = {row["zone"] for row in copies}
    zone_table["zones"] = copies
    rows = pop_table["pops"]
    pop_table["pops"] = [
        _pop_copy(rows[n % len(rows)], n // len(rows), known) for n in range(LARGE_POPS)
    ]
    (data / "zones.json").write_text(json.dumps(zone_table))
    (data / INDEX).write_text(index_of(zone_table["zones"]))
    (data / "pops.json").write_text(json.dumps(pop_table))


def _zone_copy(row: dict[str, Any], nth: int) -> dict[str, Any]:
    sources = [
        {**source, "provider_zone": _nth(source["provider_zone"], nth)} for source in row["sources"]
    ]
    return {**row, "zone": _nth(row["zone"], nth), "sources": sources}


def _pop_copy(row: dict[str, Any], nth: int, known: set[str]) -> dict[str, Any]:
    entries = [
        {**entry, "zone": copy if (copy := _nth(entry["zone"], nth)) in known else entry["zone"]}
        for entry in row["zones"]
    ]
    return {**row, "pop": _nth(row["pop"], nth), "lat": row["lat"] - nth / 10, "zones": entries}


def _nth(name: str, nth: int) -> str:
    return f"{name}_{nth}" if nth else name


def filled_store() -> MemoryStore:
    """Return a store with a reading of every source and kind, a minute old."""
    store = MemoryStore()
    valid_to = utc_now() - timedelta(minutes=1)
    for nth, zone in enumerate(zones().values()):
        for source in zone.sources:
            for kind in source.kinds:
                reading = a_reading(
                    zone=zone.zone,
                    provider=source.provider,
                    provider_zone=source.provider_zone,
                    kind=kind,
                    scope=source.scope,
                    gco2_kwh=100.0 + nth,
                    valid_to=valid_to,
                )
                put_reading(store, reading)
    return store


def event(query: str) -> dict[str, Any]:
    """Return the Function URL event of a request for ``/v1/route``."""
    found: dict[str, Any] = json.loads((ROOT / "tests" / "events" / "route.json").read_text())
    return found | {"rawQueryString": query}


def measure(query: str, *, runs: int) -> dict[str, list[float]]:
    """Return sorted durations, ms, by part; the parts run in turns, so that they share all load."""
    from greenstream.api.router import Router  # its import reads the environment

    # Powertools writes metrics to standard output.
    with Path(os.devnull).open("w") as log, redirect_stdout(log):
        logger = Logger(service="router", stream=log, name=uuid4().hex)
        telemetry = PowertoolsTelemetry(logger)
        store, asked, context = filled_store(), event(query), Context()
        router = Router(store, clock=utc_now, telemetry=telemetry)
        clock = Ahead()
        seldom = Router(store, clock=clock, telemetry=telemetry)

        @logger.inject_lambda_context(clear_state=True)
        def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
            return router.respond(event)

        answer = router.respond(asked)
        if answer["statusCode"] != HTTPStatus.OK:
            raise RuntimeError(answer["body"])
        body = json.loads(answer["body"])
        encode = json.JSONEncoder(separators=(",", ":")).encode

        def floor() -> str:
            logger.info("answered", extra={"path": "/v1/route", "status": 200, "duration_ms": 1.0})
            return encode(body)

        def in_a_new_second() -> dict[str, Any]:
            clock.ahead += timedelta(seconds=1)
            return seldom.respond(asked)

        calls: dict[str, Callable[[], object]] = {
            "handler": lambda: handler(asked, context),
            "respond": lambda: router.respond(asked),
            "new_second": in_a_new_second,
            "floor": floor,
        }
        found: dict[str, list[float]] = {part: [] for part in PARTS}
        for _ in range(10):
            for part, call in calls.items():
                some = min(runs, NEW_SECONDS) if part == "new_second" else runs
                found[part] += durations_ms(call, runs=some // 10, within_s=1.0, clock=thread_time)
    return {part: sorted(times) for part, times in found.items()}


def figures(label: str, times: dict[str, list[float]], goals: tuple[str, str]) -> list[Figure]:
    """Return the handler's median and 99th percentile beside the floor's."""
    handler, respond, new_second, floor = (times[part] for part in PARTS)
    return [
        Figure(f"router_{label}_p50", quantile(handler, 0.5), "ms", quantile(floor, 0.5), goals[0]),
        Figure(
            f"router_{label}_p99", quantile(handler, 0.99), "ms", quantile(floor, 0.99), goals[1]
        ),
        Figure(f"router_{label}_respond_p50", quantile(respond, 0.5), "ms", quantile(floor, 0.5)),
        Figure(f"router_{label}_fastest", handler[0], "ms", floor[0]),
        Figure(
            f"router_{label}_new_second_p50", quantile(new_second, 0.5), "ms", quantile(floor, 0.5)
        ),
    ]


def main() -> None:
    """Measure both worlds."""
    report(figures("6_pops", measure("lat=40.7&lon=-74.0&colo=EWR", runs=2000), ("0.5", "3")))
    with tempfile.TemporaryDirectory() as folder:
        enlarge(Path(folder))
        done = subprocess.run(
            [sys.executable, __file__, "large"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join((folder, str(ROOT)))},
            stdout=subprocess.PIPE,
            check=True,
        )
    report(figures("300_pops", json.loads(done.stdout.splitlines()[-1]), ("5", "")))


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 - sets the functions' environment

    if sys.argv[1:] == ["large"]:
        query = f"lat=40.7&lon=-74.0&max_latency_ms=200&pops={','.join(pops())}"
        print(json.dumps(measure(query, runs=200)))
    else:
        main()
