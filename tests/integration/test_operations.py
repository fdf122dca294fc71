"""Secrets, the Worker's key and the end of a stage, on an account in memory."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import WaiterError
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse

from infra.operations import (
    SECRETS,
    OperationError,
    destroy,
    new_worker_key,
    retire_worker_keys,
    secrets,
)
from tests.template.conftest import ROOT

STACK = """
Resources:
  RouterCaller: {Type: "AWS::IAM::User", Properties: {UserName: caller}}
Outputs:
  RouterCallerName: {Value: {Ref: RouterCaller}}
"""
PASSWORD = "/greenstream/dev/watttime/WATTTIME_PASSWORD"


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    with mock_aws():
        boto3.client("cloudformation").create_stack(StackName="greenstream-dev", TemplateBody=STACK)
        yield


def client(service: str) -> Any:
    return boto3.client(service)  # type: ignore[call-overload]


def answering(answers: dict[str, str]) -> list[str]:
    def ask(question: str) -> str:
        return next((a for name, a in answers.items() if question.startswith(f"{name} ")), "")

    return list(secrets("dev", client, ask))


class TestSecrets:
    def test_are_stored_encrypted_and_never_shown(self) -> None:
        told = answering({"WATTTIME_PASSWORD": " hunter2 "})
        stored = client("ssm").get_parameter(Name=PASSWORD, WithDecryption=True)["Parameter"]
        assert (stored["Type"], stored["Value"]) == ("SecureString", "hunter2")
        assert f"{PASSWORD} is set" in told
        assert "hunter2" not in "".join(told)

    def test_stay_where_nothing_is_answered_and_go_where_asked(self) -> None:
        answering({"WATTTIME_PASSWORD": "one"})
        answering({})
        stored = client("ssm").get_parameter(Name=PASSWORD, WithDecryption=True)["Parameter"]
        assert stored["Value"] == "one"
        answering({"WATTTIME_PASSWORD": "-"})
        assert client("ssm").get_parameters(Names=[PASSWORD])["Parameters"] == []

    def test_are_those_that_the_template_says_functions_read(self) -> None:
        parameters = yaml_parse((ROOT / "template.yaml").read_text())["Parameters"].values()
        named = {
            each["Description"].rpartition("<prefix>/")[2].rstrip(".")
            for each in parameters
            if each.get("NoEcho")
        }
        assert named == {f"{p}/{name}" for p, names in SECRETS.items() for name in names}


class TestTheWorkersKey:
    def test_is_made_beside_the_one_in_use_and_the_old_one_retired(self) -> None:
        old = new_worker_key("dev", client)
        new = new_worker_key("dev", client)
        with pytest.raises(OperationError, match="two keys"):
            new_worker_key("dev", client)
        told = list(retire_worker_keys("dev", client))
        assert told == [
            f"deleted {old['AWS_ACCESS_KEY_ID']}",
            f"kept {new['AWS_ACCESS_KEY_ID']}",
        ]

    def test_needs_a_stage_that_is_deployed(self) -> None:
        with pytest.raises(OperationError, match="deploy it first"):
            new_worker_key("prod", client)


class TestTheEnd:
    def test_leaves_no_key_no_stack_and_no_secret(self) -> None:
        answering({"WATTTIME_PASSWORD": "one"})
        new_worker_key("dev", client)
        told = list(destroy("dev", client))
        assert "deleted the stack greenstream-dev" in told
        assert client("iam").list_users()["Users"] == []
        assert client("ssm").describe_parameters()["Parameters"] == []

    def test_of_a_stage_that_is_not_there_is_said(self) -> None:
        assert list(destroy("prod", client)) == ["there is no stack greenstream-prod"]

    def test_keeps_the_table_that_is_protected_and_says_so(self) -> None:
        protected = ProtectedStack({"ReadingsTable"})
        told = list(destroy("dev", lambda s: protected if s == "cloudformation" else client(s)))
        assert any(line.startswith("kept the table the-ReadingsTable") for line in told)
        assert protected.retained == [None, ["ReadingsTable"]]

    def test_forces_nothing_else_that_cannot_be_deleted(self) -> None:
        protected = ProtectedStack({"ReadingsTable", "Monitoring"})
        with pytest.raises(OperationError, match="Monitoring: because"):
            list(destroy("dev", lambda s: protected if s == "cloudformation" else client(s)))
        assert protected.retained == [None]


class ProtectedStack:
    """CloudFormation with a stack of which some resources cannot be deleted."""

    def __init__(self, stuck: set[str]) -> None:
        self.stuck = stuck
        self.retained: list[list[str] | None] = []

    def describe_stacks(self, StackName: str) -> dict[str, Any]:
        outputs = [{"OutputKey": "SourceBucket", "OutputValue": "uploads"}]
        client("s3").create_bucket(
            Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        ) if StackName.startswith("aws-sam") else None
        return {"Stacks": [{"Outputs": outputs}]}

    def delete_stack(self, StackName: str, RetainResources: list[str] | None = None) -> None:
        self.retained.append(RetainResources)

    def get_waiter(self, name: str) -> "ProtectedStack":
        assert name == "stack_delete_complete"
        return self

    def wait(self, StackName: str) -> None:
        if self.retained[-1] is None:
            raise WaiterError("stack_delete_complete", "DELETE_FAILED", {})

    def describe_stack_resources(self, StackName: str) -> dict[str, Any]:
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
