"""Bills of materials, digests, audits and the search for secrets, on material made to be found."""

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
    (folder / "RECORD").write_text("".join(f"{each},,\n" for each in recorded))


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
            each["purl"]: each["licenses"][0]["license"]["name"]
            for each in sbom(tmp_path)["components"]
        }
        assert listed == {
            "pkg:pypi/alpha@1.0": "BSD License",
            "pkg:pypi/beta-two@1.0": "MIT",
            "pkg:pypi/delta@1.0": "Zlib",
            "pkg:pypi/gamma@1.0": "unstated",
        }

    def test_reads_a_function_as_it_does_a_layer(self, tmp_path: Path) -> None:
        packaged(tmp_path, "alpha")
        assert [each["name"] for each in sbom(tmp_path)["components"]] == ["alpha"]

    def test_leaves_nothing_out(self, tmp_path: Path) -> None:
        packaged(tmp_path / "python", "alpha", files=["alpha/__init__.py", "alpha/native.so"])
        packaged(tmp_path / "python", "Beta_two", files=["beta.py"])
        (tmp_path / "python/greenstream").mkdir()
        (tmp_path / "python/greenstream/ours.py").write_text("")
        assert unlisted(tmp_path, LOCK) == []

    def test_misses_no_file_of_nobodys_and_no_package_that_is_not_locked(
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
            "GreenstreamLayer",
            "GridstatusLayer",
            "TuningLayer",
        ]
        template = (ROOT / "template.yaml").read_text()
        assert all(f"\n  {name}:\n" in template for name in made)


class TestADigest:
    def test_is_of_names_bytes_and_the_right_to_be_executed(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_text("1")
        before = digests(tmp_path)
        (tmp_path / "a").write_text("2")
        assert differing(before, digests(tmp_path)) == ["a"]
        (tmp_path / "a").write_text("1")
        (tmp_path / "a").chmod(0o755)
        assert differing(before, digests(tmp_path)) == ["a"]
        (tmp_path / "a").rename(tmp_path / "b")
        assert differing(before, digests(tmp_path)) == ["a", "b"]

    def test_is_not_of_times_and_places(self, tmp_path: Path) -> None:
        for folder in ("one", "another"):
            (tmp_path / folder / "in").mkdir(parents=True)
            (tmp_path / folder / "in/a").write_text("1")
        one, another = digests(tmp_path / "one"), digests(tmp_path / "another")
        assert digest(one) == digest(another)
        assert digest(one) != digest({**one, "in/b": one["in/a"]})


def answering(stdout: str = "", stderr: str = "", code: int = 0) -> Any:
    """Stand in for a tool that says this."""

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
    def test_of_sound_packages_finds_nothing_and_says_how_many(self) -> None:
        found = audit_python("lock", Path("lock"), answering(rows(SOUND, SOUND)))
        assert (found.findings, found.skipped) == ((), None)
        assert str(found) == "lock: 2 asked, 0 vulnerable"

    def test_names_what_is_vulnerable_and_where_it_is_mended(self) -> None:
        found = audit_python("lock", Path("lock"), answering(rows(SOUND, VULNERABLE), code=1))
        assert found.findings == ("lxml 4.0: PYSEC-1 (fixed in 4.1)",)

    def test_is_skipped_in_words_where_the_registry_knows_no_package(self) -> None:
        found = audit_python("lock", Path("lock"), answering(rows(UNKNOWN)))
        assert (found.asked, found.findings) == (0, ())
        assert str(found).startswith("lock: SKIPPED, not audited: the registry has no record of 1")

    def test_a_finding_stands_though_others_were_skipped(self) -> None:
        found = audit_python("lock", Path("lock"), answering(rows(UNKNOWN, VULNERABLE), code=1))
        assert (found.asked, len(found.findings)) == (1, 1)
        assert found.skipped is not None

    @pytest.mark.parametrize("said", [CANNOT_CONNECT, "ReadTimeout", "ServiceError: 503"])
    def test_is_skipped_where_the_registry_cannot_be_reached(self, said: str) -> None:
        found = audit_python("lock", Path("lock"), answering(stderr=said, code=1))
        assert found.skipped is not None
        assert found.findings == ()

    @pytest.mark.parametrize("said", ["usage: pip-audit [-h]", "could not open requirements"])
    def test_a_tool_that_fails_otherwise_fails_the_audit(self, said: str) -> None:
        with pytest.raises(AuditError, match=said[:10]):
            audit_python("lock", Path("lock"), answering(stderr=said, code=2))


def npm(**told: object) -> str:
    return json.dumps(told)


class TestAnAuditOfTheWorker:
    def test_names_what_is_vulnerable(self) -> None:
        told = npm(
            auditReportVersion=2,
            vulnerabilities={"ws": {"range": "<8.17.1", "severity": "high"}},
            metadata={"dependencies": {"total": 90}},
        )
        found = audit_node(answering(told, code=1))
        assert (found.asked, found.findings) == (90, ("ws <8.17.1: high",))

    def test_of_sound_packages_finds_nothing(self) -> None:
        told = npm(
            auditReportVersion=2, vulnerabilities={}, metadata={"dependencies": {"total": 90}}
        )
        assert str(audit_node(answering(told))) == "infra/worker: 90 asked, 0 vulnerable"

    @pytest.mark.parametrize("status", [403, 405, 503])
    def test_is_skipped_where_the_registry_answers_no_such_question(self, status: int) -> None:
        found = audit_node(answering(npm(statusCode=status, error={"summary": ""}), code=1))
        assert found.skipped == f"the registry answers {status} to the audit"

    def test_is_skipped_where_there_is_no_network(self) -> None:
        told = npm(error={"code": "ENOTFOUND", "summary": "request failed"})
        assert audit_node(answering(told, code=1)).skipped is not None

    @pytest.mark.parametrize(
        "told", [npm(statusCode=400), npm(error={"code": "ENOLOCK"}), "", "not JSON"]
    )
    def test_a_tool_that_fails_otherwise_fails_the_audit(self, told: str) -> None:
        with pytest.raises(AuditError):
            audit_node(answering(told, code=1))


def test_all_that_is_locked_is_asked_about() -> None:
    asked: list[str] = []

    def run(argv: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        if "export" in argv:
            assert "--all-groups" in argv
            return subprocess.CompletedProcess(argv, 0, "", "")
        asked.append(argv[-1])
        told = npm(
            auditReportVersion=2, vulnerabilities={}, metadata={"dependencies": {"total": 1}}
        )
        return subprocess.CompletedProcess(argv, 0, told if "npm" in argv[0] else rows(SOUND), "")

    audits = list(audit(run))
    assert all(each.asked and not each.skipped for each in audits)
    tools = {str(path) for path in (ROOT / "infra/supply").glob("requirements-*.txt")}
    assert len(tools) == 4
    assert tools | {"infra/worker"} < set(asked)
    assert any(Path(each).name == "uv.lock.txt" for each in asked)


def test_the_command_knows_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["everything"]) == 2
    assert capsys.readouterr().err == "name one of secrets, sbom, reproducible\n"


def test_a_key_that_was_once_added_is_found_and_not_repeated() -> None:
    key = "AKIA" + "Z7" * 8
    assert secrets_in(f"+key = {key}\n-{key}\n {key}") == [f"{key[:8]}…"]


def test_the_example_of_the_aws_manual_is_no_key() -> None:
    assert secrets_in("+AKIAIOSFODNN7EXAMPLE") == []
