"""`greenstream run` ends everything it started, however it is ended, within ten seconds."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.local.processes import Child, end_sessions
from infra.local.stack import LocalStack

WITHIN_S = 10.0
RUN = [sys.executable, "-m", "tests.fakes.run_of_fakes"]
ROOT = Path(__file__).parents[2]
NAMES = {"ministack", "upstream", "origins", "worker"}


class Run:
    """A run of the command on fakes, with what it prints in a file."""

    def __init__(self, folder: Path, *words: str, before: tuple[str, ...] = ()) -> None:
        self.local = LocalStack(folder / "state")
        self.printed = folder / f"printed{len(list(folder.iterdir()))}"
        command = [*before, *RUN, "--state-dir", str(self.local.state_dir), "run"]
        command += ["--upstream", "live", "--auth", "none", *words]
        with self.printed.open("w") as printed:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=printed, stderr=subprocess.STDOUT, start_new_session=True
            )

    def until(self, text: str) -> "Run":
        """Wait until the run has printed a text."""
        until(f"{text!r}: {self.printed.read_text()}", lambda: text in self.printed.read_text())
        return self

    @property
    def children(self) -> list[Child]:
        return [*self.local.children.all(), *self.local.worker_children.all()]


def until(what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"this did not happen: {what}")
        time.sleep(0.02)


def left(children: list[Child]) -> list[str]:
    """Return the names of the children that have left a process in their groups."""
    names = []
    for child in children:
        try:
            os.killpg(child.pid, 0)
        except ProcessLookupError:
            continue
        names.append(child.name)
    return names


def ended_whole(run: Run, children: list[Child], began: float) -> None:
    run.process.wait(timeout=WITHIN_S)
    assert time.monotonic() - began < WITHIN_S
    until("the end of all processes", lambda: not left(children))
    assert not run.local.children.path.exists()
    assert not run.local.worker_children.path.exists()
    assert run.local.running() is None


@pytest.fixture(autouse=True)
def hang_up_is_not_ignored() -> Iterator[None]:
    """Start processes that SIGHUP can end, although ``nohup`` may have started the tests."""
    before = signal.signal(signal.SIGHUP, lambda *_: None)  # a program that starts does not keep it
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    local = LocalStack(tmp_path / "state")  # where a test has failed, its processes end here
    end_sessions([*local.children.all(), *local.worker_children.all()])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_stack_its_worker_and_its_origins(
    number: signal.Signals, folder: Path
) -> None:
    run = Run(folder).until("a table")
    children, began = run.children, time.monotonic()
    assert {child.name for child in children} == NAMES
    run.process.send_signal(number)
    ended_whole(run, children, began)
    assert run.process.returncode == 0
    assert "stopped worker, origins, upstream, ministack" in run.printed.read_text()


def test_a_signal_that_comes_again_while_it_ends_changes_nothing(folder: Path) -> None:
    run = Run(folder, "stubborn").until("a table")
    children, began = run.children, time.monotonic()
    for pause_s in (0, 0.05, 0.5, 0.5):
        time.sleep(pause_s)
        run.process.send_signal(signal.SIGTERM)
    ended_whole(run, children, began)
    assert "Traceback" not in run.printed.read_text()


def test_a_signal_during_the_start_ends_what_had_started(folder: Path) -> None:
    run = Run(folder, "slow").until("deploying")
    children, began = run.children, time.monotonic()
    assert [child.name for child in children] == ["ministack"]
    run.process.terminate()
    ended_whole(run, children, began)


def test_it_ends_as_the_child_of_timeout_which_signals_twice(folder: Path) -> None:
    run = Run(folder, before=("timeout", "600")).until("a table")
    children, began = run.children, time.monotonic()
    run.process.terminate()  # which timeout passes on as it does when its time is over
    ended_whole(run, children, began)
    assert "stopped worker, origins, upstream, ministack" in run.printed.read_text()


def test_it_ends_with_a_terminal_that_is_closed(folder: Path) -> None:
    local = LocalStack(folder / "state")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(sys.executable, [*RUN, "--state-dir", str(local.state_dir), "run"])
    shown = b""
    while b"a table" not in shown:
        shown += os.read(terminal, 4096)
    children = [*local.children.all(), *local.worker_children.all()]
    assert {child.name for child in children} == NAMES
    began = time.monotonic()
    os.close(terminal)
    os.waitpid(pid, 0)
    assert time.monotonic() - began < WITHIN_S
    until("the end of all processes", lambda: not left(children))


def test_it_ends_when_nobody_reads_its_output_any_more(folder: Path) -> None:
    local = LocalStack(folder / "state")
    run = subprocess.Popen(
        [*RUN, "--state-dir", str(local.state_dir), "run"], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert run.stdout is not None
    assert b"a table" in run.stdout.readline()
    children = [*local.children.all(), *local.worker_children.all()]
    run.stdout.close()
    run.wait(timeout=WITHIN_S)
    until("the end of all processes", lambda: not left(children))


def test_a_part_that_ends_by_itself_is_named_and_ends_the_rest(folder: Path) -> None:
    run = Run(folder).until("a table")
    children = run.children
    (simulator,) = (child for child in children if child.name == "upstream")
    began = time.monotonic()
    end_sessions([simulator])
    ended_whole(run, children, began)
    assert run.process.returncode == 1
    printed = run.printed.read_text()
    assert "the stack has ended unexpectedly (upstream); see the logs in" in printed
    assert "Traceback" not in printed


def test_a_worker_that_ends_by_itself_is_named_and_the_stack_runs_on(folder: Path) -> None:
    run = Run(folder).until("Worker http://127.0.0.1:8787/")
    children = run.children
    end_sessions([child for child in children if child.name == "worker"])
    run.until(f"the Worker has ended; see the logs in {run.local.state_dir}")
    assert run.process.poll() is None
    began = time.monotonic()
    run.process.terminate()
    ended_whole(run, children, began)


def test_nohup_lets_it_survive_its_terminal(folder: Path) -> None:
    run = Run(folder, before=("nohup",)).until("a table")
    children = run.children
    run.process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        run.process.wait(timeout=0.5)
    began = time.monotonic()
    run.process.terminate()
    ended_whole(run, children, began)


class TestASecondRun:
    def test_joins_the_stack_that_runs_and_leaves_it_running(self, folder: Path) -> None:
        first = Run(folder).until("a table")
        children = first.children
        second = Run(folder).until("a table")
        assert second.children == children
        second.until("this stack ran here already")
        second.process.send_signal(signal.SIGINT)
        assert second.process.wait(timeout=WITHIN_S) == 0
        assert set(left(children)) == NAMES
        began = time.monotonic()
        first.process.send_signal(signal.SIGINT)
        ended_whole(first, children, began)

    def test_with_other_options_is_refused_in_words(self, folder: Path) -> None:
        first = Run(folder).until("a table")
        children = first.children
        second = Run(folder, "--auth", "iam")
        assert second.process.wait(timeout=WITHIN_S) == 1
        (said,) = second.printed.read_text().strip().splitlines()
        assert said.startswith(
            "greenstream: a stack with live upstreams and auth none runs here already: stop it"
        )
        assert set(left(children)) == NAMES
        first.process.terminate()
        ended_whole(first, children, time.monotonic())

    def test_ends_in_words_when_the_stack_it_joined_ends(self, folder: Path) -> None:
        first = Run(folder).until("a table")
        second = Run(folder).until("a table")
        first.process.terminate()
        first.process.wait(timeout=WITHIN_S)
        assert second.process.wait(timeout=WITHIN_S) == 1
        assert "greenstream: the stack has ended" in second.printed.read_text()
        assert "Traceback" not in second.printed.read_text()
