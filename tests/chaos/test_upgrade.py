"""Rolling deployments: the old and the new code read each other's items.

``items_v1.json`` has an item of each kind as schema 1 defines them, and never changes. The old code
comes from the repository's own history.
"""

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from moto import mock_aws

from greenstream.aws.attributes import Item
from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.ports.store import PutOutcome, Snapshot
from tests.chaos import one_version
from tests.chaos.one_version import (
    EVERYTHING,
    FORECAST,
    HOUR,
    KIND,
    PLAIN,
    POLICY,
    PROFILE,
    STATUS,
    T0,
    revised,
)
from tests.integration import engines
from tests.integration.conftest import make_table
from tests.router_client import Client, SetClock
from tests.table_client import MotoClient, TableClient

SUITE = "upgrade"
ROOT = Path(__file__).resolve().parents[2]
GOLDEN: list[Item] = json.loads(Path(__file__).with_name("items_v1.json").read_text())
BEFORE = "995d41a"
"""The last version whose history stored only an interval's latest figures."""

CURRENT = [item for item in GOLDEN if item["pk"]["S"] == "CURRENT"]
LEFT_ALONE = [item for item in GOLDEN if item["sk"]["S"].startswith(("PROFILE", "PROVIDER"))] + [
    item for item in GOLDEN if item["pk"]["S"].startswith(("HISTORY", "LATENCY"))
]


def key_of(item: Mapping[str, Any]) -> str:
    return f"{item['pk']['S']} {item['sk']['S']}"


@pytest.fixture(scope="module")
def client() -> Iterator[TableClient]:
    with mock_aws():
        yield MotoClient()


class Table:
    """A table whose items a test can set, with the store and the policies on it."""

    def __init__(self, client: TableClient, name: str) -> None:
        self.client = client
        self.name = name
        self.store = DynamoStore(client, name, clock=lambda: T0)
        self.policies = DynamoPolicies(client, name)

    def hold(self, *held: Item) -> None:
        for item in held:
            self.client.put_item(TableName=self.name, Item=item)

    def items(self) -> dict[str, Any]:
        rows = self.client.scan(TableName=self.name)["Items"]
        return {key_of(item): item for item in rows}

    def read(self) -> list[str]:
        self.store = DynamoStore(self.client, self.name, clock=lambda: T0)
        return one_version.read(self.store, self.policies)


@pytest.fixture
def table(client: TableClient) -> Table:
    name = uuid4().hex
    make_table(client, name)
    return Table(client, name)


ADDED_TO_POLICIES = (
    "split_margin",
    "tie_share",
    "tie_gco2_kwh",
    "penalty_cap_doubts",
    "max_stale_profile_s",
)
"""Fields that were added to policies since schema 1; a policy without them has the defaults."""


# --- items of schema 1 --------------------------------------------------------------------------


def test_there_is_a_golden_item_of_each_kind() -> None:
    kinds = {f"{item['pk']['S']} {item['sk']['S']}".split("#")[0] for item in GOLDEN}
    assert kinds == {
        "CURRENT POLICY",
        "CURRENT PROFILE",
        "CURRENT PROVIDER",
        "CURRENT READING",
        "FORECAST",
        "HISTORY",
        "LATENCY LHR",
        "LATENCY SJC",
        "POLICY tuned-7",
    }


def test_items_of_schema_1_are_read_completely(table: Table) -> None:
    table.hold(*GOLDEN)
    seen = table.store.snapshot()
    bare = replace(EVERYTHING, detail={})
    assert seen == Snapshot(
        readings=(bare, PLAIN), profiles=(PROFILE,), providers=(STATUS,), policy=POLICY
    )
    for reading in (PLAIN, EVERYTHING):
        span = {"since": T0 - HOUR, "until": T0}
        history = table.store.history(reading.zone, reading.provider, reading.kind, **span)
        assert history == (reading,)
    assert table.store.forecasts("GBR-13") == (FORECAST,)
    assert [path.rtt_ms for path in table.store.latencies()] == [3.8, 12.3]
    assert [version.policy for version in table.policies.versions()] == [POLICY]


def test_this_code_writes_items_of_schema_1(table: Table) -> None:
    one_version.write(table.store, table.policies)
    written = table.items()
    for key in ("CURRENT POLICY", "POLICY tuned-7"):
        added = {name: written[key].pop(name) for name in ADDED_TO_POLICIES}
        assert all("N" in value for value in added.values())
    assert written == {key_of(item): item for item in GOLDEN}


# --- what later versions may add ---------------------------------------------------------------


def test_attributes_that_later_code_adds_are_ignored(table: Table) -> None:
    table.hold(*GOLDEN)
    expected = table.read()
    later = {"added_later": {"M": {"figures": {"L": [{"N": "1"}]}}}, "schema": {"N": "1"}}
    table.hold(*(item | later for item in GOLDEN))
    assert table.read() == expected


@pytest.mark.parametrize("golden", CURRENT, ids=key_of)
def test_an_item_of_a_later_schema_is_named_as_damaged_and_affects_no_other(
    table: Table, golden: Item
) -> None:
    table.hold(*GOLDEN, golden | {"schema": {"N": "2"}})
    seen = table.store.snapshot()
    assert seen.damaged == (f"{golden['sk']['S']} (schema 2)",)
    decoded = [
        *seen.readings,
        *seen.profiles,
        *seen.providers,
        *([seen.policy] if seen.policy else []),
    ]
    assert len(decoded) == len(CURRENT) - 1


