"""The router's start: time to the first answer under AWS's runtime interface.

Run from anywhere: ``python tests/bench/router_init.py``. The floor is a handler that only
imports boto3 and makes a DynamoDB client; it starts in turns with the router. Neither has a table
behind it, so that the figure includes no time of a store.
"""

import statistics
import tempfile
import time
from pathlib import Path

from tests.integration.engines import ROOT
from tests.integration.runtime_interface import event, runtime
from tests.measure import Figure, report

STARTS = 25
FLOOR = """
import boto3

CLIENT = boto3.client("dynamodb")


def handler(event, context):
    return {"statusCode": 200, "body": CLIENT.meta.region_name}
"""


def first_answer_ms(task_root: Path, folder: Path) -> tuple[float, float]:
    """Start a function; return the time and the processor time of its first answer, ms.

    Both include the start, since the emulator runs nothing before the first event.
    """
    with runtime(task_root, {"TABLE_NAME": "unused"}, folder=folder) as served:
        started = time.perf_counter()
        answer = served.invoke(event("pops"))
        duration_ms = (time.perf_counter() - started) * 1e3
        processor_ms = served.processor_ms()
    if answer.get("statusCode") != 200:
        raise RuntimeError(f"{task_root.name} did not answer: {answer}")
    return duration_ms, processor_ms


def main() -> None:
    """Start the router and its floor in turns."""
    roots = {"router": ROOT / "functions" / "router"}
    times: dict[str, list[tuple[float, float]]] = {"router": [], "floor": []}
    with tempfile.TemporaryDirectory() as folder:
        roots["floor"] = Path(folder) / "floor"
        roots["floor"].mkdir()
        (roots["floor"] / "app.py").write_text(FLOOR)
        for nth in range(STARTS + 1):
            for name, root in roots.items():
                found = first_answer_ms(root, Path(folder))
                if nth:  # the first start compiles the byte code
                    times[name].append(found)
    (walls, processors), (floor_walls, floor_processors) = (
        zip(*times[name], strict=True) for name in ("router", "floor")
    )
    goal = "1.15 x the floor"
    median = statistics.median
    report(
        [
            Figure("router_init_p50", median(walls), "ms", median(floor_walls), goal),
            Figure("router_init_fastest", min(walls), "ms", min(floor_walls), goal),
            Figure(
                "router_init_processor_p50",
                median(processors),
                "ms",
                median(floor_processors),
                goal,
            ),
        ]
    )


if __name__ == "__main__":
    main()
