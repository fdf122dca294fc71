"""The router's start as it is shipped: time to the first answer under AWS's runtime interface.

Run from anywhere: ``python tests/bench/router_init.py``. The artefact of `make build` starts with
the runtime's Python, its byte code included, and nothing can write any. The floor is a handler that
only imports boto3 and makes a DynamoDB client; it starts in turns with the router. Neither has a
table behind it, so that the figure includes no time of a store.
"""

import statistics
import tempfile
import time
from pathlib import Path

from tests.integration.runtime_interface import event, runtime
from tests.measure import ROOT, Figure, report
from tests.shipped import NO_RUNTIME, READ_ONLY, runtime_of, ship

STARTS = 25
FLOOR = """
import boto3

CLIENT = boto3.client("dynamodb")


def handler(event, context):
    return {"statusCode": 200, "body": CLIENT.meta.region_name}
"""


def first_answer_ms(
    task_root: Path, handler: str, *, layer: Path, python: Path, folder: Path
) -> tuple[float, float]:
    """Start a function; return the time and the processor time of its first answer, ms.

    Both include the start, since the emulator runs nothing before the first event.
    """
    environment = {"TABLE_NAME": "unused", **READ_ONLY}
    with runtime(
        task_root, environment, folder=folder, handler=handler, layer=layer, python=python
    ) as served:
        started = time.perf_counter()
        answer = served.invoke(event("pops"))
        duration_ms = (time.perf_counter() - started) * 1e3
        processor_ms = served.processor_ms()
    if answer.get("statusCode") != 200:
        raise RuntimeError(f"{task_root.name} did not answer: {answer}")
    return duration_ms, processor_ms


def main() -> None:
    """Start the router and its floor in turns."""
    if (python := runtime_of(ROOT / ".local/runtime")) is None:
        print(NO_RUNTIME)
        return
    times: dict[str, list[tuple[float, float]]] = {"router": [], "floor": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built = folder / "build"
        ship(ROOT, built, "RouterFunction")
        (folder / "floor").mkdir()
        (folder / "floor/app.py").write_text(FLOOR)
        functions = {
            "router": (built / "RouterFunction", "functions.router.app.handler"),
            "floor": (folder / "floor", "app.handler"),
        }
        layer = built / "GreenstreamLayer/python"
        for _ in range(STARTS):
            for function, (task_root, handler) in functions.items():
                times[function].append(
                    first_answer_ms(task_root, handler, layer=layer, python=python, folder=folder)
                )
    (walls, processors), (floor_walls, floor_processors) = (
        zip(*times[name], strict=True) for name in ("router", "floor")
    )
    goal = "0.85 x the floor"
    median = statistics.median
    report(
        [
            Figure("router_init_p50", median(walls), "ms", median(floor_walls), goal),
            Figure("router_init_first", walls[0], "ms", floor_walls[0]),
            Figure("router_init_fastest", min(walls), "ms", min(floor_walls), goal),
            Figure(
                "router_init_processor_p50",
                median(processors),
                "ms",
                median(floor_processors),
                goal,
            ),
            Figure("router_init_processor_first", processors[0], "ms", floor_processors[0]),
        ]
    )


if __name__ == "__main__":
    main()
