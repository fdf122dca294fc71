"""Bills of materials, digests, audits and the search for secrets, on prepared material."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.supply.audit import AuditError, audit, audit_node, audit_python
from infra.supply.supply_chain import (
    differing,
    digest,
    digests,
    main,
    sbom,
    secrets_in,
    unlisted,
    with_packages,
)
from tests.template.conftest import ROOT

LOCK = "alpha==1.0 \\\n    --hash=sha256:00\nbeta-two==1.0 ; python_version < '4'\n"


def packaged(site: Path, name: str, fields: str = "", files: Sequence[str] = ()) -> None:
    """Install a package of one version and these files."""
    folder = site / f"{name}-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{fields}")
    for file in files:
        (site / file).parent.mkdir(exist_ok=True)
        (site / file).write_text("")
    recorded = [*files, f"{folder.name}/METADATA", f"{folder.name}/RECORD"]
    (folder / "RECORD").write_text("".join(f"{path},,\n" for path in recorded))


class TestABillOfMaterials:
    def test_lists_packages_with_their_licences(self, tmp_path: Path) -> None:
        for name, fields in {
            "Beta_two": "License-Expression: MIT\n",
            "alpha": "Classifier: License :: OSI Approved :: BSD License\nLicense: (c) me\n",
            "delta": "License: Zlib\n        as is\n",
            "gamma": "",
        }.items():
            packaged(tmp_path / "python", name, fields)
        listed = {
            component["purl"]: component["licenses"][0]["license"]["name"]
            for component in sbom(tmp_path)["components"]
        }
        assert listed == {
            "pkg:pypi/alpha@1.0": "BSD License",
            "pkg:pypi/beta-two@1.0": "MIT",
            "pkg:pypi/delta@1.0": "Zlib",
            "pkg:pypi/gamma@1.0": "unstated",
        }

    def test_reads_a_function_as_it_does_a_layer(self, tmp_path: Path) -> None:
        packaged(tmp_path, "alpha")
        assert [component["name"] for component in sbom(tmp_path)["components"]] == ["alpha"]

    def test_has_every_package(self, tmp_path: Path) -> None:
        packaged(tmp_path / "python", "alpha", files=["alpha/__init__.py", "alpha/native.so"])
        packaged(tmp_path / "python", "Beta_two", files=["beta.py"])
        (tmp_path / "python/greenstream").mkdir()
        (tmp_path / "python/greenstream/ours.py").write_text("")
        assert unlisted(tmp_path, LOCK) == []

    def test_takes_byte_code_for_its_module(self, tmp_path: Path) -> None:
        packaged(tmp_path / "python", "alpha", files=["alpha/known.py", "alpha/v1.0.a.py"])
        packaged(tmp_path / "python", "Beta_two")
        cache = tmp_path / "python/alpha/__pycache__"
        cache.mkdir()
        for module in ("known", "v1.0.a", "unknown"):
            (cache / f"{module}.cpython-313.pyc").write_bytes(b"")
        (tmp_path / "python/alpha/alone.pyc").write_bytes(b"")
        assert unlisted(tmp_path, LOCK) == [
            "alpha/__pycache__/unknown.cpython-313.pyc",
            "alpha/alone.pyc",
        ]

    def test_names_files_of_no_package_and_packages_that_are_not_locked(
        self, tmp_path: Path
    ) -> None:
        packaged(tmp_path / "python", "alpha")
        packaged(tmp_path / "python", "gamma")
        (tmp_path / "python/dropped.so").write_text("")
        assert unlisted(tmp_path, LOCK) == ["dropped.so", "gamma 1.0 is not locked"]

    def test_is_made_of_every_layer_and_every_function_with_requirements(self) -> None:
        made = {artefact.name: lock for artefact, lock in with_packages()}
        assert sorted(made) == [
            "EntsoeFunction",
            "FlowsFunction",
            "GreenstreamLayer",
            "GridstatusLayer",
            "TuningLayer",
        ]
        template = (ROOT / "template.yaml").read_text()
        assert all(f"\n  {name}:\n" in template for name in made)


class TestADigest:
    def test_depends_on_names_bytes_and_execute_permission(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("1")
        before = digests(tmp_path)
        (tmp_path / "a").write_text("2")
        assert differing(before, digests(tmp_path)) == ["a"]
        (tmp_path / "a").write_text("1")
        (tmp_path / "a").chmod(0o755)
        assert differing(before, digests(tmp_path)) == ["a"]
        (tmp_path / "a").rename(tmp_path / "b")
        assert differing(before, digests(tmp_path)) == ["a", "b"]

    def test_does_not_depend_on_times_and_folders(self, tmp_path: Path) -> None:
        for folder in ("first", "second"):
            (tmp_path / folder / "in").mkdir(parents=True)
            (tmp_path / folder / "in/a").write_text("1")
        first, second = digests(tmp_path / "first"), digests(tmp_path / "second")
        assert digest(first) == digest(second)
        assert digest(first) != digest({**first, "in/b": first["in/a"]})


def answering(stdout: str = "", stderr: str = "", code: int = 0) -> Any:
    """Return a stand-in for a tool that prints this."""

    def run(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(argv, code, stdout, stderr)

    return run


def rows(*packages: Mapping[str, object]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


SOUND = {"name": "idna", "version": "3.20", "vulns": []}
VULNERABLE = {
    "name": "lxml",
    "version": "4.0",
    "vulns": [{"id": "PYSEC-1", "fix_versions": ["4.1"], "aliases": [], "description": "x"}],
}
UNKNOWN = {"name": "h11", "skip_reason": "Dependency not found on PyPI"}
CANNOT_CONNECT = "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='x', port=443)"


class TestAnAudit:
    def test_of_sound_packages_reports_their_number_and_no_finding(self) -> None:
        audited = audit_python("lock", Path("lock"), answering(rows(SOUND, SOUND)))
        assert (audited.findings, audited.skipped) == ((), None)
        assert str(audited) == "lock: 2 asked, 0 vulnerable"

    def test_names_vulnerable_packages_and_the_versions_that_fix_them(self) -> None:
        audited = audit_python("lock", Path("lock"), answering(rows(SOUND, VULNERABLE), code=1))
        assert audited.findings == ("lxml 4.0: PYSEC-1 (fixed in 4.1)",)

    def test_says_that_it_is_skipped_when_the_registry_knows_no_package(self) -> None:
        audited = audit_python("lock", Path("lock"), answering(rows(UNKNOWN)))
        assert (audited.asked, audited.findings) == (0, ())
        assert str(audited).startswith(
            "lock: SKIPPED, not audited: the registry has no record of 1"
        )

    def test_reports_a_finding_although_other_packages_were_skipped(self) -> None:
        audited = audit_python("lock", Path("lock"), answering(rows(UNKNOWN, VULNERABLE), code=1))
        assert (audited.asked, len(audited.findings)) == (1, 1)
        assert audited.skipped is not None

    @pytest.mark.parametrize("said", [CANNOT_CONNECT, "ReadTimeout", "ServiceError: 503"])
    def test_is_skipped_when_the_registry_cannot_be_reached(self, said: str) -> None:
        audited = audit_python("lock", Path("lock"), answering(stderr=said, code=1))
        assert audited.skipped is not None
        assert audited.findings == ()

    @pytest.mark.parametrize("said", ["usage: pip-audit [-h]", "could not open requirements"])
    def test_fails_when_the_tool_fails_for_another_reason(self, said: str) -> None:
        with pytest.raises(AuditError, match=said[:10]):
            audit_python("lock", Path("lock"), answering(stderr=said, code=2))


def npm(**report: object) -> str:
    return json.dumps(report)


class TestAnAuditOfTheWorker:
    def test_names_vulnerable_packages(self) -> None:
        report = npm(
            auditReportVersion=2,
            vulnerabilities={"ws": {"range": "<8.17.1", "severity": "high"}},
            metadata={"dependencies": {"total": 90}},
        )
        audited = audit_node(answering(report, code=1))
        assert (audited.asked, audited.findings) == (90, ("ws <8.17.1: high",))

    def test_of_sound_packages_reports_no_finding(self) -> None:
        report = npm(
            auditReportVersion=2, vulnerabilities={}, metadata={"dependencies": {"total": 90}}
        )
        assert str(audit_node(answering(report))) == "infra/worker: 90 asked, 0 vulnerable"

    @pytest.mark.parametrize("status", [403, 405, 503])
    def test_is_skipped_when_the_registry_refuses_audits(self, status: int) -> None:
        audited = audit_node(answering(npm(statusCode=status, error={"summary": ""}), code=1))
        assert audited.skipped == f"the registry answers {status} to the audit"

    def test_is_skipped_without_a_network(self) -> None:
        report = npm(error={"code": "ENOTFOUND", "summary": "request failed"})
        assert audit_node(answering(report, code=1)).skipped is not None

    @pytest.mark.parametrize(
        "report", [npm(statusCode=400), npm(error={"code": "ENOLOCK"}), "", "not JSON"]
    )
    def test_fails_when_the_tool_fails_for_another_reason(self, report: str) -> None:
        with pytest.raises(AuditError):
            audit_node(answering(report, code=1))


def test_the_audit_covers_every_lock_file() -> None:
    asked: list[str] = []

    def run(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        if "export" in argv:
            assert "--all-groups" in argv
            return subprocess.CompletedProcess(argv, 0, "", "")
        asked.append(argv[-1])
        report = npm(
            auditReportVersion=2, vulnerabilities={}, metadata={"dependencies": {"total": 1}}
        )
        return subprocess.CompletedProcess(argv, 0, report if "npm" in argv[0] else rows(SOUND), "")

    audits = list(audit(run))
    assert all(result.asked and not result.skipped for result in audits)
    tools = {str(path) for path in (ROOT / "infra/supply").glob("requirements-*.txt")}
    assert len(tools) == 6
    assert tools | {"infra/worker"} < set(asked)
    assert any(Path(path).name == "uv.lock.txt" for path in asked)


def test_the_command_refuses_an_unknown_task(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["everything"]) == 2
    assert capsys.readouterr().err == "name one of secrets, sbom, reproducible\n"


def test_the_search_finds_a_key_in_the_history_and_does_not_print_it() -> None:
    key = "AKIA" + "Z7" * 8
    assert secrets_in(f"+key = {key}\n-{key}\n {key}") == [f"{key[:8]}…"]


@pytest.mark.parametrize("before", ["+", "+key_", '+"', "+TOKEN="])
def test_the_search_finds_a_token_of_github_whatever_stands_before_it(before: str) -> None:
    token = "ghs" + "_" + "aB3" * 12
    assert secrets_in(f"{before}{token}") == [f"{token[:8]}…"]


def test_a_long_name_with_a_tokens_prefix_inside_is_not_reported() -> None:
    assert (
        secrets_in("+def test_a_fuel_that_is_lost_weighs_its_last_value_of_the_day_before()") == []
    )


def test_the_example_key_of_the_aws_manual_is_not_reported() -> None:
    assert secrets_in("+AKIAIOSFODNN7EXAMPLE") == []
