"""Runs a function's real handler under one fault after another and prints everything it leaves.

It is started as ``python -m tests.integration.run_handler <provider> <upstream>…``, and the
environment has its settings. The output includes logs, metrics, answers, errors and the table's
items: everything that somebody could read.
"""

import importlib
import json
import logging
import os
import sys
import traceback
import zlib
from dataclasses import dataclass

import boto3
import httpx
from boto3.dynamodb.types import Binary
from moto import mock_aws

PREFIX = "/greenstream/test"
FAULTS: tuple[dict[str, object], ...] = (
    {},
    {"fault": "echo", "status": 200},
    {"fault": "echo", "status": 400},
    {"fault": "echo", "status": 401},
    {"fault": "echo", "status": 403},
    {"fault": "echo", "status": 404},
    {"fault": "status", "status": 401},
    {"fault": "status", "status": 429, "headers": {"Retry-After": "0"}},
    {"fault": "status", "status": 503, "headers": {"Retry-After": "0"}},
    {"fault": "html"},
    {"fault": "garbage"},
    {"fault": "truncate"},
    {"fault": "reset"},
)


@dataclass
class Context:
    """The context that Lambda passes to a handler."""

    function_name: str = "under-test"
    memory_limit_in_mb: int = 1769  # the largest of the template's
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:under-test"
    aws_request_id: str = "00000000-0000-0000-0000-000000000000"

    def get_remaining_time_in_millis(self) -> int:
        return 40_000


def main(provider: str, upstreams: list[str]) -> None:
    logging.basicConfig(level=logging.INFO)
    for name in ("httpx", "httpcore", "urllib3", "gridstatus", "requests"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    control = f"{os.environ['SIMULATOR']}/faults"
    with mock_aws():
        table = boto3.resource("dynamodb").create_table(
            TableName=os.environ["TABLE_NAME"],
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        for name, value in json.loads(os.environ.pop("SECRETS_TO_STORE")).items():
            boto3.client("ssm").put_parameter(
                Name=f"{PREFIX}/{provider}/{name}", Value=value, Type="SecureString"
            )
        handler = importlib.import_module(f"functions.{provider}.app").handler
        for fault in FAULTS:
            for upstream in upstreams if fault else ():
                httpx.post(control, json=fault | {"provider": upstream}, trust_env=False)
            print(f"== {fault}", flush=True)
            try:
                print("answer", json.dumps(handler({}, Context())))
            except Exception:  # noqa: BLE001 - Lambda logs whatever a handler raises
                traceback.print_exc(file=sys.stdout)
            httpx.delete(control, trust_env=False)
        for item in table.scan()["Items"]:
            print("item", item)
            if isinstance(packed := item.get("data"), Binary):
                print("holds", zlib.decompress(packed.value).decode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
