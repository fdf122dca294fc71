"""Puts byte code into the artefacts of `make build`, because Lambda cannot write it itself.

``python -m infra.supply.bytecode`` takes the folder of a build, or the word ``find``:

- with a folder, by default that of `make build`, it compiles the modules of every artefact there.
  It warns and leaves the artefacts as they are on a machine without the runtime's Python;
- with ``find`` it prints the runtime's Python, and fails on a machine without it.

The folders of a function are read-only in Lambda. Without byte code, each cold start therefore
compiles every module that it imports.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from infra.supply.supply_chain import BUILT, ROOT

VERSION: Final = "3.13"
"""The version of Python that the template names as the runtime."""

MAGIC: Final = "f30d0d0a"
"""The first four bytes of the byte code of every Python 3.13 since its first beta, in hexadecimal
(CPython, Include/internal/pycore_magic_number.h: 3571 and a line's end)."""

TAG: Final = "cpython-313"
"""The part of a file's name by which only Python 3.13 takes its byte code."""


class BytecodeError(Exception):
    """The modules of an artefact cannot be compiled; the message holds the compiler's words."""


# --- the interpreter -----------------------------------------------------------------------------


def runtime_python(environ: Mapping[str, str]) -> Path | None:
    """Return a Python that writes the byte code of Lambda's runtime, or ``None`` if none is here.

    Parameters
    ----------
    environ
        The environment. If it has ``RUNTIME_PYTHON``, only that interpreter is tried. Otherwise
        the running one, those on ``PATH`` and those of pyenv are tried. Pyenv's command on ``PATH``
        is not enough, since it starts only the versions that are switched on in its folder.
    """
    named = environ.get("RUNTIME_PYTHON")
    candidates = [named] if named else _candidates(environ)
    return next((Path(path) for path in candidates if _writes_byte_code_of_runtime(path)), None)


def _candidates(environ: Mapping[str, str]) -> Iterator[str]:
    yield sys.executable
    for folder in environ.get("PATH", os.defpath).split(os.pathsep):
        if program := shutil.which(f"python{VERSION}", path=folder):
            yield program
    pyenv = environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/")) / ".pyenv"
    yield from map(str, sorted(Path(pyenv).glob(f"versions/{VERSION}.*/bin/python{VERSION}")))


def _writes_byte_code_of_runtime(python: str) -> bool:
    # A Python of free threads has the same byte code under another tag.
    ask = "import importlib.util, sys; print(importlib.util.MAGIC_NUMBER.hex(), sys.implementation.cache_tag)"  # noqa: E501
    try:
        asked = subprocess.run(
            [python, "-I", "-c", ask], capture_output=True, text=True, check=False
        )
    except OSError:
        return False
    return asked.stdout.split() == [MAGIC, TAG]


# --- compiling -----------------------------------------------------------------------------------


def compile_build(build_dir: Path, python: Path) -> Iterator[str]:
    """Compile the modules of every artefact of a build, and yield a line for each artefact.

    Python uses this byte code without a look at the source's time (``unchecked-hash``), and the
    paths in it are those of Lambda, so that it is the same on every machine. Byte code that is in
    the artefacts already is deleted.

    Parameters
    ----------
    build_dir
        The folder of a build, which has a folder for each function and layer.
    python
        The interpreter, of the runtime's version.

    Raises
    ------
    BytecodeError
        When a module cannot be compiled.
    """
    for artefact in sorted(path for path in build_dir.iterdir() if path.is_dir()):
        for folder in [*artefact.rglob("__pycache__")]:
            shutil.rmtree(folder)
        modules = sorted(compiled(artefact))
        if modules:
            _compile(artefact, modules, python)
            size = sum(path.stat().st_size for path in artefact.rglob("*.pyc"))
            yield f"{artefact.name:24} {len(modules):5} modules  {size:11,} bytes of byte code"


def compiled(artefact: Path) -> Iterator[Path]:
    """Yield the modules of an artefact that get byte code, in any order.

    These are all modules but those that the layer's ``uncompiled.txt`` names.
    """
    site = artefact / "python"
    left_out = [path for pattern in uncompiled(artefact.name) for path in site.glob(pattern)]
    for module in artefact.rglob("*.py"):
        if not any(module.is_relative_to(path) for path in left_out):
            yield module


def uncompiled(artefact: str) -> list[str]:
    """Return the patterns of the paths of an artefact that get no byte code.

    The paths are below the folder ``python`` of a layer.
    """
    listed = ROOT / "layers" / artefact.removesuffix("Layer").lower() / "uncompiled.txt"
    if not listed.exists():
        return []
    lines = listed.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _compile(artefact: Path, modules: Sequence[Path], python: Path) -> None:
    # Lambda puts a layer's files into /opt and a function's into /var/task.
    at = "/opt" if (artefact / "python").is_dir() else "/var/task"
    done = subprocess.run(
        [
            *(str(python), "-P", "-m", "compileall", "-q", "-f"),
            *("--invalidation-mode", "unchecked-hash"),
            *("-s", str(artefact.resolve()), "-p", at, "-i", "-"),
        ],
        input="".join(f"{module.resolve()}\n" for module in modules),
        env={"PATH": os.defpath, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BytecodeError(f"{artefact.name}: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def _none_found(target: str) -> str:
    return (
        f"no Python {VERSION} was found, as `make {target}` needs one to put byte code into the"
        f" artefacts; name one, as in `make RUNTIME_PYTHON=/usr/bin/python{VERSION} {target}`"
    )


def main(arguments: Sequence[str]) -> int:
    """Compile a build or find the interpreter, and return the exit code."""
    python = runtime_python(os.environ)
    if arguments == ["find"]:
        if python is None:
            print(f"greenstream: {_none_found('deploy')}", file=sys.stderr)
            return 1
        print(f"{python} makes the byte code")
        return 0
    if python is None:
        print(
            f"greenstream: warning: {_none_found('build')}. The artefacts have none, so each cold"
            " start would compile its modules, and `make deploy` refuses to ship them.",
            file=sys.stderr,
        )
        return 0
    try:
        for line in compile_build(Path(arguments[0]) if arguments else BUILT, python):
            print(line, flush=True)
    except (BytecodeError, FileNotFoundError) as error:
        print(f"greenstream: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
