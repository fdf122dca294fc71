"""The router and its peer: the same decision served by FastAPI with Redis, per core.

Run from anywhere: ``python tests/bench/router_peer.py``. The peer has the design of the first
prototype: uvicorn with one worker, and readings as JSON in Redis, which are read for every
request. The peer makes the answer with the router's own code from the same readings for the same
six POPs. It uses the fastest parts available (uvloop, httptools, hiredis, one pipeline for each
request, no validation of the answer, no access log). The router is measured twice: called in
process with a Function URL's event, which leaves out HTTP, and under AWS's runtime interface, where
the processor time of the function's process counts. It reads a table every five seconds, as on AWS.

All figures are requests per second of processor time, so that they do not depend on the machine's
other load. The peer has a second figure that includes the processor time of Redis.
"""

import asyncio
import importlib.util
import itertools
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger

from greenstream.api.answer_route import route as route_answer
from greenstream.api.view import View
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.powertools import PowertoolsTelemetry
from greenstream.domain.clock import utc_now
from greenstream.domain.decision import Candidate, LatencySource
from greenstream.domain.latency import estimate_rtt_ms, great_circle_km
from greenstream.domain.places import pops, seed_pops
from greenstream.domain.policy import Policy
from greenstream.domain.reading import Reading
from greenstream.domain.routing import decide
from greenstream.ports.store import Snapshot
from infra.local.memory_store import MemoryBoard
from tests.bench.router_handler import event, filled_store
from tests.integration.conftest import make_table
from tests.integration.engines import HOST, ROOT, dynoxide, free_port, served
from tests.integration.runtime_interface import INVOKE, runtime
from tests.measure import Figure, report
from tests.storing import put_reading
from tests.table_client import TableClient

REDIS = "redis-server"
NEEDED = ("fastapi", "redis", "uvicorn")
QUERY = "lat=40.7&lon=-74.0&colo=EWR"
ROUNDS, REQUESTS, CONNECTIONS = 7, 400, 4
TABLE = "readings"

Round = tuple[Callable[[], dict[str, float]], Callable[[], None]]
"""A function that returns processor times by name, s, and the work of `REQUESTS` requests."""


def redis_key(zone: str) -> str:
    """Return the key of the hash that holds a zone's newest readings, one per source and kind."""
    return f"reading:{zone}"


def serve(port: int, redis_port: int) -> None:
    """Serve the peer until the process is ended."""
    import uvicorn
    from fastapi import FastAPI
    from fastapi.responses import Response
    from pydantic import TypeAdapter
    from redis.asyncio import Redis

    policy, client = Policy(), Redis(host=HOST, port=redis_port)
    decode = TypeAdapter(Reading).validate_json
    asked = [pops()[name] for name in seed_pops()]
    names = list(dict.fromkeys(entry.zone for pop in asked for entry in pop.zones))

    async def answer(
        lat: float, lon: float, colo: str | None = None, current: str | None = None
    ) -> Response:
        pipeline = client.pipeline(transaction=False)
        for name in names:
            pipeline.hvals(redis_key(name))
        held = await pipeline.execute()
        readings = {
            name: tuple(decode(text) for text in texts)
            for name, texts in zip(names, held, strict=True)
        }
        by_provider: defaultdict[str, list[Reading]] = defaultdict(list)
        for reading in itertools.chain.from_iterable(readings.values()):
            by_provider[reading.provider].append(reading)
        boards = tuple(MemoryBoard(name, tuple(newest)) for name, newest in by_provider.items())
        now = utc_now()
        view = View(snapshot=Snapshot(boards=boards), read_at=now)
        standings = view.standings(asked, now, policy, policy.ranking_signal)
        candidates = [
            Candidate(
                pop=pop.pop,
                latency_ms=estimate_rtt_ms(great_circle_km(lat, lon, pop.lat, pop.lon)),
                latency_source=LatencySource.DISTANCE,
                carbon=figure,
                proxy_reason=entry.proxy_reason,
                proxy=entry.proxy,
            )
            for pop, figure, entry in zip(asked, standings.figures, standings.entries, strict=True)
        ]
        decision = decide(candidates, policy, current)
        text = route_answer(decision, standings, view, policy, now).text
        return Response(text, media_type="application/json")

    async def processor_s() -> float:
        return time.process_time()

    app = FastAPI()
    app.add_api_route("/v1/route", answer)
    app.add_api_route("/processor_s", processor_s)
    uvicorn.run(app, host=HOST, port=port, log_level="warning", access_log=False)


async def fill(redis_port: int, readings: Iterable[Reading]) -> None:
    """Put the readings into Redis, each under its zone."""
    from pydantic import TypeAdapter
    from redis.asyncio import Redis

    encode = TypeAdapter(Reading).dump_json
    async with Redis(host=HOST, port=redis_port) as client:
        for reading in readings:
            field = f"{reading.provider}#{reading.signal}#{reading.basis}"
            await client.hset(redis_key(reading.zone), field, encode(reading).decode())


