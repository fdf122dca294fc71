"""Starts the processes of the local stack, and later finds and stops exactly these again."""

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
    """A step of the local stack failed; the message names it and shows the end of its log."""


class RefusedError(StackError):
    """The router refused a question.

    Parameters
    ----------
    status
        The HTTP status, 400 to 499.
    text
        The router's problem details, as JSON.
    """

    def __init__(self, message: str, status: int, text: str) -> None:
        super().__init__(message)
        self.status = status
        self.text = text


class FolderError(StackError, UnusableError):
    """The folder for a stack's records is not a folder, and cannot be made one."""


@dataclass(frozen=True, slots=True)
class Child:
    """A started process, which leads a session of its own.

    ``started`` is the time of the process's start as the system writes it. It distinguishes the
    process from a later one with the same ``pid``.
    """

    name: str
    pid: int
    started: str

    def alive(self) -> bool:
        """Return whether this process, and not another one with its ``pid``, still runs."""
        return _started(self.pid) == self.started


def _started(pid: int) -> str | None:
    """Return the start of a process as the system writes it, or ``None`` if it does not run."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return None
        after_name = stat.rpartition(")")[
            2
        ].split()  # because the name may hold spaces and brackets
        return None if after_name[0] == "Z" else after_name[19]
    output = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split(maxsplit=1)
    return None if len(output) < 2 or output[0].startswith("Z") else output[1].strip()  # noqa: PLR2004


@dataclass(frozen=True, slots=True)
class Children:
    """The record of the running processes, a file to which each is added as soon as it exists."""

    path: Path

    def all(self) -> list[Child]:
        """Return the recorded processes, whether they still run or not.

        Raises
        ------
        StackError
            When the record is damaged, so that it is unknown what runs.
        """
        if not self.path.exists():
            return []
        try:
            return [Child(**entry) for entry in json.loads(self.path.read_text())]
        except (ValueError, TypeError) as error:
            raise StackError(
                f"{self.path} is damaged: its processes may still run; `down` renames the file"
            ) from error

    def start(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> Child:
        """Start a process in a session of its own with its output in ``log``, and record it."""
        recorded = self.all()  # read first, so that no process starts that cannot be recorded
        with log.open("wb") as output:
            pid = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True,
            ).pid  # fmt: skip
        child = Child(name, pid, _started(pid) or "")
        write_whole(self.path, [asdict(entry) for entry in [*recorded, child]])
        return child

    def stop(self) -> list[str]:
        """Stop every recorded process that still runs, and return the names of these.

        Raises
        ------
        StackError
            When the record is damaged. The file is renamed, so that a new record can begin.
        """
        try:
            recorded = self.all()
        except StackError as error:
            renamed = self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
            raise StackError(
                f"{self.path} is damaged: its processes may still run; the file is now {renamed}"
            ) from error
        stopped = []
        for child in reversed(recorded):
            if child.alive():
                end_session(child.pid, child.alive)
                stopped.append(child.name)
            with suppress(ChildProcessError):  # an earlier command started it, so init reaps it
                os.waitpid(child.pid, os.WNOHANG)
        self.path.unlink(missing_ok=True)
        return stopped


def write_whole(path: Path, document: object) -> None:
    """Write a JSON file in one step, readable by this user only because it may hold keys."""
    text = json.dumps(document, indent=2) + "\n"
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def end_session(pid: int, alive: Callable[[], bool]) -> None:
    """Ask the processes of a session to end, and kill them after `STOP_GRACE_S`."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)  # fails if all processes have ended meanwhile
    deadline = time.monotonic() + STOP_GRACE_S
    while alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # for children that the leader may have left


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
        if not child.alive():  # checked first, since another process may answer on its port
            raise StackError(f"{what} ended while starting:\n{tail(log)}")
        if answers:
            return
        if time.monotonic() > deadline:
            raise StackError(f"{what} is not ready after {within_s:.0f} s:\n{tail(log)}")
        time.sleep(0.05)


def step(title: str, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
    """Run a command to its end, and print its title and duration.

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
    """Return the path of a log and below it its last lines, indented."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"  {log}:", *(f"  | {line}" for line in lines)])
