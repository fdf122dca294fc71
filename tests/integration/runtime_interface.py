"""Runs a handler under AWS's own runtime interface: their emulator and their Python client.

The emulator is in the SAM CLI's wheel and needs no container. It answers one request at a time, and
the first answer includes the function's start.
"""

import importlib.util
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.engines import HOST, ROOT, TOOLS, free_port, listening

LAYER = ROOT / "layers" / "greenstream"
INVOKE = "/2015-03-31/functions/function/invocations"


def emulator_binary() -> Path:
    """Return the emulator's binary, which the Makefile installs if it is missing."""
    if importlib.util.find_spec("awslambdaric") is None:
        pytest.skip("RUNTIME INTERFACE NOT TRIED: awslambdaric is for Linux only")
    machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
    pattern = f"lib/python*/site-packages/samcli/local/rapid/aws-lambda-rie-{machine}"
    binary = next((TOOLS / "sam").glob(pattern), None)
    if binary is None:
        subprocess.run(["make", "-s", ".tools/sam/.ready"], cwd=ROOT, check=True, timeout=600)
        binary = next((TOOLS / "sam").glob(pattern))
    return binary


@dataclass(frozen=True, slots=True)
class Runtime:
    """A function that runs under the runtime interface."""

    address: str
    log: Path
    emulator_pid: int

    def invoke(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the handler's result, or the description of its error."""
        answer: dict[str, Any] = httpx.post(
            self.address + INVOKE, content=json.dumps(event), timeout=30.0
        ).json()
        return answer

    def timed(self, event: Mapping[str, Any]) -> tuple[dict[str, Any], float]:
        """Return the handler's result, and the time it took in milliseconds."""
        started = time.perf_counter()
        answer = self.invoke(event)
        return answer, (time.perf_counter() - started) * 1e3

    def processor_ms(self) -> float:
        """Return the processor time of the function's process so far, in milliseconds.

        Threads that have ended count. Linux numbers the clock of a process like this; see the
        kernel's include/linux/posix-timers.h, MAKE_PROCESS_CPUCLOCK with CPUCLOCK_SCHED.
        """
        return time.clock_gettime((~self._function_pid() << 3) | 2) * 1e3

    def peak_mb(self) -> float:
        """Return the greatest memory that the function's process has had, in megabytes."""
        status = Path(f"/proc/{self._function_pid()}/status").read_text()
        [peak_kb] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        return int(peak_kb) / 1024

    def _function_pid(self) -> int:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                # The state and the parent follow the name, which is in brackets.
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
            except FileNotFoundError:
                continue  # This process has ended meanwhile.
            if parent == self.emulator_pid:
                return int(stat.parent.name)
        raise RuntimeError("the emulator has started no function")

    def lines(self) -> list[dict[str, Any]]:
        """Return the JSON lines that the function has logged."""
        text = self.log.read_text()
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@contextmanager
def runtime(
    task_root: Path,
    environment: Mapping[str, str],
    *,
    folder: Path,
    handler: str = "app.handler",
    layer: Path = LAYER,
    python: Path = Path(sys.executable),
) -> Iterator[Runtime]:
    """Run a function's folder as Lambda does, with its own code and the layer only."""
    port = free_port()
    emulator, api = f"{HOST}:{port}", f"{HOST}:{free_port()}"
    argv = [
        str(emulator_binary()),
        *("--log-level", "error"),
        *("--runtime-interface-emulator-address", emulator, "--runtime-api-address", api),
        *(str(python), "-m", "awslambdaric", handler),
    ]
    region, name = "eu-west-1", task_root.name
    clean = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "TZ": ":UTC",
        "LANG": "C.UTF-8",
        "LAMBDA_TASK_ROOT": str(task_root),
        "PYTHONPATH": os.pathsep.join((str(task_root), str(layer))),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "5",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
        "POWERTOOLS_SERVICE_NAME": name,
        "POWERTOOLS_METRICS_NAMESPACE": "GreenStream",
    }
    log = folder / f"{name}.log"
    with listening(
        "the runtime interface", argv, port, cwd=task_root, env={**clean, **environment}, log=log
    ) as process:
        try:
            yield Runtime(f"http://{emulator}", log, process.pid)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # The function is a child of the emulator.


def event(name: str) -> dict[str, Any]:
    """Return a Function URL event from the folder ``tests/events``."""
    path = ROOT / "tests" / "events" / f"{name}.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


EVENTS = tuple(sorted(path.stem for path in (ROOT / "tests" / "events").glob("*.json")))
