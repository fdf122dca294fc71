"""One fault of each provider on the deployed function: the built template on the local stack."""

import json
import time
from collections.abc import Iterator

import httpx
import pytest

from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from greenstream.domain.reading import Reading
from infra.local.stack import Stack
from infra.registry import COLLECTORS
from tests.chaos.conftest import WHOLE
from tests.chaos.faulty import upstreams
from tests.ending import a_local_stack

SUITE = "fault matrix, deployed"
COLLECTED_WITHIN_S = 150
pytestmark = pytest.mark.skipif(not WHOLE, reason="it deploys a stack: only in `make chaos`")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with a_local_stack(tmp_path_factory.mktemp("stack")) as local:
        yield local.up(upstream="simulated", auth="none")


@pytest.fixture(autouse=True)
def _healthy_upstreams(stack: Stack) -> Iterator[None]:
    """End the faults of a test: a function of several feeds fails where all of them are faulty."""
    yield
    httpx.delete(f"{stack.upstream_url}/faults", trust_env=False).raise_for_status()


def newest_of(stack: Stack, provider: str) -> list[Reading]:
    """Return the provider's newest readings as they are stored."""
    store = DynamoStore(stack.client("dynamodb"), stack.table, clock=utc_now)
    return [reading for reading in store.snapshot().readings if reading.provider == provider]


@pytest.mark.parametrize("provider", COLLECTORS)
def test_the_deployed_function_names_its_failure_and_leaves_stored_readings_unchanged(
    provider: str, stack: Stack
) -> None:
    function = stack.functions[COLLECTORS[provider].function]
    ends_at = time.monotonic() + COLLECTED_WITHIN_S
    while not newest_of(stack, provider) and time.monotonic() < ends_at:
        stack.client("lambda").invoke(FunctionName=function)  # Flows need several runs.
        time.sleep(10)
    for upstream in upstreams(provider):
        fault = {"provider": upstream, "fault": "status", "status": 500}
        answer = httpx.post(f"{stack.upstream_url}/faults", json=fault, trust_env=False)
        assert answer.status_code == 201
    before = newest_of(stack, provider)
    assert before
    answer = stack.client("lambda").invoke(FunctionName=function)
    said = json.loads(answer["Payload"].read())
    if provider in ("electricitymaps", "energycharts") and "FunctionError" not in answer:
        assert said["errors"] or said["skipped"], "only zones without a live source are asked"
    elif COLLECTORS[provider].runs_in:
        assert "FunctionError" not in answer, "the other feeds of the function are collected"
        assert "HTTP 500" in said[provider]["error"]
    else:
        assert "FunctionError" in answer
        assert "HTTP 500" in said["errorMessage"] or "500 Server Error" in said["errorMessage"]
    assert newest_of(stack, provider) == before
