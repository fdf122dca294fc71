"""The emulated AWS enforces the template's policies on the table, their conditions included."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.dynamodb import Credentials, DynamoDb, Endpoint
from greenstream.domain.policy import Policy
from greenstream.ports.store import ProviderState, ProviderStatus, StoreError
from infra.local.emulator import Emulator
from infra.local.guard import leading_keys
from tests.builders import NOW, a_reading
from tests.integration.conftest import make_table
from tests.integration.engines import emulated_aws
from tests.storing import put_reading, put_status
from tests.template.conftest import expanded

REGION, TABLE = "eu-west-1", "readings"
ClientOf = Callable[[str], DynamoDb]


@pytest.fixture(scope="module")
def client_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientOf]:
    """Return a function that makes a client with the rights of a function of the stack."""
    template = expanded()
    with emulated_aws(tmp_path_factory.mktemp("emulator"), iam=True) as emulator:
        make_table(aws(emulator, "dynamodb"), TABLE)
        iam = aws(emulator, "iam")

        def client(function: str) -> DynamoDb:
            policies = template.the(f"{function.title()}FunctionRole")["Policies"]
            statements = [
                statement | {"Resource": "*"}
                for policy in policies
                for statement in policy["PolicyDocument"]["Statement"]
                if "dynamodb" in json.dumps(statement["Action"])
            ]
            iam.create_user(UserName=function)
            document = {"Version": "2012-10-17", "Statement": statements}
            iam.put_user_policy(
                UserName=function, PolicyName="table", PolicyDocument=json.dumps(document)
            )
            key = iam.create_access_key(UserName=function)["AccessKey"]
            credentials = Credentials(key["AccessKeyId"], key["SecretAccessKey"])
            return DynamoDb(Endpoint(emulator.endpoint_url, REGION), lambda: credentials)

        yield client


def aws(emulator: Emulator, service: Any) -> Any:
    return boto3.client(
        service,
        endpoint_url=emulator.endpoint_url,
        region_name=REGION,
        aws_access_key_id=emulator.access_key_id,
        aws_secret_access_key=emulator.secret_access_key,
        config=Config(proxies={}, retries={"total_max_attempts": 1}),
    )


def test_a_collector_writes_its_own_data_and_no_others(client_of: ClientOf) -> None:
    client = client_of("entsoe")
    store = DynamoStore(client, TABLE, clock=lambda: NOW)
    put_reading(store, a_reading(zone="ENTSOE_NL", provider="entsoe"))
    put_status(store, ProviderStatus(provider="entsoe", state=ProviderState.OK, last_run_at=NOW))
    assert [reading.provider for reading in store.snapshot().readings] == ["entsoe"]
    with pytest.raises(StoreError, match="AccessDenied"):
        put_reading(store, a_reading(zone="GBR", provider="eso"))
    with pytest.raises(StoreError, match="AccessDenied"):
        DynamoPolicies(client, TABLE).write(Policy(version="false"), {}, NOW)
    with pytest.raises(StoreError, match="AccessDenied"):
        store.record_latency("LHR", "lon", [10.0], NOW)


def test_the_router_writes_round_trips_and_no_reading(client_of: ClientOf) -> None:
    store = DynamoStore(client_of("router"), TABLE, clock=lambda: NOW)
    assert store.record_latency("LHR", "lon", [10.0], NOW)
    with pytest.raises(StoreError, match="AccessDenied"):
        put_reading(store, a_reading(zone="GBR", provider="eso"))


@pytest.mark.parametrize(
    ("request_of", "keys"),
    [
        ({"Item": {"pk": {"S": "CURRENT"}, "sk": {"S": "x"}}}, ["CURRENT"]),
        ({"Key": {"pk": {"S": "POLICY"}, "sk": {"S": "x"}}}, ["POLICY"]),
        (
            {
                "KeyConditionExpression": "pk = :pk AND sk = :sk",
                "ExpressionAttributeValues": {":pk": {"S": "SPARE"}, ":sk": {"S": "CURRENT"}},
            },
            ["SPARE"],
        ),
        ({"KeyConditionExpression": "sk = :pk", "ExpressionAttributeValues": {}}, None),
        ({"Key": {"id": {"S": "POLICY"}}}, None),
        ({"TableName": "readings"}, None),
        ([], None),
    ],
)
def test_the_leading_key_of_a_request_is_its_partition_key(
    request_of: object, keys: list[str] | None
) -> None:
    found = leading_keys(json.dumps(request_of).encode())
    assert found == ({} if keys is None else {"dynamodb:LeadingKeys": keys})
