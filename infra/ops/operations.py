"""What an operator does to a deployed stage besides deploying it: its secrets, its key, its end.

Everything goes to the account, Region and endpoint that the AWS environment variables name.
"""

import argparse
import getpass
import json
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    "watttime": ("WATTTIME_USERNAME", "WATTTIME_PASSWORD"),
    "entsoe": ("ENTSOE_API_KEY",),
    "electricitymaps": ("ELECTRICITYMAPS_TOKEN",),
    "gridstatus": ("PJM_API_KEY",),
}
REMOVE: Final = "-"
SAM_STACK: Final = "aws-sam-cli-managed-default"
TABLE: Final = "ReadingsTable"
MOST_KEYS: Final = 2
"""Access keys that a user may have (IAM quotas)."""

ClientOf = Callable[[str], Any]
"""Makes a client of a service, as ``boto3.client`` does."""

Ask = Callable[[str], str]
"""Puts a question and returns the answer."""


class OperationError(Exception):
    """What was asked for cannot be done; the message says why and what to do."""


def stack_name(stage: str) -> str:
    """Return the name under which ``samconfig.toml`` deploys a stage."""
    return f"greenstream-{stage}"


def secrets(stage: str, client: ClientOf, ask: Ask) -> Iterable[str]:
    """Ask for each provider's secrets and store what is given; yield what was done, never what.

    An empty answer keeps what is there, ``-`` removes it. A provider without its secret is
    unconfigured, which is no error.
    """
    ssm = client("ssm")
    for provider, names in SECRETS.items():
        for name in names:
            path = f"/greenstream/{stage}/{provider}/{name}"
            found = ssm.get_parameters(Names=[path], WithDecryption=False)["Parameters"]
            now = f"set on {found[0]['LastModifiedDate']:%Y-%m-%d}" if found else "not set"
            answer = ask(f"{name} ({now}; Enter keeps it, {REMOVE} removes it): ").strip()
            if answer == REMOVE:
                if found:
                    ssm.delete_parameter(Name=path)
                yield f"{path} is not set"
            elif answer:
                ssm.put_parameter(Name=path, Value=answer, Type="SecureString", Overwrite=True)
                yield f"{path} is set"
            else:
                yield f"{path} stays as it was ({now})"


def new_worker_key(stage: str, client: ClientOf) -> dict[str, str]:
    """Make another access key for the Worker's user, beside the one in use.

    Raises
    ------
    OperationError
        When the stage has no such user, or two keys already.
    """
    iam, user = client("iam"), _caller(stage, client)
    if len(iam.list_access_keys(UserName=user)["AccessKeyMetadata"]) >= MOST_KEYS:
        raise OperationError(
            f"{user} has two keys, the most there can be: retire the old one first"
        )
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def retire_worker_keys(stage: str, client: ClientOf) -> Iterable[str]:
    """Delete all keys of the Worker's user but the newest.

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
    """Delete all that a stage has in an account; yield what went and what stays.

    Raises
    ------
    OperationError
        When CloudFormation cannot delete something that nothing protects.
    """
    name = stack_name(stage)
    outputs = _outputs(name, client)
    if outputs is None:
        yield f"there is no stack {name}"
    else:
        if user := outputs.get("RouterCallerName"):
            yield from _delete_keys(user, client)  # a user with keys cannot be deleted
        yield from _delete_stack(name, client)
    yield from _delete_secrets(stage, client)
    yield from _delete_artifacts(name, client)


def _caller(stage: str, client: ClientOf) -> str:
    outputs = _outputs(stack_name(stage), client)
    if outputs is None or "RouterCallerName" not in outputs:
        raise OperationError(f"{stack_name(stage)} has no user for the Worker: deploy it first")
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
            reasons = [f"{each}: {r.get('ResourceStatusReason')}" for each, r in stuck.items()]
            raise OperationError(f"{name} is not deleted: {'; '.join(reasons)}") from error
        cloudformation.delete_stack(StackName=name, RetainResources=[TABLE])
        deleted.wait(StackName=name)
        kept = stuck[TABLE]["PhysicalResourceId"]
        yield f"kept the table {kept}: deletion protection holds it (RUNBOOK, The end of a stage)"
    yield f"deleted the stack {name}"


def _delete_secrets(stage: str, client: ClientOf) -> Iterable[str]:
    ssm = client("ssm")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path=f"/greenstream/{stage}/", Recursive=True
    )
    for path in [each["Name"] for page in pages for each in page["Parameters"]]:
        ssm.delete_parameter(Name=path)
        yield f"deleted the secret {path}"


def _delete_artifacts(prefix: str, client: ClientOf) -> Iterable[str]:
    """Delete what `sam deploy` uploaded for the stage; its bucket is shared with other stacks."""
    bucket = (_outputs(SAM_STACK, client) or {}).get("SourceBucket")
    if bucket is None:
        return
    s3 = client("s3")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=f"{prefix}/")
    count = 0
    for page in pages:
        there = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        for each in there:
            s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
        count += len(there)
    yield f"deleted {count} uploads; the bucket {bucket} stays, all SAM stacks share it"


def main() -> int:
    """Read the command line, do it, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("do", choices=("secrets", "worker-key", "retire-worker-keys", "destroy"))
    parser.add_argument("--stage", required=True)
    parser.add_argument("--yes", action="store_true", help="destroy without asking")
    arguments = parser.parse_args()
    try:
        _do(arguments.do, arguments.stage, yes=arguments.yes)
    except (OperationError, ClientError, BotoCoreError) as error:
        print(f"greenstream: {error}", file=sys.stderr)
        return 1
    except EOFError:
        print("\ngreenstream: no more answers; what was done so far stays done", file=sys.stderr)
        return 1
    return 0


def _do(what: str, stage: str, *, yes: bool) -> None:
    client: ClientOf = boto3.client  # type: ignore[assignment] # its overloads name every service
    if what == "worker-key":
        if sys.stdout.isatty():
            raise OperationError("a key is not for the screen: pipe it, as the RUNBOOK shows")
        print(json.dumps(new_worker_key(stage, client)))
        return
    if (
        what == "destroy"
        and not yes
        and input(f"Type {stack_name(stage)} to delete it: ") != (stack_name(stage))
    ):
        raise OperationError("nothing was deleted")
    told = {
        "secrets": lambda: secrets(stage, client, getpass.getpass),
        "retire-worker-keys": lambda: retire_worker_keys(stage, client),
        "destroy": lambda: destroy(stage, client),
    }[what]()
    for line in told:
        print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
