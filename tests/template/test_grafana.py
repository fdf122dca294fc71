"""The Grafana dashboard asks only for families and labels that ``/metrics`` gives."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from greenstream.ports.store import ProviderState, ProviderStatus
from tests.builders import NOW
from tests.fakes.memory_store import MemoryStore
from tests.metrics import samples_of
from tests.recorded_world import WORLDS
from tests.router_client import Client, a_reading_of
from tests.storing import put_reading, put_status

DASHBOARD: Final[dict[str, Any]] = json.loads(Path("infra/docs/grafana.json").read_text())
PANELS: Final[list[dict[str, Any]]] = DASHBOARD["panels"]
WORDS: Final = {"sum", "by", "on", "time", "label_values"}


def expressions() -> Iterator[tuple[str, str]]:
    """Yield each expression of PromQL with the text of its legend."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"], ""


@pytest.fixture(scope="module")
def labels_by_family() -> dict[str, set[str]]:
    """Return the families of a store with live, failed and contradicting sources."""
    store = MemoryStore()
    failed = ProviderStatus(
        provider="eso",
        state=ProviderState.FAILED,
        last_run_at=NOW,
        last_success_at=NOW,
        rejected={"contradiction": 1},
    )
    put_status(store, failed)
    put_reading(store, a_reading_of("GBR", 10))
    put_reading(store, a_reading_of("GBR", 400, source=1))
    worlds = [make() for make in WORLDS.values()] + [Client(store)]
    families: dict[str, set[str]] = {}
    for client in worlds:
        for family, labels in samples_of(client.ask("/metrics").text).labels_by_family().items():
            families.setdefault(family, set()).update(labels)
    return families


@pytest.mark.parametrize(("expression", "legend"), list(expressions()))
def test_an_expression_names_what_metrics_gives(
    labels_by_family: dict[str, set[str]], expression: str, legend: str
) -> None:
    names = set(re.findall(r"[a-z_][a-z0-9_]*", re.sub(r'"[^"]*"', "", expression))) - WORDS
    families = {name for name in names if name.startswith("greenstream_")}
    known = set.union(*[labels_by_family[family] for family in families])

    assert families
    assert names - families <= known
    assert set(re.findall(r"{{(\w+)}}", legend)) <= known


def test_every_panel_has_its_own_id_a_place_and_the_datasource_variable() -> None:
    source = {"type": "prometheus", "uid": "${DS_PROMETHEUS}"}
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    assert {"name": "DS_PROMETHEUS", "type": "datasource", "query": "prometheus"}.items() <= (
        DASHBOARD["templating"]["list"][0].items()
    )
    cells: set[tuple[int, int]] = set()
    for panel in PANELS:
        assert panel["datasource"] == source
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {source["uid"]}
        at = panel["gridPos"]
        own = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert cells.isdisjoint(own)
        assert max(x for x, _ in own) < 24
        cells |= own
        assert panel["title"]
        assert panel["description"].endswith(".")
