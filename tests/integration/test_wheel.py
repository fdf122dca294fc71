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
    locked = ("sync", "--frozen", "--no-default-groups", "--extra", "mcp", "--no-install-project")
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


@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "route --help",
        "window --help",
        "zones --help",
        "mcp --help",
        "policy --help",
        "policy set --help",
        "report --help",
    ],
)
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


@pytest.mark.parametrize(
    "words", ["route --from tokyo", "window --pops lon,ams --within 12h --duration 45m", "zones"]
)
def test_answers_by_yearly_means_where_neither_aws_nor_a_router_is(
    installed: Path, tmp_path: Path, words: str
) -> None:
    home = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": os.devnull, "GREENSTREAM_URL": ""}
    done = run(installed / "greenstream", *words.split(), cwd=tmp_path, **home)

    assert (done.returncode, done.stderr) == (0, "")
    first, *rows = done.stdout.splitlines()
    assert first.endswith("these are yearly means.")
    assert any("annual_mean" in row for row in rows)


def test_a_refusal_names_what_may_have_been_meant(installed: Path, tmp_path: Path) -> None:
    asked = ("window", "--zones", "PJN")
    done = run(installed / "greenstream", *asked, cwd=tmp_path, GREENSTREAM_URL="")

    assert (done.returncode, done.stdout) == (1, "")
    assert "zones: does not know PJN; near it is PJM" in done.stderr


def test_serves_the_model_context_protocol(installed: Path, tmp_path: Path) -> None:
    program = """
import asyncio, sys
from mcp import Client, StdioServerParameters

async def talk():
    async with Client(StdioServerParameters(command=sys.argv[1], args=["mcp"])) as client:
        answered = await client.call_tool("window", {"origin": "tokyo"})
        print(answered.structured_content["answered_by"])

asyncio.run(talk())
"""
    done = run(installed / "python", "-c", program, installed / "greenstream", cwd=tmp_path)

    assert done.stdout.strip() == "tables of this package (yearly means)", done.stderr


def test_finds_its_data(installed: Path, tmp_path: Path) -> None:
    program = "from greenstream.domain.places import pops; print(*sorted(pops()))"
    done = run(installed / "python", "-c", program, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert {"ams", "iad", "lax", "lon", "nyc", "sfo"} <= set(done.stdout.split())
