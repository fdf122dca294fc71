"""The layers contain the locked versions and are smaller than Lambda's limit."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from infra.local.deploying import LOCAL_BUILD
from infra.ops.size import UNZIPPED_LIMIT_BYTES, built_sizes
from infra.supply.supply_chain import BUILT
from tests.template.conftest import ROOT

REQUIREMENTS = [
    *sorted(ROOT.glob("layers/*/requirements.txt")),
    *sorted(ROOT.glob("functions/*/requirements.txt")),
]

TEMPLATE = """
Globals: {Function: {Layers: [!Ref Shared]}}
Resources:
  Big: {Type: "AWS::Serverless::Function", Properties: {Layers: [!Ref Library]}}
  Small: {Type: "AWS::Serverless::Function", Properties: {CodeUri: Small}}
  Shared: {Type: "AWS::Serverless::LayerVersion", Properties: {}}
  Library: {Type: "AWS::Serverless::LayerVersion", Properties: {}}
"""


@pytest.mark.parametrize("layer", ["greenstream", "gridstatus", "tuning"])
def test_a_layer_installs_what_the_lock_file_says(layer: str) -> None:
    requirements = (ROOT / "layers" / layer / "requirements.txt").read_text()
    command, pins = requirements.removeprefix("# ").split("\n", 1)
    tools = Path(sys.executable).parent
    exported = subprocess.run(
        [*shlex.split(command), "--offline", "--python", sys.executable],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert pins == exported


def test_neither_boto3_nor_the_shared_package_is_shipped_twice() -> None:
    for layer in ("greenstream", "gridstatus", "tuning"):
        pins = (ROOT / "layers" / layer / "requirements.txt").read_text().split("\n", 1)[1]
        assert "boto" not in pins
        assert "greenstream" not in pins


def test_a_function_installs_the_versions_that_the_lock_file_says() -> None:
    locked = {
        package["name"]: package
        for package in tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    }
    for path in ROOT.glob("functions/*/requirements.txt"):
        pins = re.findall(r"^([\w-]+)==(\S+)", path.read_text(), re.MULTILINE)
        assert pins
        for name, version in pins:
            assert locked[name]["version"] == version
            files = [locked[name].get("sdist", {}), *locked[name]["wheels"]]
            assert set(hashes_of(path.read_text(), name)) <= {file.get("hash") for file in files}


def test_the_local_build_and_the_cloud_build_have_separate_build_records() -> None:
    """SAM puts the record one folder above a build; a shared one let a stale layer pass as new."""
    assert LOCAL_BUILD.parent != BUILT.parent


def hashes_of(requirements: str, name: str) -> list[str]:
    found = re.search(rf"^{name}==(?:.*\\\n)*.*$", requirements, re.MULTILINE)
    assert found is not None
    return re.findall(r"--hash=(sha256:[0-9a-f]{64})", found[0])


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.parent.name)
def test_everything_that_is_shipped_is_pinned_by_its_hashes(path: Path) -> None:
    text = path.read_text()
    names = re.findall(r"^([\w.-]+)==", text, re.MULTILINE)
    assert len(names) == len(re.findall(r"^[^#\s].*$", text, re.MULTILINE))
    assert all(hashes_of(text, name) for name in names)


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.parent.name)
@pytest.mark.parametrize(
    ("requirement", "refusal"),
    [
        (f"tampered==1.0 --hash=sha256:{'0' * 64}\n", "hash mismatch"),
        ("tampered==1.0\n", "--require-hashes"),
    ],
    ids=["of another hash", "of none"],
)
def test_a_build_installs_no_package(
    tmp_path: Path, path: Path, requirement: str, refusal: str
) -> None:
    """The test runs the recipe of `sam build` on requirements that were tampered with."""
    name, kind = path.parent.name, path.parent.parent.name
    makefile = path.parent / "Makefile" if kind == "layers" else path.parent.parent / "Makefile"
    folder = tmp_path if kind == "layers" else tmp_path / name
    folder.mkdir(exist_ok=True)
    (folder / "requirements.txt").write_text(requirement)
    with zipfile.ZipFile(tmp_path / "tampered-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tampered.py", "")
        for file, text in {
            "METADATA": "Metadata-Version: 2.1\nName: tampered\nVersion: 1.0\n",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
            "RECORD": "",
        }.items():
            wheel.writestr(f"tampered-1.0.dist-info/{file}", text)
    tools = Path(sys.executable).parent
    done = subprocess.run(
        ["make", "-f", str(makefile), f"build-{name.title()}{kind.title()[:-1]}"],
        cwd=tmp_path,
        env={
            "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "UV_FIND_LINKS": str(tmp_path),
            "UV_OFFLINE": "1",
            "ARTIFACTS_DIR": str(tmp_path / "out"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert refusal in done.stderr.lower()
    assert not list((tmp_path / "out").rglob("tampered*"))


def test_the_layer_holds_the_shared_package_without_the_console_command(tmp_path: Path) -> None:
    """The test runs the recipe of `sam build`, but installs no third-party packages."""
    layer = ROOT / "layers/greenstream"
    shutil.copytree(layer / "greenstream", tmp_path / "greenstream")
    (tmp_path / "requirements.txt").write_text("")
    done = subprocess.run(
        ["make", "-f", str(layer / "Makefile"), "build-GreenstreamLayer"],
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "ARTIFACTS_DIR": str(tmp_path / "out"),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    source, shipped = layer / "greenstream", tmp_path / "out/python/greenstream"
    packages = {path.parent.name for path in source.glob("*/__init__.py")}
    assert {path.parent.name for path in shipped.glob("*/__init__.py")} == packages - {"cli"}
    assert not (shipped / "cli").exists()
    assert (shipped / "data/zones.json").read_bytes() == (source / "data/zones.json").read_bytes()


def built(folder: Path, sizes: dict[str, int]) -> Path:
    (folder / "template.yaml").write_text(TEMPLATE)
    for part, size in sizes.items():
        (folder / part / "python").mkdir(parents=True)
        with (folder / part / "python" / "module.py").open("wb") as module:
            module.truncate(size)  # a sparse file takes no disk space
    return folder


def test_the_size_of_a_function_includes_all_its_layers(tmp_path: Path) -> None:
    folder = built(tmp_path, {"Big": 5, "Small": 7, "Shared": 100, "Library": 10_000})
    totals = {size.function: size.total_bytes for size in built_sizes(folder)}
    assert totals == {"Big": 10_105, "Small": 107}


def test_a_function_may_fill_the_limit_but_not_pass_it(tmp_path: Path) -> None:
    sizes = {"Big": 0, "Small": 1, "Shared": 0, "Library": UNZIPPED_LIMIT_BYTES}
    margins = {size.function: size.margin_bytes for size in built_sizes(built(tmp_path, sizes))}
    assert margins == {"Big": 0, "Small": UNZIPPED_LIMIT_BYTES - 1}
    command = [sys.executable, "-m", "greenstream.cli.main", "size", str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0
    (tmp_path / "Big" / "one_byte_more").write_bytes(b"!")
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 1
