"""Lists what is shipped with its licences, and checks the builds and the history.

``python -m infra.supply.supply_chain`` takes one of these words:

- ``secrets`` searches every line that any commit has added, and fails when it finds a key;
- ``sbom`` writes a CycloneDX document beside each built layer and function that has packages, and
  fails when a file belongs to none of the packages;
- ``reproducible`` builds the last commit in two folders, and fails when the builds differ.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
BUILT: Final = ROOT / ".aws-sam/build"
SECRETS: Final = re.compile(
    r"A[KS]IA(?![0-9A-Z]*EXAMPLE)[A-Z2-7]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|(?<![0-9A-Za-z])gh[pousr]_[0-9A-Za-z]{36}|github_pat_\w{50}|xox[abprs]-[\w-]{20}|AIza[\w-]{35}"
)
"""Keys of AWS (base32 letters, without the example of its manual), GitHub, Slack and Google. A
GitHub token is a word of its own, so that a name such as ``weighs_its_last_value`` is none."""

OURS: Final = ("greenstream/", "greenstream_tuning/", "functions/")
"""The folders of the project's own code in the artefacts."""


class SupplyChainError(Exception):
    """A check has failed; the message says what it found."""


# --- bills of materials --------------------------------------------------------------------------


def site_of(artefact: Path) -> Path:
    """Return the folder that holds a built layer's or function's packages."""
    layer = artefact / "python"
    return layer if layer.is_dir() else artefact


def sbom(artefact: Path) -> dict[str, Any]:
    """Return the bill of materials (CycloneDX 1.6) of an artefact, from its packages' metadata."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "library", "name": artefact.name}},
        "components": [
            {
                "type": "library",
                "name": package.name,
                "version": package.version,
                "purl": f"pkg:pypi/{package.name.lower().replace('_', '-')}@{package.version}",
                "licenses": [{"license": {"name": licence(package)}}],
            }
            for package in _packages(artefact)
        ],
    }


def _packages(artefact: Path) -> list[Distribution]:
    installed = distributions(path=[str(site_of(artefact))])
    return sorted(installed, key=lambda package: package.name.lower())


def licence(package: Distribution) -> str:
    """Return the licence that a package states, or ``unstated``.

    An SPDX expression comes before classifiers, and these before the free text, of which only the
    first line is returned because it may be the whole licence.
    """
    if expressed := package.metadata.get_all("License-Expression"):
        return str(expressed[0])
    classified = [
        name.rpartition(" :: ")[2]
        for name in package.metadata.get_all("Classifier") or []
        if name.startswith("License ::")
    ]
    text = next(iter(package.metadata.get_all("License") or []), "").strip()
    return ", ".join(classified) or text.partition("\n")[0] or "unstated"


def unlisted(artefact: Path, requirements: str) -> list[str]:
    """Return the files of an artefact that no package lists, and its unlocked packages."""
    packages = _packages(artefact)
    site = site_of(artefact)
    recorded = {str(path) for package in packages for path in package.files or []}
    files = (path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
    unknown = [
        name for name in files if _source_of(name) not in recorded and not name.startswith(OURS)
    ]
    locked = set(re.findall(r"^([\w.-]+)==([^\s;]+)", requirements, re.MULTILINE))
    normal = {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in locked}
    return sorted(unknown) + [
        f"{package.name} {package.version} is not locked"
        for package in packages
        if (re.sub(r"[-_.]+", "-", package.name).lower(), package.version) not in normal
    ]


def _source_of(name: str) -> str:
    """Return the name of the module whose byte code a file is, and another file's own name."""
    return re.sub(r"__pycache__/([^/]+)\.cpython-\d+\.pyc$", r"\1.py", name)


def with_packages() -> Iterator[tuple[Path, Path]]:
    """Yield the folder of each artefact that has packages, with the file that locks these."""
    for requirements in sorted(ROOT.glob("layers/*/requirements.txt")):
        yield BUILT / f"{requirements.parent.name.title()}Layer", requirements
    for requirements in sorted(ROOT.glob("functions/*/requirements.txt")):
        yield BUILT / f"{requirements.parent.name.title()}Function", requirements


def write_sboms() -> Iterator[str]:
    """Write the bill of materials beside each artefact, and yield its packages with licences.

    Raises
    ------
    SupplyChainError
        When an artefact is not built, holds a file that belongs to no package, or holds a package
        that is not locked or states no licence.
    """
    for artefact, requirements in with_packages():
        if not artefact.is_dir():
            raise SupplyChainError(f"{artefact.name} is not built: run `make build` first")
        if left_out := unlisted(artefact, requirements.read_text()):
            raise SupplyChainError(f"{artefact.name} also holds {', '.join(left_out[:10])}")
        document = sbom(artefact)
        path = artefact.with_suffix(".cdx.json")
        path.write_text(json.dumps(document, indent=2) + "\n")
        yield f"{path.relative_to(ROOT)}: {len(document['components'])} packages"
        for package in document["components"]:
            stated = package["licenses"][0]["license"]["name"]
            if stated == "unstated":
                raise SupplyChainError(f"{package['name']} in {artefact.name} states no licence")
            yield f"  {package['name']} {package['version']}: {stated}"


