"""The artefacts carry byte code that Lambda's Python takes, the same from every machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from infra.ops.size import built_sizes
from infra.supply import bytecode
from infra.supply.bytecode import (
    BytecodeError,
    compile_build,
    compiled,
    main,
    runtime_python,
)
from infra.supply.supply_chain import differing, digests
from tests.template.conftest import ROOT

UNCHECKED_HASH = 0b01
"""Flags of byte code that belongs to its source by a hash, which is not compared (PEP 552)."""

READ_CODE = """
import importlib.util, marshal, sys
raw = open(sys.argv[1], "rb").read()
assert raw[:4] == importlib.util.MAGIC_NUMBER
print(int.from_bytes(raw[4:8], "little"), marshal.loads(raw[16:]).co_filename)
"""


@pytest.fixture(scope="module")
def python() -> Path:
    """Return this machine's Python of the runtime's version."""
    if (python := runtime_python(os.environ)) is None:
        pytest.skip(f"BYTE CODE NOT TRIED: this machine has no Python {bytecode.VERSION}")
    return python


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """Make a build of one layer and one function."""
    return build_in(tmp_path / "build")


def build_in(folder: Path) -> Path:
    for name, text in {
        "GridstatusLayer/python/gridstatus/__init__.py": "GRIDS = {'NYISO', 'CAISO', 'PJM'}\n",
        "GridstatusLayer/python/plotly/graph_objs/__init__.py": "",
        "GridstatusLayer/python/plotly/graph_objs/bar/_line.py": "WIDTH = 1\n",
        "GridstatusLayer/python/plotly/notes.txt": "no module",
        "EsoFunction/functions/eso/app.py": "def handler(event, context):\n    return {}\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def byte_code_of(module: Path) -> Path:
    return module.parent / "__pycache__" / f"{module.stem}.{bytecode.TAG}.pyc"


def interpreter(path: Path, *says: str) -> Path:
    """Make a program that says this, or fails where it has nothing to say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho {' '.join(says)}\n" if says else "#!/bin/sh\nexit 127\n")
    path.chmod(0o755)
    return path


RIGHT = (bytecode.MAGIC, bytecode.TAG)


def test_byte_code_is_of_the_version_that_the_template_names() -> None:
    template = yaml_parse((ROOT / "template.yaml").read_text())
    assert template["Globals"]["Function"]["Runtime"] == f"python{bytecode.VERSION}"
    assert f"cpython-{bytecode.VERSION.replace('.', '')}" == bytecode.TAG


