"""What is shipped, under which licence, and whether it is built the same each time.

``python -m infra.supply.supply_chain`` with one of
``secrets`` (searches every line that any commit ever added and fails where a key stands),
``sbom`` (writes a CycloneDX document beside each built layer and function that has packages, and
fails where a file belongs to none of them), ``reproducible`` (builds the last commit twice, in two
places, and fails where the two differ).
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
    r"|gh[pousr]_\w{36}|github_pat_\w{50}|xox[abprs]-[\w-]{20}|AIza[\w-]{35}"
)
"""Keys of AWS (their letters are base32; the manual's example is none), GitHub, Slack, Google."""

OURS: Final = ("greenstream/", "greenstream_tuning/", "functions/")
"""What the artefacts hold besides packages: the project's own code."""


class SupplyChainError(Exception):
    """What was asked for went wrong; the message says how."""


# --- what is in the artefacts --------------------------------------------------------------------


def site_of(artefact: Path) -> Path:
    """Return the folder that holds a built layer's or function's packages."""
    layer = artefact / "python"
    return layer if layer.is_dir() else artefact


def sbom(artefact: Path) -> dict[str, Any]:
    """Return an artefact's bill of materials (CycloneDX 1.6), by its packages' metadata."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "library", "name": artefact.name}},
        "components": [
            {
                "type": "library",
                "name": each.name,
                "version": each.version,
                "purl": f"pkg:pypi/{each.name.lower().replace('_', '-')}@{each.version}",
                "licenses": [{"license": {"name": licence(each)}}],
            }
            for each in _packages(artefact)
        ],
    }


def _packages(artefact: Path) -> list[Distribution]:
    found = distributions(path=[str(site_of(artefact))])
    return sorted(found, key=lambda each: each.name.lower())


def licence(package: Distribution) -> str:
    """Return a package's licence as it states it, ``unstated`` where it does not.

    An SPDX expression before classifiers, these before free text, which may be the licence itself.
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
    """Return what a bill of materials would leave out: files of no package, packages not locked."""
    packages = _packages(artefact)
    site = site_of(artefact)
    recorded = {str(path) for each in packages for path in each.files or []}
    files = (path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
    strangers = [name for name in files if name not in recorded and not name.startswith(OURS)]
    locked = set(re.findall(r"^([\w.-]+)==([^\s;]+)", requirements, re.MULTILINE))
    normal = {(re.sub(r"[-_.]+", "-", name).lower(), version) for name, version in locked}
    return sorted(strangers) + [
        f"{each.name} {each.version} is not locked"
        for each in packages
        if (re.sub(r"[-_.]+", "-", each.name).lower(), each.version) not in normal
    ]


def with_packages() -> Iterator[tuple[Path, Path]]:
    """Yield each artefact that has packages, by the name it is built under, and its lock."""
    for requirements in sorted(ROOT.glob("layers/*/requirements.txt")):
        yield BUILT / f"{requirements.parent.name.title()}Layer", requirements
    for requirements in sorted(ROOT.glob("functions/*/requirements.txt")):
        yield BUILT / f"{requirements.parent.name.title()}Function", requirements


def write_sboms() -> Iterator[str]:
    """Write every artefact's bill of materials beside it; yield its packages and licences.

    Raises
    ------
    SupplyChainError
        When an artefact was not built, holds a file of no listed package, or a package that is
        not locked or states no licence.
    """
    for artefact, requirements in with_packages():
        if not artefact.is_dir():
            raise SupplyChainError(f"{artefact.name} is not built: make build")
        if left_out := unlisted(artefact, requirements.read_text()):
            raise SupplyChainError(f"{artefact.name} holds besides: {', '.join(left_out[:10])}")
        document = sbom(artefact)
        path = artefact.with_suffix(".cdx.json")
        path.write_text(json.dumps(document, indent=2) + "\n")
        yield f"{path.relative_to(ROOT)}: {len(document['components'])} packages"
        for each in document["components"]:
            named = each["licenses"][0]["license"]["name"]
            if named == "unstated":
                raise SupplyChainError(f"{each['name']} in {artefact.name} states no licence")
            yield f"  {each['name']} {each['version']}: {named}"


# --- how they came about -------------------------------------------------------------------------


def digests(artefact: Path) -> dict[str, str]:
    """Return each file's digest (SHA-256 of its bytes and whether it may be executed), by name.

    Times and owners are left out: SAM zips without them and names the upload by names and bytes.
    """
    return {
        path.relative_to(artefact).as_posix(): hashlib.sha256(
            bytes([path.stat().st_mode & 0o100 != 0]) + path.read_bytes()
        ).hexdigest()
        for path in sorted(artefact.rglob("*"))
        if path.is_file()
    }


def digest(files: Mapping[str, str]) -> str:
    """Return one digest of many."""
    listed = "".join(f"{name}\0{each}\n" for name, each in sorted(files.items()))
    return hashlib.sha256(listed.encode()).hexdigest()


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the names of files that are not the same in both."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def build_elsewhere(folder: Path) -> Path:
    """Build the last commit in a folder, by an interpreter of its own; return the artefacts.

    Raises
    ------
    SupplyChainError
        When it cannot be built; the message holds the end of what was said.
    """
    tar = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", folder], input=tar.stdout, check=True)
    tools = ROOT / ".venv/bin"
    python = [tools / "python", folder / ".venv"]
    subprocess.run([tools / "uv", "venv", "-q", "--python", *python], check=True)
    path = os.pathsep.join([str(folder / ".venv/bin"), str(tools), os.environ["PATH"]])
    # Under `make`, its own flags would reach the recipes that `sam build` runs.
    kept = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "PLATFORM")}
    env = {**kept, "PATH": path, "VIRTUAL_ENV": str(folder / ".venv"), "SAM_CLI_TELEMETRY": "0"}
    done = subprocess.run(
        [ROOT / ".tools/sam/bin/sam", "build"],
        cwd=folder, env=env, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SupplyChainError(f"sam build failed in {folder}: {done.stderr[-2000:]}")
    return folder / ".aws-sam/build"


def reproduced() -> Iterator[str]:
    """Build twice and yield each artefact's digest.

    Raises
    ------
    SupplyChainError
        When an artefact differs; the message names the files.
    """
    with (
        tempfile.TemporaryDirectory(prefix="build-") as one,
        tempfile.TemporaryDirectory(prefix="build-at-a-longer-path-") as other,
    ):
        here, there = build_elsewhere(Path(one)), build_elsewhere(Path(other))
        for artefact in sorted(path for path in here.iterdir() if path.is_dir()):
            first, second = digests(artefact), digests(there / artefact.name)
            if found := differing(first, second):
                raise SupplyChainError(f"{artefact.name} differs: {', '.join(found[:10])}")
            yield f"{artefact.name:24} {len(first):5} files  sha256:{digest(first)}"


# --- what was once committed ---------------------------------------------------------------------


def secrets_in(log: str) -> list[str]:
    """Return what looks like a key among the added lines of a log with patches, shortened."""
    added = (line for line in log.splitlines() if line.startswith("+"))
    return [f"{match[0][:8]}…" for line in added for match in SECRETS.finditer(line)]


def search_history() -> Iterator[str]:
    """Search what every commit added.

    Raises
    ------
    SupplyChainError
        When a key stands there; the message holds its beginning.
    """
    command = ["git", "log", "--all", "-p", "--no-color", "--no-ext-diff", "--text"]
    log = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
    if found := secrets_in(log.decode(errors="replace")):
        raise SupplyChainError(f"keys in the history: {', '.join(found)}")
    yield "no key in any commit"


DOES: Final[Mapping[str, Callable[[], Iterator[str]]]] = {
    "secrets": search_history,
    "sbom": write_sboms,
    "reproducible": reproduced,
}


def main(arguments: Sequence[str]) -> int:
    """Do what the command line asks and return the exit code."""
    if len(arguments) != 1 or arguments[0] not in DOES:
        print(f"one of {', '.join(DOES)}", file=sys.stderr)
        return 2
    try:
        for line in DOES[arguments[0]]():
            print(line, flush=True)
    except SupplyChainError as error:
        print(f"greenstream: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
