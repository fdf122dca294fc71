"""What `make build` ships, made for this machine, and a Python as Lambda's runtime has it.

A measure that starts a function from here sees what a cold start in Lambda sees: the modules with
their byte code, boto3 with its own, and folders into which no byte code is written.
"""

import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Final

from infra.supply.bytecode import VERSION, runtime_python
from tests.measure import ROOT

READ_ONLY: Final[Mapping[str, str]] = {"PYTHONDONTWRITEBYTECODE": "1"}
"""The environment in which Python writes no byte code, as it cannot in Lambda's folders."""

NO_RUNTIME: Final = (
    f"skipped: what is shipped needs a Python {VERSION} to be measured, and none was found"
    " (RUNTIME_PYTHON names one)"
)

OF_THE_RUNTIME: Final = ("boto3", "awslambdaric")
"""The packages that the runtime has. They are installed in the versions of this environment."""


def runtime_of(folder: Path) -> Path | None:
    """Return a Python with the runtime's packages, or ``None`` where none of its version is here.

    Parameters
    ----------
    folder
        Where the environment is made. It is used again while its packages are the same.
    """
    if (found := runtime_python(os.environ)) is None:
        return None
    python, note = folder / "bin/python", folder / "made_of.txt"
    packages = [f"{name}=={version(name)}" for name in OF_THE_RUNTIME]
    made_of = "\n".join([str(found), *packages])
    if not note.exists() or note.read_text() != made_of:
        uv = ROOT / ".venv/bin/uv"
        _run([uv, "venv", "--quiet", "--clear", "--python", found, folder], cwd=ROOT)
        # Lambda's runtime has its packages with byte code.
        install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
        _run([*install, *packages], cwd=ROOT)
        note.write_text(made_of)
    return python


def ship(root: Path, folder: Path, *resource: str) -> None:
    """Make the artefacts of a checkout for this machine, with byte code if the checkout makes any.

    Parameters
    ----------
    root
        The checkout.
    folder
        Where a folder is made for each function and layer.
    resource
        A function of the template, to make only that one and its layers.
    """
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    foreign = ("MAKEFLAGS", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in foreign},
        "PATH": os.pathsep.join([str(ROOT / ".venv/bin"), os.environ.get("PATH", os.defpath)]),
        "PLATFORM": f"{machine}-manylinux_2_28",
        "SAM_CLI_TELEMETRY": "0",
    }
    sam = [ROOT / ".tools/sam/bin/sam", "build", "--no-cached", "--build-dir", folder, *resource]
    _run(sam, cwd=root, env=environment)
    if (root / "infra/supply/bytecode.py").exists():
        compiling = [sys.executable, "-m", "infra.supply.bytecode", folder]
        _run(compiling, cwd=root, env=environment)


def _run(argv: list[object], *, cwd: Path, env: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        list(map(str, argv)), cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {done.stderr[-3000:]}")
