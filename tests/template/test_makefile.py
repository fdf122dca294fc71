"""The Makefile makes its environment only with a supported version of Python."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.template.conftest import ROOT


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """Make a folder with the Makefile and a ``python3.13`` that prints a version or its call."""
    (tmp_path / "infra/supply").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "uv.lock", "infra/supply/requirements-uv.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    program = tmp_path / "python3.13"
    program.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo "$SAYS" || { echo "ran $*"; exit 9; }\n'
    )
    program.chmod(0o755)
    return program


def make_venv(shim: Path, says: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", ".venv/.ready", f"PYTHON={shim}"],
        cwd=shim.parent,
        env={"PATH": os.defpath, "SAYS": says},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("says", ["Python 3.11.0", "Python 3.12.13", "Python 3.13.0rc1"])
def test_a_supported_version_makes_the_environment(shim: Path, says: str) -> None:
    assert "ran -m venv .venv" in make_venv(shim, says).stdout


@pytest.mark.parametrize(
    "says", ["Python 3.10.19", "Python 3.14.0", "Python 3.1.1", "no such version"]
)
def test_another_version_is_refused_in_one_sentence(shim: Path, says: str) -> None:
    ended = make_venv(shim, says)
    assert ended.returncode != 0
    assert "ran" not in ended.stdout
    reason, *_ = ended.stderr.splitlines()
    assert reason.startswith(
        "GreenStream needs Python 3.11, 3.12 or 3.13, "
        f"but '{shim} --version' says '{says}': name another one"
    )
