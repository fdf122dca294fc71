"""`greenstream doctor` says what a deployment lacks, and what to do about it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from greenstream.cli.main import main
from infra.ops import doctor, operations
from infra.ops.doctor import Check, State
from infra.registry import COLLECTORS


class Session:
    """A session of an account that answers as it is told."""

    def __init__(self, region: str | None = "eu-west-1", **answers: Any) -> None:
        self.region_name = region
        self.answers = answers

    def get_credentials(self) -> object:
        return self.answers.get("credentials", object())

    def client(self, service: str, config: object) -> "Session":
        assert config is not None, service
        return self

    def _answer(self, name: str) -> Any:
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def get_caller_identity(self) -> Any:
        return self._answer("identity")

    def get_account_settings(self) -> Any:
        return self._answer("settings")

    def get_parameters(self, *, Names: list[str], WithDecryption: bool) -> Any:  # noqa: N803
        assert not WithDecryption
        stored = self._answer("stored")
        return {"InvalidParameters": [name for name in Names if name not in stored]}


def as_session(session: Session) -> Any:
    return session


IDENTITY = {"Arn": "arn:aws:iam::123456789012:user/me", "Account": "123456789012"}


def settings(free: int = 1000, used: float = 1e9) -> dict[str, Any]:
    return {
        "AccountLimit": {
            "ConcurrentExecutions": 1000,
            "UnreservedConcurrentExecutions": free,
            "TotalCodeSize": 80_530_636_800,
        },
        "AccountUsage": {"TotalCodeSize": used},
    }


def denied(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, operation)


class TestTheAccount:
    def test_is_named_with_its_region(self) -> None:
        found = list(doctor.account({}, as_session(Session(identity=IDENTITY))))
        assert found == [
            Check(State.OK, "credentials", "arn:aws:iam::123456789012:user/me"),
            Check(State.OK, "Region", "eu-west-1"),
        ]

    def test_without_credentials_says_how_to_have_some(self) -> None:
        (check,) = doctor.account({}, as_session(Session(credentials=None)))
        assert check.state is State.MISSING
        assert "AWS_PROFILE" in check.text

    def test_without_a_region_names_the_variable(self) -> None:
        (check,) = doctor.account({}, as_session(Session(region=None)))
        assert (check.state, check.name) == (State.MISSING, "Region")
        assert "AWS_DEFAULT_REGION" in check.text

    @pytest.mark.parametrize(
        "error",
        [denied("GetCallerIdentity"), EndpointConnectionError(endpoint_url="https://sts")],
    )
    def test_with_credentials_that_are_not_accepted_says_so(self, error: Exception) -> None:
        environ = {"AWS_PROFILE": "work"}
        (check,) = doctor.account(environ, as_session(Session(identity=error)))
        assert check.state is State.MISSING
        assert "`aws sso login --profile work`" in check.text

    def test_without_credentials_the_region_is_checked_too(self) -> None:
        checks = list(doctor.account({}, as_session(Session(region=None, credentials=None))))
        assert [check.name for check in checks] == ["credentials", "Region"]
        assert {check.state for check in checks} == {State.MISSING}


class TestQuotas:
    def test_with_room_are_well(self) -> None:
        checks = list(doctor.quotas("prod", as_session(Session(settings=settings()))))
        assert [check.state for check in checks] == [State.OK, State.OK]

    @pytest.mark.parametrize(("free", "state"), [(150, State.OK), (149, State.NOTE)])
    def test_too_small_a_pool_for_what_prod_reserves_is_noted(
        self, free: int, state: State
    ) -> None:
        first, _ = doctor.quotas("prod", as_session(Session(settings=settings(free))))
        assert first.state is state

    def test_a_small_pool_is_enough_for_dev(self) -> None:
        first, _ = doctor.quotas("dev", as_session(Session(settings=settings(10))))
        assert first.state is State.OK

    def test_that_may_not_be_read_are_a_note(self) -> None:
        session = Session(settings=denied("GetAccountSettings"))
        (check,) = doctor.quotas("prod", as_session(session))
        assert check.state is State.NOTE


class TestKeys:
    def test_every_provider_that_wants_some_says_where_to_get_them(self) -> None:
        wanting = {name for name, row in COLLECTORS.items() if row.own_secrets}
        assert set(doctor.KEYS) == wanting
        checks = list(doctor.keys("dev", as_session(Session(stored=()))))
        assert {check.name for check in checks} == wanting
        assert all(check.state is State.NOTE for check in checks)
        assert all("https://" in check.text for check in checks)

    def test_without_an_account_it_is_said_too_where_to_get_them(self) -> None:
        checks = list(doctor.keys("dev", None))
        assert {check.name for check in checks} == set(doctor.KEYS)
        assert all(doctor.KEYS[check.name] in check.text for check in checks)

    def test_the_names_and_what_is_said_of_them_stand_apart(self) -> None:
        checks = [*doctor.keys("dev", None), *doctor.versions({}), *doctor.edge({}, Path())]
        assert all(f" {check.text}" in str(check) for check in checks)

    def test_a_stored_key_is_well_and_half_of_a_pair_is_not(self) -> None:
        stored = (
            "/greenstream/dev/entsoe/ENTSOE_API_KEY",
            "/greenstream/dev/watttime/WATTTIME_USERNAME",
        )
        checks = doctor.keys("dev", as_session(Session(stored=stored)))
        states = {check.name: check.state for check in checks}
        assert states["entsoe"] is State.OK
        assert states["watttime"] is State.NOTE


@pytest.mark.parametrize(
    ("environ", "file", "state"),
    [
        ({}, None, State.NOTE),
        ({"CLOUDFLARE_API_TOKEN": "token"}, None, State.OK),
        ({}, ".config/.wrangler/config/default.toml", State.OK),
    ],
)
def test_wranglers_log_in_is_found_without_asking_cloudflare(
    environ: Mapping[str, str], file: str | None, state: State, tmp_path: Path
) -> None:
    if file:
        (tmp_path / file).parent.mkdir(parents=True)
        (tmp_path / file).touch()
    first, *_ = doctor.edge(environ, tmp_path)
    assert first.state is state


@pytest.mark.parametrize(
    ("version", "state"),
    [("v22.12.0", State.OK), ("v24.1.0", State.OK), ("v22.9.0", State.NOTE), ("", State.NOTE)],
)
def test_a_node_is_well_from_the_version_on_that_the_worker_wants(
    version: str, state: State, tmp_path: Path
) -> None:
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho {version}\n")
    node.chmod(0o755)
    *_, check = doctor.edge({"PATH": str(tmp_path)}, tmp_path)

    assert (check.name, check.state) == ("Node", state)
    assert str(node) in check.text


def test_a_deployment_without_the_runtimes_python_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boto3, "Session", lambda: as_session(Session(identity=IDENTITY)))
    monkeypatch.setenv("RUNTIME_PYTHON", str(tmp_path / "none"))

    assert main(["doctor", "--brief"]) == 1
    lacking = [line for line in capsys.readouterr().out.splitlines() if line.startswith("MISSING")]
    assert len(lacking) == 1
    assert "no Python 3.13 is here, which compiles the functions" in lacking[0]


def test_a_brief_check_asks_only_what_a_deployment_needs(tmp_path: Path) -> None:
    session = as_session(Session(identity=IDENTITY))
    found = list(doctor.checks("dev", os.environ, session, tmp_path, brief=True))
    assert [check.name for check in found] == ["credentials", "Region", "Python", "byte code"]


class TestWithoutCredentials:
    @pytest.fixture(autouse=True)
    def bare(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(boto3, "Session", lambda: Session(credentials=None))

    def test_the_command_fails(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "--brief"]) == 1
        assert "MISSING credentials" in capsys.readouterr().out

    def test_nobody_is_asked_before_a_stage_is_deleted(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("sys.argv", ["operations", "destroy", "--stage", "dev"])
        monkeypatch.setattr("builtins.input", lambda _: pytest.fail("this asks too early"))
        assert operations.main() == 1
        assert capsys.readouterr().err.startswith("greenstream: credentials: no AWS credentials")
