"""The processes the local stack starts, and how exactly those are found again and stopped."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from greenstream.cli.errors import CommandError, UnusableError

STOP_GRACE_S = 8.0
TAIL_LINES = 25


class StackError(CommandError):
    """A step of the local stack failed; the message says which, and shows the log's end."""


class FolderError(StackError, UnusableError):
    """The folder for a stack's records is none and cannot be made: what was asked is wrong."""


@dataclass(frozen=True, slots=True)
class Child:
    """A started process, leader of its own session.

    ``started`` is the system's own stamp of the process's start, so that another process that
    was later given the same ``pid`` is never taken for it.
    """

    name: str
    pid: int
    started: str

    def alive(self) -> bool:
        """Tell whether this very process still runs."""
        return _started(self.pid) == self.started


def _started(pid: int) -> str | None:
    """Return when a process started, as the system writes it; ``None`` when there is none."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        after_name = stat.rpartition(")")[2].split()  # the name may hold spaces and brackets
        return None if after_name[0] == "Z" else after_name[19]
    found = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if len(found) < 2 or found[0].startswith("Z") else found[1].strip()  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Children:
    """The record of what runs, kept in a file from the moment each process exists."""

    path: Path

    def all(self) -> list[Child]:
        """Return what was recorded, running or not.

        Raises
        ------
        StackError
            When the record is damaged, so that nobody can tell what runs.
        """
        if not self.path.exists():
            return []
        try:
            return [Child(**entry) for entry in json.loads(self.path.read_text())]
        except (ValueError, TypeError) as error:
            raise StackError(
                f"{self.path} is damaged: what it recorded may still run; `down` sets it aside"
            ) from error

    def start(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> Child:
        """Start a process in a session of its own, its output in ``log``, and record it."""
        recorded = self.all()  # first: no process is to start that cannot be recorded
        with log.open("wb") as output:
            pid = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            ).pid  # fmt: skip
        child = Child(name, pid, _started(pid) or "")
        write_whole(self.path, [asdict(each) for each in [*recorded, child]])
        return child

    def stop(self) -> list[str]:
        """Stop every recorded process that is still itself; return the names of those.

        Raises
        ------
        StackError
            When the record is damaged. It is set aside, so that a new one can begin.
        """
        try:
            recorded = self.all()
        except StackError as error:
            aside = self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
            raise StackError(
                f"{self.path} is damaged: what it recorded may still run; it is now {aside}"
            ) from error
        stopped = []
        for child in reversed(recorded):
            if child.alive():
                end_session(child.pid, child.alive)
                stopped.append(child.name)
            with suppress(ChildProcessError):  # started by an earlier command: init reaps it
                os.waitpid(child.pid, os.WNOHANG)
        self.path.unlink(missing_ok=True)
        return stopped


def write_whole(path: Path, document: object) -> None:
    """Write a JSON file that is never seen half done, nor by another user: it may hold keys."""
    text = json.dumps(document, indent=2) + "\n"
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def end_session(pid: int, alive: Callable[[], bool]) -> None:
    """Ask a session's processes to end, and end them after a grace time."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)  # unless all have ended meanwhile
    deadline = time.monotonic() + STOP_GRACE_S
    while alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # the leader's children, should it have left any


def wait_for(
    what: str, ready: Callable[[], bool], child: Child, *, log: Path, within_s: float
) -> None:
    """Wait until a started process is ready.

    Raises
    ------
    StackError
        When it ends or takes longer than ``within_s``.
    """
    deadline = time.monotonic() + within_s
    while True:
        answers = ready()
        if not child.alive():  # first: what answers on its port may be somebody else
            raise StackError(f"{what} ended while starting:\n{tail(log)}")
        if answers:
            return
        if time.monotonic() > deadline:
            raise StackError(f"{what} is not ready after {within_s:.0f} s:\n{tail(log)}")
        time.sleep(0.05)


def step(title: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
    """Run a command to its end, telling its name and duration.

    Raises
    ------
    StackError
        When it fails; the message holds the end of its log.
    """
    print(f"{title}… ", end="", flush=True)
    began = time.monotonic()
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip
    try:
        code = process.wait()
    except BaseException:
        end_session(process.pid, lambda: process.poll() is None)
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)
    if code:
        raise StackError(f"{title} failed with exit code {code}:\n{tail(log)}")


def tail(log: Path) -> str:
    """Return the last lines of a log, indented, under its name."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"  {log}:", *(f"  | {line}" for line in lines)])
