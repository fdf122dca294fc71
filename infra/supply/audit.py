"""Asks the package registries for known vulnerabilities of every locked package.

``python -m infra.supply.audit`` fails when it finds a vulnerability. It does not fail when a
registry gives no answer; the report then says what was skipped and why.
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

UNREACHABLE: Final = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|NameResolutionError|ProxyError|HTTPError"
    r"|ServiceError|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN"
)
"""Words by which pip-audit (through requests) and npm (through Node) report a failed connection."""

NOT_SERVED: Final = frozenset({401, 403, 404, 405, 407, 429})
"""Status codes of a registry that offers no audit; any 5xx counts as well."""

Run = Callable[[Sequence[str]], "subprocess.CompletedProcess[str]"]
"""A function that runs a command in the project's folder and returns its output and exit code."""


class AuditError(Exception):
    """A tool failed for another reason than an unreachable registry; the message says why."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The result for one list of packages.

    ``asked`` counts the packages that the registry knows, ``findings`` holds a line for each
    vulnerability, and ``skipped`` says why some or all packages were not audited.
    """

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
    """Ask for vulnerabilities of the packages of a requirements file.

    Raises
    ------
    AuditError
        When pip-audit fails for another reason than an unreachable registry.
    """
    tool = str(ROOT / ".tools/audit/bin/pip-audit")
    argv = [tool, "--format", "json", "--progress-spinner", "off", "--no-deps", "--disable-pip"]
    ran = run([*argv, "--requirement", str(requirements)])
    try:
        rows = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        return Audit(what, skipped=_refusal(ran))
    unknown = [row for row in rows if "skip_reason" in row]
    return Audit(
        what,
        asked=len(rows) - len(unknown),
        findings=tuple(
            f"{row['name']} {row['version']}: {known['id']}"
            f" (fixed in {', '.join(known['fix_versions']) or 'no version yet'})"
            for row in rows
            for known in row.get("vulns", [])
        ),
        skipped=f"the registry has no record of {len(unknown)} of {len(rows)} packages"
        if unknown
        else None,
    )


def audit_node(run: Run) -> Audit:
    """Ask for vulnerabilities of the Worker's packages.

    Raises
    ------
    AuditError
        When npm fails for another reason than an unreachable registry.
    """
    what = "infra/worker"
    ran = run([str(ROOT / ".tools/node/bin/npm"), "audit", "--json", "--prefix", what])
    try:
        answer: Mapping[str, Any] = json.loads(ran.stdout)
    except ValueError:
        return Audit(what, skipped=_refusal(ran))
    if "auditReportVersion" not in answer:
        status = answer.get("statusCode", 0)
        if status in NOT_SERVED or status >= 500:  # noqa: PLR2004 - the class of server errors
            return Audit(what, skipped=f"the registry answers {status} to the audit")
        return Audit(what, skipped=_refusal(ran))
    return Audit(
        what,
        asked=answer["metadata"]["dependencies"]["total"],
        findings=tuple(
            f"{name} {package['range']}: {package['severity']}"
            for name, package in answer["vulnerabilities"].items()
        ),
    )


def _refusal(ran: "subprocess.CompletedProcess[str]") -> str:
    """Return why a registry gave no answer, and raise `AuditError` for any other failure."""
    output = ran.stderr.strip() or ran.stdout.strip()
    if not (match := UNREACHABLE.search(f"{ran.stderr}\n{ran.stdout}")):
        raise AuditError(f"{Path(ran.args[0]).name} ended with {ran.returncode}: {output}")
    return f"the registry cannot be reached ({match[0]})"


def audit(run: Run) -> Iterator[Audit]:
    """Audit the project's and the tests' packages, then each tool's, then the Worker's.

    Raises
    ------
    AuditError
        When a tool fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder) / "uv.lock.txt"
        export = ["uv", "export", "-q", "--frozen", "--all-groups", "--no-emit-project"]
        ran = run([*export, "--no-header", "--output-file", str(locked)])
        if ran.returncode:
            raise AuditError(f"uv.lock cannot be read: {ran.stderr.strip()}")
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
    """Print the result for each list of packages, and return the exit code."""
    vulnerable = 0
    try:
        for result in audit(_run):
            print(result, flush=True)
            vulnerable += len(result.findings)
    except AuditError as error:
        print(f"greenstream: {error}", file=sys.stderr)
        return 1
    return int(vulnerable > 0)


if __name__ == "__main__":
    sys.exit(main())
