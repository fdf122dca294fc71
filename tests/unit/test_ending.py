"""What tests have started ends with them, however they end."""

import subprocess
import sys
import time
from pathlib import Path

from infra.local.processes import Children
from infra.local.stack import LocalStack

ROOT = Path(__file__).parents[2]
IN_A_BLOCK = """
import sys, time
from pathlib import Path
from tests.ending import a_local_stack
with a_local_stack(Path(sys.argv[1])) as local:
    local.state_dir.mkdir()
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    local.children.start("sleep", sleep, env={}, log=local.log("sleep"))
    print("started", flush=True)
    if sys.argv[2] == "wait":
        time.sleep(60)
"""


def what_starts_a_stack(state_dir: Path, word: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", IN_A_BLOCK, str(state_dir), word]
    tests = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert tests.stdout is not None
    assert tests.stdout.readline() == "started\n"
    return tests


def test_a_stack_ends_with_the_tests_that_are_killed(tmp_path: Path) -> None:
    local = LocalStack(tmp_path / "state")
    with what_starts_a_stack(local.state_dir, "wait") as tests:
        (child,) = local.children.all()
        tests.kill()
    deadline = time.monotonic() + 20
    while child.alive() or local.children.path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_stack_ends_with_its_block(tmp_path: Path) -> None:
    children = Children(tmp_path / "state/children.json")
    with what_starts_a_stack(tmp_path / "state", "end") as tests:
        assert tests.wait(timeout=20) == 0
    assert not children.path.exists()
