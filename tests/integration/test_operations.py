"""Secrets, the Worker's key and the destruction of a stage, on an account in memory."""

import getpass
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, WaiterError
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse

from infra.ops.operations import (
    OperationError,
    destroy,
    main,
    new_worker_key,
    retire_worker_keys,
    secrets,
)
from infra.registry import COLLECTORS
from tests.template.conftest import ROOT

PASSWORD = "/greenstream/dev/watttime/WATTTIME_PASSWORD"


class CloudFormation:
    """A deployed stage with some resources that cannot be deleted."""

    def __init__(self, *stuck: str) -> None:
        self.stacks = {
            "greenstream-dev": {"RouterCallerName": "caller"},
            "aws-sam-cli-managed-default": {"SourceBucket": "uploads"},
        }
        self.stuck = stuck
        self.deletions: list[list[str]] = []

    def describe_stacks(self, **asked: str) -> dict[str, Any]:
        if asked["StackName"] not in self.stacks:
            raise ClientError(
                {"Error": {"Code": "ValidationError", "Message": "it does not exist"}},
                "DescribeStacks",
            )
        outputs = self.stacks[asked["StackName"]].items()
        return {"Stacks": [{"Outputs": [{"OutputKey": k, "OutputValue": v} for k, v in outputs]}]}

    def delete_stack(self, **asked: Any) -> None:
        self.deletions.append(asked.get("RetainResources", []))

    def get_waiter(self, name: str) -> "CloudFormation":
        assert name == "stack_delete_complete"
        return self

    def wait(self, **asked: str) -> None:
        if set(self.stuck) - set(self.deletions[-1]):
            raise WaiterError("stack_delete_complete", "DELETE_FAILED", {})
        del self.stacks[asked["StackName"]]

    def describe_stack_resources(self, **_: str) -> dict[str, Any]:
        return {
            "StackResources": [
                {
                    "LogicalResourceId": name,
                    "PhysicalResourceId": f"the-{name}",
                    "ResourceStatus": "DELETE_FAILED",
                    "ResourceStatusReason": "because",
                }
                for name in self.stuck
            ]
        }


class Account:
    """Makes clients of an account in memory. CloudFormation is the test's own stand-in."""

    def __init__(self) -> None:
        self.cloudformation = CloudFormation()

    def __call__(self, service: str) -> Any:
        own = service == "cloudformation"
        return self.cloudformation if own else boto3.client(service)  # type: ignore[call-overload]


@pytest.fixture
def client() -> Iterator[Account]:
    with mock_aws():
        account = Account()
        account("iam").create_user(UserName="caller")
        place = {"LocationConstraint": "eu-west-1"}
        account("s3").create_bucket(Bucket="uploads", CreateBucketConfiguration=place)
        account("s3").put_object(Bucket="uploads", Key="greenstream-dev/code", Body=b"")
        account("s3").put_object(Bucket="uploads", Key="another-stack/code", Body=b"")
        yield account


def answering(client: Account, answers: dict[str, str]) -> list[str]:
    def ask(question: str) -> str:
        return next((a for name, a in answers.items() if question.startswith(f"{name} ")), "")

    return list(secrets("dev", client, ask))


