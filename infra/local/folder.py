"""The lock of a folder, so that two commands do not change one stack at the same time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.processes import FolderError


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which the system releases if this process dies."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        opened = (folder / "lock").open("w")
    except OSError as error:
        raise FolderError(f"{folder} cannot be a folder: {error.strerror}") from error
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("waiting for another greenstream command to finish…", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
