"""One fault of each provider on the deployed function: the built template on the local stack."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from infra.local.stack import LocalStack, Stack
from infra.registry import COLLECTORS
from tests.chaos.conftest import WHOLE
from tests.chaos.faulty import upstreams

SUITE = "fault matrix, deployed"
pytestmark = pytest.mark.skipif(not WHOLE, reason="it deploys a stack: only in `make chaos`")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    local = LocalStack(tmp_path_factory.mktemp("stack"))
    try:
        yield local.up(upstream="simulated", auth="none")
    finally:
        local.down()


def newest_of(stack: Stack, provider: str) -> dict[str, Any]:
    """Return the provider's current readings as they are stored."""
    pages = (
        stack.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=stack.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": "CURRENT"}},
        )
    )
    items = [item for page in pages for item in page["Items"]]
    return {
        item["sk"]["S"]: item
        for item in items
        if item["sk"]["S"].startswith("READING#") and item["sk"]["S"].split("#")[2] == provider
    }


@pytest.mark.parametrize("provider", COLLECTORS)
def test_the_deployed_function_names_its_failure_and_leaves_stored_readings_unchanged(
    provider: str, stack: Stack
) -> None:
    for upstream in upstreams(provider):
        fault = {"provider": upstream, "fault": "status", "status": 500}
        answer = httpx.post(f"{stack.upstream_url}/faults", json=fault, trust_env=False)
        assert answer.status_code == 201
    before = newest_of(stack, provider)
    assert before
    answer = stack.client("lambda").invoke(FunctionName=stack.functions[provider])
    said = json.loads(answer["Payload"].read())
    if provider == "electricitymaps" and "FunctionError" not in answer:
        assert said["errors"] or said["skipped"], "only zones without a live source are asked"
    else:
        assert "FunctionError" in answer
        assert "HTTP 500" in said["errorMessage"] or "500 Server Error" in said["errorMessage"]
    assert newest_of(stack, provider) == before
