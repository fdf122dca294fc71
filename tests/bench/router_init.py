"""The router's start as it is shipped: time and memory up to the first answer under AWS's runtime.

Run from anywhere: ``python tests/bench/router_init.py``. The artefact of `make build` starts with
the runtime's Python, its byte code included, and nothing can write any. Its table has a reading of
every zone, and its first answer must be live. The floor is a handler that only imports boto3 and
makes a DynamoDB client; it starts in turns with the router.
"""

import json
import os
import statistics
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from greenstream.domain.zones import zones
from tests.integration.conftest import make_table
from tests.integration.engines import dynoxide
from tests.integration.runtime_interface import event, runtime
from tests.measure import ROOT, Figure, report
from tests.shipped import NO_RUNTIME, READ_ONLY, runtime_of, ship
from tests.storing import put_reading
from tests.table_client import TableClient

STARTS = 25
TABLE = "readings"
GOAL = "0.85 x the floor"
ASKED = event("route") | {"rawQueryString": "lat=40.7&lon=-74.0"}
FLOOR = """
import boto3

CLIENT = boto3.client("dynamodb")


def handler(event, context):
    return {"statusCode": 200, "body": "{}"}
"""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that can be started: its folder and handler, its layer and its interpreter."""

    task_root: Path
    handler: str
    layer: Path
    python: Path


@dataclass(frozen=True, slots=True)
class Start:
    """The time, the processor time and the peak memory of a process up to its first answer."""

    duration_ms: float
    processor_ms: float
    peak_mb: float


def first_answer(function: Function, address: str, folder: Path) -> Start:
    """Start a function and ask it once.

    The time includes the start, since the emulator runs nothing before the first event.
    """
    environment = {"TABLE_NAME": TABLE, "AWS_ENDPOINT_URL_DYNAMODB": address, **READ_ONLY}
    with runtime(
        function.task_root,
        environment,
        folder=folder,
        handler=function.handler,
        layer=function.layer,
        python=function.python,
    ) as served:
        answer, duration_ms = served.timed(ASKED)
        start = Start(duration_ms, served.processor_ms(), served.peak_mb())
    if answer.get("statusCode") != 200 or json.loads(answer["body"]).get("degraded"):
        raise RuntimeError(f"{function.handler} gave no answer from its table: {answer}")
    return start


def fill_table(address: str) -> None:
    """Make a table that has a fresh reading of every zone."""
    from tests.router_client import a_reading_of  # its import reads the environment

    os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = address
    client = TableClient()
    make_table(client, TABLE)
    store = DynamoStore(client, TABLE, clock=utc_now)
    ended = utc_now() - timedelta(minutes=1)
    for zone in zones().values():
        if zone.sources:
            put_reading(store, a_reading_of(zone.zone, 123.456, valid_to=ended))
    client.close()


def main() -> None:
    """Start the router and its floor in turns."""
    if (python := runtime_of(ROOT / ".local/runtime")) is None:
        print(NO_RUNTIME)
        return
    starts: defaultdict[str, list[Start]] = defaultdict(list)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(dynoxide(folder))
        fill_table(address)
        built, bare = folder / "build", folder / "floor"
        ship(ROOT, built, "RouterFunction")
        bare.mkdir()
        (bare / "app.py").write_text(FLOOR)
        layer = built / "GreenstreamLayer/python"
        ours = Function(built / "RouterFunction", "functions.router.app.handler", layer, python)
        floor = Function(bare, "app.handler", layer, python)
        for _ in range(STARTS):
            starts["router"].append(first_answer(ours, address, folder))
            starts["floor"].append(first_answer(floor, address, folder))

    def figure(name: str, measure: str, unit: str, goal: str = "") -> Figure:
        value, least = (
            statistics.median(getattr(start, measure) for start in starts[function])
            for function in ("router", "floor")
        )
        return Figure(name, value, unit, least, goal)

    first, first_of_floor = starts["router"][0], starts["floor"][0]
    report(
        [
            figure("router_init_p50", "duration_ms", "ms", GOAL),
            Figure("router_init_first", first.duration_ms, "ms", first_of_floor.duration_ms),
            figure("router_init_processor_p50", "processor_ms", "ms", GOAL),
            Figure(
                "router_init_processor_first",
                first.processor_ms,
                "ms",
                first_of_floor.processor_ms,
            ),
            figure("router_init_peak_memory", "peak_mb", "MB"),
        ]
    )


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 - sets the functions' environment

    main()
