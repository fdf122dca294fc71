"""Stand-ins for DynamoDB. They differ in places, so the store is tested on several of them."""

import base64
import hashlib
import json
import os
import platform
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from infra.local.emulator import Emulator
from tests.ending import ended

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"
HOST = "127.0.0.1"
READY_WITHIN_S = 30.0
DYNOXIDE = "@dynoxide/linux-x64@1.2.1"
DYNOXIDE_SHA512 = (
    "sBHqlxJ9ANkLluFkYRfd5r8Y0ApFew4FhOrlhgRAgD4XzEoFOukEo1nuBTQ1+jTtofqwn4NWQ2k0Tn5mNTjgUg=="
)


def dynoxide_binary() -> Path:
    """Return the engine's binary, which is fetched once and checked against its known digest."""
    folder = TOOLS / "dynoxide-1.2.1"
    binary = folder / "dynoxide"
    if binary.exists():
        return binary
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("ENGINE NOT TRIED: dynoxide is pinned for Linux on x86_64 only")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("ENGINE NOT TRIED: dynoxide comes by npm, which this machine lacks")
    folder.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        [npm, "pack", DYNOXIDE, "--json", "--pack-destination", str(folder)],
        capture_output=True,
        check=True,
        text=True,
        timeout=120,
    )
    archive = folder / json.loads(packed.stdout)[0]["filename"].replace("@", "").replace("/", "-")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if digest != DYNOXIDE_SHA512:
        raise RuntimeError(f"{archive.name} is not the package that was pinned: sha512-{digest}")
    with tarfile.open(archive) as package:
        content = package.extractfile("package/dynoxide")
        if content is None:
            raise RuntimeError(f"{archive.name} holds no binary")
        fresh = binary.with_suffix(".fresh")
        fresh.write_bytes(content.read())
    fresh.chmod(0o755)
    fresh.rename(binary)  # Another test run at the same time must never see half a file.
    return binary


@contextmanager
def dynoxide(folder: Path) -> Iterator[str]:
    """Run dynoxide in memory and yield its address."""
    port = free_port()
    argv = [str(dynoxide_binary()), "serve", "--host", HOST, "--port", str(port)]
    with served("dynoxide", argv, port, folder=folder, env={}) as address:
        yield address


@contextmanager
def ministack(folder: Path) -> Iterator[str]:
    """Run ministack behind the guard of the local stack and yield its address."""
    with emulated_aws(folder, iam=False) as emulator:
        yield emulator.endpoint_url


@contextmanager
def emulated_aws(folder: Path, *, iam: bool) -> Iterator[Emulator]:
    """Run the local stack's emulator alone and yield what its clients must know."""
    argv = Emulator.argv(TOOLS)
    if not Path(argv[0]).exists():
        subprocess.run(["make", "-s", ".tools/ministack/.ready"], cwd=ROOT, check=True, timeout=300)
    port = free_port()
    emulator = Emulator.new(HOST, port)
    env = emulator.environment(folder, "eu-west-1", iam=iam)
    with served("ministack", argv, port, folder=folder, env=env):
        yield emulator


@contextmanager
def served(
    name: str, argv: Sequence[str], port: int, *, folder: Path, env: Mapping[str, str]
) -> Iterator[str]:
    """Run a server that listens on this port and yield its address."""
    clean = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"}
    with listening(name, argv, port, cwd=folder, env={**clean, **env}, log=folder / f"{name}.log"):
        yield f"http://{HOST}:{port}"


@contextmanager
def listening(
    name: str, argv: Sequence[str], port: int, *, cwd: Path, env: Mapping[str, str], log: Path
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server in a session of its own, and yield its process once it listens on this port."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdout=output, stderr=output, start_new_session=True
        )
    with ended(process):
        ends_at = time.monotonic() + READY_WITHIN_S
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > ends_at:
                raise RuntimeError(f"{name} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.01)
        yield process


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