async def redis_processor_s(redis_port: int) -> float:
    """Return the processor time that Redis reports for itself, s."""
    from redis.asyncio import Redis

    async with Redis(host=HOST, port=redis_port) as client:
        used = await client.info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def fetch(connection: HTTPConnection, path: str, body: str | None = None) -> Any:
    """Return an answer's JSON."""
    connection.request("GET" if body is None else "POST", path, body)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {text[:500]!r}")
    return json.loads(text)


def ask_peer(port: int) -> None:
    """Send one round of requests to the peer over several concurrent connections."""

    def some(_: int) -> None:
        connection = HTTPConnection(HOST, port)
        for _ in range(REQUESTS // CONNECTIONS):
            fetch(connection, f"/v1/route?{QUERY}")
        connection.close()

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(some, range(CONNECTIONS)))


def same_answer(ours: dict[str, Any], other: dict[str, Any]) -> None:
    """Raise an error when the two answers differ, as they are then not comparable."""

    def timeless(body: dict[str, Any]) -> dict[str, Any]:
        candidates = [
            {name: value for name, value in candidate.items() if name != "age_s"}
            for candidate in body["candidates"]
        ]
        return {**body, "as_of": None, "candidates": candidates}

    if ours["degraded"] or timeless(ours) != timeless(other):
        raise RuntimeError(f"not one answer:\n{json.dumps(ours)}\n{json.dumps(other)}")


def filled_table(address: str, readings: Iterable[Reading]) -> DynamoStore:
    """Return a store on a new table that holds the readings."""
    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = address
    client = TableClient()
    make_table(client, TABLE)
    store = DynamoStore(client, TABLE, clock=utc_now)
    for reading in readings:
        put_reading(store, reading)
    return store


def per_core(rounds: Sequence[Round]) -> dict[str, float]:
    """Return the medians of requests per second of processor time, measured in turns."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(ROUNDS + 1):
        for read, work in rounds:
            before = read()
            work()
            for name, after_s in read().items():
                found[name].append(REQUESTS / (after_s - before[name]))
    # The first round warms up.
    return {name: statistics.median(values[1:]) for name, values in found.items()}


def main() -> None:
    """Measure the peer and the router in turns."""
    from greenstream.api.router import Router  # its import reads the environment

    readings = filled_store().snapshot().readings
    asked = event(QUERY)
    encoded = json.dumps(asked)
    port, redis_port = free_port(), free_port()
    with (
        tempfile.TemporaryDirectory() as name,
        Path(os.devnull).open("w") as log,
        redirect_stdout(log),  # takes the lines of the metrics
        served(
            "redis",
            [REDIS, "--bind", HOST, "--port", str(redis_port), "--save", "", "--dir", name],
            redis_port,
            folder=Path(name),
            env={},
        ),
        served(
            "peer",
            [sys.executable, __file__, "serve", str(port), str(redis_port)],
            port,
            folder=Path(name),
            env={"PYTHONPATH": str(ROOT)},
        ),
        dynoxide(Path(name)) as table,
        runtime(
            ROOT / "functions" / "router",
            {"TABLE_NAME": TABLE, "AWS_ENDPOINT_URL_DYNAMODB": table},
            folder=Path(name),
        ) as function,
    ):
        asyncio.run(fill(redis_port, readings))
        telemetry = PowertoolsTelemetry(Logger(service="router", stream=log))
        router = Router(filled_table(table, readings), clock=utc_now, telemetry=telemetry)
        to_peer = HTTPConnection(HOST, port)
        to_function = HTTPConnection(function.address.removeprefix("http://"))

        def peer_s() -> dict[str, float]:
            own_s = float(fetch(to_peer, "/processor_s"))
            return {"peer": own_s, "both": own_s + asyncio.run(redis_processor_s(redis_port))}

        def ask_in_process() -> None:
            for _ in range(REQUESTS):
                router.respond(asked)

        def ask_function() -> None:
            for _ in range(REQUESTS):
                fetch(to_function, INVOKE, encoded)

        answer = json.loads(router.respond(asked)["body"])
        same_answer(answer, fetch(to_peer, f"/v1/route?{QUERY}"))
        same_answer(answer, json.loads(fetch(to_function, INVOKE, encoded)["body"]))
        middle = per_core(
            [
                (peer_s, lambda: ask_peer(port)),
                (lambda: {"in_process": time.thread_time()}, ask_in_process),
                (lambda: {"function": function.processor_ms() / 1e3}, ask_function),
            ]
        )
    unit = "requests/s per core"
    report(
        [
            Figure("peer_fastapi_redis", middle["peer"], unit),
            Figure("peer_fastapi_redis_with_its_redis", middle["both"], unit),
            Figure("router_in_process", middle["in_process"], unit, middle["peer"]),
            Figure("router_runtime_interface", middle["function"], unit, middle["peer"]),
        ]
    )


def lacking() -> str | None:
    """Return how to install what the peer needs, or ``None`` if nothing is missing."""
    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        return "the peer's packages are not installed: uv sync --inexact --group bench"
    if shutil.which(REDIS) is None:
        return f"{REDIS} is not installed: apt-get install {REDIS} (Debian, Ubuntu)"
    return None


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(*map(int, sys.argv[2:]))
    elif (hint := lacking()) is not None:
        print(f"skipped: {hint}")
    else:
        import tests.conftest  # noqa: F401 - sets the functions' environment

        main()
