"""What is known against all that is locked: ``python -m infra.supply.audit`` asks the registries.

A known vulnerability fails it. A registry that cannot be asked does not: that is said in words.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]

REFUSED: Final = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|NameResolutionError|ProxyError|HTTPError"
    r"|ServiceError|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN"
)
"""How pip-audit (by requests) and npm (by Node) name a registry that cannot be asked."""

NOT_SERVED: Final = frozenset({401, 403, 404, 405, 407, 429})
"""Status codes by which a registry says that it answers no such question; so does any 5xx."""

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
"""Runs a command in the project's folder and returns what it said, whatever its exit code."""


class AuditError(Exception):
    """A tool failed otherwise than by a registry that cannot be asked; the message says how."""


@dataclass(frozen=True, slots=True)
class Audit:
    """What a registry knows; ``skipped`` says in words why it was not, or not wholly, asked."""

    what: str
    asked: int = 0
    findings: tuple[str, ...] = ()
    skipped: str | None = None

    def __str__(self) -> str:
        lines = [f"{self.what}: {finding}" for finding in self.findings]
        if self.asked:
            lines.append(f"{self.what}: {self.asked} asked, {len(self.findings)} vulnerable")
        if self.skipped:
            lines.append(f"{self.what}: SKIPPED, not audited: {self.skipped}")
        return "\n".join(lines)


def audit_python(what: str, requirements: Path, run: Run) -> Audit:
    """Ask what is known against the packages of a requirements file.

    Raises
    ------
    AuditError
        When pip-audit fails for another reason than a registry that cannot be asked.
    """
    tool = str(ROOT / ".tools/audit/bin/pip-audit")
    argv = [tool, "--format", "json", "--progress-spinner", "off", "--no-deps", "--disable-pip"]
    done = run([*argv, "--requirement", str(requirements)])
    try:
        rows = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return Audit(what, skipped=_refusal(done))
    unknown = [row for row in rows if "skip_reason" in row]
    return Audit(
        what,
        asked=len(rows) - len(unknown),
        findings=tuple(
            f"{row['name']} {row['version']}: {known['id']}"
            f" (mended in {', '.join(known['fix_versions']) or 'no version yet'})"
            for row in rows
            for known in row.get("vulns", [])
        ),
        skipped=f"the registry has no record of {len(unknown)} of {len(rows)} packages"
        if unknown
        else None,
    )


def audit_node(run: Run) -> Audit:
    """Ask what is known against the Worker's packages.

    Raises
    ------
    AuditError
        When npm fails for another reason than a registry that cannot be asked.
    """
    what = "infra/worker"
    done = run([str(ROOT / ".tools/node/bin/npm"), "audit", "--json", "--prefix", what])
    try:
        told: Mapping[str, Any] = json.loads(done.stdout)
    except ValueError:
        return Audit(what, skipped=_refusal(done))
    if "auditReportVersion" not in told:
        status = told.get("statusCode", 0)
        if status in NOT_SERVED or status >= 500:  # noqa: PLR2004 - the class of server errors
            return Audit(what, skipped=f"the registry answers {status} to it")
        return Audit(what, skipped=_refusal(done))
    return Audit(
        what,
        asked=told["metadata"]["dependencies"]["total"],
        findings=tuple(
            f"{name} {each['range']}: {each['severity']}"
            for name, each in told["vulnerabilities"].items()
        ),
    )


def _refusal(done: "subprocess.CompletedProcess[str]") -> str:
    """Return in words why a registry could not be asked; any other failure is raised."""
    said = done.stderr.strip() or done.stdout.strip()
    if not (found := REFUSED.search(f"{done.stderr}\n{done.stdout}")):
        raise AuditError(f"{Path(done.args[0]).name} ended with {done.returncode}: {said}")
    return f"the registry cannot be asked ({found[0]})"


def audit(run: Run) -> Iterator[Audit]:
    """Ask about all that is locked: what is shipped, what tests it, the tools, the Worker.

    Raises
    ------
    AuditError
        When a tool fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder) / "uv.lock.txt"
        export = ["uv", "export", "-q", "--frozen", "--all-groups", "--no-emit-project"]
        done = run([*export, "--no-header", "--output-file", str(locked)])
        if done.returncode:
            raise AuditError(f"uv.lock cannot be read: {done.stderr.strip()}")
        yield audit_python("uv.lock", locked, run)
    for path in sorted((ROOT / "infra/supply").glob("requirements-*.txt")):
        yield audit_python(path.relative_to(ROOT).as_posix(), path, run)
    yield audit_node(run)


def _run(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    path = os.pathsep.join(
        [str(ROOT / ".venv/bin"), str(ROOT / ".tools/node/bin"), os.environ["PATH"]]
    )
    return subprocess.run(
        argv,
        cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def main() -> int:
    """Ask, print what came of it, and return the exit code."""
    vulnerable = 0
    try:
        for each in audit(_run):
            print(each, flush=True)
            vulnerable += len(each.findings)
    except AuditError as error:
        print(f"greenstream: {error}", file=sys.stderr)
        return 1
    return int(vulnerable > 0)


if __name__ == "__main__":
    sys.exit(main())
