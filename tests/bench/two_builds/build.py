"""A build that is measured: its checkout, its environment and what `sam build` makes of it."""

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from greenstream.domain.zones import INDEX
from infra.ops.zone_index import index_of
from tests.integration.engines import ROOT

HERE: Final = Path(__file__).parent
MEASURE_WITHIN_S: Final = 900


Source = tuple[str, str]
"""A provider, and its name for the zone."""


class UnknownCommitError(Exception):
    """The repository has no such commit."""


@dataclass(frozen=True)
class Build:
    """A build, and the folder in which everything that is made of it is kept.

    Parameters
    ----------
    name
        The name that is printed.
    root
        The checkout.
    python
        The interpreter of the checkout's own environment.
    made
        The folder for artefacts and worlds.
    """

    name: str
    root: Path
    python: Path
    made: Path

    @property
    def artefacts(self) -> Path:
        """The folder with what is shipped, which has a folder for each function and layer."""
        return self.made / "artefacts"

    @cached_property
    def package(self) -> Path:
        """The folder of the package in the checkout."""
        return self.root / "layers" / "greenstream" / "greenstream"

    def measure(
        self,
        what: str,
        environment: Mapping[str, str],
        *,
        world: Path | None = None,
        **arguments: object,
    ) -> dict[str, Any]:
        """Run a measure of `driver.py` in a process of this build.

        Parameters
        ----------
        world
            A folder with a copy of the package whose tables are other ones.
        """
        paths = [self.root / "layers/greenstream", self.root / "layers/tuning", self.root]
        argv = [str(self.python), str(HERE / "driver.py"), what, json.dumps(arguments)]
        return _result(argv, environment, [world, *paths] if world else paths)

    def world(self, zones: int, pops: int, known: Mapping[str, Collection[Source]]) -> Path:
        """Make a copy of the package with larger tables, and return its folder.

        Parameters
        ----------
        zones, pops
            How many rows the tables have: copies of the build's own rows under other names.
        known
            The zones whose rows are used, each with the sources that stay, so that both builds get
            the same ones.
        """
        folder = self.made / f"world-{zones}-{pops}"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.package, folder / "greenstream")
        data = folder / "greenstream" / "data"
        zone_table = json.loads((data / "zones.json").read_text())
        pop_table = json.loads((data / "pops.json").read_text())
        rows = [
            {**row, "sources": [s for s in row["sources"] if _source(s) in known[row["zone"]]]}
            for row in zone_table["zones"]
            if row["zone"] in known
        ]
        zone_table["zones"] = [_zone(rows[n % len(rows)], n // len(rows)) for n in range(zones)]
        made = {row["zone"] for row in zone_table["zones"]}
        rows = [
            row for row in pop_table["pops"] if all(entry["zone"] in made for entry in row["zones"])
        ]
        pop_table["pops"] = [_pop(rows[n % len(rows)], n // len(rows), made) for n in range(pops)]
        (data / "zones.json").write_text(json.dumps(zone_table))
        (data / INDEX).write_text(index_of(zone_table["zones"]))  # Older builds do not read it.
        (data / "pops.json").write_text(json.dumps(pop_table))
        return folder


def sources_of(package: Path) -> dict[str, list[Source]]:
    """Return the sources of each zone in the table of a package."""
    table = json.loads((package / "data" / "zones.json").read_text())
    return {row["zone"]: [_source(s) for s in row["sources"]] for row in table["zones"]}


def this_build(kept: Path) -> Build:
    """Return the build of this checkout, as it is in the work tree."""
    return Build("now", ROOT, Path(sys.executable), kept / "now")


def build_of(commit: str, kept: Path) -> Build:
    """Return the build of a commit, which is checked out and installed at the first use.

    Raises
    ------
    UnknownCommitError
        When this repository has no such commit.
    """
    asked = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if asked.returncode:
        raise UnknownCommitError(f"this repository has no commit {commit}")
    full = asked.stdout.strip()
    made = kept / full[:12]
    build = Build(full[:7], made / "checkout", made / "checkout/.venv/bin/python", made)
    if not (made / "ready").exists():
        shutil.rmtree(made, ignore_errors=True)
        build.root.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "archive", "--format=tar", full], cwd=ROOT, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
            packed.extractall(build.root, filter="data")
        uv = [str(ROOT / ".venv/bin/uv"), "sync", "--quiet", "--frozen", "--python"]
        _run([*uv, sys.version.split()[0]], cwd=build.root, env=_inherited())
        (made / "ready").touch()
    return build


def _source(row: Mapping[str, Any]) -> Source:
    return row["provider"], row["provider_zone"]


def _zone(row: dict[str, Any], nth: int) -> dict[str, Any]:
    sources = [
        {**source, "provider_zone": _nth(source["provider_zone"], nth)} for source in row["sources"]
    ]
    return {**row, "zone": _nth(row["zone"], nth), "sources": sources}


def _pop(row: dict[str, Any], nth: int, made: set[str]) -> dict[str, Any]:
    entries = [
        {**entry, "zone": copy if (copy := _nth(entry["zone"], nth)) in made else entry["zone"]}
        for entry in row["zones"]
    ]
    return {**row, "pop": _nth(row["pop"], nth), "lat": row["lat"] - nth / 10, "zones": entries}


def _nth(name: str, nth: int) -> str:
    return f"{name}_{nth}" if nth else name


def _result(
    argv: list[str], environment: Mapping[str, str], paths: Iterable[Path]
) -> dict[str, Any]:
    env = {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "TZ": ":UTC",
        **environment,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }
    printed = _run(argv, cwd=ROOT / ".local", env=env)
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def _run(argv: list[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        argv, cwd=cwd, env=env, capture_output=True, text=True, check=False,
        timeout=MEASURE_WITHIN_S,
    )  # fmt: skip
    if done.returncode:
        words = " ".join(argv[:4])
        raise RuntimeError(f"{words} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return done.stdout


def _inherited() -> dict[str, str]:
    """Return the environment without what `make` and this environment would tell other builds."""
    foreign = ("MAKEFLAGS", "MFLAGS", "VIRTUAL_ENV", "PYTHONPATH", "UV_PROJECT_ENVIRONMENT")
    return {name: value for name, value in os.environ.items() if name not in foreign}
