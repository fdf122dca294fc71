"""Ends what tests have started where the tests themselves are killed.

After a Ctrl-C, xdist kills each of its processes within ten seconds, while fixtures may still be
stopping a server, whose session of its own no Ctrl-C reaches.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.stack import LocalStack

ROOT = Path(__file__).parents[1]


@contextmanager
def if_killed(*command: str) -> Iterator[None]:
    """Run a command if this process dies before the block ends, so that no `finally` runs."""
    watcher = subprocess.Popen(
        ["sh", "-c", 'read _; exec "$@"', "sh", *command],
        cwd=ROOT,
        stdin=subprocess.PIPE,  # the system closes it with this process
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        watcher.kill()
        watcher.communicate()


@contextmanager
def a_local_stack(state_dir: Path) -> Iterator[LocalStack]:
    """Yield a stack of a folder, which is stopped after the block if it runs."""
    local = LocalStack(state_dir)
    command = [sys.executable, "-m", "greenstream.cli.main", "--state-dir", str(state_dir), "down"]
    with if_killed(*command):
        try:
            yield local
        finally:
            local.down()


@contextmanager
def ended(process: "subprocess.Popen[bytes]", *, within_s: float = 10) -> Iterator[None]:
    """End a process that leads a session after the block, also where the tests are killed."""
    with if_killed("sh", "-c", f"kill -9 -{process.pid}"):
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(within_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