class TestSecrets:
    def test_are_stored_encrypted_and_never_shown(self, client: Account) -> None:
        lines = answering(client, {"WATTTIME_PASSWORD": " hunter2 "})
        stored = client("ssm").get_parameter(Name=PASSWORD, WithDecryption=True)["Parameter"]
        assert (stored["Type"], stored["Value"]) == ("SecureString", "hunter2")
        assert f"{PASSWORD} is set" in lines
        assert "hunter2" not in "".join(lines)

    def test_stay_after_an_empty_answer_and_are_deleted_on_request(self, client: Account) -> None:
        answering(client, {"WATTTIME_PASSWORD": "one"})
        answering(client, {})
        stored = client("ssm").get_parameter(Name=PASSWORD, WithDecryption=True)["Parameter"]
        assert stored["Value"] == "one"
        answering(client, {"WATTTIME_PASSWORD": "-"})
        assert client("ssm").get_parameters(Names=[PASSWORD])["Parameters"] == []

    def test_are_left_unchanged_with_a_message_when_there_is_no_input(
        self, client: Account, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def nobody(_: str) -> str:
            raise EOFError

        monkeypatch.setattr(getpass, "getpass", nobody)
        monkeypatch.setattr(sys, "argv", ["operations", "secrets", "--stage", "dev"])
        assert main() == 1
        assert "the input ended" in capsys.readouterr().err

    def test_are_those_that_the_templates_functions_read(self) -> None:
        parameters = yaml_parse((ROOT / "template.yaml").read_text())["Parameters"].values()
        named = {
            parameter["Description"].rpartition("<prefix>/")[2].rstrip(".")
            for parameter in parameters
            if parameter.get("NoEcho")
        }
        assert named == {f"{p}/{name}" for p, row in COLLECTORS.items() for name in row.own_secrets}


class TestTheWorkersKey:
    def test_is_made_beside_the_old_key_before_the_old_key_is_retired(
        self, client: Account
    ) -> None:
        old = new_worker_key("dev", client)
        new = new_worker_key("dev", client)
        with pytest.raises(OperationError, match="two keys"):
            new_worker_key("dev", client)
        lines = list(retire_worker_keys("dev", client))
        assert lines == [
            f"deleted {old['AWS_ACCESS_KEY_ID']}",
            f"kept {new['AWS_ACCESS_KEY_ID']}",
        ]

    def test_needs_a_stage_that_is_deployed(self, client: Account) -> None:
        with pytest.raises(OperationError, match="deploy the stage first"):
            new_worker_key("prod", client)


class TestWithoutARegion:
    @pytest.mark.parametrize(
        "words", ["secrets", "worker-key", "retire-worker-keys", "destroy --yes"]
    )
    def test_nothing_is_done_and_one_line_says_why(
        self, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # The session remembers a Region.
        monkeypatch.setattr(sys, "argv", ["operations", *words.split(), "--stage", "dev"])
        assert main() == 1
        assert capsys.readouterr().err in (
            "greenstream: You must specify a region.\n",
            "greenstream: Region: set AWS_DEFAULT_REGION, for example to eu-west-1\n",
        )


class TestAStageThatDoesNotExist:
    @pytest.mark.parametrize("target", ["deploy", "secrets", "destroy"])
    def test_is_refused_before_anything_is_made(self, target: str) -> None:
        planned = subprocess.run(
            ["make", "--no-print-directory", "--dry-run", target, "STAGE=prd"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (planned.returncode, planned.stdout) == (2, "")
        assert "STAGE is dev or prod" in planned.stderr


class TestTheDestructionOfAStage:
    def test_leaves_no_key_no_stack_and_no_secret(self, client: Account) -> None:
        answering(client, {"WATTTIME_PASSWORD": "one"})
        new_worker_key("dev", client)
        lines = list(destroy("dev", client))
        assert "deleted the stack greenstream-dev" in lines
        assert client("iam").list_access_keys(UserName="caller")["AccessKeyMetadata"] == []
        uploads = client("s3").list_objects_v2(Bucket="uploads")["Contents"]
        assert [upload["Key"] for upload in uploads] == ["another-stack/code"]
        assert client("ssm").describe_parameters()["Parameters"] == []

    def test_says_that_the_stage_does_not_exist(self, client: Account) -> None:
        assert next(iter(destroy("prod", client))) == "there is no stack greenstream-prod"

    def test_leaves_a_protected_table_and_says_so(self, client: Account) -> None:
        client.cloudformation.stuck = ("ReadingsTable",)
        lines = list(destroy("dev", client))
        assert any(line.startswith("kept the table the-ReadingsTable") for line in lines)
        assert client.cloudformation.deletions == [[], ["ReadingsTable"]]

    def test_forces_no_other_resource_that_cannot_be_deleted(self, client: Account) -> None:
        client.cloudformation.stuck = ("ReadingsTable", "Monitoring")
        with pytest.raises(OperationError, match="Monitoring: because"):
            list(destroy("dev", client))
        assert client.cloudformation.deletions == [[]]