def test_a_route_names_the_item_of_a_later_schema_in_its_degraded_reason(table: Table) -> None:
    [later] = [item for item in CURRENT if item["sk"]["S"].startswith("READING#GBR-13")]
    table.hold(*GOLDEN, later | {"schema": {"N": "2"}, "gco2_kwh": {"S": "another shape"}})
    answer = Client(table.store, clock=SetClock(T0)).ask("/v1/route", "pops=lon,ams")
    assert answer.status == 200
    assert "READING#GBR-13#eso#average#direct (schema 2)" in answer.body["degraded_reason"]
    rungs = {candidate["zone"]: candidate["rung"] for candidate in answer.body["candidates"]}
    assert rungs["GBR-13"] not in ("live", "stale")
    assert rungs["ENTSOE_NL"] == "live_partial"


@pytest.mark.parametrize("golden", [item for item in GOLDEN if item not in CURRENT], ids=key_of)
def test_items_of_a_later_schema_outside_current_are_skipped_and_logged(
    table: Table, golden: Item, caplog: pytest.LogCaptureFixture
) -> None:
    table.hold(*GOLDEN)
    whole = table.read()
    table.hold(golden | {"schema": {"N": "2"}})
    assert len(table.read()) == len(whole) - 1
    assert f"the item {key_of(golden)} is damaged" in caplog.text
    assert "schema 2" in caplog.text


@pytest.mark.parametrize("golden", LEFT_ALONE, ids=key_of)
def test_an_item_of_a_later_schema_is_left_unchanged_and_logged(
    table: Table, golden: Item, caplog: pytest.LogCaptureFixture
) -> None:
    later = copy.deepcopy(golden) | {"schema": {"N": "2"}, "added_later": {"S": "and needed"}}
    table.hold(*GOLDEN, later)
    one_version.revise(table.store)
    assert table.items()[key_of(later)] == later
    assert f"the item {key_of(later)} has the newer schema 2" in caplog.text


def test_a_newer_reading_replaces_a_whole_reading_of_a_later_schema(table: Table) -> None:
    """After a rollback, CURRENT must get new readings, and no attribute of the later schema."""
    [golden] = [item for item in CURRENT if item["sk"]["S"].startswith("READING#GBR-13")]
    table.hold(golden | {"schema": {"N": "2"}, "added_later": {"S": "x"}})
    newer = replace(PLAIN, valid_from=T0, valid_to=T0 + HOUR / 2, fetched_at=T0)
    assert table.store.put_reading(PLAIN).outcome is not PutOutcome.STORED
    assert table.items()[key_of(golden)]["schema"] == {"N": "2"}
    assert table.store.put_reading(newer).outcome is PutOutcome.STORED
    assert table.items()[key_of(golden)].keys() == golden.keys()
    assert table.store.snapshot().readings == (newer,)


# --- the previous version of the code ----------------------------------------------------------


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the package of the earlier version, from the repository's own history."""
    asked = ["git", "archive", "--format=tar", BEFORE, "layers/greenstream/greenstream"]
    archive = subprocess.run(asked, cwd=ROOT, capture_output=True, check=False)
    if archive.returncode:
        pytest.skip(f"OLD CODE NOT TRIED: {BEFORE} is not in this clone's history")
    folder = tmp_path_factory.mktemp("before")
    subprocess.run(["tar", "-x"], cwd=folder, input=archive.stdout, check=True)
    return folder / "layers/greenstream"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with engines.dynoxide(tmp_path_factory.mktemp("dynoxide")) as address:
        yield address


def run(package: Path, what: str, endpoint: str, table_name: str) -> str:
    """Run a version of the code on the table in a process of its own."""
    done = subprocess.run(
        [sys.executable, one_version.__file__, what, table_name],
        env=os.environ | {"PYTHONPATH": str(package), "AWS_ENDPOINT_URL_DYNAMODB": endpoint},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("turns", ["old,new", "new,old"])
def test_the_old_and_the_new_code_read_what_both_wrote(
    before: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch, turns: str
) -> None:
    package = {"old": before, "new": ROOT / "layers/greenstream"}
    first, second = turns.split(",")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    client, name = TableClient(), uuid4().hex
    make_table(client, name)

    run(package[first], "write", endpoint, name)
    written = [known_to_both(run(path, "read", endpoint, name)) for path in package.values()]
    assert written[0] == written[1]
    run(package[second], "revise", endpoint, name)
    taken_over = [known_to_both(run(path, "read", endpoint, name)) for path in package.values()]
    assert taken_over[0] == taken_over[1] != written[0]
    assert "damaged: ()" in taken_over[0]
    assert repr(revised(EVERYTHING)) in taken_over[0]


def known_to_both(text: str) -> str:
    """Return the text without the fields that the older version does not know."""
    added = "|".join(("days", *ADDED_TO_POLICIES))
    return re.sub(rf", (?:{added})=[^,)]+", "", text)


def test_only_the_versions_that_the_old_code_superseded_are_lost(
    before: Path, endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """During a deployment an interval may lose its versions; the new code then starts over."""
    new = ROOT / "layers/greenstream"
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint)
    client, name = TableClient(), uuid4().hex
    make_table(client, name)
    run(new, "write", endpoint, name)
    run(before, "revise", endpoint, name)
    store = DynamoStore(client, name, clock=lambda: T0)
    again = replace(revised(PLAIN), gco2_kwh=50.0, gco2_low=50.0, gco2_high=50.0)
    store.put_reading(replace(again, fetched_at=again.fetched_at + HOUR))
    versions = store.versions("GBR-13", "eso", KIND, since=T0 - HOUR, until=T0)
    assert [version.gco2_kwh for version in versions] == [124.0, 50.0]
