"""Policies on each engine: they are stored once with their evidence, enforced and reverted."""

import argparse
from datetime import timedelta

import pytest

from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.cli import policy
from greenstream.cli.errors import CommandError
from greenstream.domain.policy import FreshnessModel, Policy, RankingSignal
from greenstream.ports.policy_log import UnknownVersionError
from tests.router_client import Client
from tests.store_contract import T0
from tests.table_client import TableClient

DEFAULT = Policy()
TUNED = Policy(
    version="tuned-20261122T020000",
    max_latency_ms=100.0,
    latency_price_gco2_kwh_ms=0.0125,
    switch_margin=0.02,
    penalty_slope_gco2_kwh_min=0.25,
    ranking_signal=RankingSignal.AVERAGE,
    freshness_model=FreshnessModel.DRIFT,
    capacity={"sfo": 2.5},
    log_every=7,
)


def in_force(client: TableClient, table_name: str) -> Policy | None:
    """Return the policy that a router sees which starts now."""
    return DynamoStore(client, table_name, clock=lambda: T0).snapshot().policy


@pytest.fixture
def policies(client: TableClient, table_name: str) -> DynamoPolicies:
    log = DynamoPolicies(client, table_name)
    log.write(DEFAULT, {}, T0)
    log.write(TUNED, {"gain": 0.0125, "folds": [{"cut_s": 1}]}, T0 + timedelta(days=1))
    return log


def test_a_version_is_stored_completely_with_its_evidence(policies: DynamoPolicies) -> None:
    first, second = policies.versions()

    assert (first.policy, second.policy) == (DEFAULT, TUNED)
    assert second.written_at == T0 + timedelta(days=1)
    assert second.evidence == {"gain": 0.0125, "folds": [{"cut_s": 1}]}


def test_writing_a_version_does_not_put_it_in_force(
    policies: DynamoPolicies, client: TableClient, table_name: str
) -> None:
    assert in_force(client, table_name) is None


def test_the_router_uses_the_version_in_force_also_after_a_revert(
    policies: DynamoPolicies, client: TableClient, table_name: str
) -> None:
    policies.enforce(TUNED.version)
    assert in_force(client, table_name) == TUNED

    policies.enforce(DEFAULT.version)
    assert in_force(client, table_name) == DEFAULT


def test_a_stored_version_cannot_be_replaced(policies: DynamoPolicies) -> None:
    policies.write(Policy(version=TUNED.version), {}, T0 + timedelta(days=2))

    assert policies.versions()[1].policy == TUNED


def test_an_unknown_version_changes_nothing_and_the_error_names_the_stored_ones(
    policies: DynamoPolicies, client: TableClient, table_name: str
) -> None:
    policies.enforce(TUNED.version)
    with pytest.raises(UnknownVersionError, match=f"{DEFAULT.version}, {TUNED.version}"):
        policies.enforce("tuned-1")

    assert in_force(client, table_name) == TUNED


def policy_command(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    policy.add_to(parser.add_subparsers())
    parsed = parser.parse_args(["policy", *arguments])
    return int(parsed.do(parsed))


def test_the_commands_list_the_versions_and_revert_to_one(
    policies: DynamoPolicies,
    client: TableClient,
    table_name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    policies.enforce(TUNED.version)

    assert policy_command("list", "--table", table_name) == 0
    assert "tuned-20261122T020000" in capsys.readouterr().out
    assert policy_command("revert", "--table", table_name, DEFAULT.version) == 0
    assert in_force(client, table_name) == DEFAULT
    with pytest.raises(CommandError, match="tuned-1 is not a stored version"):
        policy_command("revert", "--table", table_name, "tuned-1")


def test_numbers_of_an_operator_come_into_force_and_can_be_reverted(
    client: TableClient, table_name: str
) -> None:
    wish = ("max_latency_ms=100", "freshness_model=drift", "capacity.sfo=2", "log_every=1")
    assert policy_command("set", "--table", table_name, "ours-1", *wish, "--why", "far users") == 0

    assert in_force(client, table_name) == Policy(
        version="ours-1",
        max_latency_ms=100.0,
        freshness_model=FreshnessModel.DRIFT,
        capacity={"sfo": 2.0},
        log_every=1,
    )
    stored = {
        entry.policy.version: entry for entry in DynamoPolicies(client, table_name).versions()
    }
    assert stored["ours-1"].evidence == {"why": "far users", "set": list(wish)}
    assert policy_command("revert", "--table", table_name, DEFAULT.version) == 0
    assert in_force(client, table_name) == DEFAULT


def test_a_running_router_uses_what_was_set_at_its_next_read(
    client: TableClient,
    table_name: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    router = Client(DynamoStore(client, table_name, clock=lambda: T0))
    assert router.ask("/v1/policy").body["version"] == DEFAULT.version
    monkeypatch.setattr(policy, "sleep", router.clock.forward)

    wish = ("ours-1", "max_latency_ms=100", "--why", "far users")
    assert policy_command("set", "--table", table_name, *wish) == 0
    assert "within 6 s" in capsys.readouterr().out
    assert router.ask("/v1/policy").body["version"] == DEFAULT.version

    router.clock.forward(5)
    assert router.ask("/v1/policy").body["version"] == "ours-1"
    assert policy_command("revert", "--now", "--table", table_name, DEFAULT.version) == 0
    assert "every router that reaches the table uses it now" in capsys.readouterr().out
    assert router.ask("/v1/policy").body["version"] == DEFAULT.version


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("max_latency=100", "no max_latency"),
        ("version=ours-2", "no version"),
        ("capacity.nowhere=2", "no capacity.nowhere"),
        ("capacity.sfo=0", "capacity of sfo"),
        ("max_latency_ms=-1", "max_latency_ms must be"),
        ("max_latency_ms=nan", "max_latency_ms must be"),
        ("max_latency_ms=", "max_latency_ms="),
        ("ranking_signal=greenest", "greenest"),
    ],
)
def test_invalid_numbers_change_nothing(
    client: TableClient, table_name: str, setting: str, said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        policy_command("set", "--table", table_name, "ours-1", setting, "--why", "a slip")

    assert in_force(client, table_name) is None
    assert DynamoPolicies(client, table_name).versions() == ()


def test_a_stored_version_cannot_be_set_again(
    policies: DynamoPolicies, client: TableClient, table_name: str
) -> None:
    with pytest.raises(CommandError, match="a version never changes"):
        policy_command("set", "--table", table_name, TUNED.version, "log_every=1", "--why", "x")

    assert in_force(client, table_name) is None