# --- reproducible builds -------------------------------------------------------------------------


def digests(artefact: Path) -> dict[str, str]:
    """Return a SHA-256 digest for each file, of its bytes and of whether it is executable.

    Times and owners are left out, because SAM leaves them out of its archives and names an upload
    by the names and bytes of its files.
    """
    return {
        path.relative_to(artefact).as_posix(): hashlib.sha256(
            bytes([path.stat().st_mode & 0o100 != 0]) + path.read_bytes()
        ).hexdigest()
        for path in sorted(artefact.rglob("*"))
        if path.is_file()
    }


def digest(files: Mapping[str, str]) -> str:
    """Return one digest over the digests of many files."""
    listed = "".join(f"{name}\0{of_file}\n" for name, of_file in sorted(files.items()))
    return hashlib.sha256(listed.encode()).hexdigest()


def differing(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """Return the names of the files that differ or exist in one artefact only."""
    return sorted(
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    )


def build_elsewhere(folder: Path) -> Path:
    """Build the last commit in a folder with a new environment, and return the build's folder.

    The artefacts have byte code where this machine has the runtime's Python. Otherwise the warning
    of ``infra.supply.bytecode`` is printed.

    Raises
    ------
    SupplyChainError
        When the build fails; the message holds the end of its output.
    """
    tar = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", folder], input=tar.stdout, check=True)
    tools = ROOT / ".venv/bin"
    python = [tools / "python", folder / ".venv"]
    subprocess.run([tools / "uv", "venv", "-q", "--python", *python], check=True)
    path = os.pathsep.join([str(folder / ".venv/bin"), str(tools), os.environ["PATH"]])
    # The flags of `make` would otherwise reach the Makefiles that `sam build` runs.
    kept = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "PLATFORM")}
    env = {**kept, "PATH": path, "VIRTUAL_ENV": str(folder / ".venv"), "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(
        [ROOT / ".tools/sam/bin/sam", "build"],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SupplyChainError(f"sam build failed in {folder}: {done.stderr[-2000:]}")
    compiling = [str(tools / "python"), "-m", "infra.supply.bytecode"]
    done = subprocess.run(
        compiling, cwd=folder, env=env, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SupplyChainError(f"the modules in {folder} cannot be compiled")
    return folder / ".aws-sam/build"


def reproduced() -> Iterator[str]:
    """Build in two folders and yield the digest of each artefact.

    Raises
    ------
    SupplyChainError
        When the builds of an artefact differ; the message names the files.
    """
    with (
        tempfile.TemporaryDirectory(prefix="build-") as folder,
        tempfile.TemporaryDirectory(prefix="build-at-a-longer-path-") as another,
    ):
        here, there = build_elsewhere(Path(folder)), build_elsewhere(Path(another))
        for artefact in sorted(path for path in here.iterdir() if path.is_dir()):
            first, second = digests(artefact), digests(there / artefact.name)
            if files := differing(first, second):
                raise SupplyChainError(f"{artefact.name} differs in {', '.join(files[:10])}")
            yield f"{artefact.name:24} {len(first):5} files  sha256:{digest(first)}"


# --- keys in the history -------------------------------------------------------------------------


def secrets_in(log: str) -> list[str]:
    """Return the first letters of each key in the added lines of a `git log` with patches."""
    added = (line for line in log.splitlines() if line.startswith("+"))
    return [f"{match[0][:8]}…" for line in added for match in SECRETS.finditer(line)]


def search_history() -> Iterator[str]:
    """Search for keys in the lines that each commit has added.

    Raises
    ------
    SupplyChainError
        When there is a key; the message holds its first letters.
    """
    command = ["git", "log", "--all", "-p", "--no-color", "--no-ext-diff", "--text"]
    log = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    if keys := secrets_in(log.decode(errors="replace")):
        raise SupplyChainError(f"the history holds keys: {', '.join(keys)}")
    yield "no commit holds a key"


CHECKS: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "secrets": search_history,
    "sbom": write_sboms,
    "reproducible": reproduced,
}


def main(arguments: Sequence[str]) -> int:
    """Run the check that the command line names, and return the exit code."""
    if len(arguments) != 1 or arguments[0] not in CHECKS:
        print(f"name one of {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    try:
        for line in CHECKS[arguments[0]]():
            print(line, flush=True)
    except SupplyChainError as error:
        print(f"greenstream: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
