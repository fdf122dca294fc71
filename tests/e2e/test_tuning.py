"""The tuner and the report on the deployed stack: with little history, with weeks, rolled back."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.domain.clock import utc_now
from greenstream.domain.policy import Policy
from infra.local.deploying import ROOT
from infra.local.replay_cli import DATASETS
from infra.local.stack import LocalStack, Stack
from tests.e2e import past_weeks
from tests.e2e.test_local_stack import until
from tests.ending import a_local_stack

pytestmark = pytest.mark.operations

TUNER_TIMEOUT_S = 360
"""The timeout that the template gives the function."""

VISITS = 100
LEAST_HOURS = 5 * 28 * 24
REPORTED_WITHIN_S = 120  # the router reports once a minute, with its next answer


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with a_local_stack(tmp_path_factory.mktemp("tuning")) as local:
        local.up(upstream="simulated", auth="none")
        yield local


@pytest.fixture(scope="module")
def stack(local: LocalStack) -> Stack:
    stack = local.running()
    assert stack is not None
    return stack


def greenstream(local: LocalStack, *arguments: str) -> str:
    """Run the console command and return what it prints."""
    command = [sys.executable, "-m", "greenstream.cli.main", "--state-dir", str(local.state_dir)]
    ran = subprocess.run(
        [*command, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_table_with_too_little_history_is_not_tuned_and_the_reason_is_logged(
    local: LocalStack, stack: Stack
) -> None:
    told = stack.invoke("tuner")

    assert not told["adopted"]
    assert "the history is too short: 0 grids have readings over 14 days" in told["why"]
    assert "no policy is stored" in greenstream(local, "policy", "list")


def test_a_month_of_history_is_searched_and_routers_decide_by_the_resulting_policy(
    local: LocalStack, stack: Stack
) -> None:
    now, carbon = utc_now(), DATASETS / "carbon"
    if carbon.is_dir():
        values = past_weeks.measured(carbon, now)
    else:
        print("NO REAL TRACES: the month is made up, since shared/datasets is not beside")
        values = past_weeks.made_up
    store = DynamoStore(stack.dynamodb(), stack.table, clock=utc_now)
    assert past_weeks.put(store, past_weeks.readings(now, 29, values)) > LEAST_HOURS

    began = time.monotonic()
    told = stack.invoke("tuner")
    print(f"{time.monotonic() - began:.0f} s of {TUNER_TIMEOUT_S}: {told}")

    listed = greenstream(local, "policy", "list")
    assert "less carbon on unseen weeks" in told["why"] or "nothing better" in told["why"]
    assert ("* " in listed and f"{told['version']}  {told['why']}" in listed) == told["adopted"]
    # This first request starts a router, which answers with the policy that it has just read.
    assert stack.get("/v1/policy")["version"] == told["version"]


def test_one_command_restores_the_previous_policy(local: LocalStack, stack: Stack) -> None:
    policies = DynamoPolicies(stack.dynamodb(), stack.table)
    policies.write(Policy(), {}, utc_now())
    policies.write(Policy(version="bold-1", switch_margin=0.0), {"why": "a try"}, utc_now())
    policies.enforce("bold-1")
    assert json.loads(greenstream(local, "policy", "show"))["policy"]["version"] == "bold-1"

    greenstream(local, "policy", "revert", Policy().version)

    in_force = json.loads(greenstream(local, "policy", "show"))["policy"]
    assert in_force["switch_margin"] == Policy().switch_margin
    shown = json.loads(greenstream(local, "policy", "show", "bold-1"))
    assert (shown["in_force"], shown["evidence"]) == (False, {"why": "a try"})


def test_the_report_gives_the_carbon_intensity_that_the_visits_received(
    local: LocalStack, stack: Stack
) -> None:
    route = "/v1/route?pops=sfo,iad,nyc,lon&lat=40.7&lon=-74&max_latency_ms=150"
    for _ in range(VISITS):
        stack.get(route)

    def told() -> dict[str, Any] | None:
        stack.get(route)
        total = json.loads(greenstream(local, "report", "--days", "7", "--json"))
        return total if total["requests"] >= VISITS else None

    total = until("the router's telling of the visits", told, REPORTED_WITHIN_S)
    text = " ".join(greenstream(local, "report", "--days", "7").split())

    assert total["simulated"]
    assert total["decisions"] >= VISITS
    assert total["delivered_gco2_kwh"] < total["nearest_gco2_kwh"]
    for words in (
        "SIMULATED data: no figure here is real",
        f"{total['requests']:,} requests in the last 7 days.",
        f"{total['decisions']:,} decisions had observed figures of one kind for every baseline:",
        f"best static {total['best_static_gco2_kwh']:.1f} g/kWh",
        "The figures are attributional and location-based",
        "for the energy used at the chosen POP",
        f"the mean round trip was longer by {total['added_rtt_ms']:.1f} ms",
    ):
        assert words in text