class TestTheInterpreter:
    @pytest.fixture(autouse=True)
    def this_python_is_another(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        other = interpreter(tmp_path / "python3.11", "a70d0d0a", "cpython-311")
        monkeypatch.setattr(sys, "executable", str(other))

    def test_is_found_on_path_behind_a_command_that_starts_nothing(self, tmp_path: Path) -> None:
        interpreter(tmp_path / "shims/python3.13")
        python = interpreter(tmp_path / "bin/python3.13", *RIGHT)
        path = os.pathsep.join([str(tmp_path / "shims"), str(tmp_path / "bin")])
        assert runtime_python({"PATH": path, "HOME": str(tmp_path)}) == python

    def test_is_found_among_those_of_pyenv(self, tmp_path: Path) -> None:
        interpreter(tmp_path / ".pyenv/versions/3.12.1/bin/python3.12", "cb0d0d0a", "cpython-312")
        python = interpreter(tmp_path / ".pyenv/versions/3.13.0/bin/python3.13", *RIGHT)
        assert runtime_python({"PATH": "", "HOME": str(tmp_path)}) == python

    @pytest.mark.parametrize(
        "says",
        [
            ("f30d0d0a", "cpython-313t"),
            ("2b0e0d0a", "cpython-314"),
            (),
        ],
        ids=["free threads", "another version", "nothing"],
    )
    def test_is_not_one_whose_byte_code_the_runtime_does_not_take(
        self, tmp_path: Path, says: tuple[str, ...]
    ) -> None:
        interpreter(tmp_path / "python3.13", *says)
        assert runtime_python({"PATH": str(tmp_path), "HOME": str(tmp_path)}) is None

    def test_is_only_the_one_that_is_named(self, tmp_path: Path) -> None:
        interpreter(tmp_path / "bin/python3.13", *RIGHT)
        named = {"PATH": str(tmp_path / "bin"), "RUNTIME_PYTHON": str(tmp_path / "none")}
        assert runtime_python(named) is None
        mine = interpreter(tmp_path / "mine", *RIGHT)
        assert runtime_python({**named, "RUNTIME_PYTHON": str(mine)}) == mine


class TestByteCode:
    def test_is_beside_each_module_that_may_be_loaded(self, build: Path, python: Path) -> None:
        lines = list(compile_build(build, python))
        byte_code = {path.relative_to(build).as_posix() for path in build.rglob("*.pyc")}
        assert byte_code == {
            f"{folder}/__pycache__/{name}.cpython-313.pyc"
            for folder, name in {
                "GridstatusLayer/python/gridstatus": "__init__",
                "GridstatusLayer/python/plotly/graph_objs": "__init__",
                "EsoFunction/functions/eso": "app",
            }.items()
        }
        assert [line.split()[:2] for line in lines] == [
            ["EsoFunction", "1"],
            ["GridstatusLayer", "2"],
        ]

    @pytest.mark.parametrize(
        ("module", "loaded_at"),
        [
            (
                "GridstatusLayer/python/gridstatus/__init__.py",
                "/opt/python/gridstatus/__init__.py",
            ),
            ("EsoFunction/functions/eso/app.py", "/var/task/functions/eso/app.py"),
        ],
        ids=["layer", "function"],
    )
    def test_is_used_without_a_look_at_the_source_and_names_its_path_in_lambda(
        self, build: Path, python: Path, module: str, loaded_at: str
    ) -> None:
        list(compile_build(build, python))
        argv = [str(python), "-c", READ_CODE, str(byte_code_of(build / module))]
        said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        assert said.split() == [str(UNCHECKED_HASH), loaded_at]

    def test_is_taken_by_the_runtime_where_nothing_can_be_written(
        self, build: Path, python: Path
    ) -> None:
        list(compile_build(build, python))
        app = build / "EsoFunction/functions/eso/app.py"
        app.write_text("this is not Python, and is not read")
        done = subprocess.run(
            [python, "-B", "-c", "import functions.eso.app as app; print(app.handler(1, 2))"],
            env={"PYTHONPATH": str(build / "EsoFunction")},
            cwd=build,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("{}\n", "")

    def test_is_ignored_by_another_version(self, build: Path, python: Path) -> None:
        if sys.version_info[:2] == (3, 13):
            pytest.skip("ANOTHER VERSION NOT TRIED: the tests run with the runtime's")
        list(compile_build(build, python))
        (build / "EsoFunction/functions/eso/app.py").write_text("VERSION = 'of the source'\n")
        done = subprocess.run(
            [sys.executable, "-B", "-c", "from functions.eso.app import VERSION; print(VERSION)"],
            env={"PYTHONPATH": str(build / "EsoFunction")},
            cwd=build,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout, done.stderr) == ("of the source\n", "")

    def test_has_the_same_bytes_in_every_folder_at_every_time(
        self, build: Path, python: Path, tmp_path: Path
    ) -> None:
        another = build_in(tmp_path / "a build at a longer path")
        for module in another.rglob("*.py"):
            os.utime(module, (0, 0))
        list(compile_build(build, python))
        list(compile_build(another, python))
        assert len(digests(build)) == 8
        assert differing(digests(build), digests(another)) == []

    def test_replaces_what_was_there(self, build: Path, python: Path) -> None:
        list(compile_build(build, python))
        before = digests(build)
        left = build / "EsoFunction/functions/eso/__pycache__/app.cpython-311.pyc"
        left.write_bytes(b"of another version")
        module = build / "EsoFunction/functions/eso/app.py"
        byte_code_of(module).write_bytes(b"damaged")
        list(compile_build(build, python))
        assert differing(before, digests(build)) == []

    def test_is_counted_in_the_size(self, build: Path, python: Path) -> None:
        list(compile_build(build, python))
        (build / "template.yaml").write_text(
            "Globals: {Function: {Layers: [!Ref GridstatusLayer]}}\n"
            'Resources: {EsoFunction: {Type: "AWS::Serverless::Function", Properties: {}}}\n'
        )
        [size] = built_sizes(build)
        byte_code = sum(path.stat().st_size for path in build.rglob("*.pyc"))
        assert size.byte_code_bytes == byte_code > 0
        assert f"; {byte_code:,} are byte code)" in str(size)

    def test_a_module_that_cannot_be_compiled_fails_the_build(
        self, build: Path, python: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (build / "EsoFunction/functions/eso/feed.py").write_text("def (:\n")
        with pytest.raises(BytecodeError, match=r"EsoFunction: [\s\S]*feed\.py"):
            list(compile_build(build, python))
        assert main([str(build)]) == 1
        assert "feed.py" in capsys.readouterr().err


class TestWithoutThePythonOfTheRuntime:
    @pytest.fixture(autouse=True)
    def none_is_here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("RUNTIME_PYTHON", str(tmp_path / "none"))

    def test_a_build_warns_and_stays_as_it_is(
        self, build: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        before = digests(build)
        assert main([str(build)]) == 0
        assert digests(build) == before
        assert capsys.readouterr().err.startswith(
            "greenstream: warning: no Python 3.13 was found, as `make build` needs one"
        )

    def test_a_deployment_is_refused_before_anything_is_built(self, tmp_path: Path) -> None:
        """The Makefile runs in a copy whose check of the account refuses, as without Python 3.13.

        `test_a_deployment_without_the_runtimes_python_is_refused` shows that it refuses then.
        """
        for name in ("Makefile", "pyproject.toml", "uv.lock"):
            shutil.copy(ROOT / name, tmp_path / name)
        for tool, ends in ((".tools/sam/bin/sam", 0), (".venv/bin/greenstream", 1)):
            (tmp_path / tool).parent.mkdir(parents=True)
            (tmp_path / tool).write_text(f'#!/bin/sh\necho "started $0 $*"\nexit {ends}\n')
            (tmp_path / tool).chmod(0o755)
        shutil.copytree(ROOT / "infra/supply", tmp_path / "infra/supply")
        for tool in (".venv", ".tools/sam", ".tools/ministack", ".tools/node"):
            (tmp_path / tool).mkdir(exist_ok=True)
            (tmp_path / tool / ".ready").touch()
        done = subprocess.run(
            ["make", "deploy", "STAGE=dev"],
            cwd=tmp_path,
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0, done.stderr
        assert done.stdout.splitlines() == [
            "started .venv/bin/greenstream doctor --brief --stage dev"
        ]


def test_each_path_without_byte_code_is_a_folder_of_the_layer(tmp_path: Path) -> None:
    """A pattern that a new version of a library has made stale would say nothing any more."""
    import gridstatus

    site = Path(gridstatus.__file__).parents[1]
    patterns = bytecode.uncompiled("GridstatusLayer")
    assert patterns
    assert [pattern for pattern in patterns if not any(site.glob(pattern))] == []
    assert bytecode.uncompiled("GreenstreamLayer") == []


def test_only_modules_are_compiled(build: Path) -> None:
    names = {module.relative_to(build).as_posix() for module in compiled(build / "GridstatusLayer")}
    assert names == {
        "GridstatusLayer/python/gridstatus/__init__.py",
        "GridstatusLayer/python/plotly/graph_objs/__init__.py",
    }
