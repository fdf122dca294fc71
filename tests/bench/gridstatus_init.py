"""The start and a cold run of the gridstatus function as it is shipped.

Run from anywhere: ``python tests/bench/gridstatus_init.py``. The artefact of `make build` starts
with the runtime's Python where nothing can be written. What it is measured against is the same
artefact without byte code, as it was shipped formerly; the two start in turns. A cold run reads
all simulated grids that are read by default, and stores them in an empty table of dynoxide. Times
are the processor times of whole processes; the memory is the greatest of a cold run.
"""

import os
import shutil
import statistics
import subprocess
import tempfile
from pathlib import Path

from infra.registry import COLLECTORS
from tests.integration.conftest import make_table
from tests.integration.engines import HOST, dynoxide
from tests.integration.test_upstream import running
from tests.measure import ROOT, Figure, report
from tests.shipped import NO_RUNTIME, READ_ONLY, runtime_of, ship
from tests.table_client import TableClient

STARTS = 7
PARTS = ("GridstatusFunction", "GreenstreamLayer/python", "GridstatusLayer/python")
IMPORT = """
import time
started = time.process_time()
import gridstatus
print((time.process_time() - started) * 1e3)
"""
RUN = """
import os
import resource
import time
from functions.gridstatus.app import handler

class Context:
    function_name = "gridstatus"
    memory_limit_in_mb = 768
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:gridstatus"
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self):
        return 60_000

ran = handler({}, Context())
if len(ran["zones"]) != len(os.environ["GRIDSTATUS_ZONES"].split(",")):
    raise SystemExit(f"not all grids were read: {ran}")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(time.process_time() * 1e3)
"""


def processor_ms(python: Path, built: Path, code: str, **environment: str) -> float:
    """Return the last number that the code prints."""
    return printed(python, built, code, **environment)[-1]


def printed(python: Path, built: Path, code: str, **environment: str) -> list[float]:
    """Return what the code prints, with what is shipped on its path and nothing of the checkout."""
    done = subprocess.run(
        [python, "-P", "-W", "ignore", "-c", code],
        env={
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join(str(built / part) for part in PARTS),
            **READ_ONLY,
            **environment,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return [float(line) for line in done.stdout.splitlines() if line.replace(".", "").isdigit()]


def main() -> None:
    """Start what is shipped with and without byte code, in turns."""
    if (python := runtime_of(ROOT / ".local/runtime")) is None:
        print(NO_RUNTIME)
        return
    imports: dict[str, list[float]] = {"shipped": [], "without": []}
    runs: dict[str, list[float]] = {"shipped": [], "without": []}
    peaks_mb: dict[str, list[float]] = {"shipped": [], "without": []}
    with (
        tempfile.TemporaryDirectory() as name,
        dynoxide(Path(name)) as table,
        running(Path(name)) as simulator,
    ):
        shipped, without = Path(name) / "shipped", Path(name) / "without"
        ship(ROOT, shipped, "GridstatusFunction")
        leave_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(shipped, without, ignore=leave_out, copy_function=os.link)
        os.environ |= {"AWS_ENDPOINT_URL_DYNAMODB": table, "NO_PROXY": HOST}
        client = TableClient()
        environment = {
            **{key: value for key, value in os.environ.items() if key.startswith("AWS_")},
            **COLLECTORS["gridstatus"].settings,
            "PJM_API_KEY": "simulated",
            "HTTP_PROXY": simulator.proxy_url,
            "HTTPS_PROXY": simulator.proxy_url,
            "REQUESTS_CA_BUNDLE": simulator.ca_bundle,
            "NO_PROXY": HOST,
            "UPSTREAM": "simulated",
            "POWERTOOLS_METRICS_NAMESPACE": "GreenStream",
        }
        for nth in range(STARTS):
            for built in (shipped, without):
                imports[built.name].append(processor_ms(python, built, IMPORT))
                environment["TABLE_NAME"] = f"{built.name}-{nth}"
                make_table(client, environment["TABLE_NAME"])
                peak_mb, run_ms = printed(python, built, RUN, **environment)
                runs[built.name].append(run_ms)
                peaks_mb[built.name].append(peak_mb)
    median = statistics.median
    report(
        [
            Figure(
                f"gridstatus_{what}_as_shipped",
                median(times["shipped"]),
                "ms",
                median(times["without"]),
                f"{goal} x the same without byte code",
            )
            for what, times, goal in (("import", imports, "0.30"), ("cold_run", runs, "0.50"))
        ]
        + [
            Figure(
                "gridstatus_peak_memory_of_a_cold_run",
                max(peaks_mb["shipped"]),
                "MB",
                max(peaks_mb["without"]),
            )
        ]
    )


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 - sets the functions' environment

    main()
