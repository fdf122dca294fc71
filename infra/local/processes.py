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
from typing import Any

from greenstream.cli import signals
from greenstream.cli.errors import CommandError, UnusableError

STOP_GRACE_S = 4.0
DELETE_WITHIN_S = 3.0
TAIL_LINES = 25


class StackError(CommandError):
    """A step of the local stack failed; the message names it and shows the end of its log."""


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


def _list(recorded: object) -> list[Any]:
    """Return a record that is a list; raise TypeError for any other."""
    if not isinstance(recorded, list):
        raise TypeError("the record is no list")
    return recorded


def _child(entry: Mapping[str, Any]) -> Child:
    """Return the process of an entry.

    Raises
    ------
    TypeError, ValueError
        When the entry is damaged. Signals to the process groups 0 and below reach other processes.
    """
    child = Child(**entry)
    if not isinstance(child.started, str):
        raise TypeError("the start of a process is no text")
    if not isinstance(child.pid, int) or child.pid <= 0:
        raise ValueError(f"{child.pid!r} is the number of no process")
    return child


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
            return [_child(entry) for entry in _list(json.loads(self.path.read_text()))]
        except (ValueError, TypeError) as error:
            raise StackError(
                f"{self.path} is damaged: its processes may still run; `down` renames the file"
            ) from error

    def start(self, name: str, argv: Sequence[str], *, env: Mapping[str, str], log: Path) -> Child:
        """Start a process in a session of its own with its output in ``log``, and record it."""
        recorded = self.all()  # read first, so that no process starts that cannot be recorded
        with signals.held():
            pid = _started_process(argv, env=env, cwd=None, log=log).pid
            try:
                child = Child(name, pid, _started(pid) or "")
                write_whole(self.path, [asdict(entry) for entry in [*recorded, child]])
            except BaseException:
                end_sessions([child])
                raise
        return child

    def forget_ended(self) -> None:
        """Remove from the record the processes that do not run any more."""
        write_whole(self.path, [asdict(child) for child in self.all() if child.alive()])

    def set_aside(self) -> str:
        """Rename a damaged record, so that a new one can begin, and return what to say of it."""
        renamed = self.path.replace(self.path.with_name(f"{self.path.name}.damaged"))
        return f"{self.path} is damaged: its processes may still run; the file is now {renamed}"


def stop(*records: Children) -> list[str]:
    """Stop every recorded process that still runs, and return the names of these.

    All of them are asked at the same time, and what has not ended after `STOP_GRACE_S` is killed.

    Raises
    ------
    StackError
        When a record is damaged. The file is renamed, and the processes of the others are stopped.
    """
    recorded, damaged = [], []
    for record in records:
        try:
            recorded += record.all()
        except StackError:
            damaged.append(record.set_aside())
    running = [child.name for child in reversed(recorded) if child.alive()]
    end_sessions(recorded)
    for record in records:
        record.path.unlink(missing_ok=True)
    if damaged:
        raise StackError("; ".join(damaged))
    return running


def write_whole(path: Path, document: object) -> None:
    """Write a JSON file in one step, readable by this user only because it may hold keys."""
    text = json.dumps(document, indent=2) + "\n"
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        draft.touch(mode=0o600)
        draft.write_text(text)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        error.filename = error.filename or str(path)  # a failed write does not name its file
        raise


def end_sessions(leaders: Sequence[Child]) -> None:
    """Ask the processes of sessions to end, and kill what is left after `STOP_GRACE_S`.

    A leader may have ended and left children behind, which are killed too.
    """
    ours = [leader for leader in leaders if leader.alive() or _left_children(leader.pid)]
    for leader in ours:
        _signal_group(leader.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_GRACE_S
    while any(leader.alive() for leader in ours) and time.monotonic() < deadline:
        time.sleep(0.05)
    for leader in ours:
        _signal_group(leader.pid, signal.SIGKILL)
        with suppress(ChildProcessError):  # an earlier command started it, so init reaps it
            os.waitpid(leader.pid, 0)


def _left_children(session: int) -> bool:
    """Return whether a session without its leader still has processes, as far as /proc tells."""
    if _started(session) is not None:
        return False  # the number belongs to another process now
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # a process may end meanwhile
            if int(stat.read_text().rpartition(")")[2].split()[3]) == session:
                return True
    return False


def _signal_group(leader_pid: int, number: signal.Signals) -> None:
    # macOS refuses with EPERM where it should say that the group has ended
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader_pid, number)


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
    process: subprocess.Popen[bytes] | None = None
    try:
        with signals.held():
            process = _started_process(argv, env=env, cwd=cwd, log=log)
        code = process.wait()
    except BaseException:
        if process is not None:
            end_sessions([Child(title, process.pid, _started(process.pid) or "")])
        raise
    print(f"{time.monotonic() - began:.1f} s", flush=True)
    if code:
        raise StackError(f"{title} failed with exit code {code}:\n{tail(log)}")


def _started_process(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path | None, log: Path
) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,
        )  # fmt: skip


def delete_folder(folder: Path) -> None:
    """Delete a folder, which a process of its own finishes if it takes longer than a few seconds.

    A slow disk takes long for the many files of the emulator, and a command has to end in time.
    """
    if not folder.exists():
        return
    doomed = folder.replace(folder.with_name(f"{folder.name}.{os.getpid()}.deleted"))
    deleting = subprocess.Popen(
        ["rm", "-rf", str(doomed)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # a program that reads the command's output does not wait for it
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with suppress(subprocess.TimeoutExpired):
        deleting.wait(DELETE_WITHIN_S)


def say(text: str) -> None:
    """Print a line of a command that is ending, whose terminal may be closed."""
    with suppress(OSError):
        print(text, flush=True)


def tail(log: Path) -> str:
    """Return the path of a log and below it its last lines, indented."""
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join([f"  {log}:", *(f"  | {line}" for line in lines)])
