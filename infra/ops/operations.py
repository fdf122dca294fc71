"""Stores the secrets of a deployed stage, changes the key of its Worker, and deletes a stage.

Every call goes to the account, Region and endpoint that the AWS environment variables name.
"""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from infra.ops import doctor
from infra.registry import COLLECTORS

REMOVE: Final = "-"
"""The answer that deletes a stored secret."""

SAM_STACK: Final = "aws-sam-cli-managed-default"
TABLE: Final = "ReadingsTable"
MOST_KEYS: Final = 2
"""The most access keys that a user may have (IAM quotas)."""

ClientOf = Callable[[str], Any]
"""A function that returns the client of a service, as ``boto3.client`` does."""

Ask = Callable[[str], str]
"""A function that shows a question and returns the answer."""


class OperationError(Exception):
    """An operation cannot be done; the message says why and what to do."""


def stack_name(stage: str) -> str:
    """Return the name under which ``samconfig.toml`` deploys a stage."""
    return f"greenstream-{stage}"


def secrets(stage: str, client: ClientOf, ask: Ask) -> Iterable[str]:
    """Ask for the secrets of each provider and store the answers.

    An empty answer keeps the stored secret, and ``-`` deletes it. A provider without its secret is
    unconfigured, which is not an error.

    Yields
    ------
    str
        For each secret its path and what was done, never its value.
    """
    ssm = client("ssm")
    for provider, row in COLLECTORS.items():
        for name in row.own_secrets:
            path = f"/greenstream/{stage}/{provider}/{name}"
            stored = ssm.get_parameters(Names=[path], WithDecryption=False)["Parameters"]
            now = f"set on {stored[0]['LastModifiedDate']:%Y-%m-%d}" if stored else "not set"
            answer = ask(f"{name} ({now}; Enter keeps it, {REMOVE} deletes it): ").strip()
            if answer == REMOVE:
                if stored:
                    ssm.delete_parameter(Name=path)
                yield f"{path} is not set"
            elif answer:
                ssm.put_parameter(Name=path, Value=answer, Type="SecureString", Overwrite=True)
                yield f"{path} is set"
            else:
                yield f"{path} is unchanged ({now})"


def new_worker_key(stage: str, client: ClientOf) -> dict[str, str]:
    """Create an access key for the Worker's user, who keeps the key in use as well.

    Returns
    -------
    dict
        The key, by the names of the environment variables that the Worker reads.

    Raises
    ------
    OperationError
        When the stage has no such user, or the user has two keys already.
    """
    iam, user = client("iam"), _caller(stage, client)
    if len(iam.list_access_keys(UserName=user)["AccessKeyMetadata"]) >= MOST_KEYS:
        raise OperationError(
            f"{user} has two keys, and IAM allows no third one: delete the old key first with "
            "`retire-worker-keys`"
        )
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def retire_worker_keys(stage: str, client: ClientOf) -> Iterable[str]:
    """Delete every access key of the Worker's user except the newest, and yield what was done.

    Raises
    ------
    OperationError
        When the stage has no such user.
    """
    iam, user = client("iam"), _caller(stage, client)
    keys = iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    by_age = sorted(keys, key=lambda key: key["CreateDate"])
    for key in by_age[:-1]:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        yield f"deleted {key['AccessKeyId']}"
    yield from (f"kept {key['AccessKeyId']}" for key in by_age[-1:])


def destroy(stage: str, client: ClientOf) -> Iterable[str]:
    """Delete everything that a stage has in an account; yield what was deleted and what was kept.

    Raises
    ------
    OperationError
        When CloudFormation cannot delete a resource other than the protected table.
    """
    name = stack_name(stage)
    outputs = _outputs(name, client)
    if outputs is None:
        yield f"there is no stack {name}"
    else:
        if user := outputs.get("RouterCallerName"):
            yield from _delete_keys(user, client)  # IAM does not delete a user who has keys
        yield from _delete_stack(name, client)
    yield from _delete_secrets(stage, client)
    yield from _delete_artifacts(name, client)


def _caller(stage: str, client: ClientOf) -> str:
    outputs = _outputs(stack_name(stage), client)
    if outputs is None or "RouterCallerName" not in outputs:
        raise OperationError(
            f"{stack_name(stage)} has no user for the Worker: deploy the stage first"
        )
    return outputs["RouterCallerName"]


