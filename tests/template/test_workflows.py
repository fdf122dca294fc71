"""The GitHub workflows use only actions pinned to a commit, with no more rights than needed."""

import re
import tomllib
from pathlib import Path

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.template.conftest import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    used = re.findall(r"uses: (\S+)", path.read_text())
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)


def test_a_pull_request_can_only_read() -> None:
    check = yaml_parse((ROOT / ".github/workflows/check.yml").read_text())
    assert check["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in check["jobs"].values())
    assert "secrets." not in (ROOT / ".github/workflows/check.yml").read_text()


def test_each_version_that_a_developer_may_have_runs_the_tests() -> None:
    jobs = yaml_parse((ROOT / ".github/workflows/check.yml").read_text())["jobs"]
    versions = set()
    for job in jobs.values():
        runs = {step.get("run") for step in job["steps"]}
        assert runs & {".ci/run", "make test"}
        versions |= set(job.get("strategy", {}).get("matrix", {}).get("python", ()))
        asked = [step["with"].get("python-version") for step in job["steps"] if "with" in step]
        versions |= {version for version in asked if version and "matrix" not in version}
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert supported == ">=3.11,<3.14"
    assert versions == {"3.11", "3.12", "3.13"}


def test_a_deployment_signs_in_by_oidc_for_one_environment() -> None:
    (job,) = yaml_parse((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"].values()
    assert job["permissions"] == {"contents": "read", "id-token": "write"}
    assert job["environment"]
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"AWS_ROLE_ARN", "AWS_REGION"}
