"""A function's sandboxes: every run is a cold start of the real handler in its own process.

``python -m tests.chaos.sandbox <provider>`` loads once what the function's module imports. Then,
for each line that it reads, it forks a process. That process takes the environment from the line,
imports the module anew, as a cold Lambda does, and calls the handler with the event that
EventBridge Scheduler sends. The kernel ends a process that runs past the function's timeout.
"""

import gc
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import greenstream.domain.clock

ROOT = Path(__file__).resolve().parents[2]
EVENTS = ROOT / "tests" / "events" / "scheduled"
ENDED_S = 5.0
"""Seconds after a function's timeout within which the end of its process must be noticed."""


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one invocation; ``error`` is the class name of what the handler raised."""

    seconds: float
    peak_mb: float
    error: str | None
    answer: Mapping[str, Any]
    log: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Return the lines of the log that are JSON objects: log lines and metrics."""
        return [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]


class Sandboxes:
    """Invokes one function in new sandboxes, from any thread.

    Parameters
    ----------
    provider
        The function's name.
    environment
        The variables of every run; each run adds its own.
    timeout_s
        The function's timeout.
    folder
        The folder of the runs' logs and results.
    """

    def __init__(
        self, provider: str, environment: Mapping[str, str], timeout_s: int, folder: Path
    ) -> None:
        self.provider, self.timeout_s, self.folder = provider, timeout_s, folder
        self._environment = dict(environment)
        self._asked = 0
        with (folder / "zygote.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.sandbox", provider],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
            )

    def run(self, now: datetime, environment: Mapping[str, str]) -> Run:
        """Invoke the function once, with a clock that stands still at ``now``.

        Raises
        ------
        TimeoutError
            When the function's timeout ended the process, or the process died.
        """
        self._asked += 1
        folder = self.folder / f"{self._asked}-{time.monotonic_ns()}"
        folder.mkdir()
        order = {
            "environment": self._environment | dict(environment),
            "now": now.isoformat(),
            "timeout_s": self.timeout_s,
            "folder": str(folder),
        }
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps(order).encode() + b"\n"
        )  # one write keeps a line whole
        self._process.stdin.flush()
        done, log = folder / "result.json", folder / "log"
        ends_at = time.monotonic() + self.timeout_s + ENDED_S + 30 * (self._asked == 1)
        while not done.exists():
            if time.monotonic() > ends_at or self._process.poll() is not None:
                said = log.read_text() if log.exists() else "it never began"
                raise TimeoutError(f"{self.provider} did not end in {self.timeout_s} s\n{said}")
            time.sleep(0.02)
        return Run(**json.loads(done.read_text()), log=log.read_text())

    def close(self) -> None:
        """End the process that forks, once its runs have ended."""
        self._process.kill()
        self._process.wait()


@dataclass
class Context:
    """The context that Lambda passes to a handler."""

    function_name: str
    ends_at: float
    memory_limit_in_mb: int
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:under-test"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds that are left until the function's timeout."""
        return max(0, round((self.ends_at - time.monotonic()) * 1000))


def peak_mb() -> float:
    """Return this process's peak resident memory, MB, with the pages that it was forked with."""
    [kilobytes] = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kilobytes) / 1024


def invoke(provider: str, order: Mapping[str, Any]) -> NoReturn:
    """Run the handler once in this process, write the result, and end the process."""
    began = time.monotonic()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.alarm(order["timeout_s"])
    folder = Path(order["folder"])
    with (folder / "log").open("wb") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ.clear()
    os.environ.update(order["environment"])
    now = datetime.fromisoformat(order["now"])
    greenstream.domain.clock.utc_now = lambda: now  # before the handler's modules import it
    result: dict[str, Any] = {"error": None, "answer": {}}
    try:
        app = importlib.import_module(f"functions.{provider}.app")
        memory_mb = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
        context = Context(provider, began + order["timeout_s"], memory_mb)
        event = json.loads((EVENTS / f"{provider}.json").read_text())
        result["answer"] = app.handler(event, context)
    except Exception as error:  # noqa: BLE001 - Lambda logs whatever a handler raises
        traceback.print_exc()
        result["error"] = type(error).__name__
    sys.stdout.flush()
    sys.stderr.flush()
    result |= {"seconds": time.monotonic() - began, "peak_mb": peak_mb()}
    draft = folder / "draft"
    draft.write_text(json.dumps(result))
    draft.rename(folder / "result.json")
    os._exit(0)  # Lambda freezes a sandbox and waits for no thread; nor do we


def main(provider: str) -> None:
    """Load the function's imports, then fork for each line of standard input."""
    importlib.import_module(f"functions.{provider}.app")
    del sys.modules[f"functions.{provider}.app"]
    gc.collect()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps ended processes
    for line in sys.stdin:
        if os.fork() == 0:
            with suppress(BaseException):
                invoke(provider, json.loads(line))
            traceback.print_exc()
            os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
