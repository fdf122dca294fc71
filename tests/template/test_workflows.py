"""The GitHub workflows use only actions pinned to a commit, with no more rights than needed."""

import os
import re
import subprocess
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


def test_each_version_that_a_developer_may_have_runs_the_tests_in_a_random_order() -> None:
    jobs = yaml_parse((ROOT / ".github/workflows/check.yml").read_text())["jobs"]
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert supported == ">=3.11,<3.14"
    assert jobs["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13"]
    assert jobs["test"]["steps"][-1]["run"] == 'make test ORDER="$GITHUB_RUN_ID"'
    assert jobs["check"]["steps"][-1]["run"] == ".ci/run"


DEPLOY = yaml_parse((ROOT / ".github/workflows/deploy.yml").read_text())


class TestADeployment:
    def test_signs_in_by_oidc_for_one_environment(self) -> None:
        job = DEPLOY["jobs"]["deploy"]
        assert job["permissions"] == {"contents": "read", "id-token": "write"}
        assert job["environment"]
        text = (ROOT / ".github/workflows/deploy.yml").read_text()
        assert set(re.findall(r"secrets\.(\w+)", text)) == {"AWS_ROLE_ARN", "AWS_REGION"}

    def test_waits_for_the_one_before_in_the_same_environment(self) -> None:
        environment = DEPLOY["jobs"]["deploy"]["environment"]
        assert DEPLOY["concurrency"] == {
            "group": f"deploy-{environment}",
            "cancel-in-progress": False,
        }

    def test_has_credentials_only_after_everything_is_fetched_and_built(self) -> None:
        steps = DEPLOY["jobs"]["deploy"]["steps"]
        done = [step.get("run") or step["uses"].partition("@")[0] for step in steps]
        assert done[-3:] == [
            "make runtime-python build",
            "aws-actions/configure-aws-credentials",
            'make deploy-built STAGE="$STAGE" DEPLOY_FLAGS=--no-confirm-changeset',
        ]
        shown = subprocess.run(
            ["make", "-n", "deploy-built", "STAGE=prod"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"]},  # without the flags of a make that runs the tests
            capture_output=True,
            text=True,
            check=True,
        )
        assert shown.stdout.splitlines() == [".tools/sam/bin/sam deploy --config-env prod "]

    def test_can_write_nothing_at_github(self) -> None:
        rights = [DEPLOY["permissions"], *(job["permissions"] for job in DEPLOY["jobs"].values())]
        assert {right for given in rights for right in given.values() if right != "read"} == {
            "write"
        }
        assert [given for given in rights if "write" in given.values()] == [
            {"contents": "read", "id-token": "write"}
        ]


class TestATag:
    @pytest.fixture
    def checkout(self, tmp_path: Path) -> Path:
        """Make a repository whose ``origin`` has main, and a commit beside it."""
        git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org"]
        origin, checkout = tmp_path / "origin", tmp_path / "checkout"
        for argv in (
            [*git, "init", "-q", "-b", "main", str(origin)],
            [*git, "-C", str(origin), "commit", "-q", "--allow-empty", "-m", "on main"],
            [*git, "clone", "-q", str(origin), str(checkout)],
            [*git, "-C", str(checkout), "commit", "-q", "--allow-empty", "-m", "beside main"],
        ):
            subprocess.run(argv, check=True, capture_output=True)
        gh = tmp_path / "bin/gh"
        gh.parent.mkdir()
        gh.write_text('#!/bin/sh\necho "$@" > "$ASKED"; echo "$PASSED"\n')
        gh.chmod(0o755)
        return checkout

    def judged(self, checkout: Path, commit: str, passed: int) -> tuple[int, str, str]:
        """Run the workflow's own commands on a commit; return the exit code, output and request."""
        subprocess.run(["git", "checkout", "-q", commit], cwd=checkout, check=True)
        asked = checkout.parent / "asked"
        asked.write_text("")
        (commands,) = [step["run"] for step in DEPLOY["jobs"]["checked"]["steps"] if "run" in step]
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", commands],
            cwd=checkout,
            env={
                "PATH": f"{checkout.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
                "GITHUB_REPOSITORY": "owner/name",
                "ASKED": str(asked),
                "PASSED": str(passed),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, asked.read_text()

    def test_on_main_whose_check_has_passed_is_deployed(self, checkout: Path) -> None:
        code, said, asked = self.judged(checkout, "origin/main", passed=1)
        assert (code, said) == (0, "")
        commit = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=checkout, text=True)
        assert f"head_sha={commit.strip()}" in asked
        assert {"branch=main", "event=push", "status=success"} < set(asked.split())
        assert DEPLOY["jobs"]["deploy"]["needs"] == "checked"

    def test_whose_check_has_not_passed_is_refused(self, checkout: Path) -> None:
        code, said, _ = self.judged(checkout, "origin/main", passed=0)
        assert code == 1
        assert "the workflow check has not passed" in said

    def test_of_a_commit_beside_main_is_refused_whatever_was_checked(self, checkout: Path) -> None:
        code, said, asked = self.judged(checkout, "main", passed=1)
        assert (code, asked) == (1, "")
        assert "is not on main" in said