def _outputs(name: str, client: ClientOf) -> dict[str, str] | None:
    try:
        answer = client("cloudformation").describe_stacks(StackName=name)
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    return {o["OutputKey"]: o["OutputValue"] for o in answer["Stacks"][0].get("Outputs", [])}


def _delete_keys(user: str, client: ClientOf) -> Iterable[str]:
    iam = client("iam")
    for key in iam.list_access_keys(UserName=user)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])
        yield f"deleted the Worker's key {key['AccessKeyId']}"


def _delete_stack(name: str, client: ClientOf) -> Iterable[str]:
    cloudformation = client("cloudformation")
    deleted = cloudformation.get_waiter("stack_delete_complete")
    cloudformation.delete_stack(StackName=name)
    try:
        deleted.wait(StackName=name)
    except WaiterError as error:
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        stuck = {
            r["LogicalResourceId"]: r for r in resources if r["ResourceStatus"] == "DELETE_FAILED"
        }
        if set(stuck) != {TABLE}:
            reasons = [f"{id_}: {r.get('ResourceStatusReason')}" for id_, r in stuck.items()]
            raise OperationError(f"{name} was not deleted: {'; '.join(reasons)}") from error
        cloudformation.delete_stack(StackName=name, RetainResources=[TABLE])
        deleted.wait(StackName=name)
        kept = stuck[TABLE]["PhysicalResourceId"]
        yield f"kept the table {kept}, which has deletion protection (see the RUNBOOK)"
    yield f"deleted the stack {name}"


def _delete_secrets(stage: str, client: ClientOf) -> Iterable[str]:
    ssm = client("ssm")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path=f"/greenstream/{stage}/", Recursive=True
    )
    for path in [secret["Name"] for page in pages for secret in page["Parameters"]]:
        ssm.delete_parameter(Name=path)
        yield f"deleted the secret {path}"


def _delete_artifacts(prefix: str, client: ClientOf) -> Iterable[str]:
    """Delete what `sam deploy` uploaded for the stage, and keep the bucket of all SAM stacks."""
    bucket = (_outputs(SAM_STACK, client) or {}).get("SourceBucket")
    if bucket is None:
        return
    s3 = client("s3")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    count = 0
    for page in pages:
        uploads = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        for upload in uploads:
            s3.delete_object(Bucket=bucket, Key=upload["Key"], VersionId=upload["VersionId"])
        count += len(uploads)
    yield f"deleted {count} uploads and kept the bucket {bucket}, which all SAM stacks share"


def main() -> int:
    """Run the operation that the command line names, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "operation", choices=("secrets", "worker-key", "retire-worker-keys", "destroy")
    )
    parser.add_argument("--stage", required=True, help="dev or prod")
    parser.add_argument("--yes", action="store_true", help="destroy without asking first")
    arguments = parser.parse_args()
    try:
        _run(arguments.operation, arguments.stage, yes=arguments.yes)
    except (OperationError, ClientError, BotoCoreError) as error:
        print(f"greenstream: {error}", file=sys.stderr)
        return 1
    except EOFError:
        print("\ngreenstream: the input ended; earlier answers are stored", file=sys.stderr)
        return 1
    return 0


def _name_account() -> None:
    """Print whose account is meant, before anybody is asked anything.

    Raises
    ------
    OperationError
        When there are no credentials or no Region, or AWS does not accept them.
    """
    for check in doctor.account(os.environ, boto3.Session()):
        if check.state is doctor.State.MISSING:
            raise OperationError(f"{check.name}: {check.text}")
        print(f"{check.name} {check.text}", flush=True)


def _run(operation: str, stage: str, *, yes: bool) -> None:
    client: ClientOf = boto3.client  # type: ignore[assignment] # its overloads name every service
    if operation == "worker-key":
        if sys.stdout.isatty():
            raise OperationError("a key is never shown: pipe the output, as the RUNBOOK shows")
        print(json.dumps(new_worker_key(stage, client)))
        return
    if operation in ("destroy", "secrets"):
        _name_account()
    if (
        operation == "destroy"
        and not yes
        and input(f"Type {stack_name(stage)} to delete it: ") != (stack_name(stage))
    ):
        raise OperationError("nothing was deleted, since the name did not match")
    report = {
        "secrets": lambda: secrets(stage, client, getpass.getpass),
        "retire-worker-keys": lambda: retire_worker_keys(stage, client),
        "destroy": lambda: destroy(stage, client),
    }[operation]()
    for line in report:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
