"""The composite action under ``.github/actions/window`` finds a window and gives its outputs.

The test runs the action's own steps with a Python that has nothing but its standard library.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.fakes.memory_store import MemoryStore
from tests.router_client import Client
from tests.served_router import ServedRouter
from tests.template.conftest import ROOT
from tests.unit.test_router_window import a_forecast

FOLDER = ROOT / ".github/actions/window"
ACTION: dict[str, Any] = yaml_parse((FOLDER / "action.yml").read_text())
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
FIND = next(step for step in STEPS if step.get("id") == "find")
EXPRESSION = re.compile(r"\$\{\{ (\w+)\.([\w.-]+) \}\}")

Ran = tuple["subprocess.CompletedProcess[str]", Mapping[str, str]]
Act = Callable[..., Ran]


@pytest.fixture
def act(tmp_path: Path) -> Act:
    """Return a function that runs the step with some inputs and returns its outputs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    python = f"{sys.base_prefix}/bin/python3"
    (programs / "python3").write_text(f'#!/bin/sh\nexec "{python}" -S "$@"\n')
    (programs / "python3").chmod(0o755)

    def run(**inputs: str) -> Ran:
        given = {name: entry["default"] for name, entry in ACTION["inputs"].items()} | inputs
        asked = {
            name: EXPRESSION.sub(lambda match: given[match[2]], text)
            for name, text in FIND["env"].items()
        }
        outputs = tmp_path / "outputs"
        outputs.touch()
        platform = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "RUNNER_TEMP": str(tmp_path),
            "GITHUB_ACTION_PATH": str(FOLDER),
            "GITHUB_OUTPUT": str(outputs),
        }
        shell = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", FIND["run"]]
        done = subprocess.run(
            shell,
            env=platform | asked,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        lines = outputs.read_text().splitlines()
        return done, dict(line.split("=", 1) for line in lines)

    return run


@pytest.fixture
def url() -> Iterator[str]:
    """Serve a router whose London is cleanest an hour after its present, which is long past."""
    store = MemoryStore()
    store.put_forecast(a_forecast("GBR-13", [200, 180, 100, 120, 300]))
    with ServedRouter(Client(store)).serving() as address:
        yield address


def test_the_window_of_a_router_is_found_and_its_outputs_are_given(act: Act, url: str) -> None:
    done, outputs = act(url=url, pops="lon", duration="45m", within="4h", basis="direct")

    assert done.returncode == 0, done.stderr
    assert outputs == {
        "start": "2026-11-22T17:00:00Z",
        "end": "2026-11-22T17:45:00Z",
        "pop": "lon",
        "zone": "GBR-13",
        "gco2_kwh": "106.7",
        "at_once_gco2_kwh": "193.3",
        "rung": "forecast",
    }


def test_without_a_router_yearly_means_answer(act: Act) -> None:
    done, outputs = act(zones="NYISO", wait="false")

    assert done.returncode == 0, done.stderr
    assert (outputs["zone"], outputs["rung"], outputs["pop"]) == ("NYISO", "annual_mean", "")


@pytest.mark.parametrize(
    ("required", "code", "said"),
    [
        ("false", 0, "::warning title=GreenStream::No window was found"),
        ("true", 1, "::error title=GreenStream::No window was found"),
    ],
)
def test_where_no_window_is_found_the_job_goes_on_unless_one_is_required(
    act: Act, required: str, code: int, said: str
) -> None:
    done, outputs = act(zones="PJN", required=required)

    assert (done.returncode, outputs) == (code, {})
    assert said in done.stdout
    assert "zones: does not know PJN; near it is PJM" in done.stderr


def test_an_input_is_no_part_of_a_script(act: Act, tmp_path: Path) -> None:
    for step in STEPS:
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
    done, _ = act(zones='NYISO"; touch "$RUNNER_TEMP/harm"; echo "', wait="false")
    assert "does not know" in done.stderr
    assert not (tmp_path / "harm").exists()


def test_every_input_is_used_and_every_output_is_given(act: Act) -> None:
    used = {match[2] for text in FIND["env"].values() for match in EXPRESSION.finditer(text)}
    assert used == set(ACTION["inputs"])
    _, outputs = act(zones="NYISO", wait="false")
    promised = [EXPRESSION.fullmatch(entry["value"]) for entry in ACTION["outputs"].values()]
    assert {match and match[2].removeprefix("find.outputs.") for match in promised} == set(outputs)
    assert all(entry["description"] for entry in [*ACTION["inputs"].values()])


def test_what_signs_requests_is_locked_as_in_the_lock_of_the_project() -> None:
    requirements = (ROOT / "infra/supply/requirements-signing.txt").read_text()
    lock = (ROOT / "uv.lock").read_text()
    packages = re.findall(
        r"^([\w-]+)==(\S+) \\\n((?: +--hash=\S+(?: \\)?\n)+)", requirements, re.MULTILINE
    )

    assert [name for name, _, _ in packages] == [
        *("botocore", "jmespath", "python-dateutil", "six", "urllib3"),
    ]
    for name, version, hashes in packages:
        assert f'name = "{name}"\nversion = "{version}"' in lock
        for digest in re.findall(r"--hash=(\S+?)(?: \\)?$", hashes, re.MULTILINE):
            assert f'hash = "{digest}"' in lock
