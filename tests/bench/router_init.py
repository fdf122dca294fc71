"""The router's start: time to the first answer under AWS's runtime interface.

Run from anywhere: ``python tests/bench/router_init.py``. Floor: a handler that only imports
boto3 and makes a DynamoDB client, started in turns with the router. Both are asked without a
table behind them, so that no upstream's time is in the figure.
"""

import statistics
import tempfile
import time
from pathlib import Path

from tests.integration.engines import ROOT
from tests.integration.runtime_interface import event, runtime
from tests.measure import Figure, report

STARTS = 9
FLOOR = """
import boto3

CLIENT = boto3.client("dynamodb")


def handler(event, context):
    return {"statusCode": 200, "body": CLIENT.meta.region_name}
"""


def first_answer_ms(task_root: Path, folder: Path) -> float:
    """Start a function's folder and return the time of its first answer, ms.

    The emulator counts the start into it: nothing runs before the first event.
    """
    with runtime(task_root, {"TABLE_NAME": "unused"}, folder=folder) as served:
        started = time.perf_counter()
        answer = served.invoke(event("pops"))
        duration_ms = (time.perf_counter() - started) * 1e3
    if answer.get("statusCode") != 200:
        raise RuntimeError(f"{task_root.name} did not answer: {answer}")
    return duration_ms


def main() -> None:
    """Start both by turns."""
    roots = {"router": ROOT / "functions" / "router"}
    times: dict[str, list[float]] = {"router": [], "floor": []}
    with tempfile.TemporaryDirectory() as folder:
        roots["floor"] = Path(folder) / "floor"
        roots["floor"].mkdir()
        (roots["floor"] / "app.py").write_text(FLOOR)
        for nth in range(STARTS + 1):
            for name, root in roots.items():
                duration_ms = first_answer_ms(root, Path(folder))
                if nth:  # the first of each writes its byte code
                    times[name].append(duration_ms)
    router, floor = times["router"], times["floor"]
    report(
        [
            Figure(
                "router_init_p50",
                statistics.median(router),
                "ms",
                statistics.median(floor),
                "1.15 x the floor",
            ),
            Figure("router_init_fastest", min(router), "ms", min(floor), "1.15 x the floor"),
        ]
    )


if __name__ == "__main__":
    main()
