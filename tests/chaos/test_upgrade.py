"""Rolling deployments: code reads and writes beside items of later code.

``items_v2.json`` has an item of each kind as schema 2 defines them, and never changes. The old code
comes from the repository's own history. Nothing of schema 1 was ever deployed.
"""

import copy
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from moto import mock_aws

from greenstream.aws.attributes import Item
from greenstream.aws.dynamo_policies import DynamoPolicies
from greenstream.aws.dynamo_store import DynamoStore
from greenstream.aws.packed_items import pack, unpack
from greenstream.aws.packed_rows import Document
from tests.chaos import one_version
from tests.chaos.one_version import (
    EVERYTHING,
    FORECAST,
    HOUR,
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
BEFORE = "0eeee3b"
"""The first version that writes items of schema 2."""


def items_of(path: Path) -> list[Item]:
    """Return the items of a file, in which binary data is written in hexadecimal digits."""
    items: list[Item] = json.loads(path.read_text())
    for item in items:
        if "data" in item:
            item["data"] = {"B": bytes.fromhex(item["data"]["B"])}
    return items


GOLDEN = items_of(Path(__file__).with_name("items_v2.json"))
CURRENT = [item for item in GOLDEN if item["pk"]["S"] == "CURRENT"]
PACKED = [item for item in CURRENT if "data" in item]
LEFT_ALONE = PACKED + [
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


def stated(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an item with its document in place of the compressed data, whose bytes may differ."""
    if "data" not in item:
        return item
    return {**item, "data": unpack(item), "checksum": None}


def changed(item: Item, change: Callable[[Document], object]) -> Item:
    """Return a packed item whose document was changed, as later code may write it."""
    document = unpack(item)
    change(document)
    key = {"pk": item["pk"], "sk": item["sk"]}
    return pack(key, document, int(item["version"]["N"]))


def later(item: Item) -> Item:
    """Return an item of a later schema."""
    return copy.deepcopy(item) | {"schema": {"N": "3"}, "added_later": {"S": "and needed"}}


# --- items of schema 2 --------------------------------------------------------------------------


def test_there_is_a_golden_item_of_each_kind() -> None:
    kinds = {f"{item['pk']['S']} {item['sk']['S']}".split("#")[0] for item in GOLDEN}
    assert kinds == {
        "CURRENT BOARD",
        "CURRENT POLICY",
        "CURRENT PROFILE",
        "FORECAST",
        "HISTORY",
        "LATENCY LHR",
        "LATENCY SJC",
        "POLICY tuned-7",
        "SPARE BOARD",
    }


def test_items_of_schema_2_are_read_completely(table: Table) -> None:
    table.hold(*GOLDEN)
    seen = table.store.snapshot()
    assert seen.readings == (replace(EVERYTHING, detail={}), PLAIN)
    assert seen.providers == (STATUS,)
    assert seen.policy == POLICY
    assert seen.damaged == ()
    assert tuple(table.store.profiles(range(24))) == (PROFILE,)
    for reading in (PLAIN, EVERYTHING):
        span = {"since": T0 - HOUR, "until": T0}
        history = table.store.history(reading.zone, reading.provider, reading.kind, **span)
        assert history == (reading,)
    assert table.store.forecasts("GBR-13") == (FORECAST,)
    assert [path.rtt_ms for path in table.store.latencies()] == [3.8, 12.3]
    assert [version.policy for version in table.policies.versions()] == [POLICY]


def test_this_code_writes_items_of_schema_2(table: Table) -> None:
    one_version.write(table.store, table.policies)
    written = {key: stated(item) for key, item in table.items().items()}
    assert written == {key_of(item): stated(item) for item in GOLDEN}


# --- what later versions may add ---------------------------------------------------------------


def test_attributes_that_later_code_adds_are_ignored(table: Table) -> None:
    table.hold(*GOLDEN)
    expected = table.read()
    added = {"added_later": {"M": {"figures": {"L": [{"N": "1"}]}}}, "schema": {"N": "2"}}
    table.hold(*(item | added for item in GOLDEN))
    assert table.read() == expected


def test_members_and_columns_that_later_code_adds_are_ignored(table: Table) -> None:
    table.hold(*GOLDEN)
    expected = table.read()
    table.hold(*(changed(item, lambda document: document.update(added=1)) for item in PACKED))
    assert table.read() == expected
    table.hold(*(changed(item, _with_column) for item in PACKED))
    assert table.read() == expected


def _with_column(document: Document) -> None:
    document["added"] = {"later": [1, 2]}
    length = len(document["columns"]["k"])
    document["columns"]["new"] = [{"row": number} for number in range(length)]


def test_what_later_code_adds_stays_in_the_rows_that_this_code_does_not_change(
    table: Table,
) -> None:
    """A board and an hour of two zones, of which this code changes one."""
    other = replace(PLAIN, zone="GBR-1", provider_zone="1")
    of_other = replace(PROFILE, zone="GBR-1")
    one_version.record(table.store, [PLAIN, other], [PROFILE, of_other], [STATUS])
    for key in ("CURRENT BOARD#eso", "CURRENT PROFILE#08#eso"):
        table.hold(changed(table.items()[key], _with_column))
    table.store = DynamoStore(table.client, table.name, clock=lambda: T0)
    one_version.revise(table.store)
    for key in ("CURRENT BOARD#eso", "CURRENT PROFILE#08#eso"):
        document = unpack(table.items()[key])
        assert document["added"] == {"later": [1, 2]}
        assert document["columns"]["z"] == ["GBR-1", "GBR-13"]
        assert document["columns"]["new"] == [{"row": 0}, None]


def test_readings_of_an_unknown_kind_are_named_left_out_and_kept(table: Table) -> None:
    other = replace(PLAIN, zone="GBR-1", provider_zone="1")
    one_version.record(table.store, [PLAIN, other])

    def of_later_code(document: Document) -> None:
        [names] = document["kinds"]
        document["kinds"].append([*names[:3], "guessed"])
        document["columns"]["k"][0] = 1

    table.hold(changed(table.items()["CURRENT BOARD#eso"], of_later_code))
    seen = table.store.snapshot()
    assert seen.readings == (PLAIN,)
    assert seen.damaged == ("BOARD#eso (1 readings)",)
    one_version.record(table.store, [revised(PLAIN)])
    kept = unpack(table.items()["CURRENT BOARD#eso"])
    assert [names[3] for names in kept["kinds"]] == ["guessed", "forecast"]


# --- items of a later schema -------------------------------------------------------------------


@pytest.mark.parametrize("golden", CURRENT, ids=key_of)
def test_an_item_of_a_later_schema_is_named_as_damaged_and_affects_no_other(
    table: Table, golden: Item
) -> None:
    spares = [item for item in GOLDEN if item["pk"]["S"] == "SPARE"]
    table.hold(*(item for item in GOLDEN if item not in spares), later(golden))
    seen, profiles = table.store.snapshot(), table.store.profiles(range(24))
    sk = golden["sk"]["S"]
    assert seen.damaged + profiles.damaged == (f"{sk} (schema 3)",)
    assert len(seen.boards) == 2 - sk.startswith("BOARD")
    assert [len(profile.hours) for profile in profiles] == [2 - sk.startswith("PROFILE")]
    assert (seen.policy is None) is (sk == "POLICY")


def test_a_board_of_a_later_schema_leaves_the_last_good_one_in_use(table: Table) -> None:
    table.hold(*GOLDEN)
    before = table.store.snapshot()
    [board] = [item for item in CURRENT if item["sk"]["S"] == "BOARD#eso"]
    table.hold(later(board))
    seen = table.store.snapshot()
    assert seen.readings == before.readings
    assert seen.damaged == ("BOARD#eso (schema 3)",)


def test_a_route_names_the_item_of_a_later_schema_in_its_degraded_reason(table: Table) -> None:
    [board] = [item for item in CURRENT if item["sk"]["S"] == "BOARD#eso"]
    table.hold(*(item for item in GOLDEN if item["pk"]["S"] != "SPARE"), later(board))
    answer = Client(table.store, clock=SetClock(T0)).ask("/v1/route", "pops=lon,ams")
    assert answer.status == 200
    assert "BOARD#eso (schema 3)" in answer.body["degraded_reason"]
    rungs = {candidate["zone"]: candidate["rung"] for candidate in answer.body["candidates"]}
    assert rungs["GBR-13"] not in ("live", "stale")
    assert rungs["ENTSOE_NL"] == "live_partial"


OUTSIDE = [item for item in GOLDEN if item["pk"]["S"] not in ("CURRENT", "SPARE")]


@pytest.mark.parametrize("golden", OUTSIDE, ids=key_of)
def test_items_of_a_later_schema_outside_current_are_skipped_and_logged(
    table: Table, golden: Item, caplog: pytest.LogCaptureFixture
) -> None:
    table.hold(*GOLDEN)
    whole = table.read()
    table.hold(later(golden))
    assert len(table.read()) == len(whole) - 1
    assert f"the item {key_of(golden)} is damaged" in caplog.text
    assert "schema 3" in caplog.text


@pytest.mark.parametrize("golden", LEFT_ALONE, ids=key_of)
def test_an_item_of_a_later_schema_is_left_unchanged_and_logged(
    table: Table, golden: Item, caplog: pytest.LogCaptureFixture
) -> None:
    table.hold(*GOLDEN, later(golden))
    one_version.revise(table.store)
    changed_later = {
        "CURRENT BOARD#entsoe",
        "CURRENT BOARD#eso",
        "CURRENT PROFILE#08#eso",
        *(key_of(item) for item in GOLDEN if item["pk"]["S"].startswith(("HISTORY", "LATENCY"))),
    }
    assert table.items()[key_of(golden)] == later(golden)
    if key_of(golden) in changed_later:
        assert f"the item {key_of(golden)} has the newer schema 3" in caplog.text


def test_readings_are_still_stored_in_the_history_beside_a_board_of_a_later_schema(
    table: Table,
) -> None:
    [board] = [item for item in CURRENT if item["sk"]["S"] == "BOARD#eso"]
    table.hold(*GOLDEN, later(board))
    newer = replace(PLAIN, valid_from=T0, valid_to=T0 + HOUR / 2, fetched_at=T0)
    one_version.record(table.store, [newer])
    span = {"since": T0, "until": T0 + HOUR}
    assert table.store.history("GBR-13", "eso", PLAIN.kind, **span) == (newer,)


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
    return without_new_fields(done.stdout)


def without_new_fields(text: str) -> str:
    """Return what a version has read without the fields that the earlier version does not have."""
    new = r"factor_set='\w+'|as_published_gco2_kwh=[\w.]+|scope=<RankedScope\.\w+: '\w+'>"
    return re.sub(rf", ({new})", "", text)


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
    written = [run(path, "read", endpoint, name) for path in package.values()]
    assert written[0] == written[1]
    run(package[second], "revise", endpoint, name)
    taken_over = [run(path, "read", endpoint, name) for path in package.values()]
    assert taken_over[0] == taken_over[1] != written[0]
    assert "damaged: ()" in taken_over[0]
    assert without_new_fields(repr(revised(EVERYTHING))) in taken_over[0]
