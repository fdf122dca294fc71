"""Fixtures for the engines on which the store must behave in the same way."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from moto import mock_aws

from tests.integration import engines
from tests.table_client import MotoClient, TableClient


@pytest.fixture(scope="module", params=["moto", "dynoxide", "ministack"])
def client(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TableClient]:
    """Yield the project's own client; the environment sets its endpoint, as in a deployment."""
    name: str = request.param
    if name == "moto":
        with mock_aws(), pytest.MonkeyPatch.context() as patch:
            patch.setattr("greenstream.cli.policy.dynamodb_client", MotoClient)
            yield MotoClient()
        return
    serve = {"dynoxide": engines.dynoxide, "ministack": engines.ministack}[name]
    with serve(tmp_path_factory.mktemp(name)) as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_DYNAMODB", address)
        client = TableClient()
        yield client
        client.close()


@pytest.fixture
def table_name(client: TableClient) -> Iterator[str]:
    """Yield the name of an empty table that has the keys of the template."""
    name = f"readings-{uuid4().hex}"
    make_table(client, name)
    yield name
    client.delete_table(TableName=name)


def make_table(client: TableClient, name: str) -> None:
    """Make a table that has the keys of the template."""
    client.create_table(
        TableName=name,
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
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1})
