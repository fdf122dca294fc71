"""What the layers are made of: the locked versions, and less than Lambda's limit."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.size import UNZIPPED_LIMIT_BYTES, built_sizes
from tests.template.conftest import ROOT

TEMPLATE = """
Globals: {Function: {Layers: [!Ref Shared]}}
Resources:
  Big: {Type: "AWS::Serverless::Function", Properties: {Layers: [!Ref Library]}}
  Small: {Type: "AWS::Serverless::Function", Properties: {CodeUri: Small}}
  Shared: {Type: "AWS::Serverless::LayerVersion", Properties: {}}
  Library: {Type: "AWS::Serverless::LayerVersion", Properties: {}}
"""


@pytest.mark.parametrize("layer", ["greenstream", "gridstatus"])
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
    for layer in ("greenstream", "gridstatus"):
        pins = (ROOT / "layers" / layer / "requirements.txt").read_text().split("\n", 1)[1]
        assert "boto" not in pins
        assert "greenstream" not in pins


def built(folder: Path, sizes: dict[str, int]) -> Path:
    (folder / "template.yaml").write_text(TEMPLATE)
    for part, size in sizes.items():
        (folder / part / "python").mkdir(parents=True)
        with (folder / part / "python" / "module.py").open("wb") as module:
            module.truncate(size)  # sparse: it takes no room here
    return folder


def test_a_function_weighs_itself_and_all_its_layers(tmp_path: Path) -> None:
    folder = built(tmp_path, {"Big": 5, "Small": 7, "Shared": 100, "Library": 10_000})
    totals = {size.function: size.total_bytes for size in built_sizes(folder)}
    assert totals == {"Big": 10_105, "Small": 107}


def test_a_function_may_fill_the_limit_but_not_pass_it(tmp_path: Path) -> None:
    sizes = {"Big": 0, "Small": 1, "Shared": 0, "Library": UNZIPPED_LIMIT_BYTES}
    margins = {size.function: size.margin_bytes for size in built_sizes(built(tmp_path, sizes))}
    assert margins == {"Big": 0, "Small": UNZIPPED_LIMIT_BYTES - 1}
    command = [sys.executable, "-m", "infra.local.cli", "size", str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 0
    (tmp_path / "Big" / "one_byte_more").write_bytes(b"!")
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == 1
