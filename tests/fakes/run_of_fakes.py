"""Runs ``greenstream run`` with processes that only wait, in the place of a whole stack's.

Each of them has a child of its own. With the word ``stubborn``, one ignores SIGTERM; with ``slow``,
the start hangs after the first.
"""

import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

from greenstream.cli.main import main
from infra.local import collecting, commands, view
from infra.local import stack as stacks
from infra.local.deploying import Auth, Upstream
from infra.local.processes import write_whole
from infra.local.stack import LocalStack, Stack
from infra.local.worker import LocalWorker

WAITS = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print('up', flush=True);"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"


def wait(children: Any, log: Path, name: str, code: str) -> None:
    """Start a process that waits, and return when it does."""
    file = log / f"{name}.log"
    children.start(name, [sys.executable, "-c", f"{code} time.sleep(60)"], env={}, log=file)
    while "up" not in file.read_text():
        time.sleep(0.01)


class FakeStack(LocalStack):
    """Starts fakes, and stops them as the real stack is stopped."""

    def _start(self, *, upstream: Upstream, auth: Auth) -> Stack:
        code = STUBBORN if "stubborn" in sys.argv else WAITS
        wait(self.children, self.state_dir, "ministack", code)
        if "slow" in sys.argv:
            print("deploying…", flush=True)
            time.sleep(60)
        wait(self.children, self.state_dir, "upstream", WAITS)
        record: dict[str, object] = {
            "router_url": "http://127.0.0.1:1/r", "table": "t", "region": "eu-west-1",
            "endpoint_url": "http://127.0.0.1:1", "access_key_id": "", "secret_access_key": "",
            "upstream": upstream, "upstream_url": None, "auth": auth, "functions": {},
            "dead_letter_queue_url": "", "page_url": "http://127.0.0.1:2/",
        }  # fmt: skip
        write_whole(self.record, record)
        stack = self.running()
        assert stack is not None
        return stack


def start_worker(self: LocalWorker, _: Stack) -> str:
    """Start fakes of the Worker and its origins."""
    for name in ("origins", "worker"):
        wait(self.children, self.state_dir, name, WAITS)
    write_whole(self.state_dir / "worker.json", {"url": "http://127.0.0.1:8787"})
    return "http://127.0.0.1:8787"


def page(stack: Stack, *_: int | None) -> str:
    """Return a page that asks nobody."""
    return f"a table of {stack.router_url}"


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word not in ("slow", "stubborn")]
    with (
        mock.patch.multiple(commands, LocalStack=FakeStack, PLAIN_REFRESH_S=0.1, REFRESH_S=0.1),
        mock.patch.multiple(LocalWorker, start=start_worker, has_tools=True),
        mock.patch.object(view, "page", page),
        mock.patch.multiple(collecting, COLLECTING=(), OF_POPS=()),
        mock.patch.object(stacks, "collect_once", return_value=None),
    ):
        sys.exit(main(words))
