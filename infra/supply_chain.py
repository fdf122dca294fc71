"""What is shipped, under which licence, and whether the history ever held a secret.

``python -m infra.supply_chain sbom`` writes a CycloneDX document beside each built layer;
``secrets`` searches every line that any commit ever added and fails where a key stands.
"""

import json
import re
import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
SECRETS: Final = re.compile(
    r"A[KS]IA(?![0-9A-Z]*EXAMPLE)[A-Z2-7]{16}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|gh[pousr]_\w{36}|github_pat_\w{50}|xox[abprs]-[\w-]{20}|AIza[\w-]{35}"
)
"""Keys of AWS (their letters are base32; the manual's example is none), GitHub, Slack, Google."""


def sbom(layer: Path) -> dict[str, Any]:
    """Return the bill of materials (CycloneDX 1.6) of a built layer, by its packages' metadata."""
    found = sorted(distributions(path=[str(layer / "python")]), key=lambda each: each.name.lower())
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "library", "name": layer.name}},
        "components": [
            {
                "type": "library",
                "name": each.name,
                "version": each.version,
                "purl": f"pkg:pypi/{each.name.lower().replace('_', '-')}@{each.version}",
                "licenses": [{"license": {"name": licence(each)}}],
            }
            for each in found
        ],
    }


def licence(package: Distribution) -> str:
    """Return a package's licence as it states it, ``unstated`` where it does not."""
    stated = next(iter(package.metadata.get_all("License-Expression") or []), None) or next(
        iter(package.metadata.get_all("License") or []), None
    )
    classified = [
        name.rpartition(" :: ")[2]
        for name in package.metadata.get_all("Classifier") or []
        if name.startswith("License ::")
    ]
    short = stated.strip().splitlines()[0] if stated and stated.strip() else ""
    return short or ", ".join(classified) or "unstated"


def secrets_in(log: str) -> list[str]:
    """Return what looks like a key among the added lines of a log with patches, shortened."""
    added = (line for line in log.splitlines() if line.startswith("+"))
    return [f"{match[0][:8]}…" for line in added for match in SECRETS.finditer(line)]


def main() -> int:
    """Do what the command line asks and return the exit code."""
    if sys.argv[1:] == ["sbom"]:
        for layer in sorted((ROOT / ".aws-sam/build").glob("*Layer")):
            document = sbom(layer)
            path = layer.with_suffix(".cdx.json")
            path.write_text(json.dumps(document, indent=2) + "\n")
            print(f"{path.relative_to(ROOT)}: {len(document['components'])} packages")
            for each in document["components"]:
                print(
                    f"  {each['name']} {each['version']}: {each['licenses'][0]['license']['name']}"
                )
        return 0
    if sys.argv[1:] == ["secrets"]:
        command = ["git", "log", "--all", "-p", "--no-color", "--no-ext-diff", "--text"]
        log = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout
        found = secrets_in(log.decode(errors="replace"))
        print("\n".join(found) or "no key in any commit")
        return int(bool(found))
    print("sbom or secrets", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
