"""The wheel in an environment of its own: the command runs there and has its data.

Packages come from the cache that `make tools` has filled; no registry is asked.
"""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.template.conftest import ROOT

UV = Path(sys.executable).with_name("uv")
OF_THIS_ENVIRONMENT = ("VIRTUAL_ENV", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT")
OF_AN_ACCOUNT = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE")
DATA = ROOT / "layers/greenstream/greenstream/data"


def run(*command: str | Path, cwd: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in (*OF_THIS_ENVIRONMENT, *OF_AN_ACCOUNT)
    }
    return subprocess.run(
        command,
        cwd=cwd,
        env=kept | {"UV_OFFLINE": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    done = run(UV, "build", "--wheel", "--python", sys.executable, "--out-dir", folder, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel with its locked requirements and return the folder of the programs."""
    venv = tmp_path_factory.mktemp("installed") / "venv"
    locked = ("sync", "--frozen", "--no-default-groups", "--no-install-project")
    done = run(UV, *locked, "--python", sys.executable, cwd=ROOT, UV_PROJECT_ENVIRONMENT=str(venv))
    assert done.returncode == 0, done.stderr
    done = run(UV, "pip", "install", "--no-deps", "--python", venv, wheel, cwd=venv)
    assert done.returncode == 0, done.stderr
    done = run(UV, "pip", "check", "--python", venv, cwd=venv)
    assert done.returncode == 0, done.stderr
    return venv / "bin"


def test_holds_the_package_with_its_data_and_nothing_of_the_repository(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    data = {f"greenstream/data/{path.relative_to(DATA)}" for path in DATA.rglob("*.json")}
    assert data
    assert data <= set(names)
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"greenstream"}


@pytest.mark.parametrize("words", ["--help", "policy --help", "policy set --help", "report --help"])
def test_prints_its_help(installed: Path, tmp_path: Path, words: str) -> None:
    done = run(installed / "greenstream", *words.split(), cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: greenstream")


@pytest.mark.parametrize("words", ["policy list --table t", "report --log-group g"])
def test_reports_in_one_line_that_no_region_is_set(
    installed: Path, tmp_path: Path, words: str
) -> None:
    command = installed / "greenstream"
    done = run(command, *words.split(), cwd=tmp_path, AWS_CONFIG_FILE=os.devnull)

    assert done.returncode == 1
    assert done.stderr.strip() == "greenstream: You must specify a region."


@pytest.mark.parametrize("cwd", [ROOT, None], ids=["in the repository", "elsewhere"])
def test_says_in_one_line_that_a_command_needs_the_repository(
    installed: Path, tmp_path: Path, cwd: Path | None
) -> None:
    done = run(installed / "greenstream", "run", cwd=cwd or tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("greenstream: `greenstream run` needs the project's repository: ")


def test_finds_its_data(installed: Path, tmp_path: Path) -> None:
    program = "from greenstream.domain.places import pops; print(*sorted(pops()))"
    done = run(installed / "python", "-c", program, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert {"ams", "iad", "lax", "lon", "nyc", "sfo"} <= set(done.stdout.split())
